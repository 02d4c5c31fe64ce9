"""Lines as a graph of points: neighbours, distances along the line, on which side the front is, and what hangs together."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from rotonodes.imaging.lines.line_graph import LineGraph, components, end_distance, sideways


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
