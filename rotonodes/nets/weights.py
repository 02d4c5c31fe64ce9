"""Weights files: safetensors with metadata, and training checkpoints. Files that can run code are never loaded."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import warnings
import weakref
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rotonodes.errors import FrameError, UsageError, did_you_mean_file
from rotonodes.io.archives import check_unpacked_size
from rotonodes.io.files import check_regular, write_bytes
from rotonodes.io.json_text import parse_json
from rotonodes.io.shipped import find_weights, near_weights
from rotonodes.nets.frame_tiles import frame_bytes, pixels_of, tiles_of
from rotonodes.nets.members import MOST_MEMBERS
from rotonodes.nets.model import Model, check_fit, is_onnx, skeleton

if TYPE_CHECKING:
    from torch import Tensor

# A safetensors file: 8 bytes little-endian header length, JSON header, tensor bytes (huggingface/safetensors, "Format").
_MAX_HEADER = 16_000_000  # 100,000 tensors; reading it takes several times as much memory
_KNOWN_FILES = ".safetensors, or the .pt or .pth of a training"
_CHECKPOINT_KEYS = ("rotonodes", "state")
TORCH_FILES = (".pt", ".pth", ".ckpt")


_SHARED, _ALWAYS_ALLOWED = 4, 1 << 28  # tensors may be views of one storage, a few times over; bytes that always may be claimed
_MOST_LEVELS = 32  # of a network, in an estimate of its memory


class WeightsError(UsageError):
    """A weights file is missing, damaged, foreign, or does not fit its network."""


def save_weights(
    model: Model, path: str | os.PathLike[str], dtype: Literal["float16", "float32"] = "float16", key: str | None = None
) -> None:
    """Write `.safetensors` atomically, with `key` in a sidecar: `path` is either the complete new file or unchanged.

    With float16, tensors of one dimension (norms, biases) stay float32: they are small, and sensitive to rounding.
    Raises WeightsError when a weight is too large for float16 or not finite, and the errors of `write_bytes`.
    """
    import torch
    from safetensors.torch import save

    if dtype not in ("float16", "float32"):
        raise WeightsError(f"{path}: dtype {dtype!r} is not known: use float16 or float32")
    state, stored = {}, set[int]()
    for name, tensor in model.state.items():
        half = dtype == "float16" and tensor.is_floating_point() and tensor.dim() > 1
        plain = tensor.detach().to("cpu", torch.float16 if half else tensor.dtype).contiguous()
        memory = plain.untyped_storage().data_ptr()
        state[name] = plain.clone() if memory in stored else plain  # one network twice in an ensemble; the format stores no tensor twice
        stored.add(memory)
        if not torch.isfinite(state[name]).all():
            raise WeightsError(f"{path}: {name} is not finite in {dtype}: train again, or write float32")
    write_bytes(path, _sorted_header(save(state, model.metadata())), key)


def load_weights(path: str | os.PathLike[str]) -> Model:
    """Read a `.safetensors` file, or a `.pt`/`.pth` checkpoint; weights come as float32.

    Files may be rotonodes' own, or of another project that `third_party` recognises; `weights/NAME.safetensors` is found in any
    folder where NAME ships. Raises WeightsError for any fault of the file; files that contain code are refused. UsageError for what
    is no path.
    """

    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"weights are read from a file, not from {type(path).__name__}: give its path")
    path = Path(find_weights(str(path)))
    if path.suffix.lower() in TORCH_FILES:
        content = read_pickle_free(path)
        own = isinstance(content, dict) and all(key in content for key in _CHECKPOINT_KEYS)
        metadata, state = (content["rotonodes"], content["state"]) if own else ({}, {})
    else:
        metadata, state = _read_header(path)[0], _read_tensors(path)
        own, content = "rotonodes" in metadata, state
    with named(path):
        if not own:
            from rotonodes.nets.third_party import model_of

            foreign = model_of(content)
            return replace(foreign, state=_as_float32(foreign.state))
        model = Model.from_metadata(metadata, _as_float32(state))
        check_fit(model.architecture, skeleton(model.architecture, model.config), model.state)
    return model


# Models that somebody has, by their file's place, size, time and inode.
_SHARED_MODELS: weakref.WeakValueDictionary[tuple[object, ...], Model] = weakref.WeakValueDictionary()


def shared_weights(path: str | os.PathLike[str]) -> Model:
    """As `load_weights`, for who only looks: a file that did not change, and whose model somebody still has, is not read again."""
    file = os.path.realpath(find_weights(str(path)))
    try:
        found = os.stat(file)
    except OSError:
        return load_weights(path)  # which says what is wrong
    key = file, found.st_size, found.st_mtime_ns, found.st_ino
    model = _SHARED_MODELS.get(key)
    if model is None:
        model = _SHARED_MODELS[key] = load_weights(path)
    return model


def _as_float32(state: dict[str, Tensor]) -> dict[str, Tensor]:
    import torch

    floats = {}
    for name, tensor in state.items():
        if tensor.is_floating_point():
            if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
                raise UsageError(f"{name} is {tensor.dtype}: weights must be float16, bfloat16, float32 or float64")
        elif not name.endswith("num_batches_tracked"):
            raise UsageError(f"{name} is {tensor.dtype}: weights must be floats, so quantised files cannot be read")
        floats[name] = tensor.float() if tensor.is_floating_point() else tensor
    return floats


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata in a `.safetensors` header, without reading a tensor and without torch.

    Raises WeightsError when the file is missing, truncated, no safetensors, or has no rotonodes metadata.
    """
    metadata, names = _read_header(Path(path))
    if "rotonodes" not in metadata:
        found = ", ".join(names[:3]) or "nothing"
        raise WeightsError(f"{path}: no rotonodes metadata (found {found}, ...): convert-weights writes it")
    return metadata


def asks_float32(path: str | os.PathLike[str]) -> bool:
    """True for a weights file whose metadata say that `precision: auto` is float32; False too for one that cannot be read."""
    try:
        return Path(path).suffix.lower() not in TORCH_FILES and _read_header(Path(path))[0].get("precision") == "float32"
    except WeightsError:  # it may not be there yet; the run reports it
        return False


def _read_header(path: Path) -> tuple[dict[str, str], list[str]]:
    """The metadata of a safetensors file and the names of its tensors."""
    if is_onnx(path.name):
        raise WeightsError(f"{path}: an ONNX file, which OnnxSegment runs and nothing else: take that node, or {_KNOWN_FILES}")
    with _opened(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= _MAX_HEADER:
            raise WeightsError(f"{path}: not a safetensors file: what can be read is {_KNOWN_FILES}")
        header = file.read(min(length, size))
    if not header.startswith(b"{"):
        raise WeightsError(f"{path}: not a safetensors file: what can be read is {_KNOWN_FILES}")
    if len(header) < length:
        raise WeightsError(f"{path}: truncated: its header needs {length + 8:,} bytes, the file has {size:,}: copy it again")
    try:
        fields = parse_json(header)
        ends = [entry["data_offsets"][1] for name, entry in fields.items() if name != "__metadata__"]
        metadata = dict(fields.get("__metadata__", {}))
        needed = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise WeightsError(f"{path}: not a safetensors file: its header is damaged") from None
    if size < needed:
        raise WeightsError(f"{path}: truncated: it needs {needed:,} bytes and has {size:,}: copy it again")
    return metadata, [name for name in fields if name != "__metadata__"]


def memory_of(path: str | os.PathLike[str], width: int, height: int, limit: float = 0) -> int:
    """An estimate, without torch, of a file's network memory for a frame of that size, in bytes; `limit` as for `tiles_of`.

    For files without metadata it is that of the most common U-Net.
    Raises WeightsError as `read_metadata` does.
    """
    metadata: dict[str, str] = {}
    if Path(path).suffix.lower() not in TORCH_FILES:
        metadata = _read_header(Path(path))[0]
    try:
        config, sight = (parse_json(metadata.get(name, "{}")) for name in ("config", "sight"))
        members = config.get("members") or ()
        if len(members) > MOST_MEMBERS:
            raise ValueError
        for one in (config, *(member["config"] for member in members)):
            _refuse_vast(one)
            if one is not config and "members" in one:
                raise ValueError
        pixels = squash**2 if (squash := sight.get("squash", 0)) else width * height
        tiles = [] if squash else tiles_of(width, height, metadata.get("architecture", ""), config, limit)
        return max((frame_bytes(config, pixels_of(*tile.seen)) for tile in tiles), default=frame_bytes(config, pixels))
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError):
        raise WeightsError(f"{path}: its metadata describe no network: copy or train it again") from None


def _refuse_vast(config: Mapping[str, Any]) -> None:
    """Raises ValueError for the config of a network whose memory would take long to estimate."""
    numbers = (config.get("depth", 4), config.get("width", 64), config.get("patch", 1), *(config.get("widths") or ())[: _MOST_LEVELS + 1])
    if not all(isinstance(number, int) and 0 <= number < 1 << 20 for number in numbers):
        raise ValueError
    if max(config.get("depth", 4), len(config.get("widths") or ())) > _MOST_LEVELS:
        raise ValueError


def read_pickle_free(path: Path) -> Any:
    """The content of a torch file of tensors and plain values. Raises WeightsError when it is damaged or contains anything else."""
    import torch

    with _opened(path):
        data = io.BytesIO(path.read_bytes())
    try:
        if zipfile.is_zipfile(data):
            check_unpacked_size(data, len(data.getbuffer()))
        data.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual pickles, which are refused anyway
            content = torch.load(data, map_location="cpu", weights_only=True)
        _check_storages(content)
        return content
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        found = f"refused: it holds python code ({named[1]})" if named else "damaged, or it holds more than tensors and plain values"
        raise WeightsError(f"{path}: {found}: save the network's state_dict() alone, and give that") from None
    except Exception as error:  # torch raises many kinds for damaged files
        raise WeightsError(f"{path}: truncated or not a torch file ({type(error).__name__}): copy or train it again") from None


def _check_storages(content: Any) -> None:
    """Raise ValueError for tensors that are larger than what is stored of them: they would be unpacked when they are converted."""
    import torch

    claimed, stored, todo, seen = 0, dict[int, int](), [content], set[int]()
    while todo:
        value = todo.pop()
        if isinstance(value, torch.Tensor):
            storage = value.untyped_storage()
            stored[storage.data_ptr()] = storage.nbytes()
            claimed += value.numel() * value.element_size()
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            todo += value.values() if isinstance(value, dict) else value
    if claimed > _SHARED * sum(stored.values()) + _ALWAYS_ALLOWED:
        raise ValueError(f"its tensors claim {claimed:,} bytes of {sum(stored.values()):,}")


def _sorted_header(file: bytes) -> bytes:
    """The file with sorted metadata: the library writes it in random order, and equal models must give equal files."""
    length = int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at multiples of 8
    return len(header).to_bytes(8, "little") + header + file[8 + length :]


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, ValueError, KeyError, OverflowError) as error:
        raise WeightsError(f"{path}: damaged safetensors file: {error}") from None
    return tensors


@contextmanager
def _opened(path: Path) -> Iterator[None]:
    try:
        check_regular(path)
    except FrameError as error:
        raise WeightsError(str(error)) from None
    try:
        yield
    except FileNotFoundError:
        near = did_you_mean_file(str(path), (".safetensors", ".onnx", *TORCH_FILES)) or near_weights(str(path))
        raise WeightsError(f"{path}: no such weights file{near}: check the path") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from None


@contextmanager
def named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Prefix errors about the content with the file's name."""
    try:
        yield
    except UsageError as error:
        raise WeightsError(f"{path}: {error}") from None
