"""Which object a pixel shows: by an index pass, by coverage planes of single objects, by a matte."""

from __future__ import annotations

import numpy as np
import pytest

from rotonodes.imaging.lines.identities import NOBODY, Identity, dominant, find_identity, matte_identity
from rotonodes.imaging.passes.names import read_passes
from rotonodes.values.pixels import Box, Layers


def found(kind: str, **planes: np.ndarray) -> Identity | None:
    layers = Layers({f"V.{name}": plane for name, plane in planes.items()}, Box(0, 0, 3, 1), (3, 1))
    return find_identity(layers, read_passes(layers.planes), kind)


def row(*values: float, kind: str = "f4") -> np.ndarray:
    return np.array([values], kind)


def test_an_index_pass_tells_objects_and_materials() -> None:
    planes = {"IndexOB.X": row(0, 2.004, 7), "IndexMA.X": row(np.nan, 3, np.inf)}
    one = found("object", **planes)
    assert one is not None and one.ids.tolist() == [[0, 2, 7]] and (one.source, one.pairs) == ("IndexOB", ())
    other = found("material", **planes)
    assert other is not None and other.ids.tolist() == [[0, 3, 0]] and other.source == "IndexMA"
    assert found("object", **{"IndexOB.X": row(4, 4, 4)}) is None, "one number tells nothing apart"
    assert found("material", **{"IndexOB.X": row(0, 2, 7)}) is None


@pytest.mark.parametrize(("kind", "top"), [("f4", 1), ("u1", 255), ("u2", 65535)])
def test_planes_of_single_objects_tell_how_much_each_covers(kind: str, top: int) -> None:
    """Object buffers, of floats and of whole numbers; a constant index pass is no reason to leave them."""
    one = found("object", **{"IndexOB.X": row(1, 1, 1), "Object1.Y": row(top, 0, 0, kind=kind), "Object3.Y": row(0, top, 0, kind=kind)})
    assert one is not None and one.source == "object buffers" and one.crypto is not None
    assert one.crypto.ids == {"Object1": 2, "Object3": 4}
    assert one.ids.tolist() == [[2, 4, NOBODY]]
    assert [(ids.tolist(), share.tolist()) for ids, share in one.pairs] == [([[2] * 3], [[1, 0, 0]]), ([[4] * 3], [[0, 1, 0]])]
    assert found("material", **{"Object1.Y": row(1, 0, 0)}) is None


def test_coverage_is_what_the_planes_say_and_what_is_left_is_nobodys() -> None:
    one = found("object", **{"Object1.Y": row(0.25, 0.6, np.nan), "Object2.Y": row(0.25, 0.4, 2)})
    assert one is not None and one.ids.tolist() == [[NOBODY, 2, 3]], "of a pixel half covered by two the rest is the largest"
    at = (np.array([0, 0, 0]), np.array([0, 0, 0]))
    assert one.coverage(at, np.array([2, 3, NOBODY])).tolist() == [0.25, 0.25, 0.5]
    assert one.coverage((np.array([0, 0]), np.array([1, 2])), np.array([3, NOBODY])).tolist() == pytest.approx([0.4, 0])


def test_the_largest_coverage_decides_the_first_where_two_are_equal() -> None:
    pairs = ((np.array([[5, 5]]), row(0.5, 0.3)), (np.array([[9, 9]]), row(0.5, 0.4)))
    assert dominant(pairs, (1, 2)).tolist() == [[5, 9]]
    assert dominant((), (1, 2)).tolist() == [[NOBODY, NOBODY]]
    assert dominant(((np.array([[5, 5]]), row(0.5, 0.49)),), (1, 2)).tolist() == [[5, NOBODY]]


def test_a_matte_is_one_object_and_what_is_around_it() -> None:
    one = matte_identity(row(0, 0.6, 1.5))
    assert one.ids.tolist() == [[NOBODY, 1, 1]] and one.source == "matte"
    ((ids, share),) = one.pairs
    assert ids.tolist() == [[1, 1, 1]] and share[0].tolist() == pytest.approx([0, 0.6, 1])
    assert matte_identity(row(np.nan, 0.4, 0)).ids.tolist() == [[NOBODY] * 3]
