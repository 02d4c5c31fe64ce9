"""EstimateForeground: against the paper's formulas written out, and the halo that is there without it."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.mattes.foreground import FAR, NEAR, blur_fusion, multi_level
from rotonodes.nodes import Composite, EstimateForeground
from rotonodes.values.pixels import Image, Matte


def scene(height: int = 40, width: int = 56, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A red shape with a wide soft edge before a green wall, brighter than 1 in places: picture, alpha, true foreground."""
    y, x = torch.meshgrid(torch.arange(height) - height / 2, torch.arange(width) - width / 2, indexing="ij")
    alpha = ((12 - (x * x + y * y).sqrt()) / 8 + 0.5).clamp(0, 1)[None]
    noise = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed)) * 0.02
    front = torch.stack([1.6 + 0.01 * x, 0.1 + 0 * x, 0.2 + 0.002 * y]) + noise
    back = torch.stack([0.05 + 0 * x, 0.9 + 0.01 * y, 0.1 + 0 * x]) + noise
    return alpha * front + (1 - alpha) * back, alpha, front


def fused_plainly(color: torch.Tensor, alpha: torch.Tensor, least: torch.Tensor | None = None) -> torch.Tensor:
    """Blur-fusion pixel by pixel, as Forte and Pitié write it, with windows that end at the frame's edge; `least` is 0 if not given."""
    floor = (torch.zeros_like(color) if least is None else least).double()
    front, back = color.double(), color.double()
    image, a = color.double(), alpha[0].double()
    for radius in (FAR, NEAR):
        new_front, new_back = torch.empty_like(front), torch.empty_like(back)
        area = (2 * radius + 1) ** 2
        for y in range(color.shape[1]):
            for x in range(color.shape[2]):
                window = (slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1))
                weight = a[window]
                mean_f = (weight * front[:, *window]).sum((1, 2)) / area / (weight.sum() / area + 1e-5)
                mean_b = ((1 - weight) * back[:, *window]).sum((1, 2)) / area / ((1 - weight).sum() / area + 1e-5)
                rest = image[:, y, x] - a[y, x] * mean_f - (1 - a[y, x]) * mean_b
                new_front[:, y, x] = torch.maximum(mean_f + a[y, x] * rest, floor[:, y, x])
                new_back[:, y, x] = torch.maximum(mean_b + (1 - a[y, x]) * rest, floor[:, y, x])
        front, back = new_front, new_back
    return front


def test_blur_fusion_is_the_papers() -> None:
    color, alpha, _ = scene()
    soft = ((alpha > 0) & (alpha < 1))[0]
    plain = fused_plainly(color, alpha).float()
    torch.testing.assert_close(blur_fusion(color, alpha, block=1)[:, soft], plain[:, soft], atol=2e-4, rtol=2e-4)
    assert (blur_fusion(color, alpha) - plain)[:, soft].abs().mean() < 5e-3


@pytest.mark.parametrize("gap", [0, 9, 40])
def test_blur_fusion_is_the_papers_up_to_the_frames_edge_and_across_gaps(gap: int) -> None:
    """Soft in every pixel but a gap: windows end at the frame's edge, columns far apart are worked on together, light may be below 0."""
    color, _, _ = scene(52, 64)
    color = color - 0.1
    alpha = 0.05 + 0.9 * torch.rand(1, 52, 64, generator=torch.Generator().manual_seed(2))
    alpha[:, :, 20 : 20 + gap] = 1
    alpha[:, 50, 20] = 0.5
    soft = ((alpha > 0) & (alpha < 1))[0]
    plain = fused_plainly(color, alpha, color.clamp(max=0)).float()
    torch.testing.assert_close(blur_fusion(color, alpha, block=1)[:, soft], plain[:, soft], atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("alpha", [1e-4, 2e-5, 3e-6])
def test_a_foreground_of_which_next_to_nothing_is_seen_fades_as_the_papers(alpha: float) -> None:
    """The weights' least, 1e-5 of a window, decides: the paper's in both windows."""
    color = torch.full((3, 14, 15), 0.5)
    covered = torch.full((1, 14, 15), alpha)
    plain = fused_plainly(color, covered)[:, 7, 7]
    found = blur_fusion(color, covered, block=1)[:, 7, 7]
    torch.testing.assert_close(found.double(), plain, rtol=2e-3, atol=0)


def test_only_soft_pixels_change() -> None:
    color, alpha, _ = scene()
    color[:, 0, 0] = torch.nan
    for estimate in (blur_fusion, multi_level):
        found = estimate(color, alpha)
        hard = ((alpha == 0) | (alpha == 1))[0]
        assert torch.equal(found[:, hard].nan_to_num(9), color[:, hard].nan_to_num(9))
        assert found[:, ~hard].isfinite().all()
        assert estimate(color, (alpha > 0.5).float()) is color


@pytest.mark.parametrize("estimate", [blur_fusion, multi_level])
def test_the_foreground_is_found_at_any_brightness(estimate: object) -> None:
    color, alpha, front = scene()
    for gain in (1.0, 40.0):
        found = estimate(gain * color, alpha) / gain  # type: ignore[operator]
        wrong = (alpha * (found - front)).abs().mean(dim=0)[(alpha[0] > 0.05) & (alpha[0] < 1)]
        assert wrong.mean() < 0.03
        assert (alpha * (color - front)).abs().mean(dim=0)[(alpha[0] > 0.05) & (alpha[0] < 1)].mean() > 0.1


def test_no_halo_on_a_new_background() -> None:
    """C = a F + (1 - a) B: on black and on white, most of the green wall is gone from the edge; without estimation it is there."""
    color, alpha, front = scene()
    picture, matte = Image(color), Matte(alpha)
    for light in (0.0, 1.0):
        wall = Image(torch.full_like(color, light))
        truth = alpha * front + (1 - alpha) * light
        made = Composite()(EstimateForeground()(picture, matte), wall).data[:3]
        halo = Composite()(picture, wall, mask=matte).data[:3]
        soft = (alpha[0] > 0) & (alpha[0] < 1)
        assert (halo - truth)[1, soft].abs().mean() > 0.08
        assert (made - truth)[1, soft].abs().mean() < 0.25 * (halo - truth)[1, soft].abs().mean()


def test_the_node_answers_premultiplied_with_the_matte_as_alpha() -> None:
    color, alpha, _ = scene()
    depth = torch.rand(1, 40, 56)
    image = Image(torch.cat([depth, color]), ("Z", "R", "G", "B"), origin=(1, 2), size=(60, 50))
    wide = torch.zeros(1, 50, 60)
    wide[:, 2:42, 1:57] = alpha
    made = EstimateForeground()(image, Matte(wide))
    assert (made.channels, made.box, made.size) == (("Z", "R", "G", "B", "A"), image.box, image.size)
    assert torch.equal(made.alpha, alpha)
    assert torch.equal(made.plane("Z"), depth)
    inside, outside = (alpha == 1)[0], (alpha == 0)[0]
    assert torch.equal(made.color[:, inside], color[:, inside])
    assert made.color[:, outside].eq(0).all()
    again = EstimateForeground(method="multi_level")(made, Matte(wide))
    assert again.channels == made.channels


def test_multi_level_says_how_to_install_pymatting(monkeypatch: pytest.MonkeyPatch) -> None:
    color, alpha, _ = scene()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r'^the multi-level foreground needs pymatting, which is not installed: pip install "rotonodes\[matting\]"$'
    ):
        EstimateForeground(method="multi_level")(Image(color), Matte(alpha))


def test_a_matte_of_another_size_is_refused() -> None:
    color, _, _ = scene()
    with pytest.raises(FrameError, match="the matte is 5 x 4, the picture 56 x 40: crop or reformat one of them"):
        EstimateForeground()(Image(color), Matte(torch.ones(1, 4, 5)))
