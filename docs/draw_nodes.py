"""Draws the pictures of docs/nodes: the example graph of each node is run; what goes into the node stands left of what comes out.

    python docs/draw_nodes.py [TYPE ...]      # from the repository's folder; all types unless some are named

An example is a graph file, docs/nodes/examples/TYPE.yaml, and its node of that type is the one that is shown. Inputs and outputs that
are no pictures (a network, thresholds) are shown by what AFTER names instead; files that a node wrote are read back.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import PIL.Image
from PIL import ImageChops, ImageDraw, ImageFont, ImageSequence, ImageStat

sys.path.insert(0, str(Path(__file__).parent.parent))  # the nodes of this clone, whichever one is installed

from rotonodes import Frame, Graph, Image, Node, param
from rotonodes.cli.view import view_node
from rotonodes.describe.reference import type_word
from rotonodes.errors import UsageError
from rotonodes.graph.graph import Handle, Vertex
from rotonodes.io.movies import VIDEOS, frame_count, read_frame
from rotonodes.io.psd_decode import read_psd
from rotonodes.node.signature import FRAME_TYPES

FOLDER = Path("docs/nodes")
SCRATCH = Path("out/nodes/look")  # one picture for each value that is shown
CACHE = str(SCRATCH / "cache")
HEIGHT, WIDEST, GAP, MARGIN, ARROW = 200, 1040, 10, 14, 56  # px
MOST = 4  # outputs on one picture
MOST_LOST = 1.5  # of 255, mean over a channel: what a WebP may lose
SVG = "{http://www.w3.org/2000/svg}"
PAPER, INK, PALE, CARD = "#fbfbfa", "#1f2328", "#6b7280", "#eceae4"

# What shows a node whose outputs are no pictures, or too many of them: outputs of its graph.
AFTER = {
    "ShadowOnPlate": ["ground", "comp"],
    "AntialiasTones": ["clean"],
    "PaletteFromPicture": ["paint"],
    "InkLines": ["ink.image", "comp"],
    "Ensemble": ["roto.labels"],
    "LoadModel": ["roto.labels"],
    "LoadParts": ["parts.labels"],
    "MeasureKeyLight": ["key"],
    "MeasureTones": ["tones.labels"],
    "SplitParts": ["split.clothes", "split.head", "split.hair"],
    "StabilizeTones": ["steady.labels"],
    "TrainUNet": ["roto.labels"],
}
BEFORE = {
    "GroundShadow": ["render.image"],
    "AntialiasTones": ["crop"],
    "PaintTones": ["truth"],
    "InkLines": ["render.image"],
    "FindKeyLight": ["render.image"],
    "MultipassDecode": ["render.image"],
    "StabilizeTones": ["roto.labels"],
    "TonesFromPasses": ["render.image"],
}
FRAMES = {
    "AppendClips": [5, 6, 7],
    "HoldFrames": [10, 11, 12, 13],
    "LoadMovie": [1, 9, 17],
    "LoadPictures": [1, 2, 3],
    "Retime": [2, 3, 4],
    "StabilizeTones": [4],
    "TimeOffset": [8],
    "TrainUNet": [11],  # one that it does not learn from
}
TIMED = ("AppendClips", "HoldFrames", "Retime", "TimeOffset")  # shown with their frame numbers, the first input at every frame


class Planes(Node):
    """Write each channel of a picture as a grey picture, 0 to 1, and the list of their names."""

    in_catalogue: ClassVar[bool] = False
    folder: str = param(help="where the PNGs are written", pixels=False)

    def process(self, value: Image, frame: Frame) -> Path:
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "channels.txt").write_text("\n".join(value.channels))
        for name, plane in zip(value.channels, value.on_frame().data, strict=True):
            codes = (plane.nan_to_num().clamp(0, 1) ** (1 / 2.2) * 255).byte().numpy()
            PIL.Image.fromarray(codes).save(folder / f"{name}.png")
        return folder


@dataclass
class Panel:
    """A picture with a caption below it."""

    picture: PIL.Image.Image
    caption: str


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def draw_node(word: str) -> PIL.Image.Image:
    """The picture of one type. What is looked at on the way is written to SCRATCH, and nothing of an earlier run is used."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    graph = Graph.load(FOLDER / "examples" / f"{word}.yaml")
    vertex = [v for v in graph.vertices.values() if type_word(type(v.node)) == word][-1]
    frames = graph.frames or (1,)
    shown = FRAMES.get(word, [frames[len(frames) // 2]])
    inputs = BEFORE.get(word, inputs_of(graph, vertex))
    left = [look(graph, target, shown[-1]) for target in inputs]
    if word in TIMED:
        left = [numbered(look(graph, inputs[0], frame), frame) for frame in shown]
    if not left:
        sources = [graph.vertices[name] for name in graph.upstream([vertex.name]) if not graph.vertices[name].links]
        files = [Path(path).name for source in sources for _, path in source.node.paths("input")]
        left = [card(files, "files") if files else card(settings_of(vertex.node), "parameters")]
    if word in AFTER:
        right = [look(graph, target, frame) for target in AFTER[word] for frame in shown]
    elif type(vertex.node).is_writer():
        graph.run(nodes=[vertex.name], frames=None if type(vertex.node).takes_whole_clip() else shown, force=True, cache=CACHE)
        right = list(written(vertex, shown[-1]))
    elif word in ("FindKeyLight", "StackPasses"):
        right = planes(graph, vertex, shown[0], as_list=word == "StackPasses")
    else:
        outputs = [name for name in vertex.node.outputs() if is_picture(graph, f"{vertex.name}.{name}")]
        right = [look(graph, f"{vertex.name}.{name}", frame) for name in outputs[:MOST] for frame in shown]
        right = [numbered(panel, frame) for panel, frame in zip(right, shown, strict=True)] if word in TIMED else right
    return laid_out(left, right)


def settings_of(node: Node) -> list[str]:
    """The parameters that a node was given, as text."""
    given = [name for name in type(node).model_fields if name in node.model_fields_set]
    return [f"{name}: {json.dumps(getattr(node, name))}".replace('"', "") for name in given]


def numbered(panel: Panel, frame: int) -> Panel:
    """A panel with the frame number in its caption."""
    return Panel(panel.picture, f"{panel.caption} {frame}")


def is_picture(graph: Graph, target: str) -> bool:
    """Whether an output, `node.output`, can be looked at."""
    kinds = graph.output_types(graph.links_of(target)[0]) or ()
    return any(issubclass(one, FRAME_TYPES) for one in kinds)


def inputs_of(graph: Graph, vertex: Vertex) -> list[str]:
    """The links of a node that can be looked at, as `node.output`."""
    links = [link for _, link in vertex.all_links()]
    return [f"{link.node}.{link.output}" for link in links if is_picture(graph, f"{link.node}.{link.output}")]


def look(graph: Graph, target: str, frame: int) -> Panel:
    """One output of a graph as `rotonodes view` shows it."""
    path = SCRATCH / f"{target}.png"
    view_node(graph, target, str(frame), str(path), device="cpu", cache=CACHE)
    name, _, output = target.partition(".")
    return Panel(PIL.Image.open(path).convert("RGB"), name if output == next(iter(graph.outputs_of(name))) else target)


def planes(graph: Graph, vertex: Vertex, frame: int, as_list: bool) -> list[Panel]:
    """The channels of a picture that is none to look at: one panel each, or the picture and the list of their names."""
    folder = SCRATCH / vertex.name
    graph.add(Planes(folder=str(folder)), "planes", value=Handle(graph, vertex.name, "image"))
    graph.run(nodes=["planes"], frames=[frame], cache=CACHE, device="cpu")
    names = (folder / "channels.txt").read_text().split()
    if as_list:
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(name.rpartition(".")[0], []).append(name)
        return [look(graph, f"{vertex.name}.image", frame), card([" ".join(group) for group in groups.values()], "channels")]
    return [Panel(PIL.Image.open(folder / f"{name}.png").convert("RGB"), name) for name in names]


def written(vertex: Vertex, frame: int) -> Iterator[Panel]:
    """The files that a writer wrote, read back; of animations and layers some of the pictures in them."""
    node: Node = vertex.node
    for name in (name for name in node.writes(None if type(node).takes_whole_clip() else frame) if not name.endswith(".md")):
        path = Path(name)
        if path.suffix == ".json" and type(node).type_name == "WriteLottie":
            animation = json.loads(path.read_text())
            yield from (Panel(over_grey(drawn_lottie(animation, number)), "" if number else path.name) for number in range(3))
        elif path.suffix == ".json" and not getattr(node, "picture", "") and not getattr(node, "worst", ""):
            yield card([f"{key}  {value:.3g}" for key, value in scores(json.loads(path.read_text())).items()], path.name)
        elif path.suffix in (".png", ".gif", ".psd", ".jpg"):
            with PIL.Image.open(path) as picture:
                names = [layer.name for layer in read_psd(path).layers] if path.suffix == ".psd" else []
                shown = [over_grey(picture)] if names else [over_grey(one) for one in ImageSequence.Iterator(picture)]
            if len(shown) > MOST:
                shown = [shown[0], shown[len(shown) // 3], shown[2 * len(shown) // 3]]
            for number, one in enumerate(shown):
                yield Panel(one, "" if number else path.name)
            if names:
                yield card(names[::-1], "layers")
        elif path.suffix == ".svg":
            yield Panel(over_grey(drawn_svg(path)), path.name)
        elif path.suffix in (*VIDEOS, ".webp"):
            count = frame_count(path)
            for number in (0, count // 3, 2 * count // 3):
                samples = read_frame(path, number + 1)
                yield Panel(over_grey(PIL.Image.fromarray(samples)), "" if number else path.name)
        elif path.suffix != ".json":
            cards = [one.name for one in (path.with_suffix(".md"), Path(f"{path}.md")) if one.exists()]
            yield card([path.name, f"{path.stat().st_size / 1e6:.1f} MB", *cards[-1:]], "files")


def drawn_svg(path: Path, scale: int = 6) -> PIL.Image.Image:
    """An SVG of WriteSVG as a picture three times as large: its paths (M l c z) as polygons, filled even-odd, its lines."""
    root = ElementTree.parse(path).getroot()
    size = tuple(int(root.attrib[side]) * scale for side in ("width", "height"))
    sheet = PIL.Image.new("RGBA", size)
    for group in (group for group in root.iter(f"{SVG}g") if "fill" in group.attrib):
        for shape in group:
            if shape.tag == f"{SVG}rect":
                sheet.paste(group.attrib["fill"], (0, 0, *size))
                continue
            mask = PIL.Image.new("1", size)
            for points in polygons(shape.attrib["d"], scale):
                one = PIL.Image.new("1", size)
                if "stroke" in shape.attrib:
                    ImageDraw.Draw(mask).line(points, 1, scale)
                else:
                    ImageDraw.Draw(one).polygon(points, 1)
                    mask = ImageChops.logical_xor(mask, one)
            sheet.paste(group.attrib["fill"], mask=mask)
    return sheet.resize((size[0] // 2, size[1] // 2), PIL.Image.Resampling.BOX)


def drawn_lottie(animation: dict[str, Any], number: int, scale: int = 6) -> PIL.Image.Image:
    """A layer of WriteLottie's animation as a picture three times as large, as `drawn_svg` draws."""
    size = (animation["w"] * scale, animation["h"] * scale)
    sheet = PIL.Image.new("RGBA", size)
    for group in shape_groups(animation["layers"][-1 - number]["shapes"]):
        style = group[-1]
        color = tuple(int(255 * value) for value in style["c"]["k"])
        mask = PIL.Image.new("1", size, group[0]["ty"] == "rc")
        for path in (one["ks"]["k"] for one in group[:-1] if one["ty"] == "sh"):
            one = PIL.Image.new("1", size)
            points = lottie_points(path, scale)
            if style["ty"] == "st":
                ImageDraw.Draw(mask).line(points, 1, scale)
            else:
                ImageDraw.Draw(one).polygon(points, 1)
                mask = ImageChops.logical_xor(mask, one)
        sheet.paste(color, mask=mask)
    return sheet.resize((size[0] // 2, size[1] // 2), PIL.Image.Resampling.BOX)


def shape_groups(shapes: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The innermost groups without their transforms, what is painted first first."""
    for one in reversed(shapes):
        if one["ty"] == "gr" and one["it"][0]["ty"] == "gr":
            yield from shape_groups(one["it"][:-1])
        elif one["ty"] == "gr":
            yield one["it"][:-1]


def lottie_points(path: dict[str, Any], scale: int) -> list[tuple[float, float]]:
    """A path of Lottie as points, curves in eight steps."""
    places, coming, leaving = path["v"], path["i"], path["o"]
    points = [(places[0][0] * scale, places[0][1] * scale)]
    for at in range(len(places) - (not path["c"])):
        then = (at + 1) % len(places)
        ends = [[p + t for p, t in zip(places[k], tangents[k], strict=True)] for k, tangents in ((at, leaving), (then, coming))]
        curve = [places[at], *ends, places[then]]
        for u in ((k + 1) / 8 for k in range(8)):
            weights = ((1 - u) ** 3, 3 * (1 - u) ** 2 * u, 3 * (1 - u) * u * u, u**3)
            points.append(
                (
                    scale * sum(w * p[0] for w, p in zip(weights, curve, strict=True)),
                    scale * sum(w * p[1] for w, p in zip(weights, curve, strict=True)),
                )
            )
    return points


def polygons(data: str, scale: int) -> Iterator[list[tuple[float, float]]]:
    """The loops of path data as points, curves in eight steps."""
    points: list[tuple[float, float]] = []
    for command, text in re.findall(r"([Mlcz])([^Mlcz]*)", data):
        numbers = [float(number) * scale for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)]
        if command == "M" and points:
            yield points
        if command == "M":
            points = [(numbers[0], numbers[1])]
        step = {"l": 2, "c": 6}.get(command, len(numbers) + 1)
        for at in range(0, len(numbers) - step + 1, step):
            x, y = points[-1]
            ends = [0.0, 0.0, *numbers[at : at + step]] if command == "c" else [0.0, 0.0] * 2 + numbers[at : at + 2] * 2
            for u in ((k + 1) / 8 for k in range(8)) if command == "c" else (1.0,):
                weights = ((1 - u) ** 3, 3 * (1 - u) ** 2 * u, 3 * (1 - u) * u * u, u**3)
                points.append(tuple(q + sum(w * p for w, p in zip(weights, ends[axis::2], strict=True)) for axis, q in ((0, x), (1, y))))  # type: ignore[arg-type]
    yield points


def scores(data: dict[str, object]) -> dict[str, float]:
    """The numbers of a report that stand at its top, or in its means."""
    inner = next((value for value in data.values() if isinstance(value, dict)), {})
    return {key: value for key, value in {**inner, **data}.items() if isinstance(value, int | float)}


def over_grey(picture: PIL.Image.Image) -> PIL.Image.Image:
    """An opaque copy: transparent pixels grey, as in `rotonodes view`."""
    both = picture.convert("RGBA")
    ground = PIL.Image.new("RGBA", both.size, "#8a8a8a")
    return PIL.Image.alpha_composite(ground, both).convert("RGB")


def card(lines: Sequence[str], caption: str) -> Panel:
    """Lines of text in place of a picture."""
    letters = font(15)
    width = max(round(letters.getlength(line)) for line in lines) + 36
    picture = PIL.Image.new("RGB", (max(width, 150), HEIGHT), CARD)
    draw = ImageDraw.Draw(picture)
    top = HEIGHT / 2 - 11 * len(lines)
    for number, line in enumerate(lines):
        draw.text((18, top + 22 * number), line, INK, letters)
    return Panel(picture, caption)


def laid_out(left: Sequence[Panel], right: Sequence[Panel]) -> PIL.Image.Image:
    """Panels of one height beside each other, an arrow between the two groups, a caption below each panel."""
    height = HEIGHT
    while True:
        sizes = [[fitted(panel.picture, height) for panel in group] for group in (left, right)]
        width = 2 * MARGIN + ARROW + sum(w for group in sizes for w, _ in group) + GAP * max(0, len(left) + len(right) - 2)
        if width <= WIDEST or height < 90:
            break
        height -= 10
    sheet = PIL.Image.new("RGB", (width, height + 2 * MARGIN + 24), PAPER)
    draw = ImageDraw.Draw(sheet)
    x = MARGIN
    for number, (group, fits) in enumerate(zip((left, right), sizes, strict=True)):
        for panel, (w, h) in zip(group, fits, strict=True):
            nearest = h >= 2 * panel.picture.height
            filter_ = PIL.Image.Resampling.NEAREST if nearest else PIL.Image.Resampling.LANCZOS
            y = MARGIN + (height - h) // 2
            sheet.paste(panel.picture.resize((w, h), filter_), (x, y))
            draw.rectangle((x - 1, y - 1, x + w, y + h), outline="#d8d5cc")
            draw.text((x + w / 2, MARGIN + height + 8), shortened(panel.caption, w), PALE, font(13), anchor="ma")
            x += w + GAP
        if number == 0:
            arrow(draw, x - GAP + 12, MARGIN + height / 2, ARROW - 24)
            x += ARROW - GAP
    return sheet


def fitted(picture: PIL.Image.Image, height: int) -> tuple[int, int]:
    """The size of a picture in the row: as high as the row, but at most twice as wide."""
    scale = min(height / picture.height, 2.2 * height / picture.width)
    return max(1, round(picture.width * scale)), max(1, round(picture.height * scale))


def shortened(text: str, width: int) -> str:
    letters = font(13)
    while text and letters.getlength(text) > width + GAP:
        text = text[:-2].rstrip("…") + "…"
    return text


def arrow(draw: ImageDraw.ImageDraw, x: float, y: float, length: float) -> None:
    draw.line((x, y, x + length - 6, y), PALE, 3)
    draw.polygon([(x + length, y), (x + length - 10, y - 6), (x + length - 10, y + 6)], PALE)


def save(picture: PIL.Image.Image, path: Path) -> None:
    """As WebP: without loss where that is small, else at the least quality that loses little."""
    for options in ({"lossless": True}, {"quality": 88}, {"quality": 95}, {"quality": 98}):
        stream = io.BytesIO()
        picture.save(stream, "WEBP", method=6, **options)
        with PIL.Image.open(stream) as kept:
            lost = max(ImageStat.Stat(ImageChops.difference(picture, kept.convert("RGB"))).mean)
        if lost < MOST_LOST and (lost or stream.tell() < 40_000):
            break
    path.write_bytes(stream.getvalue())


def main(words: Sequence[str]) -> None:
    examples = {path.stem for path in (FOLDER / "examples").glob("*.yaml")}
    unknown = set(words) - examples
    if unknown:
        raise UsageError(f"there is no example {FOLDER}/examples/{min(unknown)}.yaml")
    (FOLDER / "pictures").mkdir(exist_ok=True)
    for word in sorted(words or examples):
        save(draw_node(word), FOLDER / "pictures" / f"{word}.webp")
        print(word, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
