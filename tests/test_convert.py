"""Checkpoints converted to safetensors, and the cards beside weights."""

import hashlib
import json

import pytest
import torch

from foreign_networks import TINY, Milesial, NestedU, ThreeDToTwoD, codes, randomised, saved
from rotonodes.errors import UsageError
from rotonodes.nets.convert import convert_weights
from rotonodes.nets.model import Model, build
from rotonodes.nets.model_card import MARK, card, card_path, write_card
from rotonodes.nets.weights import WeightsError, load_weights, read_metadata
from rotonodes.node.annotations import Monitor
from rotonodes.node.catalogue import all_nodes
from rotonodes.nodes import UNetSegment
from rotonodes.values.pixels import Image
from rotonodes.values.tones import CLASSES

NETWORKS = {
    "milesial": lambda: Milesial(3, 3, 4),
    "milesial of one class": lambda: Milesial(3, 1, 4, bilinear=True),
    "3D-to-2D": lambda: ThreeDToTwoD(widths=(4, 8)),
    "U-2-Net": lambda: NestedU(*TINY),
}


@pytest.fixture
def checkpoint(tmp_path):
    values = {"mask_values": [0, 100, 255]}
    return saved(randomised(Milesial(3, 3, 4)), tmp_path / "net.pth", lambda state: {**state, **values})


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@torch.no_grad()
def test_converted_weights_give_the_same_logits(tmp_path, network):
    theirs = randomised(network())
    source = saved(theirs, tmp_path / "net.pth")
    made, carded = convert_weights(source, tmp_path / "net.safetensors", licence="CC-BY-4.0")
    before, after = load_weights(source), load_weights(tmp_path / "net.safetensors")
    assert carded
    for name in ("architecture", "config", "classes", "colors", "channels", "encoding", "activation", "preprocessing", "mask_values"):
        assert getattr(before, name) == getattr(after, name) == getattr(made, name)
    assert after.licence == "CC-BY-4.0"
    assert list(before.state) and all(torch.equal(after.state[name], tensor) for name, tensor in before.state.items())
    picture = torch.rand(1, len(after.channels), 33, 20)
    one, other = (model.module()(picture) for model in (before, after))
    assert torch.equal(one[0], other[0])
    _, frame = codes(len(after.channels), 33, 20)
    shown = Image(frame[0])
    results = [UNetSegment(weights=str(tmp_path / name))(shown) for name in ("net.pth", "net.safetensors")]
    assert torch.equal(results[0].probabilities.data, results[1].probabilities.data)


def test_the_metadata_says_everything_without_torch(checkpoint, tmp_path):
    convert_weights(checkpoint, tmp_path / "net.safetensors", licence="MIT")
    metadata = read_metadata(tmp_path / "net.safetensors")
    known = {name: json.loads(metadata[name]) for name in ("config", "classes", "colors", "channels", "mask_values", "training", "sight")}
    assert known["config"] == {
        "in_channels": 3,
        "classes": 3,
        "widths": [4, 8, 16, 32, 64],
        "upsampling": "transposed",
        "odd": "zeros",
    }
    assert (known["classes"], known["channels"], known["mask_values"]) == (
        ["background", "class1", "class2"],
        ["R", "G", "B"],
        [0, 100, 255],
    )
    assert len(known["colors"]) == 3
    assert known["training"] == {
        "origin": "milesial/Pytorch-UNet",
        "converted_from": "net.pth",
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    assert (metadata["architecture"], metadata["encoding"], metadata["licence"]) == ("unet", "srgb", "MIT")
    assert str(tmp_path) not in json.dumps(metadata)


def test_classes_and_colours_of_ones_own(checkpoint, tmp_path):
    names, colors = ("sky", "tree", "house"), ("#0000ff", "#00ff00", "#ff0000")
    convert_weights(checkpoint, tmp_path / "net.safetensors", classes=names, colors=colors)
    back = load_weights(tmp_path / "net.safetensors")
    assert (back.classes, back.colors) == (names, colors)
    with pytest.raises(UsageError, match=r"2 class names .a, b. for 3 classes: give each class one name"):
        convert_weights(checkpoint, tmp_path / "net.safetensors", classes=("a", "b"))
    with pytest.raises(UsageError, match=r"1 colours for 3 classes"):
        convert_weights(checkpoint, tmp_path / "net.safetensors", colors=("#000000",))


def test_what_cannot_be_converted(checkpoint, tmp_path):
    with pytest.raises(UsageError, match=r"out.pth: converted weights are written as .safetensors: give the file that ending"):
        convert_weights(checkpoint, tmp_path / "out.pth")
    with pytest.raises(WeightsError, match=r"no.pth: no such weights file"):
        convert_weights(tmp_path / "no.pth", tmp_path / "out.safetensors")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*out.safetensors"):
        convert_weights(checkpoint, tmp_path / "file" / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_converting_again_gives_the_same_bytes(checkpoint, tmp_path):
    for name in ("a", "b"):
        convert_weights(checkpoint, tmp_path / name / "net.safetensors")
    for ending in ("safetensors", "md"):
        assert (tmp_path / f"a/net.{ending}").read_bytes() == (tmp_path / f"b/net.{ending}").read_bytes()


# Cards.

# Every node that takes a model and writes a file, and the names of such a file and of its card.
NODES = {
    cls.type_name: cls
    for cls in all_nodes().values()
    if cls.__module__.startswith("rotonodes.nodes") and cls.is_writer()
    if any(Model in socket.types for socket in cls.signature.inputs.values())
}
WRITERS = {"WriteModel": ("net.safetensors", "net.md"), "ExportONNX": ("net.onnx", "net.onnx.md")}


@pytest.fixture
def model():
    torch.manual_seed(1)
    config = {"in_channels": 4, "classes": 5, "widths": [4, 8]}
    return Model(
        "unet",
        config,
        CLASSES,
        ("#000000",) * 5,
        channels=("R", "G", "B", "Depth.Z"),
        encodings={"Depth.Z": "depth"},
        size_multiple=2,
        licence="Apache-2.0",
        training={"steps": 300, "augment": {"flip": 0.5}, "note": "a | b\nc"},
        metrics={"mean_iou": 0.52178, "iou": {"background": 0.9, "highlight": None}},
        state=build("unet", config).state_dict(),
    )


def test_a_card_says_what_the_weights_are(model):
    text = card(model, "tones.safetensors", 1_234_567)
    count = sum(p.numel() for p in build("unet", model.config).parameters())
    for line in (
        "# tones.safetensors",
        "| architecture | `unet`: classes 5, in_channels 4, widths [4, 8] |",
        f"| parameters | {count:,} |",
        "| input | R, G, B, Depth.Z; sRGB-encoded: R, G, B; nearest / depth: Depth.Z |",
        "| size | any; padded to multiples of 2 and cut back |",
        "| licence | Apache-2.0 |",
        "| 4 | highlight | #000000 |",
        "| steps | 300 |",
        "| augment.flip | 0.5 |",
        "| note | a \\| b c |",
        "| mean_iou | 0.5218 |",
        "| iou.highlight | null |",
    ):
        assert line in text.splitlines()
    assert "1.2 MB" in text
    assert "seen as" not in text


def test_a_card_says_how_frames_are_seen(tmp_path):
    convert_weights(saved(randomised(NestedU(*TINY)), tmp_path / "net.pth"), tmp_path / "net.safetensors")
    text = (tmp_path / "net.md").read_text()
    seen = "squashed to 320 x 320 px; divided by its maximum; less 0.485 0.456 0.406, divided by 0.229 0.224 0.225"
    assert f"| seen as | {seen} |" in text
    assert "stretched to 0..1 over each frame" in text
    assert "| licence | not stated" in text
    convert_weights(saved(ThreeDToTwoD(widths=(4, 8)), tmp_path / "net.pth"), tmp_path / "net.safetensors")
    text = (tmp_path / "net.md").read_text()
    assert "| 0 | background | #2b2d42 | 200 |" in text
    assert "| seen as | grey (luma of ITU-R BT.601) |" in text


@pytest.mark.parametrize("name", WRITERS)
def test_the_use_in_a_card_works(model, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    file, carded = WRITERS[name]
    NODES[name](path=file)(model)
    lines = (tmp_path / carded).read_text().splitlines()
    code = "\n".join(line.strip() for line in lines if line.startswith("    "))
    picture = Image(torch.rand(4, 8, 6), ("R", "G", "B", "Depth.Z"))
    found = {"picture": picture}
    exec(code, found)  # what people will paste
    assert found["labels"].size == (6, 8)


def test_all_nodes_that_write_a_model_are_known_here():
    assert set(NODES) == set(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
def test_a_card_is_written_beside_every_model(model, tmp_path, name):
    file, carded = WRITERS[name]
    NODES[name](path=str(tmp_path / file))(model)
    path = card_path(tmp_path / file)
    assert path == tmp_path / carded
    text = path.read_text()
    assert text.startswith(MARK) and f"# {file}" in text.splitlines()
    assert f"{(tmp_path / file).stat().st_size / 1e6:.1f} MB" in text


@pytest.mark.parametrize("name", WRITERS)
def test_a_card_by_hand_stays_and_is_told_of(model, tmp_path, name):
    file, carded = WRITERS[name]
    (tmp_path / carded).write_text("# my own words\n")
    weights = str(tmp_path / file)
    said = []
    node = NODES[name](path=weights)

    class Hears(Monitor):
        def warn(self, text):
            said.append(text)

    node.run({"model": model}, monitor=Hears())
    assert (tmp_path / carded).read_text() == "# my own words\n"
    assert said == [f"{tmp_path / carded} was written by hand and stays as it is: see whether it still holds"]
    # One of ours is written anew.
    (tmp_path / carded).write_text(f"{MARK}\nold")
    assert write_card(model, weights)
    assert f"# {file}" in (tmp_path / carded).read_text()
