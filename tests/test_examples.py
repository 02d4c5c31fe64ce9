"""The README's code, the graphs and the example scripts do what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import PIL.Image
import PIL.ImageChops
import PIL.ImageStat
import pytest
import yaml

from rotonodes import Graph
from rotonodes.graph.builder import Builder
from rotonodes.graph.document import parse_document

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GRAPHS = sorted((ROOT / "graphs").glob("*.yaml")) + sorted((ROOT / "examples").glob("*.yaml"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_every_graph_is_without_faults(path: Path, in_root: None) -> None:
    assert Graph.load(path).sinks()


@pytest.mark.parametrize(
    "name, changed, files",
    [
        ("luminance_tones", {}, ["luminance_tones.gif", "luminance_tones/matte.0003.png", "luminance_tones/flat.0003.png"]),
        ("key_light_tones", {}, ["key_light_tones.gif", "key_light_tones/flat.0003.png"]),
        ("passes_tones", {}, ["passes_tones.gif", "passes_tones/flat.0003.png"]),
        ("labels_from_passes", {}, ["labels_from_passes.png", "labels_from_passes/labels.0003.png"]),
        ("flat_tones", {}, ["flat_tones.gif", "flat_tones/flat.0003.png"]),
        ("stabilized_tones", {}, ["stabilized_tones.gif", "stabilized_tones/flat.0003.png", "stabilized_tones/matte.0003.png"]),
        ("cutout_matte", {}, ["cutout_matte/comp.0003.png", "cutout_matte/cutout.0003.png"]),
        (
            "train_on_shot",
            {"train.steps": 1, "train.batch": 1, "train.crop": 64, "train.frames": "1-2"},
            ["train_on_shot.gif", "train_on_shot/frames/flat.0003.png", "train_on_shot/frames/matte.0003.png"],
        ),
        (
            "train_on_shot_passes",
            {"train.steps": 1, "train.batch": 1, "train.crop": 64, "train.frames": "1-2"},
            ["train_on_shot_passes.gif", "train_on_shot_passes/frames/flat.0003.png", "train_on_shot_passes/frames/matte.0003.png"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_graph_runs_on_its_shot(name: str, changed: dict[str, object], files: list[str], in_root: None, tmp_path: Path) -> None:
    graph = Graph.load(f"graphs/{name}.yaml", settings=changed)
    for vertex in list(graph.vertices.values()):  # the same graph, writing elsewhere
        outputs = {field: str(tmp_path / path) for field, path in vertex.node.paths("output")}
        graph.insert(type(vertex)(**{**vars(vertex), "node": vertex.node.model_copy(update=outputs)}))
    result = graph.run(frames="2-3", cache=str(tmp_path / "cache"))
    assert result.exit_code == 0
    for file in files:
        with PIL.Image.open(tmp_path / "out" / file) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 1, f"{file} is one flat colour"


@pytest.mark.parametrize("path", sorted((ROOT / "graphs").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_graph_with_a_gif_writes_its_frames_too(path: Path) -> None:
    """A GIF is to look at; compositors read sequences. One that is made of a sequence has it already."""
    sources = {name for name, body in yaml.safe_load(path.read_text())["nodes"].items() if body["type"] == "LoadFrames"}
    assert linked(path, "WriteGIF") - sources <= linked(path, "WriteFrames")


def test_the_farm_advice_of_the_readme(tmp_path: Path, in_root: None) -> None:
    """Pieces of frames without a cache in common, then the GIF: by the frames alone, and no network runs a second time."""
    commands = re.findall(r"^    (rotonodes run \S+_tones -X png -F .*|rotonodes run gif_from_frames .*)$", README, re.MULTILINE)
    assert len(commands) == 3, "README.md: two pieces and the GIF of them"
    for command in commands:
        words = shlex.split(command.replace("1-12", "1-2").replace("13-24", "3-4"))[2:]
        assert run_command([*words, "--cache", "none"], tmp_path) == 0
    with PIL.Image.open(tmp_path / "out/hero.gif") as gif:
        assert gif.n_frames == 4
        for frame in range(4):
            gif.seek(frame)
            with PIL.Image.open(tmp_path / f"out/flat_tones/flat.{frame + 1:04d}.png") as png:
                difference = PIL.ImageChops.difference(gif.convert("RGB"), png.convert("RGB"))
                assert sum(PIL.ImageStat.Stat(difference).mean) < 12, "256 colours of the same picture"
    nodes = yaml.safe_load((ROOT / "graphs/gif_from_frames.yaml").read_text())["nodes"]
    assert {body["type"] for body in nodes.values()} == {"LoadFrames", "WriteGIF"}


def run_command(words: list[str], folder: Path) -> int:
    """A command in a folder with the examples; its exit code."""
    if not (folder / "examples").exists():
        (folder / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "rotonodes", "run", *words, "-q"], cwd=folder, env=environment, timeout=300).returncode


def linked(path: Path, kind: str) -> set[str]:
    """What nodes of a kind are linked to."""
    return {str(body["in"]) for body in yaml.safe_load(path.read_text())["nodes"].values() if body["type"] == kind}


def test_readme_graph_is_without_faults(in_root: None) -> None:
    (graph,) = [block for block in blocks("yaml") if block.startswith("rotonodes:")]
    built = Graph()
    Builder(parse_document(graph, "README.md"), {}, {}).build(built)
    assert built.sinks() == ["gif"]


def test_readme_python_runs(tmp_path: Path) -> None:
    calls, node = blocks("python")
    for folder in ("examples", "weights"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "exposure.py").write_text(node)
    use = "import torch\nfrom rotonodes import Image\nfrom exposure import Exposure\n"
    use += "out = Exposure(stops=1)(Image(torch.ones(4, 2, 2)))\nassert out.data[:3].eq(2).all() and out.data[3].eq(1).all()\n"
    run_python(calls, tmp_path)
    assert (tmp_path / "out" / "detail.png").stat().st_size > 1000
    run_python(use, tmp_path)


@pytest.mark.parametrize("script", sorted((ROOT / "examples" / "python").glob("*.py")), ids=lambda path: path.stem)
def test_example_script_runs(script: Path, tmp_path: Path) -> None:
    for folder in ("examples", "weights"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    run_python(script.read_text(), tmp_path)
    assert list((tmp_path / "out").iterdir())


def test_main_job_script_is_short() -> None:
    lines = (ROOT / "examples" / "python" / "main_job.py").read_text().splitlines()
    assert len(lines) < 25


def run_python(code: str, folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
