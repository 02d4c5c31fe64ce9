"""CheckEdges: figures that can be worked out by hand, findings where they are, the files it writes, and frames without an edge."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes import Graph, run
from rotonodes.errors import UsageError
from rotonodes.imaging.mattes.edge_check import edge_widths, resampled, worst
from rotonodes.imaging.mattes.edge_report import EdgeReport, FrameEdges, Limits, Place
from rotonodes.imaging.mattes.edge_sheet import SheetFrame, marked, worst_frames
from rotonodes.imaging.picture.sheet import GAP
from rotonodes.io.pictures import read_key
from rotonodes.node.annotations import Monitor
from rotonodes.nodes import CheckEdges, LoadMattes
from rotonodes.plan.cache import pack, unpack
from rotonodes.values.color import linear_to_srgb
from rotonodes.values.pixels import Clip, Matte


def matte(plane: np.ndarray) -> Matte:
    return Matte(torch.from_numpy(np.asarray(plane, np.float32))[None])


def report(*planes: np.ndarray, **options: object) -> EdgeReport:
    return CheckEdges(**options)([matte(plane) for plane in planes])


def checked(plane: np.ndarray, **options: object) -> FrameEdges:
    return report(plane, **options).frames[0]


def kinds(found: FrameEdges) -> set[str]:
    return {place.kind for place in found.places}


def disc(radius: float = 30, ramp: float = 1, size: int = 96, wobble: float = 0.0, wave: float = 8) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    edge = radius + wobble * np.sin(round(2 * math.pi * radius / wave) * np.arctan2(y, x))
    return np.clip(0.5 + (edge - np.hypot(y, x)) / ramp, 0, 1)


def test_length_is_that_of_the_circle() -> None:
    assert checked(disc(30)).length == pytest.approx(2 * math.pi * 30, rel=0.01)


@pytest.mark.parametrize("ramp", [1, 2.5, 5, 10])
def test_width_is_that_from_10_to_90_percent(ramp: float) -> None:
    assert checked(disc(30, ramp), thick=12).width == pytest.approx(0.8 * ramp, rel=0.06)


@pytest.mark.parametrize(("ramp", "found"), [(5.0, 4.0), (10.0, 8.0), (15.0, 9.0)])
def test_wide_edges_are_measured_up_to_twice_the_limit(ramp: float, found: float) -> None:
    """In a square of twice the limit (4 px) and one more; what is wider has that width."""
    slope = np.clip((np.arange(48) + 0.5 - 24) / ramp + 0.5, 0, 1)
    points = np.stack([np.arange(32.0), np.full(32, 23.5)], axis=1)
    widths, width = edge_widths(np.tile(slope, (32, 1)).astype(np.float32), points, np.ones(32), 3.0)
    assert widths[8:-8] == pytest.approx(found, abs=1e-3)
    assert width == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize(("length", "count"), [(0.3, 2), (1.4, 2), (2.4, 2), (2.6, 3), (7.3, 7)])
@pytest.mark.parametrize("closed", [False, True])
def test_lines_get_points_about_a_pixel_apart(length: float, count: int, closed: bool) -> None:
    """Two at least; each stands for its share of the length."""
    line = np.array([[0, 0], [length / 2, 0], [0, 0]] if closed else [[0, 0], [length, 0]])
    found = resampled(line)
    assert found is not None and found.closed == closed
    assert (len(found.points), found.step * count) == (count, pytest.approx(length))
    assert found.points[0].tolist() == [0, 0] and (closed or found.points[-1].tolist() == [length, 0])
    assert resampled(np.zeros((2, 2))) is None


def test_at_most_eight_places_of_a_kind_are_reported() -> None:
    points = np.stack([np.zeros(400), np.arange(400.0)], axis=1)
    assert len(worst("thick", np.ones(400), np.ones(400, bool), points)) == 8
    plane = np.zeros((96, 96))
    plane[4:92, 4:92] = 1
    plane[10:90:12, 10:90:16] = plane[11:90:12, 10:90:16] = plane[12:90:12, 10:90:16] = 0
    found = checked(plane, gap=3)
    assert found.gaps > 8 and [place.kind for place in found.places].count("gap") == 8


def test_reported_places_of_one_kind_are_apart() -> None:
    """The next one is the worst that is farther than 12 px away."""
    points = np.stack([np.zeros(40), np.arange(40.0)], axis=1)
    values = np.where(np.arange(40) % 12 == 0, 9.0, 5.0) - 0.01 * np.arange(40)
    found = worst("thick", values, values > 4.0, points)
    assert [place.x for place in found] == [0, 24, 37]
    assert [place.value for place in found] == [9.0, 8.76, 4.63]


def test_a_hard_edge_has_no_width_and_is_too_thin() -> None:
    found = checked((disc() > 0.5).astype(float))
    assert found.width == 0
    assert kinds(found) == {"thin"}
    assert found.shares["thin"] == 1
    assert "thin" not in kinds(checked((disc() > 0.5).astype(float), thin=0))


def test_a_clean_edge_has_no_findings() -> None:
    found = report(disc(30), disc(25.3, 2))
    assert [frame.places for frame in found.frames] == [(), ()]
    assert found.as_json()["findings"] == [] and found.worst == []
    assert found.frames[0].roughness < 0.05


def test_a_report_in_numbers_and_lines() -> None:
    """Means are weighted by the length of the edge; each kind of fault has its line, with its worst place."""
    limits = Limits(4, 0.5, 60, 0.3, 9)
    none = FrameEdges(1, 0.0, None, None, 0, 0, {}, ())
    first = FrameEdges(2, 30.26, 1.25, 0.1, 1, 12, {"thin": 0.5}, (Place("thin", 3, 4, 0.25), Place("gap", 1, 2, 12)))
    second = FrameEdges(3, 10.0, 2.5, 0.7, 2, 20, {"thin": 0.1, "rough": 0.25}, (Place("thin", 5, 6, 0.5), Place("gap", 7, 8, 20)))
    found = EdgeReport(limits, (none, first, second))
    clip = found.as_json()["clip"]
    assert clip == {
        "frames": 3, "without_edge": [1], "length": 40.3, "gaps": 3, "gap_area": 32, "worst_frames": [3, 2],
        "width": round((1.25 * 30.26 + 2.5 * 10) / 40.26, 3), "roughness": round(math.sqrt((0.01 * 30.26 + 0.49 * 10) / 40.26), 3),
        "share": {"thick": 0, "thin": round((0.5 * 30.26 + 0.1 * 10) / 40.26, 4), "sharp": 0, "rough": round(2.5 / 40.26, 4)},
    }  # fmt: skip
    assert (found.as_json()["frames"][1]["length"], first.badness) == (30.3, 0.5 + 12 / 30.26)
    assert list(found.findings()) == [
        "too thin in 2 of 3 frames, most at frame 2, x 3, y 4 (0.25 px wide)",
        "gap in 2 of 3 frames, most at frame 3, x 7, y 8 (20 px of area)",
    ]
    assert EdgeReport.unpack(json.loads(json.dumps(found.pack()))) == found
    empty = EdgeReport(limits, (none,)).as_json()["clip"]
    assert (empty["length"], empty["width"], empty["roughness"], empty["share"]["thin"]) == (0, None, None, 0)
    assert replace(first, length=0.5).badness == 0.5 + 12


def test_where_the_edge_is_too_thick() -> None:
    plane = disc(30)
    plane[:, 48:] = disc(30, 9)[:, 48:]
    found = checked(plane)
    places = [place for place in found.places if place.kind == "thick"]
    assert places and all(place.x > 40 for place in places)
    assert max(place.value for place in places) == pytest.approx(7.2, rel=0.2)
    assert found.shares["thick"] == pytest.approx(0.5, abs=0.06)
    assert kinds(checked(plane, thick=9)) == set()


@pytest.mark.parametrize("wobble", [0.2, 0.4, 0.6])
def test_roughness_is_the_root_of_the_mean_square(wobble: float) -> None:
    """Of a sine of amplitude a and half the cut-off's length the filter passes 1 - exp(-0.4697^2 pi 2^2), twice."""
    passed = (1 - math.exp(-(0.4697**2) * math.pi * 4)) ** 2
    assert checked(disc(30, wobble=wobble, wave=8)).roughness == pytest.approx(passed * wobble / math.sqrt(2), rel=0.15)


def test_where_the_edge_is_too_rough() -> None:
    plane = disc(30)
    plane[:, :48] = disc(30, wobble=1.6)[:, :48]
    places = [place for place in checked(plane).places if place.kind == "rough"]
    assert places and all(place.x < 52 for place in places)
    assert "rough" not in kinds(checked(plane, rough=2))


def test_what_is_longer_than_the_cut_off_is_shape() -> None:
    assert checked(disc(30, wobble=1.5, wave=64)).roughness < 0.15


def test_a_spike_is_too_sharp_and_a_square_corner_is_not() -> None:
    square = np.zeros((80, 80))
    square[20:60, 20:60] = 1
    assert "sharp" not in kinds(checked(square))
    assert "sharp" in kinds(checked(square, turn=60))
    y, x = np.mgrid[:80, :80]
    spike = np.clip(0.5 + (x - 10) / 12 - np.abs(y - 40.0), 0, 1) * (x < 70) * (x > 4)
    sharp = [place for place in checked(spike).places if place.kind == "sharp"]
    assert (sharp[0].x, sharp[0].y) == (pytest.approx(11, abs=8), pytest.approx(40, abs=3)) or sharp[0].x > 60
    assert all(place.value > 120 for place in sharp)


def test_gaps_are_counted_measured_and_placed() -> None:
    plane = np.zeros((60, 60))
    plane[10:50, 10:50] = 1
    plane[20:22, 20:22] = 0  # a pinhole of 4 px
    plane[35:37, 30:50] = 0  # a crack of 2 px from the edge inwards, 40 px
    plane[24:30, 24:30] = 0  # a hole that is no gap
    found = checked(plane)
    assert (found.gaps, found.gap_area) == (2, 44)
    holes = [place for place in found.places if place.kind == "gap"]
    assert [place.value for place in holes] == [40, 4]
    assert 35 <= holes[0].y <= 36 and 30 <= holes[0].x < 50
    assert 20 <= holes[1].x <= 21 and 20 <= holes[1].y <= 21
    assert checked(plane, gap=0).gaps == 0
    assert checked(plane, gap=10).gap_area > 70


def test_the_border_of_the_frame_is_no_edge() -> None:
    plane = np.zeros((40, 50))
    plane[:, :25] = 1
    found = checked(plane)
    assert found.length == pytest.approx(39)
    assert found.gaps == 0 and found.roughness is None  # of less than three wavelengths there is no mean line
    longer = np.tile(plane, (3, 1))
    assert checked(longer).roughness == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_frames_without_an_edge_are_named(value: float) -> None:
    found = report(np.full((8, 9), value), disc()).as_json()
    assert found["clip"]["without_edge"] == [1]
    assert found["frames"][0]["width"] is None and found["frames"][0]["roughness"] is None
    alone = report(np.full((8, 9), value)).as_json()
    assert alone["clip"]["width"] is None and alone["clip"]["length"] == 0


def test_a_clip_is_the_mean_over_its_edge() -> None:
    found = report(disc(30), disc(15, 4))
    one, other = found.frames
    assert found.mean("width") == pytest.approx((one.width * one.length + other.width * other.length) / (one.length + other.length))
    squares = (one.roughness**2 * one.length + other.roughness**2 * other.length) / (one.length + other.length)
    assert found.mean("roughness") == pytest.approx(math.sqrt(squares))


def test_findings_are_said_with_frame_and_place() -> None:
    told: list[str] = []

    class Told(Monitor):
        def warn(self, text: str) -> None:
            told.append(text)

    clip = Clip.of([matte(disc()), matte(disc(ramp=9)), matte(disc(ramp=7))], [11, 12, 13])
    found = CheckEdges().run({"matte": clip}, monitor=Told())
    assert told == list(found.findings())
    (line,) = told
    assert line.startswith("too thick in 2 of 3 frames, most at frame 12, x ")
    assert line.endswith(" px wide)")
    assert [frame.frame for frame in found.worst] == [12, 13]


def test_the_report_is_a_value_like_any_other() -> None:
    found = report(disc(ramp=9), np.zeros((5, 5)))
    assert unpack(pack(found), EdgeReport) == found


def test_files_of_a_graph(tmp_path: Path) -> None:
    half = np.where(np.arange(96) < 48, disc(), disc(ramp=9))
    for frame, plane in enumerate((disc(), half, disc(ramp=12)), 1):
        PIL.Image.fromarray((plane * 255).round().astype(np.uint8)).save(tmp_path / f"m.{frame:04d}.png")
    graph = Graph(frames="1-3")
    mattes = graph.add(LoadMattes(path=str(tmp_path / "m.####.png")))
    out, sheet = tmp_path / "edges.json", tmp_path / "edges.png"
    graph.add(CheckEdges(path=str(out), picture=str(sheet), picture_count=2), matte=mattes)
    assert run(graph, cache="none").exit_code == 0
    found = json.loads(out.read_text())
    assert [frame["frame"] for frame in found["frames"]] == [1, 2, 3]
    assert found["clip"]["worst_frames"] == [3, 2]
    assert found["limits"]["thick"] == 4.0
    assert read_key(sheet)
    with PIL.Image.open(sheet) as picture:
        assert picture.width == 2 * (240 * 2 + 2 + 4) + 4
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 24)}
    assert (0x4A, 0xA3, 0xFF) in colors  # a ring around what is too thick


def test_rings_stand_where_the_faults_are(tmp_path: Path) -> None:
    plane = np.zeros((96, 96))
    plane[10:80, 10:80] = disc(200, size=70)  # all of it
    plane[30:32, 40:42] = 0
    path = tmp_path / "sheet.png"
    report(plane, thin=0, picture=str(path))
    with PIL.Image.open(path) as picture:
        pixels = np.array(picture.convert("RGB")).astype(int)
    green = (np.abs(pixels - (0x3D, 0xDC, 0x84)).sum(axis=-1) < 12)[24:]  # below the legend
    left = np.argwhere(green[:, :244])
    assert left.mean(axis=0)[1] == pytest.approx(4 + 41 * 240 / 96, abs=3)


def test_a_frame_stands_beside_the_surroundings_of_its_worst_place() -> None:
    codes = np.random.default_rng(1).integers(0, 256, (60, 80))
    made = linear_to_srgb(marked(matte(codes / 255), (), (80, 60)).data)
    assert made.shape == (3, 60, 160 + GAP // 2)
    left, right = (made * 255).round()[0, :, :80], (made * 255).round()[0, :, 80 + GAP // 2 :]
    assert torch.equal(left, torch.from_numpy(codes).float())
    rows, columns = (12.5 + (np.arange(60) + 0.5) * 0.6).astype(int), (16.5 + (np.arange(80) + 0.5) * 0.6).astype(int)
    assert np.array_equal(right.numpy(), codes[rows][:, columns]), "36 px high around the middle, each pixel as it is"
    ringed = marked(matte(codes * 0.0), (Place("thick", 20, 30, 9.0),), (80, 60)).data
    blue = (linear_to_srgb(ringed) * 255).round().permute(1, 2, 0).eq(torch.tensor([0x4A, 0xA3, 0xFF])).all(-1).nonzero().float()
    assert blue[blue[:, 1] < 80].mean(0).tolist() == pytest.approx([30.5, 20.5], abs=1)
    assert blue[blue[:, 1] >= 80].mean(0).tolist() == pytest.approx([29.5, 80 + GAP // 2 + 39.5], abs=1.5)


def test_the_worst_frames_are_kept_worst_first() -> None:
    """Of equal ones those that came first; no more than asked for."""
    plane = matte(np.zeros((6, 8)))
    for count in (1, 2, 3):
        shown: list[SheetFrame] = []
        badness = {1: 0.5, 2: 0.1, 3: 2.0, 4: 0.5, 5: 0.75, 6: 0.1}
        for frame, bad in badness.items():
            shown = worst_frames(shown, FrameEdges(frame, 1.0, 1.0, None, 0, 0, {"thick": bad}, ()), plane, count)
        assert [one.frame for one in shown] == [3, 5, 1][:count]
        assert {one.size for one in shown} == {(240, 180)}
    assert [one.text for one in shown] == ["3   width 1.00 px   gaps 0", "5   width 1.00 px   gaps 0", "1   width 1.00 px   gaps 0"]


def test_what_cannot_be_right_is_said_before_anything_runs() -> None:
    def faults(**options: object) -> list[str]:
        return list(CheckEdges(**options).faults(frozenset({"matte"}), 1))

    assert faults(thin=5) == ["thin: 5 px must be less than thick: 4 px"]
    assert faults(path="a.json", picture="a.json")[-1].startswith("`path` and `picture` are both 'a.json'")
    assert faults(picture="a.xyz")[0].startswith("picture: ")
    with pytest.raises(UsageError, match="there are no frames to check"):
        CheckEdges()([])


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0, 0, 0.2, 0.5, 0.7, 1, 1, float("nan")]))
    ),
    st.sampled_from([0.0, 3.0]),
)
def test_any_matte_has_a_report(plane: np.ndarray, gap: float) -> None:
    before = plane.copy()
    found = report(plane, gap=gap)
    assert np.array_equal(plane, before, equal_nan=True)
    json.dumps(found.as_json(), allow_nan=False)
    assert all(0 <= share <= 1 + 1e-9 for share in found.frames[0].shares.values())
    assert all(0 <= place.x < plane.shape[1] and 0 <= place.y < plane.shape[0] for place in found.frames[0].places)
