"""WriteVideo: a clip as a video file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from rotonodes.errors import UsageError
from rotonodes.io.video_codecs import CODECS, Chroma, Codec, codec_of
from rotonodes.node.annotations import Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.pixels import Clip, Image, Labels, Matte
from rotonodes.values.rates import checked_rate, exact_rate

if TYPE_CHECKING:
    import numpy as np


class WriteVideo(Node):
    """Write the clip as a video: MP4, MOV, MKV or WebM.

    Codecs are H.264, HEVC, AV1, VP9, ProRes 422 and 4444, DNxHR and FFV1. Rates are exact: 23.976 is 24000/1001.

    ProRes 4444, FFV1 and VP9 (chroma 420) keep alpha, unpremultiplied; with the others the picture stands over black. FFV1 stores
    R'G'B' without loss, the others Y'CbCr of limited range. Colour is sRGB's, tagged BT.709. H.264, HEVC and AV1 with chroma 420
    have even sides: an odd width or height grows by one pixel, the last column or row repeated. Frames stream: memory does not
    grow with the clip. Needs the extra `video` (`pip install "rotonodes[video]"`).
    """

    path: OutputPath = param(
        help="file to write (.mp4 .mov .mkv .webm)",
        pixels=False,
        pattern=r"(?i)\.(mp4|mov|mkv|webm)$",
        examples=["out/video.mkv", "out/video-b.mkv"],
    )
    fps: float | str = param(24.0, help="frames per second: 24, 23.976 or 24000/1001", unit="1/s", examples=[24, "24000/1001"])
    codec: Codec | Literal["auto"] = param("auto", help="codec; auto: h264 in .mp4, prores_4444 in .mov, ffv1 in .mkv, vp9 in .webm")
    crf: float | None = param(
        None, help="constant quality of h264, hevc, av1 and vp9, lower is better; default 16, 18, 24 and 20", ge=0, le=63, examples=[20]
    )
    chroma: Chroma | None = param(None, help="chroma subsampling; default 420, and 422 or 444 where the codec has no other")
    bits: Literal[8, 10, 12, 16] | None = param(None, help="bits of a sample; default 8, ProRes and AV1 10")
    alpha: bool = param(True, help="alpha where the codec holds it; off: the picture over black")
    transfer: Literal["bt709", "srgb"] = param(
        "bt709", help="transfer curve in the tags; bt709 as players and editors expect, srgb exact in colour-managed players"
    )

    @field_validator("fps")
    @classmethod
    def _rate(cls, fps: float | str) -> float | str:
        return checked_rate(fps)

    def libraries(self) -> Iterable[str]:
        return ("av",)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        if frames == 0:
            yield f"there are no frames to write to {self.path!r}"
        try:
            encoder = CODECS[codec_of(self.path, self.codec)]
        except UsageError as error:
            yield str(error)
            return
        for what, value, known in (("chroma", self.chroma, encoder.chroma), ("bits", self.bits, encoder.bits)):
            if value is not None and value not in known:
                yield f"{what}: {encoder.title} has {' or '.join(map(str, known))}, not {value}"
        if self.crf is not None and (encoder.crf is None or self.crf > encoder.most_crf):
            yield f"crf: {encoder.title} has {'no crf' if encoder.crf is None else f'0 to {encoder.most_crf}'}"

    def process(self, image: Clip[Image | Matte | Labels], key: Key) -> Path:
        from rotonodes.io.files import atomic_write
        from rotonodes.io.video_write import VideoLook, VideoWriter

        for fault in self.faults(frozenset({"image"}), len(image)):
            raise UsageError(fault)
        codec = codec_of(self.path, self.codec)
        look = VideoLook(codec, exact_rate(self.fps), self.chroma, self.bits, self.crf, self.transfer)
        values = iter(image)
        first = next(values)
        alpha = self.alpha and CODECS[codec].alpha and isinstance(first, Image) and first.alpha is not None
        with (
            atomic_write(self.path, key or None) as hidden,
            VideoWriter(hidden, first.size, look, alpha=alpha, key=key, name=self.path) as video,
        ):
            for value in chain([first], values):
                video.add(_samples(value, video.bits, video.alpha))
        return Path(self.path)


def _samples(picture: Image | Matte | Labels, bits: int, alpha: bool) -> np.ndarray:
    """R'G'B' or R'G'B'A samples `[H, W, C]` of 8 or 16 bits."""
    from rotonodes.io.samples import encode, label_samples

    if isinstance(picture, Labels):
        return label_samples(picture)
    samples = encode(picture, "8" if bits == 8 else "16", "srgb", alpha=alpha)
    if samples.shape[2] < 3:
        samples = samples[..., [0, 0, 0, 1][: samples.shape[2] + 2]]
    return samples
