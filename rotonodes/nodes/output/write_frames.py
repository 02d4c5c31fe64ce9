"""WriteFrames: one picture a frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from rotonodes.errors import UsageError
from rotonodes.imaging.picture.layering import planes_on_layers
from rotonodes.node.annotations import Frame, Key
from rotonodes.node.parameters import OutputPath, param
from rotonodes.nodes.output.numbered_writer import NumberedWriter
from rotonodes.values.color import Colorspace
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Labels, Layers, Matte

Code = Annotated[int, Field(ge=0, le=255)]


class WriteFrames(NumberedWriter):
    """Write every frame to a file.

    Its extension names the format: PNG, JPEG, TIFF, WebP, BMP or EXR.

    Labels become palette PNGs, or grey ones with `values`. EXR files also take `layers`, as they were read, and `extra` pictures and
    mattes as layers under `names`; `layers` alone are written back bit-identical. A picture beside `layers` replaces
    their channels of the same names.
    """

    path: OutputPath = param(help="the files: a name with a frame token (####, %04d, $F4)", pixels=False, min_length=1)
    depth: Literal["auto", 8, 16, "half", "float"] = param(
        "auto", help="sample type; auto: as the picture was read where the format holds it, else 8 bit or half"
    )
    colorspace: Colorspace | Literal["auto"] = param("auto", help="encoding of colour; auto: 8 and 16 bit srgb, floats linear, mattes raw")
    quality: int = param(95, help="quality of JPEG, and of WebP that is not lossless", ge=1, le=100)
    lossless: bool = param(True, help="lossless WebP")
    compression: Literal["zip", "zips", "piz", "none", "rle", "dwaa"] = param("zip", help="compression of EXR; all but dwaa are lossless")
    names: list[str] = param([], help="layer names of the `extra` inputs, in their order")
    values: list[Code] | None = param(None, help="grey value of each class, to write labels as grey; default: a palette of indices")

    @field_validator("depth", mode="before")
    @classmethod
    def _bits(cls, depth: object) -> object:
        return {"8": 8, "16": 16}.get(str(depth), depth)

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
            planes = planes_on_layers({**({} if image is None else {"": image}), **named}, layers, depth)
            exr.write_layers(file, replace(layers, planes={**layers.planes, **planes}), compression=self.compression, key=signed)
        elif image is not None and named:
            kind: Literal["half", "float"] = "float" if depth == "float" else "half"
            exr.write_exr(file, image, named, depth=kind, compression=self.compression, key=signed)
        elif image is not None:
            options = {"compression": self.compression, "quality": self.quality, "lossless": self.lossless}
            pictures.write_image(file, image, depth=depth, colorspace=self.colorspace, key=signed, **options)  # type: ignore[arg-type]
        return Path(file)


_DEPTHS: dict[object, Literal["8", "16", "half", "float"]] = {8: "8", 16: "16", "half": "half", "float": "float"}
