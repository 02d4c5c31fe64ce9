"""The graph of `rotonodes flatten`: a render as flat art."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rotonodes.cli.jobs.cutting import color_code
from rotonodes.cli.jobs.named_pictures import NodeFields
from rotonodes.cli.jobs.own_colors import border_palette, material_color, own_palettes
from rotonodes.cli.jobs.palette_wishes import TONES, WishedPalettes, check_patterns
from rotonodes.cli.jobs.pass_sets import PASS_BESIDE
from rotonodes.cli.jobs.render_files import RenderFiles, find_shot, one_frame
from rotonodes.cli.jobs.shape_choice import Shapes, choose_shapes
from rotonodes.cli.jobs.tone_source import ToneSource, Way, choose_source
from rotonodes.errors import UsageError, listed
from rotonodes.graph.writing import graph_text
from rotonodes.imaging.passes.contents import Contents, CryptomatteContents, read_contents
from rotonodes.imaging.picture.own_tones import shade_of, tones_of
from rotonodes.values.frames import FilePattern, format_frames, frames_named, literal
from rotonodes.values.palette import LINE
from rotonodes.values.tones import GROUND_SHADOW

if TYPE_CHECKING:
    from rotonodes.engine.result import Result

DEFAULT_PALETTE = {"cast_shadow": "#3d2645", "form_shadow": "#7a3b4b", "midtone": "#e0a458", "highlight": "#fff4d6"}
LINES, LINE_COLOR = 0.4, "#2a1a1f"  # percent of the frame's height
SHORTEST = 0.025  # of the frame's height: inner lines below it are dashes
THIN = 0.2  # of a leaf's thickness, at most, is a line
SPECK, GROUND_SPECK = 2.5e-5, 3e-4  # shares of the frame below which a region of a tone, of the ground's shadow or light, is a speck
INKED = ("Depth", "Normal", "IndexOB", "CryptoObject")  # passes that lines are found in
MATERIALS = ("CryptoMaterial", "IndexMA")
LIKE_GROUND = 0.3  # of the frame, from which on a shape among others may be what they stand on
RENDER, NOTHING = "render", "none"  # backgrounds
SHADOW = "#1a1730" + "66"  # on what lies below
SHADE = "#b4b0cc"  # what is left of a picture's white in a shadow
STILLS = (".png", ".exr", ".tif", ".jpg", ".webp", ".svg", ".psd")
VIDEOS = (".mp4", ".mov", ".mkv", ".webm")
LOTTIE = "json"
LAYERED = {"svg": "WriteSVG", "psd": "WriteFlatPSD", LOTTIE: "WriteLottie"}
WRITERS = {".gif": "WriteGIF", f".{LOTTIE}": LAYERED[LOTTIE], **dict.fromkeys(VIDEOS, "WriteVideo"), **dict.fromkeys(STILLS, "WriteFrames")}


@dataclass(frozen=True)
class Wishes:
    """What the user asked for, as on the command line."""

    shape: Sequence[str] = ()
    leave_out: Sequence[str] = ()
    tones: Way | None = None
    weights: str = ""  # the user's own network instead
    palettes: WishedPalettes = field(default_factory=WishedPalettes)
    lines: float | None = None  # px; None: LINES, 0: none
    ground: bool = True
    background: str = ""  # empty: the render's own colours, flat; a colour, a picture, RENDER or NOTHING
    frames: str | None = None
    fps: float = 24.0
    on_twos: bool = False
    output: str = "out"
    kinds: Sequence[str] = ("gif", "png")


@dataclass
class Flattening:
    """The nodes of the graph as they come together, and the lines that tell what was chosen."""

    render: RenderFiles
    contents: Contents
    wishes: Wishes
    nodes: dict[str, NodeFields] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


def flatten_graph(given: str, wishes: Wishes) -> tuple[str, list[str]]:
    """The YAML of a graph that flattens a render, and the lines that say what was chosen and why.

    Raises UsageError for a render that is not there, passes that were asked for and are not in it, names that fit no object.
    """
    render = find_shot(given)
    frames = render.chosen(wishes.frames)
    job = Flattening(render, read_contents(one_frame(render, _middle_first(frames))), wishes)
    job.told += set_lines(render)
    shapes = find_shapes(job)
    words = {"passes": dict(render.passes)} if render.passes else {}
    job.nodes["render"] = {"type": "LoadMovie" if render.movie else "LoadFrames", "path": render.path, **words}
    source = add_tones(job, shapes)
    job.told.append(source.line)
    picture = add_background(job, add_paint(job, shapes, source), source)
    inked, twos = add_lines(job, picture, shapes), wishes.on_twos and len(frames) > 1
    for kind, path in wished_paths(job, frames).items():
        writer = layered_writer(job, kind, path, picture, source, shapes) if kind in LAYERED else picture_writer(job, path, inked)
        job.nodes[kind] = held(job, writer) if twos and (kind not in LAYERED or kind == LOTTIE) else writer
    return graph_text(format_frames(frames) if frames else "1", job.nodes), job.told


def set_lines(render: RenderFiles) -> Iterator[str]:
    """What is said of a set of one file a pass."""
    if render.passes:
        yield f"passes: {', '.join(render.passes)}"
    if render.incomplete:
        yield f"left out: {frames_named(render.incomplete)}, of which not every pass is there"


def picture_link(job: Flattening) -> str:
    """The link of the picture, in linear light: layers of one picture a pass are encoded."""
    return "passes.Combined" if not job.render.passes and object_cryptomatte(job) is not None else "render"


def _middle_first(frames: Sequence[int]) -> list[int]:
    """The frames, beginning with the one in the middle, where things of a shot are most likely seen."""
    return [*frames[len(frames) // 2 :], *frames[: len(frames) // 2]]


def object_cryptomatte(job: Flattening) -> CryptomatteContents | None:
    """The first object cryptomatte whose names are known, else the first one that is neither of materials nor of assets."""
    known = [one for one in job.contents.cryptomattes if one.manifest and one.objects]
    others = [one for one in known if not any(kind in _last(one.name) for kind in ("material", "asset"))]
    return next((one for one in known if "object" in _last(one.name)), next(iter(others), None))


def _last(name: str) -> str:
    return name.rpartition(".")[2].lower()


def kind_field(crypto: CryptomatteContents, kind: str = "object") -> NodeFields:
    """The field of a node that says which cryptomatte it takes, where it is not the usual one."""
    if kind != "object":
        return {"cryptomatte": kind}
    return {} if "object" in _last(crypto.name) else {"cryptomatte": crypto.name}


def find_shapes(job: Flattening) -> Shapes | None:
    """The shapes by the object cryptomatte; None without one. Raises UsageError for names without a cryptomatte to find them in."""
    crypto, wishes = object_cryptomatte(job), job.wishes
    if crypto is None:
        if wishes.shape or wishes.leave_out:
            option = f"--shape {wishes.shape[0]}" if wishes.shape else f"--leave-out {wishes.leave_out[0]}"
            why = (
                job.contents.faults[0]
                if job.contents.faults
                else f"{job.contents.layers.path} has no object cryptomatte with names, and no object buffers"
            )
            raise UsageError(f"{option}: {why}: render one of them")
        return None
    shapes = choose_shapes(crypto, wishes.shape, wishes.leave_out)
    job.told.append(f"shapes: {listed(shapes.patterns)}")
    largest = max((one for one in crypto.objects if one.name in shapes.names), key=lambda one: one.share, default=None)
    if largest is not None and largest.share > LIKE_GROUND and len(shapes.names) > 1 and not wishes.shape:
        job.told.append(
            f"{largest.name} takes {largest.share:.0%} of the frame: --leave-out {shlex.quote(largest.name)} if things stand on it"
        )
    return shapes


def add_tones(job: Flattening, shapes: Shapes | None) -> ToneSource:
    """Add the nodes that find the tones, and where they need it the picture and the matte of the shapes."""
    shape, wishes = "passes.shape" if shapes else "", job.wishes
    source = choose_source(job.contents, wishes.tones, shape, wishes.ground, picture_link(job), wishes.weights)
    decode: NodeFields = {"type": "MultipassDecode", "in": "render.layers", "passes": [] if job.render.passes else ["Combined"]}
    crypto = object_cryptomatte(job)
    if shapes and crypto is not None:
        decode["mattes"] = {"shape": list(shapes.patterns) if len(shapes.patterns) > 1 else shapes.patterns[0]}
        decode |= kind_field(crypto)
    if "passes." in str(source.nodes):
        job.nodes["passes"] = decode
    job.nodes |= source.nodes
    if source.soft:
        return source
    width, height = job.contents.layers.size
    areas = [max(2, round(share * width * height)) for share in (SPECK, GROUND_SPECK)]
    job.nodes["specks"] = {"type": "RemoveSpecks", "in": source.link, "area": areas[0]}
    if not source.ground:
        return replace(source, link="specks")
    job.nodes["ground_specks"] = {"type": "RemoveSpecks", "in": "specks", "area": areas[1], "classes": ["background", GROUND_SHADOW]}
    return replace(source, link="ground_specks")


def add_paint(job: Flattening, shapes: Shapes | None, source: ToneSource) -> str:
    """Add the node that paints the tones; returns the link of the painted picture."""
    crypto, wished = object_cryptomatte(job), job.wishes.palettes
    around = around_palette(job)
    tones = {"probabilities" if source.soft else "labels": source.link}
    usual = wished.everything.tones if wished.everything else DEFAULT_PALETTE
    if shapes is None or crypto is None:
        if wished.by_object:
            option = f"--palette {next(iter(wished.by_object))}=..."
            raise UsageError(f"{option}: {job.contents.layers.path} has no object cryptomatte with names, and no object buffers")
        job.nodes["edges"] = {"type": "AntialiasTones", "in": tones}
        usual = usual if wished.everything else surface_palette(job) or usual
        job.nodes["paint"] = {"type": "PaintTones", "in": {"probabilities": "edges"}, "palette": {**usual, **around}}
        return "paint"
    check_patterns(crypto, wished.by_object)
    objects: dict[str, Any] = {pattern: one.written for pattern, one in wished.by_object.items()}
    by_light = source.way in ("passes", "key")
    ink = "" if job.wishes.lines == 0 else LINE_COLOR
    found = own_palettes(job.contents, crypto, shapes.names, not objects and not wished.everything, by_light, ink)
    if found.dark and by_light:
        job.told.append(
            f"without diffuse light, so that their tones may be wrong: {listed(found.dark)}; a label layer, or --tones picture, helps"
        )
    if wished.everything:
        objects[", ".join(shapes.patterns)] = wished.everything.written
    stage = {} if job.wishes.background or background_of(wished) else around
    for names, palette in found.palettes.items():
        kept = {name: color for name, color in palette.items() if name in stage or (name in TONES and not wished.everything)}
        if kept:
            objects.setdefault(names, kept)  # names may be spelled as the user spelled theirs
    if not wished.everything:
        usual = next((p for p in found.palettes.values() if "midtone" in p), usual)
    others = {**{name: color for name, color in usual.items() if name in TONES}, **around}
    fields: NodeFields = {"objects": objects, "palette": others, **kind_field(crypto, found.kind)}
    job.nodes["paint"] = {"type": "PaintObjects", "in": {"layers": "render.layers", **tones}, **fields}
    return "paint"


def surface_palette(job: Flattening) -> dict[str, str]:
    """Tones in the colour that most of the material colour pass has; empty without one."""
    color, count = material_color(job.contents)
    if color is None:
        return {}
    if count > 1:
        job.told.append(f"{count} material colours, painted in the one that most has: an object buffer each gives each its own")
    return tones_of(color)


def background_of(wished: WishedPalettes) -> str:
    """The background colour of the palette for everything; empty where it has none."""
    return (wished.everything.palette.color("background") or "") if wished.everything else ""


def around_palette(job: Flattening) -> dict[str, str]:
    """Class -> colour of what is not shape, where no object of the stage has its own."""
    background, ground, wished = job.wishes.background, job.wishes.ground, job.wishes.palettes
    if not background and not background_of(wished):
        palette = border_palette(job.contents)
    elif background in (RENDER, NOTHING) or (background and not color_code(background)):
        picture = background not in (RENDER, NOTHING)  # it is multiplied by the shadow
        palette = {"background": "#00000000", "ground_shadow": "#00000000" if picture else SHADOW}
        ground = ground and background != RENDER  # the render has its own
    else:
        color = color_code(background) if background else background_of(wished)
        own = wished.everything.palette.color("ground_shadow") if wished.everything and not background else None
        palette = {"background": color, "ground_shadow": own or shade_of(color)}
    return palette if ground else {"background": palette["background"]}


def add_background(job: Flattening, picture: str, source: ToneSource) -> str:
    """Add the nodes that put the painted picture on the render or on another picture; returns the link of the result."""
    background = job.wishes.background
    if background in ("", NOTHING) or (background != RENDER and color_code(background)):
        return picture
    if background == RENDER:
        if "passes" in job.nodes and "mattes" in job.nodes["passes"]:
            job.nodes["plate"] = {"type": "CleanPlate", "in": {"image": picture_link(job), "matte": "passes.shape"}}
        behind = "plate" if "plate" in job.nodes else "render.image"
    else:
        job.nodes["scene"] = {"type": "LoadFrames", "path": background}
        labels = "tones.labels" if source.soft else source.link
        job.nodes["plate"] = {"type": "Backdrop", "in": {"like": labels, "image": "scene"}}
        behind = "plate"
        if job.wishes.ground and source.ground:
            job.nodes["ground"] = {"type": "GroundShadow", "in": {"labels": labels}}
            job.nodes["shaded"] = {"type": "ShadowOnPlate", "in": {"image": "plate", "shadow": "ground"}, "color": SHADE}
            behind = "shaded"
    job.nodes["comp"] = {"type": "Composite", "in": {"fg": picture, "bg": behind}}
    return "comp"


def add_lines(job: Flattening, picture: str, shapes: Shapes | None) -> str:
    """Add ink lines of the shapes over a picture; returns the link of the result. Raises UsageError for lines that no pass tells."""
    lines, passes = job.wishes.lines, job.contents.passes
    if lines == 0:
        return picture
    if not shapes and not any(passes.has(name) for name in INKED):
        if lines is not None:
            raise UsageError(f"--lines {lines:g}: {job.contents.layers.path} has none of the passes {', '.join(INKED)} to find lines in")
        return picture
    width = {"width": LINES, "unit": "%"} if lines is None else {"width": lines}
    everything = job.wishes.palettes.everything
    color = (everything.palette.color(LINE) if everything else None) or LINE_COLOR
    only: NodeFields = {"objects": list(shapes.patterns)} if shapes else {}
    if passes.has("MatColor") and not any(passes.has(name) for name in MATERIALS):
        only["material"] = False  # the colours of a texture are no borders of materials
    length = max(2, round(SHORTEST * job.contents.layers.size[1]))
    job.nodes["ink"] = {"type": "InkLines", "in": "render.layers", **width, "shortest": length, "thin": THIN, "color": color, **only}
    job.nodes["inked"] = {"type": "Composite", "in": {"fg": "ink", "bg": picture}}
    return "inked"


def wished_paths(job: Flattening, frames: Sequence[int]) -> dict[str, str]:
    """Kind of file -> its path: an output that is a file is the only one, else all kinds go into that folder under the shot's name.

    Raises UsageError for a single file of several frames.
    """
    output, (stem, suffix) = job.wishes.output, os.path.splitext(job.wishes.output)
    if suffix.lower() in WRITERS:
        if suffix.lower() in STILLS and len(frames) > 1 and not FilePattern(output).has_token:
            raise UsageError(f"-o {output}: {len(frames)} frames do not go into one picture: write {os.path.basename(stem)}.####{suffix}")
        return {suffix[1:].lower(): output}
    name, folder = shot_name(job.render), job.wishes.output
    made: dict[str, str] = {}
    for kind in job.wishes.kinds:
        if kind == LOTTIE or (f".{kind}" not in STILLS and frames):
            made[kind] = os.path.join(folder, f"{name}.{kind}")
        elif f".{kind}" in STILLS:
            file = os.path.join(literal(name), f"{literal(name)}.####.{kind}") if frames else f"{literal(name)}.{kind}"
            made[kind] = os.path.join(literal(folder), file)
    return made


def held(job: Flattening, writer: NodeFields) -> NodeFields:
    """The writer with every other frame of its inputs held for two: the nodes that hold them are added."""
    links = {"": writer["in"]} if isinstance(writer["in"], str) else writer["in"]
    names = {name: f"{name}_twos".lstrip("_") for name in links}
    job.nodes |= {names[name]: {"type": "HoldFrames", "in": link} for name, link in links.items()}
    return {**writer, "in": names.get("", names)}


def picture_writer(job: Flattening, path: str, picture: str) -> NodeFields:
    """The node that writes a picture, by the kind of the file."""
    suffix = os.path.splitext(path)[1].lower()
    return {"type": WRITERS[suffix], "in": picture, "path": path, **({} if suffix in STILLS else {"fps": job.wishes.fps})}


def layered_writer(job: Flattening, kind: str, path: str, picture: str, source: ToneSource, shapes: Shapes | None) -> NodeFields:
    """The node that writes paths or layers: a group for each object, a part for each tone, in the painted colours, ink on top."""
    linked = {"labels": "tones.labels" if source.soft else source.link, "image": picture}
    linked |= {"layers": "render.layers"} if shapes else {}
    linked |= {"ink": "ink"} if "ink" in job.nodes else {}
    crypto = object_cryptomatte(job)
    fields = kind_field(crypto) if crypto is not None and shapes else {}
    return {"type": LAYERED[kind], "in": linked, **fields, "path": path, **({"fps": job.wishes.fps} if kind == LOTTIE else {})}


def shot_name(render: RenderFiles) -> str:
    """A name for the results: that of the files, or where it says only `render` or `frame`, that of their folder."""
    own = os.path.splitext(os.path.basename(render.path))[0].removeprefix(PASS_BESIDE)
    stem = re.sub(r"[._ -]*(\$pass)?[._ -]*(#+|%0?\d*d|\$F\d*)?$", "", own)
    folder = os.path.basename(os.path.dirname(os.path.abspath(render.file())))
    plain = stem.lower() in ("", "render", "frame", "frames", "image", "beauty", "out", "output", "rgba")
    return re.sub(r"\[([#%$@<])\]", r"\1", (folder if plain and folder else stem) or "flat")


def made_line(result: Result) -> str:
    """What was written where: `12 frames in 8.1 s: out/tea.gif, out/tea/tea.####.png`."""
    from rotonodes.report.summary import outputs_written

    count, where = len(result.plan.delivered), ", ".join(outputs_written(result.plan))
    if not result.plan.todo:
        return f"nothing to do: {where} {'is' if len(outputs_written(result.plan)) == 1 else 'are'} there already"
    return f"{count} frame{'s' * (count != 1)} in {result.seconds:.1f} s: {where}"
