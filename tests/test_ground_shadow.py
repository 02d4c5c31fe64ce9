"""ground_shadow: the sixth class of tones, from every recipe, through painting and scoring, beside files and graphs of five."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from rotonodes.imaging.passes.tone_labels import LightRules, label_layer_ground
from rotonodes.nodes import EvaluateLabels, PaintTones, TonesFromPasses, ToneSplit
from rotonodes.train.objective.losses import IGNORE
from rotonodes.values.pixels import Box, Clip, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS, GROUND_SHADOW, SIX_CLASSES, SIX_COLORS, known_colors

SIZE = 24
HEADER = {"note": json.dumps({"key_direction": [0.0, 0.0, 1.0], "camera": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]})}


def matte() -> Matte:
    """The shape is the left third."""
    data = torch.zeros(1, SIZE, SIZE)
    data[..., : SIZE // 3] = 1
    return Matte(data)


def plane(value: float, **parts: float) -> np.ndarray:
    """A plane of one value, with others in the shape, in its shadow on the floor (the middle third's lower half), in other shadow."""
    found = np.full((SIZE, SIZE), value, np.float32)
    places = {
        "shape": np.s_[:, : SIZE // 3],
        "shadow": np.s_[SIZE // 2 :, SIZE // 3 : 2 * SIZE // 3],
        "other": np.s_[: SIZE // 4, 2 * SIZE // 3 :],
    }
    for name, part in parts.items():
        found[places[name]] = part
    return found


def layers(bare: bool = True) -> Layers:
    """A lit shape on a floor that faces the light, its shadow on it, and the shadow of something else."""
    planes = {}
    for channel in "RGB":
        planes[f"Label.DiffDir.{channel}"] = plane(0, shape=0.9)
        planes[f"Label.GlossDir.{channel}"] = plane(0)
        planes[f"Ground.DiffDir.{channel}"] = plane(1, shape=0, shadow=0.1, other=0.1)
        if bare:
            planes[f"Bare.DiffDir.{channel}"] = plane(1, other=0.1)
    for layer in ("Label", "Ground"):
        for channel, value in zip("XYZ", (0, 0, 1), strict=True):
            planes[f"{layer}.Normal.{channel}"] = plane(value)
    return Layers(planes, Box(0, 0, SIZE, SIZE), (SIZE, SIZE), HEADER)


def shadow() -> np.ndarray:
    return plane(0, shadow=1) > 0


def test_a_floor_behind_a_soft_edge_is_judged_by_its_own_light() -> None:
    """Its light is what the shape lets through: 1 - alpha of it, and of a floor in the open all."""
    alpha = torch.tensor([[0.0, 0.25, 0.5, 0.75, 0.9]])
    shares = torch.tensor([1.0, 0.6, 0.51, 0.49, 0.2])[:, None].expand(5, 5)
    lit, up = (shares * (1 - alpha)).expand(3, 5, 5), torch.tensor([0.0, 0.0, 1.0])
    rules = LightRules(form=0.38, cast=0.5, facing=0.15, gloss=0.3)
    for bare in (None, torch.ones(3, 5, 5)):
        found = label_layer_ground(lit, bare, up.view(3, 1, 1).expand(3, 5, 5), up, alpha.expand(5, 5), rules)
        assert torch.equal(found, shares < 0.5)
        behind = label_layer_ground(lit * 0, bare, up.view(3, 1, 1).expand(3, 5, 5), up, torch.ones(5, 5), rules)
        assert behind.all(), "nothing arrives behind what is opaque"


def test_the_label_layers_tell_the_shadow_of_the_shapes_alone() -> None:
    found = TonesFromPasses(ground=True)(layers(), matte=matte())
    assert (found.classes, found.colors) == (SIX_CLASSES, SIX_COLORS)
    np.testing.assert_array_equal(found.data.numpy() == 5, shadow())
    assert (found.data[:, : SIZE // 3] == 3).all()
    dark = plane(0, shadow=1, other=1) > 0
    np.testing.assert_array_equal(TonesFromPasses(ground=True)(layers(bare=False), matte=matte()).data.numpy() == 5, dark)


def test_five_classes_are_as_they_were() -> None:
    found = TonesFromPasses()(layers(), matte=matte())
    assert (found.classes, found.colors) == (CLASSES, COLORS)
    six = TonesFromPasses(ground=True)(layers(), matte=matte())
    assert torch.equal(found.data, six.data.masked_fill(six.data == 5, 0))


def test_cinema4d_divides_its_cast_shadow_by_the_shape() -> None:
    planes = {}
    for name, value in (("MatColor", 0.5), ("Illum", 0.9), ("Specular", 0.0)):
        planes |= {f"{name}.{channel}": plane(value) for channel in "RGB"}
    dark = plane(1, shadow=0.1)
    dark[:4, :4] = 0.1  # on the shape
    planes |= {f"Shadow.{channel}": dark for channel in "RGB"}
    frame = Layers(planes, Box(0, 0, SIZE, SIZE), (SIZE, SIZE))
    before = TonesFromPasses(recipe="cinema4d", encoding="raw")(frame, matte=matte()).data.numpy()
    found = TonesFromPasses(recipe="cinema4d", encoding="raw", ground=True)(frame, matte=matte()).data.numpy()
    np.testing.assert_array_equal(found == 5, shadow())
    np.testing.assert_array_equal(np.where(found == 5, 1, found), before)


def labels(*rows: list[int], classes: tuple[str, ...] = SIX_CLASSES) -> Labels:
    return Labels(torch.tensor(rows, dtype=torch.uint8), classes, known_colors(classes))


def test_palettes_paint_it_and_serve_labels_without_it() -> None:
    palette = {"ground_shadow": "#ff0000", "midtone": "#00ff00"}
    painted = PaintTones(palette=palette)(labels=labels([5, 3, 0]))
    assert painted.data[:, 0].T.tolist() == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0]]
    five = PaintTones(palette=palette)(labels=labels([3, 3, 0], classes=CLASSES))
    assert five.data[:, 0, 0].tolist() == [0, 1, 0, 1]
    probabilities = Image(torch.eye(6)[:, None], SIX_CLASSES)
    assert PaintTones(palette=palette)(probabilities=probabilities).data[:, 0, 5].tolist() == [1, 0, 0, 1]
    mattes = ToneSplit(classes=list(SIX_CLASSES))(labels=labels([5, 3, 0]))
    assert mattes["ground_shadow"].data.flatten().tolist() == [1, 0, 0]


class Lines:
    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize("six", ["prediction", "truth"])
def test_labels_of_five_and_of_six_are_compared_by_the_five(six: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rotonodes.node.annotations import Monitor

    said: list[str] = []
    monkeypatch.setattr(Monitor, "warn", lambda self, text: said.append(text))
    given = {"prediction": labels([1, 2, 3, 4, 5, 0]), "truth": labels([1, 2, 3, 4, 5, 0])}
    other = "truth" if six == "prediction" else "prediction"
    given[other] = labels([1, 2, 3, 4, 0, 0], classes=CLASSES)
    scores = EvaluateLabels()(**{name: Clip.of([value]) for name, value in given.items()})
    assert scores.as_json()["mean_iou"] == 1
    kind = "predicted" if six == "prediction" else "true"
    assert f"the {other} has no {GROUND_SHADOW}: the {kind} {GROUND_SHADOW} counts as background" in said


def test_both_of_six_are_scored_by_six() -> None:
    both = labels([1, 2, 3, 4, 5, 0])
    scores = EvaluateLabels()(Clip.of([both]), truth=Clip.of([both])).as_json()
    assert scores["iou"]["ground_shadow"] == 1 and IGNORE == 255
