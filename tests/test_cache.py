"""The cache gives back bit for bit what went in, or says that there is nothing."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Call
from rotonodes.nets.model import Model, build
from rotonodes.plan.cache import Cache, can_pack, pack, unpack
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import ToneScale

KEY = "ab" + "0" * 62


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.numpy().tobytes()


def image(data: torch.Tensor) -> Image:
    return Image(data, ("Y", "depth.Z"), (-2, 3), (40, 30), {"owner": "x", "File": "/home/x/a.blend", "fps": 24.0, "object": object()})


STRANGE = torch.tensor([float("nan"), float("inf"), -0.0, 1e-45, 65504.0, 0.1, 1e9, -1.5]).reshape(2, 2, 2)


@pytest.mark.parametrize("data", [STRANGE, torch.tensor([0.5, -0.0] * 4).reshape(2, 2, 2), torch.full((2, 1, 1), float("nan"))])
def test_pictures_come_out_bit_for_bit(data: torch.Tensor) -> None:
    value = image(data)
    again = unpack(pack(value), None)
    assert bits(again.data) == bits(data)
    assert (again.channels, again.origin, again.size) == (value.channels, value.origin, value.size)
    assert again.metadata == {"fps": 24.0}, "who made it, and where, is nobody's business"


@settings(max_examples=30)
@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_any_floats_come_out_bit_for_bit(values: list[float]) -> None:
    data = torch.tensor(values, dtype=torch.float32).reshape(1, 1, -1)
    assert bits(unpack(pack(Matte(data)), None).data) == bits(data)


def test_what_half_precision_holds_takes_two_bytes() -> None:
    data = torch.rand(1, 64, 64).half().float()
    assert len(pack(Matte(data))) < len(pack(Matte(torch.rand(1, 64, 64)))) * 0.6
    assert bits(unpack(pack(Matte(data)), None).data) == bits(data)


def test_a_picture_whose_first_pixels_alone_fit_half_is_kept_whole() -> None:
    data = torch.zeros(1, 100, 100)
    data[0, -1, -1] = 0.1
    assert bits(unpack(pack(Matte(data)), None).data) == bits(data)


def test_labels_models_and_scales() -> None:
    labels = Labels(torch.randint(0, 3, (9, 7), dtype=torch.uint8), ("a", "b", "c"), ("#000000", "#111111", "#222222"))
    again = unpack(pack(labels), None)
    assert torch.equal(again.data, labels.data) and again.data.dtype == torch.uint8
    assert (again.classes, again.colors) == (labels.classes, labels.colors)
    scale = ToneScale((0.1, 0.7), "srgb")
    assert unpack(pack(scale), ToneScale) == scale
    config = {"in_channels": 3, "classes": 2, "width": 2, "depth": 1}
    model = Model("unet", config, ("a", "b"), ("#000000", "#ffffff"), state=dict(build("unet", config).state_dict()))
    restored = unpack(pack(model), Model)
    assert restored.config == config
    assert {n: bits(t) for n, t in restored.state.items()} == {n: bits(t) for n, t in model.state.items()}


def test_another_kind_is_not_taken_for_this_one() -> None:
    with pytest.raises(ValueError, match="another kind"):
        unpack(pack(ToneScale((0.1,))), Model)


def damage(data: bytes) -> list[bytes]:
    return [b"", data[:10], data[: len(data) // 2], data[:-1], b"x" * len(data), data[:30] + b"\xff" * 20 + data[50:]]


@pytest.mark.parametrize("at", range(6))
def test_a_damaged_entry_is_removed_and_counts_as_missing(tmp_path: Path, at: int) -> None:
    cache = Cache(tmp_path)
    cache.store(KEY, {"image": image(STRANGE)})
    path = cache.path(KEY, "image")
    path.write_bytes(damage(path.read_bytes())[at])
    assert cache.load(KEY, ["image"], {}) is None
    assert not path.exists()
    assert not cache.has(KEY, ["image"])


@settings(max_examples=80)
@given(st.data())
def test_no_bytes_make_it_crash(data: Any) -> None:
    whole = bytearray(pack(Labels(torch.zeros(2, 2, dtype=torch.uint8), ("a",), ("#000000",))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(folder)
        cache.path(KEY, "labels").parent.mkdir()
        cache.path(KEY, "labels").write_bytes(whole)
        loaded = cache.load(KEY, ["labels"], {})
        assert (loaded is None) == (not cache.has(KEY, ["labels"]))


def test_every_output_must_be_there(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.store(KEY, {"a": ToneScale((0.1,)), "none": None, "layers": Layers({}, None, (1, 1))})  # type: ignore[arg-type]
    assert cache.has(KEY, ["a"])
    assert not cache.has(KEY, ["a", "none"])
    assert not cache.has(KEY, ["layers"])
    assert not cache.has(KEY, [])
    assert cache.load(KEY, ["a", "none"], {"a": ToneScale}) is None
    assert not can_pack(Layers({}, None, (1, 1)))  # type: ignore[arg-type]


def test_output_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    path = Cache(tmp_path).path(KEY, "../../x/ViewLayer.Combined")
    assert path.parent == tmp_path / "ab"


def test_without_a_folder_nothing_is_kept() -> None:
    cache = Cache(None)
    cache.store(KEY, {"a": ToneScale((0.1,))})
    assert not cache.has(KEY, ["a"])


def test_a_picture_with_samples_of_its_file_is_read_again_instead() -> None:
    from rotonodes.values.pixels import Encoded

    picture = Image(torch.zeros(1, 2, 2))
    assert can_pack(picture)
    assert not can_pack(Image(picture.data, encoded=Encoded(picture.data.numpy(), "srgb")))


def test_every_changed_byte_of_an_entry_is_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    config = {"in_channels": 3, "classes": 2, "width": 2, "depth": 1}
    model = Model("unet", config, ("a", "b"), ("#000000", "#ffffff"), state=dict(build("unet", config).state_dict()))
    labels = Labels(torch.zeros(5, 5, dtype=torch.uint8), ("a",), ("#000000",))
    for value in (image(STRANGE), labels, ToneScale((0.1, 0.7)), model):
        cache.store(KEY, {"value": value})
        path = cache.path(KEY, "value")
        whole = path.read_bytes()
        for at in range(len(whole)) if len(whole) < 2000 else range(0, len(whole), 7):
            changed = bytearray(whole)
            changed[at] ^= 1 << at % 8
            path.write_bytes(changed)
            assert cache.load(KEY, ["value"], {"value": type(value)}) is None
            assert not path.exists(), "it does not stand in the way of the next run"
        path.write_bytes(whole)
        assert cache.load(KEY, ["value"], {"value": type(value)}) is not None
        path.write_bytes(whole[:-1])
        assert not cache.has_sound(KEY, ["value"])
        assert not path.exists()


def test_a_damaged_measurement_is_made_again_in_the_same_run(call: Call, tmp_path: Path) -> None:
    """A value made once for the whole clip, whose entry is damaged: one line, and the run goes on."""
    import numpy as np
    import PIL.Image

    for frame in range(1, 4):
        PIL.Image.fromarray(np.full((8, 8, 3), 60 * frame, np.uint8)).save(tmp_path / f"i.{frame:04d}.png")
    (tmp_path / "g.yaml").write_text(
        "rotonodes: 1\nframes: 1-3\nnodes:\n  read: {type: LoadFrames, path: i.####.png}\n"
        "  scale: {type: MeasureTones, in: read, cache: true}\n  tones: {type: ToneSplit, in: {image: read, scale: scale}}\n"
        "  out: {type: WriteFrames, in: tones.labels, path: o.####.png}\n"
    )
    assert call("run", "g.yaml").code == 0
    before = (tmp_path / "o.0002.png").read_bytes()
    entries = [path for path in (tmp_path / ".rotonodes").rglob("*") if path.is_file()]
    assert entries
    for path in entries:
        damaged = bytearray(path.read_bytes())
        damaged[-1] ^= 1
        path.write_bytes(damaged)
    (tmp_path / "o.0002.png").unlink()
    ended = call("run", "g.yaml", "--progress", "plain")
    assert (ended.code, ended.err.count("removed")) == (0, 1), ended.err
    assert (tmp_path / "o.0002.png").read_bytes() == before
    assert "removed" not in call("run", "g.yaml", "--force").err
