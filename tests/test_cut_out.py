"""CutOut: the matte of a trained network, and the picture premultiplied by it."""

import pytest
import torch

from rotonodes.errors import FrameError, UsageError
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import Model, build
from rotonodes.nets.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import CutOut
from rotonodes.values.pixels import Batch, Image

CLASSES, COLORS = ("background", "foreground"), ("#000000", "#ffffff")


def network(architecture, config, classes=CLASSES, **more):
    torch.manual_seed(4)
    built = build(architecture, config)
    multiple = built.size_multiple
    return Model(architecture, config, classes, COLORS[: len(classes)], size_multiple=multiple, state=dict(built.state_dict()), **more)


U2NET = network(
    "u2net",
    {"stages": [[2, 4]] * 11},
    activation="minmax",
    preprocessing=Preprocessing(squash=32, peak=True, mean=IMAGENET_MEAN, std=IMAGENET_STD),
)
ALPHA = network("unet", {"widths": [4, 8], "classes": 1}, activation="sigmoid")
LABELS = network("unet", {"widths": [4, 8], "classes": 2})


def picture(channels=("R", "G", "B"), size=(21, 13)):
    return Image(torch.rand(len(channels), size[1], size[0], generator=torch.Generator().manual_seed(1)), channels)


@pytest.mark.parametrize("model", [U2NET, ALPHA, LABELS], ids=["u2net", "alpha", "labels"])
def test_any_network_cuts_out(model):
    plate = picture()
    cut = CutOut()(plate, model=model)
    assert torch.equal(cut.matte.data, Segmenter(model, precision="auto").matte(plate.data[None])[0])
    assert cut.image.channels == ("R", "G", "B", "A")
    assert torch.equal(cut.image.alpha, cut.matte.data)
    assert torch.allclose(cut.image.color, plate.color * cut.matte.data, atol=1e-6)


def test_weights_from_a_file_are_the_model(tmp_path):
    save_weights(U2NET, tmp_path / "cutout.safetensors", "float32")
    from_file = CutOut(weights=str(tmp_path / "cutout.safetensors"))(picture())
    assert torch.equal(from_file.matte.data, CutOut()(picture(), model=U2NET).matte.data)


def test_an_alpha_that_was_there_is_cut_too():
    plate = picture(("R", "G", "B", "A", "Depth.Z"))
    cut = CutOut()(plate, model=ALPHA)
    assert cut.image.channels == plate.channels
    assert torch.allclose(cut.image.alpha, plate.alpha * cut.matte.data)
    assert torch.equal(cut.image.data[4], plate.data[4]), "depth is no colour"


def test_what_is_not_finite_outside_of_the_shape_does_not_come_through(monkeypatch):
    from rotonodes.nets.inference import Segmenter

    hard = torch.zeros(1, 1, 13, 21)
    hard[..., :5] = 1
    monkeypatch.setattr(Segmenter, "matte", lambda self, frames, codes: hard)
    plate = picture()
    plate.data[:, 0, 9] = torch.tensor([float("nan"), float("inf"), 7.0])
    plate.data[0, 0, 0] = 3.5
    cut = CutOut()(plate, model=ALPHA).image
    assert cut.data[:, 0, 9].tolist() == [0, 0, 0, 0]
    assert cut.data[0, 0, 0] == 3.5, "light above 1 stays"


def test_overscan_is_cut_and_batches_equal_single_frames():
    wide = Image(torch.rand(3, 20, 30), origin=(-4, -3), size=(21, 13))
    assert CutOut()(wide, model=ALPHA).image.size == (21, 13)
    plates = [picture(), Image(torch.rand(3, 13, 21))]
    both = CutOut()(Batch.of(plates), model=U2NET)
    for plate, matte in zip(plates, both.matte.split(), strict=True):
        assert torch.equal(CutOut()(plate, model=U2NET).matte.data, matte.data)


def test_only_the_matte_is_made_where_nobody_wants_the_picture():
    node = CutOut()
    made = node.run({"image": Batch.of([picture()]), "model": ALPHA}, wanted=["matte"])
    assert made.image is None


@pytest.mark.parametrize(
    "values, linked, message",
    [({}, {"image"}, "which network? give weights: a file, or link a model"), ({"weights": "a"}, {"image", "model"}, "are both given")],
)
def test_one_network_is_asked_for(values, linked, message):
    assert message in " ".join(CutOut(**values).faults(frozenset(linked), 1))


def test_a_picture_without_the_channels_is_refused():
    with pytest.raises(FrameError, match="the network sees R G B, but the picture has X Y"):
        CutOut()(Image(torch.rand(2, 8, 8), ("X", "Y")), model=ALPHA)
    with pytest.raises(UsageError, match="CutOut: give weights=, or a model"):
        CutOut()(picture())
