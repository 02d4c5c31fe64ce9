"""`rotonodes evaluate`: what it prints, the graph it shows, and what it refuses in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from conftest import Call, Outcome
from rotonodes.io.pictures import write_labels
from rotonodes.values.pixels import Labels
from rotonodes.values.tones import CLASSES, COLORS

PATHS = ("--prediction", "p/####.png", "--truth", "t/####.png")
ABC = ("--classes", "a,b,c")


def write(path: Path, data: np.ndarray) -> None:
    import torch

    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, data)
    else:
        write_labels(path, Labels(torch.from_numpy(data.astype(np.uint8)), CLASSES, COLORS))


@pytest.fixture
def shot(call: Call, tmp_path: Path) -> Path:
    """Four frames: the truth is three stripes that stand still, the prediction has them one pixel to the right in frame 2."""
    truth = np.repeat(np.array([[0, 1, 2]]), 4, axis=1).repeat(6, axis=0)
    for frame in range(1, 5):
        write(tmp_path / f"t/{frame:04d}.png", truth)
        write(tmp_path / f"p/{frame:04d}.png", np.roll(truth, 1, axis=1) if frame == 2 else truth)
    return tmp_path


def one_line(ended: Outcome, code: int, *texts: str) -> None:
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.count("\n") == 1, ended.err
    for text in texts:
        assert text in ended.err


def test_json_is_one_object(shot: Path, call: Call) -> None:
    ended = call("evaluate", *PATHS, *ABC, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("\n") == 1
    found = json.loads(ended.out)
    assert found["iou"] == {"a": pytest.approx(90 / 102), "b": pytest.approx(90 / 102), "c": pytest.approx(90 / 102)}
    assert found["dice"]["a"] == pytest.approx(180 / 192)
    assert found["mean_dice"] == found["mean_dice_foreground"] == pytest.approx(180 / 192)
    assert found["pixel_accuracy"] == {"a": 90 / 96, "b": 90 / 96, "c": 90 / 96}
    assert found["mean_iou"] == found["mean_iou_foreground"] == pytest.approx(90 / 102)
    assert found["shape_iou"] == pytest.approx(186 / 198)  # of 2 * 96 true pixels six are missed in frame 2, and six are too many
    assert found["mean_pixel_accuracy"] == pytest.approx(90 / 96)
    assert found["confusion"] == [[90, 0, 6], [6, 90, 0], [0, 6, 90]]
    assert found["flicker"] == pytest.approx(36 / 216)
    assert 0.9 < found["boundary_f"] < 1  # the wrapped column is no boundary of the truth
    assert found["frames"] == 4


def test_a_table_for_people(shot: Path, call: Call) -> None:
    ended = call("evaluate", *PATHS)
    assert ended.code == 0
    assert ended.out.splitlines()[0].split() == ["class", "IoU", "Dice", "accuracy", "boundary", "F"]
    assert "mean without background" in ended.out
    assert "shape IoU 0.9394   flicker 0.1667   frames 4" in ended.out.splitlines()
    warned = [f"warning: scores: class {name} is neither in the truth nor predicted" for name in ("midtone", "highlight")]
    assert all(text in ended.err for text in warned)


def test_frames_and_cuts(shot: Path, call: Call) -> None:
    assert json.loads(call("evaluate", *PATHS, *ABC, "-F", "3-4", "--json").out)["mean_iou"] == 1
    cut = json.loads(call("evaluate", *PATHS, *ABC, "--clip-length", "2", "--json").out)
    assert cut["flicker"] == pytest.approx(18 / 144)
    (shot / "t/0002.png").unlink()
    assert call("evaluate", *PATHS, *ABC, "-F", "3-4").code == 0  # only what is scored must be there


def test_arrays(shot: Path, call: Call) -> None:
    for frame in range(1, 5):
        with PIL.Image.open(shot / f"p/{frame:04d}.png") as picture:
            np.save(shot / f"p/{frame:04d}.npy", np.array(picture).astype(np.int64))
    pictures = call("evaluate", *PATHS, *ABC, "--json")
    arrays = call("evaluate", "--prediction", "p/####.npy", "--truth", "t/####.png", *ABC, "--json")
    assert json.loads(arrays.out) == json.loads(pictures.out)


def test_grey_values(shot: Path, call: Call) -> None:
    wanted = json.loads(call("evaluate", *PATHS, *ABC, "--json").out)
    for name in "tp":
        for file in sorted((shot / name).glob("*.png")):
            with PIL.Image.open(file) as picture:
                grey = np.array([200, 40, 80], np.uint8)[np.array(picture)]
            PIL.Image.fromarray(grey).save(shot / name / f"g{file.name}")
    grey = ("--prediction", "p/g####.png", "--truth", "t/g####.png")
    assert json.loads(call("evaluate", *grey, *ABC, "--values", "200,40,80", "--json").out) == wanted
    mixed = ("--prediction", "p/####.png", "--truth", "t/g####.png")
    assert json.loads(call("evaluate", *mixed, *ABC, "--truth-values", "200,40,80", "--json").out) == wanted
    one_line(call("evaluate", *mixed, *ABC), 1, "truth", "t/g0001.png: value 40, 80, 200 is no class (first at x 0, y 0)")


def test_an_ignored_class(shot: Path, call: Call) -> None:
    found = json.loads(call("evaluate", *PATHS, *ABC, "--ignore", "a", "--json").out)
    assert found["iou"]["a"] is None
    assert found["confusion"][0] == [0, 0, 0]


def test_means_with_the_background_and_without(shot: Path, call: Call) -> None:
    """Row E6: where there are several classes, Dice is also told without the first of them."""
    for frame in range(1, 5):
        write(shot / f"p/{frame:04d}.png", np.where(np.arange(12) < 4, 0, 1)[None].repeat(6, axis=0))  # c is never predicted
    found = json.loads(call("evaluate", *PATHS, *ABC, "--json").out)
    assert found["dice"] == {"a": 1, "b": pytest.approx(2 / 3), "c": 0}
    assert found["mean_dice"] == pytest.approx(5 / 9)
    assert found["mean_dice_foreground"] == pytest.approx(1 / 3)
    row = next(line for line in call("evaluate", *PATHS, *ABC).out.splitlines() if line.startswith("mean without a "))
    assert row.split()[4] == "0.3333"


def test_files_besides(shot: Path, call: Call) -> None:
    for _ in range(2):  # they are written anew
        ended = call("evaluate", *PATHS, *ABC, "--worst", "look/worst.png", "-o", "scores.json", "--json")
        assert ended.code == 0
        assert json.loads((shot / "scores.json").read_text()) == json.loads(ended.out)
        with PIL.Image.open(shot / "look/worst.png") as sheet:
            assert min(sheet.size) > 160
    assert not (shot / ".rotonodes").exists()


def test_classes_may_be_counted(shot: Path, call: Call) -> None:
    found = json.loads(call("evaluate", *PATHS, "--classes", "3", "--json").out)
    assert list(found["iou"]) == ["background", "class1", "class2"]
    assert list(found["iou"].values()) == list(json.loads(call("evaluate", *PATHS, *ABC, "--json").out)["iou"].values())


def test_single_files(shot: Path, call: Call) -> None:
    ended = call("evaluate", "--prediction", "p/0002.png", "--truth", "t/0001.png", *ABC, "--json")
    assert json.loads(ended.out)["confusion"][0] == [18, 0, 6]
    assert json.loads(ended.out)["flicker"] is None


def test_the_graph_that_is_shown_can_be_run(shot: Path, call: Call) -> None:
    arguments = (*PATHS, "--classes", "yes,1e-4,c", "--clip-length", "2", "--ignore", "c", "-o", "scores.json")
    shown = call("evaluate", *arguments, "--print-graph")
    assert (shown.code, shown.err) == (0, "")
    assert not (shot / "scores.json").exists()
    (shot / "graph.yaml").write_text(shown.out)
    assert call("check", "graph.yaml").code == 0
    assert call("run", "graph.yaml", "--cache", "none").code == 0
    by_graph = json.loads((shot / "scores.json").read_text())
    assert by_graph == json.loads(call("evaluate", *arguments, "--json").out)
    assert list(by_graph["iou"]) == ["yes", "1e-4", "c"]


def test_a_dollar_in_a_name_is_no_variable(shot: Path, call: Call) -> None:
    (shot / "p").rename(shot / "$p")
    ended = call("evaluate", "--prediction", "$p/$F4.png", "--truth", "t/%04d.png", *ABC, "--json")
    assert ended.code == 0, ended.err


# What is refused.


def test_a_missing_frame(shot: Path, call: Call) -> None:
    (shot / "t/0003.png").unlink()
    one_line(call("evaluate", *PATHS, *ABC, "--json"), 2, "t/0003.png: no such file", "truth has 3 files, prediction 4")


def test_more_frames_on_one_side(shot: Path, call: Call) -> None:
    for frame in (5, 6):
        shutil.copy(shot / "p/0001.png", shot / f"p/{frame:04d}.png")
    one_line(call("evaluate", *PATHS, *ABC), 2, "t/0005.png: no such file, nor any for frame 6; truth has 4 files, prediction 6; ")
    shutil.copy(shot / "p/0001.png", shot / "p/0008.png")
    ended = call("evaluate", *PATHS, *ABC)
    told = "t/0005.png: no such file, nor any for frames 6,8; truth has 4 files, prediction 7; to score only the common frames: -F 1-4"
    assert ended.err == f"error: {told}\n"
    assert call("evaluate", *PATHS, *ABC, *ended.err.split()[-2:]).code == 0


def test_another_size(shot: Path, call: Call) -> None:
    write(shot / "p/0003.png", np.zeros((5, 5), int))
    one_line(call("evaluate", *PATHS, *ABC), 1, "p/0003.png: it is 5 x 5, but the sequence is 12 x 6")
    for frame in (1, 2, 4):
        write(shot / f"p/{frame:04d}.png", np.zeros((5, 5), int))
    one_line(call("evaluate", *PATHS, *ABC), 2, "p/0001.png is 5 x 5, but t/0001.png is 12 x 6")


@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_a_value_that_is_no_class(shot: Path, call: Call, suffix: str) -> None:
    for frame in range(1, 5):
        data = np.zeros((6, 12), int)
        data[3, 7] = 4 if frame == 2 else 0
        write(shot / f"p/{frame:04d}.{suffix}", data)
    ended = call("evaluate", "--prediction", f"p/####.{suffix}", "--truth", "t/####.png", *ABC, "--json")
    one_line(ended, 1, f"p/0002.{suffix}: value 4 is no class (first at x 7, y 3); the classes are 0, 1, 2")


def test_a_damaged_file(shot: Path, call: Call) -> None:
    (shot / "t/0001.png").write_bytes(b"nothing")
    one_line(call("evaluate", *PATHS, *ABC), 1, "t/0001.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes", "a,,c"], "--classes a,,c: separate the items by commas"),
        (["--classes", "1"], "--classes 1: 2 to 256 classes; the background is one of them"),
        (["--classes", "a,b,a"], "--classes a,b,a: 1 to 256 names, each once"),
        (["--classes", "a,b,c", "--values", "1,2"], "--values 1,2: 2 values for 3 classes"),
        (["--classes", "a,b,c", "--values", "1,2,x"], "--values 1,2,x: write whole numbers"),
        (["--classes", "a,b,c", "--truth-values", "1,1,2"], "--truth-values 1,1,2: 3 values for 3 classes"),
        (["--ignore", "d"], "--ignore d: there is no such class"),
        (["--prediction", "q/####.png"], "--prediction q/####.png: there is no such file; check the path"),
        (["--prediction", "pp/####.png"], "--prediction pp/####.png: there is no such file (did you mean 'p'?); check the path"),
        (["--truth", "u.png"], "--truth u.png: there is no such file; name a file, a folder, or a sequence with a frame token"),
        (["--truth", "empty"], "there are no pictures in empty"),
        (["--alpha", "--classes", "a,b,c"], "--classes is for labels: remove it, or --alpha"),
        (["p", "t"], "p t: give two paths, PREDICTION TRUTH, or the options"),
        (["--truth", "t/0001.png"], "--truth t/0001.png is one file for 4 frames"),
        (["-F", "1..4"], "'1..4' is not a frame range"),
        (["-F", "9"], "p/0009.png: no such file"),
        (["--worst", "a.pgn"], "cannot write .pgn"),
        (["--worst", "a.png", "-o", "a.png"], "are both 'a.png'"),
    ],
)
def test_what_is_wrong_before_any_frame(shot: Path, call: Call, arguments: list[str], message: str) -> None:
    (shot / "empty").mkdir()
    one_line(call("evaluate", *PATHS, *arguments), 2, message)


def test_usage(call: Call) -> None:
    assert "Missing option '--truth'" in call("evaluate", "--prediction", "a.png").err
    assert call("evaluate", *PATHS, "--clip-length", "-1").code == 2


# Folders.


def test_two_folders(shot: Path, call: Call) -> None:
    """Folders that hold one sequence each are paired by frame numbers, whatever their names and extensions; so are wildcards."""
    wanted = json.loads(call("evaluate", *PATHS, *ABC, "--json").out)
    for arguments in (["p", "t"], ["--prediction", "p", "--truth", "t"], ["p/*.png", "t"], ["p/####.png", "t"], ["p", "t/*"]):
        ended = call("evaluate", *arguments, *ABC, "--json")
        assert (ended.code, ended.err) == (0, "")
        assert json.loads(ended.out) == wanted
    for file in sorted((shot / "t").iterdir()):
        file.rename(file.with_name(f"shot2.{int(file.stem)}{file.suffix}"))
    assert json.loads(call("evaluate", "p", "t", *ABC, "--json").out) == wanted
    (shot / "t/shot2.3.png").unlink()
    one_line(call("evaluate", "p", "t", *ABC), 2, "t/shot2.3.png: no such file; truth has 3 files, prediction 4; to score only the common")


def test_folders_of_names(shot: Path, call: Call) -> None:
    """Pictures of any names are paired by them; what has no partner is said. They are no clip, so nothing flickers."""
    wanted = json.loads(call("evaluate", *PATHS, *ABC, "--clip-length", "1", "--json").out)
    for name in "pt":
        for file, stem in zip(sorted((shot / name).iterdir()), ("cat", "dog", "a1", "b.v2"), strict=True):
            file.rename(file.with_stem(stem))
    assert json.loads(call("evaluate", "p", "t", *ABC, "--json").out) == wanted
    for file in sorted((shot / "p").iterdir()):
        shutil.copy(file, file.with_stem(f"{file.stem}_viz"))
        np.save(file.with_suffix(".npy"), np.array(PIL.Image.open(file)))
        file.rename(file.with_stem(f"{file.stem}_mask"))
    assert json.loads(call("evaluate", "p/*_mask.png", "t", *ABC, "--json").out) == wanted
    ended = call("evaluate", "p", "t", *ABC, "--json")  # by the arrays
    assert json.loads(ended.out) == wanted
    assert ended.err == "8 files of p without a true file not scored, as p/a1_mask.png\n"
    (shot / "p/cat.npy").unlink()
    one_line(call("evaluate", "p", "t", *ABC), 2, "p: 1 of 4 true files have no prediction: cat.png")
    one_line(call("evaluate", "p/####.png", "t", *ABC), 2, "p/####.png: its partner is paired by name; name a folder, or a wildcard")
    one_line(call("evaluate", "p", "t/####.png", *ABC), 2, "--truth t/####.png: the prediction is paired by name; name a folder")


@pytest.fixture
def mattes(shot: Path) -> Path:
    ramp = np.linspace(0, 255, 144).reshape(12, 12).astype(np.uint8)
    for name, shift in (("soft", 10), ("true", 0)):
        (shot / name).mkdir()
        for frame in (1, 2):
            PIL.Image.fromarray(np.clip(ramp.astype(int) + shift, 0, 255).astype(np.uint8)).save(shot / f"{name}/{frame:03d}.png")
    return shot


def test_mattes(mattes: Path, call: Call) -> None:
    found = json.loads(call("evaluate", "soft", "true", "--alpha", "--json").out)
    assert (found["frames"], list(found["by_frame"])) == (2, ["1", "2"])
    assert found["mae"] == pytest.approx(9.6 / 255, rel=0.02)
    table = call("evaluate", "soft", "true", "--alpha", "-o", "m.json")
    assert table.out.splitlines()[1] == f"MAE {found['mae']:.4f}   max F {found['max_f']:.4f}   frames 2"
    assert json.loads((mattes / "m.json").read_text()) == found


def test_mattes_taken_for_labels_name_what_fits(mattes: Path, call: Call) -> None:
    ended = call("evaluate", "soft", "true")
    one_line(ended, 1, "is no class", "soft mattes: LoadMattes, EvaluateMatte (evaluate --alpha)")


@pytest.mark.parametrize(
    ("node", "line"),
    [("EvaluateLabels, in: {prediction: a, truth: b}", "shape IoU "), ("EvaluateMatte, in: {matte: c, truth: d}", "MAE 0.0")],
)
def test_run_prints_scores_without_a_path(mattes: Path, call: Call, node: str, line: str) -> None:
    """Row 20: on stdout, each time; on stderr where a program reads stdout; and not when quiet."""
    (mattes / "g.yaml").write_text(
        "rotonodes: 1\nframes: 1-2\nnodes:\n"
        "  a: {type: LoadLabels, path: p/####.png}\n  b: {type: LoadLabels, path: t/####.png}\n"
        "  c: {type: LoadMattes, path: soft/###.png}\n  d: {type: LoadMattes, path: true/###.png}\n"
        f"  scores: {{type: {node}}}\n"
    )
    for _ in range(2):
        ended = call("run", "g.yaml", "-X", "scores")
        assert ended.code == 0
        assert ended.out.startswith("scores:\n") and line in ended.out
    ended = call("run", "g.yaml", "-X", "scores", "--progress", "json")
    assert line not in ended.out and line in ended.err
    assert call("run", "g.yaml", "-X", "scores", "-q").out == ""
