"""Lines as a graph of points: neighbours, distances along the line, on which side the front is, and what hangs together."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes.imaging.lines.borders import KINDS, Borders
from rotonodes.imaging.lines.line_graph import (
    LineGraph,
    bridge,
    components,
    end_distance,
    join,
    sideways,
    smooth,
    thickness,
    without_crumbs,
)


def graph(
    points: list[tuple[float, float]], segments: list[tuple[int, int]], border: list[tuple[int, int, int]] | None = None
) -> LineGraph:
    count = len(points)
    zeros = np.zeros(count)
    return LineGraph(
        np.array(points, float),
        np.ones(count, np.int8),
        np.array(segments, np.int64).reshape(-1, 2),
        np.array(border or [(0, 0, 0)] * count),
        zeros,
        zeros,
        zeros + 1,
        np.ones(count, bool),
    )


# A line of four points with a side branch at the second, and a point alone.
TREE = graph([(0, 0), (3, 4), (3, 8), (3, 14), (6, 4), (20, 20)], [(0, 1), (2, 1), (2, 3), (1, 4)])


def test_neighbours_and_degrees() -> None:
    assert [sorted(at for at in row if at >= 0) for row in TREE.neighbours().tolist()] == [[1], [0, 2, 4], [1, 3], [2], [1], []]
    assert TREE.neighbours().shape == (6, 4)
    assert TREE.degrees().tolist() == [1, 3, 2, 1, 1, 0]
    star = graph([(0, 0)] * 6, [(0, other) for other in range(1, 6)])
    assert [sum(at >= 0 for at in row) for row in star.neighbours().tolist()] == [4, 1, 1, 1, 1, 1], "four at most"


def test_points_are_taken_out_with_their_segments() -> None:
    left = TREE.kept(np.array([True, True, False, True, True, False]))
    assert left.points.tolist() == [[0, 0], [3, 4], [3, 14], [6, 4]]
    assert left.segments.tolist() == [[0, 1], [1, 3]]


def test_the_way_to_the_nearest_free_end() -> None:
    assert end_distance(TREE, 100).tolist() == [0, 3, 6, 0, 0, 100]
    assert end_distance(TREE, 4.5).tolist() == [0, 3, 4.5, 0, 0, 4.5]
    ring = graph([(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 1), (1, 2), (2, 3), (3, 0)])
    assert end_distance(ring, 9).tolist() == [9] * 4, "a ring has no end"
    line = graph([(0, at / 2) for at in range(41)], [(at, at + 1) for at in range(40)])
    assert end_distance(line, 50).tolist() == [min(at, 40 - at) / 2 for at in range(41)]


def test_the_front_is_where_it_is_said() -> None:
    """A line down between columns (axis 0) has its front to the left or right, one along between rows (axis 1) above or below."""
    down = [(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)]
    along = [(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)]
    segments = [(0, 1), (1, 2)]
    for first, sign in ((True, -1.0), (False, 1.0)):
        front = np.full(3, first)
        assert sideways(graph(down, segments, [(0, 1, 4)] * 3), front).tolist() == [[sign, 0]] * 3
        assert sideways(graph(along, segments, [(1, 4, 1)] * 3), front).tolist() == [[0, sign]] * 3
        # The same in another order of the points: the middle one first.
        assert sideways(graph([down[1], down[0], down[2]], [(1, 0), (0, 2)], [(0, 1, 4)] * 3), front).tolist() == [[sign, 0]] * 3


def test_the_direction_across_is_that_of_both_neighbours() -> None:
    bent = graph([(0.0, 0.0), (1.0, 1.0), (1.0, 3.0)], [(0, 1), (1, 2)], [(0, 0, 0)] * 3)
    found = sideways(bent, np.full(3, False))
    across = np.array([(1, -1), (3, -1), (1, 0)], float)  # to the right of the way from neighbour to neighbour
    np.testing.assert_allclose(found, across / np.linalg.norm(across, axis=1, keepdims=True), atol=1e-9)


def test_where_lines_meet_there_is_no_front() -> None:
    fork = graph([(5, 1), (5, 2), (5, 3), (6, 2)], [(0, 1), (1, 2), (1, 3)], [(0, 1, 4), (-1, -1, -1), (0, 3, 4), (1, 2, 5)])
    assert sideways(fork, np.full(4, True))[1].tolist() == [0, 0]
    crossed = graph([(5, 1), (5, 2), (5, 3), (6, 2)], [(0, 1), (1, 2), (1, 3)], [(0, 1, 4)] * 4)
    assert sideways(crossed, np.full(4, True))[1].tolist() == [0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_components_are_those_of_the_graph(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, edges = 40, random.integers(0, 40, (int(random.integers(0, 45)), 2))
    whole = nx.Graph([(int(a), int(b)) for a, b in edges])
    whole.add_nodes_from(range(count))
    expected = {node: min(group) for group in nx.connected_components(whole) for node in group}
    assert components(count, edges.reshape(-1, 2)).tolist() == [expected[node] for node in range(count)]


# From borders to lines.


def borders(places: dict[tuple[int, int, int], str], shape: tuple[int, int] = (6, 6)) -> Borders:
    """Borders of these kinds at (axis, row, column), each at 0.25 with room of 0.1."""
    made = Borders.none(shape)
    for number, (place, kind) in enumerate(places.items()):
        made.kind[place], made.at[place], made.play[place], made.strong[place] = 1 + KINDS.index(kind), 0.25, 0.1, number % 2 == 0
    return made


def test_two_borders_around_a_corner_are_joined() -> None:
    net = join(borders({(0, 1, 2): "object", (0, 2, 2): "depth", (1, 4, 4): "tone"}))
    assert net.points.tolist() == [[2.25, 1], [2.25, 2], [4, 4.25]] and net.segments.tolist() == [[0, 1]]
    assert net.kind.tolist() == [1, 3, 5] and net.border.tolist() == [[0, 1, 2], [0, 2, 2], [1, 4, 4]]
    assert net.at.tolist() == [0.25] * 3 and net.strong.tolist() == [True, False, True]
    assert net.low == pytest.approx(0.15) and net.high == pytest.approx(0.35)


def test_three_borders_meet_in_a_point_of_the_first_kind() -> None:
    """It lies in their middle, belongs to no border, and never moves a crumb away."""
    places = {(0, 1, 2): "tone", (1, 1, 3): "normal", (1, 1, 2): "depth"}
    net = join(borders(places))
    order = [places[tuple(place)] for place in net.border[:3].tolist()]
    assert net.points[3] == pytest.approx(net.points[:3].mean(axis=0)) and net.border[3].tolist() == [-1, -1, -1]
    assert net.kind.tolist() == [1 + KINDS.index(kind) for kind in order] + [1 + KINDS.index("depth")]
    assert sorted(map(sorted, net.segments.tolist())) == [[0, 3], [1, 3], [2, 3]] and net.strong[3]
    four = join(borders({**places, (0, 2, 2): "material"}))
    assert four.degrees().tolist() == [1, 1, 1, 1, 4] and four.kind[4] == 1 + KINDS.index("material")
    assert join(borders({})).points.shape == (0, 2)


def test_borders_that_lie_around_no_corner_are_apart() -> None:
    assert len(join(borders({(0, 1, 2): "object", (0, 3, 2): "object"})).segments) == 0
    assert len(join(borders({(0, 5, 2): "object", (1, 4, 2): "object"})).segments) == 1, "at the frame's lower edge"


def row(places: list[float], kind: str = "object", y: int = 4, strong: bool = True) -> LineGraph:
    """Points along a row, joined where they are a pixel apart; each on the border below its pixel."""
    count = len(places)
    joined = [(at, at + 1) for at in range(count - 1) if places[at + 1] - places[at] <= 1]
    net = graph([(x, y + 0.5) for x in places], joined, [(1, y, int(x)) for x in places])
    net.kind[:] = 1 + KINDS.index(kind)
    net.strong[:] = strong
    net.at = np.full(count, 0.5)
    return net


@pytest.mark.parametrize(("gap", "joined"), [(2, True), (2.9, True), (3, False), (4, False)])
def test_a_gap_of_less_than_three_pixels_is_bridged(gap: float, joined: bool) -> None:
    net = row([1, 2, 3, 3 + gap, 4 + gap, 5 + gap])
    bridge(net, (12, 12))
    assert ([2, 3] in net.segments.tolist()) is joined and len(net.segments) == 4 + joined


@pytest.mark.parametrize(("degrees", "joined"), [(0, True), (59, True), (61, False), (90, False), (180, False)])
def test_a_bridge_goes_ahead(degrees: float, joined: bool) -> None:
    """Within 60 degrees of the direction in which the line ends."""
    turn = np.radians(degrees)
    x, y = 6 + 2 * np.cos(turn), 6 + 2 * np.sin(turn)
    points = [(4.0, 6.0), (5.0, 6.0), (6.0, 6.0), (x, y), (x, y)]
    net = graph(points, [(0, 1), (1, 2), (3, 4)], [(0, 6, 4), (0, 6, 5), (0, 6, 6), (0, round(y), round(x)), (1, 0, 0)])
    net.points[4] = (6, 6)  # the other line comes from there, and goes on elsewhere
    bridge(net, (12, 12))
    assert ([2, 3] in net.segments.tolist()) is joined


def test_an_end_is_joined_to_the_nearest_point_and_a_single_point_both_ways() -> None:
    net = row([1, 2, 3, 5, 7, 8, 9])
    bridge(net, (12, 12))
    assert net.segments.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6]]
    closed = row([1, 2, 3])
    bridge(closed, (12, 12))
    assert closed.segments.tolist() == [[0, 1], [1, 2]], "a line is not joined to itself"
    none = graph([], [], [(0, 0, 0)])
    none.border = np.zeros((0, 3), np.int64)
    bridge(none, (12, 12))
    assert len(none.segments) == 0


def test_bridges_are_found_up_to_the_planes_edges() -> None:
    for places in ([0, 1, 3, 4], [7, 8, 10, 11]):
        net = row(places, y=11)
        bridge(net, (12, 12))
        assert [1, 2] in net.segments.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("shortest", [3.9, 4.0, 4.1])
def test_inner_lines_need_a_strong_border_and_their_length(kind: str, strong: bool, shortest: float) -> None:
    """Five points are four pixels long; outlines of objects and materials stay."""
    left = without_crumbs(row([1, 2, 3, 4, 5], kind, strong=strong), shortest)
    stays = kind in ("object", "material") or (strong and shortest <= 4)
    assert len(left.points) == (5 if stays else 0)


def test_one_strong_border_keeps_its_whole_line_and_no_other() -> None:
    net = row([1, 2, 3, 4, 6, 7, 8, 9], "depth", strong=False)
    net.strong[2] = True
    assert without_crumbs(net, 2).points[:, 0].tolist() == [1, 2, 3, 4]
    net.kind[:2] = 1 + KINDS.index("normal")  # the same surface, told by its normals
    assert without_crumbs(net, 3).points[:, 0].tolist() == [1, 2, 3, 4]
    net.kind[:2] = 1 + KINDS.index("tone")
    assert without_crumbs(net, 0).points[:, 0].tolist() == [3, 4]


def test_a_meeting_of_lines_that_are_gone_is_gone() -> None:
    fork = graph([(5, 1), (5, 2), (5, 3), (6, 2)], [(0, 1), (1, 2), (1, 3)], [(0, 1, 4), (-1, -1, -1), (0, 3, 4), (1, 2, 5)])
    tone = 1 + KINDS.index("tone")
    fork.kind[:] = tone
    assert len(without_crumbs(fork, 10).points) == 0
    fork.kind[[0, 1]] = 1
    assert without_crumbs(fork, 10).points.tolist() == [[5, 1]], "an end is no meeting"
    fork.kind[2] = 1
    assert without_crumbs(fork, 10).points.tolist() == [[5, 1], [5, 2], [5, 3]]


def test_steps_become_straight_within_their_bounds() -> None:
    """A staircase of one step in eight pixels: the points come near the line, none leaves its border or its bounds."""
    count = 24
    steps = [(at + 4) // 8 for at in range(count)]
    net = graph([(at, 5 + step + 0.5) for at, step in enumerate(steps)], [(at, at + 1) for at in range(count - 1)])
    net.border = np.array([(1, 5 + step, at) for at, step in enumerate(steps)])
    net.at, net.low, net.high = (np.full(count, value) for value in (0.5, 0.0, 1.0))
    smooth(net)
    assert net.points[:, 0].tolist() == list(range(count)), "across the border only"
    assert net.points[:, 1] == pytest.approx(net.border[:, 1] + net.at)
    assert net.at[[0, -1]].tolist() == [0.5, 0.5], "ends stay"
    straight = 5.5 + (np.arange(count) + 0.5) / 8
    assert np.abs(net.points[4:-4, 1] - straight[4:-4]).max() < 0.2 < np.abs(np.array(steps) + 5.5 - straight)[4:-4].max()
    tight = graph(net.points.tolist(), net.segments.tolist(), net.border.tolist())
    tight.at, tight.low, tight.high = (np.full(count, value) for value in (0.5, 0.4, 0.6))
    smooth(tight)
    assert (tight.at.min(), tight.at.max()) == (0.4, 0.6)


def test_one_round_of_smoothing_goes_half_way_to_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    from rotonodes.imaging.lines import line_graph

    monkeypatch.setattr(line_graph, "_ROUNDS", 1)
    net = graph([(4.5, 1), (4.5, 2), (4.9, 3)], [(0, 1), (1, 2)], [(0, 1, 4), (0, 2, 4), (0, 3, 4)])
    net.at, net.low, net.high = np.array([0.5, 0.5, 0.9]), np.zeros(3), np.ones(3)
    smooth(net)
    assert net.at.tolist() == pytest.approx([0.5, 0.6, 0.9]) and net.points[1].tolist() == pytest.approx([4.6, 2])
    fork = graph([(5, 1), (9, 9), (5, 3), (6, 2)], [(0, 1), (1, 2), (1, 3)], [(0, 1, 4), (-1, -1, -1), (0, 3, 4), (1, 2, 5)])
    smooth(fork)
    assert fork.points[1].tolist() == pytest.approx([16 / 3, 2]), "a meeting lies in the middle of what meets"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(3, 9))
def test_a_shape_is_as_thick_as_it_is(width: int, most: int) -> None:
    """A bar between columns: its left border looks right, across it."""
    ids = np.zeros((9, 30), np.int64)
    ids[:, 10 : 10 + width] = 7
    net = graph([(9.5, y) for y in range(9)], [(y, y + 1) for y in range(8)], [(0, y, 9) for y in range(9)])
    found = thickness(net, np.full(9, False), ids, np.full(9, 7), most)
    assert found == pytest.approx(np.full(9, min(width + 0.5, most)), abs=0.51)
    assert len({*found.round(6)}) == 1
    assert thickness(net, np.full(9, False), ids + 1, np.full(9, 7), most) == pytest.approx(1.0), "owned by another from the first pixel"


def test_the_thickness_of_a_point_is_evened_with_its_neighbours() -> None:
    ids = np.zeros((9, 30), np.int64)
    ids[:, 10:16] = 7
    ids[4, 12:] = 0
    net = graph([(9.5, y) for y in range(9)], [(y, y + 1) for y in range(8)], [(0, y, 9) for y in range(9)])
    found = thickness(net, np.full(9, False), ids, np.full(9, 7), 20)
    assert found[4] == found.min() > 2.5 and (np.diff(found[:5]) < 0).all() and found == pytest.approx(found[::-1])
