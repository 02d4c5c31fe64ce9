"""Labels of a moving shot, of light that something shining gives, of instances, and of the ground: label_scene.py by ROTONODES_BPY."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
from rotonodes.nodes import LoadFrames, TonesFromPasses
from rotonodes.values.pixels import Layers

ROOT = Path(__file__).parent.parent
SCRIPTS, SCENES = ROOT / "examples" / "blender", Path(__file__).parent / "blender"
PYTHON = os.environ.get("ROTONODES_BPY", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON, reason="ROTONODES_BPY names no Python that has bpy")]


def run(script: Path, *arguments: object) -> str:
    done = subprocess.run([PYTHON, str(script), *map(str, arguments)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("studio") / "studio.blend"
    run(SCENES / "studio.py", path)
    return path


def label(studio: Path, name: str, *more: object) -> tuple[str, Path]:
    out = studio.parent / name
    shapes = ["--shapes", "Hero", "Gift", "--samples", 2, "--out", out / "render.####.exr"]
    return run(SCRIPTS / "label_scene.py", studio, *shapes, *more), out


@pytest.fixture(scope="module")
def moving(studio: Path) -> Path:
    return label(studio, "moving", "--key", "Key", "--frames", "1-3", "--ground")[1]


def loaded(folder: Path, frame: int) -> Layers:
    return LoadFrames(path=str(folder / "render.####.exr"))(frame=frame).layers


def tones(layers: Layers) -> np.ndarray:
    return TonesFromPasses(objects="*")(layers).data.numpy()


def middle(mask: np.ndarray) -> float:
    """Mean column of a mask."""
    return float(np.nonzero(mask)[1].mean())


def test_labels_move_with_the_shape_and_agree_with_the_picture(moving: Path) -> None:
    columns = []
    for frame in (1, 2, 3):
        layers = loaded(moving, frame)
        hero = decode_matte(layers, find_cryptomatte(layers, "object", "Beauty"), "Hero").data[0].numpy() > 0.5
        shape = decode_matte(layers, find_cryptomatte(layers, "object", "Label"), "Hero").data[0].numpy() > 0.5
        assert hero.sum() > 200 and (hero & shape).sum() / (hero | shape).sum() > 0.9, f"frame {frame}: label and picture show the same"
        assert (tones(layers)[shape] > 0).all()
        columns.append(middle(hero))
    assert columns[1] - columns[0] > 15 and columns[2] - columns[1] > 15, columns
    assert (tones(loaded(moving, 1)) != tones(loaded(moving, 3))).mean() > 0.05


def test_each_frame_is_the_same_whichever_was_rendered_before(studio: Path, moving: Path) -> None:
    alone = label(studio, "alone", "--key", "Key", "--frames", "3")[1]
    np.testing.assert_array_equal(tones(loaded(alone, 3)), tones(loaded(moving, 3)))


def test_something_shining_takes_no_light_from_a_given_direction(studio: Path) -> None:
    said, out = label(studio, "above", "--direction", 0, 0, 1, "--frames", "2", "--leave-out", "Board")
    assert "shining, and in the way of --direction, and without shadow in Label: Panel" in said
    labels = tones(loaded(out, 2))
    assert (labels >= 3).sum() > 60, "the top of the cube is lit"
    assert (labels == 1).sum() < 10, "and in nobody's shadow"


def test_what_takes_all_the_light_is_told(studio: Path) -> None:
    said, out = label(studio, "board", "--direction", 0, 0, 1, "--frames", "2")
    assert "between all of the shapes and the light: Board: --leave-out takes it out of Label" in said
    assert (tones(loaded(out, 2)) >= 3).sum() == 0
    assert "between all" not in label(studio, "key", "--key", "Key", "--dry-run")[0]


def test_instances_are_listed_by_the_names_that_the_cryptomatte_has(studio: Path, moving: Path) -> None:
    said, _ = label(studio, "listed", "--key", "Key", "--dry-run")
    assert "shapes: Ball (instanced by Gift), Hero\n" in said
    assert "in the cryptomatte of the picture Decoy, which is no shape, is Ball as well" in said
    layers = loaded(moving, 3)  # in the first frame the cube hides the ball
    for layer in ("Beauty", "Label"):
        assert decode_matte(layers, find_cryptomatte(layers, "object", layer), "Ball").data.sum() > 20


def test_a_dry_run_lists_every_name(tmp_path: Path) -> None:
    scene, names = tmp_path / "many.blend", [f"Cube{number:02d}" for number in range(12)]
    run(SCENES / "many_shapes.py", scene)
    words = [scene, "--shapes", "Cube*", "--samples", 1, "--frames", "1"]
    assert f"shapes: {', '.join(names)}\n" in run(SCRIPTS / "label_scene.py", *words, "--dry-run")
    said = run(SCRIPTS / "label_scene.py", *words, "--out", tmp_path / "out" / "render.####.exr")
    assert f"shapes: {', '.join(names[:8])} and 4 more\n" in said
    wrong = [PYTHON, str(SCRIPTS / "label_scene.py"), str(scene), "--shapes", "zzz", "--dry-run"]
    refused = subprocess.run(wrong, capture_output=True, text=True, timeout=500, check=False)
    assert refused.returncode == 2 and all(name in refused.stderr for name in names), refused.stderr


def tone_rules():
    spec = importlib.util.spec_from_file_location("tone_rules", SCRIPTS / "tone_rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plane(layers: Layers, name: str) -> np.ndarray:
    """A pass `Layer.Pass` as float32 `[H,W,3]`, by either Blender's spelling."""
    layer, short = name.split(".")
    spelled = {"DiffDir": ("DiffDir", "Diffuse Direct"), "GlossDir": ("GlossDir", "Glossy Direct"), "Normal": ("Normal",)}[short]
    found = [[channel for channel in layers.planes if channel.startswith(f"{layer}.{spelling}.")] for spelling in spelled]
    channels = sorted(next(filter(None, found)), key=lambda channel: "RGBXYZ".index(channel[-1]))
    return np.stack([np.asarray(layers.planes[channel]).astype(np.float32) for channel in channels], -1)


@pytest.mark.parametrize("frame", [1, 3])
def test_the_ground_shows_the_shadows_of_shapes_and_no_others(moving: Path, frame: int) -> None:
    rules, layers = tone_rules(), loaded(moving, frame)
    light = json.loads(layers.metadata["Note"])["key_direction"]
    alpha = decode_matte(layers, find_cryptomatte(layers, "object", "Label"), ["Hero", "Ball"]).data[0].numpy()
    facing = rules.cosine(plane(layers, "Ground.Normal"), light)
    lit, bare = (rules.luminance(plane(layers, f"{layer}.DiffDir")) for layer in ("Ground", "Bare"))
    shadow = rules.ground_shadow(lit, bare, facing, alpha)
    shape = tones(layers) > 0
    assert not (shadow & shape).any()
    hero = decode_matte(layers, find_cryptomatte(layers, "object", "Label"), "Hero").data[0].numpy() > 0.5
    # the sun stands on the left: shadows lie on the right of what throws them
    beside = shadow[:, round(middle(hero)) : round(middle(hero)) + 45]
    assert beside.sum() > 40
    # the post is dark behind, and shades the floor behind it, but it is no shape
    dark = (bare < 0.2) & (np.linalg.norm(plane(layers, "Ground.Normal"), axis=-1) > 0.9)
    assert dark.sum() > 20 and not (shadow & dark).any()


def test_the_rules_in_numpy_are_those_of_the_node(moving: Path) -> None:
    rules = tone_rules()
    for frame in (1, 2, 3):
        layers = loaded(moving, frame)
        alpha = decode_matte(layers, find_cryptomatte(layers, "object", "Label"), "*").data[0].numpy()
        facing = rules.cosine(plane(layers, "Label.Normal"), json.loads(layers.metadata["Note"])["key_direction"])
        labels = rules.shape_tones(plane(layers, "Label.DiffDir"), plane(layers, "Label.GlossDir"), facing, alpha)
        np.testing.assert_array_equal(labels, tones(layers))
