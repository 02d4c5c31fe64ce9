"""What is wrong is said in one line for each fault, with its place, at once, and before anything is written."""

import os
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from rotonodes import Graph, run
from rotonodes.errors import GraphError

ROOT = Path(__file__).parents[1]

GOOD = """\
rotonodes: 1
frames: 1-3
nodes:
  plate: {type: LoadFrames, path: "in/a.####.png"}
  crop:  {type: Crop, in: plate, left: 1}
  write: {type: WriteFrames, in: crop, path: "out/a.####.png"}
"""


def lines_of(folder: Path, text: str) -> list[str]:
    """What a graph is refused with; the file is called `g.yaml` in it."""
    (folder / "g.yaml").write_text(text)
    with pytest.raises(GraphError) as caught:
        Graph.load(folder / "g.yaml")
    assert caught.value.exit_code == 2
    return str(caught.value).replace(str(folder) + os.sep, "").splitlines()


def alike(found: list[str], wanted: list[str]) -> bool:
    """Whether lines are as wanted; `*` stands for words that are the type checker's own."""
    assert len(found) == len(wanted), found
    for one, other in zip(found, wanted, strict=True):
        assert one == other or fnmatchcase(one, other)
    return True


def with_crop(crop: str) -> str:
    """The graph with another line for the node `crop`, which stands on line 5."""
    return "\n".join(f"  crop:  {crop}" if line.startswith("  crop") else line for line in GOOD.splitlines()) + "\n"


@pytest.mark.parametrize(
    ("crop", "line"),
    [
        ("{type: Corp, in: plate}", "g.yaml:5:17: crop: unknown type 'Corp' (did you mean 'Crop'?); --nodes FILE.py adds your own"),
        (
            "{type: Zzzzzzz, in: plate}",
            "g.yaml:5:17: crop: unknown type 'Zzzzzzz': `rotonodes nodes` lists them; --nodes FILE.py adds your own",
        ),
        ("{type: Crop.9, in: plate}", "g.yaml:5:17: crop: unknown type 'Crop.9' (did you mean 'Crop'?); --nodes FILE.py adds your own"),
        ("{in: plate}", "g.yaml:5:10: crop: `type:` is missing: which kind of node is it?"),
        ("just a text", "g.yaml:5:10: crop: a node is a mapping with `type:`, as in {type: Crop, in: plate, left: 8}"),
        ("{type: Crop, in: {picture: plate}}", "g.yaml:5:37: crop: Crop has no input 'picture'; it has image"),
        ("{type: Crop, in: {imge: plate}}", "g.yaml:5:34: crop: Crop has no input 'imge' (did you mean 'image'?); it has image"),
        ("{type: Crop, in: plate, lft: 1}", "g.yaml:5:34: crop: Crop has no parameter 'lft' (did you mean 'left'?)"),
        ("{type: Crop, in: plate, image: plate}", "g.yaml:5:34: crop: 'image' is an input, not a parameter: write it under in:"),
        ("{type: Crop, in: plate.alpha}", "g.yaml:5:27: crop: plate has no output 'alpha'; it has image, layers"),
        ("{type: Crop, in: plate.imge}", "g.yaml:5:27: crop: plate has no output 'imge' (did you mean 'image'?); it has image, layers"),
        ("{type: Crop, in: palte}", "g.yaml:5:27: crop: there is no node 'palte' (did you mean 'plate'?)"),
        (
            "{type: Crop, in: plate.layers}",
            "g.yaml:5:27: crop: the input 'image' takes Image or Matte or Labels, but plate.layers is Layers",
        ),
        ("{type: Crop}", "g.yaml:5:10: crop: the input 'image' (Image or Matte or Labels) is missing: link it with in:"),
        ("{type: Crop, in: [plate, plate]}", "g.yaml:5:27: crop: the input 'image' takes one link, not 2"),
        ("{type: Crop, in: 7}", "g.yaml:5:27: crop: a link is `node` or `node.output`, not 7"),
        ("{type: Crop, in: crop}", "g.yaml:5:27: crop: the links form a cycle: crop -> crop"),
        ("{type: Crop, in: plate, left: many}", "g.yaml:5:40: crop: left: must be * not 'many'"),
        ("{type: Crop, in: plate, left: 1.5}", None),
        ("{type: Crop, in: plate, left: [1]}", None),
        ("{type: Crop, in: plate, left: }", "g.yaml:5:40: crop: the parameter 'left' has no value"),
        ("{type: Crop, in: plate, zoom: 0.5}", "g.yaml:5:40: crop: zoom: must be * not 0.5"),
        ("{type: Crop, in: plate, zoom: .nan}", None),
        ("{type: Crop, in: plate, width: 70000, height: 1}", "g.yaml:5:41: crop: width: must be *65536*, not 70000"),
        ("{type: Crop, in: plate, width: 8}", "g.yaml:5:10: crop: `width` and `height` go together: give both or none"),
        ("{type: Crop, in: plate, disable: maybe}", "g.yaml:5:43: crop: disable: is true or false, not 'maybe'"),
        ("{type: Crop, in: plate, left: $far}", "g.yaml:5:40: crop: unknown variable $far; set it under vars: or with --var"),
        ("{type: ./gone.yaml}", None),
        ("{type: ./g.yaml}", "g.yaml:5:17: crop: the graph file ./g.yaml contains itself"),
    ],
)
def test_one_fault_is_one_line(tmp_path: Path, crop: str, line: str | None) -> None:
    found = lines_of(tmp_path, with_crop(crop))
    assert len(found) == 1, found
    assert line is None or alike(found, [line])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD.replace("rotonodes: 1\n", ""), "g.yaml:1:1: the format version is missing: a graph begins with `rotonodes: 1`"),
        (GOOD.replace("rotonodes: 1", "rotonodes: 2"),
         "g.yaml:1:12: this graph is of format 2; this rotonodes reads up to 1: install a newer one"),
        (GOOD.replace("rotonodes: 1", "rotonodes: one"), "g.yaml:1:12: the format version is a number, `rotonodes: 1`, not 'one'"),
        (GOOD.replace("rotonodes: 1", "rotonodes: true"), "g.yaml:1:12: the format version is a number, `rotonodes: 1`, not True"),
        (GOOD.replace("1-3", "1-x"), "g.yaml:2:9: '1-x' is not a frame range: write 1-100, 1-100x2 or 1,5,9-12"),
        (GOOD.replace("frames:", "frame:"),
         "g.yaml:2:1: unknown key 'frame' (did you mean 'frames'?); a graph has rotonodes, frames, vars, nodes, files, inputs, outputs"),
        ("rotonodes: 1\n", "g.yaml:1:1: a graph needs `nodes:`, a mapping of node names"),
        ("rotonodes: 1\nnodes: []\n", "g.yaml:2:8: a graph needs `nodes:`, a mapping of node names"),
        (GOOD.replace("  crop:", "  2crop:").replace("in: crop", "in: plate"),
         "g.yaml:5:3: 2crop: a node's name is letters, digits, _ and -, beginning with a letter"),
        (GOOD.replace("frames:", "vars: {F4: 1}\nframes:"), "g.yaml:2:8: the variable $F4 is taken: it means the frame number or the pass"),
        (GOOD.replace('"out/a.####.png"', "out/a.png"),
         "g.yaml:6:10: write: 3 frames would all be written to 'out/a.png': put #### into the name"),
        (GOOD.replace("####.png\"}\n  crop", "####.png}\n  crop"), None),
    ],
)  # fmt: skip
def test_one_fault_of_the_file_is_one_line(tmp_path: Path, text: str, line: str | None) -> None:
    found = lines_of(tmp_path, text)
    assert len(found) == 1, found
    assert line is None or found == [line]


def test_a_path_with_an_unquoted_hash_is_told_so(tmp_path: Path) -> None:
    text = "rotonodes: 1\nframes: 1-3\nnodes:\n"
    text += "  plate:\n    type: LoadFrames\n    path: ####.png\n  other:\n    type: LoadFrames\n    path: in/a ####.png\n"
    assert lines_of(tmp_path, text) == [
        "g.yaml:6:10: plate: '####.png' is a comment to YAML: put the value in quotes, path: \"...\"",
        "g.yaml:9:11: other: '####.png' is a comment to YAML: put the value in quotes, path: \"...\"",
    ]


def test_a_circle_is_named_and_judged_once(tmp_path: Path) -> None:
    text = GOOD.replace("in: plate, left: 1", "in: b") + "  a: {type: Crop, in: crop}\n  b: {type: Crop, in: a}\n"
    assert lines_of(tmp_path, text) == ["g.yaml:5:27: crop: the links form a cycle: crop -> a -> b -> crop"]


def test_all_faults_at_once_without_those_that_follow(tmp_path: Path) -> None:
    text = """\
rotonodes: 1
frames: 1-3
nodes:
  plate: {type: LoadFrame, path: "in/a.####.png"}
  crop:  {type: Crop, in: plate.image, left: no}
  grade: {type: Grade, in: crop.nothing, gain: 2, gama: 1}
  write: {type: WriteFrames, in: {image: grade, mask: crop}, quality: 200}
  last:  {type: WriteFrames, in: {image: gone}, path: "out/b.####.png"}
"""
    assert alike(lines_of(tmp_path, text), [
        "g.yaml:4:17: plate: unknown type 'LoadFrame' (did you mean 'LoadFrames'?); --nodes FILE.py adds your own",
        "g.yaml:5:46: crop: left: must be * not 'no'",
        "g.yaml:6:51: grade: Grade has no parameter 'gama' (did you mean 'gamma'?)",
        "g.yaml:7:10: write: the parameter 'path' is missing",
        "g.yaml:7:55: write: WriteFrames has no input 'mask'; it has image, layers, extra",
        "g.yaml:7:71: write: quality: must be *100*, not 200",
        "g.yaml:8:42: last: there is no node 'gone'",
    ])  # fmt: skip


ESCAPE = "a backslash in double quotes begins an escape"
SINGLE = f"g.yaml:3:*: not YAML: *; {ESCAPE}: put Windows paths in single quotes, or write /"
CONTROL = f"g.yaml:3:31: a: path: 'C:*enders*ew.####.png' has control characters: {ESCAPE}; put*"
QUOTE = "begins a comment: put it in quotes"
COLOURS = "{highlight: #fff4d6, midtone: #e0a458}"


@pytest.mark.parametrize(
    ("node", "line"),
    [
        (f"{{type: PaintTones, palette: {COLOURS}}}", f"g.yaml:3:46: not YAML: *; '#fff4d6' {QUOTE}"),
        ("{type: SplitParts, colors: [#abc, #000000]}", f"g.yaml:3:34: not YAML: *; '#abc' {QUOTE}"),
        ("{type: LoadFrames, path: ####.png, missing: hold}", f"g.yaml:3:31: not YAML: *; '####.png' {QUOTE}"),
        ("{type: LoadFrame, path: render/####.png}", "g.yaml:3:*: a: unknown type 'LoadFrame' *"),  # no blank before: no comment
        ('{type: LoadFrames, path: "C:\\renders\\new.####.png"}', CONTROL),
        ('{type: LoadFrames, path: "C:\\projects\\a.####.png"}', SINGLE),
        ('{type: LoadFrames, path: "C:\\users\\a.####.png"}', SINGLE),
        ("\n    type: Grade\n    gain:\n      R: #fff4d6\n", "g.yaml:6:7: a: gain: *; '#fff4d6' is a comment to YAML: put it in quotes"),
    ],
)
def test_what_yaml_takes_for_comments_and_escapes(tmp_path: Path, node: str, line: str) -> None:
    found = lines_of(tmp_path, f"rotonodes: 1\nnodes:\n  a: {node}\n")
    assert any(fnmatchcase(one, line.replace("[", "[[]")) for one in found), found
    assert all(one.isprintable() for one in found)


def test_the_command_ends_with_2_and_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(with_crop("{type: Corp, in: plate, left: many}").replace('"out', '"out/x'))
    for command in ("run", "check", "plan"):
        done = cli(tmp_path, command, "g.yaml")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines() == ["g.yaml:5:17: crop: unknown type 'Corp' (did you mean 'Crop'?); --nodes FILE.py adds your own"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.yaml"]


def cli(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_plugin_that_fails_is_named_and_the_rest_works(tmp_path: Path) -> None:
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / "broken.py").write_text("import no_such_module\n")
    (tmp_path / "studio" / "fine.py").write_text(
        'from rotonodes import Image, Node\n\n\nclass Studio(Node):\n    """Fine."""\n\n'
        "    def process(self, image: Image) -> Image:\n        return image\n"
    )
    (tmp_path / "g.yaml").write_text(GOOD.replace("type: Crop, in: plate, left: 1", "type: Studio, in: plate"))
    done = cli(tmp_path, "check", "g.yaml", ROTONODES_PATH=str(tmp_path / "studio"))
    assert done.returncode == 0, done.stderr
    line, lacks = done.stderr.splitlines()
    assert lacks == "warning: g.yaml:4:35: plate: not there: in/a.0001.png and 2 more (frames 1-3)"
    assert "broken.py" in line and "no_such_module" in line


# Frames that cannot be read.


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    """Five frames in `in`, and a graph that crops them."""
    (tmp_path / "in").mkdir()
    for frame in range(1, 6):
        pixels = np.random.default_rng(frame).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / "in" / f"a.{frame:04d}.png")
    (tmp_path / "g.yaml").write_text(GOOD.replace("1-3", "1-5"))
    return tmp_path


def missing(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def no_picture(path: Path) -> None:
    path.write_text("not a picture at all")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def too_small(path: Path) -> None:
    PIL.Image.new("RGB", (1, 1)).save(path)


@pytest.mark.parametrize("spoil", [missing, truncated, no_picture, empty, a_folder, too_small])
@pytest.mark.parametrize("on_error", ["stop", "continue"])
def test_a_frame_that_cannot_be_made_is_told_and_the_others_stay(shot: Path, spoil: Callable[[Path], None], on_error: str) -> None:
    spoil(shot / "in" / "a.0004.png")
    result = run(Graph.load(shot / "g.yaml"), root=str(shot), on_error=on_error, threads=1)
    (failure,) = result.failures
    assert (failure.node, failure.frame) == ("plate", 4)
    assert "\n" not in failure.reason
    assert str(shot / "in" / "a.0004.png") in failure.reason
    assert result.exit_code == 1
    made = {path.name for path in (shot / "out").glob("a.*.png")}
    assert 4 not in {int(name.split(".")[1]) for name in made}
    if on_error == "continue":
        assert made == {f"a.{frame:04d}.png" for frame in (1, 2, 3, 5)}
        assert result.missing == (4,)


def test_the_command_names_node_frame_file_and_reason(shot: Path) -> None:
    no_picture(shot / "in" / "a.0002.png")
    done = cli(shot, "run", "g.yaml", "--on-error", "continue", "--progress", "plain")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    line = next(line for line in done.stderr.splitlines() if "not a picture" in line)
    assert all(word in line.lower() for word in ("plate", "frame 2", "in/a.0002.png"))
    assert len(list((shot / "out").glob("a.*.png"))) == 4


def test_every_gap_of_a_sequence_is_told_at_the_first(shot: Path) -> None:
    for frame in (2, 3):
        missing(shot / "in" / f"a.{frame:04d}.png")
    result = run(Graph.load(shot / "g.yaml"), root=str(shot), threads=1)
    assert "has frames 1-5 without 2-3" in result.failures[0].reason


def test_where_nothing_may_be_written_is_said_once(shot: Path) -> None:
    (shot / "out").write_text("a file where a folder should be")
    done = cli(shot, "run", "g.yaml", "--progress", "none")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "cannot write" in done.stderr and "Traceback" not in done.stderr
