"""Variation of training frames: what changes, what must not, and that a seed says it all."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from rotonodes.errors import UsageError
from rotonodes.train.data.augment import colors_of, multiply, vary, vary_color
from rotonodes.train.data.texture import light_gain, surface_gain, texture
from rotonodes.train.settings import NONE, Augment
from rotonodes.values.color import LUMINANCE, srgb_to_linear

COLOR_CHANGES = ("gamma", "brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg")


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def a_picture(side=32, seed=3):
    return torch.rand(3, side, side, generator=generator(seed)) * 0.8 + 0.1


@pytest.mark.parametrize("name", COLOR_CHANGES)
def test_each_strength_changes_the_picture_and_keeps_its_range(name):
    picture = a_picture()
    before = picture.clone()
    strength = replace(NONE, **{name: 1.0})
    varied = vary_color(picture, strength, generator())
    assert torch.equal(picture, before)
    assert not torch.equal(varied, picture)
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert torch.equal(varied, vary_color(picture, strength, generator()))
    assert not torch.equal(varied, vary_color(picture, strength, generator(2)))


@pytest.mark.parametrize("name", sorted({"saturation", "hue", "jpeg"} ^ set(COLOR_CHANGES)))
def test_single_planes_vary_as_well(name):
    picture = a_picture()[:1]
    assert not torch.equal(vary_color(picture, replace(NONE, **{name: 1.0}), generator()), picture)


def test_no_strength_changes_nothing():
    picture, labels = a_picture(), torch.zeros(32, 32, dtype=torch.uint8)
    colors = colors_of(("R", "G", "B"), ("srgb",) * 3)
    assert torch.equal(vary(picture, labels, colors, NONE, generator()), picture)


def test_hue_and_saturation_leave_grey_alone():
    grey = torch.rand(1, 8, 8).expand(3, 8, 8)
    varied = vary_color(grey, replace(NONE, hue=0.5, saturation=1.0), generator())
    assert torch.allclose(varied, grey, atol=1e-5)


def test_a_texture_is_positive_with_mean_one_and_of_many_kinds():
    flat = coloured = 0
    for seed in range(60):
        gain = texture((48, 40), generator(seed), lambda: a_picture(48)[:, :, :40])
        assert gain.shape in ((3, 48, 40), (3, 1, 1))
        assert gain.min() > 0
        assert gain.mean() == pytest.approx(1, abs=1e-4)
        flat += gain.numel() == 3 or bool((gain.flatten(1).std(dim=1) < 0.02).all())
        coloured += bool((gain[0] - gain[2]).abs().mean() > 0.1)
    assert 3 < flat < 30
    assert 10 < coloured < 60


def test_shape_and_background_get_textures_of_their_own():
    labels = torch.zeros(40, 40, dtype=torch.uint8)
    labels[10:30, 10:30] = 3
    picture = torch.full((3, 40, 40), 0.4)
    seen = set()
    for seed in range(30):
        gain = surface_gain(picture, labels, generator(seed))
        inside, outside = gain[:, 15:25, 15:25] != 1, gain[:, :8, :8] != 1
        seen.add((bool(inside.any()), bool(outside.any())))
        assert gain.min() > 0
        assert gain.mean() == pytest.approx(1, abs=0.5)
    assert seen == {(True, True), (True, False), (False, True)}


def test_a_texture_is_light_times_reflectance():
    """In linear light every factor is the gain's, where nothing clips; in the network's encoding it is not."""
    picture, gain = a_picture() * 0.5, texture((32, 32), generator(4)).clamp(max=2).expand(3, 32, 32)
    made = multiply(picture, gain)
    ratio = srgb_to_linear(made) / srgb_to_linear(picture)
    assert torch.allclose(ratio, gain, rtol=1e-3)
    assert torch.allclose(multiply(picture, gain, encoded=False), (picture * gain).clamp(0, 1))
    assert multiply(torch.ones(3, 4, 4), torch.full((3, 4, 4), 9.0)).min() == pytest.approx(1)
    grey = torch.tensor(LUMINANCE)[0].expand(1, 32, 32)
    assert torch.allclose(srgb_to_linear(multiply(grey, gain)) / srgb_to_linear(grey), gain.mean(0, keepdim=True), rtol=1e-3)


def test_highlights_keep_the_colour_of_the_light():
    picture = torch.full((3, 40, 40), 0.5)
    picture[:, 20, 20] = 1
    labels = torch.ones(40, 40, dtype=torch.uint8)
    for seed in range(10):
        gain = surface_gain(picture, labels, generator(seed))
        assert gain[:, 20, 20].std() < 1e-5
        assert 0.3 < gain[0, 20, 20] < 1.001


def test_a_texture_does_not_overexpose():
    picture, labels = torch.full((3, 40, 40), 0.85), torch.ones(40, 40, dtype=torch.uint8)
    for seed in range(20):
        made = multiply(picture, surface_gain(picture, labels, generator(seed)))
        assert (made.amin(dim=0) == 1).float().mean() < 0.1


def test_light_is_smooth_and_within_its_strength():
    for seed in range(10):
        gain = light_gain((48, 64), 0.5, generator(seed))
        assert gain.min() >= np.exp(-0.5) - 1e-5
        assert gain.max() <= np.exp(0.5) + 1e-5
        assert gain.std() > 0.01
        assert (gain[:, 1:] - gain[:, :-1]).abs().max() < 0.08


PASSES = ("R", "G", "B", "DiffDir.R", "DiffDir.G", "DiffDir.B", "DiffCol.R", "DiffCol.G", "DiffCol.B", "Normal.X", "Depth.Z")


def test_what_is_surface_and_what_is_light_among_passes():
    colors = colors_of(PASSES, ("srgb",) * 9 + ("raw", "depth"))
    assert [color.channels for color in colors] == [(0, 1, 2), (3, 4, 5), (6, 7, 8)]
    assert [(color.surface, color.light) for color in colors] == [(True, True), (False, True), (True, False)]
    planes, labels = torch.rand(11, 32, 32, generator=generator()), torch.ones(32, 32, dtype=torch.uint8)
    textured = vary(planes, labels, colors, replace(NONE, texture=1.0), generator(3))
    lit = vary(planes, labels, colors, replace(NONE, light=0.5), generator(3))
    changed = [[not torch.allclose(made[i], planes[i], atol=1e-5) for i in range(11)] for made in (textured, lit)]
    assert changed[0] == [True] * 3 + [False] * 3 + [True] * 3 + [False] * 2
    assert changed[1] == [True] * 6 + [False] * 5


def test_colours_are_found_in_any_order_and_alone():
    colors = colors_of(("Depth.Z", "AO.R", "B", "G", "R"), ("depth", "linear", "srgb", "srgb", "srgb"))
    assert [(color.channels, color.encoded) for color in colors] == [((4, 3, 2), True), ((1,), False)]
    assert [color.channels for color in colors_of(("Y",), ("srgb",))] == [(0,)]
    assert colors_of(("R", "G", "B"), ("raw",) * 3) == []
    names = tuple(f"View.{name}.{short}" for name in ("albedo", "Diffuse Direct", "Combined") for short in "RGB")
    assert [(c.channels[0], c.surface, c.light) for c in colors_of(names, ("srgb",) * 9)] == [
        (6, True, True),
        (0, True, False),
        (3, False, True),
    ]


def test_strengths_out_of_range_are_refused():
    for item in fields(Augment):
        with pytest.raises(UsageError, match=rf"augment: {item.name} is 2: it must be from 0 to 1"):
            Augment(**{item.name: 2})
