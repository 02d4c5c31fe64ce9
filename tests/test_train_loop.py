"""The training loop on a toy problem: it learns, it goes on after a break bit for bit, it stops in words."""

import csv
import math
import signal
from dataclasses import replace

import pytest
import torch
from PIL import Image

import rotonodes.train.run as run_module
from rotonodes.errors import Interrupted, UsageError
from rotonodes.nets import load_weights, save_weights
from rotonodes.nets.segment import Segmenter
from rotonodes.train.checkpoint import BEFORE, NEWEST, read_checkpoint
from rotonodes.train.curve import ticks
from rotonodes.train.dataset import LabelledFrames
from rotonodes.train.loop import rate_factor, train
from rotonodes.train.run import TrainError
from rotonodes.train.settings import NONE, TrainSettings

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
    return LabelledFrames(toy_frames(), classes=3, validation=[10, 11, 12])


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


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resumed_run_equals_the_uninterrupted_one(data, settings, tmp_path, precision):
    settings = replace(settings, precision=precision)
    whole = train(settings, data)
    broken = replace(settings, checkpoint_folder=tmp_path / "broken")
    for steps in (5, 4):
        with pytest.raises(Interrupted, match=r"stopped after step . of 12; run again to go on"):
            train(broken, data, should_stop=stop_before(steps))
    resumed = train(broken, data)
    assert same(whole, resumed)
    assert whole.metadata() == resumed.metadata()
    one, two = (read_checkpoint(s.checkpoint_folder)["run"] for s in (settings, broken))
    assert all(torch.equal(one["network"][name], two["network"][name]) for name in one["network"])
    assert [row["step"] for row in one["journal"]] == [row["step"] for row in two["journal"]]


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
    assert "going on from" in caplog.text
    for name in (NEWEST, BEFORE):
        (settings.checkpoint_folder / name).write_bytes(b"gone")
    with pytest.raises(UsageError, match=r"damaged, or it holds more"):
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

    with pytest.raises(Interrupted, match=r"stopped after step 3 of 12") as error:
        train(settings, data, on_step=press)
    assert error.value.exit_code == 130
    assert read_checkpoint(settings.checkpoint_folder)["run"]["step"] == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_checkpoint_of_another_run_is_refused(data, settings):
    train(settings, data)
    with pytest.raises(UsageError, match=r"trained with another learning_rate: use an empty folder"):
        train(replace(settings, learning_rate=1e-3), data)
    with pytest.raises(UsageError, match=r"other frames, labels or first weights"):
        train(settings, LabelledFrames(toy_frames(), classes=3, validation=[12]))
    longer = []
    train(replace(settings, steps=14), data, on_step=lambda step: longer.append(step.step))
    assert longer == [13, 14]


def test_nan_stops_the_run_and_says_why(data, settings, monkeypatch):
    real, calls = run_module.segmentation_loss, []

    def breaking(logits, *rest, **options):
        calls.append(1)
        return real(logits * (math.nan if len(calls) == 10 and logits.requires_grad else 1), *rest, **options)

    monkeypatch.setattr(run_module, "segmentation_loss", breaking)
    with pytest.raises(
        TrainError, match=r"step [0-9]+: the loss became nan; the last good weights are in .*lower learning_rate .now 0.01."
    ):
        train(replace(settings, validation_interval=100), data)
    assert read_checkpoint(settings.checkpoint_folder)["run"]["step"] == 8


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
    with pytest.raises(UsageError, match=r"make widths the same"):
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
    assert sorted(path.name for path in folder.iterdir()) == [BEFORE, NEWEST, "log.csv", "loss.png"]


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
    assert rate_factor(TrainSettings(steps=1), 0) == 1


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"steps": 0}, "steps is 0: it must be 1 or more"),
        ({"learning_rate": 0}, "learning_rate is 0: it must be more than 0"),
        ({"ema_decay": 1}, "ema_decay is 1"),
        ({"schedule": "linear"}, "one of cosine, onecycle, constant"),
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
        ({"channels": ("Y",)}, "the frames have 3 channels, but the settings name Y"),
        ({"architecture": "unet3"}, "architecture 'unet3' is not known"),
    ],
)
def test_settings_that_do_not_fit_are_refused(data, settings, changes, message):
    with pytest.raises(UsageError, match=message):
        train(replace(settings, **changes), data)
