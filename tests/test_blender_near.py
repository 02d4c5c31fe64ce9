"""A key light that stands close shines on each shape from its own side: label_scene.py by ROTONODES_BPY."""

import json
import subprocess

import numpy as np
import pytest

from in_blender import BPY, ROOT, SCENES, in_blender
from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
from rotonodes.imaging.passes.names import Passes
from rotonodes.imaging.passes.tone_labels import object_lights, planes_on_frame
from rotonodes.nodes import LoadFrames, TonesFromPasses
from rotonodes.values.pixels import Layers


def run(*words: object) -> str:
    done = subprocess.run([BPY, *map(str, words)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Layers]:
    folder = tmp_path_factory.mktemp("near")
    run(SCENES / "character.py", folder / "scene.blend", folder / "library.blend")
    wanted = ["--shapes", "Char*", "Gift", "--key", "Key", "--frames", "1", "--label-only", "--ground", "--out", folder / "near.####.exr"]
    said = run(ROOT / "examples" / "blender" / "label_scene.py", folder / "scene.blend", *wanted)
    return said, LoadFrames(path=str(folder / "near.####.exr"))(frame=1).layers


@in_blender
def test_the_header_and_a_note_say_so(rendered: tuple[str, Layers]) -> None:
    said, layers = rendered
    lights = object_lights(layers)
    assert len(lights) > 1 and {name for _, names in lights for name in names} == {"Char_body", "Char_head", "Char_hat"}
    assert f"Key stands close, and shines on the shapes from {len(lights)} sides in Label" in said


@in_blender
def test_light_comes_from_the_side_of_each_shape(rendered: tuple[str, Layers]) -> None:
    """Where a shape is lit, its light is the cosine between its normal and its own direction."""
    layers = rendered[1]
    passes, crypto = Passes.of(layers, {}), find_cryptomatte(layers, "object", "Label")
    light, normal = (planes_on_frame(layers, passes.find(name, "Label")).numpy() for name in ("DiffDir", "Normal"))
    overall = json.loads(layers.metadata["Note"])["key_direction"]
    for direction, names in object_lights(layers):
        whole = decode_matte(layers, crypto, names).data[0].numpy() > 0.999
        own, other = (np.einsum("chw,c->hw", normal, np.array(way)) for way in (direction, overall))
        lit = whole & (light[1] > 0.05) & (own > 0.1)
        assert lit.sum() > 15, names
        assert np.median(np.abs(light[1] - own)[lit]) < 0.01, names
        assert np.dot(direction, overall) > 0.99 or np.median(np.abs(light[1] - other)[lit]) > 0.01, names


@in_blender
def test_tones_are_all_there(rendered: tuple[str, Layers]) -> None:
    labels = TonesFromPasses(objects=["Char*", "Ball"])(rendered[1]).data.numpy()
    assert {0, 1, 2, 3} <= {*np.unique(labels).tolist()}


@in_blender
def test_the_ground_has_one_sun_and_no_noise(rendered: tuple[str, Layers]) -> None:
    """Each of the few samples meets the ground's own sun, or what shades it: other suns are for shapes alone."""
    layers = rendered[1]
    passes, towards = Passes.of(layers, {}), np.array(json.loads(layers.metadata["Note"])["key_direction"])
    light, normal, bare = (
        planes_on_frame(layers, passes.find(*of)).numpy() for of in (("DiffDir", "Ground"), ("Normal", "Ground"), ("DiffDir", "Bare"))
    )
    cosine = np.einsum("chw,c->hw", normal, towards)
    open_to_it = (cosine > 0.2) & (bare[1] > 0.9 * cosine)
    share = light[1][open_to_it] / cosine[open_to_it]
    assert open_to_it.sum() > 500
    assert ((share < 0.03) | (share > 0.97)).mean() > 0.95
    assert (bare[1][cosine > 0.2] > 0.9 * cosine[cosine > 0.2]).mean() > 0.9
