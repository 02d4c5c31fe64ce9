"""ColorSpace: known values of ACES, sRGB and views; configs from files and the environment; names that a config lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rotonodes import Graph, Image
from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture import color_configs
from rotonodes.io.pictures import write_image
from rotonodes.nodes import ColorSpace, LoadFrames, WriteFrames
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.color import linear_to_srgb

ocio = pytest.importorskip("PyOpenColorIO")

CONFIG = """ocio_profile_version: 2
roles: {scene_linear: lin, default: lin}
file_rules: [!<Rule> {name: Default, colorspace: lin}]
displays:
  Screen:
    - !<View> {name: Half, colorspace: half}
    - !<View> {name: Plain, colorspace: lin}
looks:
  - !<Look> {name: double, process_space: lin, transform: !<MatrixTransform> {matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}}
colorspaces:
  - !<ColorSpace> {name: lin, aliases: [lin_rec709]}
  - !<ColorSpace> {name: half, from_scene_reference: !<MatrixTransform> {matrix: [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 1]}}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.ocio"
    path.write_text(CONFIG)
    return str(path)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


def pixel(*values: float) -> Image:
    return Image(torch.tensor(values).view(-1, 1, 1))


def made(node: ColorSpace, *values: float) -> list[float]:
    return node(pixel(*values)).data.flatten().tolist()


def test_rec709_to_acescg_is_the_published_matrix() -> None:
    assert made(ColorSpace(target="ACEScg"), 1.0, 0.0, 0.0) == pytest.approx([0.61310, 0.07019, 0.02062], abs=2e-5)
    assert made(ColorSpace(target="ACEScg"), 0.5, 0.5, 0.5) == pytest.approx([0.5] * 3, abs=1e-5)
    assert made(ColorSpace(target="ACEScg", invert=True), *made(ColorSpace(target="ACEScg"), 0.3, 0.5, 7.0)) == pytest.approx(
        [0.3, 0.5, 7.0], rel=1e-4
    )


def test_srgb_is_ours() -> None:
    values = (0.001, 0.18, 0.9)
    assert made(ColorSpace(target="sRGB - Texture"), *values) == pytest.approx(linear_to_srgb(torch.tensor(values)).tolist(), abs=2e-5)
    assert made(ColorSpace(builtin="studio", view="Un-tone-mapped", encoded=True), *values) == pytest.approx(
        linear_to_srgb(torch.tensor(values)).tolist(), abs=2e-5
    )
    assert made(ColorSpace(view="Un-tone-mapped"), *values) == pytest.approx(values, abs=2e-5), "linear light again"
    assert made(ColorSpace(view="Un-tone-mapped", invert=True), *values) == pytest.approx(values, abs=2e-5)


def test_the_view_of_aces_rolls_off_highlights() -> None:
    grey, bright = made(ColorSpace(encoded=True), 0.18, 0.18, 0.18), made(ColorSpace(encoded=True), 12.0, 12.0, 12.0)
    assert grey == pytest.approx([0.3556] * 3, abs=0.01) and 0.95 < bright[0] <= 1.001


def test_colour_is_converted_unpremultiplied(config: str) -> None:
    half = made(ColorSpace(target="sRGB - Texture"), 0.09, 0.09, 0.09, 0.5)
    assert half == pytest.approx([0.5 * float(linear_to_srgb(torch.tensor(0.18)))] * 3 + [0.5], abs=2e-5)
    assert made(ColorSpace(), 0.0, 0.0, 0.0, 0.0) == [0, 0, 0, 0]
    assert made(ColorSpace(target="ACEScct"), 0.0, 0.0, 0.0, 0.0) == [0, 0, 0, 0], "also in a space whose black is not 0"
    assert made(ColorSpace(target="ACEScct"), 0.0, 0.0, 0.0, 1.0) == pytest.approx([0.0729] * 3 + [1], abs=1e-3)
    assert made(ColorSpace(config=config, target="half"), 0.4, 0.4, 0.4, 0.0) == pytest.approx([0.2, 0.2, 0.2, 0])  # light without cover


def test_a_config_file_its_views_and_looks(config: str) -> None:
    assert made(ColorSpace(config=config, encoded=True), 0.4, 0.2, 1.0) == pytest.approx([0.2, 0.1, 0.5])
    assert made(ColorSpace(config=config, view="Plain", encoded=True), 0.4, 0.2, 1.0) == pytest.approx([0.4, 0.2, 1.0])
    assert made(ColorSpace(config=config, view="Half", looks="double", encoded=True), 0.4, 0.2, 1.0) == pytest.approx([0.4, 0.2, 1.0])
    assert made(ColorSpace(config=config, target="half", looks="double"), 0.4, 0.2, 1.0) == pytest.approx([0.4, 0.2, 1.0])
    assert made(ColorSpace(config=config, source="half", target="lin"), 0.4, 0.2, 1.0) == pytest.approx([0.8, 0.4, 2.0])


def test_the_environment_names_the_config_and_is_in_the_key(config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def key() -> str:
        graph = Graph(frames="1")
        graph.add(ColorSpace(), "node", image=graph.add(__import__("rotonodes.nodes", fromlist=["Noise"]).Noise(size=(2, 2)), "noise"))
        return make_plan(graph, nodes=["node"], cache="none").key(("node", 1))

    without = key()
    monkeypatch.setenv("OCIO", config)
    first = key()
    assert made(ColorSpace(encoded=True), 0.4, 0.2, 1.0) == pytest.approx([0.2, 0.1, 0.5])
    Path(config).write_text(CONFIG.replace("0.5", "0.25"))
    assert len({without, first, key()}) == 3
    assert made(ColorSpace(builtin="cg", target="ACEScg"), 0.5, 0.5, 0.5) == pytest.approx([0.5] * 3, abs=1e-5)


def test_names_that_a_config_lacks(config: str) -> None:
    cases = [
        (ColorSpace(target="ACEScgg"), "target: ocio://cg-config.* has no colour space 'ACEScgg' \\(did you mean 'ACEScg'\\?\\)"),
        (ColorSpace(config=config, target="ACEScg"), "config.ocio has no colour space 'ACEScg'; it has lin, half, "),
        (ColorSpace(config=config, source="hall"), "source: .*config.ocio has no colour space 'hall' \\(did you mean 'half'\\?\\)"),
        (ColorSpace(config=config, view="AgX"), "view: .*config.ocio has no view of Screen 'AgX'; it has Half, Plain"),
        (ColorSpace(config=config, display="Scren"), "display: .* has no display 'Scren' \\(did you mean 'Screen'\\?\\)"),
        (ColorSpace(config=config, looks="dubble"), "looks: .* has no look 'dubble' \\(did you mean 'double'\\?\\)"),
        (ColorSpace(builtin="aces"), "builtin: OpenColorIO .* brings no config 'aces'"),
        (ColorSpace(config="none.ocio"), "config: none.ocio cannot be read: 'none.ocio' file does not exist"),
    ]
    for node, message in cases:
        with pytest.raises(UsageError, match=message) as error:
            node(pixel(1.0, 1.0, 1.0))
        assert "\n" not in str(error.value)


def test_a_message_names_six_and_counts_the_rest() -> None:
    names = [f"space {number}" for number in range(1, 9)]
    assert color_configs._some(names) == "space 1, space 2, space 3, space 4, space 5, space 6 and 2 more"
    assert color_configs._some(names[:7]) == "space 1, space 2, space 3, space 4, space 5, space 6 and 1 more"
    assert color_configs._some(names[:6]) == "space 1, space 2, space 3, space 4, space 5, space 6"
    assert color_configs._some([]) == "none"


def test_a_damaged_config_and_one_without_linear_light(tmp_path: Path) -> None:
    bad = tmp_path / "bad.ocio"
    bad.write_text("nonsense")
    with pytest.raises(UsageError, match=r"config: .*bad.ocio cannot be read: "):
        ColorSpace(config=str(bad))(pixel(1.0, 1.0, 1.0))
    bad.write_text(CONFIG.replace("aliases: [lin_rec709]", "aliases: []"))
    with pytest.raises(
        UsageError, match=r"source: .*bad.ocio has no space for linear Rec. 709 light by a usual name: name it with `source`"
    ):
        ColorSpace(config=str(bad))(pixel(1.0, 1.0, 1.0))


def test_a_picture_of_one_channel_is_refused() -> None:
    with pytest.raises(FrameError, match="a colour space needs three channels of colour, this picture has Y"):
        ColorSpace(target="ACEScg")(pixel(1.0))


def test_ways_that_contradict_each_other() -> None:
    assert next(iter(ColorSpace(target="a", view="b").faults(frozenset(), 1))).startswith("target: a space and a view cannot both be")
    assert next(iter(ColorSpace(config="a", builtin="b").faults(frozenset(), 1))).startswith("builtin: `config` names a file already")


LUT = (
    CONFIG
    + """  - !<ColorSpace> {name: graded, from_scene_reference: !<FileTransform> {src: %s, interpolation: linear}}
search_path: luts
"""
)


def test_tables_of_a_config_are_files_that_are_read(tmp_path: Path) -> None:
    """Another table is another key; `--sandbox` refuses one that lies elsewhere; one that is not used counts for nothing."""
    (tmp_path / "shot/luts").mkdir(parents=True)
    table = "LUT_1D_SIZE 2\n0 0 0\n0.5 0.5 0.5\n"
    for path in ("shot/luts/half.cube", "half.cube"):
        (tmp_path / path).write_text(table)
    config = tmp_path / "shot/c.ocio"
    config.write_text(LUT % "half.cube")
    write_image(tmp_path / "shot/a.png", Image(torch.full((3, 2, 2), 0.5)))
    node = ColorSpace(config=str(config), target="graded")
    assert node.reads(None) == (str(config), str(tmp_path / "shot/luts/half.cube"))
    assert ColorSpace(config=str(config), target="half").reads(None) == (str(config),)
    g = Graph(frames="1")
    made = g.add(ColorSpace(config="c.ocio", target="graded"), "grade", image=g.add(LoadFrames(path="a.png")).image)
    g.add(WriteFrames(path="out/a.exr"), "write", image=made)
    before = make_plan(g, root=str(tmp_path / "shot"), cache="none").keys.of("write", 1)
    (tmp_path / "shot/luts/half.cube").write_text(table.replace("0.5", "0.25"))
    assert make_plan(g, root=str(tmp_path / "shot"), cache="none").keys.of("write", 1) != before
    for elsewhere in (str(tmp_path / "half.cube"), "../../half.cube"):
        config.write_text(LUT % elsewhere)
        with pytest.raises(UsageError, match=r"--sandbox: .*half\.cube lies outside of --root"):
            make_plan(g, root=str(tmp_path / "shot"), cache="none", sandbox=())
