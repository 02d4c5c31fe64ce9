"""The cache: one file for each key and output, by default below `.rotonodes/`.

A file is a line, the CRC-32 of what follows, and a body: safetensors with the other fields of the value as JSON in the metadata,
deflated when it holds labels. Float32 tensors whose values half precision holds exactly are stored as half; every value is read
back bit for bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import struct
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotonodes.io.deflate import deflate
from rotonodes.io.files import sweep, write_bytes
from rotonodes.io.json_text import parse_json
from rotonodes.plan.cache_entries import HEAD, MAGIC, check, entries, names, prune, size_limit
from rotonodes.values.crossing import moved
from rotonodes.values.pixels import Image, Labels, Matte

if TYPE_CHECKING:
    from torch import Tensor

_PIXELS = {kind.__name__: kind for kind in (Image, Matte, Labels)}


class Cache:
    """Values by key and output name. Damaged entries count as missing; values that cannot be stored are skipped."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = Path(folder) if folder is not None else None
        self.removed: list[str] = []  # damaged entries, by name
        self._stored = 0  # bytes since the size was last looked at

    def path(self, key: str, output: str) -> Path:
        """The file of a value."""
        assert self.folder is not None
        return self.folder / key[:2] / _name(key, output)

    def is_empty(self) -> bool:
        """True when nothing at all is stored, so that no key need be looked for."""
        return self.folder is None or next(entries(self.folder), None) is None

    def listed(self) -> frozenset[str]:
        """The name of every entry, for `has`."""
        return frozenset() if self.folder is None else frozenset(names(self.folder))

    def has(self, key: str, outputs: list[str] | tuple[str, ...], listed: Set[str] | None = None) -> bool:
        """True when every one of the outputs is stored under the key; by the names in `listed`, where it is given."""
        if self.folder is None or not outputs:
            return False
        return all(self.path(key, output).is_file() if listed is None else _name(key, output) in listed for output in outputs)

    def has_sound(self, key: str, outputs: list[str] | tuple[str, ...]) -> bool:
        """As `has`, with all bytes of the entries read; damaged ones are removed, and listed in `removed`."""
        return self.has(key, outputs) and all(self._sound(self.path(key, output)) for output in outputs)

    def _sound(self, path: Path) -> bool:
        try:
            check(path.read_bytes())
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            self._remove(path)
            return False
        return True

    def load(self, key: str, outputs: list[str], kinds: dict[str, Any]) -> dict[str, Any] | None:
        """The outputs of a key, on the CPU; None when one is missing or damaged (which is then removed, and listed in `removed`)."""
        values = {}
        for output in outputs:
            path = self.path(key, output)
            try:
                values[output] = unpack(path.read_bytes(), kinds.get(output))
                with contextlib.suppress(OSError):
                    os.utime(path)  # what is used stays longest
            except FileNotFoundError:
                return None
            except Exception:  # whatever a damaged or foreign entry makes of its reader, it is a miss
                self._remove(path)
                return None
        return values

    def _remove(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        self.removed.append(path.name)

    def sweep(self) -> None:
        """Remove the unfinished entries of dead processes."""
        if self.folder is not None and self.folder.is_dir():
            for place in self.folder.iterdir():
                if place.is_dir():
                    sweep(place)

    def store(self, key: str, values: dict[str, Any]) -> None:
        """Store outputs under a key; values that cannot be packed are skipped."""
        if self.folder is None:
            return
        for output, value in values.items():
            if value is not None and can_pack(value):
                data = pack(value)
                write_bytes(self.path(key, output), data)
                self._stored += len(data)
                if self._stored > size_limit() // 10:
                    self.prune()

    def prune(self) -> None:
        """Keep the cache below its limit, when this run has stored anything."""
        if self.folder is not None and self._stored:
            self._stored = 0
            prune(self.folder, size_limit())


def _name(key: str, output: str) -> str:
    """The name of an entry."""
    return f"{key}.{''.join(c if c.isalnum() or c in '_-' else '~' for c in output)}"


def can_pack(value: Any) -> bool:
    """True for pixels without samples of their own file, and for kinds that have `pack` and `unpack`."""
    if getattr(value, "encoded", None) is not None:
        return False  # a file's own samples would be lost, and with them a bit-identical copy: the file is read again
    return type(value).__name__ in _PIXELS or (hasattr(value, "pack") and hasattr(type(value), "unpack"))


def pack(value: Any) -> bytes:
    """A value as bytes. Kinds other than pixels have `pack() -> dict` of JSON values and tensors, and a class method `unpack`."""
    import torch
    from isal import isal_zlib
    from safetensors.torch import save

    if type(value).__name__ in _PIXELS:
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name not in ("metadata", "encoded")}
        if isinstance(value, Image):
            fields["metadata"] = {k: v for k, v in value.metadata.items() if isinstance(v, str | int | float) and not _tells_where(k, v)}
    else:
        fields = value.pack()
    tensors: dict[str, Tensor] = {}
    tree = _strip(fields, "", tensors)
    halves = [name for name, tensor in tensors.items() if _fits_half(tensor)]
    cpu = torch.device("cpu")
    stored = {name: moved((t.half() if name in halves else t).contiguous(), cpu) for name, t in tensors.items()}
    text = json.dumps({"kind": type(value).__name__, "tree": tree, "halves": halves})
    body = save(stored, {"rotonodes": text})
    body = b"z" + deflate(body) if isinstance(value, Labels) else b"-" + body
    return b"".join((MAGIC, struct.pack("<I", isal_zlib.crc32(body)), body))


def unpack(data: bytes, kind: Any) -> Any:
    """The value from the bytes of `pack`. `kind` is the type of values other than pixels. Raises ValueError for damaged bytes."""
    from isal import isal_zlib
    from safetensors.torch import load

    check(data)
    body = data[HEAD + 1 :]
    try:
        if data[HEAD : HEAD + 1] == b"z":
            body = isal_zlib.decompress(body)
        tensors = load(body)
    except Exception as error:  # zlib and safetensors raise errors of their own for damaged data
        raise ValueError(str(error)) from error
    (length,) = struct.unpack("<Q", body[:8])
    note = parse_json(parse_json(body[8 : 8 + length])["__metadata__"]["rotonodes"])
    for name in note["halves"]:
        tensors[name] = tensors[name].float()
    tree = _restore(note["tree"], tensors)
    if note["kind"] in _PIXELS:
        for name in ("channels", "classes", "colors", "values", "origin", "size"):
            if name in tree:
                tree[name] = tuple(tree[name])
        return _PIXELS[note["kind"]](**tree)
    if kind is None or kind.__name__ != note["kind"]:
        raise ValueError(f"a {note['kind']} where another kind was expected")
    return kind.unpack(tree)


def _tells_where(name: str, value: Any) -> bool:
    """True for a note in a file's header about who made it and where: people, machines, absolute paths."""
    personal = name.rpartition("/")[2].lower() in ("owner", "host", "hostname", "user", "username", "computer", "artist")
    return personal or (isinstance(value, str) and re.match(r"/|\\\\|[A-Za-z]:[\\/]|~", value) is not None)


def _fits_half(tensor: Tensor) -> bool:
    """True when every value survives half precision, bit for bit."""
    import torch

    if tensor.dtype != torch.float32 or tensor.numel() == 0:
        return False
    first = tensor.reshape(-1)[:4096]
    # Most pictures fail on their first pixels; only promising ones are converted whole.
    return bool(_same(first, first.half().float())) and bool(_same(tensor, tensor.half().float()))


def _same(a: Tensor, b: Tensor) -> bool:
    import torch

    return torch.equal(a.contiguous().view(torch.int32), b.contiguous().view(torch.int32))


def _strip(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Plain data with its tensors taken out into `tensors`."""
    import torch

    if isinstance(value, torch.Tensor):
        tensors[path] = value.detach()
        return {"$tensor": path}
    if isinstance(value, dict):
        return {str(k): _strip(v, f"{path}.{k}" if path else str(k), tensors) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strip(v, f"{path}.{i}" if path else str(i), tensors) for i, v in enumerate(value)]
    return value


def _restore(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, dict):
        if set(tree) == {"$tensor"}:
            return tensors[tree["$tensor"]]
        return {k: _restore(v, tensors) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_restore(v, tensors) for v in tree]
    return tree
