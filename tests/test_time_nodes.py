"""Nodes that show frames at other times: which frame is shown, alone, in a graph, in pieces; and what is not made."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rotonodes import Graph, run
from rotonodes.errors import FrameError, UsageError
from rotonodes.node.annotations import Frame, Shot
from rotonodes.node.base import Node
from rotonodes.nodes import AppendClips, Blur, HoldFrames, Retime, Switch, TimeOffset
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.pixels import Clip, Image, Labels, Matte

made: list[int] = []  # the frames that FrameNumbers was asked for
shown: dict[int, float] = {}


class FrameNumbers(Node):
    """A picture of each frame's number."""

    def process(self, frame: Frame) -> Image:
        made.append(int(frame))
        return Image(torch.full((1, 1, 1), float(frame)))


class OneStill(Node):
    """One picture for all frames."""

    def process(self) -> Image:
        return Image(torch.full((1, 1, 1), 77.0))


class ShowTimes(Node):
    """What is shown at each frame."""

    def process(self, image: Clip[Image]) -> Path:
        shown.update({frame: float(picture.data[0, 0, 0]) for frame, picture in image.items()})
        Path("out").mkdir(exist_ok=True)
        Path("out/shown").write_text(str(shown))
        return Path("out/shown")

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return ("out/shown",)


def seen(
    node: Node, frames: str = "1-8", only: tuple[int, ...] | None = None, sources: int = 1, source: type[Node] = FrameNumbers
) -> dict[int, float]:
    """Frame of a shot -> number of the frame that is seen there; `sources` pictures add 100 to their numbers each."""
    made.clear()
    shown.clear()
    graph = Graph(frames=frames)
    links = [graph.add(source(), f"source{i}") for i in range(sources)]
    many = node.signature.inputs["image"].many
    graph.add(ShowTimes(), "end", image=graph.add(node, "node", image=links if many else links[0])["image"])
    result = run(graph, cache="none", device="cpu", nodes=["end"], frames=only, force=True)
    assert result.exit_code == 0, result.failures
    return dict(shown)


def row(found: dict[int, float]) -> list[float]:
    return [found[frame] for frame in sorted(found)]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


CASES = [
    (TimeOffset(by=2), [1, 1, 1, 2, 3, 4, 5, 6]),
    (TimeOffset(by=-3), [4, 5, 6, 7, 8, 8, 8, 8]),
    (TimeOffset(by=3, outside="loop"), [6, 7, 8, 1, 2, 3, 4, 5]),
    (TimeOffset(by=3, outside="bounce"), [4, 3, 2, 1, 2, 3, 4, 5]),
    (TimeOffset(by=-6, outside="bounce"), [7, 8, 7, 6, 5, 4, 3, 2]),
    (TimeOffset(by=2, outside="black"), [0, 0, 1, 2, 3, 4, 5, 6]),
    (TimeOffset(by=-7, outside="loop", input_range="1-3"), [2, 3, 1, 2, 3, 1, 2, 3]),
    (TimeOffset(by=-2, input_range="1-20"), [3, 4, 5, 6, 7, 8, 9, 10]),
    (HoldFrames(), [1, 1, 3, 3, 5, 5, 7, 7]),
    (HoldFrames(step=3), [1, 1, 1, 4, 4, 4, 7, 7]),
    (HoldFrames(step=2, start=0), [1, 2, 2, 4, 4, 6, 6, 8]),
    (HoldFrames(keys="5"), [5] * 8),
    (HoldFrames(keys="2,5-8x2"), [2, 2, 2, 2, 5, 5, 7, 7]),
    (Retime(speed=2), [1, 3, 5, 7, 8, 8, 8, 8]),
    (Retime(speed=0.5, method="nearest"), [1, 2, 2, 3, 3, 4, 4, 5]),
    (Retime(speed=0.5, method="blend"), [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]),
    (Retime(speed=-1, start=4), [7, 6, 5, 4, 3, 2, 1, 1]),
    (Retime(times={1: 8, 8: 1}), [8, 7, 6, 5, 4, 3, 2, 1]),
    (Retime(times={2: 3, 4: 4, 5: 8}, method="blend"), [2.5, 3, 3.5, 4, 8, 8, 8, 8]),
    (Retime(times={3: 5}), [3, 4, 5, 6, 7, 8, 8, 8]),
    (AppendClips(ranges=["3-5"]), [3, 4, 5, 5, 5, 5, 5, 5]),
    (AppendClips(ranges=["7-9"], start=3, outside="black"), [0, 0, 7, 8, 9, 0, 0, 0]),
    (Switch(), [1, 2, 3, 4, 5, 6, 7, 8]),
]


@pytest.mark.parametrize("node, wanted", CASES, ids=lambda value: str(value)[:60] if isinstance(value, Node) else "")
def test_which_frame_is_seen(node: Node, wanted: list[float]) -> None:
    assert row(seen(node)) == wanted


@pytest.mark.parametrize("node, wanted", CASES, ids=lambda value: str(value)[:60] if isinstance(value, Node) else "")
def test_a_part_of_the_shot_is_the_same_as_in_the_whole(node: Node, wanted: list[float]) -> None:
    """-F 6-7, as a farm's task: shot ends, steps and loops are those of the shot, not of the task; nothing else is made."""
    assert row(seen(node, only=(6, 7))) == wanted[5:7]
    assert len(set(made)) <= 4


@pytest.mark.parametrize("node, wanted", CASES, ids=lambda value: str(value)[:60] if isinstance(value, Node) else "")
def test_without_a_graph(node: Node, wanted: list[float]) -> None:
    clip = Clip.of([Image(torch.full((1, 1, 1), float(n))) for n in range(1, 9)])
    outside = "20" in str(getattr(node, "input_range", "")) or "9" in str(getattr(node, "ranges", ""))
    if not outside:  # frames that this clip does not have
        given = [clip] if node.signature.inputs["image"].many else clip
        assert [float(node(given, frame=frame).data) for frame in range(1, 9)] == wanted


def test_a_long_shot_in_many_chunks() -> None:
    wanted = [float(n - n % 3 + 1) if n % 3 else float(n - 2) for n in range(1, 97)]
    assert row(seen(HoldFrames(step=3), frames="1-96")) == wanted
    assert sorted(set(made)) == list(range(1, 97, 3)), "frames that are not seen are not made"
    assert row(seen(Retime(times={1: 96, 96: 1}), frames="1-96")) == [float(n) for n in range(96, 0, -1)]


def test_shots_that_do_not_begin_at_1() -> None:
    assert row(seen(HoldFrames(), frames="1001-1004")) == [1001, 1001, 1003, 1003]
    assert row(seen(Retime(speed=0.5), frames="1001-1004")) == [1001, 1002, 1002, 1003]
    assert row(seen(AppendClips(ranges=["7-8"]), frames="1001-1004")) == [7, 8, 8, 8]


def test_clips_one_after_the_other() -> None:
    node = AppendClips(ranges=["2-3", "5-7"])
    assert row(seen(node, sources=2)) == [2, 3, 5, 6, 7, 7, 7, 7]
    assert sorted(made) == [2, 3, 5, 6, 7]
    assert row(seen(AppendClips(), frames="1-3", sources=2)) == [1, 2, 3]
    with pytest.raises(UsageError, match="ranges: there are 2, but 1 clips: give one for each"):
        node([Clip.of([Image(torch.ones(1, 1, 1))])])


def test_only_the_chosen_input_is_made() -> None:
    class NeverAsked(Node):
        def process(self, frame: Frame) -> Image:
            raise FrameError("nobody should ask")

    shown.clear()
    graph = Graph(frames="1-6")
    links = [graph.add(FrameNumbers(), "a"), graph.add(NeverAsked(), "b"), graph.add(OneStill(), "c")]
    graph.add(ShowTimes(), "end", image=graph.add(Switch(which={1: 0, 4: 2}), "node", image=links))
    result = run(graph, cache="none", device="cpu", force=True)
    assert result.exit_code == 0, result.failures
    assert row(shown) == [1, 2, 3, 77, 77, 77]


def test_the_key_holds_only_what_is_seen() -> None:
    """A change of an input that Switch does not pass on, and of a frame that is not shown, moves no key."""

    def key(node: Node, blur: float, frame: int) -> str:
        graph = Graph(frames="1-4")
        first, second = graph.add(FrameNumbers(), "first"), graph.add(Blur(size=blur), "second", image=graph.add(FrameNumbers(), "numbers"))
        graph.add(node, "node", image=[first, second])
        return make_plan(graph, nodes=["node"], cache="none").key(("node", frame))

    assert key(Switch(), 1, 2) == key(Switch(), 2, 2)
    assert key(Switch(which=1), 1, 2) != key(Switch(which=1), 2, 2)
    assert key(AppendClips(ranges=["1-2", "1-2"]), 1, 2) == key(AppendClips(ranges=["1-2", "1-2"]), 2, 2)
    assert key(AppendClips(ranges=["1-2", "1-2"]), 1, 3) != key(AppendClips(ranges=["1-2", "1-2"]), 2, 3)


def test_the_shots_ends_are_in_the_key() -> None:
    def key(node: Node, frames: str) -> str:
        graph = Graph(frames=frames)
        graph.add(node, "node", image=graph.add(FrameNumbers(), "numbers"))
        return make_plan(graph, nodes=["node"], cache="none").key(("node", 3))

    assert key(TimeOffset(by=4, outside="loop"), "1-8") != key(TimeOffset(by=4, outside="loop"), "1-9")


def test_a_still_is_seen_at_all_times() -> None:
    assert row(seen(TimeOffset(by=2), source=OneStill)) == [77] * 8
    assert row(seen(TimeOffset(by=2, outside="black"), source=OneStill)) == [0, 0, *[77] * 6]
    assert row(seen(Retime(speed=0.5, method="blend"), source=OneStill)) == [77] * 8


def test_mattes_and_labels_go_through() -> None:
    labels = [Labels(torch.full((1, 1), n, dtype=torch.uint8), ("a", "b"), ("#000000", "#ffffff")) for n in (0, 1)]
    assert isinstance(TimeOffset(by=1)(labels, frame=2), Labels) and TimeOffset(by=-1)(labels, frame=1).data == 1
    assert TimeOffset(by=5, outside="black")(labels, frame=2).data == 0
    assert Switch(which=1)([Matte(torch.zeros(1, 1, 1)), Matte(torch.ones(1, 1, 1))]).data == 1


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(UsageError, match="which: there is no input 3: 2 are linked, numbered from 0 to 1"):
        Switch(which=3)([Image(torch.ones(1, 1, 1))] * 2)
    with pytest.raises(UsageError, match="there is no frame 9 in the clip; it has the frames 1-2"):
        TimeOffset(by=0, input_range="9-9")([Image(torch.ones(1, 1, 1))] * 2)
    with pytest.raises(UsageError, match="input_range: 'x-9' is not a frame range"):
        TimeOffset(input_range="x-9")
    with pytest.raises(UsageError, match="`times` says which frame is shown when: take away `speed` and `start`"):
        Retime(times={1: 2}, speed=3)
    with pytest.raises(FrameError, match="two frames are mixed that differ, 1 x 1 Y and 2 x 1 Y"):
        Retime(speed=0.5, method="blend")([Image(torch.ones(1, 1, 1)), Image(torch.ones(1, 1, 2))], frame=2)
    faults = list(Retime(method="motion").faults(frozenset({"image"}), 8))
    assert faults == ["method: motion follows vectors: link `motion` to a Vector pass, or to EstimateMotion"]


def test_the_shot_outside_a_graph_is_that_of_the_clip() -> None:
    class ShotEnds(Node):
        def needs_of(self, link: object, frame: int, shot: Shot) -> tuple[int, ...]:
            return (frame,)

        def process(self, image: Clip[Image], *, shot: Shot) -> Image:
            return Image(torch.tensor(shot).view(2, 1, 1).float())

    assert ShotEnds()(Clip.of([Image(torch.ones(1, 1, 1))] * 3, [4, 5, 9])).data.flatten().tolist() == [4, 9]


def square(left: float) -> Image:
    """A soft light blob whose middle is `left` px from the left edge, on a dark ground."""
    x, y = torch.meshgrid(torch.arange(48.0), torch.arange(24.0), indexing="xy")
    return Image(torch.exp(-((x - left) ** 2 + (y - 12) ** 2) / 18)[None] + 0.1)


def vectors(right: float) -> Image:
    return Image(torch.tensor([-right, 0.0, -right, 0.0]).view(4, 1, 1).expand(4, 24, 48).clone(), ("X", "Y", "Z", "W"))


def test_motion_moves_instead_of_mixing() -> None:
    clip, motion = [square(16), square(28)], [vectors(12)] * 2
    for frame, middle in ((2, 19), (3, 22), (4, 25)):
        node = Retime(speed=0.25, method="motion")
        found = node(clip, motion, frame=frame)
        error = (found.data - square(middle).data)[..., 12:36].abs().max()
        assert error < 0.02, f"frame {frame}: {error:.3f}"
    mixed = Retime(speed=0.25, method="blend")(clip, frame=3)
    assert (mixed.data - square(22).data)[..., 12:36].abs().max() > 0.3


def test_motion_takes_what_one_frame_hides_from_the_other() -> None:
    """A wall stands still; a blob before it moves. Behind the blob's old place there is wall in the second frame alone."""
    wall = torch.linspace(0, 1, 48).view(1, 1, 48).expand(1, 24, 48)
    clip, motion = [], []
    for left in (12, 20):
        data, planes = wall.clone(), torch.zeros(4, 24, 48)
        data[:, 8:16, left : left + 8] = 5
        planes[0, 8:16, left : left + 8] = planes[2, 8:16, left : left + 8] = -8
        clip.append(Image(data))
        motion.append(Image(planes, ("X", "Y", "Z", "W")))
    found = Retime(speed=0.5, method="motion")(clip, motion, frame=2).data[0, 12]
    assert (found[17:23] - 5).abs().max() < 0.3, "the blob is half way"
    assert (found[12:15] - wall[0, 0, 12:15]).abs().max() < 0.3, "uncovered wall"
    assert (found[25:27] - wall[0, 0, 25:27]).abs().max() < 0.3, "wall that is covered next"


def test_vectors_of_another_size_are_refused() -> None:
    with pytest.raises(FrameError, match="motion: the frame before is 2 x 2, the picture 48 x 24: crop and reformat both alike"):
        small = Image(torch.zeros(4, 2, 2), ("X", "Y", "Z", "W"))
        Retime(speed=0.5, method="motion")([square(1), square(2)], [small] * 2, frame=2)
