"""Samples of files <-> pixels of links: every code comes back, and rounding is half up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rotonodes.io.samples import decode, encode
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
