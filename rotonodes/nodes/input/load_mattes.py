"""LoadMattes: one channel of a picture as a matte."""

from __future__ import annotations

from rotonodes.errors import FrameError, did_you_mean
from rotonodes.io.layers import file_layers
from rotonodes.node.annotations import Frame, Prepared
from rotonodes.node.parameters import param
from rotonodes.nodes.input.mask_source import MaskSource
from rotonodes.values.pixels import Matte


class LoadMattes(MaskSource):
    """Read mattes: one channel of each picture, 0 to 1.

    Values are as stored; .npy and .pt arrays are read too.

    `auto` takes alpha where the files have it, else the grey channel, else red. For a white-on-black mask with an opaque alpha set
    `channel: R`; for a layer of an EXR file its full name (`ViewLayer.Mist.Z`).

    Where pictures have names instead of frame numbers, `pictures` lists them (as for LoadPictures), and `*` in the path stands for the
    name of each: `path: gt_aug/*.png, pictures: im_aug/*.jpg`. The case of an extension does not matter.
    """

    channel: str = param("auto", help="the channel to take: auto, A, R, G, B, Y, or an EXR channel's full name", min_length=1)

    def process(self, frame: Frame, first: Prepared) -> Matte:
        from rotonodes.io.arrays import SUFFIXES, as_matte, read_array
        from rotonodes.io.pictures import read_image

        (file,) = self.found(frame)
        if file.lower().endswith(SUFFIXES):
            import torch

            array = read_array(file)
            if array.ndim != 2 or array.dtype.kind not in "buif":
                raise FrameError(f"{file}: a matte is numbers [H, W], this array is {array.dtype} {list(array.shape)}")
            return self.finished(Matte(torch.from_numpy(as_matte(array))[None]), frame, first)
        if self.channel == "auto":
            image = read_image(file, "raw")
            name = next((name for name in ("A", "Y") if name in image.channels), image.channels[0])
            return self.finished(Matte(image.on_frame().data[image.channels.index(name)][None]), frame, first)
        layers = file_layers(file, "raw")
        if self.channel not in layers.planes:
            known = did_you_mean(self.channel, layers.planes) or f"; it has {', '.join(layers.planes)}"
            raise FrameError(f"cannot read {file}: it has no channel {self.channel!r}{known}")
        return self.finished(Matte(layers.image([self.channel], ("Y",)).on_frame().data), frame, first)
