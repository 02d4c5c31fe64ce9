"""`rotonodes flatten`: what it chooses, the graph that it makes, the pictures of it, bad input."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import Call
from rotonodes.cli.jobs.flattening import Wishes, find_shapes, shot_name
from rotonodes.cli.jobs.own_colors import Seen, _grouped
from rotonodes.cli.jobs.palette_wishes import wished_palettes
from rotonodes.cli.jobs.render_files import RenderFiles
from rotonodes.cli.jobs.shape_choice import choose_shapes, is_stage, short_patterns
from rotonodes.errors import UsageError
from rotonodes.graph.document import parse_document
from rotonodes.imaging.passes.contents import CryptomatteContents, NamedObject
from rotonodes.imaging.passes.cryptomatte import coverage, find_cryptomatte, select_names
from rotonodes.imaging.passes.names import Passes
from rotonodes.imaging.picture.own_tones import clusters, color_planes, from_oklab, object_means, to_oklab, tones_of
from rotonodes.nodes import LoadFrames, MultipassDecode, PaintObjects
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Image, Labels
from rotonodes.values.tones import SIX_CLASSES, SIX_COLORS
from test_cryptomatte import crypto_planes, header, write

SHOTS = Path(__file__).parents[1] / "examples" / "shots"
TORUS = str(SHOTS / "torus" / "render.####.exr")


def nodes_of(call: Call, *arguments: str) -> dict[str, dict]:
    shown = call("flatten", *arguments, "--print-graph")
    assert shown.code == 0, shown.err
    return parse_document(shown.out).data["nodes"]


@pytest.fixture(scope="module")
def torus():
    return LoadFrames(path=TORUS)(frame=3).layers


# What is shape.


@pytest.mark.parametrize(
    "name",
    [
        "floor",
        "Floor.001",
        "GROUND",
        "ground_02",
        "wall",
        "Wall_left.003",
        "BackWall",
        "backdrop",
        "Plane.012",
        "set/Floor1",
        "|grp|room|wallBack",
        "sky",
        "SkyDome",
        "ceiling_geo",
        "Camera",
        "Light.001",
        "world:ground_mesh",
        "cyc",
        "background",
    ],
)
def test_stage(name: str) -> None:
    assert is_stage(name)


@pytest.mark.parametrize("name", ["Floor lamp", "wallet", "Airplane", "Cube", "Wallpaper", "Lamp", "table", "plane_wing", "0", "", "地面"])
def test_no_stage(name: str) -> None:
    assert not is_stage(name)


def contents(**shares: float) -> CryptomatteContents:
    return CryptomatteContents("v.CryptoObject", True, tuple(NamedObject(name.replace("__", " "), share) for name, share in shares.items()))


def test_shapes_are_all_but_the_stage() -> None:
    found = choose_shapes(contents(Mug=0.1, Pot=0.05, Floor=0.6, Back__wall=0.2), [], [])
    assert (found.names, found.stage, found.patterns) == (("Mug", "Pot"), ("Floor", "Back wall"), ("Mug", "Pot"))


@pytest.mark.parametrize(
    ("shape", "leave_out", "names"),
    [
        (["mug*"], [], ["Mug", "Mug handle"]),
        (["MUG, pot"], [], ["Mug", "Pot"]),
        ([], ["pot"], ["Mug", "Mug handle"]),
        (["*"], ["*handle", "floor"], ["Mug", "Pot"]),
        (["Floor"], [], ["Floor"]),
    ],
)
def test_names_that_are_given(shape: list[str], leave_out: list[str], names: list[str]) -> None:
    assert list(choose_shapes(contents(Mug=0.1, Mug__handle=0.02, Pot=0.05, Floor=0.6), shape, leave_out).names) == names


@pytest.mark.parametrize(
    ("shape", "leave_out", "message"),
    [
        (["mugg"], [], r"--shape mugg: no object is called so \(did you mean 'Mug'\?\); there are Floor 60.0%, Mug 10.0%"),
        ([], ["sofa*"], r"--leave-out sofa\*: no object is called so; there are Floor 60.0%, Mug 10.0%"),
        ([], ["mug"], "which objects are shapes.*no object is left.*--shape; v.CryptoObject has Floor 60.0%"),
    ],
)
def test_names_that_fit_nothing(shape: list[str], leave_out: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choose_shapes(contents(Mug=0.1, Floor=0.6), shape, leave_out)


def test_only_stage_asks_for_shapes() -> None:
    with pytest.raises(UsageError, match=r"every object is called like a floor.*name them with --shape; v\.CryptoObject has Plane 50\.0%"):
        choose_shapes(contents(Plane=0.5, Wall=0.2), [], [])


def test_patterns_fit_exactly_the_names(tmp_path: Path) -> None:
    names = ("Leaf", "Leaf.001", "Leaf.002", "Leaflet", "Pot", "!x", "a, b", "w*ld", "Leg_1", "Leg_2")
    planes, _ = crypto_planes("v.CryptoObject", names)
    crypto = find_cryptomatte(
        write(tmp_path / "a.exr", {**planes, "v.Combined.R": np.zeros((4, 8), np.float32)}, header("v.CryptoObject", names))
    )
    for wanted in (names[:3], names[:4], names[4:], names[:1] + names[5:8], names[8:], names):
        for inverted in (True, False):
            patterns = short_patterns(wanted, names, inverted)
            assert set(select_names(crypto, list(patterns))) == set(wanted), (wanted, patterns)
    assert short_patterns(names, names) == ("*",)
    assert short_patterns(names[8:], names) == ("Leg*",)


# Colours.


def test_oklab_is_undone() -> None:
    colors = np.random.default_rng(1).random((50, 3))
    np.testing.assert_allclose(from_oklab(to_oklab(colors)), colors, atol=1e-6)
    assert to_oklab(np.array([1.0, 1.0, 1.0])) == pytest.approx([1, 0, 0], abs=1e-4)  # white, as published


@pytest.mark.parametrize("color", [(0.7, 0.1, 0.05), (0, 0, 0), (1, 1, 1), (0.05, 0.3, 0.06), (0.1, 0.2, 0.6), (3.0, 0.5, 0.2)])
def test_tones_rise_in_lightness(color: tuple[float, float, float]) -> None:
    tones = tones_of(color)
    light = [
        float(to_oklab(np.array(hex_to_linear(tones[name])[:3]))[0]) for name in ("cast_shadow", "form_shadow", "midtone", "highlight")
    ]
    assert all(brighter - darker > 0.03 for darker, brighter in pairwise(light)), light


def test_a_saturated_colour_keeps_its_hue() -> None:
    red, green, blue, _ = hex_to_linear(tones_of((0.7, 0.1, 0.05))["midtone"])
    assert red > 3 * green > 3 * blue


def test_alike_colours_share_a_palette() -> None:
    colors = [np.array(c) for c in ([0.5, 0.1, 0.1], [0.51, 0.1, 0.1], [0.1, 0.5, 0.1], [0.1, 0.1, 0.5])]
    assert sorted(map(sorted, clusters(colors, [1] * 4, 9, 0.05))) == [[0, 1], [2], [3]]
    assert len(clusters(colors, [1] * 4, 2, 0.05)) == 2


def test_means_are_those_of_the_coverage(torus) -> None:
    passes, crypto = Passes.of(torus), find_cryptomatte(torus)
    half = np.zeros((256, 256), np.float32)
    half[:, :128] = 1
    means = object_means(torus, passes, crypto, ("DiffCol", "nothing"), {"half": half})
    color = color_planes(torus, passes.find("DiffCol"))
    assert list(means.values) == ["half", "DiffCol"]
    for name, number in select_names(crypto, "shape*, stage").items():
        covered, row = coverage(torus, crypto, [number]), means.ids[number]
        assert means.covered[row] == pytest.approx(covered.sum(), rel=1e-5), name
        assert means.values["half"][row] == pytest.approx((covered * half).sum() / covered.sum(), rel=1e-4)
        alone = covered * (covered > 0.95)
        np.testing.assert_allclose(means.values["DiffCol"][row], (color * alone).sum(axis=(1, 2)) / alone.sum(), rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["sunst"], r"--palette sunst: there is no palette 'sunst' \(did you mean 'sunset'\?\); palettes that ship: berry, "),
        (["#ffffff"], "--palette #ffffff: palette without name: 1 colour for 4 classes"),
        (["sunset", "clay"], "--palette clay: sunset is for everything already: write NAMES=clay"),
        (["mug*=#12"], r"--palette mug\*=#12: "),
    ],
)
def test_palettes_that_are_none(given: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        wished_palettes(given)


# PaintObjects.


def painted(labels: torch.Tensor, layers, **parameters) -> torch.Tensor:
    return PaintObjects(**parameters)(layers, labels=Labels(labels, SIX_CLASSES, SIX_COLORS)).data


RED = {"cast_shadow": "#400000", "form_shadow": "#800000", "midtone": "#c00000", "highlight": "#ff0000"}
BLUE = {"cast_shadow": "#000040", "form_shadow": "#000080", "midtone": "#0000c0", "highlight": "#0000ff"}
FLOOR = {"background": "#ffffff", "ground_shadow": "#808080"}


def test_each_object_has_its_palette_and_its_edge(torus) -> None:
    mattes = MultipassDecode(passes=["Combined"], mattes={"knot": "shape_knot", "ball": "shape_ball"})(torus)
    data = painted(torch.full((256, 256), 3, dtype=torch.uint8), torus, objects={"shape_knot": RED, "shape_ball": BLUE}, palette=FLOOR)
    red, blue, white = (
        torch.tensor(hex_to_linear(color))[:, None, None] for color in (RED["midtone"], BLUE["midtone"], FLOOR["background"])
    )
    knot, ball = mattes["knot"].data, mattes["ball"].data
    expected = knot * red + ball * blue + (1 - knot - ball) * white
    inside = (knot > 0) | (ball > 0)  # elsewhere the palette has no midtone, and the labels no background
    torch.testing.assert_close((data * inside)[[0, 2, 3]], (expected * inside)[[0, 2, 3]], atol=0.02, rtol=0)


def test_the_first_entry_that_fits_counts(torus) -> None:
    labels = torch.full((256, 256), 3, dtype=torch.uint8)
    one = painted(labels, torus, objects={"shape_knot": RED, "shape*": BLUE, "nobody": FLOOR})
    other = painted(labels, torus, objects={"shape_knot": RED, "shape_ball": BLUE})
    torch.testing.assert_close(one, other)


def test_an_object_has_no_hole_where_labels_say_background(torus) -> None:
    labels = torch.full((256, 256), 3, dtype=torch.uint8)
    labels[100:140, 100:140] = 0
    whole = painted(torch.full((256, 256), 3, dtype=torch.uint8), torus, objects={"shape*": RED}, palette=FLOOR, smooth=0)
    torch.testing.assert_close(painted(labels, torus, objects={"shape*": RED}, palette=FLOOR, smooth=0), whole, atol=1e-4, rtol=0)


def test_borders_of_labels_are_about_a_pixel_wide(torus) -> None:
    labels = torch.full((256, 256), 3, dtype=torch.uint8)
    labels[:, 120:] = 2
    row = painted(labels, torus, palette={**RED, "midtone": "#000000", "form_shadow": "#ffffff"})[0, 128]
    mixed = ((row > 0.02) & (row < 0.98)).sum()
    assert 1 <= mixed <= 2 and row[110] < 0.01 and row[130] > 0.99
    hard = painted(labels, torus, palette={**RED, "midtone": "#000000", "form_shadow": "#ffffff"}, smooth=0)[0, 128]
    assert set(hard.tolist()) == {0.0, 1.0}


def test_probabilities_are_painted_likewise(torus) -> None:
    labels = torch.full((256, 256), 3, dtype=torch.uint8)
    hot = torch.zeros(6, 256, 256)
    hot[3] = 1
    soft = PaintObjects(objects={"shape*": RED}, palette=FLOOR | RED)(torus, probabilities=Image(hot, SIX_CLASSES)).data
    torch.testing.assert_close(soft, painted(labels, torus, objects={"shape*": RED}, palette=FLOOR | RED), atol=1e-4, rtol=0)


# The command.


def test_the_best_way_is_taken_and_said(call: Call) -> None:
    shown = call("flatten", TORUS, "--print-graph")
    assert "tones from the render's label layer\n" in shown.err
    assert shown.err.startswith("shapes: *, !stage\n")
    tones = parse_document(shown.out).data["nodes"]["tones"]
    assert tones["type"] == "TonesFromPasses" and tones.get("recipe", "light") == "light"


@pytest.mark.parametrize(("tones", "kind"), [("passes", "UNetSegment"), ("key", "TonesFromPasses"), ("picture", "UNetSegment")])
def test_another_way_can_be_asked_for(call: Call, tones: str, kind: str) -> None:
    assert nodes_of(call, TORUS, "--tones", tones)["tones"]["type"] == kind


@pytest.mark.parametrize("name", ["tones", "tones_six", "tones_passes", "tones_passes_six"])
def test_ones_own_weights_make_the_nodes_of_those_that_ship(call: Call, name: str) -> None:
    nodes = nodes_of(call, TORUS, "-m", name)
    assert nodes["tones"]["weights"] == f"weights/{name}.safetensors" and nodes["tones"]["in"]["shape"] == "passes.shape"
    alike = nodes_of(call, TORUS, "--no-ground", "--tones", "passes" if "passes" in name else "picture")
    assert {**alike["tones"], "weights": ""} == {**nodes["tones"], "weights": ""}
    assert [nodes.get(part) for part in ("light", "key", "stack")] == [alike.get(part) for part in ("light", "key", "stack")]


@pytest.mark.slow
def test_ones_own_weights_find_the_tones(call: Call, tmp_path: Path) -> None:
    shutil.copy(SHOTS.parents[1] / "weights" / "tones_passes_six.safetensors", tmp_path / "mine.safetensors")
    made = call("flatten", TORUS, "-F", "3", "-m", "mine.safetensors", "-o", "art.png")
    assert made.code == 0 and "tones from the weights mine.safetensors (asked for)" in made.err
    with PIL.Image.open(tmp_path / "art.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 5


def test_a_short_graph_and_all_frames(call: Call) -> None:
    shown = call("flatten", TORUS, "--print-graph")
    assert 'frames: "1-24"' in shown.out and len(shown.out.splitlines()) < 40 and max(map(len, shown.out.splitlines())) <= 140
    assert nodes_of(call, TORUS, "-F", "3-5")["render"]["path"] == TORUS
    assert 'frames: "3-5"' in call("flatten", TORUS, "-F", "3-5", "--print-graph").out


def test_the_picture_is_there_by_one_command(call: Call, tmp_path: Path) -> None:
    made = call("flatten", TORUS, "-F", "3-4", "-o", "art")
    assert made.code == 0, made.err
    assert "2 frames in" in made.err and "art/torus.gif" in made.err
    with PIL.Image.open(tmp_path / "art" / "torus.gif") as gif:
        assert gif.n_frames == 2 and gif.size == (256, 256)
    first = np.asarray(PIL.Image.open(tmp_path / "art" / "torus" / "torus.0003.png").convert("RGB")).astype(int)
    _, counts = np.unique(first.reshape(-1, 3), axis=0, return_counts=True)
    assert 5 <= (counts > 0.003 * counts.sum()).sum() <= 12  # flat: few colours fill the picture
    assert counts[np.argsort(-counts)[:14]].sum() > 0.85 * counts.sum()
    again = call("flatten", TORUS, "-F", "3-4", "-o", "art")
    assert "nothing to do: art/torus.gif, art/torus/torus.####.png are there already" in again.err


def test_the_light_is_measured_once_for_flatten_and_its_graph(call: Call, tmp_path: Path) -> None:
    asked = ("flatten", TORUS, "-F", "3", "--tones", "key", "-o", "art")
    assert call(*asked).code == 0
    kept = [path.suffix for path in (tmp_path / ".rotonodes").rglob("*") if len(path.stem) == 64]
    assert kept == [".light"]  # nothing of single frames
    (tmp_path / "torus.yaml").write_text(call(*asked, "--palette", "sunset", "--print-graph").out)
    planned = call("plan", "torus.yaml")
    assert re.search(r"light +MeasureKeyLight +from the cache", planned.out + planned.err), planned.out + planned.err


def test_flatten_works_where_no_cache_can_be(call: Call, tmp_path: Path) -> None:
    (tmp_path / ".rotonodes").write_text("a file, where the folder would be")
    made = call("flatten", TORUS, "-F", "3", "--tones", "key", "-o", "art.png")
    assert made.code == 0 and (tmp_path / "art.png").is_file(), made.err


def test_lines_ground_and_background(call: Call) -> None:
    plain = nodes_of(call, TORUS, "--lines", "0", "--no-ground", "--background", "#102030", "--tones", "key")
    assert "ink" not in plain and plain["png"]["in"] == "paint"
    assert plain["paint"]["palette"]["background"] == "#102030" and "ground_shadow" not in plain["paint"]["palette"]
    assert all("background" not in palette for palette in plain["paint"]["objects"].values())
    inked = nodes_of(call, TORUS, "--lines", "3")
    assert inked["ink"]["width"] == 3 and inked["inked"]["in"] == {"fg": "ink", "bg": "paint"}
    assert (inked["ink"]["thin"], inked["ink"]["shortest"]) == (0.2, 6), "2.5 % of 256 px"
    behind = nodes_of(call, TORUS, "--background", "render", "--lines", "0", "--tones", "key")
    assert behind["comp"]["in"] == {"fg": "paint", "bg": "plate"} and behind["plate"]["type"] == "CleanPlate"


def test_a_picture_behind_is_multiplied_by_the_shadow(call: Call, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (64, 64), (200, 180, 160)).save(tmp_path / "paper.png")
    nodes = nodes_of(call, TORUS, "--background", "paper.png", "--lines", "0", "--tones", "key")
    assert nodes["ground"] == {"type": "GroundShadow", "in": {"labels": "ground_specks"}}
    assert nodes["shaded"]["type"] == "ShadowOnPlate" and nodes["shaded"]["in"] == {"image": "plate", "shadow": "ground"}
    assert nodes["comp"]["in"] == {"fg": "paint", "bg": "shaded"} and nodes["paint"]["palette"]["ground_shadow"] == "#00000000"
    assert "shaded" not in nodes_of(call, TORUS, "--background", "paper.png", "--no-ground", "--tones", "key")


def test_specks_of_tones_go_and_those_of_the_ground_sooner(call: Call) -> None:
    nodes = nodes_of(call, TORUS, "--tones", "key")
    assert nodes["specks"]["in"] == "tones" and nodes["ground_specks"]["in"] == "specks"
    assert nodes["specks"]["area"] < nodes["ground_specks"]["area"]
    assert nodes["ground_specks"]["classes"] == ["background", "ground_shadow"]
    assert nodes["paint"]["in"]["labels"] == "ground_specks"


def test_palettes_for_some_and_for_all(call: Call) -> None:
    some = nodes_of(call, TORUS, "--palette", "*ball=#000000,#555555,#aaaaaa,#ffffff")["paint"]["objects"]
    assert next(iter(some)) == "*ball" and some["*ball"]["highlight"] == "#ffffff" and "shape_knot" in some
    every = nodes_of(call, TORUS, "--palette", "#000000,#555555,#aaaaaa,#ffffff", "--palette", "*ball=sunset", "--tones", "key")["paint"]
    assert every["palette"]["midtone"] == "#aaaaaa" and every["objects"]["*ball"] == "sunset"
    assert [names for names, palette in every["objects"].items() if "midtone" in palette] == ["*, !stage"]
    assert every["objects"]["stage"].keys() == {"background", "ground_shadow"}


def test_a_palette_for_names_as_flatten_itself_spells_them(call: Call) -> None:
    """The user's counts, and stays first."""
    for names in nodes_of(call, TORUS)["paint"]["objects"]:
        objects = nodes_of(call, TORUS, "--palette", f"{names}=ocean")["paint"]["objects"]
        assert objects[names] == "ocean" and next(iter(objects)) == names


@pytest.mark.parametrize(("share", "told"), [(0.42, True), (0.2, False)])
def test_a_large_shape_that_may_be_the_ground_is_named(share: float, told: bool) -> None:
    objects = tuple(NamedObject(name, part) for name, part in (("My Table", share), ("Mug", 0.1), ("Wall", 0.5)))
    crypto = CryptomatteContents("CryptoObject", True, objects)
    job = SimpleNamespace(contents=SimpleNamespace(cryptomattes=(crypto,)), wishes=Wishes(), told=[])
    find_shapes(job)
    line = "My Table takes 42% of the frame: --leave-out 'My Table' if things stand on it"
    assert job.told[1:] == ([line] if told else [])
    chosen = SimpleNamespace(contents=job.contents, wishes=Wishes(shape=("My*", "Mug")), told=[])
    find_shapes(chosen)
    assert len(chosen.told) == 1, "who names shapes knows them"


def test_what_the_frame_does_not_show_goes_with_those_of_its_name() -> None:
    def seen(name: str, share: float, color: tuple[float, float, float]) -> Seen:
        return Seen(name, share, np.array(color), True, False, True, 1.0)

    objects = [("Leaf.001", 0.2), ("Leaf.002", 0.1), ("Leaf.007", 0.0), ("Pot", 0.3), ("Lid.2", 0.0)]
    crypto = CryptomatteContents("CryptoObject", True, tuple(NamedObject(name, share) for name, share in objects))
    found = [seen("Leaf.001", 0.2, (0.1, 0.6, 0.1)), seen("Leaf.002", 0.1, (0.5, 0.5, 0.1)), seen("Pot", 0.3, (0.5, 0.2, 0.1))]
    palettes = _grouped(found, crypto, by_light=False)
    (green,) = (names for names in palettes if "Leaf.001" in names)
    assert "Leaf.007" in green and "Leaf.002" not in green, "it goes with the largest one"
    assert not any("Lid" in names for names in palettes)


def test_a_palette_that_ships_brings_background_and_ink(call: Call) -> None:
    nodes = nodes_of(call, TORUS, "--palette", "sunset", "--tones", "key")
    assert nodes["paint"]["objects"] == {"*, !stage": "sunset"}
    assert nodes["paint"]["palette"]["background"] == "#fbe6c9" and nodes["ink"]["color"] == "#2a1830"
    other = nodes_of(call, TORUS, "--palette", "sunset", "--background", "#102030")["paint"]["palette"]
    assert other["background"] == "#102030"


def test_a_palette_out_of_a_painting(call: Call, tmp_path: Path) -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    for index, color in enumerate(((20, 10, 40), (120, 30, 60), (230, 140, 60), (255, 240, 200))):
        picture[10 * index : 10 * index + 10] = color
    PIL.Image.fromarray(picture).save(tmp_path / "painting.png")
    palette = nodes_of(call, TORUS, "--palette", "painting.png")["paint"]["objects"]["*, !stage"]
    assert palette == {"cast_shadow": "#140a28", "form_shadow": "#781e3c", "midtone": "#e68c3c", "highlight": "#fff0c8"}


def test_one_file_instead_of_a_folder(call: Call) -> None:
    nodes = nodes_of(call, TORUS, "-o", "art/knot.gif", "--fps", "12")
    assert nodes["gif"] == {"type": "WriteGIF", "in": "inked", "path": "art/knot.gif", "fps": 12} and "png" not in nodes
    assert nodes_of(call, TORUS, "-o", "art/####.webp")["webp"]["type"] == "WriteFrames"
    told = call("flatten", TORUS, "-o", "art.png")
    assert told.code == 2 and "-o art.png: 24 frames do not go into one picture: write art.####.png" in told.err


def test_a_picture_alone(call: Call, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (64, 48), (200, 120, 40)).save(tmp_path / "still.png")
    nodes = nodes_of(call, "still.png")
    assert nodes["tones"]["type"] == "UNetSegment" and "specks" not in nodes and "gif" not in nodes
    assert nodes["edges"] == {"type": "AntialiasTones", "in": {"probabilities": "tones.probabilities"}}
    assert nodes["paint"]["type"] == "PaintTones" and nodes["paint"]["in"] == {"probabilities": "edges"}
    assert nodes["png"]["path"] == "out/still.png"


def test_a_movie(call: Call, tmp_path: Path) -> None:
    pictures = [PIL.Image.new("RGB", (64, 48), (60 * index, 120, 40)) for index in range(3)]
    pictures[0].save(tmp_path / "clip.gif", save_all=True, append_images=pictures[1:])
    nodes = nodes_of(call, "clip.gif")
    assert nodes["render"] == {"type": "LoadMovie", "path": "clip.gif"} and nodes["tones"]["in"] == {"image": "render"}
    made = call("flatten", "clip.gif", "-F", "2-3", "-o", "art")
    assert made.code == 0 and sorted(p.name for p in (tmp_path / "art").rglob("*.*")) == ["clip.0002.png", "clip.0003.png", "clip.gif"]


def test_a_cryptomatte_of_any_name_is_taken(call: Call, tmp_path: Path) -> None:
    planes, _ = crypto_planes("ids", ("hero", "floor"))
    picture = {f"v.Combined.{channel}": np.full((4, 8), 0.5, np.float32) for channel in "RGB"}
    write(tmp_path / "a.exr", {**planes, **picture}, header("ids", ("hero", "floor")))
    nodes = nodes_of(call, "a.exr")
    assert nodes["passes"]["mattes"] == {"shape": "hero"} and nodes["passes"]["cryptomatte"] == nodes["paint"]["cryptomatte"] == "ids"


def test_on_twos(call: Call) -> None:
    nodes = nodes_of(call, TORUS, "--on-twos")
    assert nodes["twos"] == {"type": "HoldFrames", "in": "inked"} and nodes["gif"]["in"] == nodes["png"]["in"] == "twos"
    assert "twos" not in nodes_of(call, TORUS, "--on-twos", "-F", "3")


def test_a_lottie_animation(call: Call, tmp_path: Path) -> None:
    """One file for all frames; on twos its inputs are held, layers too, so that each drawing is in it once."""
    nodes = nodes_of(call, TORUS, "--lottie", "--tones", "key", "--fps", "12")
    linked = {"labels": "ground_specks", "image": "paint", "layers": "render.layers", "ink": "ink"}
    assert nodes["json"] == {"type": "WriteLottie", "in": linked, "path": "out/torus.json", "fps": 12}
    twos = nodes_of(call, TORUS, "--lottie", "--on-twos", "--tones", "key")
    assert twos["json"]["in"] == {name: f"{name}_twos" for name in linked} and twos["gif"]["in"] == "twos"
    assert all(twos[f"{name}_twos"] == {"type": "HoldFrames", "in": link} for name, link in linked.items())
    for more, count in ((("-o", "ones.json"), 4), (("--on-twos", "-o", "twos.json"), 2)):
        assert call("flatten", TORUS, "-F", "1-4", *more).code == 0
        made = json.loads((tmp_path / more[-1]).read_bytes())
        assert (made["op"], len(made["layers"])) == (4, count)
        assert "shape_knot" in json.dumps(made)


def test_paths_and_video(call: Call, tmp_path: Path) -> None:
    nodes = nodes_of(call, TORUS, "--svg", "--mp4", "--tones", "key")
    assert nodes["mp4"] == {"type": "WriteVideo", "in": "inked", "path": "out/torus.mp4", "fps": 24}
    assert nodes["svg"]["in"] == {"labels": "ground_specks", "image": "paint", "layers": "render.layers", "ink": "ink"}
    assert nodes["svg"]["path"] == "out/torus/torus.####.svg"
    assert call("flatten", TORUS, "-F", "3", "-o", "knot.svg").code == 0
    assert 'id="shape_knot' in (tmp_path / "knot.svg").read_text()
    assert nodes_of(call, TORUS, "--psd")["psd"]["type"] == "WriteFlatPSD"
    assert call("flatten", TORUS, "-F", "3", "-o", "knot.psd").code == 0
    assert (tmp_path / "knot.psd").read_bytes()[:4] == b"8BPS"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/hero_v2.####.exr", "hero_v2"),
        ("a/shot/render.%04d.exr", "shot"),
        ("beauty.exr", None),
        ("x/####.png", "x"),
        ("x/Film [#]3.png", "Film #3"),
    ],
)
def test_results_are_named_after_the_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, name: str | None) -> None:
    monkeypatch.chdir(tmp_path)
    assert shot_name(RenderFiles(path, (1, 2) if "#." in path or "%" in path else ())) == (name or tmp_path.name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([TORUS, "--shape", "shpae*"], "--shape shpae*: no object is called so"),
        ([TORUS, "--palette", "mug*=clay"], "--palette mug*=...: no object is called 'mug*'; there are stage 77.6%"),
        ([TORUS, "-F", "90"], "has no frame 90; on disk are 1-24"),
        ([TORUS, "--background", "no_such.png"], "--background no_such.png: neither a picture nor a colour"),
        (["still.png", "--tones", "passes"], "--tones passes: still.png has no DiffDir, GlossDir, Normal or Depth; it has Combined"),
        (["still.png", "--tones", "label"], "has no view layer Label"),
        (["still.png", "--shape", "mug"], "--shape mug: still.png has no object cryptomatte with names"),
        (["still.png", "--lines", "2"], "--lines 2: still.png has none of the passes"),
        (["none.####.exr"], "none.####.exr: there is no such frame"),
        ([TORUS, "-m", "nobody"], "nobody: no such weights file"),
        ([TORUS, "-m", "cutout"], "-m cutout: it tells background, foreground, and flat art needs the tones cast_shadow, form_shadow"),
        ([TORUS, "-m", "tones", "--tones", "label"], "-m tones: these weights see the picture: remove --tones label"),
        (["still.png", "-m", "tones_passes"], "-m tones_passes: still.png has no DiffDir, GlossDir, Normal or Depth; it has Combined"),
    ],
)
def test_bad_input_is_one_line(call: Call, tmp_path: Path, arguments: list[str], message: str) -> None:
    PIL.Image.new("RGB", (64, 48), (200, 120, 40)).save(tmp_path / "still.png")
    told = call("flatten", *arguments)
    assert told.code == 2 and message in told.err and told.err.count("error:") == 1 and not told.out
    assert not (tmp_path / "out").exists()


def test_a_damaged_first_look_takes_another_frame(call: Call, tmp_path: Path) -> None:
    for frame in (1, 2, 3):
        shutil.copy(SHOTS / "torus" / f"render.{frame:04d}.exr", tmp_path)
    (tmp_path / "render.0002.exr").write_bytes(b"not a picture")
    assert json.dumps(nodes_of(call, "render.####.exr"))
