"""Cryptomatte: mattes of single objects, materials or assets by name, from (id, coverage) pairs of planes.

Where a file has no cryptomatte of objects, its object buffers (Cinema 4D's `object_1`, ...: one coverage plane each) are taken for one.

After the specification (github.com/Psyop/Cryptomatte, specification/cryptomatte_specification.pdf, version 1.2): a name's id is
its MurmurHash3_32, made safe as the bits of a float; each rank of planes holds the ids and coverages of two names per pixel.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError, did_you_mean, listed
from rotonodes.imaging.passes.names import Passes
from rotonodes.imaging.passes.spellings import squash
from rotonodes.io.json_text import parse_json

if TYPE_CHECKING:
    import numpy as np

    from rotonodes.values.pixels import Layers, Matte

KINDS = ("object", "material", "asset")
BUFFERS = "object buffers"
_MOST_MANIFEST = 64 << 20  # bytes of a manifest beside the picture
_MASK = 0xFFFFFFFF
_ENTRY = r'("(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")\s*:\s*"([0-9a-fA-F]{1,8})"'  # of a manifest, whole


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """MurmurHash3_x86_32 (Austin Appleby, public domain: github.com/aappleby/smhasher)."""
    h = seed
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        h ^= _scrambled(int.from_bytes(data[at : at + 4], "little"))
        h = (_rotated(h, 13) * 5 + 0xE6546B64) & _MASK
    h ^= _scrambled(int.from_bytes(data[whole:], "little")) ^ len(data)
    h = ((h ^ h >> 16) * 0x85EBCA6B) & _MASK
    h = ((h ^ h >> 13) * 0xC2B2AE35) & _MASK
    return h ^ h >> 16


def _scrambled(k: int) -> int:
    return (_rotated((k * 0xCC9E2D51) & _MASK, 15) * 0x1B873593) & _MASK


def _rotated(x: int, bits: int) -> int:
    return (x << bits | x >> 32 - bits) & _MASK


def float_safe(h: int) -> int:
    """The id that pixels hold for a hash: with an exponent of all zeros or ones (0, denormal, inf, nan) bit 23 is flipped.

    Blender writes the hash into its manifests, others the id; the id of an id is the same id, so both can be read.
    """
    return h ^ 1 << 23 if h >> 23 & 255 in (0, 255) else h


def name_id(name: str) -> int:
    """The id that pixels hold for a name."""
    return float_safe(murmur3_32(name.encode("utf-8", "surrogatepass")))


@dataclass(frozen=True)
class Cryptomatte:
    """One cryptomatte of a file: `name` as in its header (`ViewLayer.CryptoObject`), and the `ids` of its names.

    `ids` is None where the file has no manifest: names are then hashed, and wildcards cannot be used. `cut` says that the manifest ends
    before all of its names: those that are not in it are hashed. `pairs` are the full names of (id, coverage) planes, rank by rank; for
    an object buffer the id itself stands instead of its plane. `planes` gives them as arrays.
    """

    name: str
    ids: Mapping[str, int] | None
    pairs: tuple[tuple[str | int, str], ...]
    where: str
    cut: bool = False

    def planes(self, layers: Layers) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(ids uint32, coverage float32) `[H, W]` of each pair."""
        import numpy as np

        for ids, name in self.pairs:
            covered = layers.planes[name]
            scale = np.float32(np.iinfo(covered.dtype).max if covered.dtype.kind in "ui" else 1)
            covered = np.asarray(covered, np.float32) / scale if scale != 1 else np.asarray(covered, np.float32)
            seen = np.broadcast_to(np.uint32(ids), covered.shape) if isinstance(ids, int) else layers.planes[ids]
            yield (seen if isinstance(ids, int) else np.ascontiguousarray(seen).view(np.uint32)), covered


def find_cryptomatte(layers: Layers, kind: str = "object", layer: str = "", view: str = "") -> Cryptomatte:
    """The cryptomatte of a kind (`object`, `material`, `asset`, or any name in the header) in a view layer (default: the first).

    Without a cryptomatte of objects, `object` is the object buffers, by the names of their passes.

    Raises FrameError where there is none, where planes are missing or not float32, or where its manifest cannot be read.
    """
    where = layers.path or "these layers"
    headers = _headers(layers.metadata)
    passes = Passes.of(layers)
    wanted = passes.layer_named(layer) if layer else passes.default_layer
    matching = [(key, name) for key, name in headers.items() if _is_kind(name, kind)]
    found = [pair for pair in matching if pair[1].startswith(f"{wanted}.") or kind == pair[1]]
    found = found or [pair for pair in matching if "." not in pair[1]] or ([] if layer else matching)
    if not matching and squash(kind) in ("object", squash(BUFFERS)) and (buffers := _buffers(passes, wanted, where)):
        return buffers
    if not found:
        there = ", ".join(headers.values()) or "none"
        place = f" in view layer {wanted!r}" if layer and matching else ""
        todo = "" if headers else f": {_what_to_render(layers)}"
        raise FrameError(f"{where}: there is no cryptomatte {kind!r}{place}{did_you_mean(kind, headers.values())}; it has {there}{todo}")
    key, name = found[0]
    ids, whole = _manifest(layers, key, f"{where}: cryptomatte {name}")
    return Cryptomatte(name, ids, _pairs(layers, passes, name, view, where), where, cut=not whole)


def all_cryptomattes(layers: Layers) -> Iterator[Cryptomatte | FrameError]:
    """Every cryptomatte of a file, in the order of its header; for one that cannot be read, why."""
    for name in dict.fromkeys(_headers(layers.metadata).values()):
        try:
            layer = name.rpartition(".")[0]
            yield find_cryptomatte(layers, name, layer if layer in Passes.of(layers).layers else "")
        except FrameError as error:
            yield error
    passes = Passes.of(layers)
    if not any(_is_kind(name, "object") for name in _headers(layers.metadata).values()):
        buffers = _buffers(passes, passes.default_layer, layers.path or "these layers")
        yield from [buffers] if buffers else []


def _buffers(passes: Passes, layer: str, where: str) -> Cryptomatte | None:
    """The object buffers of a view layer as a cryptomatte, an object each; None where there are none."""
    found = [p for p in passes.passes if re.fullmatch(r"Object\d+", p.canonical) and p.layer in (layer, "")]
    ids = {p.name: int(p.canonical.removeprefix("Object")) + 1 for p in found}
    return Cryptomatte(BUFFERS, ids, tuple((ids[p.name], p.channels[0][1]) for p in found), where) if found else None


def _what_to_render(layers: Layers) -> str:
    """What helps where a file has no cryptomatte at all."""
    if layers.path and not layers.path.lower().endswith(".exr") and all("." not in name for name in layers.planes):
        return "a picture without passes: render OpenEXR MultiLayer with Cryptomatte: Object"
    return "render with Cryptomatte: Object"


def _headers(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Header key (`cryptomatte/1234567`) -> name of every cryptomatte; Nuke writes the keys it has read with `exr/` in front.

    The conversion of ids is not checked: there is only one.
    """
    keys = (re.fullmatch(r"((?:exr/)*cryptomatte/.+)/name", str(entry)) for entry in metadata)
    return {key[1]: str(metadata[key[0]]) for key in keys if key}


def _is_kind(name: str, kind: str) -> bool:
    last = name.rpartition(".")[2]
    if kind.casefold() in KINDS:
        return squash(last) in (kind.casefold(), f"crypto{kind.casefold()}")
    return squash(kind) in (squash(name), squash(last))


def _pairs(layers: Layers, passes: Passes, name: str, view: str, where: str) -> tuple[tuple[str, str], ...]:
    """The planes of all ranks, `name00`, `name01`, ..., of one stereo view."""
    view = passes.view_named(view)
    ranks = [p for p in passes.passes if p.view in (view, "") and re.fullmatch(re.escape(name) + r"\d\d", p.full_name)]
    pairs = []
    for rank in sorted(ranks, key=lambda p: p.name):
        planes = dict(rank.channels)
        missing = [short for short in "RGBA" if short not in planes]
        if missing:
            raise FrameError(f"{where}: {rank.full_name} lacks its channel {missing[0]}: write cryptomattes with all four")
        if layers.planes[planes["R"]].dtype.name != "float32":
            kind = layers.planes[planes["R"]].dtype.name
            raise FrameError(f"{where}: {rank.full_name} is {kind}: its ids are lost, write cryptomattes as 32-bit float")
        pairs += [(planes["R"], planes["G"]), (planes["B"], planes["A"])]
    if not pairs:
        raise FrameError(f"{where}: the header speaks of cryptomatte {name!r}, but there is no channel {name}00.R")
    return tuple(pairs)


def _manifest(layers: Layers, key: str, where: str) -> tuple[dict[str, int] | None, bool]:
    """(name -> id, whether the manifest is whole), from the header or the side file it names (relative to the EXR).

    None where there is neither, or nothing in it. Raises FrameError for one that is damaged otherwise than by being cut off.
    """
    text = layers.metadata.get(f"{key}/manifest")
    side = str(layers.metadata.get(f"{key}/manif_file", ""))
    if not str(text or "").strip() and side:
        path = os.path.join(os.path.dirname(layers.path), side)
        beside = os.path.realpath(os.path.dirname(layers.path) or ".")
        outside = os.path.isabs(side) or not os.path.realpath(path).startswith(os.path.join(beside, ""))
        if outside or not os.path.isfile(path):
            raise FrameError(f"{where}: its manifest {side!r} is not beside the picture: copy it there")
        where = f"{where}: {side}"
        if os.path.getsize(path) > _MOST_MANIFEST:
            raise FrameError(f"{where}: a manifest of more than {_MOST_MANIFEST >> 20} MB is not read")
        try:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise FrameError(f"{where}: cannot be read: {error}") from error
    text = str(text or "").strip(" \t\r\n\0")
    if not text:
        return None, True
    try:
        return {str(name): float_safe(int(str(h), 16) & _MASK) for name, h in parse_json(text).items()}, True
    except (ValueError, AttributeError, RecursionError) as error:
        cut_off = text.startswith("{") and not text.endswith("}")
        entries = re.findall(_ENTRY, text) if cut_off else ()
        if not entries:
            raise FrameError(f"{where}: its manifest is damaged: {str(error)[:80].lower()}") from error
    return {parse_json(name): float_safe(int(h, 16)) for name, h in entries}, False


def select_names(crypto: Cryptomatte, patterns: str | Sequence[str], layers: Layers | None = None) -> dict[str, int]:
    """The names that match the patterns, with their ids.

    Each pattern is a whole name; else a wildcard with `*`, `?`, `[...]` (case-sensitive); else a list of these with commas
    between. One that begins with `!` takes names out again (`*, !Floor`); where all do, the others are taken. Raises FrameError
    for a pattern that matches nothing, unless it takes out; with `layers` it lists the names that the picture shows.
    """
    chosen: dict[str, int] = {}
    listed_patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    words = [word for pattern in listed_patterns for word in _words(crypto, pattern)]
    if words and all(_takes_out(crypto, word) for word in words):
        chosen = dict(crypto.ids or {})
    for word in words:
        if _takes_out(crypto, word):
            gone = _matching(crypto, word[1:].strip())
            chosen = {name: number for name, number in chosen.items() if name not in gone}
            continue
        found = _matching(crypto, word)
        if not found:
            raise FrameError(_nothing(crypto, word, layers))
        chosen |= found
    if not chosen:
        raise FrameError(f"{crypto.where}: a matte of {crypto.name} needs the name of at least one object")
    return chosen


def first_fits(crypto: Cryptomatte, patterns: Sequence[str]) -> list[list[int]]:
    """The ids of the objects that each pattern is the first to fit; none for one that fits nothing in this frame."""
    taken: set[int] = set()
    found = []
    for pattern in patterns:
        try:
            ids = [number for number in select_names(crypto, pattern).values() if number not in taken]
        except FrameError:
            ids = []
        taken.update(ids)
        found.append(ids)
    return found


def _words(crypto: Cryptomatte, pattern: str) -> list[str]:
    """The pattern, where it matches as it is; else its pieces between commas."""
    if _matching(crypto, pattern[1:].strip() if _takes_out(crypto, pattern) else pattern):
        return [pattern]
    return [piece.strip() for piece in pattern.split(",") if piece.strip()] or [pattern]


def _takes_out(crypto: Cryptomatte, word: str) -> bool:
    return word.startswith("!") and word not in (crypto.ids or {})


def _matching(crypto: Cryptomatte, pattern: str) -> dict[str, int]:
    ids = crypto.ids or {}
    if pattern in ids:
        return {pattern: ids[pattern]}
    if crypto.ids is None or crypto.cut:
        plain = pattern and not re.search(r"[*?\[,]", pattern)
        if plain or crypto.ids is None:
            return {pattern: name_id(pattern)} if plain else {}
    expression = re.compile(fnmatch.translate(pattern))
    return {name: ids[name] for name in ids if expression.match(name)}


def visible_names(crypto: Cryptomatte, layers: Layers) -> list[str]:
    """The names that cover anything in the picture, sorted: no lights and cameras, which manifests list too."""
    import numpy as np

    seen: set[int] = set()
    for ids, covered in crypto.planes(layers):
        seen.update(np.unique(ids[covered > 0]).tolist())
    return sorted(name for name, one in (crypto.ids or {}).items() if one in seen)


def _nothing(crypto: Cryptomatte, pattern: str, layers: Layers | None) -> str:
    if crypto.ids is None:
        return f"{crypto.where}: {crypto.name} has no manifest, so {pattern!r} cannot be looked up: write whole names, without wildcards"
    if crypto.cut:
        return (
            f"{crypto.where}: the manifest of {crypto.name} is cut off after {len(crypto.ids)} names, and {pattern!r} matches none: "
            "write whole names, without wildcards"
        )
    words = pattern.split()
    hint = did_you_mean(pattern, crypto.ids)
    if len(words) > 1 and all(_matching(crypto, word) for word in words):
        hint = f" (names are separated by commas: {', '.join(words)!r})"
    shown = visible_names(crypto, layers) if layers is not None else []
    where = " in this frame" if shown else ""
    names = listed(shown or sorted(crypto.ids), 24) or "no names"
    return f"{crypto.where}: nothing in {crypto.name} is called {pattern!r}{hint}; it has{where} {names}"


def coverage(layers: Layers, crypto: Cryptomatte, ids: Iterable[int]) -> np.ndarray:
    """The coverage of the ids in each pixel: float32 `[H, W]` on the data window, summed over all ranks, 0 to 1."""
    import numpy as np

    wanted = np.unique(np.fromiter(ids, np.uint32))
    total = np.zeros((layers.box.height, layers.box.width), np.float32)
    for seen, covered in crypto.planes(layers):
        total += np.where(np.isin(seen, wanted), covered, np.float32(0)) if wanted.size <= 64 else _of_many(seen, covered, wanted)
    return total.clip(0, 1)


def _of_many(seen: np.ndarray, covered: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The same for many ids: one search in their sorted list, in pixels with coverage only."""
    import numpy as np

    out = np.zeros_like(covered)
    there = covered > 0
    found = seen[there]
    hit = wanted[np.searchsorted(wanted, found).clip(max=wanted.size - 1)] == found
    out[there] = np.where(hit, covered[there], 0)
    return out


def decode_matte(layers: Layers, crypto: Cryptomatte, patterns: str | Sequence[str]) -> Matte:
    """The matte of the names that match the patterns, on the whole frame: float32 `[1, H, W]`, 0 to 1."""
    import torch

    from rotonodes.values.pixels import Box, Matte, cut

    plane = torch.from_numpy(coverage(layers, crypto, select_names(crypto, patterns, layers).values()))
    return Matte(cut(plane[None], layers.box, Box(0, 0, *layers.size)).contiguous())
