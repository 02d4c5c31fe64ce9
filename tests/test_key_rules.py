"""Rules beside networks: the tones of the key light where both agree, no say where they do not, and no stray pixels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rotonodes.errors import UsageError
from rotonodes.imaging.passes import tone_labels
from rotonodes.imaging.passes.tone_labels import LightRules, key_light_tones
from rotonodes.nets import key_rules
from rotonodes.nets.encode import network_input, with_shape
from rotonodes.nets.ensemble_network import ensemble_of, member_of
from rotonodes.nets.frame_tiles import GIGABYTE, frame_bytes, reach_of
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.key_rules import CHANNELS, TONES, KeyRules, tones_by_rules, without_strays
from rotonodes.nets.model import SHAPE, Model
from rotonodes.nets.weights import WeightsError, load_weights, save_weights
from rotonodes.node.parameters import parameter_faults
from rotonodes.nodes import Ensemble, TonesFromPasses, UNetSegment
from rotonodes.values.pixels import Image, Matte
from rotonodes.values.tones import CLASSES, SIX_CLASSES
from tiny_networks import tiny_model

SEEN = ("R", "G", "B", *CHANNELS, SHAPE)


@pytest.fixture(scope="module")
def network() -> Model:
    optional = (*CHANNELS, SHAPE)
    return tiny_model(
        classes=SIX_CLASSES, channels=SEEN, encodings=dict.fromkeys(optional, "raw"), optional=optional, config={"in_channels": 7}, seed=3
    )


def shading(height: int, width: int, seed: int = 0) -> Tensor:
    """Cosine, lit and gloss `[3, H, W]`, 0 to 1, in areas."""
    torch.manual_seed(seed)
    coarse = torch.rand(1, 3, height // 4 + 1, width // 4 + 1)
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rules_are_those_of_the_recipe(seed: int) -> None:
    plain = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(seed))
    found = torch.stack(tones_by_rules(*plain))
    assert found.min() >= 0
    torch.testing.assert_close(found.sum(0), torch.ones(24, 24))
    node = TonesFromPasses(recipe="key")
    labels = key_light_tones(plain, 1, LightRules(node.form, node.cast, node.facing, node.gloss))
    cosine, lit, gloss = plain
    limits = (cosine - node.form, cosine - node.facing, lit - node.cast, gloss * lit - node.gloss)
    clear = torch.stack([limit.abs() > 0.2 for limit in limits]).all(0) | (found.amax(0) > 0.9)
    names = [TONES[index] for index in found.argmax(0)[clear].tolist()]
    assert names == [CLASSES[index] for index in labels[clear].tolist()]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), height=st.integers(1, 12), width=st.integers(1, 12))
def test_stray_pixels_are_those_of_the_recipe(seed: int, height: int, width: int) -> None:
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(1, 5, (height, width), generator=random)
    shape = torch.rand(height, width, generator=random) > 0.3
    tones = torch.nn.functional.one_hot(labels - 1, 4).permute(2, 0, 1)[None].float()
    found = without_strays(tones, shape[None, None].float())
    torch.testing.assert_close(found.sum(1), torch.ones(1, height, width))
    expected = tone_labels.without_strays((labels * shape).byte(), shape)
    assert torch.equal((found.argmax(1)[0] + 1)[shape], expected[shape].long())
    assert torch.equal(found[0, :, ~shape], tones[0, :, ~shape]), "beside the shape nothing changes"


def test_rules_are_heard_where_they_agree_and_nowhere_else() -> None:
    picture = shading(64, 320)[None]
    said = torch.stack(tones_by_rules(*picture[0]))[None]
    rules, shape = KeyRules([0, 1, 2], [0, 1, 2, 3], 1.5), torch.ones(1, 1, 64, 320)
    sure = torch.nn.functional.one_hot(said.argmax(1), 4).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(rules(picture, sure, shape), (sure + 1.5 * said) / 2.5)
    other = sure.roll(1, 1)
    assert torch.equal(rules(picture, other, shape), other), "all over the shape the network says something else"
    halves = torch.cat((sure[..., :160], other[..., 160:]), -1)
    found = rules(picture, halves, shape)
    torch.testing.assert_close(found[..., :8], ((sure + 1.5 * said) / 2.5)[..., :8])
    assert torch.equal(found[..., -8:], halves[..., -8:]), "it is told from around each pixel"
    right = torch.zeros_like(shape)
    right[..., :160] = 1
    torch.testing.assert_close(rules(picture, halves, right)[..., :160], ((sure + 1.5 * said) / 2.5)[..., :160])


def test_without_the_light_there_are_no_rules() -> None:
    form = torch.zeros(1, 4, 16, 16)
    form[:, 1] = 0.6
    form[:, 2] = 0.4
    nothing = torch.zeros(1, 3, 16, 16)
    rules, shape = KeyRules([0, 1, 2], [0, 1, 2, 3], 1.0), torch.ones(1, 1, 16, 16)
    assert torch.equal(rules(nothing, form, shape), form)
    assert torch.equal(rules(shading(16, 16)[None], form, torch.zeros(1, 1, 16, 16)), form), "there is no shape"


def frame(height: int, width: int, shape: bool = False) -> Tensor:
    planes = torch.cat((torch.rand(3, height, width), shading(height, width), torch.zeros(1, height, width)))
    if shape:
        planes[-1] = (torch.rand(height, width) > 0.5).float() * 2 - 1
    return planes[None]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules are heard beside random networks, which hardly ever agree with them."""
    monkeypatch.setattr(key_rules, "_DOUBTED", 0.02)
    monkeypatch.setattr(key_rules, "_TRUSTED", 0.5)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [False, True])
def test_tiles_make_what_the_whole_frame_makes(network: Model, precision: str, shape: bool) -> None:
    made = ensemble_of([network, network], rules=1.5, clean=True)
    assert reach_of("ensemble", made.config) == reach_of("unet", network.config) + 146
    seen = frame(250, 731, shape)
    limit = frame_bytes(made.config, 731 * 125) * 1.0001 / GIGABYTE
    cut = Segmenter(made, precision=precision, limit=limit)
    assert len(cut._frame_tiles(250, 731)) > 1
    whole = Segmenter(made, precision=precision)(seen)
    assert torch.equal(cut(seen), whole)
    without = Segmenter(ensemble_of([network, network], clean=True), precision=precision)(seen)
    assert ((without - whole).abs().amax(1) > 0.01).float().mean() > 0.2, "rules are heard"


@pytest.mark.usefixtures("heard")
def test_the_given_shape_is_gone_by(network: Model) -> None:
    made = ensemble_of([network], rules=1000, clean=True)
    assert made.config["told"] == SEEN.index(SHAPE) and made.size_multiple == 8
    plain = ensemble_of([network], clean=True)
    assert "rules" not in plain.config and ensemble_of([network]) is network
    picture = Image(frame(40, 48)[0, :6], SEEN[:6])
    matte = torch.zeros(1, 40, 48)
    matte[:, 8:24, 8:24] = 1
    labels = UNetSegment()(picture, model=made, shape=Matte(matte)).labels.data
    inside = matte[0] > 0
    assert torch.equal(labels > 0, inside | (labels == 5)) and not (labels[inside] == 5).any()
    config = {name: value for name, value in made.config.items() if name != "told"}
    by_itself = UNetSegment()(picture, model=replace(made, config=config), shape=Matte(matte))
    assert not torch.equal(by_itself.labels.data, labels), "the network alone takes the shape to lie elsewhere"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_thin_matte_has_the_tone_of_its_pixel(network: Model, precision: Any) -> None:
    made = ensemble_of([network], ground=True, rules=1.5, clean=True)
    picture = Image(frame(40, 48)[0, :6], SEEN[:6])
    thin = torch.full((1, 40, 48), 0.0004)
    node = UNetSegment(precision=precision, threshold=0)
    plain = node(picture, model=network, shape=Matte(thin)).labels.data
    labels = node(picture, model=made, shape=Matte(thin)).labels.data
    assert len(plain.unique()) > 1 and (labels != plain).float().mean() < 0.2


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("ground", [False, True])
def test_who_only_says_what_the_shape_is_is_not_asked_where_it_is_given(network: Model, ground: bool) -> None:
    other = replace(network, state={name: tensor + 0.01 for name, tensor in network.state.items()})
    made = ensemble_of([other, network], (1, 1), (0, 1), ground, rules=1.5, clean=True)
    segmenter, asked = Segmenter(made, precision="float32"), []
    for place, member in enumerate(segmenter.network.members):
        member.register_forward_hook(lambda *given, place=place: asked.append(place))
    picture, matte = Image(frame(40, 48)[0, :6], SEEN[:6]), torch.zeros(1, 1, 40, 48)
    matte[..., 8:24, 8:30] = 1
    matte[..., 24, 8:30] = 0.5  # which is 0 as a channel
    planes = network_input(made, picture.data[None], picture.channels)
    told = network_input(made, picture.data[None], picture.channels, matte)
    segmenter(planes)
    assert asked == [0, 1]
    probabilities = with_shape(segmenter(told), matte, made.classes)
    assert asked[2:] == ([0, 1] if ground else [1]), "ground_shadow is told by both"
    alone = ensemble_of([network], ground=True, rules=1.5, clean=True)
    expected = with_shape(Segmenter(alone, precision="float32")(told), matte, alone.classes)
    inside = matte[0, 0] == 1
    torch.testing.assert_close(probabilities[0, 1:5, inside], expected[0, 1:5, inside], atol=4e-3, rtol=0)
    frames = torch.cat((told, told.flip(-1)))
    assert torch.equal(segmenter(frames), torch.cat([segmenter(one[None]) for one in frames]))


@pytest.mark.usefixtures("heard")
def test_one_file_and_a_member_of_it(network: Model, tmp_path: Path) -> None:
    made = Ensemble(rules=2, clean=True)([network, network])
    save_weights(made, tmp_path / "with.safetensors", "float32")
    read = load_weights(tmp_path / "with.safetensors")
    assert read.config == json.loads(json.dumps(made.config))
    seen = frame(20, 30)
    assert torch.equal(Segmenter(read)(seen), Segmenter(made)(seen))
    assert not torch.equal(Segmenter(made)(seen), Segmenter(ensemble_of([network, network]))(seen))
    assert (member_of(read, 2).architecture, member_of(read, 2).config["classes"]) == ("unet", 6)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"rules": {"channels": [3, 4], "tones": [0, 1, 2, 3], "weight": 1}}, "rules see 3 channels and know 4 tones"),
        ({"rules": {"channels": [3, 4, 99], "tones": [0, 1, 2, 3], "weight": 1}}, "rules see 3 channels and know 4 tones"),
        ({"rules": {"channels": [3, 4, 5], "tones": [0, 1, 2, 9], "weight": 1}}, "rules see 3 channels and know 4 tones"),
        ({"rules": {"channels": [3, 4, 5], "tones": [0, 1, 2, 3], "weight": -1}}, "rules are"),
        ({"rules": {"channels": [3, 4, 5]}}, "rules are"),
        ({"rules": 3}, "rules are 3: they must be"),
        ({"clean": 1}, "clean is 1: it must be true or false"),
        ({"told": 99}, "told is 99: it must be the number of a channel"),
    ],
)
def test_a_damaged_description_is_one_line(network: Model, wrong: dict[str, Any], said: str, tmp_path: Path) -> None:
    made = ensemble_of([network, network], rules=1, clean=True)
    save_weights(replace(made, config=made.config | wrong), tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match=rf"^[^\n]*odd\.safetensors: ensemble: {said}[^\n]*$"):
        load_weights(tmp_path / "odd.safetensors")


def test_networks_without_the_light_or_its_tones_are_refused(network: Model) -> None:
    with pytest.raises(
        UsageError, match=r"^rules: no network here has the channel KeyLight\.Cosine: link one that does, or leave rules at 0$"
    ):
        Ensemble(rules=1)([tiny_model(classes=CLASSES)])
    names = ("background", "cast_shadow", "form_shadow", "light", "highlight", "ground_shadow")
    with pytest.raises(UsageError, match=r"^rules: no network here has the tone midtone"):
        Ensemble(rules=1)([replace(network, classes=names)])
    assert parameter_faults(Ensemble, {"rules": -1}) and not parameter_faults(Ensemble, {"rules": 0.5})
    assert [*Ensemble(rules=1e-9).faults(frozenset(["models"]), 1)] == ["rules is 1e-09: a weight is 0, or a number from 0.001 to 1000"]
    assert not [*Ensemble(rules=1.5).faults(frozenset(["models"]), 1)]
    with pytest.raises(UsageError, match=r"^rules is 1e-09: a weight is 0"):
        Ensemble(rules=1e-9)([network])
