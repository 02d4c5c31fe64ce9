"""`rotonodes view`: whatever a node gives out can be looked at."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import Call
from rotonodes.imaging.picture.show import shown, write_view
from rotonodes.io.exr import write_layers
from rotonodes.values.looks import SQUARE, in_range, over_squares
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte


def written(tmp_path: Path, value: Image | Matte | Labels | Layers) -> np.ndarray:
    """A value as `view` writes it: RGB codes."""
    write_view(str(tmp_path / "v.png"), shown(value))
    with PIL.Image.open(tmp_path / "v.png") as picture:
        return np.asarray(picture.convert("RGB"))


def image(planes: list[list[float]], channels: tuple[str, ...]) -> Image:
    """A picture one pixel high: a row of values for each channel."""
    return Image(torch.tensor(planes)[:, None, :], channels)


def test_colour_is_shown_in_srgb(tmp_path: Path) -> None:
    codes = written(tmp_path, image([[0.0, 0.5, 4.0], [0.0, 0.5, float("nan")], [0.0, 0.5, -1.0]], ("R", "G", "B")))
    assert codes[0].tolist() == [[0, 0, 0], [188, 188, 188], [255, 0, 0]]


def test_transparency_is_shown_over_squares() -> None:
    picture = Image(torch.zeros(4, 2 * SQUARE, 2 * SQUARE), ("R", "G", "B", "A"))
    ground = over_squares(picture.color, picture.alpha)
    assert ground[0, 0, 0] == ground[0, SQUARE, SQUARE] != ground[0, 0, SQUARE]
    opaque = image([[0.2], [0.2], [0.2], [1.0]], ("R", "G", "B", "A"))
    assert over_squares(opaque.color, opaque.alpha)[0, 0, 0] == pytest.approx(0.2)


def test_mattes_are_grey(tmp_path: Path) -> None:
    assert written(tmp_path, Matte(torch.tensor([[[0.0, 0.5, 1.0]]])))[0, :, 0].tolist() == [0, 128, 255]


def test_labels_have_their_colours(tmp_path: Path) -> None:
    labels = Labels(torch.tensor([[0, 1]], dtype=torch.uint8), ("a", "b"), ("#102030", "#ffeedd"))
    assert written(tmp_path, labels)[0].tolist() == [[16, 32, 48], [255, 238, 221]]


def test_depth_spans_its_range_and_infinity_is_white(tmp_path: Path) -> None:
    codes = written(tmp_path, image([[2.0, 3.0, 4.0, 1e10, float("inf")]], ("Z",)))
    assert codes[0, :, 0].tolist() == [0, 128, 255, 255, 255]


def test_normals_have_their_usual_colours(tmp_path: Path) -> None:
    codes = written(tmp_path, image([[0.0, -1.0], [0.0, 0.0], [1.0, 0.0]], ("X", "Y", "Z")))
    assert codes[0].tolist() == [[128, 128, 255], [0, 128, 128]]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([[0.25, 0.5], [0.0, 1.0]], [[0.25, 0.5], [0, 1], [0, 0]]),  # coordinates within 0 to 1 stay
        ([[0.25, 0.5], [0.25, 1.25]], [[0, 0.25], [0, 1], [0, 0]]),  # others span their range
        ([[-1.0, 0.5], [0.0, 1.0]], [[0, 0.75], [0.5, 1], [0, 0]]),
        ([[0.25, 0.75]], [[0, 1]]),  # one plane always does
        ([[3.0, 3.0]], [[0, 0]]),
        ([[2.0, 4.0, 1e9, -1e9, float("nan")]], [[0, 1, 1, 1, 1]]),  # far away
        ([[2.0, 1e9], [4.0, float("inf")]], [[0, 0], [1, 0], [0, 0]]),
        ([[-1.01, 0.0], [0.0, 0.0], [1.0, 1.01]], [[0, 0.5], [0.5, 0.5], [1, 1]]),  # normals, -1 to 1
        ([[-1.5, 0.0], [0.0, 0.0], [1.5, 1.0]], [[0, 0.5], [0.5, 0.5], [1, 5 / 6]]),  # vectors of other lengths
        ([[0.0, 0.0], [0.0, 0.0], [0.5, 1.0]], [[0, 0], [0, 0], [0.5, 1]]),
    ],
)
def test_codes_of_passes(values: list[list[float]], codes: list[list[float]]) -> None:
    names = "abc"[: len(values)]
    assert in_range(torch.tensor(values)[:, None], names, names)[:, 0].tolist() == [pytest.approx(row) for row in codes]


def test_probabilities_mix_the_colours_of_their_classes(tmp_path: Path) -> None:
    from rotonodes.values.tones import CLASSES, COLORS

    one_hot = torch.eye(len(CLASSES))
    codes = written(tmp_path, Image(one_hot[:, None, :], CLASSES))
    assert ["#{:02x}{:02x}{:02x}".format(*code) for code in codes[0]] == list(COLORS)


@pytest.mark.parametrize("channels", [("U", "V"), ("id",), ("X", "Y", "Z", "W"), ("Y",), ("Y", "A"), ("a", "b", "c")])
def test_any_channels_and_a_flat_picture(tmp_path: Path, channels: tuple[str, ...]) -> None:
    for value in (0.0, 7.0, -3.0, float("nan")):
        assert written(tmp_path, Image(torch.full((len(channels), 3, 5), value), channels)).shape == (3, 5, 3)


def test_layers_are_a_sheet_of_passes(tmp_path: Path) -> None:
    names = [f"Layer.{name}.{channel}" for name in ("Combined", "Normal") for channel in "RGB"]
    planes = {name: np.full((4, 6), 0.5, np.float32) for name in names}
    sheet = written(tmp_path, Layers(planes, Box(0, 0, 6, 4), (6, 4)))
    assert sheet.shape[1] > 2 * 192


# The command.


def test_one_frame_of_a_node(swatches: Call, tmp_path: Path) -> None:
    ended = swatches("view", "swatch", "-F", "4")
    assert (ended.code, ended.out, ended.err) == (0, "swatch.image.0004.png\n", "")
    with PIL.Image.open(tmp_path / "swatch.image.0004.png") as picture:
        assert picture.getpixel((0, 0)) == (124, 124, 124)  # 0.5 x 4 / 10 in sRGB
    assert not (tmp_path / "out").exists()


def test_the_first_frame_and_a_name_for_it(swatches: Call, tmp_path: Path) -> None:
    assert swatches("view", "swatch.image", "-o", "look/a.png").out == "look/a.png\n"
    assert (tmp_path / "look/a.png").exists()
    assert swatches("view", "swatch.image", "-o", "look/a.png", "--var", "value=0.9").code == 0  # written anew


def test_a_sheet_of_the_clip(swatches: Call, tmp_path: Path) -> None:
    assert swatches("view", "swatch", "--contact", "-F", "1-4").out == "swatch.image.contact.png\n"
    with PIL.Image.open(tmp_path / "swatch.image.contact.png") as sheet:
        assert min(sheet.size) > 2 * 192


def test_layers_on_a_sheet_show_their_picture(call: Call, tmp_path: Path) -> None:
    planes = {f"L.{name}.{c}": np.full((4, 6), 0.5, np.float32) for name in ("Depth", "Combined") for c in "RGB"}
    for frame in (1, 2):
        write_layers(str(tmp_path / f"x.{frame:04d}.exr"), Layers(planes, Box(0, 0, 6, 4), (6, 4)))
    (tmp_path / "g.yaml").write_text('rotonodes: 1\nnodes:\n  load: {type: LoadFrames, path: "x.####.exr"}\n')
    assert call("view", "g.yaml", "load.layers", "--contact", "-o", "sheet.png").code == 0
    assert call("view", "g.yaml", "load.layers").out == "load.layers.0001.png\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["swtch"], "the graph has no node 'swtch' (did you mean 'swatch'?)"),
        (["swatch.imag"], "swatch has no output 'imag' (did you mean 'image'?)"),
        (["png"], "view shows pictures, mattes, labels and layers, and png gives Path: look at one of its inputs"),
        (["swatch", "-F", "1-3"], "view shows one frame: take one of 1-3, or --contact"),
        (["swatch", "-o", "a.exr"], "-o a.exr: view writes PNG"),
    ],
)
def test_what_cannot_be_shown(swatches: Call, arguments: list[str], message: str) -> None:
    ended = swatches("view", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_frame_that_cannot_be_made(swatches: Call) -> None:
    ended = swatches("view", "swatch", "-F", "2", "--set", "swatch.bad=[2]")
    assert (ended.code, ended.out) == (1, "")
    assert "cannot read swatch.0002.png: no such file" in ended.err


def test_viewing_adds_no_node_type(swatches: Call) -> None:
    from rotonodes.node.catalogue import all_nodes

    assert swatches("view", "swatch").code == 0
    assert not [name for name in all_nodes() if name.startswith("View")]
