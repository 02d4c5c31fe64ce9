"""EvaluateLabels and the metrics beneath it: by hand, against torchmetrics, and what must hold for any labels."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes import Graph, run
from rotonodes.errors import FrameError, UsageError
from rotonodes.io.pictures import picture_size, read_key, read_labels, write_labels
from rotonodes.metrics.label_scores import Scores
from rotonodes.metrics.labels import BoundaryCounts, ClipScores, ConfusionMatrix, FlickerCount, boundary, near
from rotonodes.node.annotations import Monitor
from rotonodes.node.parameters import parameter_faults
from rotonodes.nodes.input.load_labels import LoadLabels
from rotonodes.nodes.output.evaluate_labels import EvaluateLabels
from rotonodes.plan.cache import pack, unpack
from rotonodes.values.pixels import Clip, Labels
from rotonodes.values.tones import default_colors

ABC = ("a", "b", "c")


def labels(rows: object, classes: tuple[str, ...] = ABC) -> Labels:
    return Labels(torch.tensor(np.array(rows), dtype=torch.uint8), classes, default_colors(len(classes)))


def scored(predicted: list[object], truth: list[object], **options: object) -> Scores:
    return EvaluateLabels(**options)([labels(p) for p in predicted], [labels(t) for t in truth])


def tones(seed: int, frames: int = 3, size: tuple[int, int] = (24, 31), classes: int = 3) -> list[np.ndarray]:
    """Frames of coarse blocks, as labels look."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, classes, (frames, size[0] // 4 + 1, size[1] // 4 + 1)).astype(np.uint8)
    return [np.kron(block, np.ones((4, 4), np.uint8))[: size[0], : size[1]] for block in blocks]


# By hand.


def test_overlap_by_hand() -> None:
    scores = scored([[[0, 0, 1], [1, 2, 2]]], [[[0, 0, 0], [1, 1, 2]]])
    assert scores.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    assert scores.iou == (2 / 3, 1 / 3, 1 / 2)
    assert scores.dice == (4 / 5, 1 / 2, 2 / 3)
    assert scores.pixel_accuracy == (2 / 3, 1 / 2, 1.0)
    found = scores.as_json()
    assert found["mean_iou"] == pytest.approx(1 / 2)
    assert found["mean_iou_foreground"] == pytest.approx(5 / 12)
    assert found["mean_pixel_accuracy"] == pytest.approx(13 / 18)
    assert found["flicker"] is None  # one frame makes no pair


def test_the_shape_is_everything_but_the_first_class() -> None:
    # Shape in both: 3 pixels, of which one has the wrong class, which is of no account here. Shape in either: 5 pixels.
    scores = scored([[[0, 1, 1], [1, 2, 0]]], [[[0, 0, 1], [2, 2, 1]]])
    assert scores.shape_iou == 3 / 5
    assert scores.as_json()["shape_iou"] == 3 / 5
    assert "shape IoU 0.6000   flicker -   frames 1" in scores.table().splitlines()
    both = scored([[[0, 1]], [[2, 2]]], [[[1, 1]], [[1, 0]]])  # counted over all frames, not a mean of theirs
    assert both.shape_iou == 2 / 4
    assert scored([[[0, 1, 1, 0]]], [[[0, 1, 2, 2]]], ignore=2).shape_iou == 1.0


@pytest.mark.parametrize(
    ("truth", "options", "why"), [([[0, 0]], {}, "is all that occurs"), ([[0, 1]], {"ignore": 0}, "is ignored")], ids=["empty", "ignored"]
)
def test_where_there_is_no_shape_that_is_said(truth: object, options: dict[str, int], why: str) -> None:
    scores = scored([truth], [truth], **options)
    assert scores.shape_iou is None
    assert json.loads(json.dumps(scores.as_json(), allow_nan=False))["shape_iou"] is None
    assert "shape IoU -   " in scores.table()
    assert list(scores.remarks())[-1] == f"class a {why}: there is no shape IoU, which is that of everything else"
    assert not any("shape" in remark for remark in scored([[[0, 1]]], [[[0, 0]]]).remarks()), "a shape that is wrong is one"


def test_empty_classes_are_said_and_never_nan() -> None:
    told: list[str] = []

    class Told(Monitor):
        def warn(self, text: str) -> None:
            told.append(text)

    clips = {"prediction": Clip.of([labels([[0, 1]])]), "truth": Clip.of([labels([[0, 0]])])}
    scores = EvaluateLabels().run(clips, monitor=Told())
    assert scores.iou == (0.5, 0.0, None)
    assert scores.pixel_accuracy == (0.5, None, None)
    assert (scores.empty, scores.absent) == (("c",), ("b",))
    assert told == list(scores.remarks())
    assert told[0].startswith("class c is neither in the truth nor predicted")
    assert told[1].startswith("class b is predicted, but never in the truth")
    found = json.loads(json.dumps(scores.as_json(), allow_nan=False))
    assert found["iou"]["c"] is None and found["mean_iou"] == 0.25
    assert (found["empty"], found["absent"]) == (["c"], ["b"])


def test_a_boundary_lies_on_both_sides_and_not_at_the_edge_of_the_frame() -> None:
    data = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]])
    everywhere = np.ones(data.shape, bool)
    assert boundary(data, everywhere).astype(int).tolist() == [[0, 1, 1], [0, 1, 1], [0, 0, 1]]
    left = everywhere.copy()
    left[:, 2] = False  # beside what is ignored there is no boundary
    assert not boundary(data, left).any()


def test_near_is_a_disc() -> None:
    mask = np.zeros((7, 7), bool)
    mask[3, 3] = True
    found = near(mask, 2)
    distances = [[math.hypot(x - 3, y - 3) <= 2 for x in range(7)] for y in range(7)]
    assert found.tolist() == distances
    assert found.sum() == 13


@pytest.mark.parametrize(("shift", "wanted"), [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.0)])
def test_boundary_f_forgives_two_pixels(shift: int, wanted: float) -> None:
    """A class's boundary is one column; 3 px apart none of it is near."""
    truth, predicted = np.zeros((6, 20), np.uint8), np.zeros((6, 20), np.uint8)
    truth[:, 8:], predicted[:, 8 + shift :] = 1, 1
    scores = scored([predicted], [truth])
    assert scores.as_json()["boundary_f"] == wanted
    assert scores.boundary[2] is None


def test_boundary_f_by_hand() -> None:
    """The truth has a square, the prediction the same and a second one far away: precision 1/2, recall 1 for class b."""
    truth = np.zeros((12, 30), np.uint8)
    truth[4:7, 4:7] = 1
    predicted = truth.copy()
    predicted[4:7, 20:23] = 1
    counts = BoundaryCounts(2)
    counts.add(torch.from_numpy(predicted), torch.from_numpy(truth))
    assert counts.counts.tolist() == [[24, 12, 12, 12], [16, 8, 8, 8]]
    assert counts.f_scores() == [pytest.approx(2 / 3), pytest.approx(2 / 3)]


def test_a_class_that_only_one_of_them_has_bounds_nothing() -> None:
    counts = BoundaryCounts(2)
    counts.add(torch.tensor([[0, 1]]), torch.tensor([[0, 0]]))
    assert counts.f_scores() == [0.0, 0.0]
    assert BoundaryCounts(2).f_scores() == [None, None]


def test_flicker_by_hand() -> None:
    """Where the truth moves, a change is right; of the three still pixels, one changes."""
    assert scored([[[0, 0, 1, 1]], [[1, 0, 1, 0]]], [[[0, 0, 0, 0]], [[0, 0, 0, 1]]]).flicker == 1 / 3


def test_flicker_is_not_counted_across_cuts() -> None:
    predicted = [[[0, 0]], [[0, 0]], [[1, 1]], [[1, 2]]]
    truth = [[[0, 0]]] * 4
    assert scored(predicted, truth).flicker == 3 / 6
    assert scored(predicted, truth, clip_length=2).flicker == 1 / 4
    assert scored(predicted, truth, clip_length=1).flicker is None
    assert scored(predicted, truth, clip_length=9).flicker == 3 / 6


def test_flicker_is_counted_between_neighbours_only() -> None:
    still = torch.zeros(1, 2, dtype=torch.uint8)

    def flicker(numbers: list[int], clip_length: int = 0) -> float | None:
        """Of predictions that change from every frame to the next."""
        tally = ClipScores(2, clip_length=clip_length)
        for number in numbers:
            tally.add(still + number % 2, still, number)
        return tally.scores(("a", "b")).flicker

    assert flicker([1, 2, 3]) == flicker([1001, 1002, 1003]) == flicker([-2, -1, 0]) == 1
    assert flicker([1, 4, 7]) is None
    assert flicker([1, 2, 5, 8]) == 1
    assert flicker([4, 5, 7, 8], clip_length=2) == 1  # 4 and 5, of which the clip begins at 4; 7 and 8 are of two clips
    assert flicker([5, 6], clip_length=1) is None


def test_frames_of_two_sizes_make_no_pair() -> None:
    count = FlickerCount()
    for width in (2, 3, 3):
        count.add(torch.zeros(1, width), torch.zeros(1, width))
    assert (count.still, count.share()) == (3, 0.0)


def test_ignored_pixels_do_not_count() -> None:
    truth, predicted = [[[0, 255, 1]], [[0, 255, 1]]], [[[0, 77, 1]], [[0, 2, 1]]]
    scores = scored(predicted, truth, ignore=255)
    assert scores.iou == (1.0, 1.0, None)
    assert (scores.flicker, scores.ignored) == (0.0, None)
    assert sum(map(sum, scores.confusion)) == 4


def test_an_ignored_class_has_no_score() -> None:
    scores = scored([[[0, 1, 1, 0]]], [[[0, 1, 2, 1]]], ignore=0)
    assert scores.iou == (None, 1 / 3, 0.0)
    assert scores.as_json()["ignored"] == "a"
    assert (scores.empty, scores.absent) == ((), ())
    everything = scored([[[0, 1]]], [[[2, 2]]], ignore=2)
    assert everything.as_json()["mean_iou"] is None


def test_the_table() -> None:
    lines = scored([[[0, 0, 1], [1, 1, 1]]], [[[0, 0, 0], [1, 1, 1]]]).table().splitlines()
    assert lines[0].split() == ["class", "IoU", "Dice", "accuracy", "boundary", "F"]
    assert lines[3].split() == ["c", "-", "-", "-", "-"]
    assert lines[5].startswith("mean without a  0.7500")
    assert lines[7].endswith("flicker -   frames 1")
    assert lines[-3].split() == ["a", "2", "1", "0"]


# Beside another library.


@pytest.fixture(scope="module")
def other() -> object:
    return pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics is not installed (the dev extra has it)")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ignore", [None, 1])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_torchmetrics(other: object, seed: int, ignore: int | None) -> None:
    predicted, truth = tones(seed, classes=4), tones(seed + 100, classes=4)
    tally = ClipScores(4, ignore)
    for p, t in zip(predicted, truth, strict=True):
        tally.add(torch.from_numpy(p), torch.from_numpy(t))
    scores = tally.scores(("a", "b", "c", "d"))
    given_to = torch.from_numpy(np.stack(predicted)).long(), torch.from_numpy(np.stack(truth)).long()
    options = {"num_classes": 4, "ignore_index": ignore}
    confusion = other.multiclass_confusion_matrix(*given_to, **options)  # type: ignore[attr-defined]
    assert confusion.tolist() == [list(row) for row in scores.confusion]
    for mine, theirs in (
        (scores.iou, other.multiclass_jaccard_index(*given_to, average="none", **options)),  # type: ignore[attr-defined]
        (scores.dice, other.multiclass_f1_score(*given_to, average="none", **options)),  # type: ignore[attr-defined]
        (scores.pixel_accuracy, other.multiclass_accuracy(*given_to, average="none", **options)),  # type: ignore[attr-defined]
    ):
        counted = [i for i in range(4) if i != ignore]
        assert [mine[i] for i in counted] == pytest.approx([theirs[i].item() for i in counted])
    known = given_to[1] != (-1 if ignore is None else ignore)
    shape = other.binary_jaccard_index(*((plane[known] > 0).int() for plane in given_to))  # type: ignore[attr-defined]
    assert scores.shape_iou == pytest.approx(shape.item())


# For any labels.

planes = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2))


@given(planes, st.integers(0, 1000))
def test_ranges_and_symmetry(truth: np.ndarray, seed: int) -> None:
    predicted = np.random.default_rng(seed).integers(0, 3, truth.shape).astype(np.uint8)
    there, back = scored([predicted, truth], [truth, truth]), scored([truth, truth], [predicted, truth])
    for score in (*there.iou, *there.dice, *there.pixel_accuracy, *there.boundary, there.flicker):
        assert score is None or 0 <= score <= 1
    assert there.iou == back.iou
    assert there.dice == back.dice
    assert there.boundary == pytest.approx(back.boundary)
    assert np.array_equal(np.array(there.confusion), np.array(back.confusion).T)
    for iou, dice in zip(there.iou, there.dice, strict=True):
        assert iou is None or dice == pytest.approx(2 * iou / (1 + iou))


@given(planes)
def test_the_truth_is_perfect(truth: np.ndarray) -> None:
    scores = scored([truth, truth], [truth, truth])
    assert {*scores.iou, *scores.dice, *scores.pixel_accuracy, *scores.boundary} <= {1.0, None}
    assert scores.flicker == 0
    assert set(scores.empty) == {name for i, name in enumerate(ABC) if i not in truth}


@given(st.integers(0, 1000), st.permutations(range(3)))
def test_names_and_order_of_frames_do_not_matter(seed: int, order: list[int]) -> None:
    predicted, truth = tones(seed, size=(8, 8)), tones(seed + 1, size=(8, 8))
    one = scored(predicted, truth, clip_length=1)
    assert scored([predicted[i] for i in order], [truth[i] for i in order], clip_length=1) == one
    swapped = scored([np.array([2, 0, 1])[p] for p in predicted], [np.array([2, 0, 1])[t] for t in truth], clip_length=1)
    assert [swapped.iou[i] for i in (2, 0, 1)] == list(one.iou)
    assert [swapped.boundary[i] for i in (2, 0, 1)] == list(one.boundary)


def test_a_stream_is_scored_without_keeping_it() -> None:
    alive: list[int] = []

    def frames() -> object:
        import weakref

        for seed in range(12):
            value = labels(tones(seed, frames=1)[0])
            weakref.finalize(value.data, alive.remove, seed)
            alive.append(seed)
            assert len(alive) <= 3
            yield value
            del value

    clip = Clip(range(12), frames)
    assert EvaluateLabels()(clip, Clip.of([labels(tones(0, frames=1)[0])] * 12)).frames == 12


# What is refused.


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        ([[[0, 1]]], [[[0, 1, 1]]], "frame 1: the prediction is 2 x 1, the truth 3 x 1"),
        ([[[0, 1]], [[0, 7]]], [[[0, 1]]] * 2, "frame 2: the prediction is 7 at x 1, y 0, which is no class; the classes are 0 to 2"),
        ([[[0, 1]]], [[[255, 1]]], "frame 1: the truth is 255 at x 0, y 0"),
        ([[[0]], [[0]]], [[[0]]], "2 predicted frames for 1 true ones"),
        ([], [], "at least one"),
    ],
)
def test_frames_that_cannot_be_compared(predicted: list[object], truth: list[object], message: str) -> None:
    with pytest.raises((FrameError, UsageError), match=message):
        scored(predicted, truth)


def test_other_classes_are_refused() -> None:
    with pytest.raises(UsageError, match="the classes of the prediction are a, c, not a, b"):
        EvaluateLabels()([labels([[0]], ("a", "c"))], [labels([[0]], ("a", "b"))])


def test_parameters_are_checked() -> None:
    assert "cannot write .pgn (did you mean '.png'?)" in next(EvaluateLabels(worst="a.pgn").faults(frozenset(), 1))
    assert "are both" in next(EvaluateLabels(worst="a.png", path="a.png").faults(frozenset(), 1))
    assert parameter_faults(EvaluateLabels, {"ignore": 256})
    assert parameter_faults(EvaluateLabels, {"clip_length": -1})


# Files, and within a graph.


def write_clip(folder: Path, name: str, frames: list[np.ndarray]) -> str:
    for frame, data in enumerate(frames, 1):
        write_labels(folder / f"{name}/{frame:04d}.png", labels(data))
    return str(folder / f"{name}/####.png")


def test_in_a_graph_it_gives_scores_and_writes_them_once(tmp_path: Path) -> None:
    graph = Graph(frames="1-3")
    predicted = graph.add(LoadLabels(path=write_clip(tmp_path, "p", tones(1)), classes=list(ABC)))
    truth = graph.add(LoadLabels(path=write_clip(tmp_path, "t", tones(2)), classes=list(ABC)))
    options = {"path": str(tmp_path / "scores.json"), "worst": str(tmp_path / "worst.png"), "worst_count": 2}
    graph.add(EvaluateLabels(**options), "scores", prediction=predicted, truth=truth)
    result = run(graph, root=".", cache=str(tmp_path / "cache"))
    assert result.exit_code == 0
    made = result.values["scores"]["scores"]
    assert made == scored(tones(1), tones(2))
    assert json.loads((tmp_path / "scores.json").read_text()) == made.as_json()
    assert read_key(tmp_path / "scores.json") == read_key(tmp_path / "worst.png")
    assert run(graph, cache=str(tmp_path / "cache")).plan.is_empty
    (tmp_path / "scores.json").unlink()
    assert run(graph, cache=str(tmp_path / "cache")).exit_code == 0
    assert (tmp_path / "scores.json").exists()


def test_without_files_it_is_made_each_time(tmp_path: Path) -> None:
    graph = Graph(frames="1-3")
    handle = graph.add(LoadLabels(path=write_clip(tmp_path, "t", tones(2)), classes=list(ABC)))
    graph.add(EvaluateLabels(), "scores", prediction=handle, truth=handle)
    for _ in range(2):
        assert run(graph, cache=str(tmp_path / "cache")).values["scores"]["scores"].as_json()["mean_iou"] == 1


def test_the_worst_frames_are_on_the_sheet(tmp_path: Path) -> None:
    truth = [np.zeros((8, 8), np.uint8)] * 5
    predicted = [np.full((8, 8), 2 if i == 3 else 0, np.uint8) for i in range(5)]
    path = tmp_path / "worst.png"
    scored(predicted, truth, worst=str(path), worst_count=1)
    with PIL.Image.open(path) as sheet:
        width, height = sheet.size
        left, right = sheet.getpixel((width // 4, 20)), sheet.getpixel((3 * width // 4, 20))
    assert (width, left) == (2 * 160 + 2 + 8, (0x7A, 0x5C, 0x61))  # class 2 as it was predicted
    assert right != left
    scored(predicted, truth, worst=str(path), worst_count=4)
    with PIL.Image.open(path) as sheet:
        assert sheet.size == (2 * 326 + 4, 2 * (height - 4) + 4)


def test_scores_are_a_value_like_any_other() -> None:
    scores = scored(tones(1), tones(2))
    assert unpack(pack(scores), Scores) == scores


# .npy files.


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64", ">i2", "bool"])
def test_labels_out_of_arrays(tmp_path: Path, kind: str) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1, 1], [1, 0, 0]]).astype(kind))
    found = read_labels(tmp_path / "a.npy", ABC)
    assert found.data.dtype == torch.uint8
    assert found.data.tolist() == [[0, 1, 1], [1, 0, 0]]
    assert picture_size(tmp_path / "a.npy") == (3, 2)
    assert LoadLabels(path=str(tmp_path / "a.npy"), classes=["a", "b"], values=[1, 0])(frame=1).data.tolist() == [[1, 0, 0], [0, 1, 1]]


def test_arrays_that_are_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([[0, 70000], [-1, 0]]))
    with pytest.raises(FrameError, match=r"a\.npy: value -1, 70000 is no class \(first at x 1, y 0\); the classes are 0, 1, 2"):
        read_labels(path, ABC)
    for wrong in (np.zeros((2, 2)), np.zeros((2, 2, 1), np.uint8), np.zeros(3, np.uint8)):
        np.save(path, wrong)
        with pytest.raises(FrameError, match=r"a\.npy: labels are whole numbers \[H, W\], this array is"):
            read_labels(path, ABC)
    np.save(path, np.array([[{}]]), allow_pickle=True)
    with pytest.raises(FrameError, match=r"a\.npy: damaged .npy file"):
        read_labels(path, ABC)
    np.save(path, np.zeros((40, 40), np.uint8))
    path.write_bytes(path.read_bytes()[:-1])
    for reader in (picture_size, lambda p: read_labels(p, ABC)):
        with pytest.raises(FrameError, match=r"a\.npy: damaged .npy file"):
            reader(path)


def test_the_confusion_matrix_ignores_nothing_when_told_so() -> None:
    matrix = ConfusionMatrix(256, ignore=None)
    matrix.add(torch.tensor([255]), torch.tensor([255]))
    assert matrix.iou()[255] == 1
