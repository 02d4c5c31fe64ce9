"""Palettes: files of other programs, palettes that ship, colours out of a painting, and how classes and objects get their colours."""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import Call
from rotonodes import Graph, run
from rotonodes.errors import UsageError
from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
from rotonodes.imaging.picture import palette_colors
from rotonodes.imaging.picture.palette_colors import from_oklab, to_oklab
from rotonodes.io.palettes import find_palette, palette_names, read_palette
from rotonodes.nodes import LoadLabels, PaintObjects, PaintTones, PaletteFromPicture, WriteFrames, WriteGIF
from rotonodes.values.color import hex_to_linear
from rotonodes.values.palette import Palette, lightness
from rotonodes.values.pixels import Image, Labels
from rotonodes.values.tones import CLASSES, COLORS, SIX_CLASSES
from traced_desk import desk

COLORS_IN = ("#102030", "#8040c0", "#ffeedd")


def gpl() -> bytes:
    return (
        b"GIMP Palette\r\nName: Three\r\nColumns: 3\r\n# a remark\r\n 16  32  48\tcast shadow\r\n\r\n"
        b"128\t64\t192\tUntitled\r\n255 238 221\r\n"
    )


def aco(version: int) -> bytes:
    codes = [tuple(int(color[i : i + 2], 16) * 257 for i in (1, 3, 5)) for color in COLORS_IN]
    first = struct.pack(">HH", 1, 3) + b"".join(struct.pack(">5H", 0, *code, 0) for code in codes)
    if version == 1:
        return first
    names = [f"tone {i}\0" for i in range(3)]
    named = b"".join(struct.pack(">5HI", 0, *code, 0, len(n)) + n.encode("utf-16-be") for code, n in zip(codes, names, strict=True))
    return first + struct.pack(">HH", 2, 3) + named


def ase() -> bytes:
    def block(kind: int, name: str, body: bytes) -> bytes:
        text = f"{name}\0".encode("utf-16-be")
        inner = struct.pack(">H", len(text) // 2) + text + body
        return struct.pack(">HI", kind, len(inner)) + inner

    shares = [[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in COLORS_IN]
    colors = [block(1, f"tone {i}", b"RGB " + struct.pack(">3fH", *one, 0)) for i, one in enumerate(shares)]
    end = struct.pack(">HI", 0xC002, 0)
    blocks = [block(0xC001, "Group", b""), *colors[:2], end, block(0xC001, "Other", b""), colors[2], end]
    return b"ASEF" + struct.pack(">HHI", 1, 0, len(blocks)) + b"".join(blocks)


def kpl() -> bytes:
    entries = [
        f'<ColorSetEntry name="tone {i}" id="{i}" bitdepth="U8" spot="false"><RGB space="sRGB-elle-V2-srgbtrc.icc" '
        + " ".join(f'{axis}="{int(color[1 + 2 * k : 3 + 2 * k], 16) / 255}"' for k, axis in enumerate("rgb"))
        + '/><Position row="0" column="0"/></ColorSetEntry>'
        for i, color in enumerate(COLORS_IN)
    ]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/x-krita-palette")
        archive.writestr("colorset.xml", f'<ColorSet name="Three" version="1.0" columns="3">{"".join(entries)}</ColorSet>')
    return stream.getvalue()


FILES = {
    "three.gpl": gpl(),
    "one.aco": aco(1),
    "two.aco": aco(2),
    "three.ase": ase(),
    "three.kpl": kpl(),
    "list.json": json.dumps(COLORS_IN).encode(),
    "mapping.json": json.dumps({"name": "Three", "colors": dict(zip("abc", COLORS_IN, strict=True))}).encode(),
    "objects.json": json.dumps([{"name": "x", "hex": COLORS_IN[0]}, {"rgb": [128, 64, 192]}, {"color": COLORS_IN[2]}]).encode(),
    "three.hex": b"102030\n8040c0\nffeedd\n",
    "three.txt": b"; remark\n#102030 #8040C0,\n\n// remark\n# remark\n#ffeedd\n",
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_programs(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    assert read_palette(str(tmp_path / name)).colors == COLORS_IN


def test_names_of_colours_are_read(tmp_path: Path) -> None:
    for name in ("three.gpl", "two.aco", "three.ase", "three.kpl", "mapping.json"):
        (tmp_path / name).write_bytes(FILES[name])
    read = {name: read_palette(str(tmp_path / name)) for name in ("three.gpl", "two.aco", "three.ase", "three.kpl", "mapping.json")}
    assert read["three.gpl"].names == ("cast shadow", "", "") and read["three.gpl"].name == "Three"
    assert read["two.aco"].names == read["three.ase"].names == read["three.kpl"].names == ("tone 0", "tone 1", "tone 2")
    assert read["three.ase"].name == "Group" and read["mapping.json"].names == ("a", "b", "c")


def test_other_colour_models(tmp_path: Path) -> None:
    """Lab, CMYK, HSB and grey swatches; Lab of known sRGB colours (D50): white, mid grey, red 54.29 80.81 69.89."""
    lab = [(10000, 0, 0), (5359, 0, 0), (5429, 8081, 6989)]
    swatches = [struct.pack(">HHhhH", 7, *one, 0) for one in lab]
    swatches += [
        struct.pack(">5H", 2, 65535, 0, 65535, 65535),
        struct.pack(">5H", 1, 0, 65535, 65535, 0),
        struct.pack(">5H", 8, 5000, 0, 0, 0),
    ]
    (tmp_path / "models.aco").write_bytes(struct.pack(">HH", 1, len(swatches)) + b"".join(swatches))
    white, grey, red, magenta, pure, half = read_palette(str(tmp_path / "models.aco")).colors
    assert (white, grey, magenta, pure, half) == ("#ffffff", "#808080", "#ff00ff", "#ff0000", "#808080")
    assert all(abs(int(red[i : i + 2], 16) - want) <= 2 for i, want in ((1, 255), (3, 0), (5, 0)))


@pytest.mark.parametrize(
    "name, data, text",
    [
        ("a.gpl", b"no palette", "a broken palette file: its first line is not 'GIMP Palette'"),
        ("a.gpl", b"GIMP Palette\n300 0 0 x\n", "a broken palette file: line 2 is not three numbers of 0 to 255"),
        ("a.gpl", b"GIMP Palette\n#\n", "there are no colours in this palette"),
        ("a.ase", ase()[:40], "a broken palette file: it ends too early"),
        ("a.ase", b"PNG", "a broken palette file: it "),
        ("a.aco", aco(2)[:20], "a broken palette file: it ends too early"),
        ("a.aco", b"", "a broken palette file: "),
        ("a.kpl", b"PK no", "a broken palette file: "),
        ("a.json", b'{"colors": ["#12"]}', "a broken palette file: '#12' is not a colour"),
        ("a.json", b"[1", "a broken palette file: "),
        ("a.json", b"3", "a broken palette file: it has no list of colours"),
        ("a.hex", b"102030\nzz\n", "a broken palette file: line 2 is not a hex colour: 'zz'"),
        ("a.png", b"", "a palette is a file .gpl, "),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, name: str, data: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError) as error:
        read_palette(str(tmp_path / name))
    assert text in str(error.value) and "\n" not in str(error.value) and name in str(error.value)


def test_a_kpl_with_entities_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("colorset.xml", '<!DOCTYPE x [<!ENTITY a "b">]><ColorSet name="&a;"/>')
    (tmp_path / "a.kpl").write_bytes(stream.getvalue())
    with pytest.raises(UsageError, match="declares entities"):
        read_palette(str(tmp_path / "a.kpl"))


def test_twelve_palettes_ship_and_suit_all_six_classes() -> None:
    assert len(palette_names()) >= 12
    for name in palette_names():
        palette = find_palette(name)
        found = palette.for_classes(SIX_CLASSES)
        assert set(found) == set(SIX_CLASSES) - {"background"} and palette.name == name
        tones = [lightness(found[tone]) for tone in CLASSES[1:]]
        assert tones == sorted(tones) and min(np.diff(tones)) > 0.08, f"{name}: its tones are too close: {tones}"
        assert palette.color("line") and palette.color("background")


def test_colours_go_to_classes_by_name_else_by_lightness() -> None:
    five = Palette(("#ffffff", "#000000", "#888888", "#cccccc", "#444444"))
    assert five.for_classes(CLASSES) == {
        "cast_shadow": "#000000", "form_shadow": "#444444", "midtone": "#cccccc", "highlight": "#ffffff"
    }  # fmt: skip
    named = Palette(("#111111", "#ff0000", "#eeeeee", "#777777"), ("Midtone", "", "", "HIGHLIGHT"))
    assert named.for_classes(CLASSES) == {"cast_shadow": "#ff0000", "form_shadow": "#eeeeee", "midtone": "#111111", "highlight": "#777777"}
    assert five.for_classes(SIX_CLASSES)["ground_shadow"] == "#000000"
    assert list(find_palette("clay").for_classes(["background", "skin", "cloth"])) == ["skin", "cloth"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((3,), "not int"),
        (("#123456",), "not '#123456'"),
        ((("#123456", "red"),), "red"),
        (((1, 2),), "1"),
        ((("#123456",), ("a", "b")), "1 colours cannot have 2 names"),
    ],
)
def test_what_is_no_palette_is_one_line(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Palette(*given)


def test_too_few_colours_are_one_line() -> None:
    with pytest.raises(UsageError) as error:
        Palette(("#000000", "#ffffff"), name="two").for_classes(CLASSES)
    assert str(error.value) == (
        "palette two: 2 colours for 4 classes (cast_shadow, form_shadow, midtone, highlight): take one with 4 or more"
    )


def clip_of(picture: Image) -> list[Image]:
    return [picture]


def swatch_picture(colors: dict[str, int], seed: int = 0) -> Image:
    """Pixels of these colours, each that often, in random order."""
    pixels = [hex_to_linear(color)[:3] for color, count in colors.items() for _ in range(count)]
    order = np.random.default_rng(seed).permutation(len(pixels))
    return Image(torch.tensor(pixels)[torch.from_numpy(order)].T.reshape(3, -1, 100).clone())


def test_the_colours_of_a_painting_are_found_dark_to_light() -> None:
    colors = {"#f4e3c1": 5000, "#20304a": 2400, "#b5562f": 2500, "#e9b44c": 100}
    found = PaletteFromPicture(colors=4)(clip_of(swatch_picture(colors)))
    assert found.colors == ("#20304a", "#b5562f", "#e9b44c", "#f4e3c1")
    again = PaletteFromPicture(colors=4)(clip_of(swatch_picture(colors, seed=7)))
    assert again.colors == found.colors  # the order of pixels says nothing
    assert len(PaletteFromPicture(colors=9)(clip_of(swatch_picture({"#ff0000": 100, "#0000ff": 100}))).colors) == 2


def test_centres_that_are_left_without_a_colour_find_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """However bad the start: five colours for five centres, which all begin at one place."""
    monkeypatch.setattr(palette_colors, "_start", lambda places, weight, number: np.repeat(places[:1], number, axis=0))
    colors = {"#f4e3c1": 3, "#20304a": 5000, "#b5562f": 40, "#e9b44c": 1, "#004000": 56}
    count = palette_colors.ColorCount()
    count.add(swatch_picture(colors))
    found = palette_colors.palette_colors(count, 5, 0.0)
    assert sorted(found) == sorted(colors)


def test_a_pixel_counts_from_half_opaque_and_when_it_is_finite() -> None:
    light = torch.tensor([[0.5, 0.25, 0.125], [0.5, 0.25, 0.125], [0.49, 0.2, 0.1], [float("nan"), 0, 0], [float("inf"), 1, 1]]).T
    alpha = torch.tensor([[1.0, 0.5, 0.49, 1, 1]])
    count = palette_colors.ColorCount()
    count.add(Image(torch.cat([light * alpha, alpha]).reshape(4, 1, 5)))
    assert count.total == 2
    assert palette_colors.palette_colors(count, 3, 0.0) == ("#bc8963",)


def test_few_colours_that_cover_little_are_found_with_accents() -> None:
    """A colour's weight is its count to the power 1 - accents: with 1 each colour counts the same."""
    colors = {"#404040": 9000, "#484848": 990, "#ff2020": 10}
    count = palette_colors.ColorCount()
    count.add(swatch_picture(colors))
    flat = palette_colors.palette_colors(count, 2, 1.0)
    assert "#ff2020" in flat and len(flat) == 2
    assert palette_colors.palette_colors(count, 1, 1.0) != palette_colors.palette_colors(count, 1, 0.0) == ("#414141",)


def test_oklab_is_that_of_its_paper() -> None:
    """Ottosson's table: XYZ white is L = 1, and pure sRGB red is (0.628, 0.225, 0.126)."""
    assert np.allclose(to_oklab(np.array([[1.0, 1, 1]])), [[1, 0, 0]], atol=1e-3)
    assert np.allclose(to_oklab(np.array([[1.0, 0, 0]])), [[0.628, 0.225, 0.126]], atol=1e-3)
    colors = np.random.default_rng(0).uniform(size=(50, 3))
    assert np.allclose(from_oklab(to_oklab(colors)), colors, atol=1e-6)
    assert lightness("#ff0000") == pytest.approx(0.628, abs=1e-3)


def labels_of(*columns: int) -> Labels:
    return Labels(torch.tensor([columns], dtype=torch.uint8).repeat(4, 1), CLASSES, COLORS)


def rgb(image: Image, x: int, y: int = 0) -> list[float]:
    return image.data[:, y, x].tolist()


def premultiplied(color: str) -> list[float]:
    return pytest.approx([*hex_to_linear(color)[:3], 1.0])


def test_a_palette_by_name_by_file_and_linked_are_one(tmp_path: Path) -> None:
    labels = labels_of(0, 1, 2, 3, 4)
    sunset = find_palette("sunset")
    (tmp_path / "own.hex").write_text("\n".join(sunset.for_classes(CLASSES).values()))
    pictures = [
        PaintTones(palette="sunset")(labels),
        PaintTones(palette=str(tmp_path / "own.hex"))(labels),
        PaintTones()(labels, colors=sunset),
    ]
    pictures.append(PaintTones(palette=sunset.for_classes(CLASSES))(labels))
    assert all(torch.equal(one.data, pictures[0].data) for one in pictures)
    assert rgb(pictures[0], 0) == [0, 0, 0, 0] and rgb(pictures[0], 4) == premultiplied(sunset.color("highlight") or "")


def test_each_object_has_its_palette_and_the_first_that_fits_counts() -> None:
    layers = desk(size=(48, 36)).layers
    crypto = find_cryptomatte(layers)
    box, pair = (decode_matte(layers, crypto, name).data for name in ("box", "pair"))
    width, height = layers.size
    soft = Image(torch.ones(1, height, width), ("only",))
    palettes = {"box": {"only": "#ff0000"}, "[bp]*, !ball": {"only": "#00ff00"}, "nobody": {"only": "#ffffff"}}
    made = PaintObjects(palette={"only": "#0000ff"}, objects=palettes)(layers, probabilities=soft).data
    wanted = torch.cat([box, pair, 1 - box - pair, torch.ones(1, height, width)])
    assert torch.allclose(made, wanted, atol=1e-6)
    labels = Labels(torch.zeros(height, width, dtype=torch.uint8), ("only",), ("#000000",))
    hard = PaintObjects(palette={"only": "#0000ff"}, objects=palettes, smooth=0)(layers, labels=labels)
    assert {tuple(color) for color in hard.data.flatten(1).T.tolist()} == {(1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1)}
    others = torch.maximum(pair, 1 - box - pair)
    clear = (box - others).abs() > 0.01
    assert torch.equal((hard.data[:1] > 0)[clear], (box > others)[clear])


def test_gradients_run_along_the_height_of_each_object() -> None:
    layers = desk(size=(48, 36)).layers
    width, height = layers.size
    labels = Labels(torch.full((height, width), 3, dtype=torch.uint8), CLASSES, COLORS)
    palettes = {"box": {"midtone": "#000000 #ffffff"}, "pair": {"midtone": "#000000 #ff0000"}}
    made = PaintObjects(palette={"midtone": "#0000ff"}, objects=palettes, smooth=0)(layers, labels=labels).data
    for name, channel in (("box", 1), ("pair", 0)):
        inside = decode_matte(layers, find_cryptomatte(layers), name).data[0] > 0.6
        rows = inside.any(1).nonzero().flatten()
        means = torch.stack([made[channel, row][inside[row]].mean() for row in rows])
        assert (means.diff() <= 1e-6).all() and means[0] > 0.9 and means[-1] < 0.1, "light above, dark below"
    light = Image(torch.linspace(0, 1, width).view(1, 1, -1).expand(3, height, width) ** 2.4)
    bright = PaintObjects(palette={"midtone": "#000000 #ffffff"}, along="luminance")(layers, labels=labels, image=light).data
    assert (bright[0, 5].diff() > 0).all()


def test_objects_of_paint_tones_are_those_of_paint_objects(tmp_path: Path, call: Call) -> None:
    """A graph from before: one line, which says what to write."""
    body = "type: PaintTones, in: {labels: tones, layers: render.layers}, objects: {shape*: clay}, cryptomatte: material"
    render = "render: {type: LoadFrames, path: 'r.####.exr'}"
    tones = "tones: {type: TonesFromPasses, in: render.layers}"
    (tmp_path / "old.yaml").write_text(f"rotonodes: 1\nframes: 1\nnodes:\n  {render}\n  {tones}\n  paint: {{{body}}}\n")
    told = call("check", "old.yaml")
    said = "PaintTones has no parameter 'objects': PaintObjects paints each object in a palette of its own"
    assert told.code == 2 and said in told.out + told.err
    with pytest.raises(UsageError, match="PaintTones has no parameter 'layer': PaintObjects paints"):
        PaintTones(layer="x")


def test_gradients_by_height_and_by_light() -> None:
    labels = Labels(torch.zeros(6, 3, dtype=torch.uint8), CLASSES, COLORS)
    labels.data[1:5] = 3
    made = PaintTones(palette={"midtone": "#000000 #ffffff"})(labels).data
    assert made[0, :, 1].tolist() == pytest.approx([0, 1, 2 / 3, 1 / 3, 0, 0], abs=1e-6)  # from the shape's lowest row to its highest
    light = Image(torch.linspace(0, 1, 3).view(1, 1, 3).expand(3, 6, 3) ** 2.4)
    bright = PaintTones(palette={"midtone": "#000000 #ffffff"}, along="luminance")(labels, image=light).data
    assert (bright[0, 2].diff() > 0.1).all() and bright[0, 2, 2] == pytest.approx(1)


@pytest.mark.parametrize(
    "parameters, text",
    [
        ({"palette": {"midtone": "#12"}}, "midtone: '#12' is not a colour"),
        ({"palette": {"midtone": "#000000 #ffffff #888888"}}, "midtone: "),
        ({"objects": {"a": {"midtone": "red"}}}, "midtone: 'red' is not a colour"),
    ],
)
def test_wrong_colours_are_refused(parameters: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as error:
        PaintObjects(**parameters)
    assert text in str(error.value)


def test_a_graph_with_a_wrong_name_or_a_missing_file_is_refused(tmp_path: Path, call: Call) -> None:
    for palette, text in (("sunst", "there is no palette 'sunst' (did you mean 'sunset'?)"), ("none.gpl", "none.gpl")):
        graph = tmp_path / "graph.yaml"
        graph.write_text(
            "rotonodes: 1\nframes: 1\nnodes:\n  labels: {type: LoadLabels, path: labels.png}\n"
            f"  paint: {{type: PaintTones, in: labels, palette: {palette}}}\n  png: {{type: WriteFrames, in: paint, path: out.####.png}}\n"
        )
        PIL.Image.new("L", (4, 4)).save(tmp_path / "labels.png")
        ended = call("run", str(graph), "--root", str(tmp_path))
        assert ended.code in (1, 2) and text in ended.err and "Traceback" not in ended.err


def test_an_edited_palette_file_makes_the_frames_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plane = np.arange(20, dtype=np.uint8).reshape(4, 5) % 5
    PIL.Image.fromarray(plane).save("labels.png")
    Path("own.hex").write_text("102030\n405060\n8090a0\nf0f0f0\n")

    def first_tone() -> object:
        with PIL.Image.open("out.0001.png") as picture:
            return picture.convert("RGB").getpixel((1, 0))

    graph = Graph(frames="1")
    labels = graph.add(LoadLabels(path="labels.png", classes=list(CLASSES)))
    paint = graph.add(PaintTones(palette="own.hex"), labels=labels.labels)
    graph.add(WriteFrames(path="out.####.png"), image=paint)
    assert run(graph).exit_code == 0
    assert first_tone() == (0x10, 0x20, 0x30)
    Path("own.hex").write_text("ff2030\n405060\n8090a0\nf0f0f0\n")
    assert run(graph).exit_code == 0
    assert first_tone() == (0x40, 0x50, 0x60)  # the darkest of them now


def test_the_exact_colours_are_in_the_gif(tmp_path: Path) -> None:
    labels = Labels(torch.arange(40, dtype=torch.uint8).view(4, 10) % 5, CLASSES, COLORS)
    painted = PaintTones(palette="riso")(labels)
    WriteGIF(path=str(tmp_path / "a.gif"))([painted])
    with PIL.Image.open(tmp_path / "a.gif") as opened:
        picture = opened.convert("RGBA")
    seen = {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b, a) in picture.getcolors() or [] if a}
    assert seen == set(find_palette("riso").for_classes(CLASSES).values())


def test_the_command_shows_swatches(tmp_path: Path, call: Call) -> None:
    shown = call("palettes")
    assert shown.code == 0 and all(name in shown.out for name in palette_names()) and "#e0814f" in shown.out
    assert call("palettes", "clay", "-o", str(tmp_path / "clay.png")).code == 0
    assert "did you mean 'clay'" in call("palettes", "clays").err
    with PIL.Image.open(tmp_path / "clay.png") as picture:
        colors = {color for _, color in picture.convert("RGB").getcolors(10_000) or []}
    assert {tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in find_palette("clay").colors} <= colors
