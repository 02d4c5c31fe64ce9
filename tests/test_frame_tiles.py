"""Tiles of large frames: the same as the whole frame, chosen by size, network and limit alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes.nets.frame_tiles import GIGABYTE, frame_bytes, pixels_of, reach_of, tiles_of
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import CutOut, UNetSegment

PLAIN = {"widths": [4, 6]}
CONFIGS = {
    "plain": PLAIN,
    "deep": {"widths": [3, 4, 5, 6]},
    "patch": {"widths": [4, 6], "patch": 2, "refine": 3},
    "attention": {"widths": [4, 6, 8], "attention": True},
    "separable": {"widths": [4, 6], "block": "separable"},
    "narrow": {"widths": [4, 6, 8], "narrow_first": True},
    "odd sizes": {"widths": [4, 6, 8], "odd": "zeros"},
}


def model(config: dict) -> Model:
    torch.manual_seed(5)
    config = {"in_channels": 3, "classes": 3, **config}
    network = build("unet", config)
    multiple = int(network.size_multiple)
    return Model("unet", config, ("a", "b", "c"), ("#000000",) * 3, size_multiple=multiple, state=network.state_dict())


def limit_for(config: dict, pixels: int) -> float:
    """A limit at which so many pixels just fit."""
    return frame_bytes(config, pixels) * 1.0001 / GIGABYTE


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_tiles_make_what_the_whole_frame_makes(name: str, precision: str) -> None:
    known = model(CONFIGS[name])
    whole = Segmenter(known, precision=precision)
    for height, width in ((250, 331), (512, 384)):
        frame = torch.rand(1, 3, height, width)
        cut = Segmenter(known, precision=precision, limit=limit_for(known.config, height * width // 2))
        assert len(cut._frame_tiles(height, width)) > 1
        assert torch.equal(cut(frame), whole(frame))


@pytest.mark.parametrize("name", CONFIGS)
def test_the_reach_is_a_bound(name: str) -> None:
    """One pixel that is changed changes no logit farther away than that."""
    known = model(CONFIGS[name])
    reach = reach_of("unet", known.config)
    assert reach is not None
    network = Segmenter(known)
    side = 2 * reach + 64
    side += -side % 16
    frame = torch.rand(1, 3, side, side)
    for at in (side // 2, side // 2 + 5):
        other = frame.clone()
        other[..., at, at] = 40.0
        changed = (network._logits(frame) != network._logits(other)).any(dim=1)[0].nonzero()
        assert len(changed) and int((changed - at).abs().max()) <= reach


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("u2net", {"variant": "u2netp"}),
        ("unet", {"context": True}),
        ("unet", {"norm": "group"}),
        ("unet", {"upsampling": "bilinear"}),
        ("unet", {"odd": "resize"}),
    ],
)
def test_networks_that_see_the_whole_frame_are_not_cut(architecture: str, config: dict) -> None:
    assert reach_of(architecture, config) is None
    assert tiles_of(8000, 8000, architecture, config, 0.001) == []


@settings(max_examples=60)
@given(
    width=st.integers(1, 9000),
    height=st.integers(1, 9000),
    name=st.sampled_from(sorted(CONFIGS)),
    limit=st.floats(0.001, 2),
)
def test_tiles_cover_a_frame_once_with_what_is_around_them(width: int, height: int, name: str, limit: float) -> None:
    config = CONFIGS[name]
    tiles = tiles_of(width, height, "unet", config, limit)
    if frame_bytes(config, width * height) <= limit * GIGABYTE:
        assert tiles == []
        return
    if not tiles:  # too small for its margins
        return
    reach = reach_of("unet", config)
    assert reach is not None
    assert sum(pixels_of(*tile.kept) for tile in tiles) == width * height
    assert len({(tile.kept[0].start, tile.kept[1].start) for tile in tiles}) == len(tiles)
    unit = int(config.get("patch", 1)) << (len(config["widths"]) - 1)
    for kept, seen in tiles:
        for inner, outer, side in zip(kept, seen, (height, width), strict=True):
            assert outer.start % unit == inner.start % unit == 0
            assert outer.start == 0 or outer.start <= inner.start - reach
            assert outer.stop == side or outer.stop >= inner.stop + reach
    assert tiles == tiles_of(width, height, "unet", config, limit)


def test_a_large_frame_keeps_within_the_limit() -> None:
    config = {"widths": [64, 128, 256, 320], "patch": 4, "refine": 12}  # of weights/tones_unet.safetensors
    assert tiles_of(4096, 2160, "unet", config, 4.0) == [], "what fits is not cut"
    assert frame_bytes(config, 7680 * 4320) > 10 * GIGABYTE
    tiles = tiles_of(7680, 4320, "unet", config, 4.0)
    assert max(frame_bytes(config, pixels_of(*tile.seen)) for tile in tiles) <= 4 * GIGABYTE
    assert sum(pixels_of(*tile.seen) for tile in tiles) < 1.25 * 7680 * 4320


def test_nodes_cut_large_frames_and_plan_so(tmp_path) -> None:
    known = model(PLAIN)
    file = str(tmp_path / "net.safetensors")
    save_weights(known, file, "float32")
    limit = limit_for(PLAIN, 20_000)
    whole, cut = UNetSegment(weights=file, memory=0), UNetSegment(weights=file, memory=limit)
    assert cut.working_bytes(200, 300) <= limit * GIGABYTE < whole.working_bytes(200, 300)
    assert UNetSegment(weights=file).working_bytes(200, 300) == whole.working_bytes(200, 300)
    assert cut.prepare("cpu").limit == CutOut(weights=file, memory=limit).prepare("cpu").limit == limit
