"""One key light for a whole shot: the direction that most frames agree on, and frames shaded by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rotonodes import Graph
from rotonodes.imaging.passes.key_light import common_direction, moves_smoothly
from rotonodes.nodes import FindKeyLight, LoadFrames, MeasureKeyLight
from rotonodes.plan.keys import Keys
from rotonodes.values.pixels import Box, Clip, Layers
from rotonodes.values.tones import LightDirection

KEY, OTHER = np.array([0.48, -0.6, 0.64]), np.array([-0.8, 0.0, 0.6])
HEADER = {"note": '{"camera": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}'}


def sphere(towards: np.ndarray, seed: int = 0, size: int = 48) -> Layers:
    """A sphere under one light and an even fill, with some noise."""
    y, x = np.meshgrid(np.linspace(1, -1, size), np.linspace(-1, 1, size), indexing="ij")
    inside = x * x + y * y < 0.95
    normal = np.where(inside, np.stack([x, y, np.sqrt(np.clip(1 - x * x - y * y, 0, 1))]), 0).astype(np.float32)
    light = 0.05 + np.clip(np.tensordot(towards, normal, 1), 0, None)
    light = np.where(inside, light * np.random.default_rng(seed).normal(1, 0.02, light.shape), 0).astype(np.float32)
    planes = {f"DiffDir.{c}": light for c in "RGB"} | {f"Normal.{a}": normal[i] for i, a in enumerate("XYZ")}
    planes["Depth.Z"] = np.where(inside, 4, 1e10).astype(np.float32)
    return Layers(planes, Box(0, 0, size, size), (size, size), HEADER)


def degrees(direction: tuple[float, ...]) -> float:
    return float(np.degrees(np.arccos(np.clip(np.dot(direction, KEY), -1, 1))))


def test_frames_with_another_light_are_outvoted() -> None:
    frames = [sphere(KEY, seed) for seed in range(3)] + [sphere(OTHER, 3)]
    found = MeasureKeyLight()(Clip.of(frames))
    assert degrees(found.direction) < 4
    assert LightDirection.unpack(found.pack()) == found


def test_some_frames_of_a_long_shot_are_measured() -> None:
    """The first, the last and as evenly between as can be; all of them where that is asked for, or where frames are named."""
    shot = [sphere(KEY, frame, 24) if frame in (0, 5, 10) else sphere(OTHER, frame, 24) for frame in range(11)]
    clip = Clip.of(shot, range(101, 112))
    assert degrees(MeasureKeyLight(samples=3)(clip).direction) < 6
    for every in (MeasureKeyLight(samples=0), MeasureKeyLight(samples=3, frames="101-111")):
        assert degrees(every(clip).direction) > 60
    assert list(MeasureKeyLight(samples=3).frames_of_clip(range(101, 112))) == [101, 106, 111]
    assert len(MeasureKeyLight().frames_of_clip(range(1000))) < 10


def test_other_frames_are_not_even_read() -> None:
    graph = Graph(frames="1-40")
    graph.add(MeasureKeyLight(samples=4), "light", layers=graph.add(LoadFrames(path="a.####.exr"), "render").layers)
    keys = Keys(graph, {name: vertex.node for name, vertex in graph.vertices.items()}, tuple(range(1, 41)), (7,), str)
    assert keys.clip_frames("light") == (1, 14, 27, 40)
    assert [task for task in keys.tasks("light", None) if task[0] == "render"] == [("render", frame) for frame in (1, 14, 27, 40)]


def turned(angle: float) -> np.ndarray:
    return np.array([np.sin(np.radians(angle)), 0, np.cos(np.radians(angle))])


@pytest.fixture()
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from rotonodes.node.annotations import Monitor

    lines: list[str] = []
    for kind in ("warn", "note"):
        monkeypatch.setattr(Monitor, kind, lambda self, text: lines.append(text))
    return lines


def test_frames_that_do_not_agree_are_said(said: list[str]) -> None:
    found = MeasureKeyLight()(Clip.of([sphere(turned(angle), size=24) for angle in (0, 80, -60, 50, -90)]))
    assert len(said) == 1 and said[0].startswith("only 1 of 5 frames agree on the key light: ")
    assert not found.moves and found.direction


def test_a_light_that_moves_is_looked_for_in_each_frame(said: list[str]) -> None:
    frames = [sphere(turned(angle), size=24) for angle in range(-60, 61, 20)]
    found = MeasureKeyLight(samples=5)(Clip.of(frames))
    assert found.moves and LightDirection.unpack(found.pack()) == found
    assert said == ["the key light moves: it is looked for in each frame"]
    for frame in (frames[0], frames[-1]):
        torch.testing.assert_close(FindKeyLight()(frame, light=found).data, FindKeyLight()(frame).data)
    one = LightDirection(found.direction)
    assert not torch.allclose(FindKeyLight()(frames[-1], light=one).data, FindKeyLight()(frames[-1]).data, atol=0.2)


def test_what_moves_goes_one_way_by_small_steps() -> None:
    def moves(*angles: float) -> bool:
        return moves_smoothly([turned(angle) for angle in angles])

    assert moves(0, 12, 24, 36) and moves(80, 40, 0, -40) and moves(0, 15, 10, 40)
    assert not moves(0, 5, 10, 12), "that is one light, measured with noise"
    assert not moves(0, 40, 0, 40) and not moves(0, 0, 0, 90) and not moves(0, 40, 80) and not moves()


def test_a_frame_is_shaded_by_the_light_of_the_shot() -> None:
    """Also the one in which another light would be found; without a light there is no shading."""
    found = MeasureKeyLight()(Clip.of([sphere(KEY, seed) for seed in range(3)]))
    odd, normals = sphere(OTHER), np.stack([sphere(OTHER).planes[f"Normal.{axis}"] for axis in "XYZ"])
    wanted = np.tensordot(found.direction, normals, 1).clip(0, 1)
    alone, together = FindKeyLight()(odd).data[0], FindKeyLight()(odd, light=found).data[0]
    np.testing.assert_allclose(together, wanted, atol=1e-2)
    assert not torch.allclose(alone, together, atol=0.2)
    assert not FindKeyLight()(odd, light=LightDirection()).data.any()


def test_a_shot_without_light_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from rotonodes.node.annotations import Monitor

    said: list[str] = []
    monkeypatch.setattr(Monitor, "warn", lambda self, text: said.append(text))
    dark = sphere(KEY)
    planes = {name: plane * 0 if name.startswith("Diff") else plane for name, plane in dark.planes.items()}
    found = MeasureKeyLight()(Clip.of([Layers(planes, dark.box, dark.size, HEADER)]))
    assert found == LightDirection() and said == ["no frame has a key light that can be found: check the passes DiffDir and Normal"]


def test_the_mean_is_that_of_the_largest_group() -> None:
    turned = [KEY, KEY + 0.02, KEY - 0.02, OTHER, OTHER + 0.01]
    found = common_direction([vector / np.linalg.norm(vector) for vector in turned])
    assert degrees(found) < 1 and common_direction([]) == ()
