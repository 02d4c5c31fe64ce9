"""TrainUNet: what reaches the loop, and faults in the words of the person who wrote the graph."""

from dataclasses import fields, replace
from typing import get_args

import pytest
import torch

import rotonodes.train.data.dataset as dataset_module
from rotonodes.errors import FrameError, UsageError
from rotonodes.node.parameters import parameter_faults
from rotonodes.nodes import TrainUNet
from rotonodes.nodes.networks import train_unet as node_module
from rotonodes.nodes.networks import training_parameters as parameters_module
from rotonodes.train.settings import Augment, Loss, TrainSettings
from rotonodes.values.pixels import Clip, Image, Labels

CLASSES, COLORS = ("ground", "dark", "light"), ("#000000", "#777777", "#ffffff")
QUICK = {"steps": 1, "batch": 2, "crop": 16, "widths": [4, 8]}


def picture(number=1, size=(20, 16), channels=("R", "G", "B")):
    generator = torch.Generator().manual_seed(number)
    return Image(torch.rand(len(channels), size[1], size[0], generator=generator), channels)


def labels(number=1, size=(20, 16)):
    generator = torch.Generator().manual_seed(number)
    return Labels(torch.randint(3, (size[1], size[0]), generator=generator).to(torch.uint8), CLASSES, COLORS)


def clips(count=4):
    return Clip.of([picture(i) for i in range(count)]), Clip.of([labels(i) for i in range(count)])


@pytest.fixture
def seen(monkeypatch):
    """What TrainUNet hands to the loop."""
    got = {}

    def train(settings, dataset, **more):
        got.update(settings=settings, dataset=dataset, **more)

    monkeypatch.setattr("rotonodes.train.loop.train", train)
    return got


def test_groups_of_parameters_name_what_the_settings_have():
    names = {
        parameters_module.Variation: {item.name for item in fields(Augment)},
        parameters_module.Term: {item.name for item in fields(Loss)} - {"dice"},
        parameters_module.Descent: set(get_args(parameters_module.Descent)) & {item.name for item in fields(TrainSettings)},
    }
    assert all(set(get_args(group)) == known for group, known in names.items())


def test_parameters_reach_the_settings(seen):
    node = TrainUNet(
        **QUICK,
        optimizer="sgd",
        schedule="plateau",
        descent={"momentum": 0.5, "plateau_patience": 4, "weight_decay": 0},
        dice=2,
        loss={"edge": 0.5, "isolated": 0.1},
        class_weights={"light": 3},
        ignore="1",
        augment={"texture": 0.3, "flip": 0},
        clip_length=2,
        validation_clips=1,
        patience=5,
        dropout=0.1,
        norm="group",
    )
    node(*clips())
    settings = seen["settings"]
    assert (settings.optimizer, settings.schedule, settings.momentum, settings.weight_decay) == ("sgd", "plateau", 0.5, 0)
    assert (settings.plateau_patience, settings.patience) == (4, 5)
    assert settings.loss == Loss(dice=2, edge=0.5, isolated=0.1)
    assert settings.augment == replace(Augment(), texture=0.3, flip=0)  # on top of the defaults
    assert (settings.class_weights, settings.ignore) == ({"light": 3}, "dark")
    assert seen["dataset"].ignore == 1
    assert (seen["dataset"].train, seen["dataset"].validation) == ([0, 1], [2, 3])
    assert settings.config["norm"] == "group"
    assert settings.config["dropout"] == 0.1


def test_extra_channels_and_their_encodings_go_with_the_model():
    channels = ("R", "G", "B", "Normal.X", "Depth.Z")
    pictures = Clip.of([picture(i, channels=("A", *channels)) for i in range(2)])
    node = TrainUNet(**QUICK, channels=channels, encodings={"Normal.X": "linear"})
    model = node(pictures, clips(2)[1])
    assert model.channels == channels
    assert model.channel_encodings() == ("srgb", "srgb", "srgb", "linear", "depth")
    assert model.config["in_channels"] == 5
    with pytest.raises(UsageError, match=r"start from have channels R G B Normal.X Depth.Z, not R G B"):
        TrainUNet(**QUICK, channels=["R", "G", "B"])(*clips(2), model=model)
    with pytest.raises(FrameError, match=r"frame 1: the picture has R G B, not Normal.X Depth.Z; set channels:"):
        TrainUNet(**QUICK)(*clips(2), model=model)


def test_motion_reaches_the_pairs(seen):
    vectors = torch.zeros(4, 16, 20)
    vectors[2], vectors[3] = -3, 2  # Blender: minus the way to the next frame, y up
    motion = Clip.of([Image(vectors, ("X", "Y", "Z", "W"))] * 4)
    TrainUNet(**QUICK, loss={"consistency": 1})(*clips(), motion=motion)
    data = seen["dataset"]
    assert sorted(data._next) == [0, 1, 2]
    kept = torch.from_numpy(data._store[0][3])
    assert kept.shape == (16, 20, 2)
    assert torch.equal(kept[0, 0].float(), torch.tensor([3.0, 2.0]))
    with pytest.raises(FrameError, match=r"motion: vectors have the channels X Y Z W, this picture has R G B: link the Vector pass"):
        TrainUNet(**QUICK, loss={"consistency": 1})(*clips(), motion=clips()[0])


def test_motion_that_nothing_uses_is_said(seen, monkeypatch):
    from rotonodes.node.annotations import Monitor

    said = []
    monkeypatch.setattr(Monitor, "warn", lambda self, text: said.append(text))
    TrainUNet(**QUICK)(*clips(), motion=clips()[0])
    assert said == ["`motion` is linked, but only the consistency loss uses it: set loss: {consistency: 0.5}, or remove the link"]
    assert not seen["dataset"]._next


def test_labels_of_another_size_or_number_are_refused():
    with pytest.raises(UsageError, match=r"^4 pictures, but 3 frames of labels: link one frame for each picture$"):
        TrainUNet(**QUICK)(clips(4)[0], clips(3)[1])
    wrong = Clip.of([labels(0), labels(1, size=(10, 16))], frames=[7, 8])
    with pytest.raises(FrameError, match=r"^frame 8: the picture is 20x16, its labels are 10x16: reformat them$"):
        TrainUNet(**QUICK)(Clip.of([picture(0), picture(1)], frames=[7, 8]), wrong)


def test_a_label_that_is_no_class_is_named_with_its_place():
    odd = labels(2)
    odd.data[3, 7] = 9
    with pytest.raises(FrameError, match=r"frame 2: the label at x 7, y 3 is 9, but there are 3 classes: use 0 to 2, and for pixels to"):
        TrainUNet(**QUICK)(clips(2)[0], Clip.of([labels(1), odd]))


def test_unknown_classes_are_refused_before_a_frame_is_read(monkeypatch):
    monkeypatch.setattr(dataset_module.LabelledFrames, "__init__", lambda *rest, **more: pytest.fail("frames were read"))
    with pytest.raises(UsageError, match=r"class_weights: 'lihgt' is no class .did you mean 'light'..: use one of ground, dark, light"):
        TrainUNet(**QUICK, class_weights={"lihgt": 2})(*clips())
    with pytest.raises(UsageError, match=r"ignore: '7' is no class"):
        TrainUNet(**QUICK, ignore=7)(*clips())


@pytest.mark.parametrize(
    "values, message",
    [
        ({"crop": 33}, r"crop is 33, and this network needs a multiple of 2"),
        ({"precision": "float16"}, r"precision float16 needs a CUDA device"),
        ({"clip_length": 2, "validation_clips": 2}, r"validation_clips is 2 of 2 clips: leave some to train on"),
        ({"clip_length": 2, "validation": "2"}, r"clip"),
    ],
)
def test_what_no_frame_can_mend_is_refused_before_a_second_is_read(values, message):
    def frames():
        yield picture(1)
        pytest.fail("a second frame was read")

    with pytest.raises(UsageError, match=message):
        TrainUNet(**{**QUICK, **values})(Clip(range(1, 5), frames), clips()[1])


def test_a_linked_model_says_what_it_does_not_heed(seen, monkeypatch):
    from rotonodes.nets.model import Model, build
    from rotonodes.node.annotations import Monitor

    said = []
    monkeypatch.setattr(Monitor, "warn", lambda self, text: said.append(text))
    config = {"in_channels": 3, "classes": 3, "widths": [4, 8]}
    model = Model("unet", config, CLASSES, COLORS, size_multiple=2, state=dict(build("unet", config).state_dict()))
    rest = {name: value for name, value in QUICK.items() if name not in node_module.ARCHITECTURE}
    TrainUNet(**rest)(*clips(), model=model)
    assert not said
    TrainUNet(**rest, dropout=0.2, depth=2)(*clips(), model=model)
    assert said == ["depth, dropout: no effect, since the linked model keeps its own architecture: remove it"]


@pytest.mark.parametrize(
    "values",
    [
        {"crop": 32, "batch": 1},
        {"crop": 16, "batch": 2},
        {"crop": 16, "batch": 1, "norm": "group"},
        {"crop": 33, "architecture": "u2netp"},
        {"width": 4, "depth": 1, "upsampling": "bilinear", "crop": 18},
    ],
)
def test_what_a_check_lets_pass_can_be_trained(values):
    node = TrainUNet(**{"steps": 1, "batch": 2, "widths": [] if "depth" in values else [4, 4, 4, 4, 4], **values})
    assert not list(node.faults(frozenset({"image", "labels"}), 2))
    assert node(*clips(2)).classes == CLASSES


@pytest.mark.parametrize("values", [{"crop": 16, "batch": 1}, {"crop": 32, "batch": 1, "architecture": "u2netp"}])
def test_what_a_check_refuses_cannot_be_trained(values):
    with pytest.raises((UsageError, ValueError), match=r"single pixel|more than 1 value per channel"):
        TrainUNet(**{"steps": 1, "widths": [4, 4, 4, 4, 4], **values})(*clips(2))


def test_a_linked_model_has_its_own_sizes():
    node = TrainUNet(**{**QUICK, "widths": [8], "crop": 33})
    assert not list(node.faults(frozenset({"image", "labels", "model"}), 4))


def test_patience_is_counted_in_whole_validations():
    assert parameter_faults(TrainUNet, {"descent": {"plateau_patience": 2.0}}) == []
    faults = list(TrainUNet(**QUICK, descent={"plateau_patience": 2.5}).faults(frozenset({"image", "labels"}), 4))
    assert faults == ["descent: plateau_patience is 2.5, and must be a whole number of validations"]


@pytest.mark.parametrize(
    "values, message",
    [
        ({"encodings": {"Depth.Y": "raw"}, "channels": ["Depth.Z"]}, "encodings: 'Depth.Y' is none of the channels Depth.Z (did you mean"),
        ({"clips": ["1-4"], "clip_length": 2}, "clips and clip_length are both set: take one of them"),
        ({"clip_length": 2, "validation": "3", "validation_clips": 1}, "validation and validation_clips are both set"),
        ({"validation_clips": 1}, "validation_clips is 1, but nothing says what a clip is: set clip_length or clips"),
        ({"clips": ["1-x"]}, "clips: '1-x' is not a frame range"),
        ({"batch": 3, "loss": {"consistency": 1}}, "training: batch is 3: it must be even, for consistency compares pairs"),
        ({"descent": {"plateau_factor": 2}}, "training: plateau_factor is 2.0: it must be more than 0 and less than 1"),
        ({"loss": {"smoothing": 1}}, "loss: smoothing is 1.0: it must be from 0 to below 1"),
        ({"widths": [8]}, "unet: widths [8] must name 2 to 9 levels"),
        ({"widths": [8, 0]}, "unet: widths[1] is 0: it must be a whole number from 1 to 4096"),
        ({"width": 256, "depth": 6}, "unet: widths[5] is 8192: it must be a whole number from 1 to 4096"),
        ({"crop": 33}, "training: crop is 33, and this network needs a multiple of 16: 32 or 48 px"),
        ({"crop": 33, "widths": [8, 16], "patch": 4}, "training: crop is 33, and this network needs a multiple of 8: 32 or 40 px"),
        ({"crop": 24, "widths": [8] * 6}, "training: crop is 24, and this network needs a multiple of 32: 32 px"),
        ({"crop": 16, "batch": 1}, "training: a batch of 1 crop of 16 px ends in a single pixel, whose features have no deviation: raise"),
        ({"crop": 32, "batch": 1, "architecture": "u2netp"}, "training: a batch of 1 crop of 32 px ends in a single pixel"),
    ],
)
def test_a_check_finds_what_does_not_fit(values, message):
    (fault,) = TrainUNet(**values).faults(frozenset({"image", "labels"}), 8)
    assert fault.startswith(message)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"augment": {"textures": 1}}, "augment.textures: must be 'flip', "),
        ({"augment": {"texture": 2}}, "augment.texture: must be 1 or less, not 2"),
        ({"loss": {"dise": 1}}, "loss.dise: must be 'focal', "),
        ({"optimizer": "adams"}, "optimizer: must be 'adamw', 'adam', 'sgd' or 'rmsprop', not 'adams' (did you mean 'adam'?)"),
    ],
)
def test_values_that_are_not_known_are_refused_by_name(values, message):
    ((_, fault),) = parameter_faults(TrainUNet, values)
    assert fault.startswith(message)


def test_an_empty_score_is_auto() -> None:
    assert TrainUNet(score="").score == "auto"
