"""Pictures between two frames: mixed, or moved along motion vectors."""

from __future__ import annotations

from torch import Tensor

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import faded
from rotonodes.imaging.temporal.motion import Positions, displaced, follow, own_positions, sample
from rotonodes.imaging.temporal.vector_pass import motion_vectors
from rotonodes.values.pixels import Image

_ROUNDS = 3  # of looking up the vector at the place that the last vector pointed to


def blended(before: Image, after: Image, share: float) -> Image:
    """`before` mixed with `after`, both on the box around their data windows. Raises FrameError for another size or other channels."""
    one, other = _alike(before, after)
    return one.with_data(faded(one.data, other.data, one.data.new_tensor(share)))


def moved(pictures: tuple[Image, Image], motion: tuple[Image, Image], share: float) -> Image:
    """The picture at `share` of the way from the first to the second, both moved along their vectors.

    `motion` has a Vector pass for each. Each is mixed in by how near in time it is and by the trust in its vectors there: those of the
    two frames must cancel out. Where a surface is hidden in one frame, the other one is taken alone.

    Raises FrameError for pictures or vectors of another size, or vectors without X Y Z W.
    """
    one, other = (picture.on_frame() for picture in _alike(*pictures))
    for name, picture in zip(("before", "after"), motion, strict=True):
        if picture.size != one.size:
            sizes = f"{picture.width} x {picture.height}, the picture {one.width} x {one.height}"
            raise FrameError(f"motion: the frame {name} is {sizes}: crop and reformat both alike")
    first, second = (motion_vectors(picture.on_frame().to(one.device)) for picture in motion)
    first, second = first.nan_to_num(0), second.nan_to_num(0)
    own = own_positions(one.data)
    there = _source(first, own, share, 1), _source(second, own, 1 - share, -1)
    _, trust_one = follow(sample(first, there[0]), second, 1, there[0])
    _, trust_other = follow(sample(second, there[1]), first, -1, there[1])
    # A thousandth of each stays, so that the nearer one shows where neither is trusted.
    weights = (1 - share) * (trust_one + 1e-3), share * (trust_other + 1e-3)
    mixed = faded(sample(one.data, there[0]), sample(other.data, there[1]), (weights[1] / (weights[0] + weights[1]))[None])
    return one.with_data(mixed)


def _source(vectors: Tensor, own: Positions, share: float, step: int) -> Positions:
    """The place in a frame from which what is now at `own` came, `share` of the way along its vector (to the next frame, or the last)."""
    there = own
    for _ in range(_ROUNDS):
        to = displaced(sample(vectors, there), step, there)
        there = Positions(own.x - share * (to.x - there.x), own.y - share * (to.y - there.y))
    return there


def _alike(before: Image, after: Image) -> tuple[Image, Image]:
    if before.size != after.size or before.channels != after.channels:
        named = [f"{p.width} x {p.height} {' '.join(p.channels)}" for p in (before, after)]
        raise FrameError(
            f"image: two frames are mixed that differ, {named[0]} and {named[1]}: they must have one size and the same channels"
        )
    box = before.box.union(after.box)
    return before.on(box), after.to(before.device).on(box)
