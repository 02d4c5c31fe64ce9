"""Shards: read frame by frame, refused in one line when they are cut off, of another version, or hold labels that are no class."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rotonodes import Graph
from rotonodes.errors import FrameError, UsageError
from rotonodes.io.shards import FORMAT, VERSION, list_shards
from rotonodes.nodes import FindKeyLight, LoadShards, StackPasses
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.tones import SIX_CLASSES, SIX_COLORS

NOTE = {"key": {"direction": [0.0, 0.6, 0.8]}, "camera": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "clip": 0}


def frame_arrays(seed: int, size: tuple[int, int] = (12, 16)) -> dict[str, np.ndarray]:
    """What a shard holds of a frame: width 16, height 12."""
    random = np.random.default_rng(seed)
    normal = random.normal(size=(3, *size))
    arrays: dict[str, np.ndarray] = {
        name: random.uniform(0, 2, (3, *size)).astype(np.float16) for name in ("combined", "diffdir", "diffcol", "glossdir")
    }
    arrays |= {f"view{i}": random.integers(0, 256, (3, *size), dtype=np.uint8) for i in range(3)}
    arrays["normal"] = (normal / np.linalg.norm(normal, axis=0)).astype(np.float16)
    arrays["depth"] = random.uniform(1, 9, size).astype(np.float16)
    arrays["depth"][0, 0] = 65504
    arrays["shape"] = random.integers(0, 256, size, dtype=np.uint8)
    arrays["labels"] = random.integers(0, 6, size, dtype=np.uint8)
    return arrays


def write_shard(path: Path, frames: list[dict[str, np.ndarray]], note: Any = NOTE, **head: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, arrays in enumerate(frames):
            for name, array in arrays.items():
                data = io.BytesIO()
                np.lib.format.write_array(data, array)
                archive.writestr(f"{index:06d}.{name}.npy", data.getvalue())
            archive.writestr(f"{index:06d}.json", json.dumps(note))
        known = {"format": FORMAT, "version": VERSION, "frames": len(frames), "classes": list(SIX_CLASSES)}
        archive.writestr("shard.json", json.dumps(known | head))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards of two frames and one."""
    write_shard(tmp_path / "s1-00000.npz", [frame_arrays(1), frame_arrays(2)])
    write_shard(tmp_path / "s1-00001.npz", [frame_arrays(3, size=(8, 10))])
    return tmp_path


def test_the_shadow_on_the_ground_is_background_where_it_is_not_asked_for(folder: Path) -> None:
    whole, plain = (LoadShards(path=str(folder), ground=ground)(frame=1)[2] for ground in (True, False))
    assert (plain.classes, plain.colors) == (SIX_CLASSES[:5], SIX_COLORS[:5])
    assert (whole.data == 5).any()
    np.testing.assert_array_equal(plain.data.numpy(), np.where(whole.data.numpy() == 5, 0, whole.data.numpy()))


def test_frames_are_numbered_through_all_shards(folder: Path) -> None:
    node = LoadShards(path=str(folder))
    assert node.available() == (1, 2, 3)
    for frame, arrays in enumerate((frame_arrays(1), frame_arrays(2), frame_arrays(3, size=(8, 10))), start=1):
        layers, image, labels, shape, _ = node(frame=frame)
        np.testing.assert_array_equal(labels.data.numpy(), arrays["labels"])
        assert (labels.classes, labels.colors) == (SIX_CLASSES, SIX_COLORS)
        np.testing.assert_allclose(shape.data[0].numpy(), arrays["shape"] / 255, atol=1e-6)
        np.testing.assert_array_equal(layers.planes["DiffDir.G"], arrays["diffdir"][1])
        assert layers.size == image.size == labels.size == shape.size == arrays["labels"].shape[::-1]
        assert layers.planes["Depth.Z"][0, 0] > 1e9, "the farthest half float stands for nothing"
    with pytest.raises(FrameError, match=r"^there is no frame 4: the shards have 3, which are frames 1-3$"):
        node(frame=4)


def test_the_picture_is_developed_in_other_ways_from_frame_to_frame(folder: Path) -> None:
    codes = [LoadShards(path=str(folder), view=view)(frame=2)[1] for view in ("standard", "vary")]
    from rotonodes.values.color import linear_to_srgb

    for image, name in zip(codes, ("view0", "view1"), strict=True):
        np.testing.assert_array_equal((linear_to_srgb(image.data) * 255).round().numpy(), frame_arrays(2)[name])


def test_the_passes_fit_the_nodes_of_renders(folder: Path) -> None:
    layers = LoadShards(path=str(folder))(frame=1)[0]
    key = FindKeyLight()(layers)
    stack = StackPasses(passes=["Combined", "DiffDir", "GlossDir", "Normal", "Depth"], normals="camera")(layers, more=key)
    assert stack.channels[:3] == ("R", "G", "B") and stack.channels[-1] == "KeyLight.Gloss"
    assert torch.isfinite(stack.data[:-4]).all()


def test_the_light_is_the_noted_one_and_off_as_far_as_is_asked(folder: Path) -> None:
    exact = LoadShards(path=str(folder))(frame=1).light
    assert exact.direction == pytest.approx(NOTE["key"]["direction"])
    node = LoadShards(path=str(folder), light_error=2)
    lights = np.array([node.light_of(NOTE, f"frame {number}").direction for number in range(400)])
    np.testing.assert_allclose(np.linalg.norm(lights, axis=1), 1)
    off = np.degrees(np.arccos((lights @ NOTE["key"]["direction"]).clip(-1, 1)))
    assert np.median(off) == pytest.approx(2, rel=0.25) and np.quantile(off, 0.9) == pytest.approx(10, rel=0.25)
    assert np.linalg.norm(lights.mean(axis=0) - NOTE["key"]["direction"]) < 0.02, "to no side more than to another"
    one, again, other = (node(frame=frame).light.direction for frame in (1, 1, 2))
    assert one == again != other


def test_a_linked_light_is_not_looked_for(folder: Path) -> None:
    layers, *_, light = LoadShards(path=str(folder), light_error=20)(frame=1)
    given, noted = FindKeyLight()(layers, light=light), FindKeyLight(light=list(light.direction))(layers)
    assert torch.equal(given.data, noted.data)


def test_a_frame_is_read_alone_and_what_is_not_asked_for_is_not_made(folder: Path) -> None:
    node = LoadShards(path=str(folder))
    assert node.reads(1) == (str(folder / "s1-00000.npz"),)
    assert node.reads(3) == (str(folder / "s1-00000.npz"), str(folder / "s1-00001.npz")), "what lies before decides its number"
    graph = Graph(frames="1-3")
    loaded = graph.add(node, "shards")
    graph.add(FindKeyLight(), "key", layers=loaded.layers)
    assert make_plan(graph, nodes=["key"], cache="none").key(("shards", 1)) != make_plan(graph, nodes=["key"], cache="none").key(
        ("shards", 2)
    )


def test_what_is_no_whole_shard_is_refused_in_one_line(folder: Path) -> None:
    whole = (folder / "s1-00000.npz").read_bytes()
    cut, other, newer = folder / "cut.npz", folder / "other.npz", folder / "newer.npz"
    cut.write_bytes(whole[: len(whole) // 2])
    np.savez(other, a=np.zeros(3))
    write_shard(newer, [frame_arrays(1)], version=2)
    for path, found in (
        (cut, "cut off, or not a shard: render it again"),
        (other, "cut off, or not a shard: render it again"),
        (newer, f"{FORMAT} version 2, but this rotonodes reads {FORMAT} version 1: render it again, or update rotonodes"),
    ):
        with pytest.raises(UsageError) as error:
            LoadShards(path=str(path))(frame=1)
        assert str(error.value) == f"{path}: {found}"
    for count in (0, 257):
        write_shard(folder / "many.npz", [frame_arrays(1)], classes=[f"c{number}" for number in range(count)])
        with pytest.raises(UsageError, match=r"needs `frames`, up to \d+, and `classes`, a list of names: render it again"):
            LoadShards(path=str(folder / "many.npz"))(frame=1)
    names = tuple(f"c{number}" for number in range(256))
    many = write_shard(folder / "most.npz", [frame_arrays(1)], classes=list(names))
    assert LoadShards(path=str(many))(frame=1)[2].classes == names, "as many as a byte can tell apart"
    with pytest.raises(UsageError, match=r"no shards \(\.npz\) there.*: check the path$"):
        list_shards([str(folder / "nowhere")])


def test_labels_outside_the_classes_name_file_pixel_and_value(tmp_path: Path) -> None:
    arrays = frame_arrays(1)
    arrays["labels"][3, 7] = 6
    path = write_shard(tmp_path / "odd.npz", [frame_arrays(2), arrays])
    assert LoadShards(path=str(path))(frame=1)[2] is not None
    with pytest.raises(FrameError, match=r"odd\.npz, frame 2: the label at x 7, y 3 is 6, but the classes are 0 to 5: render"):
        LoadShards(path=str(path))(frame=2)


def test_five_classes_stay_five(tmp_path: Path) -> None:
    arrays = frame_arrays(1)
    arrays["labels"] %= 5
    path = write_shard(tmp_path / "five.npz", [arrays], classes=list(SIX_CLASSES[:5]))
    labels = LoadShards(path=str(path))(frame=1)[2]
    assert (labels.classes, labels.colors) == (SIX_CLASSES[:5], SIX_COLORS[:5])


def test_a_shard_without_a_pass_is_said(tmp_path: Path) -> None:
    arrays = frame_arrays(1)
    del arrays["glossdir"]
    with pytest.raises(FrameError, match=r"frame 1: it has no glossdir: render the shard again"):
        LoadShards(path=str(write_shard(tmp_path / "thin.npz", [arrays])))(frame=1)


NO_DIRECTION = [[0, 0, 0], "123", [10**400, 0, 1], [1e-200, 0, 0], [1e200, 0, 1e200], [float("nan"), 0, 1], [True, False, False], {"x": 1}]
NO_CAMERA = [[[1, 0], [0, 1]], [[1, 0, 0, 0, 1, 0, 0, 0, 1]], [[x] for x in range(9)], ["100", "010", "001"], [[0, 0, 0]] * 3, 1]
DARK = [NOTE | {"key": {"direction": towards}} for towards in NO_DIRECTION] + [NOTE | {"camera": turned} for turned in NO_CAMERA]


@pytest.mark.parametrize("note", [{}, [], NOTE | {"key": None}, *DARK])
def test_a_note_without_light_or_camera_is_said(note: Any, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"dark\.npz, frame 1: its note needs key\.direction, .*: render the shard again$"):
        LoadShards(path=str(write_shard(tmp_path / "dark.npz", [frame_arrays(1)], note=note)))(frame=1)
