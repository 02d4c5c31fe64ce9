"""Reads pictures and label pictures of any format by their content; writes them by extension, with their keys."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.io import animation, exr, exr_header, gif, lottie, png, psd, samples, seal, svg, tiff, video_key
from rotonodes.io.arrays import is_array, read_array
from rotonodes.io.files import check_regular, decoding, read_error, read_sidecar, write_bytes
from rotonodes.io.limits import check_growth, check_jpeg, open_with_pillow
from rotonodes.io.orientation import orientation_of, upright, upright_size
from rotonodes.io.other_formats import no_picture, other_size, read_other
from rotonodes.io.samples import Depth
from rotonodes.values.color import Colorspace, parse_hex
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte, rgb_names
from rotonodes.values.tones import default_colors

if TYPE_CHECKING:
    import numpy as np

_PILLOW_READS = ("JPEG", "WEBP", "BMP", "GIF")  # MPO is told by its JPEG
_JPEGS = ("JPEG", "MPO")
_PILLOW = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}
# The depths of each format, its default first.
DEPTHS: dict[str, tuple[Depth, ...]] = {
    ".png": ("8", "16"),
    ".tif": ("8", "16", "half", "float"),
    ".tiff": ("8", "16", "half", "float"),
    ".exr": ("half", "float"),
    **dict.fromkeys(_PILLOW, ("8",)),
}


def read_image(path: str | os.PathLike[str], colorspace: Literal["auto"] | Colorspace = "auto") -> Image:
    """The picture in a PNG, JPEG, TIFF, WebP, BMP, GIF (first frame), EXR or another format, recognised by its content, not its name.

    The picture is upright, as its Exif orientation says. `auto` takes whole numbers as sRGB (a PNG that notes gAMA 1.0 as linear) and
    floats as linear; `raw` leaves colour and alpha as stored. Grey files have the channel Y. The file's own samples stay in
    `encoded`. Raises FrameError when it is missing, damaged, or no picture.
    """
    start = _start(path)
    if start.startswith(exr_header.MAGIC):
        return _with_colorspace(exr.read_image(path), colorspace)
    found, space, premultiplied, linear = _read_samples(path, start, colorspace)
    image = samples.decode(found, space, premultiplied)
    return _noted_linear(image) if linear and colorspace == "auto" else image


def glance(path: str | os.PathLike[str], colorspace: Literal["auto"] | Colorspace = "auto") -> Layers | None:
    """The channels of `read_image` without torch; None for an encoding that needs it. Errors as in `read_image`."""
    start = _start(path)
    if start.startswith(exr_header.MAGIC):
        return exr.viewed_layers(exr.read_layers(path)) if colorspace != "srgb" else None
    found, space, premultiplied, _ = _read_samples(path, start, colorspace)
    planes, encoded = samples.decoded_planes(found, space, premultiplied)
    size = (planes.shape[2], planes.shape[1])
    return None if encoded else Layers(dict(zip(rgb_names(len(planes)), planes, strict=True)), Box(0, 0, *size), size)


def _read_samples(
    path: str | os.PathLike[str], start: bytes, colorspace: Literal["auto"] | Colorspace
) -> tuple[np.ndarray, Colorspace, bool, bool]:
    """(samples `[H, W, C]`, their colour space, whether they are premultiplied, whether the file notes linear light) of any but EXR."""
    premultiplied = linear = False
    if start.startswith(png.SIGNATURE):
        found, linear = png.read_noted(path)
    elif start.startswith(tiff.MAGICS):
        found, premultiplied = tiff.read_tiff(path)
    else:
        found = _read_with_pillow(path)
    space = ("linear" if linear or found.dtype.kind == "f" else "srgb") if colorspace == "auto" else colorspace
    return found, space, premultiplied, linear


def picture_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) of a picture's frame or of an .npy or .pt file's labels, in pixels, from its header alone (.pt: read).

    Raises FrameError as `read_image` does.
    """
    if is_array(_start(path)):
        height, width = _label_array(path).shape
        return width, height
    if _start(path).startswith(exr_header.MAGIC):
        frame = exr_header.read_headers(path, check_chunks=False)[0].display_window
        return frame.width, frame.height
    if _start(path).startswith(tiff.MAGICS):
        return tiff.tiff_size(path)
    import PIL.Image  # a check of EXR files needs no Pillow

    with decoding(path, "picture"):
        try:
            with open_with_pillow(path, [*_PILLOW_READS, "PNG"]) as picture:
                check_growth(path, picture.width, picture.height)
                return upright_size(picture.size, png.orientation(path) if picture.format == "PNG" else orientation_of(picture))
        except PIL.UnidentifiedImageError as error:
            size = other_size(path)
            if size is None:
                raise no_picture(path) from error
            return size


def _start(path: str | os.PathLike[str]) -> bytes:
    check_regular(path)
    try:
        with open(path, "rb") as file:
            return file.read(16)
    except OSError as error:
        raise read_error(path, error) from error


def _with_colorspace(image: Image, colorspace: str) -> Image:
    """An EXR's picture in the colour space asked for; its floats are premultiplied and, by default, linear."""
    from dataclasses import replace

    if colorspace in ("auto", "linear"):
        return image
    if image.encoded is None or colorspace == "raw":
        return replace(image, encoded=image.encoded and replace(image.encoded, colorspace="raw"))
    decoded = samples.decode(image.encoded.samples, "srgb", premultiplied=True)
    return replace(image, data=decoded.data, encoded=decoded.encoded)


def _read_with_pillow(path: str | os.PathLike[str]) -> np.ndarray:
    """8-bit samples `[H, W, C]` of a JPEG, WebP, BMP or GIF, upright; of another format through imageio."""
    import numpy as np
    import PIL.Image

    with decoding(path, "picture"):
        try:
            with open_with_pillow(path, _PILLOW_READS) as picture:
                check_growth(path, picture.width, picture.height)
                if picture.format in _JPEGS:
                    check_jpeg(path, picture.width, picture.height)
                picture.load()
                turned = orientation_of(picture)
        except PIL.UnidentifiedImageError as error:
            other = read_other(path)
            if other is None:
                raise no_picture(path) from error
            return other
        grey, clear = picture.mode in ("1", "L", "LA"), picture.has_transparency_data
        mode = ("LA" if clear else "L") if grey else ("RGBA" if clear else "RGB")
        found = upright(np.array(picture if picture.mode == mode else picture.convert(mode)), turned)
        return found[..., None] if found.ndim == 2 else found


def _noted_linear(image: Image) -> Image:
    """Mark a picture whose file declares itself linear, so that writing it unchanged declares it again."""
    from dataclasses import replace

    return replace(image, encoded=image.encoded and replace(image.encoded, noted=True))


def check_writable(path: str | os.PathLike[str], depth: str | None = None) -> None:
    """Raise UsageError unless `write_image` knows the extension of `path`, and its format that depth."""
    extension = Path(path).suffix.lower()
    if extension not in DEPTHS:
        what = (extension or "a file without extension") + did_you_mean(extension, DEPTHS)
        raise UsageError(f"{path}: cannot write {what}; known: {' '.join(DEPTHS)}")
    if depth is not None and depth not in DEPTHS[extension]:
        raise UsageError(f"{path}: {extension} files hold depth {' or '.join(DEPTHS[extension])}, not {depth!r}")


def write_image(
    path: str | os.PathLike[str],
    picture: Image | Matte,
    *,
    depth: Depth | None = None,
    colorspace: Literal["auto"] | Colorspace = "auto",
    key: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    compression: exr.Compression = "zip",
    quality: int = 95,
    lossless: bool = True,
) -> None:
    """Write the frame of a picture, or a matte, in the format of the extension of `path`: .png .jpg .tif .webp .bmp .exr.

    `depth` None is the one it was read with, if the format holds it and the picture is unchanged, else 8 bit or half. `auto`
    writes 8 and 16 bit as sRGB, floats as linear, mattes raw. PNG, WebP and 8/16-bit TIFF hold straight alpha, EXR and float
    TIFF premultiplied; JPEG and BMP have no alpha: the picture is composited over black. Channels beyond R, G, B, A go into EXR only.
    `quality` 1 to 100 is for JPEG, and for WebP unless `lossless`; `metadata` for EXR and PNG. Raises UsageError for what
    the format cannot hold, and what `atomic_write` raises.
    """
    check_writable(path, depth)
    extension = Path(path).suffix.lower()
    depth = depth or _own_depth(picture, extension)
    space: Colorspace = _auto_colorspace(picture, depth, extension) if colorspace == "auto" else colorspace
    if isinstance(picture, Matte):
        space = "raw"
    if extension == ".exr":
        kind: exr.Depth = "float" if depth == "float" else "half"
        exr.write_exr(path, _for_exr(picture, space), depth=kind, compression=compression, key=key, metadata=metadata)
        return
    encoded = samples.encode(picture, depth, space, alpha=extension not in (".jpg", ".jpeg", ".bmp"))
    if extension == ".png":
        texts = {word: str(value) for word, value in (metadata or {}).items()} | ({png.KEY: key} if key else {})
        png.write_png(path, encoded, colorspace=space, text=texts)
    elif extension in _PILLOW:
        _write_with_pillow(path, encoded, _PILLOW[extension], quality, lossless, key)
    else:
        tiff.write_tiff(path, encoded, premultiplied=depth in ("half", "float"), key=key)


def _own_depth(picture: Image | Matte, extension: str) -> Depth:
    """The depth an unchanged picture was read with, otherwise the first depth of the format."""
    if isinstance(picture, Image) and picture.encoded is not None:
        for depth in DEPTHS[extension]:
            if picture.encoded.samples.dtype == samples.DTYPES[depth]:
                return depth
    return DEPTHS[extension][0]


def _auto_colorspace(picture: Image | Matte, depth: Depth, extension: str) -> Colorspace:
    """sRGB for whole numbers, linear for floats; an unchanged picture from a PNG that declares linear light stays linear in PNG."""
    encoded = picture.encoded if isinstance(picture, Image) else None
    if encoded and encoded.noted and extension == ".png" and encoded.samples.dtype == samples.DTYPES[depth]:
        return "linear"
    return "srgb" if depth in ("8", "16") else "linear"


def _for_exr(picture: Image | Matte, colorspace: Colorspace) -> Image | Matte:
    """The picture with its colour planes encoded in `colorspace`."""
    if isinstance(picture, Matte) or colorspace != "srgb":
        return picture
    from rotonodes.values.color import linear_to_srgb, premultiply, unpremultiply

    color, alpha = picture.color, picture.alpha
    straight = color if alpha is None else unpremultiply(color, alpha)
    data = picture.data.clone()
    curved = linear_to_srgb(straight)
    data[list(picture.color_indices)] = curved if alpha is None else premultiply(curved, alpha)
    return picture.with_data(data)


def _write_with_pillow(path: str | os.PathLike[str], encoded: np.ndarray, form: str, quality: int, lossless: bool, key: str | None) -> None:
    import numpy as np
    import PIL.Image

    if encoded.shape[2] == 2:  # WebP has no grey with alpha
        encoded = np.concatenate([encoded[..., :1].repeat(3, axis=2), encoded[..., 1:]], axis=2)
    picture = PIL.Image.fromarray(encoded[..., 0] if encoded.shape[2] == 1 else encoded)
    options: dict[str, Any] = {
        "JPEG": {"quality": quality, "subsampling": 0},  # full colour resolution: flat art has hard colour edges
        "WEBP": {"quality": quality, "lossless": lossless, "exact": True},
        "BMP": {},
    }[form]
    data = io.BytesIO()  # not into the file: Pillow takes a part that a full disk took for the whole
    try:
        picture.save(data, form, **options)
    except (ValueError, OSError) as error:
        raise FrameError(f"{path}: cannot write {form}: {str(error).lower()}") from error
    write_bytes(path, data.getvalue(), key)


def read_labels(
    path: str | os.PathLike[str],
    classes: Sequence[str],
    colors: Sequence[str] | None = None,
    values: Sequence[int] | None = None,
) -> Labels:
    """A label picture, or an .npy or .pt file of whole numbers `[H, W]`: the class index of each pixel, uint8 `[H, W]`.

    A palette PNG's indices are the classes. Of a grey picture or an array, `values[i]` is the grey of class i (default: i itself); a
    coloured one must hold exactly the `colors` (`#rrggbb`) of the classes, by default those that labels are written in. Raises
    FrameError with the first pixel of every value that is no class.
    """
    import numpy as np

    start = _start(path)
    palette = png.read_palette(path) if values is None and start.startswith(png.SIGNATURE) else None
    array = is_array(start)
    if array:
        found, wanted = _label_array(path), list(range(len(classes)) if values is None else values)
    elif palette is not None:
        found, wanted = palette.indices, list(range(len(classes)))
        if colors is None and len(palette.colors) >= len(classes):
            colors = [f"#{bytes(color).hex()}" for color in palette.colors[: len(classes)]]
    else:
        usual = default_colors(len(classes)) if values is None else ()
        found, wanted = _label_codes(path, colors, usual, list(range(len(classes)) if values is None else values))
    if len(wanted) != len(classes):
        raise UsageError(f"{len(classes)} classes but {len(wanted)} values: give one for each class")
    shown = colors or default_colors(len(classes))
    indices, strange = np.full(found.shape, 255, np.uint8), np.ones(found.shape, bool)
    for index, value in enumerate(wanted):
        pixels = found == value
        indices[pixels] = index
        strange &= ~pixels
    _refuse_unknown(path, found, strange, wanted, colors=not array)
    import torch

    return Labels(torch.from_numpy(indices), tuple(classes), tuple(shown))


def _label_array(path: str | os.PathLike[str]) -> np.ndarray:
    """The whole numbers `[H, W]` in an .npy or .pt file. Raises FrameError for any other array."""
    found = read_array(path)
    if found.ndim != 2 or found.dtype.kind not in "bui":
        raise FrameError(f"{path}: labels are whole numbers [H, W], this array is {found.dtype} {list(found.shape)}")
    return found


def _label_codes(
    path: str | os.PathLike[str], colors: Sequence[str] | None, usual: Sequence[str], values: list[int]
) -> tuple[np.ndarray, list[int]]:
    """Grey values `[H, W]` and those of the classes; for coloured pictures 0xrrggbb and the classes' colours.

    Without `colors` these are the `usual` ones, where most of the picture has them: a paint program saves a palette picture as RGB.
    """
    import numpy as np

    image = read_image(path, "raw")
    if image.encoded is None or image.encoded.samples.dtype.kind not in "ui":
        raise FrameError(f"{path}: labels are pictures of whole numbers, this one holds floats")
    stored = image.encoded.samples
    if stored.shape[2] < 3 or (stored[..., :1] == stored[..., 1:3]).all():
        return stored[..., 0], values
    packed = [(r << 16) | (g << 8) | b for r, g, b, _ in map(parse_hex, colors or usual)]
    red, green, blue = (stored[..., channel].astype(np.int64) for channel in range(3))
    codes = (red << 16) | (green << 8) | blue
    if colors is None and np.isin(codes, packed).mean() < 0.5:
        ready = f", as `colors: [{', '.join(map(repr, usual))}]`" if usual else ""
        raise FrameError(f"{path}: a coloured picture, not labels: write class indices, or give the colours of the classes{ready}")
    return codes, packed


def _refuse_unknown(path: str | os.PathLike[str], found: np.ndarray, strange: np.ndarray, wanted: Sequence[int], colors: bool) -> None:
    """Raise FrameError for `strange` pixels, whose values belong to no class; with `colors`, values above 16 bits are shown as colours."""
    import numpy as np

    if not strange.any():
        return
    y, x = (int(at) for at in np.unravel_index(strange.argmax(), strange.shape))
    values = np.unique(found[strange]).tolist()
    shown = ", ".join(f"#{value:06x}" if colors and value > 65535 else str(value) for value in values[:5])
    more = f" and {len(values) - 5} more" if len(values) > 5 else ""
    known = ", ".join(f"#{value:06x}" if colors and max(wanted) > 65535 else str(value) for value in wanted)
    raise FrameError(f"{path}: value {shown}{more} is no class (first at x {x}, y {y}); the classes are {known}")


def write_labels(path: str | os.PathLike[str], labels: Labels, *, values: Sequence[int] | None = None, key: str | None = None) -> None:
    """Write labels as a palette PNG: the class index is the value, the classes' colours are what is seen.

    With `values`, one from 0 to 255 for each class, as a grey PNG of those, which `read_labels` reads back with the same values.
    """
    if Path(path).suffix.lower() != ".png":
        raise UsageError(f"{path}: label pictures are palette PNGs: end the name in .png")
    indices = labels.to("cpu").data.detach().numpy()
    text = {"rotonodes:classes": " ".join(labels.classes), **({png.KEY: key} if key else {})}
    if values is None:
        png.write_palette_png(path, indices, [parse_hex(color)[:3] for color in labels.colors], text=text)
        return
    import numpy as np

    if len(values) != len(labels.classes):
        raise UsageError(f"{path}: {len(labels.classes)} classes but {len(values)} values: give one for each class")
    table = np.zeros(256, np.uint8)
    table[: len(values)] = values
    png.write_png(path, table[indices][..., None], colorspace="raw", text=text)


def read_key(path: str | os.PathLike[str]) -> str | None:
    """The key of a finished file, stored inside it or in its sidecar; None when missing, truncated, or not written by rotonodes."""
    try:
        check_regular(path)
        if os.fspath(path).endswith(".png") and (found := png.read_text(path).get(png.KEY)):  # opened once
            return found
        start = _start(path)
    except FrameError:
        return None
    if start.startswith(png.SIGNATURE):
        return png.read_text(path).get(png.KEY)
    if start.startswith(exr_header.MAGIC):
        return exr.read_key(path)
    if start.startswith(gif.MAGICS):
        return gif.read_key(path)
    if start.startswith(psd.MAGIC):
        return psd.read_key(path)
    if video_key.is_video(start):
        return video_key.read_key(path)
    if animation.is_webp(start):
        return animation.read_webp_key(path) or read_sidecar(path)  # stills have a sidecar
    if svg.is_svg(start):
        return svg.read_key(path)
    if lottie.is_lottie(start):
        return lottie.read_key(path)
    return read_sidecar(path)


def is_as_written(path: str | os.PathLike[str]) -> bool:
    """True when every byte of a file is as rotonodes wrote it: its checksum, beside its key, is that of its bytes. All of it is read."""
    try:
        start = _start(path)
    except FrameError:
        return False
    if start.startswith(png.SIGNATURE) and png.holds_seal(path):
        return True
    if start.startswith((exr_header.MAGIC, psd.MAGIC, *gif.MAGICS)) or svg.is_svg(start) or lottie.is_lottie(start):
        return seal.holds(path)
    return read_sidecar(path, verify=True) is not None  # videos and animations too, which carry their key themselves
