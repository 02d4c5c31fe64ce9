"""Weights that know photographs for the contracting path of an efficient U-Net: those of a published EfficientNet-Lite."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from rotonodes.errors import UsageError
from rotonodes.nets.efficient_unet import EfficientUNet
from rotonodes.nets.weights import WeightsError, read_pickle_free

# What the published weights expect: (8-bit code - 127) / 128.
MEAN, DEVIATION = 127 / 255, 128 / 255


def read_encoder(path: str | os.PathLike[str], network: nn.Module) -> dict[str, Tensor]:
    """The contracting path of an efficient U-Net from a file of an EfficientNet-Lite classifier's tensors; see `encoder_state`.

    Raises WeightsError for a file that cannot be read or is of another network.
    """
    assert isinstance(network, EfficientUNet)
    content = read_pickle_free(Path(path))
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise WeightsError(f"{path}: not the tensors of a network alone: give the file as its project wrote it")
    try:
        return encoder_state(content, network)
    except UsageError as error:
        raise WeightsError(f"{path}: {error}") from None


def encoder_state(state: Mapping[str, Tensor], network: EfficientUNet) -> dict[str, Tensor]:
    """The contracting path's tensors from those of an EfficientNet-Lite classifier with the common PyTorch names
    (`_conv_stem.weight`, `_blocks.0._depthwise_conv.weight`, ...), for `network.load_state_dict(..., strict=False)`.

    What the published weights expect, codes from -127 / 128 to 1, is multiplied into the first convolution, whose input then is sRGB
    from 0 to 1. Channels beyond red, green and blue start with weight 0. Raises UsageError where tensors are missing or of
    other sizes: another variant, or another network.
    """
    wanted = network.state_dict()
    found = {ours: state[theirs] for ours in wanted if (theirs := _their_name(ours)) in state}
    missing = [name for name in wanted if name.startswith(("stem.", "blocks.")) and name not in found and not name.endswith("tracked")]
    if missing:
        raise UsageError(f"{_their_name(missing[0])} is missing, so these are no weights of this EfficientNet-Lite")
    stem = found["stem.conv.weight"].float()
    if stem.shape[1:] != (3, 3, 3) or wanted["stem.conv.weight"].shape[1] < 3:
        raise UsageError("EfficientNet-Lite's weights are for red, green and blue: train on a picture with these channels first")
    scaled = stem / DEVIATION
    # What the mean adds everywhere (but at the frame's edge) is taken off by the norm.
    shift = (scaled * MEAN).sum(dim=(1, 2, 3))
    found["stem.conv.weight"] = F.pad(scaled, (0, 0, 0, 0, 0, wanted["stem.conv.weight"].shape[1] - 3))
    found["stem.norm.running_mean"] = found["stem.norm.running_mean"] + shift
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            raise UsageError(
                f"{_their_name(name)} is {list(tensor.shape)} where {list(wanted[name].shape)} is needed: take another variant"
            )
    return found


def _their_name(name: str) -> str:
    """A tensor's name in the published files, "" for those of the expanding path."""
    part, _, rest = name.partition(".")
    if part == "stem":
        return rest.replace("conv.", "_conv_stem.").replace("norm.", "_bn0.")
    if part != "blocks":
        return ""
    index, step, rest = rest.split(".", 2)
    norm = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[step]
    return f"_blocks.{index}." + rest.replace("conv.", f"_{step}_conv.").replace("norm.", f"{norm}.")
