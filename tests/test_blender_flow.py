"""Prepare, and Render & Flatten with its cancels in Blender: what the gate runs of the add-on, in some two minutes; by ROTONODES_BPY."""

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from in_blender import BPY, addon_parts, calls_in_blender, in_blender
from rotonodes.hosts.blender_addon import write_addon
from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
from rotonodes.nodes import LoadFrames, TonesFromPasses

PICTURES = ["scene/scene.0001.png", "scene/scene.0002.png"]


def most_common(colors: np.ndarray) -> np.ndarray:
    there, counts = np.unique(colors, axis=0, return_counts=True)
    return np.asarray(there[counts.argmax()])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What addon_flow.py told: the zip was installed, enabled, used, disabled and uninstalled, or this fails."""
    return calls_in_blender(tmp_path_factory.mktemp("blender"), "addon_flow.py")


@in_blender
def test_the_zip_passes_blenders_validator(tmp_path: Path) -> None:
    where = "import bpy, pathlib; print(pathlib.Path(bpy.utils.resource_path('LOCAL')) / 'scripts/addons_core/bl_pkg/cli/blender_ext.py')"
    found = subprocess.run([BPY, "-c", where], capture_output=True, text=True, timeout=100).stdout.strip().splitlines()[-1]
    done = subprocess.run([BPY, found, "validate", str(write_addon(tmp_path))], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "Success" in done.stdout, done.stdout + done.stderr


@in_blender
def test_one_undo_takes_prepare_back(told: dict[str, Any]) -> None:
    assert told["prepare"]["how"] == ["FINISHED"]
    assert any("use_pass_cryptomatte_object" in path for path in told["prepared"])
    assert "scenes/Shot.render.image_settings.file_format" in told["prepared"]
    assert set(told["after undo"]) <= set(told["after any undo"]) <= {"scenes/Shot.tool_settings.particle_edit.object"}
    # the bytes of the file differ after an undo of anything: a .blend notes where its data lay in memory
    assert told["saves differ after any undo"] > 0


@in_blender
def test_a_scene_is_rendered_flattened_and_loaded(told: dict[str, Any]) -> None:
    assert told["flatten"]["how"] == ["FINISHED"], told["flatten"]["said"]
    assert told["flatten changed"] == []
    assert told["files"] == ["render/scene.0001.exr", "render/scene.0002.exr", "rotonodes.log", "scene.gif", *PICTURES]
    with Image.open(told["folder"] / "flat" / PICTURES[0]) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (128, 128, 3) and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 4
    assert np.ptp(pixels, axis=2).max() > 60, "the objects' own colours, not the white of the label layers"
    assert told["image"] == ["SEQUENCE", "scene.0001.png"]
    assert told["group"] == ["CompositorNodeTree", ["CompositorNodeImage", "NodeGroupOutput"], 1]


@in_blender
def test_the_compositor_gets_the_result_once_and_renders_as_before(told: dict[str, Any]) -> None:
    found, bare = told["compositor"], told["bare compositor"]
    assert found["links"] and found["after"] == found["links"] and found["groups"] == [["Rotonodes", []]]
    assert bare["groups"] == [["Rotonodes", []]]
    assert any("CompositorNodeRLayers" in link for link in bare["after"]), "what was rendered is passed on"


@in_blender
@pytest.mark.parametrize(
    ("what", "there"), [("render", ["render/scene.0001.exr"]), ("run", ["render/scene.0001.exr", "render/scene.0002.exr"])]
)
def test_a_cancel_leaves_whole_files_and_the_scene_as_it_was(told: dict[str, Any], what: str, there: list[str]) -> None:
    found = told[f"cancelled {what}"]
    assert found["changed"] == [] and found["running"] == []
    assert [file for file in found["files"] if file.endswith(".exr")] == there
    assert not any(Path(file).name.startswith(".") for file in found["files"])


@in_blender
def test_the_tones_are_those_of_the_label_layer(told: dict[str, Any]) -> None:
    """Where the key light found in the passes would say another tone, the picture has the colour of the label layer's."""
    layers = LoadFrames(path=str(told["folder"] / "flat" / "render" / "scene.####.exr"))(frame=1).layers
    true, found = (TonesFromPasses(objects=["Char*", "Ball"], recipe=way)(layers).data.numpy() for way in ("light", "key"))
    with Image.open(told["folder"] / "flat" / PICTURES[0]) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    crypto, nearer = find_cryptomatte(layers, "object", "Beauty"), []
    for name in ("Char_body", "Char_head"):
        inside = decode_matte(layers, crypto, [name]).data[0].numpy() > 0.999
        colors = {tone: most_common(pixels[inside & (true == tone) & (found == tone)]) for tone in (1, 2, 3, 4)}
        assert len({tuple(color) for color in colors.values()}) == 4, name
        for y, x in zip(*np.nonzero(inside & (true != found) & (true > 0) & (found > 0)), strict=True):
            right, wrong = (np.abs(pixels[y, x] - colors[tones[y, x]]).sum() for tones in (true, found))
            nearer.append(np.sign(wrong - right))
    assert len(nearer) >= 20 and nearer.count(1) > 2 * nearer.count(-1), nearer


@in_blender
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_an_interrupt_at_any_moment_leaves_nothing(told: dict[str, Any]) -> None:
    """`ROTONODES_CANCELS=20` for more: nothing runs, every file that is there is whole, the scene is as before."""
    whole, moments = addon_parts("label_layer.whole").whole, told["interrupted"]
    assert len(moments) == int(os.environ.get("ROTONODES_CANCELS", "2"))
    for number, found in enumerate(moments):
        assert found["how"] in (["CANCELLED"], ["FINISHED"], ["AFTER"]), found
        assert found["changed"] == [] and found["running"] == [], found
        for file in found["files"]:
            path = told["folder"] / "interrupted" / str(number) / file
            assert not path.name.startswith(".") and path.suffix in (".exr", ".png", ".gif", ".log"), file
            if path.suffix == ".exr":
                assert whole.is_whole(path), file
            elif path.suffix != ".log":
                with Image.open(path) as picture:
                    picture.load()
    assert not moments or any(found["how"] == ["CANCELLED"] for found in moments), "no interrupt came in time"
