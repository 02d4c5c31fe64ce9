"""Samples of files <-> pixels of links: every code comes back, and rounding is half up."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from rotonodes.io import samples as io_samples
from rotonodes.io.samples import decode, encode, put_srgb_codes, srgb_codes
from rotonodes.values.pixels import Image, Matte


@pytest.mark.parametrize("colorspace", ["srgb", "linear", "raw"])
@pytest.mark.parametrize(("depth", "top", "kind"), [("8", 255, np.uint8), ("16", 65535, np.uint16)])
def test_every_code_comes_back_from_its_pixel(depth: Any, top: int, kind: Any, colorspace: Any) -> None:
    codes = np.arange(top + 1, dtype=kind).reshape(1, -1, 1)
    image = decode(codes, colorspace)
    assert (float(image.data.min()), float(image.data.max())) == (0, 1)
    assert (image.data.diff() > 0).all()
    assert np.array_equal(encode(image.with_data(image.data.clone()), depth, colorspace), codes)


@pytest.mark.parametrize(("depth", "top"), [("8", 255), ("16", 65535)])
def test_values_are_clamped_and_rounded_half_up(depth: Any, top: int) -> None:
    values = torch.tensor(
        [-1.0, 0.0, 0.49 / top, 0.51 / top, 1 - 0.51 / top, 1 - 0.49 / top, 1.0, 7.0, float("inf"), -float("inf"), float("nan")]
    )
    codes = encode(Matte(values.view(1, 1, -1)), depth, "raw").ravel().tolist()
    assert codes == [0, 0, 0, 1, top - 1, top, top, top, top, 0, 0]


@pytest.mark.parametrize("kind", [np.uint32, np.int16, np.int32, np.uint64])
def test_whole_numbers_of_other_widths_reach_from_0_to_1(kind: Any) -> None:
    top = np.iinfo(kind).max
    image = decode(np.array([[[0], [top // 2], [top]]], kind), "raw")
    assert image.data.ravel().tolist() == pytest.approx([0, 0.5, 1], abs=1e-4)
    assert image.encoded is not None and image.encoded.samples.dtype == kind
    curved = decode(np.array([[[0], [top // 2], [top]]], kind), "srgb")
    assert curved.data.ravel().tolist() == pytest.approx([0, ((0.5 + 0.055) / 1.055) ** 2.4, 1], abs=1e-4)


def test_alpha_of_whole_numbers_is_straight_and_of_floats_premultiplied() -> None:
    straight = decode(np.array([[[65535, 0, 32768, 32768]]], np.uint16), "linear")
    assert straight.data.ravel().tolist() == pytest.approx([0.5, 0, 0.25, 0.5], abs=1e-4)
    premultiplied = decode(np.array([[[0.5, 0, 0.25, 0.5]]], np.float32), "linear", premultiplied=True)
    assert premultiplied.data.ravel().tolist() == [0.5, 0, 0.25, 0.5]
    assert encode(Image(premultiplied.data), "16", "linear").ravel().tolist() == [65535, 0, 32768, 32768]
    wide = decode(np.array([[[2**32 - 1, 0, 2**31, 2**31]]], np.uint32), "linear")
    assert wide.data.ravel().tolist() == pytest.approx([0.5, 0, 0.25, 0.5], abs=1e-4)


def test_8_bit_samples_are_made_once_for_all_files_of_a_picture() -> None:
    shaded = Image(torch.rand(4, 3, 5), ("R", "G", "B", "A"))
    assert encode(shaded, "8", "srgb") is encode(shaded, "8", "srgb")
    assert encode(shaded, "8", "srgb").shape != encode(shaded, "8", "srgb", alpha=False).shape
    opaque, matte = Image(torch.rand(3, 3, 5)), Matte(torch.rand(1, 3, 5))
    assert encode(opaque, "8", "srgb") is encode(opaque, "8", "srgb", alpha=False)
    assert encode(matte, "8", "raw") is encode(matte, "8", "srgb")
    with pytest.raises(ValueError, match="read-only"):
        encode(shaded, "8", "srgb")[0, 0] = 0
    read = decode(np.zeros((2, 2, 3), np.uint8), "srgb")
    assert np.shares_memory(encode(read, "8", "srgb"), read.encoded.samples) and read.encoded.samples.flags.writeable
    assert encode(Image(torch.zeros(4, 0, 5), ("R", "G", "B", "A")), "8", "srgb").shape == (0, 5, 4)


def srgb_formula(values: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 in float64, rounded half up."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        linear = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
    curved = np.where(linear <= 0.04045 / 12.92, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.floor(curved * 255 + 0.5).astype(np.uint8)


def test_srgb_codes_are_the_formula_for_every_kind_of_float() -> None:
    half = (np.arange(255) + 0.5) / 255
    exact = np.where(half <= 0.04045, half / 12.92, ((half + 0.055) / 1.055) ** 2.4)
    limits = exact.astype(np.float32)
    bits = np.unique(np.concatenate([limits.view(np.uint32)[:, None] + np.arange(-2, 3)]).ravel()).astype(np.uint32)
    sure = bits[np.abs(bits[:, None].astype(np.int64) - limits.view(np.uint32)).min(axis=1) > 0].view(np.float32)  # not the limit itself
    upper = (np.arange(1 << 16, dtype=np.uint32) << 16)[:, None] | np.array([0, 1, 0x7FFF, 0xFFFF], np.uint32)
    everything = upper.ravel().view(np.float32)  # every sign and exponent, infinities, NaN, numbers below the smallest normal one
    from_limits = np.empty((1, 255), np.uint8)  # rounded half up: a limit begins its code
    above = np.where(limits < exact, np.nextafter(limits, np.float32(2)), limits)
    put_srgb_codes(above[None], from_limits)
    assert (from_limits[0] == np.arange(1, 256)).all()
    for values in (sure, everything):
        codes = np.empty((1, len(values)), np.uint8)
        put_srgb_codes(values[None], codes)
        assert (codes[0] == srgb_formula(values)).all()
        assert (srgb_codes(torch.from_numpy(values.copy())).numpy() == codes[0]).all()


def test_a_bucket_of_floats_holds_one_limit() -> None:
    half = (np.arange(255) + 0.5) / 255
    limits = np.where(half <= 0.04045, half / 12.92, ((half + 0.055) / 1.055) ** 2.4).astype(np.float32)
    assert len(np.unique(limits.view(np.uint32) >> 16)) == 255


def test_two_writers_at_once_encode_a_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, begun = Image(torch.rand(4, 8, 8)), threading.Barrier(2)
    made: list[int] = []

    def slowly(*given: Any) -> np.ndarray:
        made.append(1)
        time.sleep(0.05)
        return samples(*given)

    samples = io_samples._samples
    monkeypatch.setattr(io_samples, "_samples", slowly)

    def write() -> np.ndarray:
        begun.wait()
        return encode(picture, "8", "srgb")

    with ThreadPoolExecutor(2) as pool:
        one, other = [future.result() for future in [pool.submit(write), pool.submit(write)]]
    assert len(made) == 1 and one is other
