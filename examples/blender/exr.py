# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a render back, and making it small enough to live in a repository; needs OpenEXR and numpy."""

import json
from pathlib import Path

import numpy as np
import OpenEXR

# Blender adds these on its own: the picture before denoising, and a label picture that nobody asked for.
UNUSED = ("Beauty.Noisy Image.", "Label.Combined.")
# Names of 5.0, in those of 4.5
OLD_NAMES = {"Diffuse Direct": "DiffDir", "Diffuse Color": "DiffCol", "Glossy Direct": "GlossDir"}


def keep_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Round the mantissa of half or float values to `bits` bits; the zeros that remain compress well."""
    integer, mantissa = (np.uint16, 10) if values.dtype == np.float16 else (np.uint32, 23)
    drop = mantissa - bits
    raw = np.ascontiguousarray(values).view(integer).astype(np.uint64)
    return ((raw + (1 << (drop - 1))) >> drop << drop).astype(integer).view(values.dtype)


def less_exact(name: str, values: np.ndarray) -> np.ndarray:
    """A channel with the precision that 8-bit pictures need; identities stay as they are.

    Both layers get the same steps: where they then agree, ZIP finds the second one for free.
    """
    if ".Normal." in name:
        return np.round(values * 128) / np.float32(128) + np.float32(0)  # + 0 turns -0 into 0
    if ".Depth." in name:
        return keep_bits(values, 10)
    if values.dtype == np.float16:
        return keep_bits(values, 7)  # at most 0.4 % off, half of what 8-bit sRGB rounds away
    return values


def slim(path: Path) -> None:
    """Rewrite a render without unused passes and unseen precision, to about half its size.

    Channel names, types, parts and header stay as Blender wrote them.
    """
    with OpenEXR.File(str(path), separate_channels=True) as source:
        parts = []
        for part in source.parts:
            channels = {name: c for name, c in part.channels.items() if not name.startswith(UNUSED)}
            for name, channel in channels.items():
                channel.pixels = less_exact(name, channel.pixels)
            if channels:
                header = {k: v for k, v in part.header.items() if not k.endswith("_time") and k != "chunkCount"}
                parts.append(OpenEXR.Part(header, channels, part.header.get("name", "")))
        partial = path.with_name(f".{path.stem}.slim{path.suffix}")
        OpenEXR.File(parts).write(str(partial))
    partial.replace(path)


def keep_layer(path: Path, layer: str) -> None:
    """Rewrite a render with one view layer only, and without the note in its header: as anybody's render."""
    with OpenEXR.File(str(path), separate_channels=True) as source:
        parts = []
        for part in source.parts:
            channels = {name: channel for name, channel in part.channels.items() if name.startswith(f"{layer}.")}
            if channels:
                parts.append(OpenEXR.Part(_header_of(part.header, layer), channels, part.header.get("name", "")))
        partial = path.with_name(f".{path.stem}.layer{path.suffix}")
        OpenEXR.File(parts).write(str(partial))
    partial.replace(path)


def _header_of(header: dict, layer: str) -> dict:
    """A header without the note, the times, and the cryptomattes of other layers."""
    named = {key: value for key, value in header.items() if key.startswith("cryptomatte/") and key.endswith("/name")}
    others = tuple(key.removesuffix("name") for key, value in named.items() if not value.startswith(f"{layer}."))
    unwanted = ("Note", "chunkCount")
    return {k: v for k, v in header.items() if k not in unwanted and not k.endswith("_time") and not (others and k.startswith(others))}


def read(path: Path) -> dict:
    """Passes as `Layer.Pass` -> `[H,W,C]` in 4.5's names, and the header under `header`."""
    order = "RGBArgbaXYZW"
    channels, header = {}, {}
    with OpenEXR.File(str(path), separate_channels=True) as source:
        for part in source.parts:
            header |= part.header
            for name, channel in part.channels.items():
                layer, rest = name.split(".", 1)
                render_pass, letter = rest.rsplit(".", 1)
                key = f"{layer}.{OLD_NAMES.get(render_pass, render_pass)}"
                channels.setdefault(key, {})[letter] = channel.pixels.copy()
    stacked = {key: np.stack([c[x] for x in sorted(c, key=order.index)], -1) for key, c in channels.items()}
    return {**stacked, "header": header}


def coverage(layers: dict, layer: str = "Label", prefix: str = "shape") -> np.ndarray:
    """How much of each pixel `[H,W]` objects cover whose name begins with `prefix`, from cryptomatte."""
    header = layers["header"]
    name = next(k for k, v in header.items() if k.startswith("cryptomatte/") and v == f"{layer}.CryptoObject")
    manifest = json.loads(header[name.removesuffix("name") + "manifest"])
    wanted = []
    for obj, digits in manifest.items():
        number = int(digits, 16)
        if (number >> 23) & 0xFF in (0, 0xFF):  # would be no number as a float: Blender flips this bit in pixels
            number ^= 1 << 23
        if obj.startswith(prefix):
            wanted.append(number)
    planes = np.concatenate([layers[k] for k in sorted(layers) if k.startswith(f"{layer}.CryptoObject")], -1)
    identities = np.ascontiguousarray(planes[..., 0::2]).view(np.uint32)
    return np.where(np.isin(identities, np.uint32(wanted)), planes[..., 1::2], 0).sum(-1).clip(0, 1)
