"""The codecs that videos are written with: their encoders in FFmpeg, their containers, sample formats and options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rotonodes.errors import UsageError, did_you_mean

Codec = Literal[
    "h264", "hevc", "av1", "vp9", "ffv1",
    "prores_proxy", "prores_lt", "prores_422", "prores_hq", "prores_4444", "prores_xq",
    "dnxhr_lb", "dnxhr_sq", "dnxhr_hq", "dnxhr_hqx", "dnxhr_444",
]  # fmt: skip
Chroma = Literal["420", "422", "444"]


@dataclass(frozen=True)
class Encoder:
    """One codec. The first of `chroma` and of `bits` is used where nothing else is asked for.

    `crf` is the default quality of encoders that have one. `even` says that subsampled pictures must have even sides; `alpha`
    that the codec holds alpha; `rgb` that it stores R'G'B' without loss. `least` is the smallest (width, height).
    """

    name: str
    title: str
    containers: tuple[str, ...]
    chroma: tuple[Chroma, ...] = ("420",)
    bits: tuple[int, ...] = (8,)
    crf: int | None = None
    most_crf: int = 51
    alpha: bool = False
    even: bool = False
    rgb: bool = False
    least: tuple[int, int] = (1, 1)
    options: Mapping[str, str] = field(default_factory=dict)

    def pixel_format(self, chroma: Chroma, bits: int, alpha: bool) -> str:
        """FFmpeg's name of the sample format."""
        if self.rgb:
            return {False: {8: "bgr0", 16: "gbrp16le"}, True: {8: "bgra", 16: "gbrap16le"}}[alpha][bits]
        return f"yuv{'a' if alpha else ''}{chroma}p{'' if bits == 8 else f'{bits}le'}"


def _prores(title: str, profile: str, **more: object) -> Encoder:
    options = {"profile": profile, "vendor": "apl0"}  # editors take files of Apple's own vendor without a warning
    # FFmpeg's encoder spoils the last columns of an odd width with 4:2:2.
    found = {"chroma": ("422",), "bits": (10,), "even": True, **more}
    return Encoder("prores_ks", f"ProRes {title}", (".mov", ".mkv"), options=options, **found)  # type: ignore[arg-type]


def _dnxhr(profile: str, chroma: Chroma = "422", bits: int = 8) -> Encoder:
    title = f"DNxHR {profile.upper()}"
    return Encoder("dnxhd", title, (".mov", ".mkv"), (chroma,), (bits,), least=(256, 120), options={"profile": f"dnxhr_{profile}"})


_ALL_CHROMA: tuple[Chroma, ...] = ("420", "422", "444")
CODECS: dict[Codec, Encoder] = {
    "h264": Encoder("libx264", "H.264", (".mp4", ".mov", ".mkv"), _ALL_CHROMA, (8, 10), crf=16, even=True, options={"preset": "medium"}),
    "hevc": Encoder("libx265", "HEVC", (".mp4", ".mov", ".mkv"), _ALL_CHROMA, (8, 10, 12), crf=18, even=True, least=(16, 16),
                    options={"preset": "medium", "x265-params": "log-level=none"}),
    "av1": Encoder("libsvtav1", "AV1", (".mp4", ".mkv", ".webm"), ("420",), (10, 8), crf=24, most_crf=63, even=True, least=(64, 64),
                   options={"preset": "8"}),
    "vp9": Encoder("libvpx-vp9", "VP9", (".webm", ".mkv", ".mp4"), ("420", "444"), (8,), crf=20, most_crf=63, alpha=True,
                   options={"b": "0", "row-mt": "1", "cpu-used": "3", "auto-alt-ref": "0"}),
    "ffv1": Encoder("ffv1", "FFV1", (".mkv", ".mov"), ("444",), (8, 16), alpha=True, rgb=True,
                    options={"level": "3", "slices": "4", "slicecrc": "1", "context": "0"}),
    "prores_proxy": _prores("422 Proxy", "proxy"),
    "prores_lt": _prores("422 LT", "lt"),
    "prores_422": _prores("422", "standard"),
    "prores_hq": _prores("422 HQ", "hq"),
    "prores_4444": _prores("4444", "4444", chroma=("444",), alpha=True),
    "prores_xq": _prores("4444 XQ", "4444xq", chroma=("444",), alpha=True),
    "dnxhr_lb": _dnxhr("lb"),
    "dnxhr_sq": _dnxhr("sq"),
    "dnxhr_hq": _dnxhr("hq"),
    "dnxhr_hqx": _dnxhr("hqx", bits=10),
    "dnxhr_444": _dnxhr("444", "444", 10),
}  # fmt: skip
USUAL: dict[str, Codec] = {".mp4": "h264", ".mov": "prores_4444", ".mkv": "ffv1", ".webm": "vp9"}


def codec_of(path: str, codec: Codec | Literal["auto"]) -> Codec:
    """The codec for a file: as asked for, or the usual one of its extension. Raises UsageError where the container cannot hold it."""
    extension = Path(path).suffix.lower()
    if extension not in USUAL:
        known = " ".join(USUAL)
        raise UsageError(f"{path}: cannot write {extension or 'a file without extension'}{did_you_mean(extension, USUAL)}; known: {known}")
    found = USUAL[extension] if codec == "auto" else codec
    encoder = CODECS[found]
    if extension not in encoder.containers:
        raise UsageError(f"{path}: {encoder.title} goes into {' or '.join(encoder.containers)}, not {extension}")
    return found
