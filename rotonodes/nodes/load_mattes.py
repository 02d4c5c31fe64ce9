"""LoadMattes: one channel of a picture as a matte."""

from __future__ import annotations

from typing import ClassVar

from rotonodes.errors import FrameError, did_you_mean
from rotonodes.node import Frame, Prepared, param
from rotonodes.nodes.load_frames import FileSource, file_layers
from rotonodes.pixels import Matte


class LoadMattes(FileSource):
    """Read mattes: one channel of each picture, as stored, 0 to 1.

    `auto` takes alpha where the files have it, else the grey channel, else red. A mask painted in white on black and saved
    with an opaque alpha is read with `channel: R`; a layer of an EXR file by its full name (`ViewLayer.Mist.Z`).
    """

    category: ClassVar[str] = "input"
    channel: str = param("auto", help="the channel to take: auto, A, R, G, B, Y, or an EXR channel's full name", min_length=1)

    def process(self, frame: Frame, first: Prepared) -> Matte:
        from rotonodes.io.pictures import read_image

        (file,) = self.found(frame)
        if self.channel == "auto":
            image = read_image(file, "raw")
            name = next((name for name in ("A", "Y") if name in image.channels), image.channels[0])
            return self.finished(Matte(image.on_frame().data[image.channels.index(name)][None]), frame, first)
        layers = file_layers(file, "raw")
        if self.channel not in layers.planes:
            known = did_you_mean(self.channel, layers.planes) or f"; it has {', '.join(layers.planes)}"
            raise FrameError(f"cannot read {file}: it has no channel {self.channel!r}{known}")
        return self.finished(Matte(layers.image([self.channel], ("Y",)).on_frame().data), frame, first)
