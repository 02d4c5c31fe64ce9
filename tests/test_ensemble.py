"""Several networks as one: what they decide together, one file of them, what does not fit together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rotonodes import Graph
from rotonodes.errors import UsageError
from rotonodes.nets.encode import network_input
from rotonodes.nets.ensemble_network import ensemble_of, member_of
from rotonodes.nets.frame_tiles import GIGABYTE, frame_bytes
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import SHAPE, Model, build
from rotonodes.nets.model_card import card
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.nets.weights import WeightsError, load_weights, memory_of, save_weights
from rotonodes.nodes import Ensemble, LoadFrames, LoadModel, TrainUNet, UNetSegment
from rotonodes.plan.network_precision import _networks_of, decide_precision
from rotonodes.values.pixels import Clip, Image, Labels, Matte
from rotonodes.values.tones import CLASSES, COLORS, SIX_CLASSES, default_colors
from tiny_networks import tiny_model

PASSES = ("Depth.Z", "R", "G", "B", SHAPE)


@pytest.fixture(scope="module")
def members() -> tuple[Model, Model]:
    """One of six classes on the picture, one of five on a pass, the picture and the shape."""
    picture = tiny_model(classes=SIX_CLASSES, seed=4)
    passes = tiny_model(
        channels=PASSES, encodings={"Depth.Z": "depth", SHAPE: "raw"}, optional=(SHAPE,), seed=5, config={"in_channels": 5, "patch": 2}
    )
    return replace(picture, licence="Apache-2.0"), replace(passes, licence="Apache-2.0")


def frame(model: Model, width: int = 24, height: int = 16, matte: Tensor | None = None) -> Tensor:
    """The channels of a model out of one picture that has them all."""
    torch.manual_seed(1)
    return network_input(model, torch.rand(1, 4, height, width) + 0.1, ("R", "G", "B", "Depth.Z"), matte)


def answer(model: Model, **more: Any) -> Tensor:
    return Segmenter(model)(frame(model, **more))[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (0, 1)])
@pytest.mark.parametrize("tones", [(1, 1), (0, 1), (3, 1)])
def test_shape_and_tones_are_means(members: tuple[Model, Model], shape: tuple[float, float], tones: tuple[float, float]) -> None:
    made = ensemble_of(members, shape, tones)
    one, other = (answer(model) for model in members)
    found = answer(made)
    torch.testing.assert_close(found.sum(0), torch.ones(16, 24), atol=3e-3, rtol=0)
    covered = (shape[0] * one[1:5].sum(0) + shape[1] * other[1:5].sum(0)) / sum(shape)
    torch.testing.assert_close(found[1:5].sum(0), covered, atol=4e-3, rtol=0)
    # Where a side has hardly a share, what is known of it is lost in the half precision of probabilities.
    there = (one[1:5].sum(0) > 0.1) & (other[1:5].sum(0) > 0.1)
    known = (tones[0] * one[1:5] / one[1:5].sum(0) + tones[1] * other[1:5] / other[1:5].sum(0)) / sum(tones)
    torch.testing.assert_close(found[1:5, there], (covered * known)[:, there], atol=6e-3, rtol=0)
    there = one[0] + one[5] > 0.1
    ground = (1 - covered) * one[5] / (one[0] + one[5])  # which the other does not know
    torch.testing.assert_close(found[5, there], ground[there], atol=6e-3, rtol=0)


@pytest.mark.parametrize("ground", [True, False])
def test_a_member_comes_out_as_it_went_in(members: tuple[Model, Model], ground: bool, tmp_path: Path) -> None:
    path = tmp_path / "both.safetensors"
    save_weights(ensemble_of(members, (1, 0), (0, 1), ground), path)
    for number, member in enumerate(members, 1):
        found = LoadModel(path=str(path), member=number)()
        assert (found.channels, found.classes, found.colors, found.encodings) == (
            *(member.channels, member.classes, member.colors, member.encodings),
        )
        assert (found.architecture, found.size_multiple, found.optional) == (member.architecture, member.size_multiple, member.optional)
        assert torch.allclose(answer(found), answer(member), atol=2e-3)  # files hold half floats
    assert LoadModel(path=str(path))().architecture == "ensemble"
    mine = ensemble_of([replace(member, colors=default_colors(9)[9 - len(member.colors) :]) for member in members], ground=ground)
    assert member_of(replace(mine, training={"member 1": 3}), 1).colors[:5] == mine.colors[:5], "a file's own colours stay"
    twice = replace(mine, config={**mine.config, "members": [{**mine.config["members"][0], "classes": [0, 1, 2, 3, 4, 0, 0]}]})
    with pytest.raises(UsageError, match=r"^member 1: it knows background, .*, ground_shadow, ground_shadow, one of them twice: the file"):
        member_of(twice, 1)
    with pytest.raises(UsageError, match=r"both.safetensors: member 3: the ensemble has 2 networks: give 1 to 2$"):
        LoadModel(path=str(path), member=3)()
    save_weights(members[0], path)
    with pytest.raises(UsageError, match=r"both.safetensors: member 1: this is one network, a unet, and no ensemble: take member out$"):
        LoadModel(path=str(path), member=1)()


def test_channels_and_classes_are_those_of_all(members: tuple[Model, Model]) -> None:
    made = ensemble_of(members)
    assert made.channels == ("R", "G", "B", "Depth.Z", SHAPE) and made.channel_encodings() == ("srgb", "srgb", "srgb", "depth", "raw")
    assert (made.classes, made.optional, made.size_multiple, made.licence) == (SIX_CLASSES, (SHAPE,), 4, "Apache-2.0")
    assert ensemble_of(members[::-1]).classes == SIX_CLASSES
    assert not ensemble_of([members[0], members[0]]).optional
    assert ensemble_of(members[:1]) is members[0]
    assert made.parameter_count() == sum(model.parameter_count() for model in members)


@pytest.mark.parametrize("count", [1, 2])
def test_without_ground_its_shadow_is_background(count: int, members: tuple[Model, Model]) -> None:
    made, known = Ensemble(ground=False)([*members[:count]]), ensemble_of(members[:count])
    assert (made.classes, made.colors) == (CLASSES, known.colors[:5])
    five, six = answer(made), answer(known)
    torch.testing.assert_close(five[1:], six[1:5], atol=2e-3, rtol=0)
    torch.testing.assert_close(five[0], six[0] + six[5], atol=3e-3, rtol=0)


def test_a_known_shape_reaches_the_members_that_see_it(members: tuple[Model, Model]) -> None:
    half = torch.zeros(1, 1, 16, 24)
    half[..., :12] = 1
    made = ensemble_of(members, (0, 1), (0, 1))
    torch.testing.assert_close(answer(made, matte=half)[1:5], answer(members[1], matte=half)[1:5], atol=3e-3, rtol=0)
    picture = Image(torch.rand(4, 16, 24) + 0.1, ("R", "G", "B", "Depth.Z"))
    labels = UNetSegment()(picture, model=made, shape=Matte(half[0]))[0].data
    assert ((labels > 0) & (labels < 5)).eq(half[0, 0] > 0.5).all()


def test_one_file_is_used_as_any_other(members: tuple[Model, Model], tmp_path: Path) -> None:
    made = Ensemble(shape_weights=[2, 1])([*members])
    save_weights(made, tmp_path / "both.safetensors", "float32")
    read = load_weights(tmp_path / "both.safetensors")
    assert read.config == json.loads(json.dumps(made.config)) and torch.equal(answer(read), answer(made))
    least = max(frame_bytes(model.config, 640 * 480) for model in members)
    assert least < memory_of(tmp_path / "both.safetensors", 640, 480) < 2 * least
    text = card(made, "both.safetensors", 1)
    assert "| member 1 | `unet`" in text and "sees R, G, B; weight 2 in what the shape is, 1 in which tone it has" in text
    assert '{"' not in text and max(map(len, text.splitlines())) < 400


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_one_network_twice_can_be_written(members: tuple[Model, Model], dtype: Any, tmp_path: Path) -> None:
    made = ensemble_of([members[0], members[0]])
    save_weights(made, tmp_path / "twice.safetensors", dtype)
    read = load_weights(tmp_path / "twice.safetensors")
    assert set(read.state) == set(made.state)
    for name, tensor in made.state.items():
        torch.testing.assert_close(read.state[name], tensor, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_tiles_make_what_the_whole_frame_makes(members: tuple[Model, Model], precision: str) -> None:
    made = ensemble_of(members)
    seen = frame(made, 331, 250)
    limit = frame_bytes(made.config, 331 * 125) * 1.0001 / GIGABYTE
    cut = Segmenter(made, precision=precision, limit=limit)
    assert len(cut._frame_tiles(250, 331)) > 1
    assert torch.equal(cut(seen), Segmenter(made, precision=precision)(seen))


def test_training_goes_on_with_its_classes_only(members: tuple[Model, Model]) -> None:
    made = ensemble_of(members)
    torch.manual_seed(0)
    pictures = Clip.of([Image(torch.rand(4, 32, 32) + 0.1, ("R", "G", "B", "Depth.Z"))] * 2)
    node = TrainUNet(steps=1, batch=2, crop=32)
    six, five = (
        Clip.of([Labels(torch.randint(0, len(names), (32, 32)).byte(), names, default_colors(len(names)))] * 2)
        for names in (SIX_CLASSES, CLASSES)
    )
    tuned = node(pictures, labels=six, model=made)
    assert (tuned.architecture, tuned.config, tuned.channels) == ("ensemble", made.config, made.channels)
    with pytest.raises(
        UsageError, match=r"^training: an ensemble keeps its classes, .*ground_shadow, and these frames have [^:]*highlight: start"
    ):
        node(pictures, labels=five, model=made)


def test_members_that_ask_for_float32_are_heard_in_the_plan(members: tuple[Model, Model], tmp_path: Path) -> None:
    save_weights(replace(members[0], precision="float32"), tmp_path / "a.safetensors")
    save_weights(members[1], tmp_path / "b.safetensors")
    graph = Graph(frames="1")
    read = [graph.add(LoadModel(path=str(tmp_path / f"{name}.safetensors")), name) for name in "ab"]
    picture = graph.add(LoadFrames(path=str(tmp_path / "p.png")), "picture")
    graph.add(UNetSegment(), "segment", image=picture, model=graph.add(Ensemble(), "both", models=read))
    nodes = {name: vertex.node for name, vertex in graph.vertices.items()}
    assert decide_precision(graph, nodes, "cuda", None)["segment"] == "float32"
    assert ensemble_of([replace(members[0], precision="float32"), members[1]]).precision == "float32"


@pytest.mark.parametrize(
    "change, told",
    [
        (lambda a, b: [a] * 17, "an ensemble has 1 to 16 networks, and here are 17: link fewer"),
        (lambda a, b: [a, ensemble_of([a, b])], "network 2 is an ensemble itself: link its members instead"),
        (lambda a, b: [], "an ensemble has 1 to 16 networks, and here are 0: link some"),
        (
            lambda a, b: [replace(a, classes=a.classes[::5], colors=a.colors[:2])] * 2,
            "these networks know no tone, only background, ground_shadow",
        ),
        (lambda a, b: [replace(a, size_multiple=4480), b], "in multiples of 4480 px together, more than 4096"),
        (lambda a, b: [a, replace(b, encoding="linear")], "network 2 sees R as linear, another one as srgb"),
        (lambda a, b: [a, replace(b, preprocessing=Preprocessing(scale=0.5))], "network 2 sees frames in another way"),
        (lambda a, b: [a, replace(b, classes=b.classes[:1] + b.classes[:0:-1])], "network 2 knows .* all must know the same tones"),
        (lambda a, b: [a, tiny_model(classes=("background", "shape"), activation="sigmoid")], "network 2 makes mattes"),
    ],
)
def test_what_does_not_fit_together_is_named(change: Any, told: str, members: tuple[Model, Model]) -> None:
    with pytest.raises(UsageError, match=told):
        ensemble_of(change(*members))


@pytest.mark.parametrize("name", ["shape_weights", "tone_weights"])
@pytest.mark.parametrize("weights", [(1,), (0, 0), (-1, 2), (float("nan"), 1), (1e-50, 0), (1, 2, 3)])
def test_weights_are_one_for_each_network(name: str, weights: tuple[float, ...], members: tuple[Model, Model]) -> None:
    told = "give one weight for each of 2 networks, and not 0 for all|a weight is 0, or a number from 0.001 to 1000"
    with pytest.raises(UsageError, match=rf"^{name} is \[.*\]: ({told})$"):
        ensemble_of(members, **{name: weights})


def test_only_the_one_without_a_weight_knows_the_shadow_on_the_ground(members: tuple[Model, Model]) -> None:
    six = answer(members[0])
    found = answer(ensemble_of(members, (0, 1), (0, 1)))
    there = (six[0] + six[5] > 0.1) & (found[0] + found[5] > 0.1)
    assert there.any()
    torch.testing.assert_close((found[5] / (found[0] + found[5]))[there], (six[5] / (six[0] + six[5]))[there], atol=2e-2, rtol=0)


def test_a_u2net_is_a_member_as_any_other() -> None:
    small = tiny_model("u2net", classes=CLASSES, config={"in_channels": 3, "stages": [[2, 2]] * 11})
    alone, twice = answer(small), answer(ensemble_of([small, small]))
    torch.testing.assert_close(twice, alone, atol=2e-3, rtol=0)


def test_small_frames_are_padded_for_all_members() -> None:
    configs = [{"in_channels": 3, "classes": 5, "widths": [2, 2], "patch": patch} for patch in (2, 3)]
    networks = [(config, build("unet", config)) for config in configs]
    known = [Model("unet", one, CLASSES, COLORS, size_multiple=int(net.size_multiple), state=net.state_dict()) for one, net in networks]
    both = ensemble_of(known)
    assert both.size_multiple == 12
    for side in (1, 5, 13):
        assert answer(both, width=side, height=side).shape == (5, side, side)


def test_nested_ensembles_are_planned_at_once() -> None:
    """Ensembles of ensembles are refused when they are made; until then they cost nothing."""
    graph = Graph(frames="1")
    last = graph.add(LoadModel(path="a.safetensors"), "read")
    for place in range(40):
        last = graph.add(Ensemble(), f"both{place}", models=[last, last])
    picture = graph.add(LoadFrames(path="p.png"), "picture")
    graph.add(UNetSegment(precision="float32"), "segment", image=picture, model=last)
    assert len(_networks_of(graph, "segment")) == 41


@pytest.mark.parametrize(
    "change",
    [
        {"outside": [1]},
        {"outside": [0, 9]},
        {"outside": "0"},
        {"members": []},
        {"members": {}},
        {"members": [1]},
        {"members": 17 * [{}]},
        {"member": {"architecture": "ensemble"}},
        {"member": {"architecture": "net"}},
        {"member": {"config": {"widths": [4, 8], "in_chanels": 3}}},
        {"member": {"config": {"depth": 10**9}}},
        {"member": {"config": {"members": [{"config": {"depth": 10**9}}]}}},
        {"member": {"channels": [0, 1, 99]}},
        {"member": {"channels": [0, 0, 1]}},
        {"member": {"classes": [0, 1, 2, 3]}},
        {"member": {"shape": -1}},
        {"member": {"tones": "1"}},
        {"member": {"shape": True, "tones": None}},
        {"member": {"config": {"width": "a", "depth": 32}}},
        {"member": {"config": {"widths": [4096] * 9, "patch": 2**400}}},
    ],
)
def test_a_damaged_description_is_one_line(change: dict[str, Any], members: tuple[Model, Model], tmp_path: Path) -> None:
    made = ensemble_of(members)
    config = json.loads(json.dumps(made.config)) | {name: value for name, value in change.items() if name != "member"}
    if "member" in change:
        config["members"][0] |= change["member"]
    path = tmp_path / "odd.safetensors"
    save_weights(replace(made, config=config), path)
    with pytest.raises(WeightsError, match=r"^[^\n]*odd\.safetensors: [^\n]+$"):
        load_weights(path)
    try:
        assert memory_of(path, 64, 64) >= 0
    except WeightsError as error:
        assert "its metadata describe no network" in str(error)
