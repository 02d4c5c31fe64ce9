"""UNetSegment and LoadModel with checkpoints of other projects, in Python and in a graph."""

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from torch.nn import functional as F

from foreign_networks import (
    TINY,
    TOLERANCE,
    Milesial,
    NestedU,
    ThreeDToTwoD,
    by_u2net,
    codes,
    near,
    plain,
    randomised,
    saved,
)
from rotonodes import Graph
from rotonodes.errors import FrameError, UsageError
from rotonodes.nodes import LoadModel, UNetSegment
from rotonodes.values.pixels import Image

EXACT = {"precision": "float32"}  # the arithmetic of theirs; by itself a node takes what the device multiplies natively


@pytest.mark.parametrize("ending", ["pth", "pt", "ckpt"])
@torch.no_grad()
def test_milesial_in_a_node(tmp_path, ending):
    theirs = randomised(Milesial(3, 3, 4))
    path = saved(theirs, tmp_path / f"net.{ending}", lambda state: {"state_dict": state})
    samples, frame = codes(3, 37, 53)
    logits = theirs(plain(samples))
    made = UNetSegment(**EXACT, weights=str(path))(Image(frame[0]))
    assert torch.equal(made.labels.data, logits.argmax(1)[0].byte())
    near(made.probabilities.data, logits.softmax(1)[0])
    assert made.probabilities.channels == ("background", "class1", "class2")
    near(made.matte.data, 1 - logits.softmax(1)[0, :1])
    linked = UNetSegment(**EXACT)(Image(frame[0]), model=LoadModel(path=str(path))())
    assert torch.equal(linked.labels.data, made.labels.data)


@pytest.mark.parametrize("threshold", [None, 0.3, 0.9])
@torch.no_grad()
def test_one_class_by_its_threshold(tmp_path, threshold):
    theirs = randomised(Milesial(3, 1, 4))
    path = str(saved(theirs, tmp_path / "net.pth"))
    samples, frame = codes(3, 40, 33)
    mask = torch.sigmoid(theirs(plain(samples)))[0]
    made = UNetSegment(**EXACT, weights=path, threshold=threshold)(Image(frame[0]))
    assert made.labels.classes == ("background", "foreground")
    sure = (mask - (threshold or 0.5)).abs() > TOLERANCE
    assert torch.equal(made.labels.data.bool()[None][sure], (mask > (threshold or 0.5))[sure])
    near(made.matte.data, mask)


@torch.no_grad()
def test_a_threshold_among_several_classes(tmp_path):
    path = str(saved(randomised(Milesial(3, 3, 4)), tmp_path / "net.pth"))
    picture = Image(codes(3, 40, 33)[1][0])
    made = UNetSegment(**EXACT, weights=path, threshold=0.7)(picture)
    probabilities = made.probabilities.data
    expected = torch.where(1 - probabilities[0] > 0.7, probabilities[1:].argmax(0) + 1, 0)
    assert torch.equal(made.labels.data, expected.byte())
    assert 0 < (made.labels.data == 0).float().mean() < 1


@torch.no_grad()
def test_scale_as_their_own_prediction_does_it(tmp_path):
    theirs = randomised(Milesial(3, 2, 4))
    path = str(saved(theirs, tmp_path / "net.pth"))
    samples, frame = codes(3, 75, 97)
    shown = np.asarray(Picture.fromarray(samples).resize((48, 37), Picture.Resampling.BICUBIC)).copy()
    expected = F.interpolate(theirs(plain(shown)), (75, 97), mode="bilinear").softmax(1)[0]
    near(UNetSegment(**EXACT, weights=path, scale=0.5)(Image(frame[0])).probabilities.data, expected)
    with pytest.raises(FrameError, match=r"scale 0.01 leaves nothing of a frame of 97x75"):
        UNetSegment(**EXACT, weights=path, scale=0.01)(Image(frame[0]))


@torch.no_grad()
def test_u2net_in_a_node(tmp_path):
    theirs = randomised(NestedU(*TINY))
    path = str(saved(theirs, tmp_path / "net.pth", lambda state: {f"module.{name}": tensor for name, tensor in state.items()}))
    samples, frame = codes(3, 45, 70)
    made = UNetSegment(**EXACT, weights=path, tile=64, overlap=8)(Image(frame[0]))  # seen squashed, so never in tiles
    near(made.matte.data, by_u2net(theirs, samples)[0])
    with pytest.raises(UsageError, match=r"this network sees frames at 320 x 320 px: take scale out"):
        UNetSegment(**EXACT, weights=path, scale=0.5)(Image(frame[0]))


@torch.no_grad()
def test_grey_and_colour_pictures(tmp_path):
    theirs = randomised(ThreeDToTwoD(widths=(4, 8)))
    node = UNetSegment(**EXACT, weights=str(saved(theirs, tmp_path / "net.pth")))
    samples, frame = codes(3, 21, 30)
    grey = np.asarray(Picture.fromarray(samples).convert("L")).copy()
    expected = theirs(plain(grey[..., None])).softmax(1)[0]
    alpha = torch.ones(1, 21, 30)
    made = node(Image(torch.cat([frame[0], alpha]), ("R", "G", "B", "A")))
    near(made.probabilities.data[[1, 2, 3, 4, 0]], expected)
    with pytest.raises(FrameError, match=r"sees Y, but the picture has U V: link one with R G B"):
        node(Image(torch.rand(2, 4, 4), ("U", "V")))


def test_a_folder_by_a_graph(tmp_path):
    """A picture from a file, through the graph and its cache, has the classes that their script would give it."""
    theirs = randomised(ThreeDToTwoD(widths=(4, 8)))
    saved(theirs, tmp_path / "net.pth")
    samples, _ = codes(1, 27, 34)
    for frame in (1, 2):
        Picture.fromarray(samples[..., 0]).save(tmp_path / f"in.{frame:04d}.png")
    (tmp_path / "graph.yaml").write_text(
        "rotonodes: 1\nframes: 1-2\nnodes:\n"
        '  load: {type: LoadFrames, path: "in.####.png"}\n'
        "  roto: {type: UNetSegment, in: load, weights: net.pth, precision: float32}\n"
        '  out: {type: WriteFrames, in: roto.labels, path: "out.####.png"}\n'
    )
    for _ in range(2):  # the second time from the cache
        Graph.load(tmp_path / "graph.yaml").run(root=str(tmp_path))
        with torch.no_grad():
            expected = theirs(plain(samples)).argmax(1)[0]
        made = torch.from_numpy(np.array(Picture.open(tmp_path / "out.0002.png")))
        assert torch.equal(torch.tensor([4, 0, 1, 2, 3])[made.long()], expected)
        (tmp_path / "out.0002.png").unlink()


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_the_plan_knows_what_a_frame_takes(tmp_path, name):
    from safetensors.torch import save_file

    state = randomised(Milesial(3, 2, 4)).state_dict()
    torch.save(state, tmp_path / name) if name.endswith("pth") else save_file(state, tmp_path / name)
    node = UNetSegment(**EXACT, weights=str(tmp_path / name))
    assert node.working_bytes(400, 200) == pytest.approx(2 * node.working_bytes(200, 200))
    assert node.working_bytes(400, 200) > 400 * 200 * 64 * 4
