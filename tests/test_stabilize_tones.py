"""StabilizeTones and EstimateMotion, and what lies beneath: vectors, trails, the chain along them."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rotonodes import Graph, run
from rotonodes.errors import FrameError, RotoError, UsageError
from rotonodes.imaging.temporal import stabilize
from rotonodes.imaging.temporal.motion import Positions, displaced, estimate, flow, follow, own_positions, sample
from rotonodes.imaging.temporal.neighbours import without_gaps
from rotonodes.imaging.temporal.stabilize import Moment, TrailFrame, message, most_probable, posterior, softened
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.nodes import EstimateMotion, LoadFrames, MultipassDecode, StabilizeTones, WriteFrames
from rotonodes.values.color import srgb_to_linear
from rotonodes.values.pixels import Clip, Image, Labels
from rotonodes.values.tones import CLASSES, COLORS

NAN = float("nan")
VECTOR = ("X", "Y", "Z", "W")


def sure(rows: object, certainty: float = 0.9, classes: tuple[str, ...] = ("a", "b", "c")) -> Image:
    """Probabilities whose most probable classes are `rows`; the other classes share the rest."""
    index = torch.tensor(rows)
    hot = torch.nn.functional.one_hot(index, len(classes)).movedim(-1, 0).float()
    return Image(hot * certainty + (1 - hot) * (1 - certainty) / (len(classes) - 1), classes)


def vectors(height: int, width: int, x: float = 0.0, y: float = 0.0) -> Image:
    """The Vector pass of something that moves by x px to the right and y px down with every frame."""
    planes = torch.tensor([-x, y, -x, y]).view(4, 1, 1).expand(4, height, width)
    return Image(planes.clone(), VECTOR)


def cloth(height: int, width: int, right: float = 0.0, down: float = 0.0) -> Tensor:
    """A smooth pattern `[1, H, W]` from 0 to 1, moved to the right and down."""
    at = own_positions(torch.empty(height, width))
    x, y = at.x - right, at.y - down
    waves = torch.sin(0.31 * x + 0.2 * y) + torch.sin(0.33 * y - 0.21 * x) + torch.sin(0.07 * x + 0.4) * torch.cos(0.09 * y)
    return (waves / 6 + 0.5)[None]


def labels(clip: Sequence[Image], frame: int, motion: Sequence[Image] | None = None, **parameters: object) -> list[list[int]]:
    """What StabilizeTones makes of a frame whose picture does not change."""
    shown = [Image(torch.full((1, clip[0].height, clip[0].width), 0.5))] * len(clip)
    found: Labels = StabilizeTones(**parameters)(list(clip), motion and list(motion), shown, frame=frame).labels
    return found.data.tolist()


# Vectors.


def test_sampling_at_whole_pixels_gives_them_back_and_beyond_the_edge_the_edge() -> None:
    planes = torch.rand(2, 5, 7)
    own = own_positions(planes)
    assert own.x[2].tolist() == list(range(7)) and own.y[:, 3].tolist() == list(range(5))
    torch.testing.assert_close(sample(planes, own), planes)
    moved = sample(planes, Positions(own.x + 2, own.y - 1))
    torch.testing.assert_close(moved[:, 1:, :5], planes[:, :4, 2:])
    torch.testing.assert_close(moved[:, 1:, 5:], planes[:, :4, 6:].expand(-1, -1, 2))
    torch.testing.assert_close(sample(planes, Positions(own.x + 0.5, own.y))[:, :, :6], (planes[..., :6] + planes[..., 1:]) / 2)


def test_vectors_point_up_and_against_time() -> None:
    """X Y are previous - current and Z W current - next, y upwards: as Cycles writes them."""
    at = Positions(torch.tensor([[10.0]]), torch.tensor([[20.0]]))
    pixel = torch.tensor([-3.0, 2.0, -5.0, 4.0]).view(4, 1, 1)
    assert [p.item() for p in displaced(pixel, -1, at)] == [7, 18]
    assert [p.item() for p in displaced(pixel, 1, at)] == [15, 24]


def test_trust_is_where_the_way_there_and_back_meets() -> None:
    moving, still = vectors(6, 9, x=2).data, vectors(6, 9).data
    at = own_positions(moving)
    to, trust = follow(moving, moving, 1, at)
    assert torch.equal(to.x, at.x + 2) and torch.equal(to.y, at.y)
    assert trust[:, :7].eq(1).all() and trust[:, 7:].eq(0).all(), "the last two columns leave the frame"
    _, broken = follow(moving, still, 1, at)
    torch.testing.assert_close(broken[:, :7], torch.full((6, 7), 2.718281828**-2))  # misses by 2 px
    hole = moving.clone()
    hole[:, 3, 4] = NAN
    assert follow(hole, moving, -1, at)[1].isfinite().all()
    assert follow(hole, moving, -1, at)[1][3, 4] == 0


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, -2), (-6.5, 4.25)])
@pytest.mark.parametrize("shrink", [1, 2, 4])
def test_flow_finds_a_shift(right: float, down: float, shrink: int) -> None:
    found = flow(cloth(90, 133), cloth(90, 133, right, down), shrink)
    inside = found[:, 12:-12, 12:-12].flatten(1)
    off = (inside - torch.tensor([[right], [down]])).norm(dim=0)
    assert off.median() < 0.2 * shrink  # pixels of the pictures that are compared
    assert off.quantile(0.95) < 0.5 * shrink


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2), (35, 47)])
@pytest.mark.parametrize("shrink", [1, 4])
def test_flow_of_any_size(size: tuple[int, int], shrink: int) -> None:
    found = flow(torch.rand(1, *size), torch.rand(1, *size), shrink)
    assert found.shape == (2, *size) and found.isfinite().all()


def test_estimate_is_a_vector_pass() -> None:
    """Followed by its own rule it leads to where the pattern went."""
    shown = [cloth(64, 80, 2.0 * n, -1.5 * n) for n in range(3)]
    found = estimate(shown[1], shown[0], shown[2], 1)
    middle = found[:, 10:-10, 10:-10].flatten(1).median(dim=1).values
    torch.testing.assert_close(middle, vectors(1, 1, 2.0, -1.5).data.flatten(), atol=0.1, rtol=0)
    at = own_positions(found)
    for step, other in ((-1, shown[0]), (1, shown[2])):
        there = sample(other, displaced(found, step, at))
        assert (there - shown[1])[:, 10:-10, 10:-10].abs().mean() < 0.005 < (other - shown[1]).abs().mean()
    assert estimate(shown[1], None, shown[2])[:2].eq(0).all() and estimate(shown[1], shown[0], None)[2:].eq(0).all()


def test_estimate_motion_sees_colour_as_brightness_and_survives_what_is_no_number() -> None:
    clip = [Image(cloth(48, 48, 2.0 * n).pow(2.2).expand(3, -1, -1).clone()) for n in range(3)]
    made = EstimateMotion(shrink=1)(clip, frame=2).motion
    assert made.channels == VECTOR and made.size == (48, 48)
    torch.testing.assert_close(made.data[0, 10:-10, 10:-10].median(), torch.tensor(-2.0), atol=0.1, rtol=0)
    clip[1].data[:, 20, 20] = NAN
    clip[2].data[0, 9, 9] = float("inf")
    holed = EstimateMotion(shrink=1)(clip, frame=2).motion.data
    assert holed.isfinite().all()
    torch.testing.assert_close(holed[0, 34:-6, 34:-6], made.data[0, 34:-6, 34:-6], atol=0.2, rtol=0)
    ends = [EstimateMotion()(clip, frame=frame).motion.data for frame in (1, 3)]
    assert ends[0][:2].eq(0).all() and ends[0][2:].ne(0).any()
    assert ends[1][2:].eq(0).all() and ends[1][:2].ne(0).any()


# The chain.


def by_enumeration(evidence: Tensor, middle: int, change: float, holds: Sequence[float]) -> Tensor:
    """The probabilities of the tone in the middle: a sum over every way that tones could go. `evidence` is `[T, K]`."""
    count, classes = evidence.shape
    total = torch.zeros(classes, dtype=torch.float64)
    for path in itertools.product(range(classes), repeat=count):
        weight = 1.0
        for at, tone in enumerate(path):
            weight *= float(evidence[at, tone])
            if at:
                stays = holds[at - 1] * (1 - change)
                weight *= stays * (path[at - 1] == tone) + (1 - stays) / classes
        total[path[middle]] += weight
    return total / total.sum()


@pytest.mark.parametrize("middle", [0, 1, 2, 4])
@pytest.mark.parametrize("change", [0.04, 0.5, 1.0])
def test_posterior_is_the_sum_over_all_ways(middle: int, change: float) -> None:
    torch.manual_seed(middle)
    evidence = torch.rand(5, 3) * 0.9 + 0.05
    shown = torch.ones(1, 1, 1)
    total, frames = posterior([Moment(e.view(3, 1, 1), None, shown) for e in evidence], middle, change)
    # The picture stays, so that how far the probabilities go apart from frame to frame is all that loosens a link.
    holds = [math.exp(-float((one - other).square().sum() / 2) / (2 * 0.63**2)) for one, other in itertools.pairwise(evidence)]
    assert min(holds) > 0.1 and max(holds) < 0.999
    torch.testing.assert_close(total.flatten().double(), by_enumeration(evidence, middle, change, holds), atol=1e-6, rtol=1e-5)
    links = [hold * (1 - change) for hold in holds]
    reaches = [math.prod(links[min(at, middle) : max(at, middle)]) for at in range(5)]
    torch.testing.assert_close(frames, torch.full((1, 1), sum(reaches)))


@pytest.mark.parametrize("size", [(1, 9), (7, 5), (23, 40)])
def test_bands_of_rows_have_the_bits_of_the_whole(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    moments = [Moment(torch.randn(4, *size).softmax(0), None, torch.rand(3, *size) * 0.1) for _ in range(5)]
    moments[1].evidence[2, 0, 3] = moments[3].picture[1, -1, 2] = NAN
    whole = posterior(moments, 2, 0.04)
    monkeypatch.setattr(stabilize, "_BAND", 2 * size[1] + 1)
    assert len(stabilize._bands(moments)) == -(-size[0] // 2)
    assert all(map(torch.equal, posterior(moments, 2, 0.04), whole))


def test_a_link_that_does_not_hold_says_nothing() -> None:
    torch.manual_seed(1)
    evidence, holds = torch.rand(3, 3) * 0.9 + 0.05, [0.3, 0.8]
    steps = [TrailFrame(e.clone().view(3, 1, 1), torch.full((1, 1), h)) for e, h in zip(evidence[1:], holds, strict=True)]
    total = evidence[0] * message(steps, 0.1).flatten()
    torch.testing.assert_close((total / total.sum()).double(), by_enumeration(evidence, 0, 0.1, holds), atol=1e-6, rtol=1e-5)
    nothing = message([TrailFrame(torch.rand(3, 2, 2), torch.zeros(2, 2))], 0.1)
    torch.testing.assert_close(nothing, torch.full((3, 2, 2), 1 / 3))


def test_what_all_frames_say_stays_as_sure_as_each_of_them() -> None:
    evidence = sure([[0, 1], [2, 2]], 0.7).data
    total, frames = posterior([Moment(evidence, None, torch.ones(1, 2, 2))] * 5, 2, 1e-6)
    assert total.amax(0).min() > 0.98
    torch.testing.assert_close(softened(total, frames), evidence, atol=1e-4, rtol=1e-3)


def test_most_probable_class() -> None:
    planes = torch.rand(5, 9, 8)
    assert torch.equal(most_probable(planes), planes.argmax(0).byte())
    assert most_probable(torch.tensor([0.4, 0.4, 0.2]).view(3, 1, 1)).item() == 0
    assert most_probable(torch.tensor([NAN, 0.1, 0.3]).view(3, 1, 1)).item() == 2
    assert most_probable(torch.full((3, 1, 1), NAN)).item() == 0


# The node.


def test_a_tone_that_flickers_for_one_frame_is_held() -> None:
    clip = [sure([[0, 1, 2]]), sure([[0, 1, 2]]), sure([[0, 2, 2]], 0.6), sure([[0, 1, 2]]), sure([[0, 1, 2]])]
    assert StabilizeTones(radius=0)(clip, frame=3).labels.data.tolist() == [[0, 2, 2]]
    assert labels(clip, 3, radius=1) == labels(clip, 3, radius=2) == [[0, 1, 2]]


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_a_tone_that_changes_for_good_changes_in_its_frame(radius: int) -> None:
    clip = [sure([[0]])] * 4 + [sure([[1]])] * 4
    found = [labels(clip, frame, radius=radius, change=0.04) for frame in range(1, 9)]
    assert found == [[[0]]] * 4 + [[[1]]] * 4


def test_vectors_carry_evidence_along() -> None:
    """A spot that moves 3 px with every frame and is missed once: in place there is nothing to find it by."""
    rows = [[int(x == 2 + 3 * n) for x in range(20)] for n in range(5)]
    clip, shown = [sure([row] * 5) for row in rows], [Image(torch.tensor([row] * 5)[None] * 0.5) for row in rows]
    clip[2] = sure([[0] * 20] * 5, 0.6)
    motion = [vectors(5, 20, x=3)] * 5
    assert StabilizeTones()(clip, None, shown, frame=3).labels.data.tolist() == [[0] * 20] * 5
    found = [StabilizeTones()(clip, motion, shown, frame=n).labels.data.tolist() for n in range(1, 6)]
    assert found == [[row] * 5 for row in rows]


def test_what_is_hidden_is_no_evidence() -> None:
    """Vectors that do not lead back are not followed, and where the picture changes nothing is held in place either."""
    clip = [sure([[0] * 8] * 4), sure([[1] * 8] * 4, 0.5), sure([[0] * 8] * 4)]
    apart = [vectors(4, 8, x=1), vectors(4, 8, x=4), vectors(4, 8, x=1)]
    dark, light = (Image(torch.full((3, 4, 8), value)) for value in (0.0, 0.9))
    held = StabilizeTones()(clip, apart, [dark, dark, dark], frame=2)
    free = StabilizeTones()(clip, apart, [dark, light, dark], frame=2)
    assert held.labels.data.eq(0).all()
    assert free.labels.data.eq(1).all()
    torch.testing.assert_close(free.probabilities.data, clip[1].data)


def test_what_moves_past_slowly_is_no_evidence_for_long() -> None:
    """From frame to frame the picture hardly changes, from the first to the last very much: far frames are not like this one."""
    ramp = [Image(srgb_to_linear(torch.full((3, 4, 4), 0.3 + 0.03 * n))) for n in range(9)]
    clip = [sure([[int(n == 4)] * 4] * 4, 0.85 if n == 4 else 0.6) for n in range(9)]
    still = StabilizeTones()(clip, None, [ramp[4]] * 9, frame=5)
    moving = StabilizeTones()(clip, None, ramp, frame=5)
    assert still.labels.data.eq(0).all()
    assert moving.labels.data.eq(1).all()


def test_an_edge_that_moves_past_is_seen_where_it_is() -> None:
    """The pixels beside it, which look as they did, are held."""
    clip = [sure([[int(n == 1)] * 6] * 4, 0.7) for n in range(3)]
    shown = [Image(torch.zeros(3, 4, 6)) for _ in clip]
    shown[1].data[:, :, 3] = 0.9
    found = StabilizeTones(radius=1)(clip, None, shown, frame=2).labels.data
    assert found[:, [0, 1, 2, 4, 5]].eq(0).all() and found[:, 3].eq(1).all()


def test_what_is_unknown_is_no_change_of_mind() -> None:
    """A frame whose probabilities are no numbers gets those of its neighbours, as sure as they are."""
    grey = [Image(torch.full((1, 4, 4), 0.5))] * 3
    clip = [sure([[1] * 4] * 4), sure([[1] * 4] * 4), sure([[1] * 4] * 4)]
    clip[1].data[:, 2, 2] = NAN
    found = StabilizeTones(radius=1)(clip, None, grey, frame=2)
    assert found.labels.data[2, 2] == 1
    assert found.probabilities.data[1, 2, 2] > 0.7


def test_a_network_that_is_sure_is_believed_where_the_picture_shows_no_change() -> None:
    dark = [Image(torch.full((3, 4, 4), 0.01))] * 5
    wavers, knows = ([sure([[int(n == 2)] * 4] * 4, sureness) for n in range(5)] for sureness in (0.6, 0.99))
    assert StabilizeTones()(wavers, None, dark, frame=3).labels.data.eq(0).all()
    assert StabilizeTones()(knows, None, dark, frame=3).labels.data.eq(1).all()


def test_colours_of_one_brightness_are_told_apart() -> None:
    red, green = (Image(torch.tensor(color).view(3, 1, 1).expand(3, 4, 4)) for color in ((0.5, 0.0, 0.0), (0.0, 0.1487, 0.0)))
    clip = [sure([[0] * 4] * 4), sure([[1] * 4] * 4, 0.7), sure([[0] * 4] * 4)]
    assert StabilizeTones()(clip, None, [red] * 3, frame=2).labels.data.eq(0).all()
    assert StabilizeTones()(clip, None, [red, green, red], frame=2).labels.data.eq(1).all()


def test_a_picture_says_more_than_probabilities() -> None:
    """Without one, frames are compared by their probabilities: what looks like a change is taken for one."""
    clip = [sure([[0] * 6] * 6), sure([[1] * 6] * 6, 0.7), sure([[0] * 6] * 6)]
    grey = [Image(torch.full((1, 6, 6), 0.5))] * 3
    assert StabilizeTones()(clip, None, grey, frame=2).labels.data.eq(0).all()
    assert StabilizeTones()(clip, frame=2).labels.data.eq(1).all()


def test_probabilities_are_those_of_the_labels() -> None:
    torch.manual_seed(2)
    clip = [Image(torch.rand(5, 12, 9).softmax(0), CLASSES) for _ in range(5)]
    made = StabilizeTones()(clip, frame=3)
    assert (made.labels.classes, made.labels.colors) == (CLASSES, COLORS)
    assert made.probabilities.channels == CLASSES
    torch.testing.assert_close(made.probabilities.data.sum(0), torch.ones(12, 9))
    assert torch.equal(most_probable(made.probabilities.data), made.labels.data)
    assert not torch.equal(made.labels.data, most_probable(clip[2].data))
    assert StabilizeTones().run({"probabilities": Clip.of(clip)}, frame=3, wanted=["labels"]).probabilities is None


@pytest.mark.parametrize("parameters", [{"radius": 0}, {"change": 1.0}])
def test_nothing_is_changed_on_request(parameters: dict[str, float]) -> None:
    clip = [Image(torch.rand(5, 6, 7)) for _ in range(3)]
    clip[1].data[2, 3, 4] = NAN
    made = StabilizeTones(**parameters)(clip, frame=2)
    assert made.probabilities is clip[1]
    assert torch.equal(made.labels.data, clip[1].data.nan_to_num(-1).argmax(0).byte())


def test_pixels_that_are_no_numbers_are_what_their_neighbours_in_time_say() -> None:
    clip = [sure([[0, 1, 2, 1]] * 4) for _ in range(3)]
    clip[1].data[:, 1, 2] = NAN
    clip[1].data[:, 2, 0] = float("inf")
    shown = [Image(torch.full((1, 4, 4), 0.5))] * 3
    lost = [vectors(4, 4), vectors(4, 4), vectors(4, 4)]
    lost[0].data[:, 3, 1] = lost[1].data[0, 0, 0] = NAN
    lost[1].data[3, 0, 1] = float("inf")
    for motion in (None, lost):
        made = StabilizeTones()(clip, motion, shown, frame=2)
        assert made.labels.data.tolist() == [[0, 1, 2, 1]] * 4
        assert made.probabilities.data.isfinite().all()


def test_vectors_are_found_by_their_channels() -> None:
    clip = [sure([[0] * 9 + [1] + [0] * 9] * 3), sure([[0] * 19] * 3, 0.5), sure([[0] * 9 + [1] + [0] * 9] * 3)]
    motion = [vectors(3, 19, x=2)] * 3
    wanted = labels(clip, 2, motion)
    shuffled = [Image(m.data[[3, 1, 0, 2]], ("W", "Y", "X", "Z")) for m in motion]
    as_color = [Image(torch.cat([m.data, m.data[:1]]), ("R", "G", "B", "A", "depth")) for m in motion]
    assert labels(clip, 2, shuffled) == labels(clip, 2, as_color) == wanted


def test_only_frames_within_the_radius_count() -> None:
    torch.manual_seed(3)
    clip = [Image(torch.rand(3, 8, 8)) for _ in range(9)]
    motion = [vectors(8, 8, 1.0, 0.5)] * 9
    wanted = StabilizeTones(radius=2)(clip, motion, frame=5)
    beyond = [*([Image(torch.rand(3, 8, 8))] * 2), *clip[2:7], *([Image(torch.rand(3, 8, 8))] * 2)]
    assert torch.equal(StabilizeTones(radius=2)(beyond, motion, frame=5).probabilities.data, wanted.probabilities.data)
    within = [*clip[:2], beyond[0], *clip[3:]]
    assert not torch.equal(StabilizeTones(radius=2)(within, motion, frame=5).probabilities.data, wanted.probabilities.data)


def test_trails_do_not_step_over_missing_frames() -> None:
    assert without_gaps((1, 2, 3, 5, 6), 3, 2) == range(1, 4)
    assert without_gaps((1, 3, 5), 3, 2) == range(3, 4)
    assert without_gaps(tuple(range(1, 20)), 9, 3) == range(6, 13)
    clip = Clip.of([Image(torch.rand(3, 4, 4)) for _ in range(4)], [1, 2, 4, 5])
    near = Clip.of(list(clip)[:2], [1, 2])
    made, wanted = (StabilizeTones()(given, frame=2).probabilities.data for given in (clip, near))
    assert torch.equal(made, wanted)


class Shot(Node):
    """A shot of five classes that move and flicker, its vectors and its picture, out of the frame's number."""

    kind: str = "probabilities"

    def process(self, frame: Frame) -> Image:
        generator = torch.Generator().manual_seed(int(frame))
        picture = cloth(24, 32, 1.5 * frame, 0.5 * frame)
        if self.kind == "image":
            return Image(picture)
        if self.kind == "motion":
            return vectors(24, 32, 1.5, 0.5)
        steps = torch.arange(5).view(5, 1, 1) / 5
        noise = torch.randn(5, 24, 32, generator=generator) * 0.7
        return Image((noise - (picture - steps - 0.1).abs() * 12).softmax(0), CLASSES)


@pytest.mark.parametrize("linked", [(), ("image",), ("motion",), ("image", "motion")])
def test_how_a_run_is_cut_changes_no_pixel(linked: tuple[str, ...], tmp_path: Path) -> None:
    def rendered(name: str, *frames: str, threads: int) -> list[bytes]:
        for part in frames:
            graph = Graph(frames="1-7")
            links = {other: graph.add(Shot(kind=other), other) for other in ("probabilities", *linked)}
            made = graph.add(StabilizeTones(), "steady", **links)
            graph.add(WriteFrames(path=str(tmp_path / name / "soft.####.exr"), depth="float"), image=made.probabilities)
            graph.add(WriteFrames(path=str(tmp_path / name / "hard.####.png")), image=made.labels)
            assert run(graph, frames=part, cache="none", device="cpu", threads=threads).exit_code == 0
        return [path.read_bytes() for path in sorted((tmp_path / name).iterdir())]

    whole = rendered("whole", "1-7", threads=2)
    assert len(whole) == 14
    assert rendered("apart", "5", "1-2", "6-7", "3-4", threads=1) == whole


def test_flicker_falls_and_agreement_rises() -> None:
    """Noisy probabilities of a pattern that moves: the more frames, and the better the motion is known, the steadier."""
    numbers = range(1, 8)
    given = {kind: [Shot(kind=kind)(frame=n) for n in numbers] for kind in ("probabilities", "image", "motion")}
    truth = [((image.data[0] * 5 - 0.5).round().clamp(0, 4)).byte() for image in given["image"]]

    def wrong(radius: int, motion: bool) -> float:
        made = [
            StabilizeTones(radius=radius)(given["probabilities"], given["motion"] if motion else None, given["image"], frame=n).labels
            for n in numbers
        ]
        return sum(float((m.data != t).float().mean()) for m, t in zip(made, truth, strict=True)) / len(truth)

    raw, still, moving, far = wrong(0, False), wrong(2, False), wrong(2, True), wrong(3, True)
    assert far < moving < still < raw


# Bad input.


def faults(*clips: object, frame: int = 2, **parameters: object) -> str:
    with pytest.raises(RotoError) as caught:
        StabilizeTones(**parameters)(*clips, frame=frame)
    assert isinstance(caught.value, FrameError | UsageError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_faults_say_where_what_and_what_to_do() -> None:
    clip, motion, shown = [sure([[0, 1]])] * 3, [vectors(1, 2)] * 3, [Image(torch.ones(3, 1, 2))] * 3
    assert faults(clip, frame=9) == "probabilities: there is no frame 9 in the clip; it has the frames 1-3"
    assert "frame 3 is 3 x 1, frame 2 2 x 1" in faults([*clip[:2], sure([[0, 1, 2]])])
    assert "frame 1 has the channels R G B, frame 2 a b c" in faults([Image(torch.ones(3, 1, 2)), *clip[1:]])
    one = [Image(torch.ones(1, 1, 2))] * 3
    assert faults(one) == "probabilities: one channel (Y) is no choice of a class: link UNetSegment's probabilities"
    wrong = faults(clip, shown)
    assert wrong == "motion: vectors have the channels X Y Z W, this picture has R G B: link the Vector pass, or EstimateMotion"
    assert "motion: frame 2 is 4 x 1, the probabilities 2 x 1" in faults(clip, [vectors(1, 4)] * 3)
    assert "image: frame 2 is 2 x 2, the probabilities 2 x 1" in faults(clip, motion, [Image(torch.ones(3, 2, 2))] * 3)
    assert faults(clip, motion[:2]) == "motion: there is no frame 3, which the probabilities have: link clips of the same frames"
    assert "image: there is no frame 2 in the clip; it has the frames 5-7" in faults(clip, motion, Clip.of(shown, [5, 6, 7]))
    with pytest.raises(UsageError, match="image: there is no frame 4"):
        EstimateMotion()(shown, frame=4)
    with pytest.raises(FrameError, match="image: frame 3 is 5 x 1, frame 2 2 x 1"):
        EstimateMotion()([*shown[:2], Image(torch.ones(3, 1, 5))], frame=2)


def test_data_windows_are_put_on_the_frame() -> None:
    """Evidence outside of a data window says nothing; vectors there are zero."""
    whole = [sure([[0, 1, 1, 0]] * 4) for _ in range(3)]
    cropped = replace(whole[1], data=whole[1].data[:, 1:3, 1:3], origin=(1, 1), size=(4, 4))
    made = StabilizeTones()([whole[0], cropped, whole[2]], frame=2)
    assert made.probabilities.box == (0, 0, 4, 4)
    assert made.labels.data[1:3, 1:3].tolist() == [[1, 1], [1, 1]]


# Against Blender itself.

BPY = os.environ.get("ROTONODES_BPY", "")


@pytest.mark.slow
@pytest.mark.skipif(not BPY, reason="ROTONODES_BPY names no Python that has bpy")
def test_vectors_of_a_real_render_lead_to_the_neighbouring_frames(tmp_path: Path) -> None:
    script = Path(__file__).parent / "blender" / "moving_cube.py"
    done = subprocess.run([BPY, str(script), str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    load, decode = LoadFrames(path=str(tmp_path / "cube.####.exr")), MultipassDecode(passes=["Combined", "Vector"], mattes={"cube": "cube"})
    passes = {frame: decode(load(frame=frame).layers) for frame in (1, 2, 3)}
    cube = passes[2]["cube"].data[0] > 0.99
    pixels = passes[2]["Vector"].data
    assert passes[2]["Vector"].channels == VECTOR and cube.sum() > 200
    assert pixels[:, passes[2]["cube"].data[0] == 0].abs().max() == 0, "the world does not move"
    at = own_positions(pixels)
    for step in (-1, 1):
        there = passes[2 + step]
        moved = displaced(pixels, step, at)
        travelled = [float((to - own)[cube].mean()) for to, own in zip(moved, at, strict=True)]
        middles = [[float((p * m).sum() / m.sum()) for p in at] for m in (passes[2]["cube"].data[0], there["cube"].data[0])]
        assert travelled == pytest.approx([b - a for a, b in zip(*middles, strict=True)], rel=0.1)  # the front is nearer than the middle
        assert sample(there["cube"].data, moved)[0, cube].mean() > 0.97
        before, after = ((picture - passes[2]["Combined"].data)[:3, cube].abs().mean() for picture in
                         (there["Combined"].data, sample(there["Combined"].data, moved)))  # fmt: skip
        assert after < 0.3 * before
        assert follow(pixels, there["Vector"].data, step, at)[1][cube].median() > 0.9
