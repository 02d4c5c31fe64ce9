"""Graphs as jobs of render farms: steps, bundles, and what cannot be a job."""

import json
import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conftest import Call
from rotonodes import __version__
from rotonodes.farm import slurm
from rotonodes.farm.job import load_job
from rotonodes.values.frames import parse_frames, part_of, range_text

ROOT = Path(__file__).parent.parent
TRAIN = f"""
rotonodes: 1
frames: 1-24
vars: {{shot: {ROOT}/examples/shots/torus}}
nodes:
  render: {{type: LoadFrames, path: "$shot/render.####.exr"}}
  passes: {{type: MultipassDecode, in: render.layers, passes: [Combined]}}
  truth:  {{type: TonesFromPasses, in: render.layers}}
  train:  {{type: TrainUNet, in: {{image: passes.Combined, labels: truth}}, frames: "1-2", steps: 2, batch: 2, crop: 32, widths: [4, 8]}}
  roto:   {{type: UNetSegment, in: {{image: passes.Combined, model: train}}}}
  paint:  {{type: PaintTones, in: {{probabilities: roto.probabilities}}, palette: {{highlight: "#fff4d6"}}}}
  comp:   {{type: Composite, in: {{fg: paint, bg: passes.Combined}}}}
  gif:    {{type: WriteGIF, in: comp, path: "out/t.gif"}}
  png:    {{type: WriteFrames, in: comp, path: "out/t.####.png"}}
"""


@pytest.fixture
def training(tmp_path: Path, call: Call) -> Path:
    (tmp_path / "graph.yaml").write_text(TRAIN)
    return tmp_path / ".rotonodes/jobs/graph"


def bundle(folder: Path) -> dict:
    return yaml.safe_load((folder / "template.yaml").read_text())


@given(st.lists(st.integers(-50, 200), unique=True, min_size=1, max_size=40))
def test_a_range_names_its_frames_in_their_order(frames: list[int]) -> None:
    assert parse_frames(range_text(frames)) == tuple(frames)


def test_ranges_are_written_as_farms_read_them() -> None:
    assert range_text(range(1, 101)) == "1-100"
    assert range_text([1, 3, 5, 9, 11]) == "1-5:2,9,11"
    assert range_text([-3, -2, -1, 4]) == "-3--1,4"
    assert range_text(range(1, 1_000_001)) == "1-1000000"


def test_a_training_is_one_task_that_frames_wait_for(training: Path, call: Call) -> None:
    assert call("submit", "graph.yaml", "--to", "openjd", "--chunk", "5").code == 0
    job = load_job(training, __version__)
    assert [(s.name, s.nodes, s.frames, s.count, s.chunks, s.after) for s in job.steps] == [
        ("train", ("train.model",), "", 0, False, ()),
        ("frames", ("png", "roto.probabilities"), "1-24", 24, True, ("train",)),
        ("gif", ("gif",), "1-24", 0, False, ("frames",)),
    ]
    assert [(s.network, s.shared) for s in job.steps] == [(True, True), (True, False), (False, False)]


def test_the_bundle_is_what_open_job_description_reads(training: Path, call: Call) -> None:
    pytest.importorskip("openjd.model", reason="openjd-model is not installed: pip install 'rotonodes[farm]'")
    from openjd.model import create_job, decode_job_template, preprocess_job_parameters
    from openjd.model._types import ParameterValue, ParameterValueType

    said = call("submit", "graph.yaml", "--to", "openjd", "--chunk", "5", "--chunk-seconds", "60")
    assert said.code == 0
    template = decode_job_template(template=bundle(training), supported_extensions=["TASK_CHUNKING"])
    values = {v["name"]: str(v["value"]) for v in yaml.safe_load((training / "parameter_values.yaml").read_text())["parameterValues"]}
    ready = preprocess_job_parameters(
        job_template=template, job_parameter_values=values, job_template_dir=training, current_working_dir=training
    )
    assert {name: value.value for name, value in ready.items()} == values
    assert all(isinstance(value, ParameterValue) and value.type in ParameterValueType for value in ready.values())
    made = create_job(job_template=template, job_parameter_values=ready)
    assert [step.name for step in made.steps] == ["train", "frames", "gif"]
    assets = yaml.safe_load((training / "asset_references.yaml").read_text())["assetReferences"]
    assert assets["inputs"]["directories"] == [f"{ROOT}/examples/shots/torus"]
    assert assets["inputs"]["filenames"] == [str(training.parents[2] / "graph.yaml")]
    assert str(training.parents[2] / "out") in assets["outputs"]["directories"]
    words = shlex.split(said.out.splitlines()[-1])
    assert words[2:5] == ["-m", "openjd", "run"]
    assert not (training.parents[2] / "out").exists()  # a dry run makes no pixels


def test_a_gpu_is_asked_for_where_a_network_runs(training: Path, call: Call) -> None:
    def gpus() -> list[int]:
        steps = bundle(training)["steps"]
        return [sum(a["min"] for a in step["hostRequirements"]["amounts"] if a["name"] == "amount.worker.gpu") for step in steps]

    call("submit", "graph.yaml", "--to", "openjd")
    assert gpus() == [0, 0, 0]
    call("submit", "graph.yaml", "--to", "openjd", "--device", "cuda", "--gpus", "2")
    assert gpus() == [2, 1, 0]
    train = bundle(training)["steps"][0]["script"]["actions"]["onRun"]
    assert train["args"][:4] == ["-m", "rotonodes.machine.launch_torchrun", "2", "run"]


def test_whole_clips_wait_for_the_network_even_where_no_frames_are_written(training: Path, call: Call) -> None:
    assert call("submit", "graph.yaml", "--to", "openjd", "-X", "gif", "--set", "roto.weights=weights/tones.safetensors").code == 2
    text = (training.parents[2] / "graph.yaml").read_text()
    (training.parents[2] / "graph.yaml").write_text(text.replace(", model: train}}", "}, weights: weights/tones.safetensors}"))
    assert call("submit", "graph.yaml", "--to", "openjd", "-X", "gif").code == 0
    assert [(s.name, s.nodes, s.chunks, s.after) for s in load_job(training, __version__).steps] == [
        ("roto", ("roto.probabilities",), True, ()),
        ("gif", ("gif",), False, ("roto",)),
    ]


def test_frames_from_disk_are_fixed_by_the_job(training: Path, call: Call) -> None:
    call("submit", "graph.yaml", "--to", "openjd", "--set", "frames=auto", "-F", "1-4")
    job = load_job(training, __version__)
    assert job.options[:2] == ("--set=frames=auto", "--set=frames=1-24")
    fixed = job.options[2 : job.options.index("--sandbox")]
    assert [option.rpartition("=")[0] for option in fixed] == ["--set=roto.precision"]  # whatever this machine does best
    assert job.frames == "1-4"


def test_many_frames_stay_one_range(swatches: Call, tmp_path: Path) -> None:
    assert swatches("submit", "--to", "openjd", "--set", "frames=1-20000").code == 0
    folder = tmp_path / ".rotonodes/jobs/graph"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 10_000


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-F", "5-9"], "error: -F: frames 7-9 are not in the graph; the graph has frames 1-6: --set frames=RANGE names others"),
        (["--chunk", "0"], "error: --chunk 0: a chunk has at least one frame"),
        (["--gpus", "0"], "error: --gpus 0: give at least 1"),
        (["--device", "auto"], "error: --device auto: a job runs on cpu or on cuda, on every machine alike"),
        (["--cache", "none"], "error: --cache none: the tasks of a job hand over through the cache; name a folder that all machines share"),
        (["--set", "png.path=/elsewhere/s.####.png"], "png: /elsewhere/s.####.png lies outside of --root ., the folder that all"),
        (["--set", "png.path=../s.####.png"], "png: ../s.####.png lies outside of --root ., the folder that all"),
        (["--root", "nowhere"], "error: --root nowhere: there is no such folder"),
        (["--set", "mean.path=out/{{x}}.txt"], "error: --set=mean.path=out/{{x}}.txt: a job template cannot hold '{{'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_a_job_is_one_line(arguments: list[str], line: str, swatches: Call, tmp_path: Path) -> None:
    found = swatches("submit", "--to", "openjd", *arguments)
    assert (found.code, found.out) == (2, "")
    assert line in found.err
    assert found.err.count("\n") == 1
    assert not (tmp_path / ".rotonodes").exists()


def test_folders_that_are_no_jobs(swatches: Call, call: Call, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    assert "jobs: not the folder of a job: it has no rotonodes.json" in call("submit", "jobs", "--to", "openjd").err
    swatches("submit", "--to", "openjd", "-o", "jobs/a")
    assert call("submit", "jobs/a", "--to", "openjd").code == 0
    file = tmp_path / "jobs/a/rotonodes.json"
    good = json.loads(file.read_text())
    file.write_text(json.dumps({**good, "version": "0.0.9"}))
    older = call("submit", "jobs/a", "--to", "openjd", "--run")
    assert (older.code, older.out) == (2, "")
    assert older.err.startswith("error: jobs/a: written by rotonodes 0.0.9, this is ")
    file.write_text("{")
    assert "rotonodes.json: damaged" in call("submit", "jobs/a", "--to", "openjd").err


def test_an_engine_that_is_not_installed(swatches: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.extras.has_library", lambda module: False)
    assert swatches("submit", "--to", "openjd").code == 0  # writing a bundle needs no library
    found = swatches("submit", "--to", "openjd", "--run")
    assert (found.code, found.out) == (2, "")
    assert found.err == 'error: --to openjd --run needs openjd-cli, which is not installed: pip install "rotonodes[farm]"\n'


@pytest.mark.parametrize("count", [1, 5, 6, 7, 100])
@pytest.mark.parametrize("parts", [1, 2, 6, 7])
def test_parts_are_all_frames_once(count: int, parts: int) -> None:
    frames = tuple(range(10, 10 + count))
    made = [part_of(frames, f"{number}/{parts}") for number in range(1, parts + 1)]
    assert tuple(frame for part in made for frame in part) == frames
    assert max(map(len, made)) - min(map(len, made)) <= 1


def test_a_run_of_one_part(swatches: Call, tmp_path: Path) -> None:
    assert swatches("run", "-X", "png", "--part", "2/3").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["s.0003.png", "s.0004.png"]
    beyond = swatches("run", "-X", "png", "-F", "1-2", "--part", "1/3")
    assert (beyond.code, beyond.err) == (0, "nothing to do: part 1/3 has no frames\n")
    failed = swatches(
        "run", "-X", "png", "--part", "3/3", "--set", "swatch.bad=[6]", "--force", "--on-error", "continue", "--progress", "json"
    )
    again = json.loads(failed.out.splitlines()[-1])["again"]
    assert failed.code == 1
    assert "-F 6 " in again
    assert "--part" not in again


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--part", "2/3"], "error: --part 2/3: mean writes the whole clip: make it in a task of its own (-X mean), and others with -X\n"),
        (["--part", "4/3", "-X", "png"], "error: --part: '4/3' is not a part: write K/N with K from 1 to N, as in 3/10\n"),
        (["--part", "two", "-X", "png"], "error: --part: 'two' is not a part: write K/N with K from 1 to N, as in 3/10\n"),
        (
            ["--part", "1/3", "-X", "png", "--set", "frames=auto"],
            "error: --part 1/3: of which frames? name them with -F or --set frames=1-100\n",
        ),
    ],
    ids=["whole clip", "beyond", "no part", "no frames"],
)
def test_what_is_no_part_is_one_line(arguments: list[str], line: str, swatches: Call, tmp_path: Path) -> None:
    found = swatches("run", *arguments)
    assert (found.code, found.out, found.err) == (2, "", line)
    assert not (tmp_path / "out").exists()


def test_slurm_gets_an_array_for_each_step(training: Path, call: Call) -> None:
    said = call("submit", "graph.yaml", "--to", "slurm", "--chunk", "5", "--cpus", "2", "--device", "cuda")
    assert said.code == 0
    commands = [shlex.split(line.removeprefix("run")) for line in said.out.splitlines() if line.startswith("run ")]
    assert [words[-2:] for words in commands] == [[str(training / f"slurm/{name}.sh"), "0"] for name in ("1-train", "2-frames", "3-gif")]
    assert [word for words in commands for word in words if word.startswith("--array")] == ["--array=1", "--array=1-5", "--array=1"]
    assert "--dependency=afterok:JOB_OF_train" in commands[1]
    assert all("--cpus-per-task=2" in words and "--requeue" in words for words in commands)
    assert ["--gres=gpu:1" in words for words in commands] == [True, True, False]
    script = (training / "slurm/2-frames.sh").read_text()
    assert script.splitlines()[-1].startswith("exec ")
    assert '"--part=$(($1 + SLURM_ARRAY_TASK_ID))/5"' in script


def test_steps_of_many_tasks_become_several_arrays(training: Path, call: Call) -> None:
    call("submit", "graph.yaml", "--to", "openjd", "--chunk", "1")
    made = [
        words
        for step, words in slurm.commands(load_job(training, __version__), training, {"frames": ["7", "8"]}, 10)
        if step.name != "train"
    ]
    assert [word for words in made for word in words if word.startswith("--array")] == [
        "--array=1-10",
        "--array=1-10",
        "--array=1-4",
        "--array=1",
    ]
    assert [words[-1] for words in made] == ["0", "10", "20", "0"]
    assert "--dependency=afterok:7:8" in made[-1]


def test_no_slurm_here(swatches: Call, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    found = swatches("submit", "--to", "slurm", "--run")
    assert found.code == 2
    assert (
        found.err
        == "error: --to slurm needs sbatch, which is not here: apt-get install slurm-client, or submit on a machine of the cluster\n"
    )
    assert call("cancel", ".rotonodes/jobs/graph").err == found.err
    assert "not there yet: mean and frames 1-6" in call("status", ".rotonodes/jobs/graph").out
