"""EvaluateMatte: the errors of mattes against the true ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import repeat

from rotonodes.errors import FrameError, UsageError
from rotonodes.metrics.matte_report import MatteReport
from rotonodes.node.annotations import Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.values.pixels import Clip, Matte


class EvaluateMatte(Node):
    """Measure the errors of mattes against the true ones.

    Errors are SAD, MSE, gradient and connectivity (Rhemann et al. 2009); 0 is perfect.

    SAD, gradient and connectivity errors are sums over the pixels of a frame in thousands, as is usual; MSE is a mean. With `trimap`
    only its unknown pixels (between 0.05 and 0.95) count. `mae` (mean absolute error) and `max_f` (highest F-measure over 255
    thresholds, beta^2 = 0.3; null without a shape) are the scores of cut-outs and count whole frames. `run` prints the means over
    the delivered frames; `path` takes them as JSON, with the errors of every frame. Raises UsageError for clips of different
    length, FrameError for mattes of different size and for NaN.
    """

    path: OutputPath = param("", help="JSON file to write the errors to; default none", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,) if self.path else ()

    def process(self, matte: Clip[Matte], truth: Clip[Matte], key: Key, trimap: Clip[Matte] | None = None) -> MatteReport:
        from rotonodes.imaging.mattes.unknown_band import unknown
        from rotonodes.io.files import write_bytes
        from rotonodes.metrics.matte_errors import matte_errors, summary
        from rotonodes.metrics.matte_scores import AlphaScores

        clips = {"matte": matte, "truth": truth, **({"trimap": trimap} if trimap is not None else {})}
        if len({len(clip) for clip in clips.values()}) > 1 or not len(truth):
            counts = ", ".join(f"{len(clip)} of `{name}`" for name, clip in clips.items())
            raise UsageError(f"the frames to compare are {counts}: give as many of each, and at least one")
        found, scores = {}, AlphaScores()
        regions: Iterator[Matte | None] = iter(trimap) if trimap is not None else repeat(None, len(truth))
        for (frame, shape), true, region in zip(matte.items(), truth, regions, strict=True):
            self._check(frame, {"matte": shape, "truth": true, **({"trimap": region} if region is not None else {})})
            counted = None if region is None else unknown(region.data).to(true.device)
            scores.add(shape.data, true.data)
            found[frame] = matte_errors(shape.data.to(true.device), true.data, counted)
        report = MatteReport(**summary(found), **scores.scores())
        if self.path:
            write_bytes(self.path, json.dumps(report.as_json(), indent=2).encode() + b"\n", key or None)
        return report

    def _check(self, frame: int, mattes: dict[str, Matte]) -> None:
        """Raise FrameError for mattes that cannot be compared."""
        truth = mattes["truth"]
        for name, matte in mattes.items():
            if matte.size != truth.size:
                sizes = f"{matte.width} x {matte.height}, the truth {truth.width} x {truth.height}"
                raise FrameError(f"frame {frame}: the {name} is {sizes}: render one of them again, or reformat it")
            if not bool(matte.data.isfinite().all()):
                _, y, x = (int(at) for at in (~matte.data.isfinite()).nonzero()[0])
                raise FrameError(f"frame {frame}: the {name} is not a number at x {x}, y {y}")
