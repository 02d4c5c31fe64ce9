"""GIF: every frame exactly as Pillow decodes it, and the clip's time to the hundredth of a second."""

import io
import tracemalloc

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes.errors import FrameError, UsageError
from rotonodes.io import gif

PALETTE = ("#000000", "#ff0000", "#00ff00", "#0000ff", "#ffffff")
COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)


def write(frames, fps=10, **options):
    buffer = io.BytesIO()
    with gif.GifWriter(buffer, frames[0].shape[1::-1], fps, **options) as writer:
        for frame in frames:
            writer.add(frame)
    return buffer.getvalue()


def decode(data):
    """Frames as RGBA and their delays in ms."""
    frames, delays = [], []
    with PIL.Image.open(io.BytesIO(data)) as picture:
        for index in range(picture.n_frames):
            picture.seek(index)
            frames.append(np.array(picture.convert("RGBA")))
            delays.append(picture.info["duration"])
    return frames, delays


def assert_same(found, wanted):
    """Pillow's frames, against RGBA ones."""
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert np.array_equal(a[..., 3], b[..., 3])
        assert np.array_equal(a[..., :3][b[..., 3] > 0], b[..., :3][b[..., 3] > 0])


def rgba(indices, transparent=None):
    alpha = np.where(indices == transparent, 0, 255) if transparent is not None else np.full(indices.shape, 255)
    color = np.where(alpha[..., None] > 0, COLORS[indices], 0)
    return np.concatenate([color, alpha[..., None]], axis=-1).astype(np.uint8)


CLIPS = st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 4), fill=st.integers(0, 4))
)


@settings(max_examples=60, deadline=None)
@given(clip=CLIPS, transparent=st.sampled_from([None, 0, 3]))
def test_indices(clip, transparent):
    found, _ = decode(write(list(clip), palette=PALETTE, transparent=transparent))
    assert_same(found, [rgba(frame, transparent) for frame in clip])


@settings(max_examples=60, deadline=None)
@given(clip=CLIPS, transparent=st.sampled_from([None, 0, 3]))
def test_rgb_and_rgba(clip, transparent):
    frames = [rgba(frame, transparent) for frame in clip]
    found, _ = decode(write(frames if transparent is not None else [frame[..., :3] for frame in frames]))
    assert_same(found, frames)


def test_alpha_has_one_bit():
    frame = np.array([[[9, 9, 9, 127], [9, 9, 9, 128]]], np.uint8)
    (found,), _ = decode(write([frame]))
    assert found[0, :, 3].tolist() == [0, 255]


def test_256_colours_are_exact():
    frame = np.stack([np.arange(256), np.arange(256) ^ 64, np.arange(256)[::-1]], -1).astype(np.uint8).reshape(16, 16, 3)
    other = frame.copy()
    other[3:5, 3:9] = 7
    found, _ = decode(write([frame, other, frame, frame[::-1]]))
    assert all(np.array_equal(a[..., :3], b) for a, b in zip(found, [frame, other, frame, frame[::-1]], strict=True))
    palette = [f"#{v:02x}0000" for v in range(256)]
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found, _ = decode(write([indices, indices.T], palette=palette))
    assert all(np.array_equal(a[..., 0], b) for a, b in zip(found, [indices, indices.T], strict=True))


def test_grey_ramps_are_exact():
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8, 1).repeat(3, axis=2)
    other = ramp.copy()
    other[0, :4] = [[0], [1], [1], [0]]
    other[5, 5] = 200
    found, _ = decode(write([ramp, other, ramp]))
    assert all(np.array_equal(a[..., :3], b) for a, b in zip(found, [ramp, other, ramp], strict=True))


def test_more_colours_are_reduced_but_near():
    y, x = np.mgrid[:64, :64]
    frame = np.stack([x * 4, y * 4, (x + y) * 2], -1).astype(np.uint8)
    (found, other), _ = decode(write([frame, frame[::-1]]))
    assert np.abs(found[..., :3].astype(int) - frame).mean() < 8 and np.abs(other[..., :3].astype(int) - frame[::-1]).mean() < 8


def distinct(count):
    return [np.array([[i % 5, (i + 1) % 5]], np.uint8) for i in range(count)]


@pytest.mark.parametrize(("fps", "first"), [(24, [40, 40, 40, 50, 40]), (25, [40] * 5), (30, [30, 40, 30, 30, 40]), (12.5, [80] * 5)])
def test_timing(fps, first):
    frames = distinct(round(fps * 2))
    _, delays = decode(write(frames, fps, palette=PALETTE))
    assert delays[:5] == first and sum(delays) == 2000 and len(delays) == len(frames)


def test_above_50_fps_frames_give_way_and_the_clip_keeps_its_length():
    _, delays = decode(write(distinct(120), 120, palette=PALETTE))
    assert sum(delays) == 1000 and min(delays) >= 20


def test_equal_neighbours_stay_frames_of_their_own():
    a, b = distinct(2)
    found, delays = decode(write([a, a, a, b, b, a], palette=PALETTE))
    assert len(found) == 6 and delays == [100] * 6


@pytest.mark.parametrize(("loop", "found"), [(0, 0), (1, None), (3, 2)])
def test_loop(loop, found):
    with PIL.Image.open(io.BytesIO(write(distinct(3), loop=loop, palette=PALETTE))) as picture:
        assert picture.info.get("loop") == found


def test_only_what_changed_is_written():
    rng = np.random.default_rng(0)
    still = rng.integers(0, 5, (200, 200)).astype(np.uint8)
    clip = []
    for i in range(20):
        frame = still.copy()
        frame[50, 50 + i] = 4 - frame[50, 50 + i]
        clip.append(frame)
    data = write(clip, palette=PALETTE)
    assert len(data) < 1.1 * len(write(clip[:1], palette=PALETTE)) + 20 * 100


def test_memory_does_not_grow_with_the_clip():
    def peak(count):
        class Sink(io.RawIOBase):
            def write(self, data):
                return len(data)

        tracemalloc.start()
        with gif.GifWriter(Sink(), (200, 200), palette=PALETTE) as writer:
            for i in range(count):
                writer.add(np.full((200, 200), i % 5, np.uint8))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(3)  # imports
    assert peak(200) < peak(10) + 100_000


def test_key(tmp_path):
    path = tmp_path / "x.gif"
    assert gif.read_key(path) is None
    whole = write(distinct(4), palette=PALETTE, key="k" * 300)
    path.write_bytes(whole)
    assert gif.read_key(path) == "k" * 300
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert gif.read_key(path) is None
    path.write_bytes(write(distinct(4), palette=PALETTE))
    assert gif.read_key(path) is None


def test_the_key_of_a_long_gif_is_read_in_little_memory(tmp_path):
    path, random = tmp_path / "x.gif", np.random.default_rng(0)
    frames = [random.integers(0, 256, (200, 200), np.uint8) for _ in range(60)]
    path.write_bytes(write(frames, palette=[f"#{code:02x}{code:02x}{code:02x}" for code in range(256)], key="k"))
    size = path.stat().st_size
    tracemalloc.start()
    assert gif.read_key(path) == "k"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 2_000_000 and peak < 200_000


def test_the_extent_holds_every_picture_and_is_read_in_little_memory(tmp_path):
    """Pictures may reach beyond the screen; where a file ends early, what was there counts."""
    path, random = tmp_path / "x.gif", np.random.default_rng(0)
    frames = [random.integers(0, 256, (200, 100), np.uint8) for _ in range(60)]
    data = bytearray(write(frames, palette=[f"#{code:02x}{code:02x}{code:02x}" for code in range(256)], key="k"))
    path.write_bytes(data)
    tracemalloc.start()
    assert gif.extent(path) == (100, 200)
    assert tracemalloc.get_traced_memory()[1] < len(data) // 10
    tracemalloc.stop()
    picture = data.index(b"\x2c\0\0\0\0\x64\0\xc8\0")
    data[picture + 1] = 7
    path.write_bytes(data)
    assert gif.extent(path) == (107, 200)
    for end, wanted in ((0, (0, 0)), (12, (0, 0)), (picture, (100, 200)), (picture + 5, (100, 200)), (len(data) - 1, (107, 200))):
        path.write_bytes(data[:end])
        assert gif.extent(path) == wanted
    with pytest.raises(FrameError, match="no such file"):
        gif.extent(tmp_path / "y.gif")


def test_what_comes_after_the_key_costs_nothing(tmp_path):
    path, whole = tmp_path / "x.gif", write(distinct(2), palette=PALETTE, key="k")
    comment = b"!\xfe" + (b"\xff" + bytes(255)) * 80_000 + b"\0"
    path.write_bytes(whole[:-1] + comment + b";")
    tracemalloc.start()
    assert gif.read_key(path) == "k"
    assert tracemalloc.get_traced_memory()[1] < 2_000_000  # of 20 MB
    tracemalloc.stop()
    path.write_bytes(whole[:-1])
    with open(path, "r+b") as file:
        file.truncate(1 << 40)  # zeros, which no disk holds
    assert gif.read_key(path) is None


def test_what_is_refused():
    buffer = io.BytesIO()
    with pytest.raises(UsageError, match="palette has 1 to 256 colours, not 257"):
        gif.GifWriter(buffer, (2, 2), palette=["#000"] * 257)
    with pytest.raises(UsageError, match="fps 0"):
        gif.GifWriter(buffer, (2, 2), 0)
    with pytest.raises(UsageError, match="70000 x 1"):
        gif.GifWriter(buffer, (70000, 1))
    writer = gif.GifWriter(buffer, (2, 2))
    with pytest.raises(FrameError, match="at least one frame"):
        writer.close()
    with pytest.raises(FrameError, match="picture 1 of the clip is 2 x 3, the first is 2 x 2"):
        writer.add(np.zeros((3, 2, 3), np.uint8))


def test_an_exception_inside_writes_no_end():
    buffer = io.BytesIO()
    with pytest.raises(ValueError), gif.GifWriter(buffer, (1, 1), palette=PALETTE) as writer:
        writer.add(np.zeros((1, 1), np.uint8))
        raise ValueError
    assert not buffer.getvalue().endswith(b";")
