"""EvaluateMatte and the four errors: against plain implementations, by hand, and through a graph."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes import Graph, run
from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.mattes.regions import largest_region
from rotonodes.io.pictures import read_key, write_image
from rotonodes.metrics.matte_errors import connectivity_error, gradient_error, matte_errors, mse, sad
from rotonodes.nodes import EvaluateMatte, LoadMattes
from rotonodes.values.pixels import Matte


def pair(size: int = 20, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A soft disc, and the same with noise, an island and a hole."""
    random = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size) - 9, torch.arange(size) - 8, indexing="ij")
    truth = ((6 - (x * x + y * y).sqrt()) / 4 + 0.5).clamp(0, 1)[None]
    found = (truth + 0.2 * torch.randn(1, size, size, generator=random)).clamp(0, 1)
    found[0, 1:3, 1:4], found[0, 8:10, 8:10] = 0.9, 0.0
    truth[0, 1:3, 1:4] = 0.6
    return found, truth


def flooded(mask: np.ndarray) -> np.ndarray:
    """The largest region by filling from each pixel."""
    best, seen = np.zeros(mask.shape, bool), np.zeros(mask.shape, bool)
    for start in zip(*np.nonzero(mask), strict=True):
        if seen[start]:
            continue
        region, waiting = np.zeros(mask.shape, bool), [start]
        while waiting:
            y, x = waiting.pop()
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x] and not region[y, x]:
                region[y, x] = True
                waiting += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        seen |= region
        best = region if region.sum() > best.sum() else best
    return best


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_largest_region_is_the_one_that_floods_furthest(mask: np.ndarray) -> None:
    assert np.array_equal(largest_region(mask), flooded(mask))


def test_sums_and_means_by_hand() -> None:
    found, truth = torch.tensor([[[0.5, 1.0, 0.0]]]), torch.tensor([[[0.0, 1.0, 1.0]]])
    assert sad(found, truth) == pytest.approx(0.0015)
    assert mse(found, truth) == pytest.approx(1.25 / 3)
    region = torch.tensor([[[True, True, False]]])
    assert sad(found, truth, region) == pytest.approx(0.0005)
    assert mse(found, truth, region) == pytest.approx(0.125)
    assert mse(found, truth, region & False) == 0


def test_gradient_error_is_the_plain_sum() -> None:
    found, truth = pair()
    sigma, reach = 1.4, 4  # the Gaussian has fallen to 0.01 before 4 px

    def bell(x: float) -> float:
        return math.exp(-x * x / (2 * sigma * sigma)) / (sigma * math.sqrt(2 * math.pi))

    kernel = [[bell(v) * -u * bell(u) / sigma**2 for u in range(-reach, reach + 1)] for v in range(-reach, reach + 1)]
    scale = math.sqrt(sum(value * value for row in kernel for value in row))

    def steep(plane: torch.Tensor, y: int, x: int) -> float:
        across = down = 0.0
        for v in range(-reach, reach + 1):
            for u in range(-reach, reach + 1):
                value = float(plane[min(max(y + v, 0), 19), min(max(x + u, 0), 19)]) / scale
                across += value * kernel[v + reach][u + reach]
                down += value * kernel[u + reach][v + reach]
        return math.hypot(across, down)

    region = torch.zeros(1, 20, 20, dtype=torch.bool)
    region[0, :12, 3:] = True
    wanted = sum((steep(found[0], y, x) - steep(truth[0], y, x)) ** 2 for y in range(12) for x in range(3, 20)) / 1000
    assert gradient_error(found, truth, region) == pytest.approx(wanted, rel=1e-4)


def test_connectivity_error_is_the_plain_sum() -> None:
    found, truth = pair()
    p, t = found[0].double().numpy(), truth[0].double().numpy()
    level = -np.ones(p.shape)
    for step in range(1, 11):
        common = flooded((p >= step / 10) & (t >= step / 10))
        level[(level == -1) & ~common] = (step - 1) / 10
    level[level == -1] = 1
    first, second = (1 - (plane - level) * (plane - level >= 0.15) for plane in (p, t))
    assert connectivity_error(found, truth) == pytest.approx(np.abs(first - second).sum() / 1000)
    assert connectivity_error(found, truth) > 0.001


def test_an_island_counts_for_connectivity_and_not_only_for_sad() -> None:
    truth = torch.zeros(1, 16, 16)
    truth[0, 8:, :] = 1
    joined, island = truth.clone(), truth.clone()
    joined[0, 6:8, :4], island[0, 1:3, :4] = 1, 1
    assert sad(joined, truth) == sad(island, truth)
    assert connectivity_error(island, truth) >= connectivity_error(joined, truth) > 0
    assert matte_errors(truth, truth).as_json() == {"sad": 0, "mse": 0, "gradient": 0, "connectivity": 0}


def written(folder: Path, mattes: list[torch.Tensor], name: str) -> str:
    for frame, matte in enumerate(mattes, 1):
        write_image(str(folder / f"{name}.{frame:04d}.exr"), Matte(matte), depth="float")
    return str(folder / f"{name}.####.exr")


def test_the_node_writes_means_and_frames(tmp_path: Path) -> None:
    mattes = [pair(seed=seed) for seed in (1, 2)]
    graph = Graph(frames="1-2")
    found = graph.add(LoadMattes(path=written(tmp_path, [m[0] for m in mattes], "found")))
    truth = graph.add(LoadMattes(path=written(tmp_path, [m[1] for m in mattes], "truth")))
    graph.add(EvaluateMatte(path=str(tmp_path / "errors.json")), matte=found, truth=truth)
    assert run(graph, cache="none", device="cpu").exit_code == 0
    said = json.loads((tmp_path / "errors.json").read_text())
    wanted = [matte_errors(*m).as_json() for m in mattes]
    assert said["frames"] == 2
    assert said["by_frame"]["2"] == pytest.approx(wanted[1])
    assert said["mean"]["gradient"] == pytest.approx((wanted[0]["gradient"] + wanted[1]["gradient"]) / 2)
    assert read_key(str(tmp_path / "errors.json"))
    again = run(graph, cache="none", device="cpu")
    assert sum(stats.done for stats in again.stats.values()) == 1
    assert sum(stats.ran for stats in again.stats.values()) == 0


def test_a_trimap_says_what_counts(tmp_path: Path) -> None:
    found, truth = (Matte(plane) for plane in pair())
    trimap = torch.zeros(1, 20, 20)
    trimap[0, :, 10:] = 0.5
    report = EvaluateMatte(path=str(tmp_path / "errors.json"))([found], [truth], trimap=[Matte(trimap)])
    right = (plane.data[:, :, 10:] for plane in (found, truth))
    assert json.loads((tmp_path / "errors.json").read_text())["mean"]["sad"] == report.mean["sad"] == pytest.approx(sad(*right))
    assert EvaluateMatte()([found], [truth], trimap=[Matte(trimap)]) == report  # without a file, too


def test_mattes_that_cannot_be_compared_are_refused_in_one_line(tmp_path: Path) -> None:
    node = EvaluateMatte(path=str(tmp_path / "errors.json"))
    small, large = Matte(torch.zeros(1, 4, 5)), Matte(torch.zeros(1, 6, 5))
    with pytest.raises(FrameError, match=r"^frame 1: the matte is 5 x 4, the truth 5 x 6: render one of them again, or reformat it$"):
        node([small], [large])
    with pytest.raises(FrameError, match=r"^frame 1: the trimap is 5 x 4, the truth 5 x 6"):
        node([large], [large], trimap=[small])
    broken = large.data.clone()
    broken[0, 2, 3] = math.nan
    with pytest.raises(FrameError, match=r"^frame 2: the matte is not a number at x 3, y 2$"):
        node([large, Matte(broken)], [large, large])
    with pytest.raises(UsageError, match=r"^the frames to compare are 2 of `matte`, 1 of `truth`: give as many of each"):
        node([large, large], [large])
    assert not list(tmp_path.iterdir())
