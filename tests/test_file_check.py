"""`rotonodes check --files` and `--strict`: what is wrong in the files, found before a run and without writing anything."""

from pathlib import Path

import PIL.Image
import pytest
import torch

from conftest import Call, Outcome
from rotonodes import extras
from rotonodes.nodes import CheckEdges, EstimateForeground, ExportONNX, LoadParts, OnnxSegment, SmoothEdge, SolveAlpha, TrainUNet

ROOT = Path(__file__).parent.parent
TORUS = ROOT / "examples/shots/torus"
GRAPH = """rotonodes: 1
frames: 1-2
nodes:
  load: {type: LoadFrames, path: "in/a.####.png"}
  png:  {type: WriteFrames, in: load, path: "out/a.####.png"}
"""


@pytest.fixture
def check(call: Call, tmp_path: Path) -> Call:
    """Check a graph of two frames, or one whose nodes are given."""
    (tmp_path / "in").mkdir()
    (tmp_path / "g.yaml").write_text(GRAPH)
    for frame in (1, 2):
        PIL.Image.new("RGB", (8, 4)).save(tmp_path / f"in/a.{frame:04d}.png")
    return lambda *arguments: call("check", "g.yaml", *arguments)


def rendered(folder: Path, nodes: str, frames: str = "1-2") -> None:
    lines = "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    source = f'  render: {{type: LoadFrames, path: "{TORUS}/render.####.exr"}}\n'
    (folder / "g.yaml").write_text(f"rotonodes: 1\nframes: {frames}\nnodes:\n{source}{lines}\n")


def test_what_is_right_is_ok_and_nothing_is_written(check: Call, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert check("--files") == check("--files", "--strict") == Outcome(0, "g.yaml: ok, 2 nodes\n", "")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("node", "line"),
    [
        ("a: {type: MultipassDecode, in: render.layers, passes: [Normall]}", "there is no pass 'Normall'"),
        ("a: {type: MultipassDecode, in: render.layers, mattes: {shape: nobody}}", "is called 'nobody'"),
        ("a: {type: UNetSegment, in: render, weights: weights/tones_passes.safetensors}", "the network sees R G B DiffDir.R"),
    ],
)
def test_passes_objects_and_channels(check: Call, tmp_path: Path, node: str, line: str) -> None:
    rendered(tmp_path, node)
    assert check().code == 0, "without --files no file is opened"
    ended = check("--files")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("g.yaml:5:") and "a: frame 1: " in ended.err and line in ended.err


def test_classes_and_all_faults_at_once(check: Call, tmp_path: Path) -> None:
    rendered(
        tmp_path,
        """
wrong: {type: MultipassDecode, in: render.layers, passes: [Combined, Beauti]}
roto:  {type: UNetSegment, in: render, weights: weights/tones.safetensors}
paint: {type: PaintTones, in: roto.labels, palette: {skin: "#ff0000"}}
gif:   {type: WriteGIF, in: paint, path: out/a.gif}
""",
    )
    lines = check("--files").err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["wrong", "paint"]
    assert "there is no class 'skin'" in lines[1]
    assert not (tmp_path / "out").exists()


def test_sizes_and_damaged_headers_of_every_frame(check: Call, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (9, 4)).save(tmp_path / "in/a.0002.png")
    ended = check("--files")
    assert (ended.code, ended.err) == (2, "g.yaml:4:34: load: in/a.0002.png is 9 x 4, but in/a.0001.png is 8 x 4\n")
    (tmp_path / "g.yaml").write_text(GRAPH.replace('png"}\n  png', 'png", sizes: any}\n  png'))
    assert check("--files").code == 0
    (tmp_path / "in/a.0002.png").write_bytes(b"no picture")
    ended = check("--files")
    assert (ended.code, ended.err.startswith("g.yaml:4:34: load: ")) == (2, True)


def test_missing_files_stay_warnings_unless_strict(check: Call, tmp_path: Path) -> None:
    (tmp_path / "in/a.0001.png").unlink()
    ended = check("--files")
    assert (ended.code, ended.out) == (0, "g.yaml: ok, 2 nodes; 1 of 2 frames are not there\n")
    assert ended.err.startswith("warning: g.yaml:4:34: load: not there: in/a.0001.png")
    ended = check("--strict")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("warning: g.yaml:4:34: load: not there: in/a.0001.png")


def test_trainings_are_not_begun(check: Call, tmp_path: Path) -> None:
    rendered(
        tmp_path,
        """
passes: {type: MultipassDecode, in: render.layers, passes: [Combined], mattes: {shape: "shape*"}}
tones:  {type: ToneSplit, in: {image: passes.Combined, matte: passes.shape}, thresholds: [0.5], classes: [background, dark, light]}
train:  {type: TrainUNet, in: {image: passes.Combined, labels: tones.labels}, steps: 1000000, crop: 64}
roto:   {type: UNetSegment, in: {image: passes.Combined, model: train}}
""",
    )
    assert check("--files").code == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("architecture: efficient_lite0, encoder_weights: in/other.pth", "_conv_stem.weight is missing, so these are no weights of this"),
        ("start_from: in/other.pth", "not a checkpoint of a training, so it holds no optimizer state"),
    ],
    ids=["encoder", "checkpoint"],
)
def test_what_a_training_starts_from_is_opened(check: Call, tmp_path: Path, given: str, said: str) -> None:
    torch.save({"other": torch.zeros(1)}, tmp_path / "in/other.pth")
    rendered(
        tmp_path,
        f"""
passes: {{type: MultipassDecode, in: render.layers, passes: [Combined], mattes: {{shape: "shape*"}}}}
tones:  {{type: ToneSplit, in: {{image: passes.Combined, matte: passes.shape}}, thresholds: [0.5], classes: [background, dark, light]}}
train:  {{type: TrainUNet, in: {{image: passes.Combined, labels: tones.labels}}, steps: 1000000, crop: 64, {given}}}
""",
    )
    found = check("--files")
    assert found.code == 2 and "other.pth" in found.err and said in found.err, found


LABELLED = """rotonodes: 1
frames: 1-40
nodes:
  load:  {type: LoadFrames, path: "in/a.####.png"}
  soft:  {type: Blur, in: load, size: 2}
  truth: {type: LoadLabels, path: "labels/l.####.png", classes: [background, shape]}
  train: {type: TrainUNet, in: {image: soft, labels: truth}, frames: "%s", steps: 1000000, crop: 16}
  roto:  {type: UNetSegment, in: {image: load, model: train}}
  png:   {type: WriteFrames, in: roto.labels, path: "out/l.####.png"}
"""


def test_the_frames_that_a_training_names_are_opened(check: Call, tmp_path: Path) -> None:
    """Labels are there for these frames only: the first frame of the shot is none of them."""
    (tmp_path / "labels").mkdir()
    for frame in range(1, 41):
        PIL.Image.new("RGB", (16, 16)).save(tmp_path / f"in/a.{frame:04d}.png")
        PIL.Image.new("L", (16, 16), 1).save(tmp_path / f"labels/l.{frame:04d}.png")
    (tmp_path / "labels/l.0001.png").unlink()
    (tmp_path / "g.yaml").write_text(LABELLED % "5,9,13")
    before = sorted(tmp_path.rglob("*"))
    assert check("--files").code == 0
    PIL.Image.new("L", (16, 16), 7).save(tmp_path / "labels/l.0009.png")
    PIL.Image.new("L", (16, 16), 7).save(tmp_path / "labels/l.0010.png")  # of no training
    ended = check("--files")
    assert ended.code == 2 and ended.err.count("\n") == 1, ended
    assert "truth: frame 9: " in ended.err and "value 7 is no class" in ended.err
    (tmp_path / "g.yaml").write_text(LABELLED % "2-40")
    PIL.Image.new("L", (16, 16), 7).save(tmp_path / "labels/l.0040.png")
    assert "truth: frame 40: " in check("--files").err, "of many frames the first, the last, and some between"
    assert sorted(tmp_path.rglob("*")) == before


LIBRARIES = [
    (SmoothEdge(method="polygon"), ["skimage"]),
    (SmoothEdge(), []),
    (SolveAlpha(method="closed_form"), ["pymatting"]),
    (SolveAlpha(method="guided"), []),
    (EstimateForeground(method="multi_level"), ["pymatting"]),
    (CheckEdges(path="a.json"), ["scipy"]),
    (ExportONNX(path="a.onnx"), ["onnx", "onnxscript", "onnxruntime"]),
    (OnnxSegment(weights="a.onnx"), ["onnxruntime"]),
    (LoadParts(path="a.####.psd"), ["psd_tools"]),
    (LoadParts(path="a.####.exr"), []),
    (TrainUNet(watch=["wandb"], checkpoints="c"), ["wandb"]),
]


@pytest.mark.parametrize(("node", "needed"), LIBRARIES, ids=lambda value: getattr(value, "type_name", None))
def test_nodes_say_which_libraries_they_need(node: SmoothEdge, needed: list[str]) -> None:
    assert list(node.libraries()) == needed
    assert set(needed) <= set(extras.LIBRARIES)


def test_a_missing_library_is_a_fault(check: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = """
passes: {type: MultipassDecode, in: render.layers, passes: [Combined], mattes: {shape: "shape*"}}
edge:   {type: SmoothEdge, in: passes.shape, method: polygon}
off:    {type: SmoothEdge, in: passes.shape, method: polygon, disable: true}
"""
    rendered(tmp_path, nodes)
    assert check().code == 0
    monkeypatch.setattr(extras, "has_library", lambda module: module != "skimage")
    ended = check()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == 'g.yaml:6:3: edge needs scikit-image, which is not installed: pip install "rotonodes[post]"\n'


def test_a_run_says_what_is_missing_before_it_makes_anything(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = """
mattes: {type: MultipassDecode, in: render.layers, mattes: {shape: "shape*"}}
edge:   {type: SmoothEdge, in: mattes.shape, method: polygon}
first:  {type: WriteFrames, in: render.image, path: "out/first.####.png"}
last:   {type: WriteFrames, in: edge, path: "out/last.####.png"}
"""
    rendered(tmp_path, nodes)
    monkeypatch.setattr(extras, "has_library", lambda module: module != "skimage")
    ended = call("run", "g.yaml")
    assert ended.code == 2
    assert 'error: g.yaml:6:3: edge needs scikit-image, which is not installed: pip install "rotonodes[post]"\n' in ended.err
    assert not list(tmp_path.glob("out/*"))
    assert call("run", "g.yaml", "-X", "first").code == 0, "what does not need it is made"
