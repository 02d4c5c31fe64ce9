"""Colour conversions of OpenColorIO configs. A plan asks for their files: torch is imported where pixels are converted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from rotonodes.errors import FrameError, RotoError, UsageError, did_you_mean
from rotonodes.extras import load_library

if TYPE_CHECKING:
    from rotonodes.values.pixels import Image

# Fixed versions: a newer OpenColorIO must not change pixels.
_BUILTIN = {
    "cg": "cg-config-v2.2.0_aces-v1.3_ocio-v2.4",
    "studio": "studio-config-v2.2.0_aces-v1.3_ocio-v2.4",
}
_LINEAR = ("Linear Rec.709 (sRGB)", "lin_rec709_srgb", "lin_rec709", "Linear Rec.709", "Utility - Linear - sRGB", "lin_srgb", "Linear")
_SHOWN = 6  # names in a message


class Conversion(NamedTuple):
    """What to convert: names of spaces, of a display and its view, of looks; backwards with `invert`."""

    source: str = ""
    target: str = ""
    display: str = ""
    view: str = ""
    looks: str = ""
    invert: bool = False


def processor(config: str, conversion: Conversion) -> Any:
    """OpenColorIO's CPU processor of a conversion; `config` is a file, `ocio://NAME` for one that OpenColorIO brings, or empty.

    Raises UsageError for a config that cannot be read, and for names that it lacks.
    """
    return _processor(config, conversion).getDefaultCPUProcessor()


def tables_used(config: str, conversion: Conversion) -> tuple[str, ...]:
    """The files with tables (LUTs) that a conversion reads, as paths that begin with the config's folder. None for one that fails."""
    try:
        return _tables_used(config, conversion, os.stat(config).st_mtime_ns)
    except (RotoError, OSError):
        return ()  # the run says so


@lru_cache(maxsize=64)
def _tables_used(config: str, conversion: Conversion, changed: int) -> tuple[str, ...]:
    folder = os.path.dirname(config)
    found = [os.path.relpath(path, folder or ".") for path in _processor(config, conversion).getProcessorMetadata().getFiles()]
    return tuple(sorted(path for path in (os.path.join(folder, name) for name in found) if os.path.isfile(path)))


def _processor(config: str, conversion: Conversion) -> Any:
    ocio = load_library("PyOpenColorIO", "ColorSpace")
    opened = _opened(ocio, config)
    what = config or f"ocio://{_BUILTIN['cg']}"
    source = _space(opened, what, "source", conversion.source) if conversion.source else _linear(opened, what)
    looks = [look.strip().lstrip("+-") for look in conversion.looks.replace(":", ",").split(",") if look.strip()]
    for look in looks:
        _named("looks", "look", look, opened.getLookNames(), what)
    try:
        transform = (
            _to_space(ocio, opened, what, source, conversion) if conversion.target else _to_view(ocio, opened, what, source, conversion)
        )
        direction = ocio.TRANSFORM_DIR_INVERSE if conversion.invert else ocio.TRANSFORM_DIR_FORWARD
        return opened.getProcessor(transform, direction)
    except (ocio.Exception, ocio.ExceptionMissingFile) as error:
        raise UsageError(f"the config {what} cannot convert this: {_one_line(error)}") from None


def converted(image: Image, cpu: Any, backwards: bool | None = None) -> Image:
    """The picture with its colour converted, unpremultiplied.

    A result of sRGB codes is made linear light; with `backwards` light is made codes before. None does neither. Raises FrameError for a
    picture without three colour channels.
    """
    import numpy as np
    import torch

    from rotonodes.imaging.picture.compositing import with_colors
    from rotonodes.values.color import linear_to_srgb, srgb_to_linear, unpremultiply

    if len(image.color_indices) != 3:
        raise FrameError(f"a colour space needs three channels of colour, this picture has {' '.join(image.channels)}")
    ocio = load_library("PyOpenColorIO", "ColorSpace")
    straight = image.color if image.alpha is None else unpremultiply(image.color, image.alpha)
    straight = linear_to_srgb(straight) if backwards else straight
    planes = np.array(straight.cpu().numpy(), np.float32, order="C", copy=True)
    cpu.apply(ocio.PlanarImageDesc(planes[0], planes[1], planes[2], planes.shape[2], planes.shape[1]))
    made = torch.from_numpy(planes).to(image.device)
    made = srgb_to_linear(made) if backwards is False else made
    if image.alpha is not None:
        nothing = (image.alpha == 0) & (image.color == 0)
        made = torch.where(nothing, 0.0, torch.where(image.alpha == 0, made, made * image.alpha))
    return with_colors(image, made)


def _opened(ocio: Any, config: str) -> Any:
    name = (config or "ocio://cg").removeprefix("ocio://")
    builtin = not config or config.startswith("ocio://")
    known = [entry[0] for entry in ocio.BuiltinConfigRegistry().getBuiltinConfigs()]
    if builtin and name not in ("default", "cg-config-latest", "studio-config-latest"):
        name = _BUILTIN.get(name, name)
        if name not in known:
            hint = did_you_mean(name, [*_BUILTIN, *known])
            raise UsageError(
                f"builtin: OpenColorIO {ocio.__version__} brings no config {name!r}{hint}: write cg, studio or one of its names"
            )
    try:
        return ocio.Config.CreateFromFile(f"ocio://{name}" if builtin else config)
    except (ocio.Exception, ocio.ExceptionMissingFile) as error:
        raise UsageError(f"config: {config} cannot be read: {_one_line(error)}") from None


def _linear(config: Any, what: str) -> str:
    for name in _LINEAR:
        if config.getColorSpace(name) is not None:
            return name
    there = _some(config.getColorSpaceNames())
    raise UsageError(f"source: {what} has no space for linear Rec. 709 light by a usual name: name it with `source`; it has {there}")


def _space(config: Any, what: str, parameter: str, name: str) -> str:
    if config.getColorSpace(name) is None and name not in config.getRoleNames():
        _named(parameter, "colour space", name, [*config.getColorSpaceNames(), *config.getRoleNames()], what)
    return name


def _named(parameter: str, kind: str, name: str, there: Iterable[str], what: str) -> None:
    names = list(there)
    if name not in names:
        raise UsageError(f"{parameter}: {what} has no {kind} {name!r}{did_you_mean(name, names) or '; it has ' + _some(names)}")


def _to_space(ocio: Any, config: Any, what: str, source: str, conversion: Conversion) -> Any:
    target = _space(config, what, "target", conversion.target)
    if conversion.looks:
        return ocio.LookTransform(src=source, dst=target, looks=conversion.looks)
    return ocio.ColorSpaceTransform(src=source, dst=target)


def _to_view(ocio: Any, config: Any, what: str, source: str, conversion: Conversion) -> Any:
    display = conversion.display or config.getDefaultDisplay()
    _named("display", "display", display, config.getDisplays(), what)
    view = conversion.view or config.getDefaultView(display)
    _named("view", f"view of {display}", view, config.getViews(display), what)
    shown = ocio.DisplayViewTransform(src=source, display=display, view=view)
    if not conversion.looks:
        return shown
    shown.setLooksBypass(True)
    return ocio.GroupTransform([ocio.LookTransform(src=source, dst=source, looks=conversion.looks), shown])


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "") or "none"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
