"""Palette files: GIMP .gpl, Adobe .ase and .aco, Krita .kpl, JSON, and lists of hex colours; palettes that ship, by name.

Formats after their public descriptions: GIMP's developer wiki; Adobe Photoshop File Formats Specification (color swatches); the notes
on ASE by Carl Camera and Olivier Berten; Krita's "kpl format definition".
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rotonodes.errors import UsageError, did_you_mean, did_you_mean_file
from rotonodes.io.archives import read_member
from rotonodes.io.json_text import parse_json
from rotonodes.io.shipped import shipped_folder
from rotonodes.values.color import parse_hex
from rotonodes.values.palette import Palette

PALETTES = "palettes"
ENDINGS = (".gpl", ".ase", ".aco", ".kpl", ".json", ".hex", ".txt")
_LARGEST = 4_000_000  # bytes; palettes have kilobytes
_MOST = 4096  # colours

# RuntimeError: an archive with a password, and values nested too deep.
_BROKEN = (
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    ElementTree.ParseError,
)

Named = tuple[str, str]  # a colour's name and "#rrggbb"


def palette_names() -> list[str]:
    """The names of palettes that ship, sorted."""
    folder = shipped_folder(PALETTES)
    return sorted(path.stem for path in folder.glob("*.gpl")) if folder.is_dir() else []


def palette_file(text: str) -> str:
    """The file of a palette as a parameter names it: a palette that ships by its name, anything else is a path."""
    return str(shipped_folder(PALETTES) / f"{text}.gpl") if is_shipped(text) else text


def is_shipped(text: str) -> bool:
    """Whether the text names a palette that ships; a file of that name goes first."""
    return text in palette_names() and not os.path.isfile(text)


def find_palette(text: str) -> Palette:
    """A palette by its name or its file. Raises UsageError in one line where there is none, or the file is broken."""
    path = palette_file(text)
    if not os.path.isfile(path):
        raise UsageError(_no_palette(text))
    return read_palette(path)


def palette_fault(text: str) -> str:
    """What is wrong with a name that is neither a palette that ships nor a path; empty for those and for paths."""
    if not text or is_shipped(text) or Path(text).suffix or os.path.dirname(text) or os.path.exists(text):
        return ""
    return _no_palette(text)


def _no_palette(text: str) -> str:
    near = did_you_mean(text, palette_names()) if not Path(text).suffix else did_you_mean_file(text)
    return f"there is no palette {text!r}{near}; palettes that ship: {', '.join(palette_names())}"


def read_palette(path: str) -> Palette:
    """A palette file, its kind by its ending. Raises UsageError in one line for a file that is broken or of an unknown kind."""
    ending = Path(path).suffix.lower()
    readers: dict[str, Callable[[bytes], tuple[str, Sequence[Named]]]] = {
        ".gpl": _gpl, ".ase": _ase, ".aco": _aco, ".kpl": _kpl, ".json": _json, ".hex": _hex, ".txt": _hex
    }  # fmt: skip
    if ending not in readers:
        raise UsageError(f"{path}: a palette is a file {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, or a picture for PaletteFromPicture")
    try:
        data = Path(path).read_bytes() if os.path.getsize(path) <= _LARGEST else None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if data is None:
        raise UsageError(f"{path}: too large for a palette (over {_LARGEST // 1_000_000} MB)")
    try:
        name, colors = readers[ending](data)
    except _BROKEN as error:
        raise UsageError(f"{path}: a broken palette file: {str(error).splitlines()[0] if str(error) else 'it cannot be read'}") from None
    if not colors:
        raise UsageError(f"{path}: there are no colours in this palette")
    if len(colors) > _MOST:
        raise UsageError(f"{path}: {len(colors)} colours, a palette has {_MOST} at most")
    return Palette(tuple(color for _, color in colors), tuple(own for own, _ in colors), name or Path(path).stem)


def _gpl(data: bytes) -> tuple[str, list[Named]]:
    lines = data.decode("utf-8-sig", "replace").splitlines()
    if not lines or not lines[0].strip().startswith("GIMP Palette"):
        raise ValueError("its first line is not 'GIMP Palette'")
    name, colors = "", []
    for number, line in enumerate(lines[1:], 2):
        text = line.strip()
        if not text or text.startswith("#") or text.casefold().startswith("columns:"):
            continue
        if text.casefold().startswith("name:"):
            name = text[5:].strip()
            continue
        found = re.match(r"(\d+)\s+(\d+)\s+(\d+)(?:\s+(.*))?$", text)
        codes = [int(code) for code in found.groups()[:3]] if found else []
        if not found or max(codes) > 255:
            raise ValueError(f"line {number} is not three numbers of 0 to 255 and a name: {text[:40]!r}")
        own = (found[4] or "").strip()
        colors.append(("" if own.casefold() == "untitled" else own, "#" + "".join(f"{code:02x}" for code in codes)))
    return name, colors


def _hex(data: bytes) -> tuple[str, list[Named]]:
    colors = []
    for number, line in enumerate(data.decode("utf-8-sig").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith((";", "//")) or re.match(r"#(\s|$)", text):
            continue
        for piece in re.findall(r"[^\s,]+", text):
            if not re.fullmatch(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", piece):
                raise ValueError(f"line {number} is not a hex colour: {text[:40]!r}")
            colors.append(("", _hex_of(piece)))
    return "", colors


def _hex_of(text: str) -> str:
    red, green, blue, _ = parse_hex(text if text.startswith("#") else f"#{text}")
    return f"#{red:02x}{green:02x}{blue:02x}"


def _json(data: bytes) -> tuple[str, list[Named]]:
    """A list of colours, a mapping name -> colour, or either under `colors`.

    A colour is hex, [r, g, b] in 0 to 255, or a mapping with `hex`, `color` or `rgb`, and maybe `name`.
    """
    tree = parse_json(data.decode("utf-8-sig"))
    name = str(tree.get("name", "")) if isinstance(tree, dict) else ""
    inner = tree.get("colors", {k: v for k, v in tree.items() if k != "name"}) if isinstance(tree, dict) else tree
    if isinstance(inner, dict):
        return name, [(str(own), _json_color(color)) for own, color in inner.items()]
    if not isinstance(inner, list):
        raise ValueError("it has no list of colours")
    return name, [(str(one.get("name", "")) if isinstance(one, dict) else "", _json_color(one)) for one in inner]


def _json_color(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("hex", value.get("color", value.get("rgb")))
    if isinstance(value, str):
        try:
            return _hex_of(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
    if isinstance(value, list) and len(value) >= 3 and all(isinstance(code, int) and 0 <= code <= 255 for code in value[:3]):
        return _of_shares([code / 255 for code in value[:3]])
    raise ValueError(f"{str(value)[:40]!r} is not a colour")


def _aco(data: bytes) -> tuple[str, list[Named]]:
    """Version 1, and where it follows version 2, which adds names."""
    version, count = struct.unpack(">HH", data[:4])
    if version not in (1, 2):
        raise ValueError(f"its version is {version}, not 1 or 2")
    stream = BytesIO(data[4:])
    colors = _swatches(stream, count, named=version == 2)
    rest = stream.read(4)
    if version == 1 and len(rest) == 4 and struct.unpack(">HH", rest)[0] == 2:
        colors = _swatches(stream, struct.unpack(">HH", rest)[1], named=True)
    return "", colors


def _swatches(stream: BytesIO, count: int, named: bool) -> list[Named]:
    colors = []
    for _ in range(count):
        space, *numbers = struct.unpack(">5H", _exactly(stream, 10))
        name = ""
        if named:
            (length,) = struct.unpack(">I", _exactly(stream, 4))
            name = _exactly(stream, 2 * length).decode("utf-16-be").rstrip("\0")
        colors.append((name, _of_photoshop(space, numbers)))
    return colors


def _of_photoshop(space: int, numbers: Sequence[int]) -> str:
    a, b, c, d = numbers
    if space == 0:
        return _of_shares([a / 65535, b / 65535, c / 65535])
    if space == 1:
        from colorsys import hsv_to_rgb

        return _of_shares(hsv_to_rgb(a / 65535, b / 65535, c / 65535))
    if space == 2:  # 0 is full ink
        return _of_cmyk(*(1 - one / 65535 for one in (a, b, c, d)))
    if space == 7:
        signed = [struct.unpack(">h", struct.pack(">H", one))[0] / 100 for one in (b, c)]
        return _of_lab(a / 100, *signed)
    if space == 8:
        return _of_shares([1 - a / 10000] * 3)
    raise ValueError(f"colour space {space} is not RGB, HSB, CMYK, Lab or grey")


def _ase(data: bytes) -> tuple[str, list[Named]]:
    stream = BytesIO(data)
    if _exactly(stream, 4) != b"ASEF":
        raise ValueError("it does not begin with ASEF")
    *_, blocks = struct.unpack(">HHI", _exactly(stream, 8))
    name, colors = "", []
    for _ in range(blocks):
        kind, length = struct.unpack(">HI", _exactly(stream, 6))
        block = BytesIO(_exactly(stream, length))
        if kind not in (0x0001, 0xC001):
            continue
        (characters,) = struct.unpack(">H", _exactly(block, 2))
        own = _exactly(block, 2 * characters).decode("utf-16-be").rstrip("\0")
        if kind == 0xC001:
            name = name or own
            continue
        colors.append((own, _of_model(block)))
    return name, colors


def _of_model(block: BytesIO) -> str:
    model = _exactly(block, 4).decode("ascii", "replace").strip().upper()
    count = {"RGB": 3, "CMYK": 4, "LAB": 3, "GRAY": 1}.get(model)
    if count is None:
        raise ValueError(f"colour model {model!r} is not RGB, CMYK, LAB or Gray")
    numbers = struct.unpack(f">{count}f", _exactly(block, 4 * count))
    if model == "CMYK":
        return _of_cmyk(*numbers)
    if model == "LAB":  # L is a share of 100
        return _of_lab(numbers[0] * 100, numbers[1], numbers[2])
    return _of_shares(numbers * 3 if model == "GRAY" else numbers)


def _kpl(data: bytes) -> tuple[str, list[Named]]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        if "colorset.xml" not in archive.namelist():
            raise ValueError("there is no colorset.xml in it")
        text = read_member(archive, "colorset.xml", _LARGEST).decode("utf-8-sig")  # as text: another encoding would hide entities
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("its colorset.xml declares entities")
    root = ElementTree.fromstring(text)
    return root.get("name", ""), list(_entries(root))


def _entries(root: ElementTree.Element) -> Iterator[Named]:
    for entry in root.iter("ColorSetEntry"):
        for color in entry:
            kind, numbers = color.tag.upper(), {k.lower(): float(v) for k, v in color.attrib.items() if k.lower() in "rgbcmyklax"}
            if kind in ("SRGB", "RGB"):
                shares = [numbers[k] for k in "rgb"]
                if "g10" in color.get("space", ""):  # a linear profile
                    shares = [_encoded(one) for one in shares]
                yield entry.get("name", ""), _of_shares(shares)
            elif kind == "GRAY":
                yield entry.get("name", ""), _of_shares([numbers["g"]] * 3)
            elif kind == "CMYK":
                yield entry.get("name", ""), _of_cmyk(*(numbers[k] for k in "cmyk"))
            elif kind == "LAB":
                yield entry.get("name", ""), _of_lab(numbers["l"], numbers["a"], numbers["b"])


def _exactly(stream: BytesIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise ValueError("it ends too early")
    return data


def _of_shares(shares: Sequence[float]) -> str:
    """Encoded r, g, b of 0 to 1 as `#rrggbb`. Raises ValueError for what is no number."""
    return "#" + "".join(f"{round(min(max(one, 0.0), 1.0) * 255):02x}" for one in shares)


def _of_cmyk(cyan: float, magenta: float, yellow: float, black: float) -> str:
    """Without a profile, as ink that takes its share of the light away."""
    return _of_shares([(1 - ink) * (1 - black) for ink in (cyan, magenta, yellow)])


def _of_lab(lightness: float, a: float, b: float) -> str:
    """CIE L*a*b* under D50 as sRGB (Bradford adaptation, ICC.1:2022 annex E; IEC 61966-2-1)."""
    fy = (lightness + 16) / 116
    white = (0.96422, 1.0, 0.82521)
    x, y, z = (
        w * (f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29)) for w, f in zip(white, (fy + a / 500, fy, fy - b / 200), strict=True)
    )
    rows = ((3.1338561, -1.6168667, -0.4906146), (-0.9787684, 1.9161415, 0.0334540), (0.0719453, -0.2289914, 1.4052427))
    return _of_shares([_encoded(row[0] * x + row[1] * y + row[2] * z) for row in rows])


def _encoded(light: float) -> float:
    """The sRGB code, 0 to 1, of linear light."""
    light = min(max(light, 0.0), 1.0)
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
