"""GIF frames of more than 256 colours: nearer than Pillow's median cut, flat colours exact, and still where the clip is still."""

import io

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes.io import gif
from rotonodes.io.gif_colors import KeptPalette, cell_numbers, counted, cut, nearest, refined


def packed(frame: np.ndarray) -> np.ndarray:
    """Pixels 0xffbbggrr of RGB `[H, W, 3]`."""
    return np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)]).view("<u4")[..., 0]


def ground(side: int = 160, seed: int = 0, light: float = 1.0) -> np.ndarray:
    """A shaded, noisy picture of many thousand colours."""
    y, x = np.mgrid[:side, :side] / side
    shades = np.stack([np.sin(3 * x) ** 2, y * (1 - x), np.cos(2 * x * y)], -1) * 200 * light
    return np.clip(shades + np.random.default_rng(seed).normal(20, 6, (side, side, 1)), 0, 255).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


def decoded(frames: list[np.ndarray]) -> list[np.ndarray]:
    buffer = io.BytesIO()
    with gif.GifWriter(buffer, frames[0].shape[1::-1], 10) as writer:
        for frame in frames:
            writer.add(frame)
    with PIL.Image.open(buffer) as picture:
        found = []
        for number in range(picture.n_frames):
            picture.seek(number)
            found.append(np.array(picture.convert("RGB")))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_it_is_nearer_than_median_cut(seed: int) -> None:
    frame = ground(seed=seed)
    cut_by_pillow = PIL.Image.fromarray(frame).quantize(256, PIL.Image.Quantize.MEDIANCUT, dither=PIL.Image.Dither.NONE)
    (found,) = decoded([frame])
    assert psnr(found, frame) > psnr(np.array(cut_by_pillow.convert("RGB")), frame) + 1


def test_flat_colours_on_a_photographic_ground_stay_exact() -> None:
    frame = ground()
    tones = [(43, 45, 66), (61, 64, 91), (62, 64, 91), (224, 164, 88), (255, 244, 214)]  # two of them in one cell, one code apart
    for number, tone in enumerate(tones):
        frame[20 + 20 * number : 38 + 20 * number, 30:90] = tone
    for found in decoded([frame, frame[::-1].copy()]):
        there = {tuple(map(int, color)) for color in np.unique(found.reshape(-1, 3), axis=0)}
        assert {tones[0], tones[3], tones[4]} <= there and {tones[1], tones[2]} & there
    assert (decoded([frame])[0][22:36, 32:88] == tones[0]).all()


def test_what_stands_still_does_not_flicker() -> None:
    still = ground()
    frames = []
    for number in range(8):
        frame = still.copy()
        frame[10 * number : 10 * number + 40, 60:100] = ground(40, seed=5 + number, light=1.2)
        frames.append(frame)
    found = decoded(frames)
    for number in range(1, 8):
        unchanged = (frames[number] == frames[number - 1]).all(axis=-1)
        assert unchanged.sum() > still.shape[0] ** 2 / 2
        assert (found[number][unchanged] == found[number - 1][unchanged]).all()


def test_a_palette_is_kept_while_it_is_good_and_left_at_a_cut() -> None:
    palette, drawn = KeptPalette(255), np.ones((160, 160), bool)
    first, other = packed(ground(seed=1)), packed(255 - ground(seed=2)[:, ::-1] // 3)
    palette.indices(first, drawn)
    before = palette.table
    palette.indices(packed(ground(seed=3)), drawn)
    assert palette.table is before, "the same scene with other noise"
    found = palette.indices(other, drawn)
    assert palette.table is not before
    alone = KeptPalette(255)
    wanted = alone.indices(other, drawn)
    frame = 255 - ground(seed=2)[:, ::-1] // 3
    assert psnr(palette.table[found], frame) > psnr(alone.table[wanted], frame) - 1


def test_a_slow_change_of_light_is_followed() -> None:
    palette, drawn = KeptPalette(255), np.ones((160, 160), bool)
    for number in range(12):
        frame = ground(light=0.3 + 0.06 * number)
        found = palette.indices(packed(frame), drawn)
        alone = KeptPalette(255)
        wanted = alone.indices(packed(frame), drawn)
        assert psnr(palette.table[found], frame) > psnr(alone.table[wanted], frame) - 1.5


@settings(max_examples=30)
@given(
    side=st.integers(1, 40),
    colors=st.integers(1, 1500),
    seed=st.integers(0, 99),
    share=st.floats(0, 1),
)
def test_any_frame_has_indices_of_the_table(side: int, colors: int, seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    shades = random.integers(0, 256, (colors, 3), np.uint8)
    frame = shades[random.integers(0, colors, (side, side))]
    drawn = random.random((side, side)) < share
    palette = KeptPalette(255)
    found = palette.indices(packed(frame), drawn)
    assert found.shape == (side, side) and found.dtype == np.uint8
    assert len(palette.table) <= 255 and (found < max(len(palette.table), 1)).all()
    if drawn.all() and len(np.unique(frame.reshape(-1, 3), axis=0)) < 30:
        assert np.abs(palette.table[found] - frame).max() <= 4


def test_steps_of_the_palette() -> None:
    sample = packed(np.array([[[8, 8, 8]] * 6 + [[200, 16, 4], [201, 17, 5], [90, 90, 91]]], np.uint8)).ravel() & np.uint32(0xFFFFFF)
    cells = counted(sample)
    assert cells.massive.tolist() == [[8, 8, 8]]
    assert sorted(zip(cells.weights.tolist(), cells.colors.tolist(), strict=True)) == [(1.0, [90, 90, 91]), (2.0, [200.5, 16.5, 4.5])]
    assert cells.numbers.tolist() == np.unique(cell_numbers(sample[6:])).tolist()
    table = refined(cut(cells, 5), cells, 6)
    assert sorted(table.tolist()) == [[8, 8, 8], [90, 90, 91], [200.5, 16.5, 4.5]]
    assert nearest(np.array([[9, 9, 9], [198, 20, 0]], np.float32), table).tolist() == [0, table.tolist().index([200.5, 16.5, 4.5])]
    assert len(cut(cells, 1)) == 1 and len(cut(cells, 0)) == 0
