"""The training loop on a toy problem: it learns, it goes on after a break bit for bit, it stops in words."""

import csv
import math
import signal
from dataclasses import fields, replace

import pytest
import torch
from PIL import Image

import rotonodes.train.training_run as run_module
import rotonodes.train.validation as validation_module
from rotonodes.errors import Interrupted, UsageError
from rotonodes.metrics.labels import ConfusionMatrix
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.train.checkpoint import BEFORE, NEWEST, read_checkpoint
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.log.curve import ticks
from rotonodes.train.loop import train
from rotonodes.train.optimizer import class_weights, rate_factor
from rotonodes.train.resume import save, start_run
from rotonodes.train.settings import NONE, OPTIMIZERS, SCHEDULES, Augment, Loss, TrainSettings
from rotonodes.train.training_run import TrainError

CLASSES = ("background", "shadow", "light")


def toy_frames(count=12, side=32):
    """Discs lit from the left, on noise: their left half is light, their right half shadow."""
    generator = torch.Generator().manual_seed(2)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    for number in range(1, count + 1):
        y, x = (int(value) for value in torch.randint(10, side - 10, (2,), generator=generator))
        disc = (rows - y) ** 2 + (columns - x) ** 2 < 81
        labels = torch.where(disc, torch.where(columns < x, 2, 1), 0).to(torch.uint8)
        picture = torch.tensor([0.1, 0.3, 0.7])[labels.long()] + 0.03 * torch.randn((side, side), generator=generator)
        yield number, picture.expand(3, -1, -1), labels


@pytest.fixture(scope="module")
def data():
    return LabelledFrames(toy_frames(), classes=3, clip_length=3, validation=[10, 11, 12])


@pytest.fixture
def settings(tmp_path):
    return TrainSettings(
        steps=12,
        batch=4,
        crop=16,
        learning_rate=1e-2,
        config={"widths": (4, 8)},
        classes=CLASSES,
        colors=("#000000", "#777777", "#ffffff"),
        ema_decay=0.9,
        checkpoint_folder=tmp_path / "run",
        checkpoint_interval=4,
        validation_interval=3,
        log_interval=2,
    )


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stop_before(step):
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) > step

    return should_stop


def same(one, two):
    return one.state.keys() == two.state.keys() and all(torch.equal(one.state[name], two.state[name]) for name in one.state)


def test_it_learns(data, settings):
    losses = []
    longer = replace(
        settings,
        steps=60,
        crop=32,
        validation_interval=20,
        checkpoint_interval=30,
        config={"widths": [8, 16, 16]},
        licence="CC0-1.0",
    )
    model = train(longer, data, on_step=lambda step: losses.append(step.loss))
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    assert model.metrics["mean_iou"] > 0.9
    assert set(model.metrics["iou"]) == set(CLASSES)
    assert (model.encoding, model.size_multiple, model.licence) == ("srgb", 4, "CC0-1.0")
    assert model.training["data"] == data.digest
    assert model.training["frames"] == 9
    _, picture, labels = next(toy_frames())
    assert (Segmenter(model)(picture[None]).argmax(dim=1)[0] == labels).float().mean() > 0.95
    folder = settings.checkpoint_folder
    save_weights(model, folder / "net.safetensors")
    assert load_weights(folder / "net.safetensors").metrics == model.metrics
    assert same(load_weights(folder / NEWEST), model)


def state_of(settings):
    """All that a run goes on from; times are of no account."""
    run = read_checkpoint(settings.checkpoint_folder)["run"]
    run["journal"] = [{name: value for name, value in row.items() if name != "seconds"} for row in run["journal"]]
    return run


def assert_same(one, two, where="run"):
    assert type(one) is type(two), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for name in one:
            assert_same(one[name], two[name], f"{where}.{name}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), where
        for i, (a, b) in enumerate(zip(one, two, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    else:
        assert one == two or (one != one and two != two), where


EVERYTHING = Augment(**{item.name: 0.3 for item in fields(Augment)})


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_resumed_run_equals_the_uninterrupted_one(data, settings, tmp_path, optimizer, schedule):
    """Weights, their average, optimiser, schedule, early stop, sampling, random numbers: everything, bit for bit."""
    settings = replace(
        settings,
        optimizer=optimizer,
        schedule=schedule,
        learning_rate=1e-3,
        config={"widths": (4, 8), "dropout": 0.2},
        plateau_patience=1,
        plateau_factor=0.5,
        precision="bfloat16" if optimizer == "adamw" else "float32",
        augment=EVERYTHING,
        loss=Loss(dice=0.5, edge=1, isolated=0.1, smoothing=0.05, consistency=0.5),
        validation_interval=4,
        log_interval=5,
    )
    rates, again = [], []
    whole = train(settings, data, on_step=lambda step: rates.append(step.learning_rate))
    broken = replace(settings, checkpoint_folder=tmp_path / "broken")
    for steps in (5, 4):
        with pytest.raises(Interrupted, match=r"saved at step . of 12 in .*; the same command resumes there"):
            train(broken, data, on_step=lambda step: again.append(step.learning_rate), should_stop=stop_before(steps))
    notes, done = [], len(again)
    resumed = train(broken, data, on_step=lambda step: again.append(step.learning_rate), note=notes.append)
    assert notes == [f"resumed at step {done} of 12"]
    assert rates == again
    assert same(whole, resumed)
    assert whole.metadata() == resumed.metadata()
    one, two = state_of(settings), state_of(broken)
    assert one["optimizer"]["state"] or (optimizer == "sgd" and settings.momentum == 0)
    assert_same(one, {**two, "journal": one["journal"]})
    assert [row["step"] for row in one["journal"]] == [row["step"] for row in two["journal"]]


def test_a_stop_while_scoring_loses_nothing(data, settings, tmp_path):
    """The step is kept before it is scored, and scored when the run goes on; nothing else of the run changes."""
    settings = replace(settings, checkpoint_interval=12, patience=9)
    whole_steps, again = [], []
    whole = train(settings, data, on_step=whole_steps.append)
    broken = replace(settings, checkpoint_folder=tmp_path / "broken")
    with pytest.raises(Interrupted, match=r"saved at step 6 of 12"):
        train(broken, data, on_step=again.append, should_stop=stop_before(6 + 3 + 1))  # six steps, three frames of step 3, one of step 6
    assert [step.step for step in again] == [1, 2, 3, 4, 5]
    kept = read_checkpoint(broken.checkpoint_folder)["run"]
    assert kept["step"] == 6 and kept["unscored"]
    resumed = train(broken, data, on_step=again.append)
    assert [replace(step, seconds=0, figures="") for step in again] == [replace(step, seconds=0, figures="") for step in whole_steps]
    assert same(whole, resumed) and whole.metadata() == resumed.metadata()


def test_scoring_with_neighbours_is_said(settings):
    plain, said = replace(settings, steps=1, checkpoint_folder=None), []
    train(plain, LabelledFrames(toy_frames(), classes=3, validation=[5]), warn=said.append)
    assert said == [
        "training: validation frame 5 is adjacent to training frame 4: near copies flatter the scores; "
        "set clip_length or clips, so that whole clips are held out"
    ]
    for known in ({"clip_length": 4, "validation_clips": 1}, {"clip_length": 1, "validation": [5]}):
        train(plain, LabelledFrames(toy_frames(), classes=3, **known), warn=said.append)
    assert len(said) == 1


def test_the_seed_decides(data, settings):
    plain = replace(settings, checkpoint_folder=None, steps=4)
    state = torch.random.get_rng_state()
    assert same(train(plain, data), train(plain, data))
    assert not same(train(plain, data), train(replace(plain, seed=1), data))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(data, settings, caplog):
    whole = train(settings, data)
    newest = settings.checkpoint_folder / NEWEST
    newest.write_bytes(newest.read_bytes()[:1000])
    assert same(train(settings, data), whole)
    assert "resuming from" in caplog.text
    for name in (NEWEST, BEFORE):
        (settings.checkpoint_folder / name).write_bytes(b"gone")
    with pytest.raises(UsageError, match=r"damaged checkpoint: .*; delete it, or use an empty folder"):
        train(settings, data)


@pytest.fixture
def ctrl_c():
    """Python's own handler, which a process that was started in the background does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_leaves_a_checkpoint(data, settings, ctrl_c):
    def press(step):
        if step.step == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted, match=r"saved at step 3 of 12") as error:
        train(settings, data, on_step=press)
    assert error.value.exit_code == 130
    assert read_checkpoint(settings.checkpoint_folder)["run"]["step"] == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_checkpoint_of_another_run_is_refused(data, settings):
    train(settings, data)
    with pytest.raises(UsageError, match=r"trained with precision float32, not bfloat16: give --precision float32 to resume"):
        train(replace(settings, precision="bfloat16"), data)
    with pytest.raises(UsageError, match=r"trained with learning_rate 0.01, not 0.001: set that back to resume"):
        train(replace(settings, learning_rate=1e-3), data)
    with pytest.raises(UsageError, match=r"trained with seed 0, not 3, and config.widths .4, 8., not .8, 8.: set that back to resume"):
        train(replace(settings, config={"widths": [8, 8]}, seed=3), data)
    with pytest.raises(UsageError, match=r"trained with config.width unset, not 4, and config.widths .4, 8., not unset"):
        train(replace(settings, config={"width": 4}), data)
    with pytest.raises(UsageError, match=r"other frames, labels, clips or first weights"):
        train(settings, LabelledFrames(toy_frames(), classes=3, validation=[12]))
    longer = []
    train(replace(settings, steps=14), data, on_step=lambda step: longer.append(step.step))
    assert longer == [13, 14]


def test_nan_stops_the_run_and_says_why(data, settings, monkeypatch):
    real, calls = run_module.all_terms, []

    def breaking(task, outputs, *rest):
        calls.extend(outputs if outputs[0].requires_grad else [])
        return real(task, [logits * (math.nan if len(calls) == 10 else 1) for logits in outputs], *rest)

    monkeypatch.setattr(run_module, "all_terms", breaking)
    with pytest.raises(TrainError, match=r"step 10: the loss became nan; the last good weights are in .*lower learning_rate .now 0.01."):
        train(settings, data)
    assert read_checkpoint(settings.checkpoint_folder)["run"]["step"] == 8


def test_a_nan_of_the_validation_stops_as_well(data, settings, monkeypatch):
    infinite = {"cross_entropy": torch.tensor(math.inf)}
    monkeypatch.setattr(validation_module, "all_terms", lambda task, out, *rest: infinite)
    with pytest.raises(TrainError, match=r"step 4: the loss of the validation became inf; no checkpoint was written yet"):
        train(settings, data)


def test_a_checkpoint_never_holds_weights_that_are_not_finite(data, settings):
    run = start_run(settings, data, None, torch.device("cpu"))
    settings.checkpoint_folder.mkdir()
    save(run)
    before = (settings.checkpoint_folder / NEWEST).read_bytes()
    with torch.no_grad():
        next(run.network.parameters())[0] = math.inf
    with pytest.raises(TrainError, match=r"the weights are no longer finite; the last good weights are in"):
        save(run)
    assert (settings.checkpoint_folder / NEWEST).read_bytes() == before


def test_a_scaler_may_search_but_not_for_ever(data, settings):
    run = start_run(settings, data, None, torch.device("cpu"))
    with pytest.raises(TrainError, match=r"the gradient is not finite"):
        run._refuse_not_finite(1.0, math.inf)
    run.scaler = torch.amp.GradScaler("cpu", enabled=True)
    run.skipped = 0
    for _ in range(run_module.MAX_SKIPPED_STEPS):
        run._refuse_not_finite(1.0, math.inf)
    with pytest.raises(TrainError, match=r"the gradient was not finite in 51 steps in a row"):
        run._refuse_not_finite(1.0, math.nan)
    run._refuse_not_finite(1.0, 3.0)
    assert run.skipped == 0


def no_better(monkeypatch, scores):
    """Let the validations have these mean IoUs, one after the other, the last one for ever."""
    left, real = list(scores), ConfusionMatrix.scores

    def given(self, classes):
        return {**real(self, classes), "mean_iou": left.pop(0) if len(left) > 1 else left[0]}

    monkeypatch.setattr(ConfusionMatrix, "scores", given)


def test_the_plateau_schedule_lowers_the_rate_when_it_gets_no_better(data, settings, monkeypatch):
    no_better(monkeypatch, [0.3, 0.2, 0.3, 0.4, 0.4, 0.4])  # best at steps 1 and 4
    settings = replace(
        settings, schedule="plateau", warm_up=0, validation_interval=1, plateau_patience=2, plateau_factor=0.1, steps=8, learning_rate=1.0
    )
    rates = []
    train(settings, data, on_step=lambda step: rates.append(step.learning_rate))
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_it_ends_early_when_it_gets_no_better(data, settings, monkeypatch):
    no_better(monkeypatch, [0.1, 0.5, 0.4])
    settings = replace(settings, patience=2, validation_interval=1)
    steps, said = [], []
    model = train(settings, data, on_step=lambda step: steps.append(step.step), warn=said.append)
    assert steps == [1, 2, 3, 4]
    assert said == ["training: over after step 4 of 12: no better mean IoU than 0.500 of step 2 in 2 validations (patience 2)"]
    assert model.metrics["step"] == 2
    again = train(settings, data, on_step=lambda step: steps.append(step.step), warn=said.append)
    assert (len(steps), len(said), said[1]) == (4, 2, said[0])  # over is over
    assert same(again, model)
    train(replace(settings, patience=0), data, on_step=lambda step: steps.append(step.step), warn=said.append)
    assert steps[-1] == 12


@pytest.mark.parametrize("changes, what", [({"schedule": "plateau"}, "schedule plateau"), ({"patience": 2}, "patience")])
def test_what_needs_scores_needs_validation(settings, changes, what):
    with pytest.raises(UsageError, match=rf"training: {what} needs validation frames: set validation"):
        train(replace(settings, **changes), LabelledFrames(toy_frames(2), classes=3))


def test_a_class_that_never_occurs_is_said_and_weighs_nothing(settings):
    data = LabelledFrames(toy_frames(4), classes=4)
    said = []
    settings = replace(settings, classes=(*CLASSES, "glow"), colors=("#000000",) * 4, steps=1, class_balance=0, checkpoint_folder=None)
    train(settings, data, warn=said.append)
    assert said == ["training: no training frame has a pixel of glow: it cannot be learned, and gets no weight"]
    assert start_run(settings, data, None, torch.device("cpu"), said.append).class_weights.tolist() == [1, 1, 1, 0]
    nothing = LabelledFrames([(1, torch.zeros(3, 16, 16), torch.full((16, 16), 255, dtype=torch.uint8))], classes=4)
    with pytest.raises(UsageError, match=r"no training frame has a labelled pixel"):
        train(settings, nothing)


def test_rare_classes_weigh_more_and_own_weights_are_multiplied():
    settings = TrainSettings(class_balance=1, class_weights={"highlight": 2, "background": 0})
    weights = class_weights(settings, [0.8, 0.1, 0.05, 0.05, 0])
    assert weights.tolist() == pytest.approx([0, 10 * 4 / 51.25, 20 * 4 / 51.25, 20 * 4 / 51.25, 0])
    assert class_weights(TrainSettings(class_balance=0), [0.7, 0.1, 0.1, 0.05, 0.05]).tolist() == [1] * 5


def test_mattes_are_not_balanced_and_an_absent_one_weighs_nothing():
    """The shares of mattes are those of the classes with a map of logits: all but the first."""
    settings = TrainSettings(task="parts", classes=("rest", "hair", "skin", "eyes"), colors=("#000000",) * 4, class_weights={"skin": 3})
    assert class_weights(settings, [0.9, 0.05, 0]).tolist() == [1, 3, 0]
    assert class_weights(settings, [0, 0, 1e-6]).tolist() == [0, 0, 1]
    assert class_weights(settings, [0, 0, 0]).tolist() == [0, 0, 0]


def test_labels_of_no_class_weigh_nothing():
    assert class_weights(TrainSettings(), [0.0] * 5).tolist() == [0] * 5
    tiny, none = (
        class_weights(TrainSettings(class_balance=1), [0.5, 0.5, 1e-4, 0, 0]),
        class_weights(TrainSettings(class_balance=1), [0.5, 0.5, 1e-9, 0, 0]),
    )
    assert tiny.tolist() == none.tolist(), "a class of a few pixels weighs no more than one of a ten thousandth"


def test_an_ignored_class_counts_for_nothing(settings):
    settings = replace(settings, ignore="shadow", steps=3, validation_interval=3, class_balance=1)
    with pytest.raises(UsageError, match=r"the frames ignore class None, the settings 1"):
        train(settings, LabelledFrames(toy_frames(), classes=3, validation=[12]))
    data = LabelledFrames(toy_frames(), classes=3, clip_length=1, validation=[12], ignore=1)
    said = []
    model = train(settings, data, warn=said.append)
    assert not said
    assert model.classes == CLASSES

    def relabelled():  # what the ignored class looks like cannot matter: it is never a truth
        for number, picture, labels in toy_frames():
            yield number, picture, labels.where(labels != 1, 255)

    other = LabelledFrames(relabelled(), classes=3, clip_length=1, validation=[12], ignore=1)
    assert other.digest == data.digest
    assert other.class_shares(3)[1] == 0


def test_fine_tuning_starts_from_weights(data, settings):
    plain = replace(settings, checkpoint_folder=None)
    first = train(replace(plain, steps=40), data)
    careful = replace(plain, steps=1, learning_rate=1e-6, augment=NONE)
    again = train(careful, data, initial=first)
    assert again.metrics["mean_iou"] == pytest.approx(first.metrics["mean_iou"], abs=0.05)
    names = ("background", "dark", "bright")
    other = train(replace(careful, classes=names), data, initial=first)
    assert other.classes == names
    assert torch.allclose(other.state["encoder.0.conv1.weight"], first.state["encoder.0.conv1.weight"], atol=1e-3)
    assert not torch.allclose(other.state["head.weight"], first.state["head.weight"], atol=1e-3)
    raw = LabelledFrames(toy_frames(), classes=3, encoding="raw")
    with pytest.raises(UsageError, match=r"the weights to start from have encodings srgb srgb srgb, not raw raw raw"):
        train(careful, raw, initial=first)
    with pytest.raises(UsageError, match=r"the weights to start from have widths .4, 8., not .4, 4.: make that the same"):
        train(replace(careful, config={"widths": [4, 4]}), data, initial=first)


def test_without_validation_the_last_weights_are_kept(settings):
    data = LabelledFrames(toy_frames(4), classes=3)
    model = train(replace(settings, checkpoint_folder=None, steps=2), data)
    assert model.metrics == {}
    assert model.state


def test_log_and_curve(data, settings):
    train(settings, data)
    folder = settings.checkpoint_folder
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == [2, 3, 4, 6, 8, 9, 10, 12]
    assert rows[0]["mean_iou"] == ""
    assert 0 <= float(rows[1]["mean_iou"]) <= 1
    assert list(rows[0])[5:-1] == [f"iou_{name}" for name in CLASSES]
    with Image.open(folder / "loss.png") as picture:
        assert picture.size == (960, 540)
        assert len(picture.convert("RGB").getcolors(100_000)) > 10
    assert sorted(path.name for path in folder.iterdir()) == [BEFORE, NEWEST, "log.csv", "log.jsonl", "loss.png", "scores.txt", "stages"]


def test_ticks_are_round_and_reach_the_end():
    assert ticks(1.0) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(1.7)[-1] >= 1.7
    assert ticks(0) == [0.0, 1.0]
    assert ticks(2000) == [0, 500, 1000, 1500, 2000]


def test_learning_rates_rise_and_fall():
    for schedule in ("cosine", "onecycle"):
        rates = [rate_factor(TrainSettings(steps=100, schedule=schedule), step) for step in range(100)]
        assert max(rates) == pytest.approx(1, abs=0.01)
        assert rates[0] < 0.3
        assert rates[-1] < 0.02
        assert rates.index(max(rates)) < 35
    assert rate_factor(TrainSettings(schedule="constant"), 7) == 1
    plateau = [rate_factor(TrainSettings(steps=100, schedule="plateau", warm_up=0.1), step) for step in range(100)]
    assert plateau == pytest.approx([*(i / 10 for i in range(1, 11)), *[1] * 90])
    assert rate_factor(TrainSettings(steps=1), 0) == 1


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"steps": 0}, "steps is 0: it must be 1 or more"),
        ({"learning_rate": 0}, "learning_rate is 0: it must be more than 0"),
        ({"ema_decay": 1}, "ema_decay is 1"),
        ({"schedule": "linear"}, "one of cosine, onecycle, constant, plateau"),
        ({"optimizer": "lion"}, "one of adamw, adam, sgd, rmsprop"),
        ({"momentum": 1}, "momentum is 1: it must be from 0 to below 1"),
        ({"plateau_factor": 1}, "plateau_factor is 1"),
        ({"class_weights": {"midtones": 2}}, "class_weights: 'midtones' is no class .did you mean 'midtone'..: use one of background"),
        ({"class_weights": {"midtone": -1}}, "class_weights: midtone is -1: it must be 0 or more"),
        ({"ignore": "back"}, "ignore: 'back' is no class"),
        ({"batch": 3, "loss": Loss(consistency=1)}, "batch is 3: it must be even, for consistency compares pairs"),
        ({"precision": "half"}, "one of float32, bfloat16, float16"),
        ({"colors": ("#000000",)}, "colors is .*one for each class"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        TrainSettings(**changes)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"crop": 17}, "crop is 17, and this network needs a multiple of 2"),
        ({"precision": "float16"}, "precision float16 needs a CUDA device"),
        ({"channels": ("Y",)}, "the frames have channels R G B, but the settings name Y"),
        ({"architecture": "unet3"}, "architecture 'unet3' is not known"),
    ],
)
def test_settings_that_do_not_fit_are_refused(data, settings, changes, message):
    with pytest.raises(UsageError, match=message):
        train(replace(settings, **changes), data)
