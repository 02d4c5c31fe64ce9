"""The colour of a shape carried on beyond its edge."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from rotonodes.imaging.mattes.nearest import nearest_of
from rotonodes.imaging.picture.blurring import gaussian
from rotonodes.imaging.picture.compositing import matte_on, with_colors
from rotonodes.values.color import unpremultiply
from rotonodes.values.pixels import Box, Image, Matte


def extended(image: Image, matte: Matte | None, distance: float, inside: float, soften: float, opaque: bool) -> Image:
    """The picture with the colour of its shape carried on by `distance` px; the node EdgeExtend explains the parameters.

    An opaque picture without a matte stays as it is. Raises FrameError for a matte of another size.
    """
    if image.alpha is None and matte is None:
        return image
    grown = image.box if not opaque else _grown(image, math.ceil(distance))
    image = image.on(grown)
    alpha = image.alpha if image.alpha is not None else torch.ones_like(image.data[:1])
    shape = alpha if matte is None else matte_on(matte.to(image.device), image.size, image.box)
    color = image.color if image.alpha is None else unpremultiply(image.color, alpha)
    own = (shape >= inside)[0]
    known = own & color.isfinite().all(0)
    if not known.any() or known.all():
        return image
    filled, reached = _filled(color, known, own, distance, soften)
    if opaque:
        return with_colors(image, torch.where(reached, filled, 0.0), reached.to(alpha.dtype))
    made = torch.where(reached & ~own, filled * alpha, image.color)
    return with_colors(image, made)


def _filled(color: Tensor, known: Tensor, own: Tensor, distance: float, soften: float) -> tuple[Tensor, Tensor]:
    """Straight colours `[C, H, W]`, those outside the shape (`own`) from the nearest known pixel; and where there are such `[1, H, W]`."""
    places = np.flatnonzero(known.cpu().numpy())
    nearest = nearest_of(places, tuple(known.shape), max(distance, 1e-3))
    reached = torch.from_numpy(nearest.within(distance)).to(color.device)
    wanted = np.flatnonzero((reached & ~own).cpu().numpy())
    number, _ = nearest.of(wanted)
    filled = color.flatten(1).clone()
    filled[:, torch.from_numpy(wanted).to(color.device)] = filled[:, torch.from_numpy(places[number]).to(color.device)]
    filled = filled.view(color.shape)
    if soften > 0:
        there = reached.to(color.dtype)[None]
        share = gaussian(there, soften, soften)
        smooth = gaussian(filled.where(reached, 0.0), soften, soften) / share.clamp(min=1e-6)
        filled = torch.where(reached & ~own, smooth, filled)
    return filled, reached[None]


def _grown(image: Image, reach: int) -> Box:
    """The data window with room for the colours, within the frame."""
    frame, box = Box(0, 0, *image.size), image.box
    return (
        box.union(Box(box.left - reach, box.top - reach, box.right + reach, box.bottom + reach).intersect(frame))
        if _meets(box, frame)
        else box
    )


def _meets(one: Box, other: Box) -> bool:
    both = one.intersect(other)
    return both.width > 0 and both.height > 0
