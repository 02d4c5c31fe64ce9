"""ToneSplit, MeasureTones, PaintTones: thresholds, soft borders, palettes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.tone_mattes import clusters, quantiles, soften
from rotonodes.node.parameters import parameter_faults
from rotonodes.nodes.tones.measure_tones import MeasureTones
from rotonodes.nodes.tones.paint_tones import PaintTones
from rotonodes.nodes.tones.tone_split import ToneSplit
from rotonodes.values.pixels import Image, Labels, Matte
from rotonodes.values.tones import CLASSES, COLORS, ToneScale

NAN = float("nan")


def tone_labels(*rows: list[int]) -> Labels:
    return Labels(torch.tensor(rows, dtype=torch.uint8), CLASSES, COLORS)


def grey(*light: float) -> Image:
    return Image(torch.tensor(light).expand(3, 1, -1))


# ToneSplit.


def test_tone_split_has_one_output_for_each_class() -> None:
    assert list(ToneSplit().outputs()) == ["labels", *CLASSES]
    assert ToneSplit(classes=["paper", "ink"]).outputs() == {"labels": Labels, "paper": Matte, "ink": Matte}


def test_tone_split_of_labels_gives_their_classes() -> None:
    labels = tone_labels([0, 1, 2], [3, 4, 4])
    split = ToneSplit()(labels)
    assert split["labels"] is labels
    assert split["highlight"].data.tolist() == [[[0, 0, 0], [0, 1, 1]]]
    assert torch.equal(sum(split[name].data for name in CLASSES), torch.ones(1, 2, 3))


def test_tone_split_makes_only_what_is_wanted() -> None:
    split = ToneSplit().run({"labels": tone_labels([0, 1])}, wanted=["cast_shadow"])
    assert split["cast_shadow"].data.tolist() == [[[0, 1]]]
    assert split["highlight"] is None


def test_tone_split_finds_classes_by_name() -> None:
    labels = Labels(torch.tensor([[0, 1]], dtype=torch.uint8), ("ink", "paper"), ("#000000", "#ffffff"))
    assert ToneSplit(classes=["paper", "ink"])(labels)["ink"].data.tolist() == [[[1, 0]]]
    with pytest.raises(UsageError, match=r"no class 'papers' .did you mean 'paper'"):
        ToneSplit(classes=["papers"])(labels)


def test_tone_split_by_thresholds() -> None:
    image = grey(0.0, 0.05, 0.061, 0.5, 0.721, 9.0, NAN)
    split = ToneSplit(thresholds=[0.06, 0.38, 0.72])(image=image)
    assert split["labels"].data.tolist() == [[1, 1, 2, 3, 4, 4, 1]]
    assert split["labels"].classes == CLASSES
    assert split["background"].data.sum() == 0


def test_tone_split_takes_the_luminance_of_straight_colour() -> None:
    alpha = torch.tensor([1.0, 0.5, 0.5, 0.0])
    light = torch.tensor([0.4, 0.2, 0.18, 0.0])
    image = Image(torch.cat([light.expand(3, -1), alpha[None]])[:, None])
    split = ToneSplit(thresholds=[0.39], classes=["out", "dark", "bright"])(image=image)
    assert split["labels"].data.tolist() == [[2, 2, 1, 0]]
    assert split["bright"].data.flatten().tolist() == [1.0, 0.5, 0.0, 0.0]
    assert split["out"].data.flatten().tolist() == [0.0, 0.5, 0.5, 1.0]


def test_tone_split_matte_says_where_the_shape_is() -> None:
    split = ToneSplit()(image=grey(1, 1, 1), matte=Matte(torch.tensor([[[0.0, 0.49, 0.5]]])))
    assert split["labels"].data.tolist() == [[0, 0, 4]]
    assert split["highlight"].data.flatten().tolist() == pytest.approx([0.0, 0.49, 0.5])
    with pytest.raises(FrameError, match="crop or reformat"):
        ToneSplit()(image=grey(1, 1, 1), matte=Matte(torch.ones(1, 2, 2)))


def test_tone_split_uses_a_scale_in_its_encoding() -> None:
    # Code 0.5 of sRGB is 0.21404 in linear light.
    image = grey(0.2140, 0.2141)
    split = ToneSplit(classes=["out", "dark", "bright"])(image=image, scale=ToneScale((0.5,), "srgb"))
    assert split["labels"].data.tolist() == [[1, 2]]
    with pytest.raises(UsageError, match="2 thresholds make 3 tones, but `classes` names 4"):
        ToneSplit()(image=image, scale=ToneScale((0.1, 0.2)))


@pytest.mark.parametrize("softness", [0.0, 0.7, 2.0, 3.5, 40.0])
def test_tone_split_mattes_add_up_to_one(softness: float) -> None:
    torch.manual_seed(3)
    image, matte = Image(torch.rand(3, 9, 11)), Matte(torch.rand(1, 9, 11))
    for split in (ToneSplit(softness=softness)(image=image, matte=matte), ToneSplit(softness=softness)(ToneSplit()(image=image)["labels"])):
        total = sum(split[name].data for name in CLASSES)
        assert torch.allclose(total, torch.ones_like(total), atol=1e-5)


def test_soften_makes_a_ramp_of_that_length() -> None:
    edge = torch.zeros(1, 3, 8)
    edge[..., 4:] = 1
    assert soften(edge, 4.0)[0, 1].tolist() == pytest.approx([0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1])
    assert soften(edge, 1.0) is edge
    assert soften(torch.ones(1, 1, 1), 9.0).tolist() == [[[pytest.approx(1)]]]


def test_tone_split_says_what_is_not_linked() -> None:
    def faults(*linked: str, **parameters: object) -> list[str]:
        return list(ToneSplit(**parameters).faults(frozenset(linked), 1))

    assert faults("labels") == faults("image", "matte", "scale") == faults("image") == []
    assert faults() == faults("labels", "image") == ["link either `labels` or `image`"]
    assert faults("labels", "matte") == ["`matte` goes with `image`, which is not linked"]
    assert "3 thresholds make 4 tones" in faults("image", classes=["a", "b"])[0]
    assert faults("image", "scale", classes=["a", "b"]) == []


def test_tone_split_refuses_names_and_thresholds() -> None:
    assert "taken" in parameter_faults(ToneSplit, {"classes": ["a", "a"]})[0][1]
    assert "taken" in parameter_faults(ToneSplit, {"classes": ["labels"]})[0][1]
    assert "must rise" in parameter_faults(ToneSplit, {"thresholds": [0.5, 0.1]})[0][1]


# MeasureTones.


def test_measure_tones_quantiles_give_every_tone_as_many_pixels() -> None:
    light = torch.linspace(0.01, 1.0, 1000)
    scale = MeasureTones(tones=4, method="quantiles")([grey(*light.tolist())])
    labels = ToneSplit()(image=grey(*light.tolist()), scale=scale)["labels"]
    assert labels.data.flatten().bincount().tolist() == pytest.approx([0, 250, 250, 250, 250], abs=3)


def test_measure_tones_kmeans_divides_between_clusters() -> None:
    frame = grey(*[0.04, 0.05, 0.06] * 9, *[0.49, 0.5, 0.51] * 3)
    (limit,) = MeasureTones(tones=2)([frame]).thresholds
    assert 0.06 < limit < 0.49
    scale = MeasureTones(tones=3)([grey(0.1, 0.1, 0.3, 0.8)])
    labels = ToneSplit(classes=["out", "a", "b", "c"])(image=grey(0.1, 0.3, 0.8), scale=scale)["labels"]
    assert labels.data.tolist() == [[1, 2, 3]]


def test_measure_tones_sees_the_whole_shot_in_any_order() -> None:
    torch.manual_seed(4)
    frames = [Image(torch.rand(3, 6, 5) * k) for k in (0.1, 0.5, 1.0, 30.0)]
    for method in ("quantiles", "kmeans"):
        measure = MeasureTones(method=method)
        assert measure(frames) == measure(frames[::-1]) == measure(frames)
        assert measure(frames) != measure(frames[:2])
        assert list(measure(frames).thresholds) == sorted(measure(frames).thresholds)


def test_measure_tones_looks_only_inside_the_shape() -> None:
    frame = grey(0.2, 0.8, 5.0, NAN)
    inside = Matte(torch.tensor([[[1.0, 0.5, 0.49, 1.0]]]))
    measure = MeasureTones(tones=2, method="kmeans")
    assert measure([frame], [inside]) == measure([grey(0.2, 0.8)])
    premultiplied = Image(torch.tensor([[0.1, 0.8, 9.0], [0.1, 0.8, 9.0], [0.1, 0.8, 9.0], [0.5, 1.0, 0.1]])[:, None])
    assert measure([premultiplied]) == measure([grey(0.2, 0.8)])
    with pytest.raises(FrameError, match="check the matte"):
        measure([frame], [Matte(torch.zeros(1, 1, 4))])


def test_measure_tones_of_one_brightness_still_rises() -> None:
    for method in ("quantiles", "kmeans"):
        thresholds = MeasureTones(tones=5, method=method)([grey(0.5)]).thresholds
        assert len(thresholds) == 4
        assert list(thresholds) == sorted(thresholds)


def test_measure_tones_in_bins() -> None:
    counts = np.zeros(4096, np.int64)
    counts[[10, 20, 1000]] = [4, 4, 8]
    assert quantiles(counts, 2).tolist() == [(21 + 1000) / 2]
    assert clusters(counts, 2).tolist() == [(15.5 + 1000.5) / 2]
    counts = np.zeros(64, np.int64)
    counts[[0, 63]] = 50  # as of a picture that is clipped on both sides
    assert quantiles(counts, 2).tolist() == clusters(counts, 2).tolist() == [32]
    counts[[0, 7, 42, 63]] = [20, 30, 40, 80]  # the brightest bin belongs to the range that the start is spread over
    assert clusters(counts, 3).tolist() == pytest.approx([(4.7 + 42.5) / 2, (42.5 + 63.5) / 2])


@given(st.lists(st.integers(0, 9), min_size=24, max_size=24).filter(any), st.integers(2, 4))
def test_clusters_are_those_of_k_means(numbers: list[int], tones: int) -> None:
    """Lloyd's rounds on the pixels themselves, each in the middle of its bin."""
    counts = np.array(numbers)
    pixels = np.repeat(np.arange(24) + 0.5, counts)
    count = np.concatenate([[0], np.cumsum(counts)])
    low, high = np.interp(np.array([0.01, 0.99]) * count[-1], count, np.arange(25.0))
    centers = [low + (tone + 0.5) / tones * (high - low) for tone in range(tones)]
    for _ in range(100):
        limits = [(a + b) / 2 for a, b in itertools.pairwise(centers)]
        groups = [[x for x in pixels.tolist() if sum(x >= limit for limit in limits) == tone] for tone in range(tones)]
        moved = [sum(group) / len(group) if group else center for group, center in zip(groups, centers, strict=True)]
        if moved == centers:
            break
        centers = moved
    assert clusters(counts, tones).tolist() == pytest.approx(limits)


# PaintTones.


def test_paint_tones_by_hand() -> None:
    painted = PaintTones(palette={"highlight": "#ffffff", "midtone": "#80000080"})(tone_labels([0, 4, 3, 1]))
    assert painted.channels == ("R", "G", "B", "A")
    pixels = painted.data[:, 0].T.tolist()
    half = ((0x80 / 255 + 0.055) / 1.055) ** 2.4
    assert pixels[0] == [0, 0, 0, 0]
    assert pixels[1] == [1, 1, 1, 1]
    assert pixels[2] == pytest.approx([half * 0x80 / 255, 0, 0, 0x80 / 255])
    assert pixels[3][3] == 1
    assert pixels[3][2] == pytest.approx(((0x5B / 255 + 0.055) / 1.055) ** 2.4)  # COLORS[1] is #3d405b


def test_paint_tones_background_is_the_class_of_that_name_or_the_first() -> None:
    def alphas(*classes: str) -> list[float]:
        labels = Labels(torch.tensor([[0, 1, 9]], dtype=torch.uint8), classes, ("#ffffff", "#ffffff"))
        return PaintTones()(labels).data[3, 0].tolist()

    assert alphas("paper", "ink") == [0, 1, 0]
    assert alphas("ink", "background") == [1, 0, 0]


def test_paint_tones_of_probabilities_mixes_premultiplied() -> None:
    probabilities = Image(torch.tensor([[0.5, 0.0], [0.25, 0.0], [0.25, 1.0]])[:, None], ("background", "a", "b"))
    painted = PaintTones(palette={"a": "#ffffff", "b": "#ff000080"})(probabilities=probabilities)
    alpha = 0x80 / 255
    assert painted.data[:, 0, 0].tolist() == pytest.approx([0.25 + 0.25 * alpha, 0.25, 0.25, 0.25 + 0.25 * alpha])
    assert painted.data[:, 0, 1].tolist() == pytest.approx([alpha, 0, 0, alpha])


def test_paint_tones_of_certain_probabilities_is_that_of_labels() -> None:
    labels = tone_labels([0, 1, 2], [3, 4, 0])
    certain = torch.nn.functional.one_hot(labels.data.long(), 5).permute(2, 0, 1).float()
    palette = {"highlight": "#fff4d6", "cast_shadow": "#11223344"}
    assert torch.allclose(PaintTones(palette=palette)(probabilities=Image(certain, CLASSES)).data, PaintTones(palette=palette)(labels).data)


def test_paint_tones_says_which_class_was_meant() -> None:
    with pytest.raises(UsageError, match=r"no class 'highlights' .did you mean 'highlight'"):
        PaintTones(palette={"highlights": "#ffffff"})(tone_labels([0]))
    assert "midtone" in parameter_faults(PaintTones, {"palette": {"midtone": "red"}})[0][1]
    assert list(PaintTones().faults(frozenset(), 1)) == ["link either `labels` or `probabilities`"]
    with pytest.raises(UsageError, match="give either `labels` or `probabilities`"):
        PaintTones()()


def test_what_is_not_painted_leaves_no_hole() -> None:
    shares = torch.tensor([[0.9, 0.2, 1.0], [0.06, 0.6, 0.0], [0.04, 0.2, 0.0]]).view(3, 1, 3)
    probabilities = Image(shares, ("background", "midtone", "highlight"))
    palette = {"midtone": "#ff0000", "highlight": "#00ff00"}
    red, green, _, alpha = PaintTones(palette=palette, without=["background"])(probabilities=probabilities).data.squeeze(1)
    assert torch.allclose(red, torch.tensor([0.6, 0.75, 0.0])) and torch.allclose(green, torch.tensor([0.4, 0.25, 0.0]))
    assert torch.allclose(alpha, torch.tensor([1.0, 1.0, 0.0]))  # where nothing else is probable there is nothing to paint
    assert (red.isfinite() & green.isfinite() & alpha.isfinite()).all()
    nobody = Image(torch.tensor([1.0, 0, 0, 0, 0]).view(5, 1, 1), CLASSES)  # nothing is left of this pixel
    for sharpness in (1, 8):
        assert not PaintTones(palette=palette, without=["background"], sharpness=sharpness)(probabilities=nobody).data.any()
    with pytest.raises(UsageError, match=r"without: there is no class 'backgruond' \(did you mean 'background'\?\)"):
        PaintTones(palette=palette, without=["backgruond"])(probabilities=probabilities)
    assert "link `probabilities`" in "".join(PaintTones(without=["background"]).faults(frozenset({"labels"}), 1))
