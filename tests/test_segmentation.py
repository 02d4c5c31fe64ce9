"""`rotonodes segment`: pictures of any names in, labels and mattes out, by the graph that --print-graph shows."""

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import Call, Outcome, picture_contents
from foreign_networks import ThreeDToTwoD, randomised, saved
from rotonodes.io.pictures import read_image, read_labels
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import LoadParts, LoadPictures, UNetSegment
from rotonodes.values.tones import CLASSES
from tiny_networks import tiny_model

SIZES = {"cat.png": (21, 14), "dog.jpg": (16, 16), "tree.bmp": (9, 30)}


@pytest.fixture
def folder(call: Call, tmp_path: Path) -> Path:
    """Three pictures in `imgs`, and networks of five tones, of one matte, and one of each that remembers its masks' values."""
    (tmp_path / "imgs").mkdir()
    random = np.random.default_rng(0)
    for name, (width, height) in SIZES.items():
        PIL.Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(tmp_path / "imgs" / name)
    save_weights(tiny_model(), "tones.safetensors")
    save_weights(tiny_model(mask_values=(200, 40, 80, 125, 255)), "greys.safetensors")
    save_weights(tiny_model(classes=("background", "shape"), activation="sigmoid"), "matte.safetensors")
    save_weights(tiny_model(classes=("background", "shape")), "two.safetensors")
    return tmp_path


def one_line(ended: Outcome, code: int, *texts: str) -> None:
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.count("\n") == 1, ended.err
    for text in texts:
        assert text in ended.err


def test_a_folder_in_labels_out(folder: Path, call: Call) -> None:
    ended = call("segment", "-i", "imgs", "-o", "out", "-m", "tones.safetensors")
    assert (ended.code, ended.out) == (0, "")
    assert "3 pictures in" in ended.err
    assert " s: out/*.png; the network " in ended.err
    assert "frames per second; unet of " in ended.err
    parameters = sum(t.numel() for name, t in tiny_model().state.items() if "running" not in name and "num_batches" not in name)
    assert f"{parameters:,} parameters, 5 classes: background, cast_shadow," in ended.err
    assert sorted(os.listdir(folder / "out")) == ["cat.png", "dog.png", "tree.png"]
    for frame, (name, size) in enumerate(SIZES.items(), 1):
        made = read_labels(folder / "out" / f"{Path(name).stem}.png", CLASSES)
        assert made.size == size
        wanted = UNetSegment(weights="tones.safetensors")(LoadPictures(path="imgs")(frame=frame)).labels
        assert (made.data == wanted.data).all()
    assert not (folder / ".rotonodes").exists()


@pytest.mark.parametrize(
    "inputs",
    [
        ["-i", "imgs/cat.png", "imgs/dog.jpg", "imgs/tree.bmp"],
        ["-i", "imgs/cat.png", "-i", "imgs/dog.jpg", "-i", "imgs/tree.bmp"],
        ["-i", "imgs/*.*"],
        ["imgs/cat.png", "imgs/dog.jpg", "imgs/tree.bmp"],
    ],
    ids=" ".join,
)
def test_several_files_in_one_call(folder: Path, call: Call, inputs: list[str]) -> None:
    assert call("segment", *inputs, "-o", "out", "-m", "tones.safetensors").code == 0
    assert call("segment", "-i", "imgs", "-o", "whole", "-m", "tones.safetensors").code == 0
    assert picture_contents(folder / "out") == picture_contents(folder / "whole")


def test_names_of_outputs(folder: Path, call: Call) -> None:
    assert call("segment", "imgs", "-o", "out/*_OUT.png", "-m", "tones.safetensors").code == 0
    assert sorted(os.listdir(folder / "out")) == ["cat_OUT.png", "dog_OUT.png", "tree_OUT.png"]
    assert call("segment", "imgs/cat.png", "-o", "one.png", "-m", "tones.safetensors").code == 0
    assert (folder / "one.png").exists()


def test_a_numbered_sequence(folder: Path, call: Call) -> None:
    for frame in (7, 9):
        PIL.Image.new("RGB", (8, 8), (frame, 0, 0)).save(folder / f"shot.{frame:04d}.png")
    assert call("segment", "-i", "shot.####.png", "-o", "out", "-m", "tones.safetensors", "--viz").code == 0
    assert sorted(os.listdir(folder / "out")) == ["shot.0007.png", "shot.0007_viz.png", "shot.0009.png", "shot.0009_viz.png"]


def test_a_matte_of_one_class(folder: Path, call: Call) -> None:
    ended = call("segment", "imgs", "-m", "matte.safetensors")
    assert ended.code == 0
    assert "a matte of shape" in ended.err
    made = read_image("out/cat.png", "raw")
    assert made.channels == ("Y",)
    wanted = UNetSegment(weights="matte.safetensors")(LoadPictures(path="imgs")(frame=1)).matte
    np.testing.assert_allclose(made.data, wanted.data, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("weights", ["matte.safetensors", "two.safetensors"])
def test_a_threshold_makes_hard_masks(folder: Path, call: Call, weights: str) -> None:
    matte = UNetSegment(weights=weights)(LoadPictures(path="imgs")(frame=1)).matte.data[0]
    level = float(matte.median())
    assert call("segment", "imgs", "-m", weights, "--threshold", str(level)).code == 0
    made = read_labels("out/cat.png", ("background", "shape"))
    assert (made.data.bool() == (matte > level)).all()
    assert 0 < made.data.float().mean() < 1


def test_the_network_sees_another_scale(folder: Path, call: Call) -> None:
    assert call("segment", "imgs", "-o", "half", "-m", "tones.safetensors", "--scale", "0.5").code == 0
    assert call("segment", "imgs", "-o", "whole", "-m", "tones.safetensors").code == 0
    half, whole = picture_contents(folder / "half"), picture_contents(folder / "whole")
    assert {name: len(data) for name, data in half.items()} == {name: len(data) for name, data in whole.items()}
    assert half["cat.png"] != whole["cat.png"]


def test_grey_values(folder: Path, call: Call) -> None:
    """Row A7: a folder in, one picture of grey values each."""
    assert call("segment", "imgs", "-o", "plain", "-m", "tones.safetensors").code == 0
    assert call("segment", "imgs", "-o", "given", "-m", "tones.safetensors", "--values", "200,40,80,125,255").code == 0
    assert call("segment", "imgs", "-o", "known", "-m", "greys.safetensors", "--write", "values").code == 0
    for name in ("cat.png", "dog.png", "tree.png"):
        with PIL.Image.open(folder / "given" / name) as picture:
            assert picture.mode == "L"
            grey = np.array(picture)
        indices = read_labels(folder / "plain" / name, CLASSES).data.numpy()
        assert (grey == np.array([200, 40, 80, 125, 255])[indices]).all()
        assert (read_labels(folder / "given" / name, CLASSES, values=[200, 40, 80, 125, 255]).data.numpy() == indices).all()
    assert picture_contents(folder / "known") == picture_contents(folder / "given")


def test_a_checkpoint_of_the_3d_to_2d_project(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row A7: grey input / 255, the most probable class, its grey out."""
    network = randomised(ThreeDToTwoD(1, 5, (4, 8)))
    saved(network, folder / "their.pth")
    read, load = list[object](), torch.load
    monkeypatch.setattr(torch, "load", lambda *given, **more: read.append(given) or load(*given, **more))
    assert call("segment", "imgs", "-m", "their.pth", "--write", "values", "--precision", "float32").code == 0
    assert len(read) == 1, "what the command asks of the network and what runs it are one reading of the file"
    with PIL.Image.open(folder / "imgs/cat.png") as picture, PIL.Image.open(folder / "out/cat.png") as made, torch.no_grad():
        grey = torch.from_numpy(np.array(picture.convert("L"))).float() / 255
        best = network(grey[None, None]).argmax(1)[0].numpy()
        assert (np.array(made) == np.array([40, 80, 125, 255, 200])[best]).all()
    assert len(np.unique(best)) > 1


def test_a_picture_beside_its_result(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert call("segment", "imgs", "-m", "tones.safetensors", "--viz", "--no-save").code == 0
    assert sorted(os.listdir(folder / "out")) == ["cat_viz.png", "dog_viz.png", "tree_viz.png"]
    with PIL.Image.open(folder / "out/cat_viz.png") as beside, PIL.Image.open(folder / "imgs/cat.png") as picture:
        assert beside.size == (2 * 21 + 4, 14)
        assert beside.crop((0, 0, 21, 14)).tobytes() == picture.tobytes()
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert call("segment", "imgs", "-m", "tones.safetensors", "--viz").code == 0
    assert opened == ["out/cat_viz.png"]


def test_nothing_saved(folder: Path, call: Call) -> None:
    ended = call("segment", "imgs", "-m", "tones.safetensors", "--no-save")
    assert ended.code == 0
    assert "3 pictures in" in ended.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["-m", "tones.safetensors", "--viz"],
        ["-m", "matte.safetensors"],
        ["-m", "two.safetensors", "--threshold", "0.4", "--scale", "0.5"],
        ["-m", "greys.safetensors", "--write", "values"],
    ],
    ids=" ".join,
)
def test_the_graph_that_is_shown_can_be_run(folder: Path, call: Call, options: list[str]) -> None:
    arguments = ("segment", "imgs/tree.bmp", "imgs/cat.png", "-o", "out", *options)
    shown = call(*arguments, "--print-graph")
    assert (shown.code, shown.err) == (0, "")
    assert not (folder / "out").exists()
    (folder / "graph.yaml").write_text(shown.out)
    assert call("check", "graph.yaml").code == 0
    assert call("run", "graph.yaml", "--cache", "none").code == 0
    (folder / "out").rename(folder / "by_graph")
    assert call(*arguments).code == 0
    assert picture_contents(folder / "out") == picture_contents(folder / "by_graph")
    assert len(picture_contents(folder / "out")) == 2 + 2 * ("--viz" in options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "tones.safetensors"], "which pictures? name files or a folder"),
        (["nowhere.png", "-m", "tones.safetensors"], "nowhere.png: there is no such file or folder"),
        (["a.####.png", "-m", "tones.safetensors"], "a.####.png: there is no such frame"),
        (["imgs", "-m", "nothing.safetensors"], "nothing.safetensors: no such weights file"),
        (["imgs", "-m", "imgs/cat.png"], "imgs/cat.png: not a safetensors file"),
        (["imgs", "-m", "tones.safetensors", "-o", "out.png"], "-o out.png: 3 pictures do not go into one file"),
        (["imgs", "-m", "tones.safetensors", "-o", "imgs/*.png"], "imgs/cat.png is an input picture"),
        (["imgs", "-m", "tones.safetensors", "-o", "out/*.jpg"], "label pictures are palette PNGs"),
        (["imgs", "-m", "tones.safetensors", "--values", "1,2"], "--values 1,2: 2 values for 5 classes"),
        (
            ["imgs", "-m", "tones.safetensors", "--write", "values"],
            "tones.safetensors: the weights do not say which grey values their masks had",
        ),
        (["imgs", "-m", "matte.safetensors", "--write", "matte", "--threshold", "0.5"], "--threshold 0.5: a matte has none"),
        (["imgs", "-m", "tones.safetensors", "--write", "matte", "--values", "1,2,3,4,5"], "only labels have grey values"),
    ],
)
def test_what_is_refused(folder: Path, call: Call, arguments: list[str], message: str) -> None:
    ended = call("segment", *arguments)
    assert (ended.code in (1, 2), ended.out, ended.err.count("\n")) == (True, "", 1), ended.err
    assert message in ended.err


def test_a_picture_that_is_none(folder: Path, call: Call) -> None:
    (folder / "imgs/cat.png").write_bytes(b"nothing")
    one_line(call("segment", "imgs", "-m", "tones.safetensors"), 1, "imgs/cat.png: not a picture")


def test_layers_to_correct(folder: Path, call: Call) -> None:
    """Issue 12: labels as a PSD with the picture and a layer for each class, which LoadParts reads back."""
    pytest.importorskip("psd_tools")
    assert call("segment", "imgs", "-o", "out/*.psd", "-m", "tones.safetensors", "--viz").code == 0
    assert sorted(os.listdir(folder / "out")) == ["cat.psd", "cat_viz.png", "dog.psd", "dog_viz.png", "tree.psd", "tree_viz.png"]
    for frame in (1, 2, 3):
        picture = LoadPictures(path="imgs")(frame=frame)
        wanted = UNetSegment(weights="tones.safetensors")(picture).labels
        parts = LoadParts(path="out/*.psd", pictures="imgs", parts=list(CLASSES[1:]), hidden=True, sizes="any")(frame=frame)
        assert (parts.labels.data == wanted.data).all()
        whole = LoadParts(path="out/*.psd", pictures="imgs", parts=["picture"], sizes="any")(frame=frame)
        assert whole.parts.planes["picture"].min() == 1
    assert call("segment", "imgs", "-o", "mattes/*.psd", "-m", "matte.safetensors").code == 0
    assert LoadParts(path="mattes/*.psd", pictures="imgs", parts=["matte"], sizes="any")(frame=1).parts.planes["matte"].max() > 0.1
    assert call("segment", "imgs/cat.png", "-o", "one.psd", "-m", "tones.safetensors").code == 0
    for number in (1, 2):
        PIL.Image.open(folder / "imgs/cat.png").save(folder / f"s.{number:04d}.png")
    assert call("segment", "s.####.png", "-o", "seq/l.####.psd", "-m", "tones.safetensors").code == 0
    assert sorted(os.listdir(folder / "seq")) == ["l.0001.psd", "l.0002.psd"]
    one_line(call("segment", "imgs", "-o", "o/*.psd", "-m", "greys.safetensors", "--write", "values"), 2, "layers have no grey values")
    one_line(call("segment", "imgs", "-o", "o.psd", "-m", "tones.safetensors"), 2, "-o o.psd: 3 pictures do not go into one file")
