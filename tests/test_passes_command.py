"""`rotonodes passes`: what is in a render, and how a render is named on a command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from conftest import Call
from rotonodes.cli.jobs.render_files import find_render
from rotonodes.imaging.passes.contents import read_contents
from test_cryptomatte import crypto_planes, header, with_layers, write

SHOTS = Path(__file__).parents[1] / "examples" / "shots"


def test_shares_are_the_mean_coverage() -> None:
    layers, cover = with_layers()
    (found,) = read_contents(layers).cryptomattes
    names = json.loads(next(v for k, v in layers.metadata.items() if k.endswith("/manifest")))
    shares = {one.name: one.share for one in found.objects}
    assert shares == pytest.approx(dict(zip(names, cover.mean(axis=(1, 2)).tolist(), strict=True)))
    assert [one.share for one in found.objects] == sorted(shares.values(), reverse=True)
    assert not any(one.share for one in read_contents(layers, shares=False).cryptomattes[0].objects)


def test_ids_without_a_name_are_counted_together(tmp_path: Path) -> None:
    planes, cover = crypto_planes("v.CryptoObject", ("hero", "villain"))
    layers = write(tmp_path / "a.exr", {**planes, "v.Combined.R": np.zeros((4, 8), np.float32)}, header("v.CryptoObject", ("hero",)))
    shares = {one.name: one.share for one in read_contents(layers).cryptomattes[0].objects}
    assert shares == pytest.approx({"hero": cover[0].mean(), "": cover[1].mean()})


def test_a_cryptomatte_that_cannot_be_read_does_not_hide_the_rest(tmp_path: Path, call: Call) -> None:
    planes, _ = crypto_planes("v.CryptoObject", ("hero",))
    attributes = header("v.CryptoObject", ("hero",)) | header("v.CryptoMaterial", ("clay",), number=1)
    write(tmp_path / "a.exr", {**planes, "v.Combined.R": np.zeros((4, 8), np.float32)}, attributes)
    told = call("passes", "a.exr")
    assert told.code == 0
    assert "cryptomatte v.CryptoObject: 1 name, 1 in this frame" in told.out
    assert "v.CryptoMaterial" in told.out.splitlines()[-1] and "no channel" in told.out.splitlines()[-1]


def test_the_text_names_passes_objects_and_gaps(tmp_path: Path, call: Call) -> None:
    for frame in (1, 2, 4):
        shutil.copy(SHOTS / "monkey" / f"render.{frame:04d}.exr", tmp_path)
    told = call("passes", ".")
    lines = told.out.splitlines()
    assert lines[0].endswith("render.0001.exr: 256 x 256")
    assert "3 frames on disk, 1-2,4, without 3" in lines[1]
    assert any(line.split() == ["Diffuse", "Direct", "=", "DiffDir", "R", "G", "B", "half"] for line in lines)
    assert any(line.split() == ["17.62%", "shape_monkey"] or line.endswith("shape_monkey") for line in lines)


def test_json_has_the_same(call: Call) -> None:
    told = call("passes", str(SHOTS / "monkey" / "render.####.exr"), "-F", "2", "--json")
    data = json.loads(told.out)
    assert data["frames"] == "1-16" and data["missing"] is None and data["file"].endswith("render.0002.exr")
    assert data["layers"] == ["Beauty", "Label"] and data["size"] == [256, 256]
    assert {
        "layer": "Beauty",
        "name": "Diffuse Direct",
        "view": "",
        "taken_for": "DiffDir",
        "channels": ["R", "G", "B"],
        "type": "half",
    } in data["passes"]
    objects = {one["name"]: one["share"] for one in data["cryptomattes"][0]["objects"]}
    assert objects["stage"] + objects["shape_monkey"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("given", "path", "frames"),
    [
        ("a/render.####.exr", "a/render.####.exr", (1, 2, 3)),
        ("a/render.0002.exr", "a/render.####.exr", (1, 2, 3)),
        ("a", "a/render.####.exr", (1, 2, 3)),  # beside PNGs: the sequence with passes
        ("a/*.exr", "a/render.####.exr", (1, 2, 3)),
        ("b#/", "b[#]/7.png", ()),
        ("still.png", "still.png", ()),
        ("one.0001.png", "one.0001.png", ()),
        ("n/f%d.png", "n/f%d.png", (8, 9, 10)),
        ("n", "n/f%d.png", (8, 9, 10)),
        ("m/x-0001.png", "m/x####.png", (-1, 0, 1)),
    ],
)
def test_a_render_is_found_by_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, path: str, frames: tuple[int, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["a/render.0001.exr", "a/render.0002.exr", "a/render.0003.exr", "a/beauty.0001.png", "a/beauty.0002.png"]
    names += ["b#/7.png", "still.png", "one.0001.png", "n/f8.png", "n/f9.png", "n/f10.png", "m/x-0001.png", "m/x0000.png", "m/x0001.png"]
    for name in names:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    found = find_render(given)
    assert (os_path(found.path), found.frames) == (path, frames)


def os_path(path: str) -> str:
    return path.replace("//", "/")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.####.exr"], "nothing.####.exr: there is no such frame"),
        (["missing.exr"], "missing.exr: there is no such file"),
        (["two"], "two: which of these renders? two/a.####.png, two/b.####.png"),
        ([str(SHOTS / "torus"), "-F", "77"], "has no frame 77; on disk are 1-24"),
        ([str(SHOTS / "torus"), "-F", "1-4"], "-F 1-4: one frame is looked at: -F 1"),
        (["damaged.exr"], "damaged EXR"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, call: Call, arguments: list[str], message: str) -> None:
    (tmp_path / "two").mkdir()
    for name in ("a.0001", "a.0002", "b.0001", "b.0002"):
        (tmp_path / "two" / f"{name}.png").touch()
    (tmp_path / "damaged.exr").write_bytes(b"\x76\x2f\x31\x01 no more")
    told = call("passes", *arguments)
    assert told.code in (1, 2) and message in told.err and len(told.err.splitlines()) == 1
