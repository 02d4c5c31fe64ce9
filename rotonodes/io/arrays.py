"""Masks stored as arrays: NumPy arrays in .npy files and tensors in .pt files. Files are never unpickled, so none can run code."""

from __future__ import annotations

import math
import os
import warnings
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError
from rotonodes.io.archives import check_unpacked_size
from rotonodes.io.files import decoding, read_error
from rotonodes.io.limits import check_size

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".npy", ".pt", ".pth")
NPY = b"\x93NUMPY"  # first bytes of a NumPy array file
PT = b"PK\x03\x04"  # a torch file is a zip archive


def is_array(start: bytes) -> bool:
    """True for the first bytes of an .npy or .pt file."""
    return start.startswith((NPY, PT))


def read_array(path: str | os.PathLike[str]) -> np.ndarray:
    """The plane `[H, W]` in an .npy or .pt file, in its own type; `[1, H, W]` is accepted. An .npy file is memory-mapped.

    Raises FrameError when the file is missing, damaged, or holds anything but one such array.
    """
    import numpy as np

    try:
        with open(path, "rb") as file:
            start = file.read(8)
    except OSError as error:
        raise read_error(path, error) from error
    with decoding(path, ".pt file" if start.startswith(PT) else ".npy file", "write it again"):
        if not start.startswith((PT, NPY)):
            raise FrameError(f"{path}: neither an .npy nor a .pt file of torch 1.6 or newer: save the mask again")
        found = _tensor(path) if start.startswith(PT) else np.load(path, mmap_mode="r", allow_pickle=False)
    if found is not None and not found.size:
        raise FrameError(f"{path}: an array of {list(found.shape)} has no pixels: save the mask again")
    if found is not None and found.ndim >= 2:
        check_size(path, found.shape[-1], math.prod(found.shape[:-1]))
    if found is None:
        raise FrameError(f"{path}: not one tensor: save the mask itself, a tensor [H, W]")
    return found[0] if found.ndim == 3 and found.shape[0] == 1 else found


def _tensor(path: str | os.PathLike[str]) -> np.ndarray | None:
    """The tensor in a .pt file; None when it holds something else."""
    import torch

    check_unpacked_size(path, os.path.getsize(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about unusual pickles, which are refused anyway
        found = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, torch.Tensor):
        return None
    if found.numel() * found.element_size() > found.untyped_storage().nbytes():
        raise FrameError(f"{path}: damaged .pt file: a tensor of {list(found.shape)} in {found.untyped_storage().nbytes()} bytes")
    array: np.ndarray = found.detach().numpy()
    return array


def as_matte(array: Any) -> Any:
    """An array of any type `[H, W]` as a matte, float32: integers are codes, with 255 or 65535 as 1."""
    import numpy as np

    if array.dtype.kind == "b":
        return array.astype(np.float32)
    if array.dtype.kind in "ui":
        return array.astype(np.float32) / (np.iinfo(array.dtype).max if array.dtype.kind == "u" else 255)
    return array.astype(np.float32)
