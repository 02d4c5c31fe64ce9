"""WriteFrames: one picture a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from rotonodes.errors import UsageError
from rotonodes.node.asks import Frame, Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.color import Colorspace
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels, Layers, Matte

if TYPE_CHECKING:
    import numpy as np


Code = Annotated[int, Field(ge=0, le=255)]


class WriteFrames(Node):
    """Write every frame to a file.

    Its extension names the format: PNG, JPEG, TIFF, WebP, BMP or EXR.

    Labels become palette PNGs, with `values` grey ones. Into EXR go also `layers`, as they were read, and `extra` pictures and
    mattes as layers called by `names`; `layers` alone are written back bit for bit. A picture beside `layers` takes the place
    of their channels of the same names.
    """

    path: OutputPath = param(help="the files: a name with a frame token (####, %04d, $F4)", pixels=False, min_length=1)
    depth: Literal["auto", 8, 16, "half", "float"] = param(
        "auto", help="sample type; auto: as the picture was read if the format holds it, else 8 bit or half"
    )
    colorspace: Colorspace | Literal["auto"] = param("auto", help="encoding of colour; auto: 8 and 16 bit srgb, floats linear, mattes raw")
    quality: int = param(95, help="quality of JPEG, and of WebP unless lossless", ge=1, le=100)
    lossless: bool = param(True, help="write WebP without loss")
    compression: Literal["zip", "zips", "piz", "none", "rle", "dwaa"] = param("zip", help="compression of EXR; only dwaa loses detail")
    names: list[str] = param([], help="layer name of each `extra` input, in their order")
    values: list[Code] | None = param(None, help="write labels as grey, with this value for each class; default a palette of their indices")

    @field_validator("depth", mode="before")
    @classmethod
    def _bits(cls, depth: object) -> object:
        return {"8": 8, "16": 16}.get(str(depth), depth)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        from rotonodes.io.pictures import check_writable

        if not linked & {"image", "layers"}:
            yield "link `image`, or `layers`"
        if frames > 1 and not FilePattern(self.path).has_token:
            yield f"{frames} frames would all be written to {self.path!r}: put #### into the name"
        try:
            check_writable(self.path, None if self.depth == "auto" else str(self.depth))
        except UsageError as error:
            yield str(error)
        if linked & {"layers", "extra"} and not self.path.lower().endswith(".exr"):
            yield f"only EXR holds layers: end the path in .exr, not {Path(self.path).suffix!r}"
        if linked & {"layers", "extra"} and self.colorspace == "srgb":
            yield "layers are written as they are: leave `colorspace` at auto"

    def process(
        self,
        frame: Frame,
        key: Key,
        image: Image | Matte | Labels | None = None,
        layers: Layers | None = None,
        extra: list[Image | Matte] | None = None,
    ) -> Path:
        from rotonodes.io import exr, pictures

        linked = {"image": image, "layers": layers, "extra": extra}
        for fault in self.faults(frozenset(name for name, value in linked.items() if value), frames=1):
            raise UsageError(fault)
        if len(self.names) != len(extra or ()):
            raise UsageError(f"{len(extra or ())} extra pictures but {len(self.names)} names: give one name for each")
        (file,) = self.writes(frame)
        depth, signed = _DEPTHS.get(self.depth), key or None
        named = dict(zip(self.names, extra or (), strict=True))
        if self.values is not None and not isinstance(image, Labels):
            raise UsageError("values are the greys of labels' classes, but this is no picture of labels: take them out")
        if isinstance(image, Labels):
            if layers or named:
                raise UsageError("labels are written alone, as palette PNGs: give a picture or mattes to write with layers")
            pictures.write_labels(file, image, values=self.values, key=signed)
        elif layers is not None:
            planes = _planes({**({} if image is None else {"": image}), **named}, layers, depth)
            exr.write_layers(file, replace(layers, planes={**layers.planes, **planes}), compression=self.compression, key=signed)
        elif image is not None and named:
            kind: Literal["half", "float"] = "float" if depth == "float" else "half"
            exr.write_exr(file, image, named, depth=kind, compression=self.compression, key=signed)
        elif image is not None:
            options = {"compression": self.compression, "quality": self.quality, "lossless": self.lossless}
            pictures.write_image(file, image, depth=depth, colorspace=self.colorspace, key=signed, **options)  # type: ignore[arg-type]
        return Path(file)


_DEPTHS: dict[object, Literal["8", "16", "half", "float"]] = {8: "8", 16: "16", "half": "half", "float": "float"}


def _planes(values: Mapping[str, Image | Matte], layers: Layers, depth: str | None) -> dict[str, np.ndarray]:
    """All channels of the values under their full names, on the data window of the layers; half unless `depth` is float."""
    planes: dict[str, np.ndarray] = {}
    for name, value in values.items():
        picture = value if isinstance(value, Image) else Image(value.data)
        if picture.size != layers.size:
            raise UsageError(f"the picture is {picture.width} x {picture.height}, the layers {layers.width} x {layers.height}: reformat it")
        samples = picture.on(layers.box).data.cpu().numpy().astype("float32" if depth == "float" else "float16")
        planes.update((f"{name}.{channel}" if name else channel, plane) for channel, plane in zip(picture.channels, samples, strict=True))
    return planes
