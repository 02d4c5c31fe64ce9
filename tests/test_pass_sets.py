"""Sets of one file a pass, as Cinema 4D writes them: how they are found, and what `flatten` and `passes` make of them."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import Call
from rotonodes.cli.jobs.pass_sets import pass_sets
from rotonodes.cli.jobs.render_files import find_shot, one_frame
from rotonodes.errors import UsageError
from rotonodes.graph.document import parse_document
from rotonodes.imaging.passes.cryptomatte import all_cryptomattes, coverage, decode_matte, find_cryptomatte
from rotonodes.io.exr import write_exr
from rotonodes.io.pictures import read_image
from rotonodes.nodes import LoadFrames, MultipassDecode
from rotonodes.values.pixels import Box, Layers

SHOTS = Path(__file__).parents[1] / "examples" / "shots"
CUBE = SHOTS / "c4d"
WORDS = ("", "matcolor", "illum", "shadow", "specular", "object_1_")


@pytest.mark.parametrize(
    ("patterns", "path", "words"),
    [
        (
            ["d/Cube1_####.png", "d/Cube1_illum####.png", "d/Cube1_object_1_####.png", "d/Cube1_foo####.png"],
            "d/Cube1$pass####.png",
            {"rgba": "_", "illum": "_illum", "object_1": "_object_1_"},
        ),
        (["shot.####.exr", "shot_depth.####.exr"], "shot$pass####.exr", {"rgba": ".", "depth": "_depth."}),
        (
            ["a b-rgba.####.tif", "a b-Diffuse Direct.####.tif"],
            "a b$pass####.tif",
            {"rgba": "-rgba.", "Diffuse Direct": "-Diffuse Direct."},
        ),
        (["rgba####.png", "illum####.png"], "$pass####.png", {"rgba": "rgba", "illum": "illum"}),
        (["my_z_depth.%d.png", "my_%d.png"], "my$pass%d.png", {"rgba": "_", "z_depth": "_z_depth."}),
        (["still.png", "still_shadow.png"], "still$pass.png", {"rgba": "", "shadow": "_shadow"}),
        (
            ["d/Cube1_####.png", "d/illum_Cube1_####.png", "d/object_1_Cube1_####.png", "d/foo_Cube1_####.png"],
            "d/${pass}Cube1_####.png",
            {"rgba": "", "illum": "illum_", "object_1": "object_1_"},
        ),
        (
            ["rgba-a b.####.tif", "Diffuse Direct-a b.####.tif"],
            "${pass}a b.####.tif",
            {"rgba": "rgba-", "Diffuse Direct": "Diffuse Direct-"},
        ),
        (["shadow_still.png", "still.png"], "${pass}still.png", {"rgba": "", "shadow": "shadow_"}),
    ],
)
def test_files_that_differ_in_the_name_of_a_pass_are_a_set(patterns: list[str], path: str, words: dict[str, str]) -> None:
    (found,) = pass_sets(patterns)
    assert (found.path, found.words) == (path, words)


@pytest.mark.parametrize(
    "patterns",
    [
        ["a.####.png", "b.####.png"],
        ["a/render.####.exr", "b/render_depth.####.exr"],
        ["shot.####.exr", "shot_depth.####.png"],
        ["shot.####.png", "shot_depth.###.png"],
        ["shot_####.png", "shot_rgba####.png"],
        ["shot.####.png", "shotdepth.####.png"],
        ["shot.####.png", "depthshot.####.png"],
        ["shot.####.png", "depth_other.####.png"],
        ["depth.####.png"],
        [],
    ],
)
def test_other_files_are_none(patterns: list[str]) -> None:
    assert pass_sets(patterns) == []


def test_two_shots_are_two_sets() -> None:
    found = pass_sets(["x####.tif", "x_illum####.tif", "y_####.tif", "y_shadow####.tif", "x_depth####.tif"])
    assert [one.path for one in found] == ["x$pass####.tif", "y$pass####.tif"]


def cube(folder: Path, *frames: int, without: tuple[str, ...] = (), name: str = "Cube1") -> Path:
    folder.mkdir(exist_ok=True)
    for frame in frames:
        for word in WORDS:
            if word not in without:
                shutil.copy(CUBE / f"Cube1_{word}{frame:04d}.png", folder / f"{name}_{word}{frame:04d}.png")
    return folder


@pytest.mark.parametrize("given", ["s", "s/", "s/*.png", "s/Cube1_####.png", "s/Cube1_illum0002.png", "s/Cube1$pass####.png"])
def test_a_set_is_found_by_its_folder_and_by_any_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.chdir(cube(tmp_path / "s", 1, 2).parent)
    found = find_shot(given)
    assert (found.path.replace("//", "/"), found.frames) == ("s/Cube1$pass####.png", (1, 2))
    assert list(found.passes) == ["rgba", "illum", "matcolor", "object_1", "shadow", "specular"]
    assert Path(found.file(2)) == Path("s/Cube1_0002.png")


def test_passes_before_the_name_are_read_and_flattened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """As Cinema 4D names them without "Layer Name as Suffix"; the picture is the same as with it."""
    monkeypatch.chdir(tmp_path)
    cube(tmp_path / "behind", 1, 2)
    (tmp_path / "before").mkdir()
    for file in (tmp_path / "behind").iterdir():
        name, word, number = file.stem[:5], file.stem[6:-4].strip("_"), file.stem[-4:]
        shutil.copy(file, tmp_path / "before" / f"{word}{'_' * bool(word)}{name}_{number}.png")
    for given in ("before", "before/illum_Cube1_0002.png", "before/Cube1_####.png"):
        found = find_shot(given)
        assert (found.path, found.frames) == ("before/${pass}Cube1_####.png", (1, 2))
        assert list(found.passes) == ["rgba", "illum", "matcolor", "object_1", "shadow", "specular"]
    for side in ("behind", "before"):
        assert call("flatten", side, "-F", "2", "-o", f"{side}.png").code == 0
    assert (read_image("behind.png", "raw").data == read_image("before.png", "raw").data).all()
    assert call("flatten", "before", "--no-ground").code == 0
    assert (tmp_path / "out" / "Cube1.gif").exists()


def test_a_still_without_a_number_is_a_set(tmp_path: Path) -> None:
    for word in WORDS:
        shutil.copy(CUBE / f"Cube1_{word}0001.png", tmp_path / (f"Cube1_{word}".strip("_") + ".png"))
    found = find_shot(str(tmp_path / "Cube1.png"))
    assert found.frames == () and "object_1" in found.passes and found.file() == str(tmp_path / "Cube1.png")


def test_files_with_passes_of_their_own_are_no_set(tmp_path: Path) -> None:
    shutil.copy(SHOTS / "torus" / "render.0001.exr", tmp_path / "shot_beauty.0001.exr")
    shutil.copy(SHOTS / "torus" / "render.0001.exr", tmp_path / "shot_depth.0001.exr")
    assert find_shot(str(tmp_path / "shot_beauty.0001.exr")).passes == {}
    (tmp_path / "out").mkdir()
    shutil.copy(SHOTS / "torus" / "render.0001.exr", tmp_path / "out" / "render.0001.exr")
    cube(tmp_path / "out", 1)
    assert find_shot(str(tmp_path / "out")).path.endswith("render.0001.exr"), "a multilayer EXR beside previews is the render"


def test_several_sets_are_named_by_their_pictures(tmp_path: Path) -> None:
    cube(tmp_path, 1)
    cube(tmp_path, 1, name="Ball")
    with pytest.raises(UsageError, match=r"which of these renders\? .*/Ball_####\.png, .*/Cube1_####\.png$"):
        find_shot(str(tmp_path))
    assert find_shot(str(tmp_path / "Ball_0001.png")).path.endswith("Ball$pass####.png")


# Object buffers.


def buffers(**planes: np.ndarray) -> Layers:
    return Layers(planes, Box(0, 0, 3, 1), (3, 1), path="shot.png")


def test_object_buffers_are_mattes_by_their_names() -> None:
    layers = buffers(
        **{"object_1.R": np.float32([[1, 0.25, 0]]), "object_2.R": np.uint8([[0, 51, 255]]), "rgba.R": np.float32([[0, 0, 0]])}
    )
    crypto = find_cryptomatte(layers)
    assert crypto.name == "object buffers" and list(crypto.ids or {}) == ["object_1", "object_2"]
    assert decode_matte(layers, crypto, "object_2").data.tolist() == [[[0, pytest.approx(0.2), 1]]]
    assert coverage(layers, crypto, (crypto.ids or {}).values()).tolist() == [[1, pytest.approx(0.45), 1]]
    assert MultipassDecode(passes=(), mattes={"shape": "object*"})(layers).shape.data.max() == 1
    assert [one.name for one in all_cryptomattes(layers) if not isinstance(one, Exception)] == ["object buffers"]


def test_a_picture_without_passes_says_what_to_render() -> None:
    with pytest.raises(Exception, match=r"no cryptomatte 'object'; it has none: a picture without passes: render OpenEXR"):
        find_cryptomatte(buffers(R=np.float32([[0, 0, 0]])))


# The commands.


def test_a_set_becomes_a_flat_picture(call: Call, tmp_path: Path) -> None:
    cube(tmp_path / "s", 1)
    made = call("flatten", "s", "-o", "art")
    assert made.code == 0, made.err
    assert "passes: rgba, illum, matcolor, object_1, shadow, specular" in made.err
    assert "shapes: object_1" in made.err and "tones from Cinema 4D's passes (no passes in EXR for" in made.err
    flat = read_image(str(tmp_path / "art" / "Cube1" / "Cube1.0001.png"), "raw").data[:3]
    render = read_image(str(CUBE / "Cube1_0001.png"), "raw").data[:3]
    inside = read_image(str(CUBE / "Cube1_object_1_0001.png"), "raw").data[0]
    pink = flat[:, inside > 0.99].mean(1)
    assert pink[0] > pink[2] > pink[1], "the cube keeps the hue of its material colour"
    ground = flat[:, :20, :20].mean((1, 2))
    assert (ground - render[:, :20, :20].mean((1, 2))).abs().max() < 0.15, "the ground is as light as in the picture"
    _, counts = torch.unique((flat[:, inside > 0.99] * 255).round(), dim=1, return_counts=True)
    assert counts.sort().values[-3:].sum() > 0.9 * counts.sum(), "highlight, midtone and form shadow, but for the pixels at their borders"
    shadow = flat[:, 160:165, 195:215].mean()
    assert shadow < ground.mean() - 0.1, "the shadow beside it is on the ground"


def graph_of(call: Call, *arguments: str) -> dict[str, dict]:
    shown = call("flatten", *arguments, "--print-graph")
    assert shown.code == 0, shown.err
    return parse_document(shown.out).data["nodes"]


def test_without_object_buffers_the_material_colour_is_the_shape(call: Call, tmp_path: Path) -> None:
    cube(tmp_path / "s", 1, without=("object_1_",))
    nodes = graph_of(call, "s")
    assert nodes["tones"] == {"type": "TonesFromPasses", "in": {"layers": "render.layers"}, "recipe": "cinema4d", "ground": True}
    red, green, blue = bytes.fromhex(nodes["paint"]["palette"]["midtone"][1:])
    assert red > blue > green
    assert call("flatten", "s", "-o", "art").code == 0


def test_several_material_colours_are_said(call: Call, tmp_path: Path) -> None:
    cube(tmp_path / "s", 1, without=("object_1_",))
    file = tmp_path / "s" / "Cube1_matcolor0001.png"
    color = np.array(PIL.Image.open(file).convert("RGB"))
    color[:, :110] = color[:, :110, ::-1]
    PIL.Image.fromarray(color).save(file)
    told = call("flatten", "s", "--print-graph")
    assert "2 material colours, painted in the one that most has: an object buffer each gives each its own" in told.err


def test_each_object_buffer_has_its_palette(call: Call, tmp_path: Path) -> None:
    cube(tmp_path / "s", 1)
    file = tmp_path / "s" / "Cube1_object_1_0001.png"
    grey, half = np.array(PIL.Image.open(file)), np.arange(256) < 128
    PIL.Image.fromarray(grey * half[None, :].astype(grey.dtype)).save(file)
    PIL.Image.fromarray(grey * ~half[None, :]).save(tmp_path / "s" / "Cube1_object_2_0001.png")
    nodes = graph_of(call, "s", "--palette", "object_2=sunset")
    assert next(iter(nodes["paint"]["objects"])) == "object_2" and len(nodes["paint"]["objects"]) == 2
    assert nodes["ink"]["material"] is False and nodes["passes"]["mattes"] == {"shape": "object*"}


def test_too_few_passes_leave_the_picture_or_one_line(call: Call, tmp_path: Path) -> None:
    cube(tmp_path / "s", 1, without=("object_1_", "illum"))
    nodes = graph_of(call, "s")
    assert nodes["tones"]["type"] == "UNetSegment" and nodes["tones"]["in"] == {"image": "render"}
    cube(tmp_path / "t", 1, without=("", "illum"))
    told = call("flatten", "t")
    assert told.code == 2 and "no picture (rgba), and no Illum for Cinema 4D's passes: render one or the other" in told.err
    told = call("flatten", "s", "--shape", "mug")
    assert told.code == 2 and "--shape mug: s/Cube1_0001.png has no object cryptomatte with names, and no object buffers" in told.err
    told = call("flatten", "s", "--tones", "key")
    assert told.code == 2 and "--tones key: s/Cube1_0001.png has no passes in EXR; it has Combined" in told.err


def test_frames_without_all_passes_are_left_out_and_said(call: Call, tmp_path: Path) -> None:
    cube(tmp_path / "s", 1, 2, 3)
    (tmp_path / "s" / "Cube1_shadow0002.png").unlink()
    told = call("flatten", "s", "--print-graph")
    assert "left out: frame 2, of which not every pass is there" in told.err and 'frames: "1,3"' in told.out
    for frame in (1, 3):
        (tmp_path / "s" / f"Cube1_shadow{frame:04d}.png").rename(tmp_path / "s" / f"Cube1_shadow{frame + 10:04d}.png")
    told = call("flatten", "s")
    assert told.code == 2 and "no frame has all of the passes rgba, illum" in told.err and len(told.err.splitlines()) == 1


def test_one_exr_a_pass_is_a_set_too(call: Call, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for word in WORDS:
        read = read_image(str(CUBE / f"Cube1_{word}0001.png"), "raw" if word.startswith("object") else "srgb")
        write_exr(tmp_path / "s" / f"Cube1_{word}0001.exr", read)
    nodes = graph_of(call, "s")
    assert nodes["tones"]["recipe"] == "cinema4d" and nodes["passes"]["mattes"] == {"shape": "object_1"}


def test_what_is_in_a_set_is_shown(call: Call, tmp_path: Path) -> None:
    cube(tmp_path / "s", 1, 2)
    shown = call("passes", "s")
    assert shown.code == 0 and "s/Cube1$pass####.png: 2 frames on disk, 1-2" in shown.out
    assert "illum     = Illum" in shown.out and "cryptomatte object buffers: 1 name, 1 in this frame" in shown.out


def test_a_graph_for_sets_says_what_to_do_with_another_file(call: Call) -> None:
    told = call("run", "labels_from_passes", "--input", str(SHOTS / "torus" / "render.####.exr"))
    assert told.code == 2 and len(told.err.splitlines()) == 1
    assert "has no $pass: write it where the files of rgba, matcolor, illum, shadow, specular differ" in told.err
    told = call("run", "passes_tones", "--input", str(CUBE / "Cube1$pass####.png"))
    assert told.code == 2 and "has $pass, and `passes` names none" in told.err


def test_colours_are_looked_at_in_linear_light() -> None:
    looked = one_frame(find_shot(str(CUBE)), [1])
    linear = LoadFrames(path=str(CUBE / "Cube1_####.png"))(frame=1).image.data
    assert torch.allclose(torch.from_numpy(looked.planes["rgba.R"]), linear[0], atol=1e-6)
    raw = read_image(str(CUBE / "Cube1_object_1_0001.png"), "raw").data
    assert torch.equal(torch.from_numpy(looked.planes["object_1.Y"]), raw[0])
