"""SolveAlpha: known pixels stay, mixtures are taken apart in linear light, and it does so without pymatting too."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest
import torch

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.mattes.alpha import closed_form, guided
from rotonodes.nodes import SolveAlpha
from rotonodes.values.color import linear_to_srgb
from rotonodes.values.pixels import Image, Matte

Method = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
METHODS = pytest.mark.parametrize("method", [closed_form, guided], ids=["closed_form", "guided"])


def fringe(size: int = 48) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A dark disc with a soft, uneven edge before a bright wall that changes slowly: linear picture, alpha, trimap."""
    y, x = torch.meshgrid(torch.arange(size) / size - 0.5, torch.arange(size) / size - 0.5, indexing="ij")
    angle = torch.atan2(y, x)
    far = (x * x + y * y).sqrt() * size
    alpha = ((size * 0.3 - far + 3 * torch.sin(9 * angle)) / 6 + 0.5).clamp(0, 1)[None]
    front = torch.stack([0.05 + 0.02 * x, 0.04 + 0 * x, 0.08 + 0.02 * y])
    back = torch.stack([0.9 + 0.1 * x, 0.7 + 0.3 * y, 0.3 + 0 * x])
    known = (far < size * 0.3 - 7).float()
    trimap = torch.where(far > size * 0.3 + 7, 0.0, torch.where(known > 0, 1.0, 0.5))[None]
    return alpha * front + (1 - alpha) * back, alpha, trimap


def error(found: torch.Tensor, alpha: torch.Tensor, trimap: torch.Tensor) -> float:
    return float((found - alpha)[trimap == 0.5].square().mean())


@METHODS
def test_alpha_is_found_in_linear_light(method: Method) -> None:
    color, alpha, trimap = fringe()
    found = method(color, trimap)
    assert error(found, alpha, trimap) < 5e-4
    assert error((alpha > 0.5).float(), alpha, trimap) > 1e-2
    assert error(method(linear_to_srgb(color), trimap), alpha, trimap) > 5 * error(found, alpha, trimap)


@METHODS
def test_known_pixels_beyond_0_and_1_count_as_these(method: Method) -> None:
    """What they hold they keep, and what is unknown between them is solved as ever."""
    color, _, trimap = fringe()
    wild = torch.where(trimap == 1, 3.0, torch.where(trimap == 0, -2.0, trimap))
    found, unknown = method(color, wild), trimap == 0.5
    assert torch.equal(found[~unknown], wild[~unknown])
    assert torch.equal(found[unknown], method(color, trimap)[unknown])


@METHODS
def test_known_pixels_keep_their_values(method: Method) -> None:
    color, _, trimap = fringe()
    trimap = torch.where(trimap == 1, 0.97, torch.where(trimap == 0, 0.0123, trimap))
    found = method(color, trimap)
    sure = trimap != 0.5
    assert torch.equal(found[sure], trimap[sure])
    assert found.min() >= 0
    assert found.max() <= 1
    untouched = trimap.where(sure, 0.0)
    assert torch.equal(method(color, untouched), untouched)


@METHODS
def test_exposure_does_not_matter(method: Method) -> None:
    color, _, trimap = fringe()
    for gain in (1 / 64, 64):
        torch.testing.assert_close(method(color * gain, trimap), method(color, trimap), atol=1e-4, rtol=0)


@METHODS
def test_pixels_without_light_and_odd_frames(method: Method) -> None:
    color, alpha, trimap = fringe()
    color[:, 20, 30], color[0, 0, 0], color[:, 40, 40] = torch.nan, torch.inf, 1e6
    found = method(color, trimap)
    assert found.isfinite().all()
    assert error(found, alpha, trimap) < 1e-2
    assert method(torch.zeros(3, 1, 1), torch.full((1, 1, 1), 1.0)).tolist() == [[[1.0]]]
    row = method(torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]).expand(3, 1, 5), torch.tensor([[[0, 0, 0.5, 1, 1]]]))
    assert row[0, 0].tolist() == pytest.approx([0, 0, 0.5, 1, 1], abs=0.02)


@METHODS
def test_a_frame_without_background_is_all_foreground(method: Method) -> None:
    color, _, trimap = fringe()
    assert torch.allclose(method(color, trimap.clamp(min=0.5)), torch.ones_like(trimap), atol=1e-3)
    with pytest.raises(FrameError, match=r"the trimap has no foreground \(1\) to solve alpha from: erode less"):
        method(color, trimap.clamp(max=0.5))


def test_guided_reaches_further_than_its_windows() -> None:
    """Where a window sees the background only, what is known of the foreground elsewhere still counts."""
    color, alpha, trimap = fringe(96)
    trimap = torch.where((trimap == 1) & (torch.arange(96) < 40), 1.0, torch.where(trimap == 0, 0.0, 0.5))
    assert error(guided(color, trimap, radius=4), alpha, trimap) < 5e-3
    assert error(guided(color, trimap, radius=40), alpha, trimap) < 5e-3


def test_the_node_takes_pictures_of_any_channels() -> None:
    color, alpha, trimap = fringe()
    mixed = Image(torch.cat([color, torch.ones(1, 48, 48)]), origin=(2, 1), size=(51, 50))
    wide = torch.zeros(1, 50, 51)
    wide[:, 1:49, 2:50] = trimap
    made = SolveAlpha(method="guided")(mixed, Matte(wide)).data[:, 1:49, 2:50]
    assert error(made, alpha, trimap) < 2e-3
    for planes in (color[:1], color[:2]):
        found = SolveAlpha(method="guided")(Image(planes, ("Y", "Z")[: len(planes)]), Matte(trimap)).data
        assert error(found, alpha, trimap) < 5e-3


def test_a_trimap_of_another_size_is_refused() -> None:
    with pytest.raises(FrameError, match="the trimap is 4 x 4, the picture 48 x 48: crop or reformat one of them"):
        SolveAlpha()(Image(fringe()[0]), Matte(torch.ones(1, 4, 4)))


def test_without_pymatting(monkeypatch: pytest.MonkeyPatch) -> None:
    color, _, trimap = fringe(24)
    assert SolveAlpha().method == "closed_form"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert SolveAlpha().method == "guided"
    with pytest.raises(
        UsageError, match=r'^the closed form of alpha needs pymatting, which is not installed: pip install "rotonodes\[matting\]"$'
    ):
        SolveAlpha(method="closed_form")(Image(color), Matte(trimap))


@pytest.mark.parametrize("method", ["guided", "closed_form"])
def test_alpha_stays_within_0_and_1(method: str) -> None:
    """Unknown pixels brighter than all known foreground, and darker than all known background."""
    x = torch.arange(60).expand(24, 60)
    trimap = torch.where(x < 20, 0.0, torch.where(x >= 40, 1.0, 0.5))[None]
    light = torch.where(x < 20, 0.2, torch.where(x >= 40, 0.6, 0.4)).clone()
    light[:, 26:30], light[:, 31:35] = 0.0, 1.0
    alpha = SolveAlpha(method=method)(Image(light.expand(3, -1, -1).contiguous()), Matte(trimap)).data
    assert alpha.min() >= 0 and alpha.max() <= 1
    if method == "guided":
        assert float(alpha[:, :, 31:35].min()) == 1 and float(alpha[:, :, 26:30].max()) == 0
    assert torch.equal(alpha[trimap != 0.5], trimap[trimap != 0.5])
