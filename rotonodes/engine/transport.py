"""Values as bytes, from a helper process to the run: plain data, arrays and tensors, and the kinds of values that files hold.

Nothing in the bytes can run code, whoever wrote them: kinds are chosen from a fixed list. A message is the length of its head, a head
of JSON, and the buffers of the arrays.
"""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from rotonodes.values.pixels import Box, Encoded, Image, Labels, Layers, Matte

_KINDS = {kind.__name__: kind for kind in (Encoded, Image, Labels, Layers, Matte)}
_LENGTH = struct.Struct("<Q")
_DTYPE = re.compile(r"[<>|][biufcSU][0-9]{1,4}")


def pack(value: Any) -> bytes:
    """A message. Kinds other than pixels have `pack() -> dict`, as for the cache. Raises TypeError for what cannot be passed on."""
    buffers: list[memoryview | bytes] = []
    head = json.dumps(_plain(value, buffers)).encode()
    sizes = [_LENGTH.pack(memoryview(buffer).nbytes) for buffer in buffers]
    return b"".join((_LENGTH.pack(len(head)), head, _LENGTH.pack(len(buffers)), *sizes, *buffers))


def unpack(data: bytes, kinds: Mapping[str, Any]) -> Any:
    """The value of a message; `kinds` are the classes with `unpack`, by name. Raises ValueError for bytes that are no message."""
    try:
        (length,) = _LENGTH.unpack_from(data)
        tree, at = json.loads(data[8 : 8 + length]), 8 + length
        (count,) = _LENGTH.unpack_from(data, at)
        sizes = [_LENGTH.unpack_from(data, at + 8 + 8 * i)[0] for i in range(count)]
        at += 8 + 8 * count
        buffers = []
        for size in sizes:
            buffers.append(memoryview(data)[at : at + size])
            at += size
        return _restored(tree, buffers, kinds)
    except (struct.error, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a message: {error}") from error


def _plain(value: Any, buffers: list[memoryview | bytes]) -> Any:
    """JSON for a value: plain scalars as they are, everything else as `[mark, ...]`."""
    import torch

    if value is None or isinstance(value, bool | str) or type(value) in (int, float):
        return value
    if isinstance(value, torch.Tensor):
        return ["tensor", *_array(value.detach().cpu().contiguous().numpy(), buffers)]
    if isinstance(value, np.generic):
        return ["number", *_array(np.asarray(value), buffers)]
    if isinstance(value, np.ndarray):
        return ["array", *_array(value, buffers)]
    if isinstance(value, bytes):
        buffers.append(value)
        return ["bytes", len(buffers) - 1]
    if isinstance(value, Box):
        return ["box", *map(int, value)]
    if isinstance(value, list | tuple):
        return ["list" if isinstance(value, list) else "tuple", [_plain(one, buffers) for one in value]]
    if isinstance(value, Mapping):
        return ["mapping", [[_plain(key, buffers), _plain(one, buffers)] for key, one in value.items()]]
    if type(value).__name__ in _KINDS:
        fields = [[f.name, _plain(getattr(value, f.name), buffers)] for f in dataclasses.fields(value)]
        return ["kind", type(value).__name__, fields]
    if hasattr(value, "pack") and hasattr(type(value), "unpack"):
        return ["packed", type(value).__name__, _plain(value.pack(), buffers)]
    if isinstance(value, int | float):  # a subclass, as of an enumeration
        return _plain(int(value) if isinstance(value, int) else float(value), buffers)
    raise TypeError(f"a {type(value).__name__} cannot be passed on by a helper process")


def _array(array: np.ndarray, buffers: list[memoryview | bytes]) -> tuple[str, list[int], int]:
    solid = np.ascontiguousarray(array)
    buffers.append(solid.reshape(-1).view(np.uint8).data if solid.size else b"")
    return array.dtype.str, list(array.shape), len(buffers) - 1


def _restored(tree: Any, buffers: list[memoryview], kinds: Mapping[str, Any]) -> Any:
    import torch

    if not isinstance(tree, list):
        return tree
    mark, *rest = tree
    if mark in ("tensor", "array", "number"):
        dtype, shape, at = rest
        if not _DTYPE.fullmatch(dtype):  # NumPy takes many more words for types, some with a warning
            raise ValueError(f"not a message: an array of {dtype!r}")
        array = np.frombuffer(buffers[at], np.dtype(dtype)).reshape(shape).copy()  # a copy may be written to
        return torch.from_numpy(array) if mark == "tensor" else array if mark == "array" else array[()]
    if mark == "bytes":
        return bytes(buffers[rest[0]])
    if mark == "box":
        return Box(*rest)
    if mark in ("list", "tuple"):
        made = [_restored(one, buffers, kinds) for one in rest[0]]
        return made if mark == "list" else tuple(made)
    if mark == "mapping":
        return {_restored(key, buffers, kinds): _restored(one, buffers, kinds) for key, one in rest[0]}
    if mark == "kind":
        return _KINDS[rest[0]](**{name: _restored(one, buffers, kinds) for name, one in rest[1]})
    if mark == "packed":
        return kinds[rest[0]].unpack(_restored(rest[1], buffers, kinds))
    raise ValueError(f"not a message: {mark!r}")
