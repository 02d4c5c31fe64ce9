"""Networks in one line of Python."""

import pytest
import torch

import rotonodes
from foreign_networks import ThreeDToTwoD, codes, randomised, saved
from rotonodes.errors import FrameError, UsageError
from rotonodes.nets.model import SHAPE, Model, build
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import UNetSegment
from rotonodes.values.color import srgb_to_linear
from rotonodes.values.pixels import Image, Matte
from tiny_networks import tiny_model


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    torch.manual_seed(2)
    config = {"in_channels": 3, "classes": 2, "widths": [4, 8]}
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    state = build("unet", config).state_dict()
    save_weights(Model("unet", config, ("background", "shape"), ("#000000", "#ffffff"), size_multiple=2, state=state), path)
    return path


def test_one_line(path):
    picture = torch.rand(3, 9, 13)
    labels, probabilities, matte = rotonodes.load_model(path)(picture)
    expected = UNetSegment(weights=str(path))(Image(picture))
    assert torch.equal(labels, expected.labels.data)
    assert torch.equal(probabilities, expected.probabilities.data)
    assert torch.equal(matte, expected.matte.data)


def test_weights_that_ship_are_found_by_name_in_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rotonodes.load_model("tones").model.classes == rotonodes.load_model("weights/tones.safetensors").model.classes
    assert UNetSegment(weights="weights/tones.safetensors")(Image(torch.rand(3, 8, 8))).labels.size == (8, 8)


@pytest.mark.parametrize("given", [3, None, []])
def test_what_is_no_path_is_said(given):
    with pytest.raises(UsageError, match="weights are read from a file, not from"):
        rotonodes.load_model(given)


def test_an_image_gives_values(path):
    whole = Image(torch.rand(4, 9, 13), ("R", "G", "B", "A"), origin=(2, 1), size=(20, 12), metadata={"a": 1})
    labels, probabilities, matte = rotonodes.load_model(path)(whole)
    assert (labels.size, labels.classes) == ((20, 12), ("background", "shape"))
    assert (probabilities.size, probabilities.channels, probabilities.metadata) == ((20, 12), ("background", "shape"), {"a": 1})
    assert matte.size == (20, 12)
    expected = UNetSegment(weights=str(path))(whole)
    assert torch.equal(labels.data, expected.labels.data)


def test_batches_and_kinds_of_numbers(path):
    network = rotonodes.load_model(path)
    codes = torch.randint(0, 256, (2, 3, 7, 9), dtype=torch.uint8)
    linear = srgb_to_linear(codes / 255)
    by_codes, by_floats, by_srgb = network(codes), network(linear), network(codes / 255, colorspace="srgb")
    assert by_codes.labels.shape == (2, 7, 9)
    assert by_codes.probabilities.shape == (2, 2, 7, 9)
    assert by_codes.matte.shape == (2, 1, 7, 9)
    for other in (by_floats, by_srgb):
        assert torch.equal(by_codes.probabilities, other.probabilities)
    assert torch.equal(network(codes[1]).labels, by_codes.labels[1])
    # Floats are light unless it is said that they are not.
    assert not torch.equal(network(codes / 255).probabilities, by_codes.probabilities)


def test_tiles(path):
    network = rotonodes.load_model(path, tile=32)
    picture = torch.rand(3, 40, 90)
    assert (network(picture).probabilities - rotonodes.load_model(path)(picture).probabilities).abs().max() < 0.1


def test_a_network_that_needs_a_shape_takes_it_from_a_matte(tmp_path):
    channels = ("R", "G", "B", SHAPE)
    save_weights(tiny_model(config={"in_channels": 4}, channels=channels, encodings={SHAPE: "raw"}), tmp_path / "net.safetensors")
    network, picture, matte = rotonodes.load_model(tmp_path / "net.safetensors"), torch.rand(3, 9, 13), torch.rand(1, 9, 13)
    of_image = network(Image(picture), shape=Matte(matte))
    assert torch.equal(network(picture, shape=matte).probabilities, of_image.probabilities.data)
    assert torch.equal(network(picture[None], shape=matte[None]).labels[0], of_image.labels.data)
    with pytest.raises(UsageError, match=r"the network reads frames \[N, 4 \(R, G, B, Shape\), H, W\]"):
        network(picture)
    with pytest.raises(FrameError, match="or its matte to `shape`"):
        network(Image(picture))


def test_the_shape_alone_may_be_left_out_beside_other_optional_channels(tmp_path):
    channels = ("R", "G", "B", "Depth.Z", SHAPE)
    fields = {"channels": channels, "encodings": {SHAPE: "raw", "Depth.Z": "depth"}, "optional": ("Depth.Z", SHAPE)}
    save_weights(tiny_model(config={"in_channels": 5}, **fields), tmp_path / "net.safetensors")
    network, planes, matte = rotonodes.load_model(tmp_path / "net.safetensors"), torch.rand(4, 9, 13) + 1, torch.rand(1, 9, 13)
    of_image = network(Image(planes, channels[:4]), shape=Matte(matte))
    assert torch.equal(network(planes, shape=matte).probabilities, of_image.probabilities.data)
    assert torch.equal(network(planes[:3], shape=matte).labels, network(Image(planes[:3]), shape=Matte(matte)).labels.data)
    assert torch.equal(network(planes).labels, network(Image(planes, channels[:4])).labels.data)


def test_checkpoints_of_others(tmp_path):
    network = rotonodes.load_model(saved(randomised(ThreeDToTwoD(widths=(4, 8))), tmp_path / "net.pth"))
    assert repr(network) == "Network(unet, Y -> background, cast_shadow, form_shadow, midtone, highlight, on cpu)"
    samples, frame = codes(3, 16, 20)
    of_codes = network(torch.from_numpy(samples).permute(2, 0, 1))
    assert torch.equal(of_codes.labels, network(Image(frame[0])).labels.data)
    grey = network(Image(frame[0, :1], ("Y",)))
    assert grey.labels.size == (20, 16)


@pytest.mark.parametrize(
    "picture, error, said",
    [
        ([1, 2], UsageError, r"takes an Image or a tensor .C, H, W. or .N, C, H, W., not list"),
        (torch.rand(4, 4), UsageError, r"not a tensor of 2 dimensions"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), UsageError, r"a picture of torch.int64: give uint8 codes"),
        (torch.rand(1, 4, 4), UsageError, r"reads frames .N, 3 .R, G, B., H, W., not .1, 1, 4, 4."),
        (Image(torch.rand(2, 4, 4), ("U", "V")), FrameError, r"sees R G B, but the picture has U V: link one with R G B"),
    ],
)
def test_pictures_it_cannot_see(path, picture, error, said):
    with pytest.raises(error, match=said):
        rotonodes.load_model(path)(picture)
