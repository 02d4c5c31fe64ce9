"""The arithmetic of networks: what `auto` stands for, that it is in the key, that it is said, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import rotonodes
from conftest import Call
from rotonodes import Graph
from rotonodes.errors import UsageError
from rotonodes.machine import precision
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import asks_float32, load_weights, save_weights
from rotonodes.nodes import TrainUNet, UNetSegment
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.pixels import Image
from rotonodes.values.tones import CLASSES, COLORS

GRAPH = """rotonodes: 1
frames: 1-2
nodes:
  plate: {type: Constant, color: [0.2, 0.5, 0.1], size: [24, 20]}
  roto: {type: UNetSegment, in: plate, weights: net.safetensors}
  png: {type: WriteFrames, in: roto.labels, path: "out/l.####.png"}
"""


def model(**fields: str) -> Model:
    torch.manual_seed(4)
    config = {"in_channels": 3, "classes": 3, "widths": [8, 16]}
    state = build("unet", config).state_dict()
    return Model("unet", config, ("a", "b", "c"), ("#000000",) * 3, size_multiple=2, state=state, **fields)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Set what this machine has: flags of its CPU, and the capabilities of its GPUs."""

    def has(*flags: str, gpus: tuple[tuple[int, int], ...] = ()) -> None:
        monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset(flags))
        monkeypatch.setattr(precision, "cuda_capabilities", lambda: gpus)

    return has


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_weights(model(), "net.safetensors", "float32")
    (tmp_path / "g.yaml").write_text(GRAPH)
    return tmp_path


def key(device: str = "auto", override: str | None = None, text: str = GRAPH) -> str:
    Path("g.yaml").write_text(text)
    return make_plan(Graph.load("g.yaml"), cache="none", device=device, precision=override).key(("roto", 1))


@pytest.mark.parametrize(
    ("flags", "gpus", "device", "wanted"),
    [
        (["avx2", "avx512_bf16"], (), "cpu", "bfloat16"),
        (["amx_bf16"], (), "auto", "bfloat16"),
        (["avx2", "avx512f"], (), "auto", "float32"),
        ([], ((8, 0),), "auto", "bfloat16"),
        (["avx512_bf16"], ((7, 5),), "auto", "float16"),
        (["avx512_bf16"], ((7, 5),), "cpu", "bfloat16"),
        ([], ((6, 1),), "cuda", "float32"),
        ([], ((9, 0), (7, 0)), "cuda:1", "float16"),
        ([], (), "cuda", "bfloat16"),  # for a farm whose GPUs are elsewhere
    ],
)
def test_auto_is_what_the_device_multiplies(machine, flags, gpus, device, wanted) -> None:
    machine(*flags, gpus=gpus)
    assert precision.native_precision(device) == wanted


def test_the_cpu_of_this_machine_is_read_as_torch_reads_it() -> None:
    seen = bool({"avx512_bf16", "amx_bf16"} & precision.cpu_flags())
    assert seen == (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpus_are_found_without_torch() -> None:
    assert precision.cuda_capabilities() == tuple(map(torch.cuda.get_device_capability, range(torch.cuda.device_count())))


def test_what_was_chosen_is_in_the_key(machine, folder: Path) -> None:
    machine("avx512_bf16")
    auto = key()
    assert auto == key(text=GRAPH.replace("weights:", "precision: bfloat16, weights:")) == key(override="auto")
    assert auto != key(override="float32") == key(text=GRAPH.replace("weights:", "precision: float32, weights:"))
    assert key(text=GRAPH.replace("weights:", "precision: float32, weights:"), override="bfloat16") == auto
    machine("avx2")
    assert key() == key(override="float32") != auto
    machine("avx2", gpus=((8, 9),))
    assert key() == auto, "the device itself is not in the key"
    assert key("cpu") == key(override="float32")


def test_weights_may_ask_for_float32(machine, folder: Path) -> None:
    machine("avx512_bf16")
    careful = replace(model(), precision="float32")
    save_weights(careful, "careful.safetensors")
    assert load_weights("careful.safetensors").precision == "float32" and asks_float32("careful.safetensors")
    assert not asks_float32("net.safetensors") and not asks_float32("nowhere.safetensors")
    linked = GRAPH.replace("in: plate, weights: net.safetensors", "in: {image: plate, model: net}")
    for name, wanted in (("careful", "float32"), ("net", "bfloat16")):
        text = GRAPH.replace("net.safetensors", f"{name}.safetensors")
        Path("g.yaml").write_text(text)
        assert make_plan(Graph.load("g.yaml"), cache="none").precision == {"roto": wanted}
        Path("g.yaml").write_text(linked + f"  net: {{type: LoadModel, path: {name}.safetensors}}\n")
        assert make_plan(Graph.load("g.yaml"), cache="none").precision == {"roto": wanted}
        assert make_plan(Graph.load("g.yaml"), cache="none", precision="bfloat16").precision == {"roto": "bfloat16"}
    assert Segmenter(careful, precision="auto").dtype == torch.float32
    assert Segmenter(model(), precision="auto").dtype == torch.bfloat16
    with pytest.raises(UsageError, match="precision 'int8' is not known: use float32, or leave it out"):
        replace(model(), precision="int8")


def test_python_and_graphs_choose_alike(folder: Path) -> None:
    picture = torch.rand(3, 20, 24)
    by_node = UNetSegment(weights="net.safetensors")(Image(picture))
    by_name = UNetSegment(weights="net.safetensors", precision=precision.native_precision("cpu"))(Image(picture))
    assert torch.equal(by_node.probabilities.data, by_name.probabilities.data)
    assert torch.equal(rotonodes.load_model("net.safetensors")(picture).probabilities, by_node.probabilities.data)


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_a_run_says_it_once_and_keeps_it_in_its_statistics(call: Call, folder: Path, wanted: str) -> None:
    ended = call("run", "g.yaml", "--cache", "none", "--device", "cpu", "--precision", wanted, "--stats", "s.json", "--progress", "plain")
    assert ended.code == 0 and ended.err.count(wanted) == 1, ended.err
    assert ended.err.splitlines()[0] == f"g.yaml: frames 1-2; cache: none; network in {wanted}"
    assert json.loads(Path("s.json").read_text())["precision"] == {"roto": wanted}
    planned = call("plan", "g.yaml", "--cache", "none", "--device", "cpu", "--precision", wanted)
    assert "nothing to do" in planned.out and wanted not in planned.out
    other = "float32" if wanted == "bfloat16" else "bfloat16"
    planned = call("plan", "g.yaml", "--cache", "none", "--device", "cpu", "--precision", other)
    assert "made from something else" in planned.out or "2 to make" in planned.out
    assert f"network in {other}" in planned.out


def test_networks_that_differ_are_named(folder: Path) -> None:
    Path("g.yaml").write_text(
        GRAPH
        + "  other: {type: UNetSegment, in: plate, weights: net.safetensors, precision: float32}\n"
        + '  more: {type: WriteFrames, in: other.labels, path: "out/m.####.png"}\n'
    )
    plan = make_plan(Graph.load("g.yaml", settings={"roto.precision": "bfloat16"}), cache="none")
    assert plan.precision_words() == "networks in bfloat16 (roto), float32 (other)"
    assert make_plan(Graph.load("g.yaml"), cache="none", precision="float32").precision_words() == "networks in float32"


@pytest.mark.parametrize("command", ["segment", "cutout"])
def test_everyday_commands(call: Call, folder: Path, command: str) -> None:
    torch.manual_seed(1)
    from rotonodes.io.pictures import write_image

    write_image("a.png", Image(torch.rand(3, 20, 24)))
    ended = call(command, "a.png", "-m", "net.safetensors", "-o", "out", "--precision", "float32")
    assert ended.code == 0 and ended.err.endswith("; computed in float32\n")
    refused = call(command, "a.png", "-m", "net.safetensors", "-o", "out", "--precision", "float16", "--device", "cpu")
    assert refused.code == 2 and len(refused.err.splitlines()) == 1
    assert "precision float16 needs a CUDA device, and this runs on cpu: use auto, bfloat16 or float32" in refused.err


def test_what_a_gpu_lacks_is_refused_in_one_line(machine) -> None:
    machine(gpus=((7, 5),))
    with pytest.raises(UsageError, match=r"bfloat16 needs CUDA compute capability 8.0, and cuda:0 has 7.5: use auto, float16 or float32"):
        precision.refuse_lacking("bfloat16", "cuda:0")
    precision.refuse_lacking("float16", "cuda:0")
    precision.refuse_lacking("bfloat16", "cpu")


def test_a_run_refuses_what_the_device_lacks_and_names_the_node(call: Call, folder: Path) -> None:
    (folder / "g.yaml").write_text(GRAPH.replace("weights:", "precision: float16, weights:"))
    ended = call("run", "g.yaml", "--cache", "none", "--device", "cpu", "-q")
    assert ended.code == 2 and len(ended.err.splitlines()) == 1
    assert ended.err.startswith("error: g.yaml:5:") and "roto: precision float16 needs a CUDA device" in ended.err
    assert call("check", "g.yaml").code == 0, "another machine may have it"


def test_a_job_for_a_farm_fixes_what_auto_stands_for(call: Call, folder: Path, machine) -> None:
    machine("avx512_bf16")
    assert call("submit", "g.yaml", "--to", "openjd", "-o", "job").code == 0
    options = json.loads(Path("job/rotonodes.json").read_text())["options"]
    assert "--set=roto.precision=bfloat16" in options
    assert call("submit", "g.yaml", "--to", "openjd", "-o", "job", "--set", "roto.precision=float32").code == 0
    options = json.loads(Path("job/rotonodes.json").read_text())["options"]
    assert [option for option in options if "precision" in option] == ["--set=roto.precision=float32"]


TRAINING = """rotonodes: 1
frames: 1-2
nodes:
  plate: {type: Constant, color: [0.2, 0.5, 0.1], size: [24, 20]}
  tones: {type: ToneSplit, in: {image: plate}}
  start: {type: LoadModel, path: net.safetensors}
  train: {type: TrainUNet, in: {image: plate, labels: tones.labels, model: start}, steps: 1, precision: auto}
  weights: {type: WriteModel, in: train, path: out/new.safetensors}
"""


def test_a_training_takes_what_the_device_multiplies(folder: Path, machine) -> None:
    def planned(text: str, **options: str) -> tuple[dict[str, str], str]:
        Path("g.yaml").write_text(text)
        plan = make_plan(Graph.load("g.yaml"), cache="none", **options)
        return plan.precision, plan.key(("train", None))

    for flags, wanted in (((), "float32"), (("avx512_bf16",), "bfloat16")):
        machine(*flags)
        chosen, key = planned(TRAINING)
        assert chosen == {"train": wanted}
        assert (chosen, key) == planned(TRAINING.replace("auto", wanted)) == planned(TRAINING.replace("auto", "float32"), precision=wanted)
        assert TrainUNet(precision="auto").settings("labels", CLASSES, COLORS, None, {}, device="cpu").precision == wanted
    careful = replace(model(), precision="float32")
    assert TrainUNet(precision="auto").settings("labels", CLASSES, COLORS, careful, {}, device="cpu").precision == "float32"
    save_weights(careful, "net.safetensors", "float32")
    assert planned(TRAINING)[0] == {"train": "float32"}
