"""Training on alphas and parts: it learns, goes on after a break bit for bit, is scored, shown and kept with all that it needs."""

import csv
from dataclasses import replace

import pytest
import torch
from PIL import Image as Pictures

from rotonodes.errors import FrameError, Interrupted, UsageError
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.nodes import TrainUNet
from rotonodes.nodes.networks import train_unet as node_module
from rotonodes.train.checkpoint import NEWEST
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.log.pace import Pace
from rotonodes.train.loop import train
from rotonodes.train.resume import start_run
from rotonodes.train.settings import NONE, Loss, TrainSettings
from rotonodes.values.pixels import Clip, Image, Labels, Layers, Matte

TINY_U2NET = {"stages": [[2, 4]] * 11}
U2NET_PREPROCESSING = Preprocessing(squash=32, peak=True, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def disc_frames(count=10, side=32, parts=1):
    """Soft bright discs on noise with a brighter core: their alpha; with two parts also that of the core, which is a part of the disc."""
    generator = torch.Generator().manual_seed(3)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    for number in range(1, count + 1):
        y, x = (int(value) for value in torch.randint(10, side - 10, (2,), generator=generator))
        distance = ((rows - y) ** 2 + (columns - x) ** 2).sqrt()
        alpha, core = (9.5 - distance).clamp(0, 1), (5.5 - distance).clamp(0, 1)
        picture = 0.1 + 0.3 * alpha + 0.5 * core + 0.03 * torch.randn((side, side), generator=generator)
        mattes = [alpha, core][:parts]
        yield number, picture.clamp(min=0).expand(3, -1, -1), torch.stack(mattes)


def frames_for(settings, validation=(9, 10)):
    parts = len(settings.logit_classes)
    return LabelledFrames(disc_frames(parts=parts), classes=parts, mattes=True, preprocessing=settings.preprocessing, validation=validation)


@pytest.fixture
def alpha(tmp_path):
    return TrainSettings(
        task="alpha",
        steps=8,
        batch=4,
        crop=16,
        learning_rate=1e-2,
        loss=Loss(dice=0, l1=1, gradient=1, laplacian=1),
        config={"widths": [4, 8]},
        classes=("background", "foreground"),
        colors=("#000000", "#ffffff"),
        ema_decay=0.9,
        checkpoint_folder=tmp_path / "run",
        checkpoint_interval=4,
        validation_interval=4,
        log_interval=2,
    )


@pytest.fixture
def parts(alpha):
    return replace(
        alpha,
        task="parts",
        score="",
        loss=Loss(dice=1, bce=1),
        classes=("background", "disc", "core"),
        colors=("#000000", "#ff0000", "#0000ff"),
    )


@pytest.fixture
def u2net(alpha):
    return replace(
        alpha,
        architecture="u2net",
        config=TINY_U2NET,
        preprocessing=U2NET_PREPROCESSING,
        crop=28,
        optimizer="adam",
        weight_decay=0.0,
        loss=Loss(dice=0, bce=1, ssim=1),
    )


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.state.items()}


@pytest.mark.parametrize("kind", ["alpha", "parts", "u2net"])
def test_a_run_that_was_stopped_equals_one_that_was_not(kind, request, tmp_path):
    settings = request.getfixturevalue(kind)
    whole = train(replace(settings, checkpoint_folder=tmp_path / "whole"), frames_for(settings))
    asked = []
    with pytest.raises(Interrupted):
        train(settings, frames_for(settings), should_stop=lambda: asked.append(1) or len(asked) > 5)
    resumed = train(settings, frames_for(settings))
    assert all(torch.equal(tensor, whole.state[name]) for name, tensor in resumed.state.items())
    assert resumed.metrics == whole.metrics


def test_an_alpha_is_learned_and_used_as_it_was_learned(alpha, tmp_path):
    settings = replace(alpha, steps=80, learning_rate=3e-2, augment=NONE, validation_interval=20)
    model = train(settings, frames_for(settings))
    assert (model.activation, model.classes) == ("sigmoid", ("background", "foreground"))
    save_weights(model, tmp_path / "alpha.safetensors", "float32")
    segmenter = Segmenter(load_weights(tmp_path / "alpha.safetensors"))
    errors = [(segmenter.matte(picture[None])[0] - mattes).abs().mean() for _, picture, mattes in list(disc_frames())[8:]]
    assert sum(errors) / 2 == pytest.approx(model.metrics["mae"], abs=0.01)
    assert model.metrics["mae"] < 0.1
    assert model.metrics["max_f"] > 0.9


def test_parts_may_overlap(parts):
    settings = replace(parts, steps=60, learning_rate=3e-2, augment=NONE, validation_interval=20)
    model = train(settings, frames_for(settings))
    assert model.metrics["iou"]["disc"] > 0.8
    picture, truth = next((picture, mattes) for number, picture, mattes in disc_frames(parts=2) if number == 9)
    probabilities = Segmenter(model)(picture[None])[0]
    both = (probabilities[1:] > 0.5).all(dim=0) & (truth > 0.5).all(dim=0)
    assert both.sum() > 10, "a pixel may be of both parts"


def test_u2net_is_kept_with_its_own_eyes(u2net):
    model = train(u2net, frames_for(u2net))
    assert (model.architecture, model.config["stages"], model.preprocessing) == ("u2net", TINY_U2NET["stages"], U2NET_PREPROCESSING)
    answer = Segmenter(model)(torch.rand(1, 3, 20, 45))
    assert answer.shape == (1, 2, 20, 45)


def test_training_sees_what_the_weights_are_later_shown(u2net):
    """Squashed, divided by the largest value, shifted: the same picture goes into the network, but for 8-bit rounding."""
    frames = [(1, torch.rand(3, 20, 45, generator=torch.Generator().manual_seed(1)), torch.ones(1, 20, 45))]
    data = LabelledFrames(frames, classes=1, mattes=True, preprocessing=U2NET_PREPROCESSING)
    run = start_run(replace(u2net, checkpoint_folder=None), data, None, torch.device("cpu"))
    seen = []
    run.average.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    run.predict(data.frame(0)[0])
    segmenter = Segmenter(run.best_model())
    segmenter.network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    segmenter(frames[0][1][None])
    assert seen[0].shape == (1, 3, 32, 32)
    assert torch.allclose(*seen, atol=0.02)


def test_mattes_are_squashed_and_cropped_with_their_pictures():
    rows = torch.linspace(0, 1, 40)[:, None].expand(40, 24)
    picture = rows.clamp(0, 1) ** 2.2
    data = LabelledFrames([(1, picture.expand(3, -1, -1), rows[None])], classes=1, mattes=True, preprocessing=Preprocessing(squash=32))
    seen, matte = data.frame(0)
    assert (seen.shape, matte.shape) == ((3, 32, 32), (1, 32, 32))
    assert (seen[:1] - matte).abs().max() < 0.08  # the one is the other, encoded
    batch = data.batch(0, 4, 16, replace(NONE, flip=1.0), seed=1)
    assert batch.labels.shape == (4, 1, 16, 16)
    assert (batch.pictures[:, :1] - batch.labels).abs().max() < 0.08


def test_labels_and_motion_are_squashed_too():
    labels = torch.zeros(40, 20, dtype=torch.uint8)
    labels[20:] = 1
    motion = torch.stack([torch.full((40, 20), 2.0), torch.full((40, 20), 4.0)])
    frames = [(number, torch.rand(3, 40, 20), labels, motion) for number in (1, 2)]
    data = LabelledFrames(frames, classes=2, preprocessing=Preprocessing(squash=10))
    assert data.frame(0)[1].tolist() == [[0] * 10] * 5 + [[1] * 10] * 5
    assert torch.from_numpy(data._store[0][3])[0, 0].tolist() == [1.0, 1.0]


def test_a_grey_network_has_one_channel(alpha):
    settings = replace(alpha, preprocessing=Preprocessing(grey=True))
    model = train(settings, frames_for(settings))
    assert model.config["in_channels"] == 1
    assert Segmenter(model)(torch.rand(1, 3, 16, 16)).shape == (1, 2, 16, 16)


def test_the_best_is_kept_by_the_score_that_is_asked_for(alpha, monkeypatch):
    from rotonodes.metrics.matte_scores import AlphaScores

    given = iter([{"mae": 0.2, "max_f": 0.5}, {"mae": 0.1, "max_f": 0.4}, {"mae": 0.3, "max_f": 0.9}])
    monkeypatch.setattr(AlphaScores, "scores", lambda self: next(given))
    settings = replace(alpha, steps=6, validation_interval=2)
    assert train(settings, frames_for(settings)).metrics["step"] == 4
    given = iter([{"mae": 0.2, "max_f": 0.5}, {"mae": 0.1, "max_f": 0.4}, {"mae": 0.3, "max_f": 0.9}])
    settings = replace(settings, score="max_f", checkpoint_folder=None)
    assert train(settings, frames_for(settings)).metrics["step"] == 6


def test_each_stage_is_a_sheet_of_cut_out_mask_truth_and_original(alpha):
    train(alpha, frames_for(alpha))
    folder = alpha.checkpoint_folder
    assert sorted(path.name for path in (folder / "stages").iterdir()) == ["step_000004.png", "step_000008.png"]
    with Pictures.open(folder / "stages" / "step_000008.png") as sheet:
        assert sheet.width > 4 * 224
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert list(rows[0]) == ["step", "loss", "learning_rate", "validation_loss", "mae", "max_f", "seconds"]
    assert 0 < float(rows[-1]["mae"]) < 1
    table = (folder / "scores.txt").read_text()
    assert "MAE: 0." in table
    assert " parameters, " in table
    assert " frames/s" in table


def test_scores_of_classes_are_a_table(tmp_path):
    truth = torch.zeros(16, 16, dtype=torch.uint8)
    truth[:8] = 1
    data = LabelledFrames([(n, torch.rand(3, 16, 16), truth) for n in (1, 2)], classes=2, validation=[2])
    settings = TrainSettings(
        steps=1, batch=2, crop=16, classes=("ground", "scratch"), colors=("#000000", "#ffffff"), config={"widths": [4, 8]},
        checkpoint_folder=tmp_path, validation_interval=1,
    )  # fmt: skip
    steps = []
    model = train(settings, data, on_step=steps.append)
    line = Pace().line(steps[-1])
    assert f"{sum(p.numel() for p in model.module().parameters()):,} parameters, " in line
    assert line.endswith(" frames/s"), "the last line of progress tells both"
    header, *rows = (tmp_path / "scores.txt").read_text().splitlines()[2:5]
    assert header.split() == ["class", "IoU", "Dice", "accuracy"]
    assert [row.split()[0] for row in rows] == ["ground", "scratch"]
    assert float(rows[1].split()[1]) == pytest.approx(model.metrics["iou"]["scratch"] or 0, abs=1e-4)
    assert {"mean_class_accuracy", "mean_dice_foreground"} <= model.metrics.keys()


def test_further_training_on_other_frames_keeps_the_optimiser(alpha, tmp_path):
    """Corrected masks: with what the optimiser remembers the first step is another one than from weights alone."""
    before = train(alpha, frames_for(alpha))
    checkpoint = alpha.checkpoint_folder / NEWEST
    corrected = LabelledFrames(
        ((number + 10, picture, (mattes > 0.3).float()) for number, picture, mattes in disc_frames(4)), classes=1, mattes=True
    )
    fresh = replace(alpha, steps=1, checkpoint_folder=None)
    run = start_run(replace(fresh, start_from=checkpoint), corrected, None, torch.device("cpu"))
    remembered = torch.load(checkpoint, weights_only=True)["run"]["optimizer"]["state"]
    for index, state in run.optimizer.state_dict()["state"].items():
        assert torch.equal(state["exp_avg"], remembered[index]["exp_avg"])
    assert run.step == 0
    on, from_weights = (
        train(replace(fresh, start_from=path), corrected, initial=model) for path, model in ((checkpoint, None), (None, before))
    )
    assert any(not torch.equal(tensor, from_weights.state[name]) for name, tensor in on.state.items())
    assert str(tmp_path) not in str(on.metadata()), "no path of this machine in the weights"
    with pytest.raises(UsageError, match=r"start from have config|widths"):
        start_run(replace(fresh, config={"widths": [8, 8]}, start_from=checkpoint), corrected, None, torch.device("cpu"))
    with pytest.raises(UsageError, match=r"it was trained by adamw, not sgd: set optimizer, or link it as a model"):
        start_run(replace(fresh, optimizer="sgd", start_from=checkpoint), corrected, None, torch.device("cpu"))
    save_weights(before, tmp_path / "weights.safetensors")
    with pytest.raises(UsageError, match=r"weights\.safetensors"):
        start_run(replace(fresh, start_from=tmp_path / "weights.safetensors"), corrected, None, torch.device("cpu"))


def test_empty_mattes_are_said_and_nothing_but_empty_ones_refused(alpha):
    said = []
    frames = list(disc_frames(4))
    frames[2] = (3, frames[2][1], torch.zeros(1, 32, 32))
    alpha = replace(alpha, checkpoint_folder=None)
    start_run(alpha, LabelledFrames(frames, classes=1, mattes=True), None, torch.device("cpu"), said.append)
    assert said == ["training: the matte is empty in frames 3: check whether that is right"]
    empty = LabelledFrames(((n, p, 0 * m) for n, p, m in frames), classes=1, mattes=True)
    with pytest.raises(UsageError, match=r"no training frame has a matte that is not empty: check the mattes"):
        start_run(alpha, empty, None, torch.device("cpu"))


@pytest.mark.parametrize(
    "values, message",
    [
        ({"task": "alpha", "loss": Loss(dice=0)}, "some of bce, ssim, l1, gradient, laplacian"),
        ({"task": "alpha", "loss": Loss(bce=1, edge=1)}, "loss: edge is 1: it must be 0 with the task alpha, which does not have it"),
        ({"loss": Loss(ssim=1)}, "loss: ssim is 1: it must be 0 with the task labels, which does not have it"),
        (
            {"task": "alpha", "loss": Loss(bce=1), "score": "mean_iou"},
            "score is 'mean_iou': it must be one of mae, max_f with the task alpha",
        ),
        ({"preprocessing": Preprocessing(grey=True), "channels": ("R",)}, "channels is ('R',): it must be R, G, B for a network on grey"),
        ({"task": "matte"}, "task is 'matte': it must be one of labels, alpha, parts"),
    ],
)
def test_settings_that_do_not_go_together(values, message):
    with pytest.raises(UsageError) as fault:
        TrainSettings(**values)
    assert message in str(fault.value)


# The node.

QUICK = {"steps": 1, "batch": 2, "crop": 16, "widths": [4, 8]}


def clips(count=4, size=(20, 16)):
    pictures = [Image(torch.rand(3, size[1], size[0], generator=torch.Generator().manual_seed(i))) for i in range(count)]
    return Clip.of(pictures), Clip.of([Matte((picture.data[:1] > 0.5).float()) for picture in pictures])


@pytest.fixture
def seen(monkeypatch):
    """What TrainUNet hands to the loop."""
    got = {}
    monkeypatch.setattr("rotonodes.train.loop.train", lambda settings, dataset, **more: got.update(settings=settings, dataset=dataset))
    return got


def test_each_task_and_network_has_its_usual_loss(seen):
    pictures, mattes = clips()
    for values, loss in (
        ({}, Loss(dice=0, l1=1, gradient=1, laplacian=1)),
        ({"loss": {"bce": 1, "ssim": 0.5}}, Loss(dice=0, bce=1, ssim=0.5)),
        ({"architecture": "u2netp"}, Loss(dice=0, bce=1)),
        ({"architecture": "efficient_lite0", "crop": 32}, Loss(dice=0, l1=1, gradient=1, laplacian=1)),
    ):
        TrainUNet(**{**QUICK, **values}, task="alpha")(pictures, matte=mattes)
        assert seen["settings"].loss == loss
    two = Clip.of([Image(torch.cat([m.data, 1 - m.data]), ("head", "hair")) for m in mattes])
    TrainUNet(**QUICK, task="parts", dice=2)(pictures, parts=two)
    assert seen["settings"].loss == Loss(dice=2, bce=1)
    assert seen["settings"].classes == ("background", "head", "hair")
    assert seen["dataset"].mattes


def test_parts_come_as_layers_too(seen):
    pictures, mattes = clips(2)
    layers = Clip.of([Layers({"a": m.data[0].numpy(), "b": m.data[0].numpy()}, Image(m.data).box, (20, 16)) for m in mattes])
    TrainUNet(**QUICK, task="parts")(pictures, parts=layers)
    assert seen["settings"].logit_classes == ("a", "b")
    assert seen["dataset"].frame(0)[1].shape == (2, 16, 20)


def test_parts_of_other_names_are_refused():
    pictures, mattes = clips(2)
    odd = Clip.of([Image(m.data, (name,)) for m, name in zip(mattes, ("head", "hair"), strict=True)])
    with pytest.raises(FrameError, match=r"^frame 2: the parts are hair, not head: they must be the same in every frame, in one order$"):
        TrainUNet(**QUICK)(pictures, parts=odd)


def test_u2net_is_asked_for_by_name(seen):
    pictures, mattes = clips()
    TrainUNet(**QUICK, task="alpha", architecture="u2netp", squash=320, normalise="imagenet")(pictures, matte=mattes)
    settings = seen["settings"]
    assert (settings.architecture, settings.config) == ("u2net", {"variant": "u2netp"})
    assert settings.preprocessing == Preprocessing(squash=320, peak=True, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    assert seen["dataset"].frame(0)[0].shape == (3, 320, 320)


def test_a_linked_network_keeps_its_eyes_unless_told_otherwise(seen, u2net):
    pictures, mattes = clips()
    model = start_run(replace(u2net, checkpoint_folder=None), frames_for(u2net), None, torch.device("cpu")).best_model()
    plain = {name: value for name, value in QUICK.items() if name != "widths"}
    TrainUNet(**plain, task="alpha")(pictures, matte=mattes, model=model)
    assert (seen["settings"].architecture, seen["settings"].preprocessing) == ("u2net", U2NET_PREPROCESSING)
    TrainUNet(**plain, task="alpha", squash=16)(pictures, matte=mattes, model=model)
    assert seen["settings"].preprocessing == Preprocessing(squash=16)


def test_grey_pictures_are_equal_in_red_green_and_blue(seen):
    greys = Clip.of([Image(torch.rand(1, 16, 20)) for _ in range(2)])
    TrainUNet(**QUICK, task="alpha")(greys, matte=clips(2)[1])
    picture = seen["dataset"].frame(0)[0]
    assert torch.equal(picture[0], picture[2])


def test_the_predecessors_training_is_a_setting(seen):
    """Cross-entropy, Adam 1e-4, batches of 32, 50 epochs, 80 / 20 by clip, weights and loss plot every epoch; grey pictures."""
    pictures = Clip.of([Image(torch.rand(3, 16, 16)) for _ in range(80)])
    labels = Clip.of([Labels(torch.zeros(16, 16, dtype=torch.uint8), ("a", "b"), ("#000000", "#ffffff"))] * 80)
    TrainUNet(
        grey=True, width=64, depth=4, dice=0, class_balance=0, optimizer="adam", learning_rate=1e-4, schedule="constant",
        descent={"weight_decay": 0, "gradient_clip": 0}, batch=32, epochs=50, evaluations=1, ema=0, clip_length=8, validation_share=0.2,
    )(pictures, labels)  # fmt: skip
    settings, data = seen["settings"], seen["dataset"]
    assert (len(data.train), len(data.validation)) == (64, 16)
    assert {data.division.place(i, 0) for i in range(1000)} == set(range(64)), "no clip is on both sides"
    assert (settings.steps, settings.validation_interval, settings.checkpoint_interval) == (100, 2, 2)
    assert (settings.optimizer, settings.learning_rate, settings.batch, settings.weight_decay) == ("adam", 1e-4, 32, 0)
    assert settings.loss == Loss(dice=0)
    assert settings.network_config()["in_channels"] == 1


def test_five_evaluations_an_epoch_with_rmsprop_and_a_plateau_on_dice(seen):
    pictures, _ = clips(10)
    labels = Clip.of([Labels(torch.zeros(16, 20, dtype=torch.uint8), ("a", "b"), ("#000000", "#ffffff"), (0, 255))] * 10)
    TrainUNet(
        crop=16, batch=1, epochs=3, evaluations=5, optimizer="rmsprop", learning_rate=1e-5, schedule="plateau",
        score="mean_dice_foreground",
        descent={"plateau_patience": 5, "gradient_clip": 1, "momentum": 0.999}, clip_length=1, validation_share=0.1,
    )(pictures, labels)  # fmt: skip
    settings = seen["settings"]
    assert (settings.steps, settings.validation_interval) == (27, 2)
    assert (settings.optimizer, settings.plateau_patience, settings.gradient_clip) == ("rmsprop", 5, 1)
    assert settings.score == "mean_dice_foreground"
    assert settings.mask_values == (0, 255)


@pytest.mark.parametrize(
    "values, linked, message",
    [
        ({"task": "alpha"}, {"labels"}, "task alpha needs matte, but labels is linked: link the other"),
        ({"task": "alpha"}, {"labels", "matte"}, "labels and matte are both linked: remove one of them, a network has one task"),
        ({}, set(), "nothing to train on: link labels, a matte or parts"),
        ({"task": "parts"}, set(), "nothing to train on: link parts"),
        ({"validation_share": 0.2}, {"labels"}, "validation_share is 0.2, but nothing says what a clip is: set clip_length or clips"),
        (
            {"clip_length": 1, "validation_share": 0.2, "validation_clips": 1},
            {"labels"},
            "validation_clips and validation_share are both set",
        ),
        ({"start_from": "a.pt"}, {"labels", "model"}, "start_from and a linked model are both given: remove one of them"),
        (
            {"architecture": "efficient_lite0", "encoder_weights": "a.pth"},
            {"labels", "model"},
            "encoder_weights are for a new network, and here one is given: remove one of them",
        ),
        (
            {"encoder_weights": "a.pth"},
            {"labels"},
            "encoder_weights are for a new network of architecture efficient_lite0, lite1 or lite2: leave them out",
        ),
        (
            {"architecture": "efficient_lite0", "crop": 64, "encoder_weights": "a.pth", "encoding": "linear"},
            {"labels"},
            "encoder_weights know sRGB, and encoding is linear: leave one of them out",
        ),
        ({"architecture": "efficient_lite0", "crop": 48}, {"labels"}, "crop is 48, and this network needs a multiple of 32: 32 or 64 px"),
        ({"architecture": "efficient_lite0", "crop": 32, "batch": 1}, {"labels"}, "ends in a single pixel"),
        ({"task": "alpha", "score": "mean_iou"}, {"matte"}, "score is 'mean_iou'"),
        ({"task": "alpha"}, {"matte", "motion"}, "`motion` is for the consistency of labels, and task alpha has none: remove the link"),
        ({"squash": 320, "scale": 0.5}, {"labels"}, "scale 0.5 and squash 320 are both given"),
    ],
)
def test_a_check_says_what_does_not_go_together(values, linked, message):
    assert message in " / ".join(TrainUNet(**values).faults(frozenset({"image", *linked}), 8))


def test_what_is_linked_says_the_task(seen):
    pictures, mattes = clips()
    TrainUNet(**QUICK)(pictures, matte=mattes)
    assert seen["settings"].task == "alpha"
    with pytest.raises(UsageError, match=r"task labels needs labels, but matte is linked: link the other"):
        TrainUNet(**QUICK, task="labels")(pictures, matte=mattes)


def test_a_batch_without_deviation_is_refused_in_words(alpha):
    settings = replace(alpha, batch=1, crop=2, config={"widths": [4, 8]})
    with pytest.raises(UsageError, match=r"a batch of 1 crops of 2 px ends in a single pixel, .*: raise batch or crop, or"):
        train(settings, frames_for(settings))


def test_mattes_of_another_size_are_refused():
    pictures, _ = clips(2)
    small = Clip.of([Matte(torch.ones(1, 4, 4))] * 2)
    with pytest.raises(FrameError, match=r"frame 1: the picture is 20x16, its matte is 4x4: reformat them"):
        TrainUNet(**QUICK, task="alpha")(pictures, matte=small)


def test_names_of_truths_are_inputs():
    assert set(node_module.TRUTHS.values()) <= set(TrainUNet.signature.inputs)
