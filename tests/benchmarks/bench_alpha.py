"""Which of SolveAlpha's two methods is nearer to the true alpha, and on how many frames: a Markdown table.

    python tests/benchmarks/bench_alpha.py --cutouts renders/cutouts --clips renders/unseen

Cut-outs are frames of examples/blender/cutouts.py, whose subjects come in turns (fur, wires, a blurred edge, a smooth one); the alpha of
clips is the object cryptomatte of their label layer, as in graphs/train_cutout.yaml. Two kinds of trimap are solved: the true soft edge
widened by --band px on both sides, and what a person has, the hard mask (alpha above a half) with what Trimap takes unasked, 10 px. Errors
(Rhemann et al. 2009; MSE in thousandths) count pixels that the trimap does not know; `better` says on how many frames the guided filter has
the smaller one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from rotonodes.errors import RotoError
from rotonodes.imaging.mattes.unknown_band import unknown
from rotonodes.metrics.matte_errors import ERRORS, MatteErrors, matte_errors
from rotonodes.nodes import LoadFrames, MultipassDecode, SolveAlpha, Trimap
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Matte

SUBJECTS = ("fur", "wires", "focus", "knot")  # of cutouts.py, in its order
METHODS = ("guided", "closed_form")


class Shot(NamedTuple):
    """What is seen, a picture without alpha and its true alpha."""

    kind: str
    picture: Image
    alpha: Matte


def cutouts(folder: str) -> Iterator[Shot]:
    path = str(Path(folder) / "cutout.####.exr")
    for frame in FilePattern(path).on_disk():
        layers = LoadFrames(path=path).run({}, frame=frame, wanted=["layers"]).layers
        passes = MultipassDecode(passes=["Beauty.Combined", "Cutout.Combined"])(layers)
        picture, cutout = passes["Beauty.Combined"], passes["Cutout.Combined"]
        yield Shot(SUBJECTS[(frame - 1) % len(SUBJECTS)], opaque(picture), Matte(cutout.data[3:].clamp(0, 1)))


def clips(folder: str, every: int) -> Iterator[Shot]:
    path = str(Path(folder) / "clips.####.exr")
    for frame in FilePattern(path).on_disk()[::every]:
        layers = LoadFrames(path=path, sizes="any").run({}, frame=frame, wanted=["layers"]).layers
        picture = MultipassDecode(passes=["Combined"])(layers)["Combined"]
        alpha = MultipassDecode(passes=[], mattes={"shape": "shape*"}, layer="Label")(layers)["shape"]
        yield Shot("clips", opaque(picture), Matte(alpha.data.clamp(0, 1)))


def opaque(image: Image) -> Image:
    return image.with_data(image.data[:3], ("R", "G", "B"))


def trimaps(alpha: Matte, band: float) -> Iterator[tuple[str, Matte]]:
    yield f"{band:g} px", Trimap(erode=band, dilate=band)(alpha)
    yield "hard mask, 10 px", Trimap()(Matte((alpha.data > 0.5).float()))


def measured(shots: Iterator[Shot], band: float) -> dict[tuple[str, str], list[tuple[MatteErrors, ...]]]:
    """(subject, trimap) -> for each frame the errors by METHODS."""
    found: dict[tuple[str, str], list[tuple[MatteErrors, ...]]] = {}
    for number, shot in enumerate(shots, start=1):
        print(f"frame {number}: {shot.kind}", file=sys.stderr, flush=True)
        if not (shot.alpha.data > 0.95).any():
            continue  # too thin, or out of the picture
        for name, trimap in trimaps(shot.alpha, band):
            region = unknown(trimap.data)
            if region.any() and (trimap.data >= 0.95).any():
                made = [SolveAlpha(method=method)(shot.picture, trimap) for method in METHODS]
                errors = tuple(matte_errors(matte.data, shot.alpha.data, region) for matte in made)
                found.setdefault((shot.kind, name), []).append(errors)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cutouts", help="folder of cutout.####.exr")
    parser.add_argument("--clips", help="folder of clips.####.exr")
    parser.add_argument("--every", type=int, default=2, help="take each nth frame of the clips")
    parser.add_argument("--band", type=float, default=3, help="how much wider than the soft edge the first trimap is unknown, px")
    options = parser.parse_args(arguments)
    if not (options.cutouts or options.clips):
        parser.error("give --cutouts, --clips or both")
    torch.set_num_threads(1)
    scores: dict[tuple[str, str], list[tuple[MatteErrors, ...]]] = {}
    try:
        if options.cutouts:
            scores |= measured(cutouts(options.cutouts), options.band)
        if options.clips:
            scores |= measured(clips(options.clips, options.every), options.band)
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    columns = ("subject", "unknown", "frames", *(f"{name}: {' / '.join(METHODS)} (better)" for name in ERRORS))
    for row in (columns, ("---",) * len(columns)):
        print(f"| {' | '.join(row)} |")
    for (kind, name), found in scores.items():
        cells = [kind, name, str(len(found))]
        for error in ERRORS:
            pairs = torch.tensor([[getattr(one, error) for one in frame] for frame in found], dtype=torch.float64)
            pairs *= 1000 if error == "mse" else 1
            guided, closed = pairs.mean(0).tolist()
            cells.append(f"{guided:.2f} / {closed:.2f} ({int((pairs[:, 0] < pairs[:, 1]).sum())})")
        print(f"| {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
