"""The scripts in examples/blender, run by a Python that has bpy: set ROTONODES_BPY to its path."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
from rotonodes.nodes import LoadFrames, StackPasses, TonesFromPasses
from rotonodes.values.pixels import Layers
from rotonodes.values.tones import CLASSES

ROOT = Path(__file__).parent.parent
SCRIPTS, SCENES = ROOT / "examples" / "blender", Path(__file__).parent / "blender"
PYTHON = os.environ.get("ROTONODES_BPY", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON, reason="ROTONODES_BPY names no Python that has bpy")]


@pytest.fixture(scope="module", autouse=True)
def bpy_version() -> str:
    done = subprocess.run([PYTHON, "-c", "import bpy; print(bpy.app.version_string)"], capture_output=True, text=True, timeout=100)
    if done.returncode:
        pytest.skip(f"{PYTHON} cannot import bpy: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip()


def blender(script: Path, *arguments: object, code: int = 0) -> str:
    """Run a script with bpy; returns what it said."""
    done = subprocess.run([PYTHON, str(script), *map(str, arguments)], capture_output=True, text=True, timeout=500)
    assert done.returncode == code, (done.stdout + done.stderr)[-2000:]
    return done.stdout + done.stderr


def loaded(folder: Path, name: str, frame: int) -> Layers:
    return LoadFrames(path=str(folder / f"{name}.####.exr"))(frame=frame).layers


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


def tones(layers: Layers, **parameters: object) -> np.ndarray:
    return TonesFromPasses(**parameters)(layers).data.numpy()


# --- a scene of one's own ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scene")
    blender(SCENES / "character.py", folder / "scene.blend", folder / "library.blend")
    return folder / "scene.blend"


@pytest.fixture(scope="module")
def shot(scene: Path) -> Path:
    """The scene's two frames, labelled."""
    out = scene.parent / "shot"
    arguments = ["--shapes", "Char*", "Gift", "--key", "Key", "--samples", 2, "--out", out / "render.####.exr"]
    blender(SCRIPTS / "label_scene.py", scene, *arguments)
    return out


def calls(scene: Path, *wanted: dict) -> list[dict]:
    """Call label_scene once for each, the file opened anew: how it ended, what it said, what settings it changed."""
    results = scene.parent / "results.json"
    blender(SCENES / "state.py", scene, json.dumps(wanted), results)
    return json.loads(results.read_text())


def arguments(scene: Path, name: str, *more: str) -> list[str]:
    return ["--shapes", "Char*", "Gift", "--samples", "1", "--out", str(scene.parent / name / "render.####.exr"), *more]


@pytest.mark.parametrize("frame", [1, 2])
def test_labels_of_a_scene_hold_every_tone_of_its_shapes_and_nothing_else(shot: Path, frame: int) -> None:
    labels = tones(loaded(shot, "render", frame), objects="*")
    shares = {CLASSES[index]: count / labels.size for index, count in Counter(labels.ravel().tolist()).items()}
    assert labels.shape == (64, 64)
    # the toy and its gift take a tenth of the frame; the pillar beside it would take another 6 %
    assert 0.88 < shares["background"] < 0.91
    # the ceiling behind the lamp does not shade them
    assert shares["midtone"] + shares["highlight"] > 0.06
    assert all(shares[name] > 0.004 for name in CLASSES)
    assert (labels[8:20, 20:42] == CLASSES.index("midtone")).sum() > 20, "the hat's lit top"
    assert (labels[:, 46:] == 0).all(), "the pillar is held out"


def test_shapes_are_found_by_the_names_they_have_in_the_scene(shot: Path) -> None:
    layers = loaded(shot, "render", 1)
    everything, toy = tones(layers, objects="*"), tones(layers, objects="Char_*")
    ball = (everything > 0) & (toy == 0)
    assert 8 < ball.sum() < 60 and ball[:, 24:].sum() == 0, "only the instanced ball on the left is no part of the toy"


def test_frames_of_a_scene_note_where_the_light_and_the_camera_are(shot: Path) -> None:
    notes = [json.loads(loaded(shot, "render", frame).metadata["Note"]) for frame in (1, 2)]
    directions = np.array([note["key_direction"] for note in notes])
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-5)
    assert directions[1, 0] > directions[0, 0] + 0.05 and directions[1, 1] < directions[0, 1] - 0.05, "the lamp moves to the right"
    np.testing.assert_allclose(notes[0]["camera"], [[1, 0, 0], [0, 0.316228, 0.948683], [0, -0.948683, 0.316228]], atol=1e-5)


def test_picture_of_a_scene_has_its_own_passes_and_those_of_rotonodes(shot: Path) -> None:
    layers = loaded(shot, "render", 1)
    assert any(name.startswith("Beauty.Mist") for name in layers.planes)
    found = find_cryptomatte(layers, "object", "Beauty")
    assert decode_matte(layers, found, ["Char_hat"]).data.sum() > 5
    for unseen in ("Char_spare", "Char_old", "Blocker"):
        with pytest.raises(FrameError, match=unseen):
            decode_matte(layers, found, unseen)
    stack = StackPasses(passes=("Combined", "DiffDir", "Normal", "Depth"), normals="camera")(layers)
    assert stack.data.shape[0] == 10 and stack.data[:3].std() > 0.05
    # a compositor that inverts would make the light floor darker than the dark hat
    assert stack.data[:3, 58:].mean() > stack.data[:3, 15:17, 28:36].mean()


def test_labelling_changes_nothing(scene: Path) -> None:
    before = hashlib.sha256(scene.read_bytes()).digest()
    (scene.parent / "fails" / "render.0002.exr").mkdir(parents=True)
    whole, fails, stopped, label_only = calls(
        scene,
        {"arguments": arguments(scene, "whole")},
        {"arguments": arguments(scene, "fails")},
        {"arguments": arguments(scene, "stopped"), "interrupt": True},
        {"arguments": arguments(scene, "label_only", "--label-only", "--frames", "2")},
    )
    assert [call["changed"] for call in (whole, fails, stopped, label_only)] == [[], [], [], []]
    assert [call["code"] for call in (whole, fails, stopped, label_only)] == [0, 1, 130, 0], (whole, fails, stopped, label_only)
    assert "render.0002.exr" in fails["said"]
    files = {name: sorted(path.name for path in (scene.parent / name).iterdir()) for name in ("whole", "fails", "stopped", "label_only")}
    both = ["render.0001.exr", "render.0002.exr"]
    assert files == {"whole": both, "fails": both, "stopped": both[:1], "label_only": both[1:]}
    assert (tones(loaded(scene.parent / "stopped", "render", 1), objects="*") > 0).any(), "the frame that was interrupted is whole"
    assert not any(name.startswith("Beauty") for name in loaded(scene.parent / "label_only", "render", 2).planes)
    assert hashlib.sha256(scene.read_bytes()).digest() == before
    assert not (scene.parent / "compositor").exists() and not (scene.parent / "mine").exists()


def test_state_sees_what_changes(scene: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SCENES)!r})\nimport bpy, state\nbpy.ops.wm.open_mainfile(filepath={str(scene)!r})\n"
        "scene, key, before = bpy.context.scene, bpy.data.objects['Key'], state.settings()\n"
        "scene.view_layers[0].use_pass_z ^= True\nscene.view_layers[0].layer_collection.children['Set'].holdout = True\n"
        "scene.render.stamp_note_text = 'yours'\nkey.location.x += 0.1\nbpy.data.objects['Char_body'].rotation_euler.z = 0.25\n"
        "bpy.data.collections['Hero'].objects.unlink(bpy.data.objects['Char_body'])\nscene.cycles.film_exposure = 2\n"
        "after = state.settings()\nprint('CHANGED', *(path for path in before | after if before.get(path) != after.get(path)), sep='\\n')\n"
    )
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, timeout=100)
    changed = done.stdout.partition("CHANGED")[2].split("\n")
    for wanted in ("use_pass_z", "holdout", "stamp_note_text", "Key.location", "Char_body.rotation_euler", "film_exposure", "Hero.objects"):
        assert any(wanted in path for path in changed), (wanted, done.stderr)


def test_dry_run_says_what_it_would_do_and_writes_nothing(scene: Path) -> None:
    (call,) = calls(scene, {"arguments": arguments(scene, "dry", "--dry-run")})
    assert call["code"] == 0 and call["changed"] == [] and not (scene.parent / "dry").exists()
    for wanted in (
        "scene: Shot",
        "other scenes, Other",
        "2 of 64 x 64",
        "shapes: Ball (instanced by Gift), Char_body, Char_hat, Char_head\n",
        "in the cryptomatte of the picture Decoy, which is no shape, is Ball as well",
        "key light: Key (area light), from the middle of the shapes",
        "volumes: Fog",
        "behind Key, and without shadow in Label: Ceiling",
        "other view layers are not rendered: Label",
        "EEVEE",
    ):
        assert wanted in call["said"], call["said"]


def test_a_dry_run_needs_no_place_to_write_to(scene: Path) -> None:
    whole = arguments(scene, "dry", "--dry-run")
    at = whole.index("--out")
    without = [*whole[:at], *whole[at + 2 :]]
    (dry,) = calls(scene, {"arguments": without})
    assert (dry["code"], "2 of 64 x 64\n" in dry["said"]) == (0, True), dry["said"]
    (wet,) = calls(scene, {"arguments": [word for word in without if word != "--dry-run"]})
    assert (wet["code"], "--out is missing" in wet["said"]) == (2, True), wet["said"]


def test_settings_that_scale_light_do_not_scale_labels(scene: Path, shot: Path) -> None:
    settings = {"render.engine": "CYCLES", "cycles.film_exposure": 3.0, "cycles.sample_clamp_direct": 0.1}
    (call,) = calls(scene, {"set": settings, "arguments": arguments(scene, "exposed", "--frames", "1")})
    assert call["code"] == 0 and "clamping" in call["said"]
    same = tones(loaded(scene.parent / "exposed", "render", 1), objects="*") == tones(loaded(shot, "render", 1), objects="*")
    assert same.mean() > 0.998


def test_a_given_direction_and_a_saved_scene(scene: Path) -> None:
    out = scene.parent / "saved"
    saved = scene.parent / "labelled.blend"
    direct, written, moving, itself = calls(
        scene,
        {"arguments": arguments(scene, "direct", "--direction", "0", "-3", "4", "--frames", "2")},
        {"arguments": arguments(scene, "saved", "--direction", "0", "-3", "4", "--frames", "2", "--save-as", str(saved))},
        {"arguments": arguments(scene, "saved", "--save-as", str(saved) + "2")},
        {"arguments": arguments(scene, "saved", "--direction", "0", "-3", "4", "--save-as", str(scene))},
    )
    assert [call["code"] for call in (direct, written, moving, itself)] == [0, 0, 2, 2], (direct, written, moving, itself)
    assert "changes" in moving["said"] and "own file" in itself["said"] and not out.exists()
    assert direct["changed"] == written["changed"] == []
    assert '-S "Shot labelled" -a' in written["said"]
    render = f"import bpy; bpy.ops.wm.open_mainfile(filepath={str(saved)!r}); bpy.ops.render.render(animation=True, scene='Shot labelled')"
    subprocess.run([PYTHON, "-c", render], capture_output=True, check=True, timeout=300)
    by_script, by_hand = loaded(scene.parent / "direct", "render", 2), loaded(out, "render", 2)
    assert json.loads(by_hand.metadata["Note"]) == json.loads(by_script.metadata["Note"])
    assert json.loads(by_hand.metadata["Note"])["key_direction"] == [0, -0.6, 0.8]
    assert (tones(by_hand, objects="*") == tones(by_script, objects="*")).mean() > 0.999  # a sample may graze an edge


REFUSED = {
    "did you mean Char_body?": ["--shapes", "Chr_body"],
    "name Gift": ["--shapes", "Ball"],
    "not in a collection that renders see": ["--shapes", "Blocker"],
    "Camera is without a surface": ["--shapes", "Camera"],
    "no collection Nope in this file: there are Hero": ["--collections", "Nope"],
    "nothing in Off renders": ["--collections", "Off"],
    "all were left out": ["--shapes", "Char*", "--leave-out", "Char*"],
    "no light Sun that renders: there are Fill, Key": ["--shapes", "Char*", "--key", "Sun"],
    "no view layer x: it has Label, ViewLayer": ["--shapes", "Char*", "--view-layer", "x"],
    "no scene x in this file: there are Other, Shot": ["--shapes", "Char*", "--scene", "x"],
    "scene Other has no camera": ["--shapes", "Char*", "--scene", "Other"],
    "'b' is no range": ["--shapes", "Char*", "--frames", "1-2,b"],
    "say what to label": [],
    "points nowhere": ["--shapes", "Char*", "--direction", "0", "0", "0"],
}


def test_what_cannot_be_labelled_is_refused_in_a_line(scene: Path) -> None:
    out = ["--out", str(scene.parent / "refused" / "render.####.exr")]
    wanted = [{"arguments": [*out, *more]} for more in REFUSED.values()]
    wanted.append({"arguments": ["--shapes", "Char*", "--out", "r.png"]})
    for reason, call in zip([*REFUSED, "--out r.png"], calls(scene, *wanted), strict=True):
        last = [line for line in call["said"].splitlines() if "label_scene" in line][-1]
        assert call["code"] == 2 and reason in last and call["changed"] == [], call
    assert "No such file" in blender(SCRIPTS / "label_scene.py", "nowhere.blend", *out, "--shapes", "x", code=2)


# --- clips ---------------------------------------------------------------------------------------------------------------------------


def clips(folder: Path, *more: object, code: int = 0) -> str:
    return blender(SCRIPTS / "clips.py", "--out", folder, "--seed", 4, "--clips", 1, "--res", 64, "--samples", 2, *more, code=code)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    clips(folder)
    return folder


def manifest(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_clip_is_the_same_when_rendered_again(clip: Path, tmp_path: Path) -> None:
    clips(tmp_path)
    first, again = manifest(clip), manifest(tmp_path)
    for entry in (first[1], again[1]):  # the files' headers tell how long the render took
        assert sorted(entry.pop("sha256")) == ["clips.0001.exr", "clips.0001.png", "clips.0002.exr", "clips.0002.png"]
    assert first == again
    for frame in (1, 2):
        one, other = loaded(clip, "clips", frame).planes, loaded(tmp_path, "clips", frame).planes
        assert one.keys() == other.keys()
        for name in one:  # Blender's threads sum vertex normals in no fixed order
            tolerance = 2e-3 if "Combined" in name or "Noisy" in name else 1e-5
            rtol = 1e-3 if one[name].dtype == np.float16 else 0  # a step of half floats
            np.testing.assert_allclose(one[name].astype(float), other[name].astype(float), rtol=rtol, atol=tolerance, err_msg=name)
        labels = [tones(loaded(folder, "clips", frame)) for folder in (clip, tmp_path)]
        np.testing.assert_array_equal(*labels)
        pictures = [picture(folder / f"clips.000{frame}.png") for folder in (clip, tmp_path)]
        assert np.abs(pictures[0] - pictures[1]).max() <= 1 and pictures[0].std() > 5


def test_clip_moves_and_its_labels_decode(clip: Path) -> None:
    first, second = (tones(loaded(clip, "clips", frame)) for frame in (1, 2))
    shares = manifest(clip)[1]["shares"]
    assert (first != second).any()
    assert (first > 0).mean() == pytest.approx(shares["shape"], abs=0.15)
    assert set(np.unique(first)) > {0, 2, 3}


def test_resumed_run_renders_nothing_and_mends_what_is_broken(clip: Path) -> None:
    def times() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in sorted(clip.glob("clips.*"))}

    before, text = times(), (clip / "manifest.jsonl").read_text()
    assert "clip 0" not in clips(clip)
    assert times() == before and (clip / "manifest.jsonl").read_text() == text
    (clip / "manifest.jsonl").write_text(text[: len(text) - 40])  # stopped in the middle of a line
    assert "clip 0" in clips(clip)
    assert len(manifest(clip)) == 2 and min(times().values()) > max(before.values())
    (clip / "clips.0002.png").write_bytes(b"broken")
    assert "clip 0" in clips(clip)
    assert picture(clip / "clips.0002.png").size > 1000


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--seed", 5], "seed 4, not 5"),
        (["--res", 80], "resolution 64, not 80"),
        (["--vector"], "vector False, not True"),
        (["--models", "nowhere"], "--models nowhere: no folder"),
        (["--frames", 0], "at least"),
    ],
)
def test_other_settings_are_refused(clip: Path, options: list, reason: str) -> None:
    text = (clip / "manifest.jsonl").read_text()
    assert reason in clips(clip, *options, code=2 if "-" in reason or reason == "at least" else 1)
    assert (clip / "manifest.jsonl").read_text() == text


def test_vectors_of_a_clip_are_written(tmp_path: Path) -> None:
    clips(tmp_path, "--vector")
    layers = loaded(tmp_path, "clips", 2)
    vectors = StackPasses(passes=("Vector",))(layers).data
    assert vectors.shape[0] == 4 and vectors.abs().max() > 0.5


def test_ground_layers_change_nothing_else_in_a_clip(clip: Path, tmp_path: Path) -> None:
    clips(tmp_path, "--ground")
    assert manifest(tmp_path)[0] == {**manifest(clip)[0], "ground": True}
    for frame in (1, 2):
        plain, with_ground = loaded(clip, "clips", frame), loaded(tmp_path, "clips", frame)
        np.testing.assert_array_equal(tones(plain), tones(with_ground))
        assert not any(name.startswith("Ground") for name in plain.planes)
        assert {name.split(".")[1] for name in with_ground.planes if name.startswith("Ground.")} >= {"Normal"}


# --- what random clips are made of -----------------------------------------------------------------------------------------------------


def test_random_clips_vary_in_everything_that_is_said_of_them(tmp_path: Path) -> None:
    """Sixty scenes, not rendered: what the README of the generator lists is in some of them and not in all."""
    blender(SCENES / "variety.py", 60, tmp_path / "clips.json")
    found = json.loads((tmp_path / "clips.json").read_text())
    shapes = [shape for clip in found for shape in clip["scene"]["shapes"]]

    def share(there: Callable[[dict], bool]) -> float:
        return sum(map(there, found)) / len(found)

    # What it looks like, by the scene itself.
    for name, low, high in (
        ("floor", 0.3, 0.8), ("polished", 0.03, 0.4), ("blurred", 0.01, 0.2), ("pictures", 0.1, 0.7), ("surround", 0.1, 0.7),
        ("at_the_edge", 0.3, 0.9),
    ):  # fmt: skip
        assert low < share(lambda clip, name=name: clip[name]) < high, name
    assert 0.1 < share(lambda clip: clip["metallic"] > 0.2) < 0.7
    assert 0.1 < share(lambda clip: clip["holes"] > 10) < 0.7, "background that is seen through shapes"
    assert 0.05 < share(lambda clip: clip["thin"] > 0.2) < 0.5, "shapes that are mostly narrower than a twentieth of the frame"
    assert {clip["shapes_there"] for clip in found} == {1, 2, 3, 4, 5}
    assert {kind for clip in found for kind in clip["modifiers"]} >= {
        "SUBSURF", "BEVEL", "SIMPLE_DEFORM", "DISPLACE", "LATTICE", "ARMATURE", "WIREFRAME", "SOLIDIFY",
    }  # fmt: skip
    assert {tuple(clip["rendered_size"]) for clip in found} == {(256, 256), (320, 192), (192, 320), (192, 192)}

    # How it is made, by the manifest.
    transforms, looks, exposures = zip(*(clip["developed"] for clip in found), strict=True)
    assert set(transforms) == {"Standard", "AgX", "Filmic"}
    assert {look.removeprefix("AgX - ") for look in looks} == {"None", "Medium High Contrast", "Medium Low Contrast"}
    assert {transform for transform, look in zip(transforms, looks, strict=True) if look != "None"} == {"AgX", "Filmic"}
    assert min(exposures) < -0.2 and max(exposures) > 0.3
    assert {clip["samples"] for clip in found} == {4, 8, 16} and {clip["denoise"] for clip in found} == {True, False}
    assert {clip["scene"]["background"] for clip in found} == {"plain", "gradient", "noise", "surround", "floor", "wall", "clutter"}
    assert {clip["scene"]["fills"] for clip in found} == {0, 1, 2}
    assert {motion for shape in shapes for motion in shape["motion"]} == {"spin", "drift", "bulge", "bend"}
    assert {shape["kind"] for shape in shapes} >= {"text", "blob", "spring", "cage", "plate", "monkey", "figure", "rock", "tangle"}

    # The manifest says what is there.
    for clip in found:
        scene = clip["scene"]
        assert (scene["motion_blur_frames"] > 0) == clip["blurred"]
        assert (scene["background"] in ("floor", "wall", "clutter")) == clip["floor"]
        assert (scene["background"] == "clutter") == (clip["clutter"] >= 3)
        assert (scene["world"] == "surround") == clip["surround"]
        assert len(scene["shapes"]) == clip["shapes_there"] and clip["size"] == clip["rendered_size"]
        assert list(clip["view"].values()) == clip["developed"]


# --- shapes --------------------------------------------------------------------------------------------------------------------------

CORNERS = [(0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 3)]
TRIANGLES = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]


def glb() -> bytes:
    """A tetrahedron as a binary glTF 2.0 file."""
    data = b"".join(struct.pack("<3f", *corner) for corner in CORNERS) + b"".join(struct.pack("<3H", *face) for face in TRIANGLES)
    places = {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 2, 3]}
    faces = {"bufferView": 1, "componentType": 5123, "count": 12, "type": "SCALAR"}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"children": [1]}, {"mesh": 0, "translation": [5, 0, 0]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [places, faces],
        "bufferViews": [{"buffer": 0, "byteLength": 48}, {"buffer": 0, "byteOffset": 48, "byteLength": 24}],
        "buffers": [{"byteLength": len(data)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<2I", len(text), 0x4E4F534A) + text + struct.pack("<2I", len(data), 0x004E4942) + data
    return struct.pack("<3I", 0x46546C67, 2, 12 + len(chunks)) + chunks


def write_models(folder: Path) -> None:
    corners, triangles = [" ".join(map(str, c)) for c in CORNERS], [" ".join(str(i + 1) for i in t) for t in TRIANGLES]
    (folder / "a.obj").write_text("".join(f"v {c}\n" for c in corners) + "".join(f"f {t}\n" for t in triangles))
    ply = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\nelement face 4\n"
    ply += "property list uchar int vertex_indices\nend_header\n" + "".join(f"{c}\n" for c in corners)
    (folder / "b.ply").write_text(ply + "".join(f"3 {t[0]} {t[1]} {t[2]}\n" for t in TRIANGLES))
    facets = "".join(
        "facet normal 0 0 0\nouter loop\n" + "".join(f"vertex {corners[i]}\n" for i in t) + "endloop\nendfacet\n" for t in TRIANGLES
    )
    (folder / "c.STL").write_text(f"solid c\n{facets}endsolid c\n")
    (folder / "d.glb").write_bytes(glb())
    (folder / "notes.txt").write_text("no model\n")


def test_shapes_of_every_kind_and_models_of_every_type_build(tmp_path: Path) -> None:
    write_models(tmp_path)
    blender(SCENES / "kinds.py", tmp_path, tmp_path / "sizes.json")
    sizes = json.loads((tmp_path / "sizes.json").read_text())
    assert {"a.obj", "b.ply", "c.STL", "d.glb", "monkey", "text", "blob", "cage", "figure"} < sizes.keys() and "notes.txt" not in sizes
    for kind, (bare, first, second) in sizes.items():
        assert 1 < max(bare) < 3, f"{kind} is of about the size of a unit sphere: {bare}"
        assert all(side > 0.01 for side in first), kind
        assert not np.allclose(first, second, atol=1e-4), f"{kind} is bent or bulged over the clip"
    for name in ("a.obj", "b.ply", "c.STL", "d.glb"):
        sides = sorted(sizes[name][0])
        np.testing.assert_allclose(np.array(sides) / sides[0], [1, 2, 3], atol=1e-3, err_msg=name)
        assert np.linalg.norm(sides) / 2 == pytest.approx(1.15, abs=1e-3)
