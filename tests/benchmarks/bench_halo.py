"""How much of the old background a cut-out takes along: a Markdown table of ways to cut out, against the true composite.

    python tests/benchmarks/bench_halo.py --clips renders/cutouts

Frames are as examples/blender/cutouts.py renders them, which have the cut-out's true colour and alpha. Every frame is cut out
and put before the walls of the next two frames. Errors of the matte (Rhemann et al. 2009; MSE in thousandths) count pixels that
the trimap does not know, which is made of the true alpha, widened by --band px on both sides. `colour` is the mean difference from the true
composite there, in thousandths of linear light, and in codes of 8-bit sRGB. --sheet writes pictures of the first frames to look at.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from rotonodes.errors import RotoError
from rotonodes.imaging.mattes.unknown_band import unknown
from rotonodes.io.pictures import write_image
from rotonodes.metrics.matte_errors import ERRORS, MatteErrors, matte_errors
from rotonodes.nodes import CleanPlate, Composite, EstimateForeground, LoadFrames, MultipassDecode, SolveAlpha, Trimap
from rotonodes.values.color import linear_to_srgb
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Image, Matte

COLUMNS = ("matte", "foreground", "SAD", "MSE", "gradient", "connectivity", "colour", "codes")
ENCODED = ", given sRGB"  # how alpha should not be solved
NEXT = (1, 2)  # whose walls a frame is put before


class Shot(NamedTuple):
    """One frame: the picture, its true cut-out (premultiplied, with alpha), and the wall without it."""

    picture: Image
    cutout: Image
    wall: Image

    @property
    def alpha(self) -> Matte:
        return Matte(self.cutout.data[3:].clamp(0, 1))


Cut = Callable[[Image, Matte], Callable[[Image], Image]]  # (picture, matte) -> background -> composite


def masked(picture: Image, matte: Matte) -> Callable[[Image], Image]:
    """The picture itself through the matte: its edge keeps the old background."""
    return lambda wall: Composite()(picture, wall, mask=matte)


def estimated(method: str) -> Cut:
    def cut(picture: Image, matte: Matte) -> Callable[[Image], Image]:
        foreground = EstimateForeground(method=method)(picture, matte)
        return lambda wall: Composite()(foreground, wall)

    return cut


FLAT = (0.75, 0.37, 0.09)  # linear colour of the flat tone that is painted over plates


def flat_over(shot: Shot, band: Tensor) -> tuple[Score, Score]:
    """A flat tone composited by the true alpha over the render itself, and over its clean plate, against one over the true wall."""
    flat = Image(torch.tensor(FLAT).view(3, 1, 1).expand_as(shot.picture.data).contiguous())
    true = [Composite()(flat, shot.wall, mask=shot.alpha)]
    plates = shot.picture, CleanPlate()(shot.picture, shot.alpha)
    before, after = (score([Composite()(flat, plate, mask=shot.alpha)], true, shot.alpha, shot, band) for plate in plates)
    return before, after


FOREGROUNDS: dict[str, Cut] = {"the picture": masked, "blur_fusion": estimated("blur_fusion"), "multi_level": estimated("multi_level")}


def mattes(shot: Shot, trimap: Matte) -> Iterator[tuple[str, Matte]]:
    yield "hard mask", Matte((shot.alpha.data > 0.5).float())
    for method in ("guided", "closed_form"):
        yield f"{method}{ENCODED}", SolveAlpha(method=method)(shot.picture.with_data(linear_to_srgb(shot.picture.data)), trimap)
        yield method, SolveAlpha(method=method)(shot.picture, trimap)
    yield "true alpha", shot.alpha


def read(path: str) -> list[Shot]:
    shots = []
    for frame in FilePattern(path).on_disk():
        layers = LoadFrames(path=path).run({}, frame=frame, wanted=["layers"]).layers
        names = ("Beauty.Combined", "Cutout.Combined", "Wall.Combined")
        passes = MultipassDecode(passes=names)(layers)
        beauty, cutout, wall = (passes[name] for name in names)
        shots.append(Shot(opaque(beauty), cutout, opaque(wall)))
    return shots


def opaque(image: Image) -> Image:
    return image.with_data(image.data[:3], ("R", "G", "B"))


class Score(NamedTuple):
    errors: MatteErrors
    linear: float
    codes: float


def score(made: list[Image], true: list[Image], matte: Matte, shot: Shot, region: Tensor) -> Score:
    """The errors of a matte, and of the composites made with it."""
    linear = torch.cat([(a.data[:3] - b.data[:3])[:, region[0]] for a, b in zip(made, true, strict=True)])
    codes = torch.cat([(linear_to_srgb(a.data[:3]) - linear_to_srgb(b.data[:3]))[:, region[0]] for a, b in zip(made, true, strict=True)])
    return Score(matte_errors(matte.data, shot.alpha.data, region), 1000 * float(linear.abs().mean()), 255 * float(codes.abs().mean()))


def measured(shots: list[Shot], band: float) -> tuple[dict[tuple[str, str], list[Score]], list[Tensor]]:
    """Scores by matte and foreground, frame by frame, and a row of pictures for each frame."""
    scores: dict[tuple[str, str], list[Score]] = {}
    sheet = []
    for number, shot in enumerate(shots):
        trimap = Trimap(erode=band, dilate=band)(shot.alpha)
        region = unknown(trimap.data)
        walls = [shots[(number + step) % len(shots)].wall for step in NEXT]
        true = [Composite()(shot.cutout, wall) for wall in walls]
        row = [shot.picture.data]
        for name, matte in mattes(shot, trimap):
            for way, cut in FOREGROUNDS.items():
                if way == "the picture" or not (name == "hard mask" or name.endswith(ENCODED)):
                    composed = cut(shot.picture, matte)
                    made = [composed(wall) for wall in walls]
                    scores.setdefault((name, way), []).append(score(made, true, matte, shot, region))
                    if name in ("hard mask", "guided") and way != "multi_level":
                        row.append(made[0].data[:3])
        sheet.append(torch.cat([*row, true[0].data[:3]], dim=2))
        print(f"frame {number + 1} of {len(shots)}", file=sys.stderr, flush=True)
    return scores, sheet


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", required=True, help="folder of cutout.####.exr")
    parser.add_argument("--band", type=float, default=3, help="how much wider than the soft edge the trimap is unknown, px")
    parser.add_argument("--sheet", help="PNG: picture, hard mask, no estimation, estimation, truth")
    options = parser.parse_args(arguments)
    pattern = str(Path(options.clips) / "cutout.####.exr")
    try:
        scores, sheet = measured(read(pattern), options.band)
        if options.sheet:
            write_image(options.sheet, Image(torch.cat(sheet[:4], dim=1)))
    except RotoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    edges = [(shot, unknown(Trimap(erode=options.band, dilate=options.band)(shot.alpha).data)) for shot in read(pattern)]
    pairs = [flat_over(shot, region) for shot, region in edges]
    print("| flat tone over | colour | codes |\n| --- | ---: | ---: |")
    for name, found_here in (("the render itself", [pair[0] for pair in pairs]), ("CleanPlate", [pair[1] for pair in pairs])):
        colour, codes = (sum(one[at] for one in found_here) / len(found_here) for at in (1, 2))
        print(f"| {name} | {colour:.1f} | {codes:.1f} |")
    print()
    for row in (COLUMNS, ("---",) * len(COLUMNS)):
        print(f"| {' | '.join(row)} |")
    for (name, way), found in scores.items():
        means = {error: sum(getattr(one.errors, error) for one in found) / len(found) for error in ERRORS}
        means["mse"] *= 1000
        colour = [sum(one[at] for one in found) / len(found) for at in (1, 2)]
        print(f"| {name} | {way} | {' | '.join(f'{means[error]:.2f}' for error in ERRORS)} | {colour[0]:.1f} | {colour[1]:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
