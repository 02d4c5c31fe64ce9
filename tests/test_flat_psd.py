"""WriteFlatPSD: groups by object, layers by tone, blend modes; flattened it is the picture, as psd-tools composites it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psd_tools
import pytest
import torch
from psd_tools.composite import composite

from rotonodes import Image
from rotonodes.errors import FrameError
from rotonodes.io.pictures import is_as_written, read_key
from rotonodes.io.psd import PsdLayer, flatten, write_psd
from rotonodes.io.psd_decode import _codes, read_psd
from rotonodes.io.samples import encode
from rotonodes.nodes import WriteFlatPSD
from rotonodes.values.color import linear_to_srgb
from rotonodes.values.pixels import Layers, Matte
from test_vector import labelled, with_objects

CLASSES = np.zeros((40, 60), int)
CLASSES[10:30, 5:55] = 3
CLASSES[15:25, 10:50] = 4


def tree(file: Path) -> list[tuple[str, list[str]]]:
    """The outer layers from the bottom up, with the layers in each."""
    opened = psd_tools.PSDImage.open(file)
    return [(layer.name, [inner.name for inner in layer] if layer.is_group() else []) for layer in opened]


def soft_picture(opaque: bool) -> Image:
    """Tones of the classes with a soft edge one pixel beyond them, on a background or on nothing."""
    alpha = torch.zeros(40, 60)
    alpha[9:31, 4:56] = 0.4
    alpha[10:30, 5:55] = 1
    color = torch.where(torch.from_numpy(CLASSES == 4), 0.8, 0.3) * alpha
    data = torch.stack([color, color * 0.5, color * 0.2, alpha])
    if opaque:
        data = data + torch.tensor([0.1, 0.2, 0.6, 1.0])[:, None, None] * (1 - alpha)
    return Image(data)


def shown(file: Path) -> np.ndarray:
    """Premultiplied codes `[H, W, 4]`, 0 to 255, of what psd-tools composites of the layers."""
    color, _, alpha = composite(psd_tools.PSDImage.open(file), force=True)
    return np.concatenate([color * alpha, alpha], axis=2) * 255


def codes(image: Image) -> np.ndarray:
    samples = encode(image, "8", "srgb").astype(float)
    if samples.shape[2] == 3:
        samples = np.concatenate([samples, np.full_like(samples[..., :1], 255)], axis=2)
    return np.concatenate([samples[..., :3] * samples[..., 3:] / 255, samples[..., 3:]], axis=2)


def test_there_is_a_group_for_each_object_and_a_layer_for_each_tone(tmp_path: Path) -> None:
    file = tmp_path / "a.psd"
    palette = {"background": "#112233", "midtone": "#aabbcc", "highlight": "#ddeeff"}
    ink, ground = Matte(torch.zeros(1, 40, 60)), Matte(torch.full((1, 40, 60), 0.5))
    ink.data[:, 10:12] = 1
    WriteFlatPSD(path=str(file), palette=palette)(labelled(CLASSES), layers=with_objects(40, 60), ink=ink, ground=ground, key="k1")
    tones = ["midtone", "highlight"]
    assert tree(file) == [("background", []), ("ground shadow", []), ("left & co", tones), ("right", tones), ("ink", [])]
    opened = list(psd_tools.PSDImage.open(file))
    assert opened[1].blend_mode.name == "MULTIPLY" and opened[0].blend_mode.name == "NORMAL"
    assert read_key(file) == "k1" and is_as_written(file)
    merged = read_psd(file).merged
    assert merged[2, 2].tolist() == [round(value * (1 - 0.25)) for value in (0x11, 0x22, 0x33)] + [255] or (
        np.abs(merged[2, 2, :3].astype(float) - np.array([0x11, 0x22, 0x33]) * 0.75).max() <= 1
    )
    assert merged[11, 30].tolist() == [0x1B, 0x1A, 0x22, 255]
    assert merged[20, 30].tolist() == [0xDD, 0xEE, 0xFF, 255]
    assert np.abs(shown(file) - np.concatenate([merged[..., :3], merged[..., 3:]], axis=2)).max() <= 1


@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("opaque", [False, True])
def test_flattened_it_is_the_painted_picture(objects: bool, opaque: bool, tmp_path: Path) -> None:
    """Soft edges and all, whether the background is painted or not."""
    file, image = tmp_path / "a.psd", soft_picture(opaque)
    layers: Layers | None = with_objects(40, 60) if objects else None
    WriteFlatPSD(path=str(file))(labelled(CLASSES), image=image, layers=layers)
    assert np.abs(shown(file) - codes(image)).max() <= 1.5
    names = [name for name, _ in tree(file)]
    assert names == [*(["background"] if opaque else []), *(["left & co", "right"] if objects else ["midtone", "highlight"])]


@pytest.mark.parametrize("soft", [1, 3, 6])
def test_soft_edges_belong_to_their_tone_for_three_pixels(soft: int, tmp_path: Path) -> None:
    """Counted along rows and columns; what goes on further has a layer of the class that it lies on. Flattened it is the picture."""
    file, classes = tmp_path / "a.psd", np.zeros((40, 60), int)
    classes[12:28, 20:40] = 3
    alpha = torch.zeros(40, 60)
    alpha[12 - soft : 28 + soft, 20 - soft : 40 + soft] = 0.5
    image = Image(torch.stack([alpha * 0.3, alpha * 0.2, alpha * 0.1, alpha]))
    WriteFlatPSD(path=str(file))(labelled(classes), image=image)
    layers = {layer.name: layer for layer in psd_tools.PSDImage.open(file)}
    reach = min(soft, 3)
    assert layers["midtone"].bbox == (20 - reach, 12 - reach, 40 + reach, 28 + reach)
    assert set(layers) == {"midtone", *(["background"] if soft > 1 else [])}
    assert np.abs(shown(file) - codes(image)).max() <= 1.5


def test_a_linked_background_lies_at_the_bottom(tmp_path: Path) -> None:
    file, plate = tmp_path / "a.psd", Image(torch.rand(3, 40, 60))
    WriteFlatPSD(path=str(file))(labelled(CLASSES), image=soft_picture(True), background=plate)
    assert tree(file)[0] == ("background", [])
    found = shown(file)
    assert np.abs(found[:9] - codes(plate)[:9]).max() <= 1
    assert np.abs(found[15:25] - codes(soft_picture(True))[15:25])[:, 10:50].max() <= 1


@pytest.mark.parametrize("channels", [("Y",), ("Y", "A"), ("R", "G", "B"), ("R", "G", "B", "A")])
def test_a_background_of_any_channels(channels: tuple[str, ...], tmp_path: Path) -> None:
    """A grey one is grey in the file, with its alpha."""
    file = tmp_path / "a.psd"
    level = {"Y": 0.2, "R": 0.1, "G": 0.2, "B": 0.3, "A": 0.5}
    plate = Image(torch.stack([torch.full((40, 60), level[name]) for name in channels]), channels)
    WriteFlatPSD(path=str(file))(labelled(CLASSES), background=plate)
    straight = [level[name] / (0.5 if "A" in channels else 1) for name in (channels[:1] * 3 if channels[0] == "Y" else "RGB")]
    wanted = [*(255 * linear_to_srgb(torch.tensor(straight)).numpy()), 127.5 if "A" in channels else 255]
    (layer,) = [layer for layer in read_psd(file).layers if layer.name == "background"]
    assert np.abs(layer.samples.reshape(-1, 4) - np.array(wanted)).max() <= 1


@pytest.mark.parametrize("depth", [8, 16])
def test_multiplied_layers_are_those_of_psd_tools(depth: int, tmp_path: Path) -> None:
    from test_psd import SIZE, picture

    layers = [PsdLayer("one", picture(1, depth=depth)), PsdLayer("two", picture(2, depth=depth), blend="multiply", opacity=0.7)]
    write_psd(tmp_path / "a.psd", layers, SIZE, depth=depth)  # type: ignore[arg-type]
    assert [layer.blend for layer in read_psd(tmp_path / "a.psd").layers] == ["normal", "multiply"]
    color, _, alpha = composite(psd_tools.PSDImage.open(tmp_path / "a.psd"), force=True)
    ours, top = flatten(layers, SIZE, depth).astype(float), (1 << depth) - 1  # type: ignore[arg-type]
    assert np.abs(alpha * top - ours[..., 3:]).max() <= 1
    assert np.abs((color * top - ours[..., :3]) * (ours[..., 3:] / top)).max() <= (1 if depth == 8 else 4)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="the background is 3 x 2, the labels are 60 x 40: reformat one of them"):
        WriteFlatPSD(path=str(tmp_path / "a.psd"))(labelled(CLASSES), background=Image(torch.zeros(3, 2, 3)))


@pytest.mark.parametrize(("depth", "top"), [(8, 255), (16, 65535)])
def test_merged_pictures_of_one_to_four_channels_become_rgba(depth: int, top: int) -> None:
    """Grey, grey and alpha, RGB, RGBA; what has no alpha is opaque."""
    for given, wanted in (
        ([0.2], [0.2, 0.2, 0.2, 1]),
        ([0.2, 0.6], [0.2, 0.2, 0.2, 0.6]),
        ([0.2, 0.4, 0.8], [0.2, 0.4, 0.8, 1]),
        ([0.2, 0.4, 0.8, 0.6], [0.2, 0.4, 0.8, 0.6]),
    ):
        found = _codes(np.array(given).reshape(1, 1, -1), depth)
        assert found.dtype == f"u{depth // 8}" and found[0, 0].tolist() == [round(value * top) for value in wanted]
