"""ExportONNX and OnnxSegment: the file, its results beside torch's, and what is refused."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import PIL.Image
import pytest
import torch

from conftest import Call, picture_contents
from rotonodes import Graph
from rotonodes.errors import UsageError
from rotonodes.nets import onnx as deploy
from rotonodes.nets.ensemble_network import ensemble_of
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import Model
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.nets.weights import WeightsError, load_weights, save_weights
from rotonodes.nodes import ExportONNX, LoadModel, LoadPictures, OnnxSegment, UNetSegment
from rotonodes.values.pixels import Batch, Image
from rotonodes.values.tones import SIX_CLASSES
from tiny_networks import tiny_model

ROOT = Path(__file__).parent.parent
SIZES = [(1, 1), (7, 5), (16, 16), (33, 20)]


@pytest.fixture(scope="module")
def plain() -> tuple[Model, bytes]:
    model = tiny_model()
    return model, deploy.checked_onnx(model, "plain.onnx")


def frames(model: Model, size: tuple[int, int], count: int = 1) -> torch.Tensor:
    """Scene-linear frames, some values of which are out of the ordinary."""
    made = torch.rand((count, len(model.channels), size[1], size[0]), generator=torch.Generator().manual_seed(size[0])) * 1.5 - 0.2
    made[0, 0, 0, 0] = torch.nan
    return made


def agree(model: Model, file: Path, sizes: list[tuple[int, int]] = SIZES, **options: Any) -> None:
    """Probabilities as torch gives them, and the same class wherever two are not all but equally probable."""
    network = deploy.OnnxSegmenter(file, **options)
    reference = Segmenter(model, tile=options.get("tile", 0), overlap=options.get("overlap", 64))
    for size in sizes:
        batch = frames(model, size, 2)
        made, wanted = network(batch), reference(batch)
        torch.testing.assert_close(made, wanted, rtol=0, atol=1e-3)  # the rounding to half precision
        assert (made - wanted).abs().mean() < 1e-5
        first, second = wanted.topk(2, dim=1).values.unbind(1)
        clear = first - second > 2e-3
        assert (made.argmax(1) == wanted.argmax(1))[clear].all()


def test_any_size_and_any_number(plain: tuple[Model, bytes], tmp_path: Path) -> None:
    model, data = plain
    file = tmp_path / "net.onnx"
    file.write_bytes(data)
    agree(model, file)
    agree(model, file, [(40, 33)], tile=16, overlap=4)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.shape[1], [type(size) for size in given.shape]) == ("picture", 3, [str, int, str, str])
    for shape in ((1, 3, 2, 4), (5, 3, 20, 6)):
        (made,) = session.run(None, {"picture": np.zeros(shape, np.float32)})
        assert made.shape == (shape[0], 5, *shape[2:])


def test_everything_about_the_network_is_in_the_file(plain: tuple[Model, bytes], tmp_path: Path) -> None:
    model = tiny_model(mask_values=(0, 40, 80, 125, 255), licence="CC0-1.0", training={"steps": 7}, encodings={"B": "raw"})
    proto = onnx.load_from_string(deploy.onnx_bytes(model, "net.onnx"))
    texts = {entry.key: entry.value for entry in proto.metadata_props}
    assert texts == model.metadata()
    read = Model.from_metadata(texts, {})
    for name in ("classes", "colors", "channels", "encodings", "mask_values", "licence", "training", "size_multiple"):
        assert getattr(read, name) == getattr(model, name)
    assert proto.producer_name == "rotonodes"


def test_equal_models_give_equal_files_without_paths(plain: tuple[Model, bytes]) -> None:
    model, data = plain
    assert deploy.onnx_bytes(model, "other.onnx") == data
    assert str(ROOT).encode() not in data
    assert b".py" not in data


# One of each thing that networks are built of; each export takes a second or more.
@pytest.mark.parametrize(
    ("architecture", "config", "fields"),
    [
        ("unet", {"odd": "zeros", "upsampling": "bilinear"}, {"preprocessing": Preprocessing(exact=True)}),
        (
            "unet",
            {"odd": "resize", "in_channels": 1, "norm": "group"},
            {"channels": ("Y",), "preprocessing": Preprocessing(grey=True, scale=0.5)},
        ),
        ("unet", {"patch": 2, "refine": 3, "attention": True, "context": True, "block": "separable", "dropout": 0.1}, {}),
        ("efficient_unet", {"in_channels": 3, "variant": "lite0", "decoder": [4, 4, 4, 4, 4]}, {}),
    ],
    ids=["zeros", "resize", "all-of-ours", "efficient"],
)
def test_all_kinds_of_networks(architecture: str, config: dict[str, Any], fields: dict[str, Any], tmp_path: Path) -> None:
    model = tiny_model(architecture, config=config, **fields)
    file = tmp_path / "net.onnx"
    file.write_bytes(deploy.checked_onnx(model, "net.onnx"))
    agree(model, file, [(5, 9), (8, 8), (17, 20), (23, 31)])


def test_an_ensemble(tmp_path: Path) -> None:
    """Of two kinds of networks, one of them with coarser steps."""
    picture = tiny_model("efficient_unet", classes=SIX_CLASSES, config={"in_channels": 3, "variant": "lite0", "decoder": [4, 4, 4, 4, 4]})
    model = ensemble_of([picture, tiny_model(seed=5)], tone_weights=[0, 1])
    file = tmp_path / "net.onnx"
    file.write_bytes(deploy.checked_onnx(model, "net.onnx"))
    agree(model, file)


@pytest.mark.slow
def test_u2net(tmp_path: Path) -> None:
    fields = {
        "classes": ("background", "foreground"),
        "activation": "minmax",
        "preprocessing": Preprocessing(squash=32, peak=True, exact=True),
    }
    model = tiny_model("u2net", config={"stages": [[2, 3]] * 11, "in_channels": 3}, **fields)
    file = tmp_path / "net.onnx"
    file.write_bytes(deploy.checked_onnx(model, "net.onnx"))
    agree(model, file)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tones", "tones_passes"])
def test_the_shipped_weights(name: str, tmp_path: Path) -> None:
    model = load_weights(ROOT / f"weights/{name}.safetensors")
    file = tmp_path / "net.onnx"
    file.write_bytes(deploy.checked_onnx(model, "net.onnx"))
    agree(model, file, [(70, 50), (96, 64)])


# The nodes.


def test_the_same_outputs_as_unet_segment(plain: tuple[Model, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model, _ = plain
    save_weights(model, "net.safetensors", "float32")
    graph = Graph()
    graph.add(ExportONNX(path="out/net.onnx"), model=graph.add(LoadModel(path="net.safetensors")))
    assert graph.run(cache="none").exit_code == 0
    assert graph.run(cache="none").plan.is_empty  # its key lies beside it
    images = Batch.of([Image(picture) for picture in frames(model, (21, 14), 2)])
    made = OnnxSegment(weights="out/net.onnx")(images)
    exact = {"precision": "float32"}  # the arithmetic of the file
    wanted = UNetSegment(weights="net.safetensors", **exact)(images)
    assert (made.labels.data == wanted.labels.data).float().mean() > 0.99
    assert made.labels.like[0].classes == wanted.labels.like[0].classes
    assert made.labels.like[0].colors == wanted.labels.like[0].colors
    torch.testing.assert_close(made.probabilities.data, wanted.probabilities.data, rtol=0, atol=1e-3)
    assert made.probabilities.like[0].channels == wanted.probabilities.like[0].channels
    torch.testing.assert_close(made.matte.data, wanted.matte.data, rtol=0, atol=1e-3)
    options = {"scale": 2.0, "threshold": 0.7, "tile": 16, "overlap": 2}
    other = OnnxSegment(weights="out/net.onnx", **options)(images), UNetSegment(weights="net.safetensors", **exact, **options)(images)
    assert (other[0].labels.data == other[1].labels.data).float().mean() > 0.99
    assert (other[0].labels.data != made.labels.data).any()


def test_segment_takes_onnx_files(plain: tuple[Model, bytes], call: Call, tmp_path: Path) -> None:
    model, data = plain
    (tmp_path / "net.onnx").write_bytes(data)
    save_weights(model, "net.safetensors", "float32")
    (tmp_path / "imgs").mkdir()
    for name, size in {"a": (20, 11), "b": (7, 9)}.items():
        picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
        PIL.Image.fromarray(picture).save(tmp_path / f"imgs/{name}.png")
    ended = call("segment", "imgs", "-o", "onnx", "-m", "net.onnx")
    assert (ended.code, ended.out) == (0, "")
    assert "5 classes" in ended.err
    assert call("segment", "imgs", "-o", "torch", "-m", "net.safetensors", "--precision", "float32").code == 0
    assert picture_contents(tmp_path / "onnx") == picture_contents(tmp_path / "torch")
    assert "OnnxSegment" in call("segment", "imgs", "-m", "net.onnx", "--print-graph").out
    assert LoadPictures(path="imgs").available() == (1, 2)


# What is refused, in one line each.


def test_a_file_that_differs_from_torch_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = deploy.onnx_bytes

    def spoiled(model: Model, name: str) -> bytes:
        state = {key: tensor * 1.01 if key == "head.weight" else tensor for key, tensor in model.state.items()}
        return made(replace(model, state=state), name)

    monkeypatch.setattr(deploy, "onnx_bytes", spoiled)
    file = tmp_path / "net.onnx"
    with pytest.raises(UsageError, match=r"net\.onnx: not written: at 6x4, 1 at once, it differs from torch by "):
        ExportONNX(path=str(file))(tiny_model())
    assert not file.exists()


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ONNX files that are not ours, below the current folder."""
    monkeypatch.chdir(tmp_path)
    kind = onnx.TensorProto.FLOAT
    data, out = (onnx.helper.make_tensor_value_info(name, kind, [1, 3, 224, 224]) for name in ("data", "out"))
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["data"], ["out"])], "relu", [data], [out])
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(proto, "relu.onnx")
    for key, value in tiny_model().metadata().items():
        proto.metadata_props.add(key=key, value=value)
    onnx.save(proto, "inputs.onnx")
    del proto.metadata_props[2:]
    onnx.save(proto, "incomplete.onnx")
    (tmp_path / "noise.onnx").write_bytes(b"nothing of the kind")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.onnx", "missing.onnx: no such ONNX file"),
        ("noise.onnx", "noise.onnx: not a file that onnxruntime can run"),
        ("relu.onnx", "relu.onnx: no rotonodes metadata; its inputs are data float [1, 3, 224, 224]"),
        ("inputs.onnx", "inputs.onnx: its inputs are data float [1, 3, 224, 224]; picture float [N, 3, H, W] to logits is needed"),
        ("incomplete.onnx", "incomplete.onnx: "),
    ],
)
def test_files_that_are_not_ours(foreign: Path, name: str, message: str) -> None:
    with pytest.raises(WeightsError) as error:
        OnnxSegment(weights=name)(Image(torch.zeros(3, 4, 4)))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_provider_that_is_not_there(plain: tuple[Model, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    for provider in ("auto", "cuda", "tensorrt"):
        named = "Tensorrt" if provider == "tensorrt" else "CUDA"
        with pytest.raises(UsageError, match=f"net.onnx: this onnxruntime has no {named}ExecutionProvider .it has cpu.: pip install"):
            deploy.session(plain[1], "cuda:0", provider, "net.onnx")
    with pytest.raises(UsageError, match=r"net\.onnx: provider cuda needs a CUDA device, and this runs on cpu"):
        deploy.session(plain[1], "cpu", "cuda", "net.onnx")
    assert deploy.session(plain[1], "cuda:0", "cpu", "net.onnx").get_providers() == ["CPUExecutionProvider"]


def test_providers_in_order() -> None:
    there = list(deploy.PROVIDERS.values())
    first = ("TensorrtExecutionProvider", {"device_id": 1})
    second = ("CUDAExecutionProvider", {"device_id": 1})
    assert deploy._providers(there, "cuda:1", "tensorrt", "") == [first, second, "CPUExecutionProvider"]
    assert deploy._providers(there, "cuda:1", "auto", "") == [second, "CPUExecutionProvider"]
    assert deploy._providers(there, "cpu", "auto", "") == ["CPUExecutionProvider"]


@pytest.mark.parametrize("library", ["onnx", "onnxscript", "onnxruntime"])
def test_a_library_that_is_not_installed(library: str, plain: tuple[Model, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    file = tmp_path / "net.onnx"
    file.write_bytes(plain[1])
    wanted = f'needs {library}, which is not installed: pip install "rotonodes\\[onnx\\]"'
    with pytest.raises(UsageError, match=wanted):
        if library == "onnxruntime":
            OnnxSegment(weights=str(file))(Image(torch.zeros(3, 4, 4)))
        else:
            ExportONNX(path=str(tmp_path / "new.onnx"))(plain[0])


def test_no_other_scale_where_frames_are_squashed(plain: tuple[Model, bytes]) -> None:
    model = tiny_model(preprocessing=Preprocessing(squash=32))
    with pytest.raises(UsageError, match="net: this network sees frames at 32 x 32 px: take scale out"):
        deploy.at_scale(model, 0.5, "net")


@pytest.mark.gpu
@pytest.mark.skipif("CUDAExecutionProvider" not in onnxruntime.get_available_providers(), reason="no CUDA provider")
def test_on_cuda(plain: tuple[Model, bytes], tmp_path: Path) -> None:
    model, data = plain
    file = tmp_path / "net.onnx"
    file.write_bytes(data)
    network, reference = deploy.OnnxSegmenter(file, "cuda"), Segmenter(model, "cuda")
    for size in SIZES:
        batch = frames(model, size, 3)
        made = network(batch)
        assert made.device.type == "cuda"
        torch.testing.assert_close(made, reference(batch), rtol=0, atol=5e-3)
