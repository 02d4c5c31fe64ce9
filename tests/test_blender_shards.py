"""Shards of training frames: the format without Blender, and what shards.py renders, by ROTONODES_BPY."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "examples" / "blender"
PYTHON = os.environ.get("ROTONODES_BPY", "")
with_bpy = pytest.mark.skipif(not PYTHON, reason="ROTONODES_BPY names no Python that has bpy")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shard_file = script("shard_file")
rules = script("tone_rules")


def frame(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"labels": rng.integers(0, 6, (8, 6), dtype=np.uint8), "diffdir": rng.random((3, 8, 6)).astype(np.float16)}


def write(path: Path) -> None:
    with shard_file.writing(path, {"classes": list(rules.CLASSES)}) as writer:
        for seed in range(3):
            writer.add(frame(seed), {"clip": seed})


def test_a_shard_is_read_back_frame_by_frame_and_by_numpy(tmp_path: Path) -> None:
    path = tmp_path / "s01-00000.npz"
    write(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert shard_file.head_of(path)["frames"] == 3 and shard_file.head_of(path)["classes"][5] == "ground_shadow"
    for seed in range(3):
        arrays, note = shard_file.read_frame(path, seed)
        assert note == {"clip": seed}
        for name, expected in frame(seed).items():
            np.testing.assert_array_equal(arrays[name], expected)
            assert arrays[name].dtype == expected.dtype
    with np.load(path) as loaded:
        np.testing.assert_array_equal(loaded["000001.labels"], frame(1)["labels"])
        assert json.loads(loaded["000002.json"]) == {"clip": 2}


def test_a_shard_that_was_stopped_or_cut_off_or_is_of_another_version_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s01-00000.npz"
    with pytest.raises(KeyError), shard_file.writing(path, {}) as writer:
        writer.add(frame(0), {})
        raise KeyError
    assert not list(tmp_path.iterdir()), "nothing of it stays"
    write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(shard_file.NotAShard, match="cut off"):
        shard_file.head_of(path)
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["shard.json"] = members["shard.json"].replace(b'"version": 1', b'"version": 2')
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(shard_file.NotAShard, match="rotonodes-tones-shard 2, this reads rotonodes-tones-shard 1"):
        shard_file.head_of(path)


def test_light_keeps_its_value_within_half_a_percent_and_is_never_infinite() -> None:
    values = np.float32([0, 1e-4, 0.1, 0.5, 1, 3.7, 900, 1e10, np.inf, np.nan])
    kept = shard_file.rounded(values, shard_file.BITS)
    assert kept.dtype == np.float16 and np.isfinite(kept).all()
    np.testing.assert_allclose(kept[:7].astype(float), values[:7], rtol=0.004)
    assert kept[7] == kept[8] == shard_file.NOTHING and kept[9] == 0


# --- the rules of the ground's shadow ------------------------------------------------------------------------------------------------


def test_ground_shadow_is_where_shapes_take_the_light() -> None:
    facing = np.full((9, 12), 0.8, np.float32)
    bare, alpha = facing.copy(), np.zeros_like(facing)
    bare[:, 9:] = 0  # something of the background shades it
    lit = bare.copy()
    lit[2:7, 2:6] = 0  # a shape's shadow
    lit[2:7, 10:12] = 0
    alpha[2:7, 4:6] = 1  # and the shape itself before it
    found = rules.ground_shadow(lit, bare, facing, alpha)
    expected = np.zeros_like(found)
    expected[2:7, 2:4] = True
    np.testing.assert_array_equal(found, expected)
    assert not rules.ground_shadow(lit, bare, -facing, alpha).any(), "what faces away from the light has no shadow thrown on it"


def test_a_border_of_ground_and_shape_counts_what_is_seen_of_the_ground() -> None:
    facing = np.full((5, 5), 0.8, np.float32)
    alpha = np.zeros_like(facing)
    alpha[:, 2] = 0.25
    lit = facing * (1 - alpha)  # lit, and a quarter of it hidden
    assert not rules.ground_shadow(lit, facing, facing, alpha).any()
    alpha[:, 2] = 0.5
    assert not rules.ground_shadow(facing * (1 - alpha), facing, facing, alpha).any()


# --- rendered ------------------------------------------------------------------------------------------------------------------------


def render(folder: Path, *more: object) -> str:
    arguments = ["--out", folder, "--seed", 4, "--shards", "0", "--clips", 3, "--res", 64, *more]
    done = subprocess.run([PYTHON, str(SCRIPTS / "shards.py"), *map(str, arguments)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    render(folder)
    return folder / "s04-00000.npz"


@with_bpy
@pytest.mark.slow
def test_a_rendered_frame_has_all_members_and_they_agree(shard: Path) -> None:
    head = shard_file.head_of(shard)
    assert head["failed"] == {} and head["settings"]["seed"] == 4 and 3 <= head["frames"] <= 6
    for index in range(head["frames"]):
        arrays, note = shard_file.read_frame(shard, index)
        width, height = note["size"]
        for name in ("view0", "view1", "view2"):
            assert arrays[name].dtype == np.uint8 and arrays[name].shape == (3, height, width)
        for name in ("combined", "diffdir", "diffcol", "glossdir", "normal"):
            assert arrays[name].dtype == np.float16 and arrays[name].shape == (3, height, width), name
            assert np.isfinite(arrays[name]).all()
        assert arrays["depth"].shape == (1, height, width) and (arrays["depth"] > 0).all()
        for name in ("labels", "shape", "cosine", "lit"):
            assert arrays[name].dtype == np.uint8 and arrays[name].shape == (height, width), name
        tones = (arrays["labels"] > 0) & (arrays["labels"] < 5)
        assert ((arrays["shape"] > 127) == tones).mean() > 0.97, "the picture's matte and the labels show the same shape"
        lit = tones & (arrays["labels"] >= 3)
        assert arrays["lit"][lit].mean() > 200 and arrays["lit"][arrays["labels"] == 1].mean() < 60
        assert arrays["cosine"][lit].mean() > 127
        # the first view is plain sRGB of the picture
        light = np.clip(arrays["combined"].astype(np.float32), 0, 1)
        encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.abs(255 * encoded - arrays["view0"]).max() <= 3
        assert np.linalg.norm(note["key"]["direction"]) == pytest.approx(1, abs=1e-4)
        assert np.allclose(np.array(note["camera"]) @ np.array(note["camera"]).T, np.eye(3), atol=1e-4)


@with_bpy
@pytest.mark.slow
def test_a_shard_that_is_there_stays_and_a_seed_makes_the_same_frames(shard: Path, tmp_path: Path) -> None:
    before = shard.stat().st_mtime_ns
    assert "clip" not in render(shard.parent) and shard.stat().st_mtime_ns == before
    render(tmp_path)
    for index in range(shard_file.head_of(shard)["frames"]):
        (first, note), (again, same) = shard_file.read_frame(shard, index), shard_file.read_frame(tmp_path / shard.name, index)
        assert note == same
        assert (first["labels"] != again["labels"]).mean() < 0.002, "a sample may graze an edge"


@with_bpy
@pytest.mark.slow
def test_frames_of_a_clip_differ(tmp_path: Path) -> None:
    render(tmp_path, "--kind", "random_shapes", "--frames", 2, "--vector")
    frames = [shard_file.read_frame(tmp_path / "s04-00000.npz", index) for index in range(2)]
    assert [note["frame"] for _, note in frames] == [1, 2]
    assert (frames[0][0]["labels"] != frames[1][0]["labels"]).mean() > 0.01
    assert frames[0][0]["vector"].shape[0] == 4 and np.abs(frames[0][0]["vector"]).max() > 0.5


KINDS = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from random import Random
import framing, kinds, things
groups = "VESSELS FURNITURE PLANTS FIGURES VEHICLES BUILDINGS ASSETS MACHINES THIN"
for group in (getattr(things, name) for name in groups.split()):
    for thing in group:
        pieces = thing(Random(1))
        assert pieces and all(piece.type == "MESH" and piece.data.materials for piece in pieces), thing
for name, kind in kinds.KINDS.items():
    shots = [kind.build(Random(f"{{name}} {{seed}}"), 2, []) for seed in range(4)]
    shot = shots[-1]
    assert abs(shot.key.length - 1) < 1e-4 and shot.light.type == "LIGHT", name
    assert any(obj.name.startswith("shape") for obj in shot.scene.objects), name
    assert {{"Beauty", "Label"}} <= {{layer.name for layer in shot.scene.view_layers}}, name
    print("BUILT", name, framing.shares(shot.scene, shot.key, 1, shot.reach)["shape"])
"""


@with_bpy
@pytest.mark.slow
def test_all_kinds_of_scenes_and_all_things_build() -> None:
    done = subprocess.run([PYTHON, "-c", KINDS], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = [float(line.split()[-1]) for line in done.stdout.splitlines() if line.startswith("BUILT")]
    assert len(seen) == 9 and sum(share > 0.02 for share in seen) >= 7


@with_bpy
@pytest.mark.slow
def test_a_scripted_scene_has_passes_and_six_classes(tmp_path: Path) -> None:
    from PIL import Image

    from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
    from rotonodes.nodes import LoadFrames

    command = [PYTHON, str(SCRIPTS / "scripted.py"), "--out", str(tmp_path), "--only", "robot", "--frames", "1", "3", "--samples", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    labels = {}
    for number in (1, 3):
        with Image.open(tmp_path / "robot" / f"label.{number:04d}.png") as opened:
            labels[number] = np.asarray(opened)
        assert set(np.unique(labels[number])) == set(range(6))
        layers = LoadFrames(path=str(tmp_path / "robot" / "render.####.exr"))(frame=number).layers
        assert "Note" not in layers.metadata and not any(name.startswith(("Label", "Ground", "Bare")) for name in layers.planes)
        matte = decode_matte(layers, find_cryptomatte(layers, "object", ""), "Robot*").data[0].numpy() > 0.5
        tones = (labels[number] > 0) & (labels[number] < 5)
        assert (matte & tones).sum() / (matte | tones).sum() > 0.85
    assert (labels[1] != labels[3]).mean() > 0.02


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--shards", "a-b"], "--shards a-b: first and last"),
        (["--kind", "rooms"], "--kind rooms: there are landscape, people"),
        (["--models", "nowhere"], "--models nowhere: no such folder"),
        (["--res", "8"], "16 pixels a side"),
    ],
)
def test_options_that_make_no_sense_are_told(tmp_path: Path, options: list[str], reason: str) -> None:
    command = [sys.executable, str(SCRIPTS / "shards.py"), "--out", str(tmp_path / "out"), "--seed", "1", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and reason in done.stderr and not (tmp_path / "out").exists()


def test_the_scripts_that_need_no_blender_import_without_it() -> None:
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import shard_file, tone_rules, shards; assert 'bpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
