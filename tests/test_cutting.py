"""`rotonodes cutout` and `rotonodes convert-weights`."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import Call, Outcome, picture_contents
from rotonodes.errors import UsageError
from rotonodes.io.pictures import read_image
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.nodes import CutOut, EstimateForeground, ExportONNX, LoadPictures
from tiny_networks import tiny_model


@pytest.fixture
def folder(call: Call, tmp_path: Path) -> Path:
    """Two pictures, a background, a network of one matte and one of five tones."""
    (tmp_path / "imgs").mkdir()
    random = np.random.default_rng(0)
    for name, (width, height) in {"cat.png": (21, 14), "dog.png": (12, 18)}.items():
        PIL.Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(tmp_path / "imgs" / name)
    PIL.Image.new("RGB", (40, 10), (10, 200, 60)).save(tmp_path / "meadow.jpg", quality=100)
    save_weights(tiny_model(classes=("background", "shape"), activation="sigmoid"), "cut.safetensors")
    save_weights(tiny_model(), "tones.safetensors")
    return tmp_path


def test_cut_out_with_its_alpha(folder: Path, call: Call) -> None:
    ended = call("cutout", "-i", "imgs", "-o", "out", "-m", "cut.safetensors")
    assert (ended.code, ended.out) == (0, "")
    assert "2 pictures in" in ended.err
    assert sorted(picture_contents(folder / "out")) == ["cat.png", "cat_matte.png", "dog.png", "dog_matte.png"]
    picture = LoadPictures(path="imgs")(frame=1)
    matte = CutOut(weights="cut.safetensors")(picture).matte
    assert 0.05 < matte.data.mean() < 0.95
    made, seen = read_image("out/cat.png"), read_image("out/cat_matte.png", "raw")
    np.testing.assert_allclose(made.alpha, matte.data, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(seen.data, matte.data, atol=0.5 / 255 + 1e-6)
    wanted = EstimateForeground()(picture, matte)
    np.testing.assert_allclose(made.color, wanted.color, atol=0.02)


def test_by_an_onnx_file(folder: Path, call: Call) -> None:
    model = load_weights("cut.safetensors")
    ExportONNX(path="cut.onnx")(model)
    assert call("cutout", "imgs", "-o", "by_torch", "-m", "cut.safetensors", "--precision", "float32").code == 0
    ended = call("cutout", "imgs", "-o", "by_onnx", "-m", "cut.onnx")
    assert ended.code == 0
    assert "a matte of shape" in ended.err
    assert sorted(picture_contents(folder / "by_onnx")) == sorted(picture_contents(folder / "by_torch"))
    for name in ("cat.png", "dog_matte.png"):
        made, wanted = (read_image(f"{by}/{name}", "raw").data for by in ("by_onnx", "by_torch"))
        np.testing.assert_allclose(made, wanted, atol=2.01 / 255)
        assert wanted.std() > 0.01
    shown = call("cutout", "imgs", "-m", "cut.onnx", "--print-graph")
    assert "type: OnnxSegment" in shown.out


def test_a_node_of_torch_refuses_an_onnx_file(folder: Path) -> None:
    (folder / "cut.onnx").write_bytes(b"any")
    with pytest.raises(
        UsageError, match=r"^cut\.onnx: an ONNX file, which OnnxSegment runs and nothing else: take that node, or \.safetensors"
    ):
        CutOut(weights="cut.onnx")(LoadPictures(path="imgs")(frame=1))


def test_on_a_color(folder: Path, call: Call) -> None:
    assert call("cutout", "imgs", "-m", "cut.safetensors", "--background", "white", "--no-matte").code == 0
    assert sorted(picture_contents(folder / "out")) == ["cat.png", "dog.png"]
    picture = LoadPictures(path="imgs")(frame=1)
    matte = CutOut(weights="cut.safetensors")(picture).matte
    made = read_image("out/cat.png")
    assert (made.alpha == 1).all()
    wanted = EstimateForeground()(picture, matte).color + (1 - matte.data)  # C = a F + (1 - a) B, in linear light
    np.testing.assert_allclose(made.color, wanted.clamp(0, 1), atol=0.01)


def test_on_a_picture_that_covers_each(folder: Path, call: Call) -> None:
    assert call("cutout", "imgs", "-m", "cut.safetensors", "--background", "meadow.jpg").code == 0
    matte = read_image("out/dog_matte.png", "raw").data[0]
    made = read_image("out/dog.png", "raw")
    assert made.size == (12, 18)
    away = matte == 0
    assert away.any()
    meadow = torch.tensor([10, 200, 60]) / 255
    np.testing.assert_allclose(made.data[:3, away], meadow[:, None].expand(3, int(away.sum())), atol=3 / 255)


@pytest.mark.parametrize("options", [[], ["--background", "#10c83c"], ["--background", "meadow.jpg", "--no-matte"]], ids=" ".join)
def test_the_graph_that_is_shown_can_be_run(folder: Path, call: Call, options: list[str]) -> None:
    arguments = ("cutout", "imgs", "-o", "out", "-m", "cut.safetensors", *options)
    shown = call(*arguments, "--print-graph")
    assert (shown.code, shown.err) == (0, "")
    assert not (folder / "out").exists()
    (folder / "graph.yaml").write_text(shown.out)
    assert call("run", "graph.yaml", "--cache", "none").code == 0
    (folder / "out").rename(folder / "by_graph")
    assert call(*arguments).code == 0
    assert picture_contents(folder / "out") == picture_contents(folder / "by_graph")


def refused(ended: Outcome, message: str) -> None:
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert message in ended.err


def test_what_is_refused(folder: Path, call: Call) -> None:
    refused(call("cutout", "-m", "cut.safetensors"), "which pictures?")
    refused(call("cutout", "imgs", "-m", "no.pth"), "no.pth: no such weights file")
    refused(
        call("cutout", "imgs", "-m", "cut.safetensors", "--background", "medow.jpg"),
        "--background medow.jpg: neither a picture nor a colour",
    )


def test_convert_weights(folder: Path, call: Call) -> None:
    ended = call("convert-weights", "tones.safetensors", "new/tones.safetensors", "--licence", "CC0-1.0", "--classes", "a,b,c,d,e")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("new/tones.safetensors: unet of ")
    assert "5 classes: a, b, c, d, e; new/tones.md" in ended.err
    made, given = load_weights("new/tones.safetensors"), load_weights("tones.safetensors")
    assert (made.licence, made.classes) == ("CC0-1.0", ("a", "b", "c", "d", "e"))
    assert all(torch.equal(made.state[name], tensor) for name, tensor in given.state.items())
    assert "CC0-1.0" in (folder / "new/tones.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.pth", "a.safetensors"], "no.pth: no such weights file"),
        (["tones.safetensors", "a.pth"], "a.pth: converted weights are written as .safetensors"),
        (["tones.safetensors", "imgs/../tones.safetensors"], "tones.safetensors: this is the file that is read: write somewhere else"),
        (["tones.safetensors", "a.safetensors", "--classes", "a,b"], "2 class names (a, b) for 5 classes"),
        (["imgs/cat.png", "a.safetensors"], "imgs/cat.png: not a safetensors file"),
    ],
)
def test_weights_that_are_refused(folder: Path, call: Call, arguments: list[str], message: str) -> None:
    before = (folder / "tones.safetensors").read_bytes()
    refused(call("convert-weights", *arguments), message)
    assert not (folder / "a.safetensors").exists()
    assert (folder / "tones.safetensors").read_bytes() == before
