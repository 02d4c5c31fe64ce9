"""Weights with a known shape and with passes that may be missing: trained with and without, one file for both."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from rotonodes.errors import FrameError, UsageError
from rotonodes.nets.encode import network_input, with_shape
from rotonodes.nets.hub import Network
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import SHAPE, Model, build
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.nodes import TrainUNet, UNetSegment
from rotonodes.train.data.augment import drop_channels, droppable
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.settings import NONE, Augment, TrainSettings
from rotonodes.train.warm_start import warm_start
from rotonodes.values.pixels import Clip, Image, Labels, Matte
from rotonodes.values.tones import CLASSES, SIX_CLASSES, SIX_COLORS
from tiny_networks import tiny_model

CHANNELS = ("R", "G", "B", "Normal.X", "Normal.Y", "Normal.Z", SHAPE)


def model(optional: tuple[str, ...] = CHANNELS[3:]) -> Model:
    return tiny_model(channels=CHANNELS, optional=optional, classes=SIX_CLASSES, config={"in_channels": len(CHANNELS)})


def half_matte(width: int = 16, height: int = 12) -> torch.Tensor:
    """`[1, 1, H, W]`: 1 in the left half."""
    matte = torch.zeros(1, 1, height, width)
    matte[..., : width // 2] = 1
    return matte


def test_optional_channels_travel_with_the_weights(tmp_path) -> None:
    save_weights(model(), tmp_path / "net.safetensors")
    assert load_weights(tmp_path / "net.safetensors").optional == CHANNELS[3:]
    assert "optional" not in tiny_model().metadata(), "files without optional channels are as they were"
    with pytest.raises(UsageError, match=r"optional has 'Depth.Z', which is none of its channels"):
        replace(model(), optional=("Depth.Z",))


def test_a_shape_that_must_be_there_may_be_given_as_a_matte() -> None:
    """As of a network that was trained with the shape always given: `drop_shape` 0."""
    picture, always = torch.rand(1, 3, 12, 16), tiny_model(channels=("R", "G", "B", SHAPE), config={"in_channels": 4})
    planes = network_input(always, picture, ("R", "G", "B"), half_matte())
    assert torch.equal(planes[:, :3], picture) and torch.equal(planes[0, 3], half_matte()[0, 0] * 2 - 1)
    with pytest.raises(FrameError, match=r"link one with Shape, or its matte to `shape` of UNetSegment, or take weights"):
        network_input(always, picture, ("R", "G", "B"))


def test_what_may_be_missing_is_zero_and_what_may_not_is_refused() -> None:
    picture = torch.rand(2, 4, 12, 16)
    planes = network_input(model(), picture, ("A", "R", "G", "B"), half_matte().expand(2, -1, -1, -1))
    assert torch.equal(planes[:, :3], picture[:, 1:])
    assert not planes[:, 3:6].any()
    assert torch.equal(planes[0, 6], half_matte()[0, 0] * 2 - 1)
    assert not network_input(model(), picture, ("A", "R", "G", "B"))[:, 6].any(), "no matte is neither inside nor outside"
    with pytest.raises(FrameError, match=r"link one with B"):
        network_input(model(), picture, ("A", "R", "G", "Normal.X"))
    with pytest.raises(FrameError, match=r"Normal\.X"):
        network_input(model(optional=(SHAPE,)), picture, ("A", "R", "G", "B"))


def test_a_known_shape_is_kept_to() -> None:
    """Outside of it only background and ground_shadow, inside only the others, and the matte is the shape."""
    picture, matte = Image(torch.rand(3, 12, 16)), half_matte()
    for weights in (model(), tiny_model(classes=CLASSES)):
        labels, probabilities, alpha = UNetSegment()(picture, model=weights, shape=Matte(matte[0]))
        assert ((labels.data == 0) | (labels.data == 5))[:, 8:].all()
        assert ((labels.data > 0) & (labels.data < 5))[:, :8].all()
        assert torch.equal(alpha.data, matte[0])
        torch.testing.assert_close(probabilities.data.sum(0), torch.ones(12, 16), atol=2e-3, rtol=0)
        made = Network(Segmenter(weights))(picture, shape=Matte(matte[0]))
        assert torch.equal(made.labels.data, labels.data)
    with pytest.raises(FrameError, match=r"the shape is 8x8, the picture 16x12: reformat one of them"):
        UNetSegment()(picture, model=model(), shape=Matte(torch.ones(1, 8, 8)))


def test_soft_edges_share_by_the_matte() -> None:
    probabilities = torch.tensor([0.2, 0.1, 0.1, 0.3, 0.2, 0.1]).view(1, 6, 1, 1)
    made = with_shape(probabilities, torch.full((1, 1, 1, 1), 0.75), SIX_CLASSES)[0, :, 0, 0]
    torch.testing.assert_close(made[[0, 5]].sum(), torch.tensor(0.25))
    torch.testing.assert_close(made[1:5] / 0.75, torch.tensor([0.1, 0.1, 0.3, 0.2]) / 0.7)
    certain = torch.tensor([1.0, 0, 0, 0, 0, 0]).view(1, 6, 1, 1)
    assert with_shape(certain, torch.ones(1, 1, 1, 1), SIX_CLASSES)[0, 1].item() == 1, "the shape is never background"


def test_the_shape_reaches_the_network() -> None:
    """Not only what is made of its probabilities: with the matte turned around, those inside are others."""
    network, picture = model(), torch.rand(1, 3, 12, 16)
    segmenter = Segmenter(network)
    seen = [segmenter(network_input(network, picture, ("R", "G", "B"), matte)) for matte in (None, half_matte(), 1 - half_matte())]
    assert not torch.equal(seen[0], seen[1]) and not torch.equal(seen[1], seen[2])


def test_dropping_takes_whole_passes_and_the_key_light_with_what_it_is_found_in() -> None:
    channels = ("R", "G", "B", "Normal.X", "Normal.Y", "GlossDir.R", "KeyLight.Lit", SHAPE)
    groups, planes = droppable(channels), torch.ones(8, 4, 4)
    seen = set()
    for seed in range(200):
        made = drop_channels(planes, groups, Augment(drop_pass=0.3, drop_shape=0.5), torch.Generator().manual_seed(seed))
        gone = [not plane.any() for plane in made]
        assert not any(gone[:3]) and gone[3] == gone[4] and (not gone[3] or gone[6])
        seen.add((gone[3], gone[5], gone[7]))
    assert len(seen) == 8 and planes.all(), "every combination comes, and the planes that were given stay"
    assert drop_channels(planes, groups, NONE, torch.Generator()) is planes


def frames(count: int = 4) -> list[tuple[Image, Labels, Matte]]:
    made = []
    for seed in range(count):
        generator = torch.Generator().manual_seed(seed)
        data = torch.randint(0, 6, (24, 24), generator=generator).to(torch.uint8)
        shape = ((data > 0) & (data < 5)).float()[None]
        made.append((Image(torch.rand(3, 24, 24, generator=generator)), Labels(data, SIX_CLASSES, SIX_COLORS), Matte(shape)))
    return made


QUICK = {"steps": 2, "batch": 2, "crop": 16, "every": 1, "widths": [4, 8]}


def clips(count: int = 4) -> tuple[Clip[Image], Clip[Labels], Clip[Matte]]:
    pictures, labels, shapes = zip(*frames(count), strict=True)
    return Clip.of(list(pictures)), Clip.of(list(labels)), Clip.of(list(shapes))


def test_training_with_a_shape_gives_weights_for_with_and_without() -> None:
    pictures, labels, shapes = clips()
    made = TrainUNet(**QUICK)(pictures, labels=labels, shape=shapes)
    assert (made.channels, made.optional, made.classes) == (("R", "G", "B", SHAPE), (SHAPE,), SIX_CLASSES)
    picture, _, shape = frames(1)[0]
    assert UNetSegment()(picture, model=made)[0].size == (24, 24)
    assert UNetSegment()(picture, model=made, shape=shape)[0].size == (24, 24)
    tuned = TrainUNet(**{name: value for name, value in QUICK.items() if name != "widths"})(pictures, labels=labels, model=made)
    assert (tuned.channels, tuned.optional) == (made.channels, made.optional), "fine-tuned without a shape, it is still optional"


def test_a_shape_of_another_size_is_refused() -> None:
    pictures, labels, _ = clips(2)
    with pytest.raises(FrameError, match=r"^frame 1: the picture is 24x24, its shape is 8x8: reformat them$"):
        TrainUNet(**QUICK)(pictures, labels=labels, shape=Clip.of([Matte(torch.ones(1, 8, 8))] * 2))


@pytest.mark.parametrize("channels", [("R", "G", "B", "Depth.Z", SHAPE), ("B", "G", SHAPE, "R")])
@pytest.mark.parametrize("more", [{}, {"patch": 2, "refine": 4}])
def test_channels_are_found_by_their_names(more: dict[str, int], channels: tuple[str, ...]) -> None:
    """The weights of red, green, blue and the shape are where they belong: with a pass before the shape, as StackPasses and `shape`
    have it, and in another order."""
    first = tiny_model(channels=("R", "G", "B", SHAPE), classes=SIX_CLASSES, config={"in_channels": 4, **more})
    taken, widened = first.module(), {}
    given = {name: value for name, value in first.config.items() if name not in ("in_channels", "classes")}
    settings = TrainSettings(classes=SIX_CLASSES, colors=SIX_COLORS, architecture="unet", config=given, channels=channels)
    network = build("unet", settings.network_config())
    data = SimpleNamespace(encodings=("srgb",) * len(channels))
    warm_start(network, settings, data, first, warn=lambda text: widened.update(said=text))
    new = "training: the weights to start from have no Depth.Z: added with weight 0"
    assert widened == ({"said": new} if "Depth.Z" in channels else {})
    planes = {name: torch.rand(1, 16, 16) for name in ("Depth.Z", *first.channels)}
    known, wide = (torch.stack([planes[name] for name in names], 1) for names in (first.channels, channels))
    torch.testing.assert_close(network.eval()(wide), taken(known), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("more", [{}, {"patch": 2, "refine": 4}])
def test_weights_of_five_classes_start_six_with_a_shape(more: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was learned stays: with the new class and the shape left out, the first network is as it was."""
    from rotonodes.node.annotations import Monitor

    said: list[str] = []
    monkeypatch.setattr(Monitor, "warn", lambda self, text: said.append(text))
    first = tiny_model(classes=CLASSES, config=more)
    pictures, labels, shapes = clips()
    node = TrainUNet(steps=1, batch=2, crop=16, learning_rate=1e-9, schedule="constant", ema=0)
    made = node(pictures, labels=labels, shape=shapes, model=first)
    assert said == [
        "training: the weights to start from have no Shape: added with weight 0",
        "training: the weights to start from have no ground_shadow: these start with fresh weights, all others are kept",
    ]
    picture = torch.rand(1, 3, 16, 16)
    networks = first.module(), made.module()
    for network in networks:  # statistics of norms have seen one batch more
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.reset_running_stats()
    known, now = networks[0](picture), networks[1](torch.cat((picture, torch.rand(1, 1, 16, 16)), dim=1))
    torch.testing.assert_close(now[:, :5], known, atol=1e-4, rtol=1e-4)


def test_fingerprints_without_dropping_are_as_they_were() -> None:
    assert not any(name.startswith("drop_") for name in TrainSettings().fingerprint()["augment"])
    dropping = replace(TrainSettings(), augment=Augment(drop_pass=0.1))
    assert dropping.fingerprint()["augment"]["drop_pass"] == 0.1


def test_a_linked_model_brings_its_channels_and_encodings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that see passes are fine-tuned without saying again which: channels and encodings are theirs."""
    got = {}
    monkeypatch.setattr("rotonodes.train.loop.train", lambda settings, dataset, **more: got.update(settings=settings, dataset=dataset))
    channels = ("R", "G", "B", "DiffDir.R", "Normal.X")
    first = tiny_model(channels=channels, encodings={"DiffDir.R": "raw", "Normal.X": "raw"}, classes=SIX_CLASSES, config={"in_channels": 5})
    pictures = Clip.of([Image(torch.rand(5, 24, 24), channels) for _ in range(2)])
    TrainUNet(steps=1, crop=16)(pictures, labels=clips(2)[1], model=first)
    dataset: LabelledFrames = got["dataset"]
    assert (dataset.channels, dataset.encodings) == (channels, ("srgb", "srgb", "srgb", "raw", "raw"))
