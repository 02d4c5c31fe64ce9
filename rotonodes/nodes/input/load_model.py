"""LoadModel: a trained network from a file."""

from __future__ import annotations

from rotonodes.nets.model import Model
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param


class LoadModel(Node):
    """Read a trained network from a weights file.

    Link it to several nodes, or train it further.

    Checkpoints of other projects are known by their tensors: U-Nets of milesial/Pytorch-UNet and of the 3D-to-2D project, and
    U-2-Net. Files that hold code are refused.
    """

    path: InputPath = param(help="weights file (.safetensors), or a checkpoint (.pt, .pth)")

    def asks_float32(self) -> bool:
        from rotonodes.nets.weights import asks_float32

        return asks_float32(self.path)

    def process(self) -> Model:
        from rotonodes.nets.weights import load_weights

        return load_weights(self.path)
