"""CheckEdges: how good the edges of a clip's mattes are, and where they are worst."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rotonodes.errors import UsageError
from rotonodes.imaging.mattes.edge_report import KINDS, EdgeReport, FrameEdges, Limits, Place
from rotonodes.imaging.picture.sheet import GAP, cell_size, contact_sheet
from rotonodes.node.asks import Key, Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.pixels import Clip, Image, Matte

_CELL = 240  # width of a frame on the sheet, px
_NEAR = 36  # shorter side of the piece that is shown enlarged, px
_RING = 7  # radius of the rings, px of the sheet
_COLORS = {"thick": "#4aa3ff", "thin": "#ff4fd8", "sharp": "#ffd23f", "rough": "#ff8c42", "gap": "#3ddc84"}


class CheckEdges(Node):
    """Measure the edges of mattes and report faulty ones.

    Frame by frame and over the clip, it says where edges are too thick, thin, sharp, rough or broken.

    The edge is the line where the matte crosses 0.5. Its **width** is the area of what lies between 0.1 and 0.9 divided by the
    length of the line, the mean distance from 10 to 90 %: 0.8 px for a straight edge that is anti-aliased, 0 for a hard one. It is
    `thick` or `thin` where that, in a square around a point, is beyond the limit. **Roughness** is how far the line lies from its mean
    line, as root mean square (Rq of ISO 21920-2); the mean line is a Gaussian filter's with a cut-off of 16 px (ISO 16610-21), twice,
    so that the bend of the shape does not count. An edge is too **sharp** where it turns by more than `turn` within 8 px. A
    **gap** is a crack, notch or pinhole that a closing by a disc of diameter `gap` fills. `path` takes it all as JSON; `picture` a sheet
    of the worst frames, the worst places ringed and the first of them enlarged. Frames stream; what is delivered is what is checked.
    Needs scikit-image (`pip install "rotonodes[post]"`).
    """

    path: OutputPath = param("", help="JSON file to write the report to; default none", pixels=False)
    picture: OutputPath = param("", help="PNG to write the worst frames to; default none", pixels=False)
    picture_count: int = param(12, help="frames on that sheet", unit="frames", ge=1, le=1000)
    thick: float = param(4.0, help="an edge wider than this is too thick", unit="px", gt=0, le=200)
    thin: float = param(0.2, help="an edge narrower than this is too thin: hard, aliased", unit="px", ge=0)
    turn: float = param(120.0, help="an edge that turns by more than this within 8 px is too sharp", unit="degrees", ge=0, le=180)
    rough: float = param(0.7, help="an edge further from its mean line than this is too rough", unit="px", ge=0)
    gap: float = param(3.0, help="what is narrower is a gap; 0 looks for none", unit="px", ge=0, le=100)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return tuple(path for path in (self.path, self.picture) if path)

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        from rotonodes.io.pictures import check_writable

        if self.picture:
            try:
                check_writable(self.picture, "8")
            except UsageError as error:
                yield f"picture: {error}"
        if self.path and self.path == self.picture:
            yield f"`path` and `picture` are both {self.path!r}: the report is JSON, the worst frames a picture"
        if self.thin >= self.thick:
            yield f"thin: {self.thin:g} px must be less than thick: {self.thick:g} px"

    def process(self, matte: Clip[Matte], key: Key, monitor: Monitor) -> EdgeReport:
        from rotonodes.imaging.mattes.edge_check import check

        if not len(matte):
            raise UsageError("there are no frames to check")
        limits = Limits(self.thick, self.thin, self.turn, self.rough, self.gap)
        frames: list[FrameEdges] = []
        shown: list[Shown] = []
        for done, (frame, value) in enumerate(matte.items(), 1):
            plane = value.data[0].cpu().numpy()
            frames.append(check(frame, plane, limits))
            if self.picture:
                shown = self.worst(shown, frames[-1], value)
            monitor.progress(done, len(matte))
        report = EdgeReport(limits, tuple(frames))
        for finding in report.findings():
            monitor.warn(finding)
        self.write(report, shown, key)
        return report

    def worst(self, shown: list[Shown], found: FrameEdges, matte: Matte) -> list[Shown]:
        """The worst frames so far, worst first; only frames that are among them become pictures."""
        if len(shown) == self.picture_count and found.badness <= shown[-1].badness:
            return shown
        size = shown[0].size if shown else cell_size(matte, _CELL)
        one = Shown(found.badness, found.frame, size, caption(found), marked(matte, found.places, size))
        return sorted([*shown, one], key=lambda other: (-other.badness, other.frame))[: self.picture_count]

    def write(self, report: EdgeReport, shown: list[Shown], key: str) -> None:
        """The files that were asked for, with their keys."""
        from rotonodes.io.files import remove_sidecar, write_bytes, write_sidecar
        from rotonodes.io.pictures import write_image

        if self.path:
            remove_sidecar(self.path)
            write_bytes(self.path, json.dumps(report.as_json(), indent=2).encode() + b"\n")
            if key:
                write_sidecar(self.path, key)
        if self.picture:
            legend = [(name, _COLORS[kind]) for kind, (name, _) in KINDS.items()]
            sheet = contact_sheet([one.picture for one in shown], [one.text for one in shown], legend=legend)
            write_image(self.picture, sheet, key=key or None)


class Shown(NamedTuple):
    """A frame on the sheet: how bad it is, its number, the size of each of its two pictures, what is written below, and both."""

    badness: float
    frame: int
    size: tuple[int, int]
    text: str
    picture: Image


def caption(found: FrameEdges) -> str:
    """A frame's figures in one line."""
    if found.width is None:
        return f"{found.frame}   no edge"
    rough = "" if found.roughness is None else f"   rough {found.roughness:.2f} px"
    return f"{found.frame}   width {found.width:.2f} px{rough}   gaps {found.gaps}"


def marked(matte: Matte, places: Sequence[Place], size: tuple[int, int]) -> Image:
    """The frame with its worst places ringed, and beside it the surroundings of the first place enlarged."""
    import numpy as np
    import PIL.Image
    import PIL.ImageDraw
    import torch

    from rotonodes.values.color import srgb_to_linear

    grey = (matte.data[0].nan_to_num(0).clamp(0, 1) * 255).round().byte().cpu().numpy()
    whole = PIL.Image.fromarray(grey)
    sheet = PIL.Image.new("RGB", (2 * size[0] + GAP // 2, size[1]))
    sheet.paste(whole.resize(size, PIL.Image.Resampling.BOX), (0, 0))
    scale_x, scale_y = size[0] / matte.width, size[1] / matte.height
    draw = PIL.ImageDraw.Draw(sheet)
    for place in reversed(places):
        x, y = (place.x + 0.5) * scale_x, (place.y + 0.5) * scale_y
        draw.ellipse((x - _RING, y - _RING, x + _RING, y + _RING), outline=_COLORS[place.kind], width=2)
    middle = places[0] if places else Place("", matte.width // 2, matte.height // 2, 0.0)
    near = _NEAR * size[0] / min(size), _NEAR * size[1] / min(size)
    box = (middle.x + 0.5 - near[0] / 2, middle.y + 0.5 - near[1] / 2, middle.x + 0.5 + near[0] / 2, middle.y + 0.5 + near[1] / 2)
    piece = whole.transform(size, PIL.Image.Transform.EXTENT, box, PIL.Image.Resampling.NEAREST)
    sheet.paste(piece, (size[0] + GAP // 2, 0))
    if places:
        x, y, ring = size[0] * 1.5 + GAP // 2, size[1] / 2, min(size) / 4
        draw.ellipse((x - ring, y - ring, x + ring, y + ring), outline=_COLORS[middle.kind], width=2)
    return Image(srgb_to_linear(torch.from_numpy(np.array(sheet)).permute(2, 0, 1).float() / 255))
