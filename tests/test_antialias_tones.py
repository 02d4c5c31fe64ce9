"""AntialiasTones: straight borders between tones, the matte alone at the shape's edge, exact colours where that is asked for."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rotonodes.errors import FrameError, UsageError
from rotonodes.nodes import AntialiasTones, Composite, PaintTones
from rotonodes.values.pixels import Image, Labels, Matte
from rotonodes.values.tones import CLASSES, COLORS, SIX_CLASSES, SIX_COLORS

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import bench_edges as bench

TWO = ("dark", "light")


def half_plane(angle: float, size: int = 40, fine: int = 16) -> tuple[Labels, torch.Tensor]:
    """Labels of the pixels' centres on both sides of a straight border, and the true share of the second class."""
    place = (torch.arange(size * fine) + 0.5) / fine - size / 2
    side = (place.view(1, -1) * np.cos(angle) + place.view(-1, 1) * np.sin(angle)) > 0.13
    share = torch.nn.functional.avg_pool2d(side.float()[None], fine)[0]
    middle = torch.arange(size) - size / 2 + 0.5
    hard = (middle.view(1, -1) * np.cos(angle) + middle.view(-1, 1) * np.sin(angle)) > 0.13
    return Labels(hard.to(torch.uint8), TWO, ("#000000", "#ffffff")), share


@pytest.mark.parametrize("angle", [0.05, 0.3, 0.6, 0.785, 1.2])
def test_steps_become_a_straight_border(angle: float) -> None:
    labels, share = half_plane(angle)
    made = AntialiasTones()(labels).data
    inner = slice(4, -4)  # the frame's edge repeats its pixels
    apart = (made[1] - share)[inner, inner].abs()
    steps = (labels.data.float() - share)[inner, inner].abs()
    assert apart.max() < 0.25 and apart.sum() < 0.95 * steps.sum()  # what is lost in the labels stays lost: up to half a pixel
    assert torch.allclose(made.sum(0), torch.ones(40, 40))
    mixed = ((made[1] > 0.02) & (made[1] < 0.98)).sum()
    assert mixed <= 2.5 * 40  # about a pixel wide


def test_probabilities_tell_the_place_within_a_pixel() -> None:
    """A blurred ramp: sharp again, at the place where the classes cross."""
    ramp = ((torch.arange(24) - 11.3) / 6 + 0.5).clamp(0, 1).view(1, 1, 24).expand(1, 12, 24)
    made = AntialiasTones()(probabilities=Image(torch.cat([1 - ramp, ramp]), TWO)).data
    assert torch.allclose(made[1].sum(1), torch.full((12,), 24 - 11.3 - 0.5), atol=0.02)
    assert ((made[1] > 0.01) & (made[1] < 0.99)).sum(1).max() <= 2


def test_a_single_pixel_of_a_class_stays() -> None:
    plane = torch.zeros(9, 9, dtype=torch.uint8)
    plane[4, 4] = 1
    plane[:, 7] = 1
    made = AntialiasTones()(Labels(plane, TWO, ("#000000", "#ffffff"))).data[1]
    assert 0.5 <= made[2:7, 2:6].sum() < 2 and made[4, 4] >= 0.5
    assert torch.allclose(made[:, 7], torch.ones(9), atol=1e-6)


def test_edges_are_cleaner_than_masked_labels() -> None:
    scene = bench.Scene(0.3, (96, 72))
    ground = torch.tensor(bench.hex_to_linear(bench.GROUND)[:3]).view(3, 1, 1)
    picture = Image(ground.expand(3, 72, 96).clone())
    truth, (edge, tones) = bench.codes(scene.truth(ground)), scene.borders()
    before, after = (
        (bench.codes(way(scene, picture).on_frame().color) - truth).abs().mean(0) for way in (bench.masked, bench.antialiased)
    )  # fmt: skip
    assert after[edge].mean() < 0.25 * before[edge].mean()
    assert after[tones].mean() < 0.75 * before[tones].mean()


def test_nothing_of_the_ground_shows_inside_and_nothing_of_the_shape_outside() -> None:
    """The matte alone is the edge: also where labels and matte differ by a pixel or two."""
    plane = torch.zeros(20, 30, dtype=torch.uint8)
    plane[:, 16:] = 3
    cover = ((torch.arange(30) - 13.0) / 4).clamp(0, 1).view(1, 1, 30).expand(1, 20, 30)
    made = PaintTones(palette={"midtone": "#ff0000"})(probabilities=AntialiasTones()(Labels(plane, CLASSES, COLORS), matte=Matte(cover)))
    assert torch.allclose(made.data[3], cover[0], atol=1e-6) and torch.allclose(made.data[0], cover[0], atol=1e-6)
    over = Composite()(made, Image(torch.tensor([0.0, 0.0, 1.0]).view(3, 1, 1).expand(3, 20, 30).clone()))
    assert torch.allclose(over.color.sum(0), torch.ones(20, 30), atol=1e-5)


def test_the_shadow_on_the_ground_goes_below_the_shape() -> None:
    plane = torch.zeros(20, 30, dtype=torch.uint8)
    plane[10:] = 5
    plane[:, 15:] = 3
    matte = torch.zeros(1, 20, 30)
    matte[:, :, 15:] = 1
    matte[:, :, 14] = 0.5
    made = AntialiasTones()(Labels(plane, SIX_CLASSES, SIX_COLORS), matte=Matte(matte)).data
    assert made[5, 16, 14] == pytest.approx(0.5) and made[3, 16, 14] == pytest.approx(0.5) and made[0, 3, 14] == pytest.approx(0.5)


def test_steps_limit_the_colours() -> None:
    scene = bench.Scene(0.3, (96, 72))
    many, few = (AntialiasTones(steps=steps)(scene.labels).data for steps in (0, 4))
    assert set(few.unique().tolist()) <= {0.0, 0.25, 0.5, 0.75, 1.0} and len(many.unique()) > 20
    assert torch.allclose(few.sum(0), torch.ones(72, 96)) and (few - many).abs().max() <= 0.26
    colors = PaintTones(palette=bench.PALETTE)(probabilities=Image(few, CLASSES)).data.flatten(1).T.unique(dim=0)
    assert len(colors) < 64


def test_a_frame_without_a_shape_and_one_without_ground() -> None:
    for value in (0, 3):
        labels = Labels(torch.full((6, 7), value, dtype=torch.uint8), CLASSES, COLORS)
        made = AntialiasTones()(labels, matte=Matte(torch.full((1, 6, 7), 0.5))).data
        assert torch.allclose(made.sum(0), torch.ones(6, 7))
        assert torch.allclose(made[value], torch.full((6, 7), 0.5 if value else 1.0))


def test_what_does_not_fit_is_one_line() -> None:
    labels = Labels(torch.zeros(6, 7, dtype=torch.uint8), CLASSES, COLORS)
    with pytest.raises(FrameError, match="the matte is 3 x 2, the tones 7 x 6"):
        AntialiasTones()(labels, matte=Matte(torch.zeros(1, 2, 3)))
    with pytest.raises(UsageError, match="give either `labels` or `probabilities`"):
        AntialiasTones()()
    with pytest.raises(FrameError, match="class index 9 has no name"):
        AntialiasTones()(Labels(torch.full((2, 2), 9, dtype=torch.uint8), CLASSES, COLORS))
