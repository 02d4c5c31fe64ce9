"""LoadShards: labelled training frames out of packed shards."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from rotonodes.errors import FrameError, UsageError
from rotonodes.node.annotations import Device, Frame, Prepared, Wanted
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte
from rotonodes.values.tones import SIX_CLASSES, SIX_COLORS, LightDirection, default_colors

if TYPE_CHECKING:
    import numpy as np

    from rotonodes.io.shards import Shard

PASSES = {"combined": "Combined", "diffdir": "DiffDir", "diffcol": "DiffCol", "glossdir": "GlossDir", "normal": "Normal", "depth": "Depth"}
AXES = {"Normal": "XYZ", "Depth": "Z"}
VIEWS = ("view0", "view1", "view2")

# A tenth of the lights that FindKeyLight finds is off by five times the median or more: 10.5 and 2.1 degrees; see
# weights/tones_passes_unet.md.
_TENTH = 5.0
_TENTH_AT = 1.2816  # standard deviations beyond which a tenth of a normal distribution lies on one side
_MOST_OFF = 90.0  # degrees


class ShardFrame(NamedTuple):
    """A frame of a shard: its passes, the developed picture, the labels of its tones, what part of each pixel is shape, the key light."""

    layers: Layers | None
    image: Image | None
    labels: Labels | None
    shape: Matte | None
    light: LightDirection | None


class LoadShards(Node):
    """Read labelled frames to train on, from shards.

    Shards are files of some dozens of frames of random scenes. `examples/blender/shards.py` renders them, `rotonodes/io/shards.py`
    describes them.
    Frames are numbered from 1 through all shards, in the order of the files' names, and read one at a time. `layers` has the
    passes Combined, DiffDir, DiffCol, GlossDir, Normal and Depth, with the camera and the direction to the key light in its
    metadata, as in the EXRs of `examples/blender/clips.py`. `image` is the picture as developed by one of several view transforms.
    `light` is the direction of that light in world space: linked to FindKeyLight it saves the search, which takes longer than the training.
    """

    revision: ClassVar[int] = 1  # 1: light

    path: InputPath | list[InputPath] = param(
        help="a folder of shards, a name with wildcards (train/s11-*.npz), a file, or a list of them",
        min_length=1,
        examples=["in/shard.npz", "in/other.npz"],
    )
    view: Literal["vary", "standard"] = param(
        "vary", help="the developed picture: standard: plain sRGB; vary: another view transform from frame to frame"
    )
    ground: bool = param(True, help="labels with ground_shadow as a class; off: it is background", added=True)
    light_error: float = param(
        0.0,
        help="the median angle between `light` and the true direction; it is drawn for each frame, and a tenth of them are off by "
        "five times that or more, as those that FindKeyLight finds are",
        unit="degrees",
        ge=0,
        le=45,
        added=True,
    )

    def listed(self) -> tuple[Shard, ...]:
        """The shards in order. Raises UsageError where there are none, or one cannot be read."""
        from rotonodes.io.shards import list_shards

        return list_shards([path for _, path in self.paths("input")])

    def available(self) -> tuple[int, ...]:
        return tuple(range(1, sum(shard.frames for shard in self.listed()) + 1))

    def reads(self, frame: int | None) -> tuple[str, ...]:
        """The frame's shard and all before it, which decide its number."""
        from rotonodes.io.shards import place_of

        try:
            shards = self.listed()
            last = len(shards) if frame is None else place_of(shards, frame)[0] + 1
        except (UsageError, FrameError):
            return tuple(path for _, path in self.paths("input"))  # the run reports the fault
        return tuple(shard.path for shard in shards[:last])

    def prepare(self, device: Device, **inputs: Any) -> tuple[Shard, ...]:
        return self.listed()

    def process(self, frame: Frame, wanted: Wanted, shards: Prepared) -> ShardFrame:
        import torch

        from rotonodes.io.shards import place_of, read_shard_frame

        at, index = place_of(shards, frame)  # type: ignore[arg-type]
        shard: Shard = shards[at]  # type: ignore[index]
        view = VIEWS[0] if self.view == "standard" else VIEWS[(frame - 1) % len(VIEWS)]
        needs = {"layers": tuple(PASSES), "image": (view,), "labels": ("labels",), "shape": ("shape",)}
        arrays, note = read_shard_frame(shard, index, [name for output in wanted for name in needs.get(output, ())])
        if absent := [name for output in wanted for name in needs.get(output, ()) if name not in arrays]:
            raise FrameError(f"{shard.path}, frame {index + 1}: it has no {', '.join(absent)}: render the shard again")
        classes = shard.classes
        colors = SIX_COLORS[: len(classes)] if classes == SIX_CLASSES[: len(classes)] else default_colors(len(classes))
        return ShardFrame(
            as_layers(arrays, note, shard.path) if "layers" in wanted else None,
            as_picture(arrays[view]) if "image" in wanted else None,
            self.labels_of(Labels(torch.from_numpy(arrays["labels"]), classes, colors)) if "labels" in wanted else None,
            Matte(torch.from_numpy(arrays["shape"])[None] / 255.0) if "shape" in wanted else None,
            self.light_of(note, f"{Path(shard.path).name}/{index}") if "light" in wanted else None,
        )

    def labels_of(self, labels: Labels) -> Labels:
        """The labels, with `ground` off without ground_shadow, which is the last of six classes."""
        if self.ground or labels.classes != SIX_CLASSES:
            return labels
        last = len(SIX_CLASSES) - 1
        return Labels(labels.data.where(labels.data != last, 0), labels.classes[:last], labels.colors[:last])

    def light_of(self, note: dict[str, Any], name: str) -> LightDirection:
        """The key light of a frame, off by `light_error`; by what angle and to which side follows from the frame's `name`."""
        import numpy as np

        towards = np.asarray(note["key"]["direction"], np.float64)
        towards /= np.linalg.norm(towards)
        drawn = np.random.default_rng(zlib.crc32(name.encode()))
        angle = self.light_error * _TENTH ** (drawn.standard_normal() / _TENTH_AT)
        aside = drawn.standard_normal(3)
        aside -= towards * (aside @ towards)
        aside /= np.linalg.norm(aside)
        angle = math.radians(min(angle, _MOST_OFF))
        return LightDirection(tuple((math.cos(angle) * towards + math.sin(angle) * aside).tolist()))


def as_layers(arrays: dict[str, np.ndarray], note: dict[str, Any], path: str) -> Layers:
    """The passes of a frame under their usual names, with the header that a render of them has."""
    planes: dict[str, np.ndarray] = {}
    for stored, name in PASSES.items():
        stack = arrays[stored] if arrays[stored].ndim == 3 else arrays[stored][None]
        for axis, plane in zip(AXES.get(name, "RGB"), stack, strict=True):
            planes[f"{name}.{axis}"] = plane
    depth = planes["Depth.Z"].astype("float32")
    planes["Depth.Z"] = depth + (depth >= 65504) * 1e10  # the farthest half float stands for nothing
    height, width = depth.shape
    header = {"note": json.dumps({"key_direction": note["key"]["direction"], "camera": note["camera"]})}
    return Layers(planes, Box(0, 0, width, height), (width, height), header, path=path)


def as_picture(codes: np.ndarray) -> Image:
    """8-bit sRGB `[3, H, W]` as a linear picture."""
    import torch

    from rotonodes.values.color import srgb_to_linear

    return Image(srgb_to_linear(torch.from_numpy(codes) / 255.0))
