"""The script for Cinema 4D, with a stand-in for `c4d`: the names are those of the public SDK, the numbers where it states them."""

import ast
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import Call
from rotonodes.hosts.cinema4d import rotonodes_for_cinema4d as script
from rotonodes.imaging.passes.spellings import canonical

SHOT = Path(__file__).parents[1] / "examples" / "shots" / "c4d"


class Multipass(dict[int, Any]):
    """`BaseList2D`: a multipass object and its data."""

    after: "Multipass | None" = None

    def GetDataInstance(self) -> "Multipass":
        return self

    def GetNext(self) -> "Multipass | None":
        return self.after


class RenderData(dict[str, Any]):
    """`RenderData`: settings, and a list of multipasses with the newest first."""

    first: Multipass | None = None

    def GetFirstMultipass(self) -> Multipass | None:
        return self.first

    def InsertMultipass(self, made: Multipass) -> None:
        made.after, self.first = self.first, made

    def types(self) -> list[int]:
        found, one = [], self.first
        while one is not None:
            found.append(one[0])
            one = one.after
        return found


WORDS = ["ENABLE", "SAVEIMAGE", "SAVEONEFILE", "SUFFIX", "USERNAMES", "SAVEFORMAT", "SAVEDEPTH", "FILENAME"]
C4D = SimpleNamespace(
    VPBUFFER_RGBA=1, VPBUFFER_AMBIENT=2, VPBUFFER_DIFFUSE=3, VPBUFFER_SPECULAR=4, VPBUFFER_SHADOW=5, VPBUFFER_REFLECTION=6,
    VPBUFFER_DEPTH=100, VPBUFFER_MAT_COLOR=101, VPBUFFER_ILLUMINATION=109, MULTIPASSOBJECT_TYPE=0, Zmultipass="multipass",
    FILTER_PNG=1023671, RDATA_FORMATDEPTH_16="16", RDATA_NAMEFORMAT="format", RDATA_NAMEFORMAT_6="name0000.tif",
    BaseList2D=lambda kind: Multipass(), **{f"RDATA_MULTIPASS_{word}": word for word in WORDS},
)  # fmt: skip


def test_the_settings_ask_for_one_picture_a_pass() -> None:
    data = RenderData()
    added = script.set_up(C4D, data)
    assert added == [constant for constant, _ in script.PASSES]
    assert sorted(data.types()) == [1, 3, 4, 5, 100, 101, 109]
    assert data == {
        "ENABLE": True, "SAVEIMAGE": True, "SAVEONEFILE": False, "SUFFIX": True, "USERNAMES": False, "SAVEFORMAT": 1023671,
        "SAVEDEPTH": "16", "format": "name0000.tif",
    }  # fmt: skip


def test_passes_that_are_there_stay_and_are_not_added_twice() -> None:
    data = RenderData()
    for kind in (6, 5):
        made = Multipass()
        made[0] = kind
        data.InsertMultipass(made)
    assert "VPBUFFER_SHADOW" not in script.set_up(C4D, data) and data.types().count(5) == 1 and 6 in data.types()
    assert script.set_up(C4D, data) == []


def test_every_pass_has_a_usual_name() -> None:
    usual = {constant: canonical(word) for constant, word in script.PASSES}
    assert usual == {
        "VPBUFFER_RGBA": "Combined", "VPBUFFER_DIFFUSE": "DiffDir", "VPBUFFER_SPECULAR": "GlossDir", "VPBUFFER_SHADOW": "Shadow",
        "VPBUFFER_ILLUMINATION": "Illum", "VPBUFFER_MAT_COLOR": "MatColor", "VPBUFFER_DEPTH": "Depth",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "name"), [("shot.c4d", "shot"), ("Cube1.c4d", "Cube1_roto"), ("", "untitled"), ("two words.v3.c4d", "two words.v3_roto")]
)
def test_names_do_not_end_in_a_digit(document: str, name: str) -> None:
    assert script.output_name(document) == name


def test_its_command_flattens_its_files(call: Call, tmp_path: Path) -> None:
    renders = tmp_path / "my $shot"
    renders.mkdir()
    for word in ("rgba", "matcolor", "illum", "shadow", "specular"):
        for frame in (1, 2):
            source = SHOT / (f"Cube1_{frame:04d}.png" if word == "rgba" else f"Cube1_{word}{frame:04d}.png")
            shutil.copy(source, renders / f"Cube1_roto_{word}{frame:04d}.png")
    assert script.rendered(str(renders), "Cube1_roto") == [1, 2]
    told = call(*script.arguments(str(renders), "Cube1_roto", "out"))
    assert told.code == 0, told.err
    assert "tones from Cinema 4D's passes" in told.err
    names = {path.name for path in (tmp_path / "out").rglob("*.*")}
    assert names == {"Cube1_roto.gif", "Cube1_roto.0001.png", "Cube1_roto.0002.png"}


def test_nothing_is_rendered_yet(tmp_path: Path) -> None:
    assert script.rendered(str(tmp_path / "none"), "shot") == [] == script.rendered(str(tmp_path), "shot")


def test_it_is_python_that_the_oldest_cinema_4d_reads() -> None:
    """R20 has Python 2.7: no f-strings, annotations, walrus, keyword-only arguments, and only ASCII."""
    text = Path(script.__file__).read_text(encoding="ascii")
    for node in ast.walk(ast.parse(text)):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr | ast.AsyncFunctionDef | ast.Match)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None and not node.args.kwonlyargs and all(one.annotation is None for one in node.args.args)
