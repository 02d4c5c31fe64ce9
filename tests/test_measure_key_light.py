"""One key light for a whole shot: the direction that most frames agree on, and frames shaded by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rotonodes import Graph
from rotonodes.imaging.passes.key_light import common_direction
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


def test_frames_that_do_not_agree_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from rotonodes.node.annotations import Monitor

    said: list[str] = []
    monkeypatch.setattr(Monitor, "warn", lambda self, text: said.append(text))
    around = np.radians([-80, -40, 0, 40, 80])
    MeasureKeyLight()(Clip.of([sphere(np.array([np.sin(a), 0, np.cos(a)]), size=24) for a in around]))
    assert len(said) == 1 and said[0].startswith("only 1 of 5 frames agree on the key light: if it moves, ")


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
