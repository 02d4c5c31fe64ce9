"""LoadModel: a trained network from a file."""

from __future__ import annotations

from rotonodes.nets.members import MOST_MEMBERS
from rotonodes.nets.model import Model
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param


class LoadModel(Node):
    """Read a trained network from a weights file.

    Link it to several nodes, or train it further. Of an ensemble's file `member` takes one of the networks.

    Checkpoints of other projects are known by their tensors: U-Nets of milesial/Pytorch-UNet and of the 3D-to-2D project, and
    U-2-Net. Files that hold code are refused.
    """

    path: InputPath = param(help="weights file (.safetensors), or a checkpoint (.pt, .pth)")
    member: int = param(0, help="of an ensemble's file: one of its networks, counted from 1; 0: the file as it is", ge=0, le=MOST_MEMBERS)

    def asks_float32(self) -> bool:
        from rotonodes.nets.weights import asks_float32

        return asks_float32(self.path)

    def process(self) -> Model:
        from rotonodes.nets.ensemble_network import member_of
        from rotonodes.nets.weights import load_weights, named

        model = load_weights(self.path)
        with named(self.path):
            return member_of(model, self.member) if self.member else model
