"""`rotonodes train`: pictures and masks by name in, weights out, by the graph that --print-graph shows."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import Call
from rotonodes.graph.document import parse_document
from rotonodes.io.pictures import read_labels
from rotonodes.nets.weights import load_weights

QUICK = ("--epochs", "2", "--batch-size", "2", "--width", "4", "--crop", "16")


@pytest.fixture
def folder(call: Call, tmp_path: Path) -> Path:
    """Ten pictures of bright squares on dark ground in `data/imgs`, masks of 0 and 255 in `masks` with the suffix _mask."""
    random = np.random.default_rng(0)
    for name in ("imgs", "masks"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for at in range(10):
        mask = np.zeros((24, 20 + at), np.uint8)
        x, y = random.integers(0, 10, 2)
        mask[y : y + 12, x : x + 10] = 255
        picture = random.integers(0, 60, (*mask.shape, 3)) + mask[..., None] // 2
        PIL.Image.fromarray(picture.astype(np.uint8)).save(tmp_path / f"data/imgs/{'abcdefghij'[at]}.jpg")
        PIL.Image.fromarray(mask).save(tmp_path / f"data/masks/{'abcdefghij'[at]}_mask.png")
    return tmp_path


def graph_of(call: Call, *arguments: str) -> dict:
    shown = call("train", *arguments, "--print-graph")
    assert shown.code == 0, shown.err
    return parse_document(shown.out).data["nodes"]


def test_pairs_by_name_in_weights_out(folder: Path, call: Call) -> None:
    ended = call("train", "data", "--suffix", "_mask", "--validation", "20", "-o", "out/squares.safetensors", *QUICK)
    assert ended.code == 0, ended.err
    model = load_weights("out/squares.safetensors")
    assert model.mask_values == (0, 255)
    assert len(model.classes) == 2
    table = ended.out  # for each class, and their means with and without the background
    for word in ("IoU", "Dice", "accuracy", "mean class accuracy (mPA)", "parameters", "frames/s"):
        assert word in table, table
    assert "out/squares.safetensors: unet of " in ended.err
    step, steps = model.metrics["step"], model.training["steps"]
    assert ended.err.endswith(f"; best: step {step} of {steps}, mean Dice without background {model.metrics['mean_dice_foreground']:.3f}\n")
    assert (folder / "out/squares.md").exists()
    assert (folder / "out/squares_training/loss.png").exists()
    assert call("segment", "data/imgs", "-m", "out/squares.safetensors", "-o", "seen", "--write", "values").code == 0
    with PIL.Image.open(folder / "seen/a.png") as picture:
        assert set(np.unique(np.array(picture))) <= {0, 255}  # the masks' own values


def test_the_graph_that_is_shown_can_be_run(folder: Path, call: Call) -> None:
    arguments = ("train", "data", "--suffix", "_mask", "-o", "out/w.safetensors", *QUICK)
    shown = call(*arguments, "--print-graph")
    assert (shown.code, shown.err) == (0, "")
    assert not (folder / "out").exists()
    (folder / "graph.yaml").write_text(shown.out)
    assert call("check", "graph.yaml").code == 0
    assert call("run", "graph.yaml", "--cache", "none", "--device", "cpu").code == 0
    by_graph = load_weights("out/w.safetensors")
    (folder / "out").rename(folder / "by_graph")
    assert call(*arguments, "--device", "cpu").code == 0
    made = load_weights("out/w.safetensors")
    assert made.classes == by_graph.classes
    assert all(torch.allclose(made.state[name], tensor, atol=1e-5) for name, tensor in by_graph.state.items())


def test_every_option_reaches_the_graph(folder: Path, call: Call) -> None:
    """Row E1."""
    nodes = graph_of(
        call, "data", "--suffix", "_mask", "--epochs", "3", "--batch-size", "4", "--learning-rate", "1e-5", "--load", "old.pth",
        "--scale", "0.5", "--validation", "30", "--amp", "--bilinear", "--classes", "2", "--optimizer", "rmsprop",
        "--schedule", "plateau", "--seed", "5", "--width", "64", "--crop", "32",
    )  # fmt: skip
    wanted = {
        "epochs": 3, "batch": 4, "learning_rate": 1e-5, "scale": 0.5, "validation_share": 0.3, "precision": "bfloat16",
        "upsampling": "bilinear", "evaluations": 5, "optimizer": "rmsprop", "schedule": "plateau", "seed": 5, "width": 64, "crop": 32,
        "score": "mean_dice_foreground",
    }  # fmt: skip
    assert {name: nodes["train"][name] for name in wanted} == wanted
    assert nodes["start"] == {"type": "LoadModel", "path": "old.pth"}
    assert nodes["train"]["in"] == {"image": "pictures", "labels": "masks", "model": "start"}
    assert nodes["masks"]["classes"] == ["background", "class1"]
    assert graph_of(call, "data", "--suffix", "_mask", "--classes", "sky,thing")["masks"]["classes"] == ["sky", "thing"]
    assert "validation_share" not in graph_of(call, "data", "--suffix", "_mask", "--validation", "0")["train"]


def test_soft_mattes(folder: Path, call: Call) -> None:
    assert call("train", "data", "--suffix", "_mask", "--alpha", "-o", "out/a.safetensors", *QUICK).code == 0
    model = load_weights("out/a.safetensors")
    assert (model.activation, len(model.classes)) == ("sigmoid", 2)
    assert call("segment", "data/imgs/a.jpg", "-m", "out/a.safetensors").code == 0
    with PIL.Image.open(folder / "out/a.png") as picture:
        assert picture.mode == "L"


def test_going_on_from_weights(folder: Path, call: Call) -> None:
    assert call("train", "data", "--suffix", "_mask", "-o", "out/a.safetensors", *QUICK).code == 0
    again = ("--load", "out/a.safetensors", "--epochs", "0.2", "--batch-size", "2", "--learning-rate", "1e-7", "--crop", "16")
    assert call("train", "data", "--suffix", "_mask", "-o", "out/b.safetensors", *again).code == 0
    first, second = load_weights("out/a.safetensors"), load_weights("out/b.safetensors")
    assert first.config == second.config
    assert (first.state["head.weight"] - second.state["head.weight"]).abs().max() < 0.01


def test_grey_pictures_and_arrays(folder: Path, call: Call) -> None:
    for file in sorted((folder / "data/imgs").glob("*.jpg")):
        with PIL.Image.open(file) as picture:
            picture.convert("L").save(file.with_suffix(".png"))
        file.unlink()
    for file in sorted((folder / "data/masks").glob("*.png")):
        indices = (read_labels(file, ("a", "b"), values=[0, 255])).data.numpy() * 3
        np.save(file.with_name(file.name.replace("_mask.png", ".npy")), indices)
        file.unlink()
    assert call("train", "data", "-o", "out/g.safetensors", *QUICK).code == 0
    model = load_weights("out/g.safetensors")
    assert (model.config["in_channels"], model.preprocessing.grey, model.mask_values) == (1, True, (0, 3))
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)).save(folder / "colour.png")
    with PIL.Image.open(folder / "colour.png") as picture:
        picture.convert("L").save(folder / "luma.png")  # a colour photo for a grey network
    assert call("segment", "colour.png", "luma.png", "-m", "out/g.safetensors", "-o", "seen", "--write", "matte").code == 0
    seen = [np.array(PIL.Image.open(folder / f"seen/{name}.png")).astype(int) for name in ("colour", "luma")]
    assert np.abs(seen[0] - seen[1]).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere/imgs: no such folder; nowhere needs folders imgs and masks, or name others with --images"),
        (["data", "--masks", "labels"], "data/labels: no such folder of masks; name it with --masks"),
        (["data", "-o", "out.pth"], "-o out.pth: weights are written as .safetensors"),
        (["data", "--alpha", "--classes", "2"], "--classes 2: a matte has no classes"),
        (["data", "--classes", "1"], "--classes 1: 2 to 256 classes"),
        (["data", "--classes", "a,,b"], "--classes a,,b: separate the items by commas"),
        (["data", "--crop", "33"], "error: training: crop is 33, and this network needs a multiple of 16: 32 or 48 px"),
        (["data", "--validation", "100"], "--validation 100: with 10 pictures no training picture is left: add pictures, or"),
    ],
)
def test_what_is_refused(folder: Path, call: Call, arguments: list[str], message: str) -> None:
    ended = call("train", *arguments, "--suffix", "_mask")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert message in ended.err


def keep_first(folder: Path, count: int) -> None:
    """Only so many of the pictures, with their masks."""
    for name in ("imgs", "masks"):
        for file in sorted((folder / "data" / name).iterdir())[count:]:
            file.unlink()


def test_a_few_pictures_train_with_one_to_score_with(folder: Path, call: Call) -> None:
    """Whatever a tenth of them is."""
    keep_first(folder, 4)
    ended = call("train", "data", "--suffix", "_mask", "-o", "out/few.safetensors", *QUICK)
    assert ended.code == 0, ended.err
    model = load_weights("out/few.safetensors")
    assert (model.training["frames"], model.metrics["frames"]) == (3, 1)
    keep_first(folder, 2)
    assert call("train", "data", "--suffix", "_mask", "--validation", "1", "--print-graph").code == 0
    keep_first(folder, 1)
    ended = call("train", "data", "--suffix", "_mask", "--print-graph")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--validation 10: with 1 picture no training picture is left: add pictures, or use --validation 0" in ended.err
    assert call("train", "data", "--suffix", "_mask", "--validation", "0", "--print-graph").code == 0


def test_a_wrong_suffix_is_said_before_what_the_count_leaves(folder: Path, call: Call) -> None:
    keep_first(folder, 1)
    ended = call("train", "data", "--suffix", "_matte")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "data/masks/*_matte.*: 1 of 1 pictures have no mask: a.jpg; is --suffix right?" in ended.err


@pytest.mark.parametrize("alpha", [[], ["--alpha"]])
@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_a_mask_of_another_size_is_named_with_its_picture(folder: Path, call: Call, suffix: str, alpha: list[str]) -> None:
    (folder / "data/masks/c_mask.png").unlink()
    small = np.zeros((12, 11), np.uint8)
    if suffix == ".npy":
        np.save(folder / "data/masks/c_mask.npy", small)
    else:
        PIL.Image.fromarray(small).save(folder / "data/masks/c_mask.png")
    ended = call("train", "data", "--suffix", "_mask", *alpha, *QUICK)
    told = f"error: data/imgs/c.jpg is 22 x 24, but data/masks/c_mask{suffix} is 11 x 12: reformat one of them\n"
    assert (ended.code, ended.out, ended.err) == (2, "", told)


def test_a_stray_value_is_named_with_its_mask_and_place(folder: Path, call: Call) -> None:
    with PIL.Image.open(folder / "data/masks/c_mask.png") as picture:
        mask = np.array(picture)
    mask[3, 7] = 77
    PIL.Image.fromarray(mask).save(folder / "data/masks/c_mask.png")
    ended = call("train", "data", "--suffix", "_mask", "--classes", "2", *QUICK)
    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert "3 values (0, 77, 255), but there are 2 classes: give one for each value; " in ended.err
    assert ended.err.endswith("; 77 is the rarest, 1 pixel, first in data/masks/c_mask.png at x 7, y 3\n")


def test_snapshots_of_every_validation(folder: Path, call: Call) -> None:
    """Rows A5 and D6: weights and a loss plot every epoch."""
    keep_first(folder, 4)
    assert call("train", "data", "--suffix", "_mask", "--snapshots", "-o", "out/w.safetensors", *QUICK).code == 0
    kept = sorted(file.stem for file in (folder / "out/w_training/stages").glob("*.safetensors"))
    assert kept == sorted(file.stem for file in (folder / "out/w_training/stages").glob("*.png")) != []
    assert call("segment", "data/imgs/a.jpg", "-m", f"out/w_training/stages/{kept[0]}.safetensors").code == 0
    assert "snapshots" not in graph_of(call, "data", "--suffix", "_mask")["train"]


def test_masks_that_do_not_fit(folder: Path, call: Call) -> None:
    ended = call("train", "data", "--suffix", "_mask", "--classes", "3", *QUICK)
    assert (ended.code != 0, ended.err.count("\n")) == (True, 1), ended.err
    assert "2 values (0, 255), but there are 3 classes" in ended.err
    (folder / "data/masks/c_mask.png").unlink()
    ended = call("train", "data", "--suffix", "_mask", *QUICK)
    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert "data/masks/*_mask.*: 1 of 10 pictures have no mask: c.jpg" in ended.err


@pytest.mark.parametrize("grey", ["first", "others"])
def test_grey_pictures_among_colour_ones_train_one_rgb_network(folder: Path, call: Call, grey: str) -> None:
    """The first file decides nothing."""
    for at, file in enumerate(sorted((folder / "data/imgs").glob("*.jpg"))):
        if (at == 0) == (grey == "first"):
            with PIL.Image.open(file) as picture:
                picture.convert("L").save(file)
    ended = call("train", "data", "--suffix", "_mask", "-o", "out/w.safetensors", *QUICK)
    assert ended.code == 0, ended.err
    assert load_weights("out/w.safetensors").channels == ("R", "G", "B")


def test_upper_case_extensions(folder: Path, call: Call) -> None:
    for file in (*(folder / "data/imgs").iterdir(), *(folder / "data/masks").iterdir()):
        file.rename(file.with_suffix(file.suffix.upper()))
    assert call("train", "data", "--suffix", "_mask", "-o", "out/w.safetensors", *QUICK).code == 0


def test_black_masks_are_said_in_one_line(folder: Path, call: Call) -> None:
    for file in (folder / "data/masks").iterdir():
        with PIL.Image.open(file) as mask:
            PIL.Image.new("L", mask.size).save(file)
    ended = call("train", "data", "--suffix", "_mask", "-o", "out/w.safetensors", *QUICK)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "hold a single value, 0, so there are no classes to train: check that they are not empty" in ended.err


def test_fine_tuning_on_grey_pictures_keeps_the_channels_of_the_weights(folder: Path, call: Call) -> None:
    """A start network supplies what it knows: its channels, whatever the pictures are."""
    assert call("train", "data", "--suffix", "_mask", "-o", "out/a.safetensors", *QUICK).code == 0
    for file in (folder / "data/imgs").glob("*.jpg"):
        with PIL.Image.open(file) as picture:
            picture.convert("L").save(file)
    again = ("--load", "out/a.safetensors", "--epochs", "0.2", "--batch-size", "2", "--crop", "16")
    ended = call("train", "data", "--suffix", "_mask", "-o", "out/b.safetensors", *again)
    assert ended.code == 0, ended.err
    assert load_weights("out/b.safetensors").channels == ("R", "G", "B")
