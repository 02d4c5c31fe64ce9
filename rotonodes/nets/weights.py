"""Weights files: safetensors with our metadata, and our own training checkpoints. Nothing that runs code is ever read."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model, build, check_fit

if TYPE_CHECKING:
    from torch import Tensor

# A safetensors file: 8 bytes little-endian header length, JSON header, tensor bytes (huggingface/safetensors, "Format").
_MAX_HEADER = 100_000_000
_KNOWN_FILES = ".safetensors with rotonodes metadata, or a .pt checkpoint written by rotonodes' training"
_CHECKPOINT_KEYS = ("rotonodes", "state")


class WeightsError(UsageError):
    """A weights file is missing, damaged, foreign, or does not fit its network."""


def save_weights(model: Model, path: str | os.PathLike[str], dtype: Literal["float16", "float32"] = "float16") -> None:
    """Write `.safetensors` so that `path` is either the whole new file or untouched.

    With float16, tensors of one dimension (norms, biases) stay float32: they are small in bytes and large in effect.
    Raises WeightsError when a weight is too large for float16 or not finite.
    """
    import torch
    from safetensors.torch import save

    if dtype not in ("float16", "float32"):
        raise WeightsError(f"{path}: dtype {dtype!r} is not known: use float16 or float32")
    state = {}
    for name, tensor in model.state.items():
        half = dtype == "float16" and tensor.is_floating_point() and tensor.dim() > 1
        state[name] = tensor.detach().to("cpu", torch.float16 if half else tensor.dtype).contiguous()
        if not torch.isfinite(state[name]).all():
            raise WeightsError(f"{path}: {name} is not finite in {dtype}: train again, or write float32")
    write_whole(path, _sorted_header(save(state, model.metadata())))


def load_weights(path: str | os.PathLike[str]) -> Model:
    """Read a `.safetensors` file, or a `.pt`/`.pth` checkpoint of rotonodes' own training; weights come as float32.

    Raises WeightsError for every fault of the file.
    """
    import torch

    path = Path(path)
    if path.suffix.lower() in (".pt", ".pth"):
        metadata, state = _read_checkpoint(path)
    else:
        metadata, state = read_metadata(path), _read_tensors(path)
    for name, tensor in state.items():
        if tensor.is_floating_point():
            if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
                raise WeightsError(f"{path}: {name} is {tensor.dtype}: weights must be float16, bfloat16, float32 or float64")
            state[name] = tensor.float()
        elif not name.endswith("num_batches_tracked"):
            raise WeightsError(f"{path}: {name} is {tensor.dtype}: weights must be floats, so quantised files cannot be read")
    with _named(path):
        model = Model.from_metadata(metadata, state)
        with torch.device("meta"):  # only the shapes are wanted here
            network = build(model.architecture, model.config)
        check_fit(model.architecture, network, state)
    return model


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata in a `.safetensors` header, without reading a tensor and without torch.

    Raises WeightsError when the file is missing, truncated, no safetensors, or has no rotonodes metadata.
    """
    path = Path(path)
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
        fields = json.loads(header)
        ends = [entry["data_offsets"][1] for name, entry in fields.items() if name != "__metadata__"]
        metadata = dict(fields.get("__metadata__", {}))
        needed = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise WeightsError(f"{path}: not a safetensors file: its header is damaged") from None
    if size < needed:
        raise WeightsError(f"{path}: truncated: it needs {needed:,} bytes and has {size:,}: copy it again")
    if "rotonodes" not in metadata:
        found = ", ".join(list(fields)[:3]) or "nothing"
        raise WeightsError(f"{path}: no rotonodes metadata (found {found}, ...): what can be read is {_KNOWN_FILES}")
    return metadata


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write under a temporary name in the same folder, flush to disk, rename: a killed run leaves no partial file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_pickle_free(path: Path) -> Any:
    """A torch file with tensors and plain values only. Raises WeightsError when it is damaged or holds anything else."""
    import torch

    with _opened(path):
        data = io.BytesIO(path.read_bytes())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd pickles, which are refused anyway
            return torch.load(data, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        found = f"refused: it holds python code ({named[1]})" if named else "damaged, or it holds more than tensors and plain values"
        raise WeightsError(f"{path}: {found}: use {_KNOWN_FILES}") from None
    except Exception as error:  # torch raises many kinds for damaged files
        raise WeightsError(f"{path}: truncated or not a torch file ({type(error).__name__}): copy or train it again") from None


def _read_checkpoint(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    found = read_pickle_free(path)
    if not isinstance(found, dict) or any(key not in found for key in _CHECKPOINT_KEYS):
        keys = ", ".join(map(str, list(found)[:3])) if isinstance(found, dict) else type(found).__name__
        raise WeightsError(f"{path}: not a checkpoint of rotonodes (found {keys}, ...): what can be read is {_KNOWN_FILES}")
    return found["rotonodes"], found["state"]


def _sorted_header(file: bytes) -> bytes:
    """The library writes metadata in random order; in sorted order, equal models give equal files."""
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
        yield
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file: check the path") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file's name before errors about its content."""
    try:
        yield
    except UsageError as error:
        raise WeightsError(f"{path}: {error}") from None
