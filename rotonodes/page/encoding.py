"""Values as PNGs for the page, and the numbers under a pixel."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rotonodes.errors import UsageError
from rotonodes.imaging.picture.show import first_pass, shown
from rotonodes.values.color import linear_to_srgb
from rotonodes.values.looks import over_squares
from rotonodes.values.pixels import Image, Labels, Layers, Matte

if TYPE_CHECKING:
    import numpy as np

VIEWS = ("rgb", "r", "g", "b", "a", "labels", "matte")
MOST_WIDTH = 8192  # px


def png_of_value(value: Any, view: str = "rgb", width: int = 0) -> bytes:
    """A value as an 8-bit PNG, sRGB-encoded, at most `width` px wide (0: as it is): pictures over grey squares where they are
    transparent, single channels grey, labels in their colours. Raises UsageError for a view that the value does not have."""
    return png_of_samples(samples_of(value, view), width, smooth=not isinstance(value, Labels))


def png_of_samples(samples: np.ndarray, width: int = 0, smooth: bool = True) -> bytes:
    """uint8 `[H, W, 3]` or `[H, W]` as a PNG, at most `width` px wide (0: as it is)."""
    import PIL.Image

    picture = PIL.Image.fromarray(samples)
    if 0 < width < picture.width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), PIL.Image.Resampling.BOX if smooth else PIL.Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def samples_of(value: Any, view: str) -> np.ndarray:
    """uint8 `[H, W, 3]`, or `[H, W]` of one channel."""
    import numpy as np

    if isinstance(value, Labels):
        from rotonodes.values.color import parse_hex

        table = np.array([parse_hex(color)[:3] for color in value.colors] or [(0, 0, 0)], np.uint8)
        return table[np.minimum(value.data.cpu().numpy(), len(table) - 1)]
    if isinstance(value, Layers):
        value = first_pass(value)
    if not isinstance(value, Image | Matte):
        raise UsageError(f"{type(value).__name__} is no picture")
    if isinstance(value, Image) and view in ("r", "g", "b", "a"):
        return _codes(_channel(value, view), encoded=view == "a")
    picture = shown(value)
    if isinstance(picture, Matte):
        return _codes(picture.data, encoded=True)
    assert isinstance(picture, Image)
    return _codes(over_squares(picture.color, picture.alpha), encoded=False)


def _channel(value: Image, view: str) -> Any:
    frame = value.on_frame().to("cpu")
    plane = frame.plane(view.upper())
    if plane is None:
        names = [name for name in frame.channels if name != "A"]
        at = "rgb".find(view)
        plane = frame.plane(names[at]) if 0 <= at < len(names) else None
    if plane is None:
        raise UsageError(f"there is no channel {view.upper()}; there are {' '.join(frame.channels)}")
    return plane


def _codes(planes: Any, encoded: bool) -> np.ndarray:
    codes = planes if encoded else linear_to_srgb(planes)
    made: np.ndarray = (codes.nan_to_num(posinf=1.0).clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).contiguous().cpu().numpy()
    return made if made.shape[-1] == 3 else made[..., 0]


def size_of(value: Any) -> tuple[int, int]:
    """(width, height) of a value's frame in px."""
    width, height = value.size
    return int(width), int(height)


def pixel_of(value: Any, x: int, y: int) -> dict[str, Any]:
    """The numbers of a value at a pixel of its frame, by channel; of labels the class. Raises UsageError outside of the frame."""
    width, height = size_of(value)
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(f"{x}, {y} lies outside of the frame of {width} x {height} px")
    if isinstance(value, Labels):
        index = int(value.data[y, x])
        name = value.classes[index] if index < len(value.classes) else None
        return {"values": {"class": index}, "class": name, "color": value.colors[index] if name is not None else None}
    if isinstance(value, Matte):
        return {"values": {"matte": float(value.data[0, y, x])}, "class": None}
    if isinstance(value, Layers):
        at_x, at_y = x - value.box.left, y - value.box.top
        inside = 0 <= at_x < value.box.width and 0 <= at_y < value.box.height
        return {"values": {name: float(plane[at_y, at_x]) if inside else 0.0 for name, plane in value.planes.items()}, "class": None}
    left, top = x - value.origin[0], y - value.origin[1]
    inside = 0 <= left < value.data.shape[2] and 0 <= top < value.data.shape[1]
    numbers = value.data[:, top, left].tolist() if inside else [0.0] * len(value.channels)
    found = dict(zip(value.channels, numbers, strict=True))
    best = max(found, key=lambda name: found[name]) if _are_classes(value) else None
    return {"values": found, "class": best}


def _are_classes(value: Image) -> bool:
    from rotonodes.values.looks import is_classes

    names = list(value.channels)
    return "A" not in names and len(names) > 1 and all(len(name) > 1 for name in names) and is_classes(value.data[:, :1, :1], names)
