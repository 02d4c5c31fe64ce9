"""CheckEdges: the quality of the edges of a clip's mattes, with the worst places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rotonodes.errors import UsageError
from rotonodes.imaging.mattes.edge_report import EdgeReport, FrameEdges, Limits
from rotonodes.node.annotations import Key, Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.pixels import Clip, Matte

if TYPE_CHECKING:
    from rotonodes.imaging.mattes.edge_sheet import SheetFrame


class CheckEdges(Node):
    """Measure the edges of mattes and report faulty ones.

    Per frame and over the clip, it reports where edges are too thick, thin, sharp, rough or broken.

    The edge is the line where the matte crosses 0.5. Its **width** is the area with values from 0.1 to 0.9 divided by the
    length of the line, the mean distance from 10 to 90 %: 0.8 px for a straight anti-aliased edge, 0 for a hard one. It is
    `thick` or `thin` where that width, in a square around a point, is beyond the limit. **Roughness** is the root mean square distance
    of the line from its mean line (Rq of ISO 21920-2); the mean line is from a Gaussian filter with a cut-off of 16 px (ISO 16610-21),
    applied twice, so that the curvature of the shape does not count. An edge is too **sharp** where it turns by more than `turn` within
    8 px. A **gap** is a crack, notch or pinhole that closing by a disc of diameter `gap` fills. `path` gets the report as JSON,
    `picture` a sheet of the worst frames with the worst places ringed and the first of them enlarged. Frames stream; the frames that
    are delivered are checked. Needs scikit-image (`pip install "rotonodes[post]"`).
    """

    path: OutputPath = param("", help="JSON file of the report; default none", pixels=False)
    picture: OutputPath = param("", help="PNG of the worst frames; default none", pixels=False)
    picture_count: int = param(12, help="number of frames on that sheet", unit="frames", ge=1, le=1000)
    thick: float = param(4.0, help="width above which an edge is too thick", unit="px", gt=0, le=200)
    thin: float = param(0.2, help="width below which an edge is too thin (hard, aliased)", unit="px", ge=0)
    turn: float = param(120.0, help="turn within 8 px above which an edge is too sharp", unit="degrees", ge=0, le=180)
    rough: float = param(0.7, help="distance from the mean line above which an edge is too rough", unit="px", ge=0)
    gap: float = param(3.0, help="width below which an opening is a gap; 0 reports none", unit="px", ge=0, le=100)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return tuple(path for path in (self.path, self.picture) if path)

    def libraries(self) -> tuple[str, ...]:
        return ("scipy",)

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
        from rotonodes.imaging.mattes.edge_sheet import worst_frames

        if not len(matte):
            raise UsageError("there are no frames to check")
        limits = Limits(self.thick, self.thin, self.turn, self.rough, self.gap)
        frames: list[FrameEdges] = []
        shown: list[SheetFrame] = []
        for done, (frame, value) in enumerate(matte.items(), 1):
            plane = value.data[0].cpu().numpy()
            frames.append(check(frame, plane, limits))
            if self.picture:
                shown = worst_frames(shown, frames[-1], value, self.picture_count)
            monitor.progress(done, len(matte))
        report = EdgeReport(limits, tuple(frames))
        for finding in report.findings():
            monitor.warn(finding)
        self.write(report, shown, key)
        return report

    def write(self, report: EdgeReport, shown: list[SheetFrame], key: str) -> None:
        """Write the report and the sheet, where asked for, with their keys."""
        from rotonodes.imaging.mattes.edge_sheet import edge_sheet
        from rotonodes.io.files import write_bytes
        from rotonodes.io.pictures import write_image

        if self.path:
            write_bytes(self.path, json.dumps(report.as_json(), indent=2).encode() + b"\n", key or None)
        if self.picture:
            write_image(self.picture, edge_sheet(shown), key=key or None)
