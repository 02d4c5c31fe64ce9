"""Jobs for farms that cannot be run here: what their own programs and libraries read, and the commands that they would call."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from conftest import Call
from rotonodes.cli.farm_targets import FARMS
from rotonodes.farm import command_lines

ROOT = Path(__file__).parent.parent
GRAPH = """
rotonodes: 1
frames: 1-7
nodes:
  load: {type: LoadFrames, path: "in.####.png"}
  png:  {type: WriteFrames, in: load, path: "out/s 1.####.png"}
  roto: {type: UNetSegment, in: load, weights: weights/tones.safetensors}
  gif:  {type: WriteGIF, in: roto.labels, path: "out/s.gif"}
"""


@pytest.fixture
def clip(tmp_path: Path, call: Call) -> Path:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    for frame in range(1, 8):
        Image.new("RGB", (8, 8), (frame, 0, 0)).save(tmp_path / f"in.{frame:04d}.png")
    return tmp_path / ".rotonodes/jobs/graph"


def program(folder: Path, *words: str) -> str:
    """The output of another project's program, which may have warnings of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run([sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_client_of_deadline_reads_the_bundle(clip: Path, call: Call, tmp_path: Path) -> None:
    pytest.importorskip("deadline", reason="deadline is not installed: pip install 'rotonodes[farm]'")
    said = call("submit", "graph.yaml", "--to", "deadline", "--chunk", "3")
    assert said.code == 0
    check = shlex.split(said.out.splitlines()[-2].removeprefix("check"))
    assert check == [sys.executable, "-m", "deadline", "bundle", "info", str(clip)]
    found = json.loads(program(tmp_path, *check[2:], "--output", "json"))
    assert found["steps"] == ["roto", "png", "gif"]
    shown = {parameter["name"]: parameter["_display_value"] for parameter in found["parameters"]}
    assert shown["Frames"] == "1-7"
    assert shown["Graph"] == str(tmp_path / "graph.yaml")
    assert "graph" in program(tmp_path, "deadline", "bundle", "list", str(clip.parent))


def specification(clip: Path) -> ElementTree.Element:
    return ElementTree.parse(clip / "opencue.xml").getroot()


@pytest.mark.filterwarnings("ignore")  # those of pyoutline and grpc
def test_pyoutline_serialises_the_job(clip: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("outline", reason="opencue-pyoutline is not installed: pip install 'rotonodes[farm]'")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    said = call(
        "submit", "graph.yaml", "--to", "opencue", "--chunk", "3", "--show", "demo", "--cpus", "2", "--device", "cuda", "-F", "1-7x2"
    )
    assert said.code == 0, said.err
    root = specification(clip)
    assert root.findtext("show") == "demo"
    layers = {layer.get("name"): layer for layer in root.iter("layer")}
    assert {name: (layer.findtext("range"), layer.findtext("chunk")) for name, layer in layers.items()} == {
        "roto_1": ("1-7x2", "3"),
        "png_2": ("1-7x2", "3"),
        "gif_3": ("1000-1000", "1"),
    }
    assert {name: layer.findtext("gpus") for name, layer in layers.items()} == {"roto_1": "1", "png_2": None, "gif_3": None}
    assert {layer.findtext("cores") for layer in layers.values()} == {"2.0"}
    words = shlex.split(layers["png_2"].findtext("cmd") or "")
    assert words[:3] == [sys.executable, "-m", "rotonodes"]
    assert "--frames=#FRAMESPEC#" in words
    assert "--frames=1-7:2" in shlex.split(layers["gif_3"].findtext("cmd") or "")
    assert [(d.findtext("deplayer"), d.findtext("onlayer")) for d in root.iter("depend")] == [("gif_3", "roto_1")]
    assert not (tmp_path / "home").exists()


# What Cuebot's document type (cjsl-1.15) lets an element hold, and in which order.
CUEBOT = {
    "spec": "facility dept show shot user email uid job depends",
    "job": "paused priority maxretries maxcores maxgpus autoeat localbook os env layers",
    "layer": "cmd range chunk cores threadable memory gpus gpu gpu_memory timeout timeout_llu tags limits env services outputs",
    "depend": "depjob deplayer depframe onjob onlayer onframe",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_job_of_opencue_is_as_cuebot_reads_it(clip: Path, call: Call, device: str) -> None:
    pytest.importorskip("outline", reason="opencue-pyoutline is not installed: pip install 'rotonodes[farm]'")
    assert call("submit", "graph.yaml", "--to", "opencue", "--show", "demo", "--device", device).code == 0
    root = specification(clip)
    for name, order in CUEBOT.items():
        for element in root.iter(name):
            places = [order.split().index(child.tag) for child in element]
            assert places == sorted(places), f"{name}: {[child.tag for child in element]}"
    assert {element.get("type") for element in root.iter("layer")} <= {"Render", "Util", "Post"}
    assert all(re.fullmatch(r"[\w.:-]+", element.get("name") or "") for element in [*root.iter("job"), *root.iter("layer")])


@pytest.mark.filterwarnings("ignore")
def test_no_cuebot_answers(clip: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opencue", reason="opencue-pycue is not installed: pip install 'rotonodes[farm]'")
    monkeypatch.setenv("CUEBOT_HOSTS", "127.0.0.1:9")
    found = call("submit", "graph.yaml", "--to", "opencue", "--run")
    assert found.code == 75
    assert found.err.startswith("error: Cuebot does not take the job (")
    assert found.err.count("\n") == 1


WORDS = {"deadline10": "<STARTFRAME>-<ENDFRAME>", "royalrender": "<SeqStart>-<SeqEnd>:<SeqStep>", "afanasy": "@#@-@#@"}


@pytest.mark.parametrize("farm", WORDS)
def test_a_printed_command_makes_the_frames_that_a_farm_puts_into_it(farm: str, clip: Path, call: Call, tmp_path: Path) -> None:
    said = call("submit", "graph.yaml", "--print-command", farm, "--chunk", "3", "-X", "png")
    assert said.code == 0
    comment, line = said.out.splitlines()
    assert comment == "# png: frames 1-7, 3 in a task"
    assert not clip.exists()
    assert f"--frames={WORDS[farm]} " in line
    frames = {"deadline10": "4-6", "royalrender": "4-6:1", "afanasy": "4-6"}[farm]
    words = shlex.split(line.replace(WORDS[farm], frames))
    assert call(*words[3:]).code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["s 1.0004.png", "s 1.0005.png", "s 1.0006.png"]


@pytest.mark.parametrize(
    ("frames", "comment", "tasks", "made"),
    [
        ("1-7:2", "frames 1-7:2, 3 in a task", [(1, 5), (7, 7)], [1, 3, 5, 7]),
        ("1,2,5", "frames 1-2,5, 1 in a task", [(1, 1), (2, 2), (5, 5)], [1, 2, 5]),
    ],
)
@pytest.mark.parametrize("farm", ["deadline10", "afanasy", "royalrender"])
def test_a_task_with_a_first_and_a_last_frame_makes_no_other_frames(
    farm: str, frames: str, comment: str, tasks: list[tuple[int, int]], made: list[int], clip: Path, call: Call, tmp_path: Path
) -> None:
    said = call("submit", "graph.yaml", "--print-command", farm, "--chunk", "3", "-X", "png", "-F", frames)
    first, line = said.out.splitlines()
    assert first == f"# png: {comment}"
    pair = {"deadline10": ("<STARTFRAME>", "<ENDFRAME>"), "afanasy": ("@#@", "@#@"), "royalrender": ("<SeqStart>", "<SeqEnd>")}[farm]
    for numbers in tasks:
        command = line.replace("<SeqStep>", "2" if ":" in frames else "1")
        for word, number in zip(pair, numbers, strict=True):
            command = command.replace(word, str(number), 1)
        assert call(*shlex.split(command)[3:]).code == 0
    assert sorted(int(path.name.split(".")[1]) for path in (tmp_path / "out").iterdir()) == made


def test_a_task_of_tractor_names_its_part(clip: Path, call: Call, tmp_path: Path) -> None:
    said = call("submit", "graph.yaml", "--print-command", "tractor", "--chunk", "3", "-X", "png")
    line = said.out.splitlines()[-1]
    assert line.startswith("Iterate part -from 1 -to 3 -by 1 -template { Task {png $part} -cmds { RemoteCmd {")
    words = re.findall(r"\{([^{}]*)\}", line.partition("RemoteCmd ")[2])
    assert call(*(word.replace("$part", "2") for word in words[3:])).code == 0
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_flamenco_gets_statements_of_a_job_type(clip: Path, call: Call) -> None:
    said = call("submit", "graph.yaml", "--print-command", "flamenco", "--chunk", "3", "-F", "1-7:2")
    _, png, gif = [line for line in said.out.splitlines() if not line.startswith("#")]
    assert png.startswith('for (let chunk of frameChunker("1-7x2", 3)) { task = author.Task("png" + " " + chunk, "misc"); task.addCommand(')
    assert f'author.Command("exec", {{exe: {json.dumps(sys.executable)}, args: ["-m", "rotonodes", "run", ' in png
    assert '"--frames=" + chunk, ' in png
    assert gif.startswith('task = author.Task("gif", "misc"); task.addCommand(author.Command("exec", {')
    assert '"--frames=1-7:2", ' in gif


def test_every_farm_that_the_command_offers_has_its_words() -> None:
    assert tuple(command_lines.FARMS) == FARMS


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "error: submit: give one of --to and --print-command\n"),
        (["--to", "slurm", "--print-command", "tractor"], "error: submit: give one of --to and --print-command\n"),
        (["--to", "slurm", "--workers", "2"], "error: --workers, --address, --queue and --dashboard are for --to dask\n"),
        (["--to", "dask", "--workers", "0"], "error: --workers 0: give at least 1\n"),
        (
            ["--to", "dask", "--queue", "pbs", "--address", "tcp://x:1"],
            "error: --address and --queue: choose one, a Dask scheduler that runs or one that is started in a queue\n",
        ),
    ],
    ids=["none", "both", "not dask", "no workers", "two clusters"],
)
def test_options_that_do_not_fit_are_one_line(arguments: list[str], line: str, clip: Path, call: Call) -> None:
    found = call("submit", "graph.yaml", *arguments)
    assert (found.code, found.out, found.err) == (2, "", line)
    assert not clip.exists()


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["--to", "dask", "--run"], "--to dask --run needs distributed,"),
        (["--to", "deadline", "--run"], "--to deadline --run needs deadline,"),
        (["--to", "opencue"], "--to opencue needs opencue-pyoutline,"),
    ],
    ids=["dask", "deadline", "opencue"],
)
def test_engines_that_are_not_installed(
    arguments: list[str], package: str, clip: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotonodes.extras.has_library", lambda module: False)
    found = call("submit", "graph.yaml", *arguments)
    assert found.code == 2
    assert found.err == f'error: {package} which is not installed: pip install "rotonodes[farm]"\n'


def test_a_worker_that_imports_the_command_line_again_does_not_run_it() -> None:
    assert "main" in runpy.run_path(str(ROOT / "cli.py"), run_name="__mp_main__")


def test_a_dry_run_of_dask_prints_the_command(clip: Path, call: Call) -> None:
    said = call("submit", "graph.yaml", "--to", "dask", "--queue", "slurm", "--workers", "3", "--dashboard")
    assert said.code == 0
    assert said.out.splitlines()[-1] == f"run     rotonodes submit {clip} --to dask --run --workers=3 --queue=slurm --dashboard"
