"""How clean edges are, as a Markdown table: flat tones painted in several ways, against a truth of 8 x 8 rays a pixel.

    python tests/benchmarks/bench_edges.py [--size 480 360] [--sheet out/edges.png]

A box and balls on a floor, traced by hand, are painted in flat tones of known places, over a flat ground and over a picture. The
error is the mean difference of 8-bit sRGB codes from the mean of the rays' flat colours, over the pixels that are no flat colour there:
`edges` at the shape's edge, `tones` at borders between tones. `wrong` counts pixels elsewhere that differ by more than a code.
`codes` over a picture show what is left of the old picture around the shape. ms are of one frame on the CPU, the median of five.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from raytraced import looking, unit
from rotonodes.nodes import AntialiasTones, CleanPlate, Composite, PaintTones
from rotonodes.values.color import hex_to_linear, linear_to_srgb
from rotonodes.values.pixels import Image, Labels, Matte
from rotonodes.values.tones import CLASSES, COLORS
from traced_desk import trace

FINE = 8
PALETTE = {"cast_shadow": "#3d2645", "form_shadow": "#7a3b4b", "midtone": "#e0a458", "highlight": "#fff4d6"}
GROUND = "#dfe8ee"
SUN = unit(-0.5, -0.6, 0.7)
OLD = {1: "#2f6f4f", 2: "#c23b22", 3: "#1d4e89"}  # the shapes' colours in the render
FLOOR = "#b0a090"

Way = Callable[["Scene", Image], Image]


class Scene:
    """One frame: hard labels of the middle rays, the matte, the render, and the truth over a background."""

    def __init__(self, azimuth: float, size: tuple[int, int]) -> None:
        width, height = size
        surface, _, normals = trace(looking(azimuth, 0.45), (width * FINE, height * FINE))
        owner = np.array([0, 1, 1, 1, 1, 1, 1, 2, 3, 3])[surface]
        light = np.einsum("ihw,i->hw", normals, SUN)
        tones = np.select([owner == 0, light < 0.05, light < 0.45, light < 0.9], [0, 1, 2, 3], 4)
        self.fine = torch.from_numpy(tones)
        self.shape = torch.from_numpy(owner > 0)
        middle = slice(FINE // 2, None, FINE)
        self.labels = Labels(self.fine[middle, middle].to(torch.uint8).contiguous(), CLASSES, COLORS)
        self.matte = Matte(self.mean(self.shape.float()[None]))
        shading = torch.from_numpy(0.3 + 0.7 * light.clip(0)).float()
        old = self.flat(torch.from_numpy(owner), [FLOOR, *(OLD[i] for i in (1, 2, 3))]) * shading
        self.render = Image(self.mean(old))
        self.plate = torch.tensor(hex_to_linear(FLOOR)[:3]).view(3, 1, 1) * (0.3 + 0.7 * float(SUN[2]))

    def mean(self, planes: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(planes[None], FINE)[0]

    @staticmethod
    def flat(indices: Tensor, colors: list[str]) -> Tensor:
        table = torch.tensor([hex_to_linear(color)[:3] for color in colors])
        return table[indices].permute(2, 0, 1)

    def truth(self, ground: Tensor) -> Tensor:
        """`[3, H, W]` linear, before a ground of one colour `[3, 1, 1]`."""
        colors = self.flat(self.fine, ["#000000", *PALETTE.values()])
        return self.mean(torch.where(self.shape, colors, ground))

    def borders(self) -> tuple[Tensor, Tensor]:
        """Pixels of the shape's edge, and pixels inside of the shape that hold two tones, bool `[H, W]`."""
        cover = self.matte.data[0]
        edge = (cover > 0) & (cover < 1)
        shares = torch.stack([self.mean((self.fine == index).float()[None])[0] for index in range(5)])
        return edge, (cover == 1) & (shares.amax(0) < 1)


def plain(scene: Scene, ground: Image) -> Image:
    """Labels painted and put over the ground: hard at all edges."""
    return Composite()(PaintTones(palette=PALETTE)(scene.labels), ground)


def masked(scene: Scene, ground: Image) -> Image:
    """The same through the matte, as in graphs until now."""
    return Composite()(PaintTones(palette=PALETTE)(scene.labels), ground, mask=scene.matte)


def antialiased(scene: Scene, ground: Image) -> Image:
    shares = AntialiasTones()(scene.labels, matte=scene.matte)
    return Composite()(PaintTones(palette=PALETTE)(probabilities=shares), ground)


def stepped(scene: Scene, ground: Image) -> Image:
    shares = AntialiasTones(steps=4)(scene.labels, matte=scene.matte)
    return Composite()(PaintTones(palette=PALETTE)(probabilities=shares), ground)


WAYS: dict[str, Way] = {
    "labels": plain,
    "labels, matte as mask": masked,
    "AntialiasTones": antialiased,
    "AntialiasTones, steps: 4": stepped,
}


def codes(linear: Tensor) -> Tensor:
    return linear_to_srgb(linear).clamp(0, 1) * 255


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(480, 360), metavar=("W", "H"))
    parser.add_argument("--sheet", help="PNG to look at")
    options = parser.parse_args(arguments)
    scenes = [Scene(azimuth, tuple(options.size)) for azimuth in (0.3, 0.55)]
    print("| way | over | edges | tones | wrong | ms |\n|---|---|---|---|---|---|")
    shown = []
    for over in ("a flat ground", "the render's plate"):
        for name, way in WAYS.items():
            rows, wrong = [], 0
            for scene in scenes:
                flat = torch.tensor(hex_to_linear(GROUND)[:3]).view(3, 1, 1)
                size = scene.matte.data.shape[1:]
                ground = Image(flat.expand(3, *size).clone()) if over == "a flat ground" else CleanPlate()(scene.render, scene.matte)
                made = way(scene, ground).on_frame().color
                apart = (codes(made) - codes(scene.truth(flat if over == "a flat ground" else scene.plate))).abs().mean(0)
                edge, tones = scene.borders()
                rows.append((apart[edge].mean(), apart[tones].mean()))
                wrong += int((apart[~edge & ~tones & (scene.matte.data[0] > 0)] > 1).sum())
            last, picture = scenes[0], ground
            ms = median_ms(lambda way=way, last=last, picture=picture: way(last, picture))
            edges, tone = (float(torch.stack([row[i] for row in rows]).mean()) for i in (0, 1))
            print(f"| {name} | {over} | {edges:.2f} | {tone:.2f} | {wrong} | {ms:.0f} |")
            if over == "a flat ground":
                shown.append(codes(way(scenes[0], ground).on_frame().color))
    if options.sheet:
        shown.append(codes(scenes[0].truth(flat)))
        row = torch.cat(shown, dim=2).round().byte().permute(1, 2, 0).numpy()
        Path(options.sheet).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(row).save(options.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
