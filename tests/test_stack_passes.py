"""StackPasses: channels of several passes under the names that weights know them by."""

import json

import numpy as np
import pytest
import torch

from rotonodes.errors import FrameError
from rotonodes.nets.encode import channel_encoding
from rotonodes.node.parameters import WrongParameter
from rotonodes.nodes import StackPasses, UNetSegment
from rotonodes.values.pixels import Batch, Box, Image, Layers

H, W = 5, 7
NOTED = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def layers_of(*names: str, **header: object) -> Layers:
    planes = {name: np.full((H, W), i, np.float16 if i % 2 else np.float32) for i, name in enumerate(names)}
    return Layers(planes, Box(1, 0, 1 + W, H), (W + 2, H), header, path="shot.0001.exr")


def blender(layer: str = "ViewLayer") -> list[str]:
    passes = {"Combined": "RGBA", "Depth": "Z", "Normal": "XYZ", "DiffDir": "RGB"}
    return [f"{layer}.{name}.{channel}" for name, channels in passes.items() for channel in channels]


USUAL = ("R", "G", "B", "DiffDir.R", "DiffDir.G", "DiffDir.B", "Normal.X", "Normal.Y", "Normal.Z", "Depth.Z")


def test_the_channels_of_several_passes_in_one_picture():
    layers = layers_of(*blender(), Note="kept")
    picture = StackPasses()(layers)
    assert picture.channels == USUAL
    assert picture.data[:, 2, 3].tolist() == [0, 1, 2, 8, 9, 10, 5, 6, 7, 4]
    assert picture.data.dtype == torch.float32
    assert (picture.box, picture.size, picture.metadata) == (layers.box, layers.size, layers.metadata)
    assert StackPasses(passes=["Depth", "Combined"])(layers).channels == ("Depth.Z", "R", "G", "B")
    assert [channel_encoding(name, "srgb") for name in USUAL] == ["srgb"] * 6 + ["raw"] * 3 + ["depth"]


def test_every_renderers_spelling_gives_the_same_channels():
    blender_5 = [f"V.{p}.{c}" for p, cs in {"Combined": "RGBA", "Diffuse Direct": "RGB", "Normal": "XYZ", "Depth": "V"}.items() for c in cs]
    arnold = ["R", "G", "B", "A", "Z", *(f"{p}.{c}" for p in ("N", "diffuse_direct") for c in "RGB")]
    assert StackPasses()(layers_of(*blender_5)).channels == USUAL
    picture = StackPasses()(layers_of(*arnold))
    assert picture.channels == USUAL
    assert picture.data[:, 0, 0].tolist() == [0, 1, 2, 8, 9, 10, 5, 6, 7, 4]
    named = StackPasses(passes=["tint"], names={"tint": "DiffDir"})(layers_of("R", "tint.R", "tint.G", "tint.B"))
    assert named.channels == USUAL[3:6]


def test_alpha_only_when_asked():
    layers = layers_of(*blender(), "ViewLayer.Freestyle.R", "ViewLayer.Freestyle.A", "ViewLayer.cover.A")
    passes = ["Combined", "Freestyle", "cover"]
    assert StackPasses(passes=passes)(layers).channels == ("R", "G", "B", "Freestyle.R", "cover.A")
    assert StackPasses(passes=passes, alpha=True)(layers).channels == ("R", "G", "B", "A", "Freestyle.R", "Freestyle.A", "cover.A")


def test_passes_of_other_view_layers_keep_them_in_their_names():
    layers = layers_of(*blender("Beauty"), *blender("Label"), "pscale")
    picture = StackPasses(passes=["Combined", "label.Normal", "Label.Combined", "Beauty.Depth", "pscale"])(layers)
    axes = ("Label.Normal.X", "Label.Normal.Y", "Label.Normal.Z")
    assert picture.channels == (
        "R",
        "G",
        "B",
        *axes,
        "Label.Combined.R",
        "Label.Combined.G",
        "Label.Combined.B",
        "Beauty.Depth.Z",
        "pscale",
    )
    assert StackPasses(layer="label")(layers).channels == USUAL
    assert StackPasses(layer="label")(layers).data[0, 0, 0] == len(blender())


def test_what_is_missing_or_there_twice_is_said():
    layers = layers_of(*blender())
    with pytest.raises(FrameError, match=r"^shot.0001.exr: there is no pass 'GlossDir' in .*; it has Combined, Depth, Normal, DiffDir$"):
        StackPasses(passes=["Combined", "GlossDir"])(layers)
    with pytest.raises(FrameError, match=r"^shot.0001.exr: 'diffuse' is the pass of DiffDir.R again: list each pass once"):
        StackPasses(passes=["DiffDir", "diffuse"])(layers)
    with pytest.raises(WrongParameter, match="'Depth' is listed twice"):
        StackPasses(passes=["Depth", "Combined", "Depth"])
    with pytest.raises(WrongParameter):
        StackPasses(passes=[])


def test_normals_in_the_space_of_the_camera():
    layers = layers_of(*blender(), *blender("Label"), Note=json.dumps({"camera": NOTED}))
    passes = ["Combined", "Normal", "Label.Normal"]
    world, camera = (StackPasses(passes=passes, normals=space)(layers) for space in ("world", "camera"))
    assert world.data[3:, 0, 0].tolist() == [5, 6, 7, 16, 17, 18]
    assert camera.data[3:, 0, 0].tolist() == [6, 7, 5, 17, 18, 16]
    assert torch.equal(world.data[:3], camera.data[:3])
    assert camera.channels == world.channels


def test_the_camera_of_another_file_is_solved_from_its_passes():
    columns, lines = np.meshgrid(np.arange(W) - 3.0, 2.0 - np.arange(H))
    depth = np.random.default_rng(0).uniform(5, 9, (H, W))
    rows = np.array(NOTED)
    position = np.einsum("ji,jhw->ihw", rows, np.stack([columns * depth, lines * depth, -depth])) + 3
    layers = layers_of(*blender())
    planes = {**layers.planes, "ViewLayer.Depth.Z": depth, **{f"ViewLayer.Position.{a}": p for a, p in zip("XYZ", position, strict=True)}}
    picture = StackPasses(normals="camera")(Layers(planes, layers.box, layers.size))
    assert torch.allclose(picture.data[6:9, 0, 0], torch.tensor([6.0, 7.0, 5.0]), atol=1e-3)
    with pytest.raises(FrameError, match="the header notes no camera, and there is no pass Depth to solve it from: render"):
        StackPasses(passes=["Normal"], normals="camera")(layers_of("Normal.X", "Normal.Y", "Normal.Z"))
    assert StackPasses(passes=["Combined"], normals="camera")(layers).channels == ("R", "G", "B")
    flat = layers_of("R", "N.X", "N.Y", Note=json.dumps({"camera": NOTED}))
    with pytest.raises(FrameError, match="Normal has 2 channels, not three"):
        StackPasses(passes=["Normal"], normals="camera")(flat)


def test_weights_of_passes_take_what_was_stacked(tmp_path):
    from rotonodes.nets.model import Model, build
    from rotonodes.nets.weights import save_weights

    config = {"in_channels": 2, "classes": 2, "widths": [4, 8]}
    channels, encodings = ("Depth.Z", "DiffDir.R"), {"Depth.Z": "depth"}
    state = build("unet", config).state_dict()
    model = Model("unet", config, ("a", "b"), ("#000000",) * 2, channels, encodings=encodings, size_multiple=2, state=state)
    save_weights(model, tmp_path / "passes.safetensors")
    picture = StackPasses()(layers_of(*blender()))
    node = UNetSegment(weights=str(tmp_path / "passes.safetensors"))
    segments = node(Batch.of([picture]))
    assert segments.labels.data.shape == (1, H, W + 2)
    with pytest.raises(
        FrameError, match=r"the network sees Depth.Z DiffDir.R, but the picture has R G B: link one with Depth.Z DiffDir.R .StackPasses"
    ):
        node(Batch.of([StackPasses(passes=["Combined"])(layers_of(*blender()))]))


@pytest.mark.parametrize("window", [(-2, -1, 7, 6), (1, 2, 4, 4), (0, 0, 5, 5), (3, -2, 9, 3)])
def test_more_is_laid_where_it_belongs(window):
    """A picture of another data window: its pixels lie where they lie in the frame, and nothing where it has none."""
    box, other = Box(-1, 0, 6, 5), Box(*window)
    planes = {f"V.Combined.{c}": np.random.default_rng(1).uniform(0, 1, (box.height, box.width)).astype(np.float32) for c in "RGB"}
    layers = Layers(planes, box, (5, 5))
    more = Image(
        torch.arange(1.0, other.width * other.height + 1).view(1, other.height, other.width), ("K",), (other.left, other.top), (5, 5)
    )
    stacked = StackPasses(passes=["Combined"])(layers, more)
    assert stacked.box == box and stacked.channels == ("R", "G", "B", "K")
    for y in range(box.top, box.bottom):
        for x in range(box.left, box.right):
            inside = other.left <= x < other.right and other.top <= y < other.bottom
            wanted = float(more.data[0, y - other.top, x - other.left]) if inside else 0.0
            assert float(stacked.plane("K")[0, y - box.top, x - box.left]) == wanted
