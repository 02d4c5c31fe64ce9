"""The types of the nodes. Made by `rotonodes nodes --stubs -o rotonodes/nodes/__init__.pyi` from their declarations: edit those."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar, overload

from rotonodes.imaging.mattes.edge_report import EdgeReport
from rotonodes.metrics.label_scores import Scores
from rotonodes.metrics.matte_report import MatteReport
from rotonodes.nets.model import Model
from rotonodes.node.base import Node
from rotonodes.node.outputs import Outputs
from rotonodes.nodes.networks.cut_out import CutOuts
from rotonodes.nodes.networks.segmenting import Segments
from rotonodes.nodes.passes.estimate_motion import Estimate
from rotonodes.nodes.passes.ink_lines import Inked
from rotonodes.values.palette import Palette
from rotonodes.values.pixels import Batch, Clip, Image, Labels, Layers, Matte
from rotonodes.values.tones import LightDirection, ToneScale

_AnyFrame = TypeVar("_AnyFrame", Image, Matte, Labels, Layers)
_Levels = TypeVar("_Levels", Image, Matte)
_Picture = TypeVar("_Picture", Image, Matte, Labels)
_Shape = TypeVar("_Shape", Matte, Labels)

class AntialiasTones(Node):
    """Antialias the borders between tones.

    steps: number of steps between two tones at a border; 0: as many as needed
    """
    steps: int
    def __init__(
        self,
        *,
        steps: int = 0,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        labels: Labels | None = None,
        probabilities: Image | None = None,
        matte: Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Image: ...

class AppendClips(Node):
    """Show clips one after the other, each cut to a range.

    ranges: range of each clip in its own frames, as [1-24, 1001-1048]
    start: frame at which the first clip begins; default: the first frame of the shot
    outside: what is shown before the first clip and after the last
    """
    ranges: tuple[str, ...]
    start: int | None
    outside: Literal["hold", "black"]
    def __init__(
        self,
        *,
        ranges: tuple[str, ...] | list[str] = ...,
        start: int | None = None,
        outside: Literal["hold", "black"] = "hold",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Sequence[Clip[_Picture] | Sequence[_Picture] | _Picture],
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _Picture: ...

class ApplyMatte(Node):
    """Cut a picture out by a matte.

    operation: what the matte does: multiply colour and alpha, or replace alpha
    invert: use 1 - matte: cut the shape away instead of the rest
    """
    operation: Literal["multiply", "replace"]
    invert: bool
    def __init__(
        self,
        *,
        operation: Literal["multiply", "replace"] = "multiply",
        invert: bool = False,
    ) -> None: ...
    def __call__(self, image: Image, matte: Matte, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class Backdrop(Node):
    """Make a background of one colour or of a picture.

    color: colour, "#rrggbb" or "#rrggbbaa"; it shows behind the picture where that is transparent
    """
    color: str
    def __init__(
        self,
        *,
        color: str = "#000000",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        like: Matte | Labels,
        image: Image | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Image: ...

class Blur(Node):
    """Blur: Gaussian, box, or along a line.

    method: kind of blur
    size: size of the blur, one number or [across, down] (px)
    angle: direction of a directional blur, anticlockwise from the right (degrees)
    edge: what lies beyond the frame: its last pixel repeated, or nothing
    channels: channels to change: color, alpha, all, or names with wildcards (R G Normal.*), separated by spaces
    """
    method: Literal["gaussian", "box", "directional"]
    size: float | tuple[float, float]
    angle: float
    edge: Literal["repeat", "black"]
    channels: str
    def __init__(
        self,
        *,
        method: Literal["gaussian", "box", "directional"] = "gaussian",
        size: float | tuple[float, float] | list[float] = 0.0,
        angle: float = 0.0,
        edge: Literal["repeat", "black"] = "repeat",
        channels: str = "color alpha",
    ) -> None: ...
    def __call__(self, image: _Levels, mask: Matte | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> _Levels: ...  # type: ignore[override]

class BurnIn(Node):
    """Write frame number, shot and notes on a picture.

    top_left: text at the top left
    top: text at the top, in the middle
    top_right: text at the top right
    bottom_left: text at the bottom left, such as the shot
    bottom: text at the bottom, in the middle
    bottom_right: text at the bottom right; default: the frame number
    height: size of the letters, as a share of the frame's height
    color: colour of the letters, "#rrggbb" or "#rrggbbaa"
    backing: opacity of the dark strips behind the texts
    font: font file (.ttf, .otf, .ttc); default: DejaVu Sans
    """
    top_left: str
    top: str
    top_right: str
    bottom_left: str
    bottom: str
    bottom_right: str
    height: float
    color: str
    backing: float
    font: str
    def __init__(
        self,
        *,
        top_left: str = "",
        top: str = "",
        top_right: str = "",
        bottom_left: str = "",
        bottom: str = "",
        bottom_right: str = "$F4",
        height: float = 0.03,
        color: str = "#e6e6e6",
        backing: float = 0.5,
        font: str | PathLike[str] = "",
    ) -> None: ...
    def __call__(self, image: Image, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class CheckEdges(Node):
    """Measure the edges of mattes and report faulty ones.

    path: JSON file of the report; default none
    picture: PNG of the worst frames; default none
    picture_count: number of frames on that sheet (frames)
    thick: width above which an edge is too thick (px)
    thin: width below which an edge is too thin (hard, aliased) (px)
    turn: turn within 8 px above which an edge is too sharp (degrees)
    rough: distance from the mean line above which an edge is too rough (px)
    gap: width below which an opening is a gap; 0 reports none (px)
    """
    path: str
    picture: str
    picture_count: int
    thick: float
    thin: float
    turn: float
    rough: float
    gap: float
    def __init__(
        self,
        *,
        path: str | PathLike[str] = "",
        picture: str | PathLike[str] = "",
        picture_count: int = 12,
        thick: float = 4.0,
        thin: float = 0.2,
        turn: float = 120.0,
        rough: float = 0.7,
        gap: float = 3.0,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        matte: Clip[Matte] | Sequence[Matte] | Matte,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> EdgeReport: ...

class CleanPlate(Node):
    """Remove a shape's colour from its soft edge in a plate.

    """
    def __init__(
        self,
    ) -> None: ...
    def __call__(self, image: Image, matte: Matte, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class ColorSpace(Node):
    """Convert colour with OpenColorIO: spaces, views, looks.

    config: OpenColorIO config file (.ocio, .ocioz)
    builtin: a config that OpenColorIO brings: cg, studio, or its full name
    source: space of the picture; default: linear light with Rec. 709 primaries
    target: space of the result, instead of a view
    display: display; default: the config's first
    view: view of the display; default: its first
    looks: looks, separated by commas, in place of the view's own
    encoded: leave the result of a view in the codes of its display, instead of linear light
    invert: go back: from the target or the view to the source
    """
    config: str
    builtin: str
    source: str
    target: str
    display: str
    view: str
    looks: str
    encoded: bool
    invert: bool
    def __init__(
        self,
        *,
        config: str | PathLike[str] = "",
        builtin: str = "",
        source: str = "",
        target: str = "",
        display: str = "",
        view: str = "",
        looks: str = "",
        encoded: bool = False,
        invert: bool = False,
    ) -> None: ...
    def __call__(self, image: Image, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class Composite(Node):
    """Merge a foreground with a background.

    operation: merge operation
    mix: share of the result, 0 to 1; the rest is bg
    """
    operation: Literal["over", "under", "plus", "multiply", "screen", "in", "out", "mask", "stencil", "atop", "xor", "max", "min", "difference", "overlay", "hard-light", "soft-light"]
    mix: float
    def __init__(
        self,
        *,
        operation: Literal["over", "under", "plus", "multiply", "screen", "in", "out", "mask", "stencil", "atop", "xor", "max", "min", "difference", "overlay", "hard-light", "soft-light"] = "over",
        mix: float = 1.0,
    ) -> None: ...
    def __call__(self, fg: Image, bg: Image, mask: Matte | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class Constant(Node):
    """Make a picture of one colour.

    size: width and height of the picture, where none is linked that gives them (px)
    color: colour: "#rrggbb", "#rrggbbaa", or [r, g, b] or [r, g, b, a] in linear light
    """
    size: tuple[int, int] | None
    color: str | tuple[float, float, float] | tuple[float, float, float, float]
    def __init__(
        self,
        *,
        size: tuple[int, int] | list[int] | None = None,
        color: str | tuple[float, float, float] | list[float] | tuple[float, float, float, float] | list[float] = "#808080",
    ) -> None: ...
    def __call__(self, like: Image | Matte | Labels | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class ContactSheet(Node):
    """Lay out all frames of a clip on one numbered sheet.

    path: file of the sheet
    columns: number of cells in a row; default: about as many as rows
    width: width of a cell (px)
    numbers: frame numbers below the cells
    """
    path: str
    columns: int | None
    width: int
    numbers: bool
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        columns: int | None = None,
        width: int = 160,
        numbers: bool = True,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[Image | Matte | Labels] | Sequence[Image | Matte | Labels] | Image | Matte | Labels,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class CornerPin(Node):
    """Bend a picture so that its corners lie on four points.

    to: four places of the corners, or frame -> four places; default: the frame's corners (px)
    from_corners: four points of the picture that go there; default: the corners of its frame (px)
    ease: course between frames that are given: straight, slow at both ends, or in jumps
    filter: resampling filter; labels always take the nearest pixel
    invert: take the picture at `to` and straighten it
    """
    to: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]] | dict[int, tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]] | None
    from_corners: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]] | None
    ease: Literal["linear", "smooth", "hold"]
    filter: Literal["nearest", "bilinear", "bicubic"]
    invert: bool
    def __init__(
        self,
        *,
        to: tuple[tuple[float, float] | list[float], tuple[float, float] | list[float], tuple[float, float] | list[float], tuple[float, float] | list[float]] | list[tuple[float, float] | list[float]] | Mapping[int, tuple[tuple[float, float] | list[float], tuple[float, float] | list[float], tuple[float, float] | list[float], tuple[float, float] | list[float]] | list[tuple[float, float] | list[float]]] | None = None,
        from_corners: tuple[tuple[float, float] | list[float], tuple[float, float] | list[float], tuple[float, float] | list[float], tuple[float, float] | list[float]] | list[tuple[float, float] | list[float]] | None = None,
        ease: Literal["linear", "smooth", "hold"] = "linear",
        filter: Literal["nearest", "bilinear", "bicubic"] = "bicubic",
        invert: bool = False,
    ) -> None: ...
    def __call__(self, image: _Picture, *, frame: int = 1, key: str = "", device: str = "cpu") -> _Picture: ...  # type: ignore[override]

class Crop(Node):
    """Cut a rectangle out of every frame.

    left: left edge of the box (px)
    top: top edge of the box (px)
    right: right edge of the box, exclusive; 0: the frame's edge (px)
    bottom: bottom edge of the box, exclusive; 0: the frame's edge (px)
    zoom: zoom factor: keeps the centre of the box, 1/zoom of its width and height
    width: width that the result is resized to cover, with `height` (px)
    height: height that the result is resized to cover, with `width` (px)
    """
    left: int
    top: int
    right: int
    bottom: int
    zoom: float
    width: int | None
    height: int | None
    def __init__(
        self,
        *,
        left: int = 0,
        top: int = 0,
        right: int = 0,
        bottom: int = 0,
        zoom: float = 1.0,
        width: int | None = None,
        height: int | None = None,
    ) -> None: ...
    def __call__(self, image: _Picture, *, frame: int = 1, key: str = "", device: str = "cpu") -> _Picture: ...  # type: ignore[override]

class _CutOutOutputs(NamedTuple):
    image: Image
    matte: Matte

class CutOut(Node):
    """Cut out what stands out, by a trained network.

    weights: weights file (.safetensors, .pth, .pt); or link a model
    batch: frames at once; default 1 on the CPU, on CUDA up to 8, as many as fit (frames)
    precision: arithmetic; auto: bfloat16 where the device multiplies it natively, float16 on older CUDA, else float32; changes a few pixels
        at edges
    memory: memory of a frame in the network above which it is cut into tiles, each with all that the network sees around it, which changes
        nothing but the memory (of efficient networks, the last digit); 0: never (GB)
    compile: compile the network first (torch.compile): a minute or more for each size of frame, then a little faster, most on a GPU; for
        long clips; changes a few pixels at edges
    """
    weights: str | None
    batch: int | None
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    memory: float
    compile: bool
    def __init__(
        self,
        *,
        weights: str | None | PathLike[str] = None,
        batch: int | None = None,
        precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
        memory: float = 4.0,
        compile: bool = False,
    ) -> None: ...
    @overload  # type: ignore[override]
    def __call__(
        self,
        image: Image,
        model: Model | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _CutOutOutputs: ...
    @overload
    def __call__(
        self,
        image: Batch[Image],
        model: Model | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> CutOuts: ...

class Denoise(Node):
    """Remove noise from passes, with edges kept.

    method: middle value, or an average of what is alike
    radius: pixels that are looked at on each side (px)
    difference: difference of brightness, as sRGB codes from 0 to 1, that counts as an edge
    normal: difference of normals that counts as an edge: 0.3 is 17 degrees
    albedo_difference: difference of albedo that counts as an edge
    channels: channels to change: color, alpha, all, or names with wildcards (R G Normal.*), separated by spaces
    """
    method: Literal["median", "bilateral"]
    radius: int
    difference: float
    normal: float
    albedo_difference: float
    channels: str
    def __init__(
        self,
        *,
        method: Literal["median", "bilateral"] = "median",
        radius: int = 1,
        difference: float = 0.2,
        normal: float = 0.3,
        albedo_difference: float = 0.1,
        channels: str = "color",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: _Levels,
        normals: Image | None = None,
        albedo: Image | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _Levels: ...

class Despill(Node):
    """Remove the spill of a green or blue screen.

    screen: colour of the screen
    limit: upper limit of the screen's channel, from the other two
    amount: share of the spill that is removed, 0 to 1
    restore: share of the spill's luminance (Rec. 709) that is added back as grey, 0 to 1
    """
    screen: Literal["green", "blue"]
    limit: Literal["average", "double_red", "double_other", "red", "other", "maximum", "minimum"]
    amount: float
    restore: float
    def __init__(
        self,
        *,
        screen: Literal["green", "blue"] = "green",
        limit: Literal["average", "double_red", "double_other", "red", "other", "maximum", "minimum"] = "average",
        amount: float = 1.0,
        restore: float = 0.0,
    ) -> None: ...
    def __call__(self, image: Image, mask: Matte | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class EdgeExtend(Node):
    """Carry a shape's colour on beyond its edge.

    distance: how far colour is carried (px)
    inside: least alpha of a pixel whose colour is the shape's own
    soften: blur of the carried colour (standard deviation) (px)
    alpha: alpha of the result: as it was, or 1 where there is colour
    """
    distance: float
    inside: float
    soften: float
    alpha: Literal["keep", "opaque"]
    def __init__(
        self,
        *,
        distance: float = 16.0,
        inside: float = 0.98,
        soften: float = 0.0,
        alpha: Literal["keep", "opaque"] = "keep",
    ) -> None: ...
    def __call__(self, image: Image, matte: Matte | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class Ensemble(Node):
    """Make one network of several that decide together.

    shape_weights: weight of each network in what the shape is, 0 to 1000; default: all the same
    tone_weights: weight of each network in which tone it has, 0 to 1000; default: all the same
    ground: whether ground_shadow, which some of them know, stays a class; else it is background
    rules: weight of the rules on the key light's channels against 1 for the networks; 0: none
    clean: replacement of pixels with at most one neighbour of their own tone by the tone around them
    tell: telling those with a weight in the tones the shape that was found, where none is given; one of them must take a shape
    """
    shape_weights: list[float]
    tone_weights: list[float]
    ground: bool
    rules: float
    clean: bool
    tell: bool
    def __init__(
        self,
        *,
        shape_weights: list[float] = ...,
        tone_weights: list[float] = ...,
        ground: bool = True,
        rules: float = 0.0,
        clean: bool = False,
        tell: bool = False,
    ) -> None: ...
    def __call__(self, models: Sequence[Model], *, frame: int = 1, key: str = "", device: str = "cpu") -> Model: ...  # type: ignore[override]

class EstimateForeground(Node):
    """Cut a picture out by its matte, without a halo.

    method: estimation method of the foreground's colour
    """
    method: Literal["blur_fusion", "multi_level"]
    def __init__(
        self,
        *,
        method: Literal["blur_fusion", "multi_level"] = "blur_fusion",
    ) -> None: ...
    def __call__(self, image: Image, matte: Matte, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class EstimateMotion(Node):
    """Estimate motion vectors from the pictures of a shot.

    shrink: factor by which frames are reduced for the comparison; 1 is the finest and slowest
    """
    shrink: Literal[1, 2, 4]
    def __init__(
        self,
        *,
        shrink: Literal[1, 2, 4] = 2,
    ) -> None: ...
    def __call__(self, image: Clip[Image] | Sequence[Image] | Image, *, frame: int = 1, key: str = "", device: str = "cpu") -> Estimate: ...  # type: ignore[override]

class EvaluateLabels(Node):
    """Score predicted labels against the true ones.

    path: JSON file to write the scores to; default none
    worst: PNG to write the worst frames to; default none
    worst_count: number of frames on the sheet of worst frames (frames)
    clip_length: length of each clip, from the first frame on: flicker is not measured across cuts; 0: one clip (frames)
    ignore: class index in the truth whose pixels are ignored; default none
    """
    path: str
    worst: str
    worst_count: int
    clip_length: int
    ignore: int | None
    def __init__(
        self,
        *,
        path: str | PathLike[str] = "",
        worst: str | PathLike[str] = "",
        worst_count: int = 12,
        clip_length: int = 0,
        ignore: int | None = None,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        prediction: Clip[Labels] | Sequence[Labels] | Labels,
        truth: Clip[Labels] | Sequence[Labels] | Labels,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Scores: ...

class EvaluateMatte(Node):
    """Measure the errors of mattes against the true ones.

    path: JSON file to write the errors to; default none
    """
    path: str
    def __init__(
        self,
        *,
        path: str | PathLike[str] = "",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        matte: Clip[Matte] | Sequence[Matte] | Matte,
        truth: Clip[Matte] | Sequence[Matte] | Matte,
        trimap: Clip[Matte] | Sequence[Matte] | Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> MatteReport: ...

class ExportONNX(Node):
    """Write a trained network as an ONNX file.

    path: file to write (.onnx)
    """
    path: str
    def __init__(
        self,
        *,
        path: str | PathLike[str],
    ) -> None: ...
    def __call__(self, model: Model, *, frame: int = 1, key: str = "", device: str = "cpu") -> Path: ...  # type: ignore[override]

class FindKeyLight(Node):
    """Find the key light in the passes of a render.

    layer: view layer of the passes DiffDir, Normal and Depth; empty: the first
    view: stereo view (left, right); empty: the hero view
    names: name of a pass in this file -> its usual name, where it is not recognised
    roughness: roughness of the surface whose gloss is computed, 0.05 nearly polished to 1 matt
    normals: space of the file's normals; camera needs no camera to be known
    light: which light: strongest; 2, 3 ... for the next strongest; or a pass with the light of one lamp or light group alone
        (Combined_Key); or a direction [x, y, z] in the normals' space
    """
    layer: str
    view: str
    names: dict[str, str]
    roughness: float
    normals: Literal["world", "camera"]
    light: tuple[float, float, float] | int | str
    def __init__(
        self,
        *,
        layer: str = "",
        view: str = "",
        names: Mapping[str, str] = ...,
        roughness: float = 0.35,
        normals: Literal["world", "camera"] = "world",
        light: tuple[float, float, float] | list[float] | int | str = "strongest",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        layers: Layers,
        light: LightDirection | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Image: ...

class Grade(Node):
    """Grade colour: gain, offset, gamma, saturation.

    gain: factor of the colour: one number, or [r, g, b]
    offset: added after the gain: one number, or [r, g, b]
    gamma: gamma, above 1 lifts the midtones: one number, or [r, g, b]
    saturation: saturation: 0 grey, 1 unchanged, above 1 more colourful
    """
    gain: float | tuple[float, float, float]
    offset: float | tuple[float, float, float]
    gamma: float | tuple[float, float, float]
    saturation: float
    def __init__(
        self,
        *,
        gain: float | tuple[float, float, float] | list[float] = 1.0,
        offset: float | tuple[float, float, float] | list[float] = 0.0,
        gamma: float | tuple[float, float, float] | list[float] = 1.0,
        saturation: float = 1.0,
    ) -> None: ...
    def __call__(self, image: Image, mask: Matte | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class GroundShadow(Node):
    """Take the ground's shadow out of a render, as a matte.

    style: flat: one density with a crisp edge; soft: with penumbras, as in the render
    source: layers: what the shadow is read from
    threshold: flat: place of the edge, from 0 at the outer end of the penumbra to 1 in full shadow
    smoothness: flat: blur that evens the edge, standard deviation (px)
    median: side of the median that removes noise; 1 is off (px)
    albedo: light: the diffuse light holds the surface's colour (Arnold): divide it by DiffCol
    tone: labels: class that is the shadow
    layer: view layer to read; empty: the first
    names: name of a pass in this file -> its usual name, where it is not recognised
    """
    style: Literal["flat", "soft"]
    source: Literal["auto", "catcher", "layers", "light"]
    threshold: float
    smoothness: float
    median: int
    albedo: bool
    tone: str
    layer: str
    names: dict[str, str]
    def __init__(
        self,
        *,
        style: Literal["flat", "soft"] = "flat",
        source: Literal["auto", "catcher", "layers", "light"] = "auto",
        threshold: float = 0.5,
        smoothness: float = 1.0,
        median: int = 3,
        albedo: bool = False,
        tone: str = "ground_shadow",
        layer: str = "",
        names: Mapping[str, str] = ...,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        layers: Layers | None = None,
        matte: Matte | None = None,
        labels: Labels | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Matte: ...

class GrowShrink(Node):
    """Move the edge of a matte outwards or inwards.

    radius: distance the edge moves outwards; negative shrinks (px)
    """
    radius: float
    def __init__(
        self,
        *,
        radius: float = 1.0,
    ) -> None: ...
    def __call__(self, matte: Matte, *, frame: int = 1, key: str = "", device: str = "cpu") -> Matte: ...  # type: ignore[override]

class Halftone(Node):
    """Print a picture as dots, lines or a grid.

    shape: what is printed: round dots, lines, or crossed lines
    pitch: distance of dots or lines (px)
    angle: turn of the screen, anticlockwise (degrees)
    ink: colour of the ink, "#rrggbb", or picture for the colours of the picture
    paper: colour of the paper, "#rrggbb", or none
    """
    shape: Literal["dots", "lines", "grid"]
    pitch: float
    angle: float
    ink: str
    paper: str
    def __init__(
        self,
        *,
        shape: Literal["dots", "lines", "grid"] = "dots",
        pitch: float = 8.0,
        angle: float = 45.0,
        ink: str = "#1a1a1a",
        paper: str = "#f7f4ec",
    ) -> None: ...
    def __call__(self, image: Image, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class HoldFrames(Node):
    """Hold frames: animation on twos or threes.

    input_range: first and last frame of the input that may be shown, as 993-1108; default: those of the shot
    step: frames that each picture is held for: 2 is on twos (frames)
    start: frame at which the steps begin; default: the first frame of the shot
    keys: frames that are shown, as 1,4,9-21x3, instead of a step
    """
    input_range: str
    step: int
    start: int | None
    keys: str
    def __init__(
        self,
        *,
        input_range: str = "",
        step: int = 2,
        start: int | None = None,
        keys: str = "",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[_AnyFrame] | Sequence[_AnyFrame] | _AnyFrame,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _AnyFrame: ...

class InkLines(Node):
    """Draw ink lines from the passes of a render.

    object: lines between objects
    material: lines between the materials of an object
    depth: lines where an object hides a part of itself
    normal: lines along creases
    tone: lines between the classes of linked labels
    freestyle: lines of the render's Freestyle pass
    step: depth: least step, as a share of the farther depth
    crease: normal: least angle of a crease (degrees)
    shortest: length below which inner lines are left out (px)
    median: side of the median that removes noise from normals; 1 is off (px)
    objects: objects that get lines, by their names in the cryptomatte, wildcards allowed; empty: all
    width: width of outlines
    unit: unit of width and taper: pixels, or percent of the frame's height
    widths: kind -> factor of width; default: object 1, material, depth and normal 0.7, tone 0.5
    side: where outlines lie, seen from the object in front
    taper: length over which a line gets thin towards a free end
    thin: most that a line covers of a thin shape's thickness, as a share, so that leaves are not all ink; 0: no limit
    color: colour of the lines, "#rrggbb" or "#rrggbbaa"
    colors: kind -> "#rrggbb", where another
    object_colors: names in the cryptomatte, wildcards allowed -> "#rrggbb"; the first that fits the object in front
    layer: view layer to read; empty: the first
    view: stereo view (left, right); empty: the hero view
    names: name of a pass in this file -> its usual name, where it is not recognised
    """
    object: bool | None
    material: bool | None
    depth: bool | None
    normal: bool | None
    tone: bool | None
    freestyle: bool
    step: float
    crease: float
    shortest: float
    median: int
    objects: str | list[str]
    width: float
    unit: Literal["px", "%"]
    widths: dict[Literal["object", "material", "depth", "normal", "tone"], float]
    side: Literal["centred", "inside", "outside"]
    taper: float
    thin: float
    color: str
    colors: dict[Literal["object", "material", "depth", "normal", "tone", "freestyle"], str]
    object_colors: dict[str, str]
    layer: str
    view: str
    names: dict[str, str]
    def __init__(
        self,
        *,
        object: bool | None = None,
        material: bool | None = None,
        depth: bool | None = None,
        normal: bool | None = None,
        tone: bool | None = None,
        freestyle: bool = False,
        step: float = 0.01,
        crease: float = 30.0,
        shortest: float = 6.0,
        median: int = 1,
        objects: str | list[str] = ...,
        width: float = 2.0,
        unit: Literal["px", "%"] = "px",
        widths: Mapping[Literal["object", "material", "depth", "normal", "tone"], float] = ...,
        side: Literal["centred", "inside", "outside"] = "centred",
        taper: float = 0.0,
        thin: float = 0.0,
        color: str = "#1b1a22",
        colors: Mapping[Literal["object", "material", "depth", "normal", "tone", "freestyle"], str] = ...,
        object_colors: Mapping[str, str] = ...,
        layer: str = "",
        view: str = "",
        names: Mapping[str, str] = ...,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        layers: Layers,
        labels: Labels | None = None,
        matte: Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Inked: ...

class Invert(Node):
    """Invert a picture or a matte: 1 - x.

    channels: channels to change: color, alpha, all, or names with wildcards (R G Normal.*), separated by spaces
    """
    channels: str
    def __init__(
        self,
        *,
        channels: str = "color",
    ) -> None: ...
    def __call__(self, image: _Levels, mask: Matte | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> _Levels: ...  # type: ignore[override]

class _LoadFramesOutputs(NamedTuple):
    image: Image
    layers: Layers

class LoadFrames(Node):
    """Read a frame sequence or a single picture.

    path: the files: a name with a frame token (####, %04d, $F4), or one file for every frame
    missing: for a frame that is not on disk: stop with a list of all gaps, hold the frame before it, or give an empty picture
    sizes: whether every frame must be of the first one's size, or may have its own
    colorspace: encoding of the files; auto: EXR linear, other pictures srgb, the layers of a $pass sequence raw
    passes: words that replace $pass in the path, or pass name -> its word
    """
    path: str
    missing: Literal["error", "hold", "black"]
    sizes: Literal["same", "any"]
    colorspace: Literal["srgb", "linear", "raw"] | Literal["auto"]
    passes: list[str] | dict[str, str]
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        missing: Literal["error", "hold", "black"] = "error",
        sizes: Literal["same", "any"] = "same",
        colorspace: Literal["srgb", "linear", "raw"] | Literal["auto"] = "auto",
        passes: list[str] | Mapping[str, str] = ...,
    ) -> None: ...
    def __call__(self, *, frame: int = 1, key: str = "", device: str = "cpu") -> _LoadFramesOutputs: ...  # type: ignore[override]

class LoadLabels(Node):
    """Read label pictures: a class for every pixel.

    path: the files: a name with a frame token (####, %04d, $F4), one file for every frame, or with `pictures` a name with *
    missing: for a frame that is not on disk: stop with a list of all gaps, hold the frame before it, or give an empty picture
    sizes: whether every frame must be of the first one's size, or may have its own
    pictures: folder, wildcard or list of the pictures whose names `*` in the path stands for: imgs with masks/*_matte.*
    classes: names of the classes, in index order
    values: grey value of each class in the files, in the order of the classes; found: those that occur
    colors: colour of each class in coloured (RGB) pictures and to look at, "#rrggbb" in index order; the usual ones unless given
    off_palette: for pixels that are no class (soft brushes, JPEG): stop and name them, or take the nearest class and warn
    """
    path: str
    missing: Literal["error", "hold", "black"]
    sizes: Literal["same", "any"]
    pictures: str | list[str]
    classes: list[str]
    values: list[int] | Literal["found"] | None
    colors: list[str] | None
    off_palette: Literal["refuse", "nearest"]
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        missing: Literal["error", "hold", "black"] = "error",
        sizes: Literal["same", "any"] = "same",
        pictures: str | list[str] | PathLike[str] = "",
        classes: list[str] = ...,
        values: list[int] | Literal["found"] | None = None,
        colors: list[str] | None = None,
        off_palette: Literal["refuse", "nearest"] = "refuse",
    ) -> None: ...
    def __call__(self, *, frame: int = 1, key: str = "", device: str = "cpu") -> Labels: ...  # type: ignore[override]

class LoadMattes(Node):
    """Read mattes: one channel of each picture, 0 to 1.

    path: the files: a name with a frame token (####, %04d, $F4), one file for every frame, or with `pictures` a name with *
    missing: for a frame that is not on disk: stop with a list of all gaps, hold the frame before it, or give an empty picture
    sizes: whether every frame must be of the first one's size, or may have its own
    pictures: folder, wildcard or list of the pictures whose names `*` in the path stands for: imgs with masks/*_matte.*
    channel: the channel to take: auto, A, R, G, B, Y, or an EXR channel's full name
    """
    path: str
    missing: Literal["error", "hold", "black"]
    sizes: Literal["same", "any"]
    pictures: str | list[str]
    channel: str
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        missing: Literal["error", "hold", "black"] = "error",
        sizes: Literal["same", "any"] = "same",
        pictures: str | list[str] | PathLike[str] = "",
        channel: str = "auto",
    ) -> None: ...
    def __call__(self, *, frame: int = 1, key: str = "", device: str = "cpu") -> Matte: ...  # type: ignore[override]

class LoadModel(Node):
    """Read a trained network from a weights file.

    path: weights file (.safetensors), or a checkpoint (.pt, .pth)
    member: of an ensemble's file: one of its networks, counted from 1; 0: the file as it is
    """
    path: str
    member: int
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        member: int = 0,
    ) -> None: ...
    def __call__(self, *, frame: int = 1, key: str = "", device: str = "cpu") -> Model: ...  # type: ignore[override]

class LoadMovie(Node):
    """Read the frames of an animation or a video.

    path: the file: .gif .png .webp, or .mp4 .mov .mkv .webm .avi .mxf
    first: frame number of the file's first picture
    colorspace: how the pictures are encoded
    """
    path: str
    first: int
    colorspace: Literal["srgb", "linear", "raw"]
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        first: int = 1,
        colorspace: Literal["srgb", "linear", "raw"] = "srgb",
    ) -> None: ...
    def __call__(self, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class _LoadPartsOutputs(NamedTuple):
    parts: Layers
    labels: Labels
    image: Image | None

class LoadParts(Node):
    """Read the parts of a shape, which may overlap.

    path: the files: a name with {part}, a PSD or another picture, with a frame token or *
    missing: for a frame that is not on disk: stop with a list of all gaps, hold the frame before it, or give an empty picture
    sizes: whether every frame must be of the first one's size, or may have its own
    parts: parts from back to front, or part -> its word in the files; default: all layers of a PSD
    pictures: folder, wildcard or list of the pictures whose names `*` in the path stands for
    cryptomatte: kind of a render's cryptomatte that parts are named after: object, material or asset
    overlap: whether parts may share pixels
    hidden: whether a part may be hidden in a frame (its mask empty or missing)
    """
    path: str
    missing: Literal["error", "hold", "black"]
    sizes: Literal["same", "any"]
    parts: list[str] | dict[str, str]
    pictures: str | list[str]
    cryptomatte: str
    overlap: Literal["allow", "refuse"]
    hidden: bool
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        missing: Literal["error", "hold", "black"] = "error",
        sizes: Literal["same", "any"] = "same",
        parts: list[str] | Mapping[str, str] = ...,
        pictures: str | list[str] | PathLike[str] = "",
        cryptomatte: str = "object",
        overlap: Literal["allow", "refuse"] = "allow",
        hidden: bool = False,
    ) -> None: ...
    def __call__(self, *, frame: int = 1, key: str = "", device: str = "cpu") -> _LoadPartsOutputs: ...  # type: ignore[override]

class LoadPictures(Node):
    """Read pictures of any names and sizes.

    path: a folder, a name with wildcards (imgs/*.jpg), a file, or a list of them
    colorspace: how the files are encoded; auto: EXR linear, others srgb
    """
    path: str | list[str]
    colorspace: Literal["srgb", "linear", "raw"] | Literal["auto"]
    def __init__(
        self,
        *,
        path: str | list[str] | PathLike[str],
        colorspace: Literal["srgb", "linear", "raw"] | Literal["auto"] = "auto",
    ) -> None: ...
    def __call__(self, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class _LoadShardsOutputs(NamedTuple):
    layers: Layers
    image: Image
    labels: Labels
    shape: Matte
    light: LightDirection

class LoadShards(Node):
    """Read labelled frames to train on, from shards.

    path: a folder of shards, a name with wildcards (train/s11-*.npz), a file, or a list of them
    view: the developed picture: standard: plain sRGB; vary: another view transform from frame to frame
    ground: labels with ground_shadow as a class; off: it is background
    light_error: the median angle between `light` and the true direction; it is drawn for each frame, and a tenth of them are off by five
        times that or more, as those that FindKeyLight finds are (degrees)
    """
    path: str | list[str]
    view: Literal["vary", "standard"]
    ground: bool
    light_error: float
    def __init__(
        self,
        *,
        path: str | list[str] | PathLike[str],
        view: Literal["vary", "standard"] = "vary",
        ground: bool = True,
        light_error: float = 0.0,
    ) -> None: ...
    def __call__(self, *, frame: int = 1, key: str = "", device: str = "cpu") -> _LoadShardsOutputs: ...  # type: ignore[override]

class Math(Node):
    """Add, multiply, clamp: arithmetic with channels.

    operation: what is done: picture (operation) value, or picture (operation) b
    value: number to compute with, or one for each chosen channel
    channels: channels to change: color, alpha, all, or names with wildcards (R G Normal.*), separated by spaces
    low: least value of the result; default: no limit
    high: largest value of the result; default: no limit
    """
    operation: Literal["add", "subtract", "multiply", "divide", "power", "min", "max", "difference", "clamp"]
    value: float | tuple[float, ...]
    channels: str
    low: float | None
    high: float | None
    def __init__(
        self,
        *,
        operation: Literal["add", "subtract", "multiply", "divide", "power", "min", "max", "difference", "clamp"] = "add",
        value: float | tuple[float, ...] | list[float] = 0.0,
        channels: str = "color",
        low: float | None = None,
        high: float | None = None,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: _Levels,
        b: Image | Matte | None = None,
        mask: Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _Levels: ...

class MatteFromAlpha(Node):
    """Take the alpha of a picture as a matte.

    """
    def __init__(
        self,
    ) -> None: ...
    def __call__(self, image: Image, matte: Matte | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Matte: ...  # type: ignore[override]

class MeasureKeyLight(Node):
    """Measure the direction to the key light of a whole shot.

    frames: frames to measure, all of them; default: `samples` of the graph's frames
    samples: frames measured at most, evenly spread over the shot, first and last included; 0 for all (frames)
    layer: view layer of the passes DiffDir, Normal and Depth; empty: the first
    view: stereo view (left, right); empty: the hero view
    names: name of a pass in this file -> its usual name, where it is not recognised
    normals: space of the file's normals; camera needs no camera to be known
    light: which light: strongest; 2, 3 ... for the next strongest; or a pass with the light of one lamp or light group alone (Combined_Key)
    """
    frames: str
    samples: int
    layer: str
    view: str
    names: dict[str, str]
    normals: Literal["world", "camera"]
    light: int | str
    def __init__(
        self,
        *,
        frames: str = "",
        samples: int = 6,
        layer: str = "",
        view: str = "",
        names: Mapping[str, str] = ...,
        normals: Literal["world", "camera"] = "world",
        light: int | str = "strongest",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        layers: Clip[Layers] | Sequence[Layers] | Layers,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> LightDirection: ...

class MeasureTones(Node):
    """Measure the thresholds between a shape's tones.

    tones: number of tones inside the shape
    method: division of the tones: equal numbers of pixels, or clusters
    """
    tones: int
    method: Literal["quantiles", "kmeans"]
    def __init__(
        self,
        *,
        tones: int = 4,
        method: Literal["quantiles", "kmeans"] = "kmeans",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[Image] | Sequence[Image] | Image,
        matte: Clip[Matte] | Sequence[Matte] | Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> ToneScale: ...

class Merge(Node):
    """Merge many pictures, from back to front.

    operation: merge operation
    mix: opacity of each further picture, 0 to 1
    """
    operation: Literal["over", "under", "plus", "multiply", "screen", "in", "out", "mask", "stencil", "atop", "xor", "max", "min", "difference", "overlay", "hard-light", "soft-light"]
    mix: float
    def __init__(
        self,
        *,
        operation: Literal["over", "under", "plus", "multiply", "screen", "in", "out", "mask", "stencil", "atop", "xor", "max", "min", "difference", "overlay", "hard-light", "soft-light"] = "over",
        mix: float = 1.0,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        images: Sequence[Image],
        mask: Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Image: ...

class MultipassDecode(Node):
    """Take passes and object mattes out of a render.

    passes: passes to output, in any renderer's spelling, with or without a view layer in front (Label.DiffDir)
    mattes: output name -> names in the cryptomatte: names, wildcards (shape*), several with commas or as a list; !Floor takes one out
    layer: view layer of passes and mattes; empty: the first
    view: stereo view (left, right); empty: the hero view
    cryptomatte: kind of the cryptomatte: object, material, asset, or its own name
    names: name of a pass in this file -> its usual name, where it is not recognised
    """
    passes: tuple[str, ...]
    mattes: dict[str, str | list[str]]
    layer: str
    view: str
    cryptomatte: str
    names: dict[str, str]
    def __init__(
        self,
        *,
        passes: tuple[str, ...] | list[str] = ...,
        mattes: Mapping[str, str | list[str]] = ...,
        layer: str = "",
        view: str = "",
        cryptomatte: str = "object",
        names: Mapping[str, str] = ...,
    ) -> None: ...
    def __call__(self, layers: Layers, *, frame: int = 1, key: str = "", device: str = "cpu") -> Outputs: ...  # type: ignore[override]

class Noise(Node):
    """Make a grey texture of random spots.

    size: width and height of the picture, where none is linked that gives them (px)
    method: smooth spots of several sizes, or single pixels
    spots: size of the largest spots, one number or [across, down] (px)
    octaves: number of sizes of spots, each half of the one before
    roughness: strength of each size of spots, as a share of the one before
    low: darkest value
    high: brightest value
    seed: another number gives another texture
    moving: whether each frame has a texture of its own
    """
    size: tuple[int, int] | None
    method: Literal["fractal", "white"]
    spots: float | tuple[float, float]
    octaves: int
    roughness: float
    low: float
    high: float
    seed: int
    moving: bool
    def __init__(
        self,
        *,
        size: tuple[int, int] | list[int] | None = None,
        method: Literal["fractal", "white"] = "fractal",
        spots: float | tuple[float, float] | list[float] = 64.0,
        octaves: int = 5,
        roughness: float = 0.5,
        low: float = 0.0,
        high: float = 1.0,
        seed: int = 0,
        moving: bool = False,
    ) -> None: ...
    def __call__(self, like: Image | Matte | Labels | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class _OnnxSegmentOutputs(NamedTuple):
    labels: Labels
    probabilities: Image
    matte: Matte

class OnnxSegment(Node):
    """Segment pictures with a network in ONNX form.

    weights: the file that ExportONNX wrote (.onnx)
    batch: frames at once; default 1 on the CPU, on CUDA up to 8, as many as fit (frames)
    tile: side of overlapping tiles for large frames; 0: no tiles (px)
    overlap: overlap of tiles (px)
    threshold: matte above which a pixel is not background; default: the most probable class, with a shape 0.5
    scale: factor to resize frames by before the network, bicubic, and its output back; default that of the weights, mostly 1
    provider: what runs it; auto: cuda where the run is on CUDA, else cpu
    """
    weights: str
    batch: int | None
    tile: int
    overlap: int
    threshold: float | None
    scale: float | None
    provider: Literal["auto", "cpu", "cuda", "tensorrt"]
    def __init__(
        self,
        *,
        weights: str | PathLike[str],
        batch: int | None = None,
        tile: int = 0,
        overlap: int = 64,
        threshold: float | None = None,
        scale: float | None = None,
        provider: Literal["auto", "cpu", "cuda", "tensorrt"] = "auto",
    ) -> None: ...
    @overload  # type: ignore[override]
    def __call__(
        self,
        image: Image,
        shape: Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _OnnxSegmentOutputs: ...
    @overload
    def __call__(
        self,
        image: Batch[Image],
        shape: Batch[Matte] | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Segments: ...

class PaintObjects(Node):
    """Paint the tones of each object with clean edges.

    palette: palette: a name, a file, or class name -> "#rrggbb" or "#rrggbbaa", or two for a gradient
    along: direction of gradients between two colours of a class
    objects: names in the cryptomatte, wildcards allowed -> palette, as in `palette`
    cryptomatte: kind of the cryptomatte: object, material, asset, or its own name
    layer: view layer of the cryptomatte; empty: the first
    smooth: width of the Gaussian that smooths the borders of labels; 0: hard edges (px)
    sharpness: exponent of probabilities: 1 keeps their soft edges, 8 makes nearly flat tones
    """
    palette: str | dict[str, str]
    along: Literal["height", "luminance"]
    objects: dict[str, str | dict[str, str]]
    cryptomatte: str
    layer: str
    smooth: float
    sharpness: float
    def __init__(
        self,
        *,
        palette: str | Mapping[str, str] | PathLike[str] = ...,
        along: Literal["height", "luminance"] = "height",
        objects: Mapping[str, str | Mapping[str, str]] = ...,
        cryptomatte: str = "object",
        layer: str = "",
        smooth: float = 1.0,
        sharpness: float = 6.0,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        layers: Layers,
        labels: Labels | None = None,
        probabilities: Image | None = None,
        image: Image | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Image: ...

class PaintTones(Node):
    """Paint every class in its colour of the palette.

    palette: palette: a name, a file, or class name -> "#rrggbb" or "#rrggbbaa", or two for a gradient
    along: direction of gradients between two colours of a class
    sharpness: exponent of probabilities: 1 keeps their soft edges, 8 makes nearly flat tones
    without: classes whose probability goes to the others, so that they are not painted and leave no hole
    """
    palette: str | dict[str, str]
    along: Literal["height", "luminance"]
    sharpness: float
    without: list[str]
    def __init__(
        self,
        *,
        palette: str | Mapping[str, str] | PathLike[str] = ...,
        along: Literal["height", "luminance"] = "height",
        sharpness: float = 1.0,
        without: list[str] = ...,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        labels: Labels | None = None,
        probabilities: Image | None = None,
        colors: Palette | None = None,
        image: Image | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Image: ...

class PaletteFromPicture(Node):
    """Take a palette out of a reference painting.

    path: picture to take the colours of; or link one
    colors: number of colours
    accents: weight of rare colours: 0 counts pixels, 1 counts each colour once
    """
    path: str | None
    colors: int
    accents: float
    def __init__(
        self,
        *,
        path: str | None | PathLike[str] = None,
        colors: int = 4,
        accents: float = 0.5,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[Image] | Sequence[Image] | Image | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Palette: ...

class PaperGrain(Node):
    """Add the grain of paper or film.

    method: grain of paper, or of film
    amount: strength: the standard deviation of the grain is a third of it
    grain: size of the grain (px)
    seed: another number gives another sheet
    moving: whether each frame has a grain of its own
    """
    method: Literal["paper", "film"]
    amount: float
    grain: float
    seed: int
    moving: bool
    def __init__(
        self,
        *,
        method: Literal["paper", "film"] = "paper",
        amount: float = 0.15,
        grain: float = 3.0,
        seed: int = 0,
        moving: bool = False,
    ) -> None: ...
    def __call__(self, image: Image, mask: Matte | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class Premultiply(Node):
    """Multiply colour by alpha.

    channels: channels to change: color, alpha, all, or names with wildcards (R G Normal.*), separated by spaces
    """
    channels: str
    def __init__(
        self,
        *,
        channels: str = "color",
    ) -> None: ...
    def __call__(self, image: Image, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class Ramp(Node):
    """Make a gradient between two colours.

    size: width and height of the picture, where none is linked that gives them (px)
    shape: straight from start to end, or round about start
    start: [x, y] of the first colour; default: middle of the top edge, of a radial ramp the centre (px)
    end: [x, y] of the last colour; default: middle of the bottom edge, of a radial ramp a corner (px)
    color_start: first colour, "#rrggbb" or "#rrggbbaa"
    color_end: last colour, "#rrggbb" or "#rrggbbaa"
    mix: even steps to the eye (sRGB codes), or of light
    ease: a straight course, or one that starts and ends softly (smoothstep)
    """
    size: tuple[int, int] | None
    shape: Literal["linear", "radial"]
    start: tuple[float, float] | None
    end: tuple[float, float] | None
    color_start: str
    color_end: str
    mix: Literal["srgb", "linear"]
    ease: Literal["none", "smooth"]
    def __init__(
        self,
        *,
        size: tuple[int, int] | list[int] | None = None,
        shape: Literal["linear", "radial"] = "linear",
        start: tuple[float, float] | list[float] | None = None,
        end: tuple[float, float] | list[float] | None = None,
        color_start: str = "#000000",
        color_end: str = "#ffffff",
        mix: Literal["srgb", "linear"] = "srgb",
        ease: Literal["none", "smooth"] = "none",
    ) -> None: ...
    def __call__(self, like: Image | Matte | Labels | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class Reformat(Node):
    """Resize every frame to a size or by a factor.

    width: new width; default: from the proportions (px)
    height: new height; default: from the proportions (px)
    scale: factor of both sides, instead of width and height
    filter: resampling filter
    fit: placement of a frame of other proportions
    """
    width: int | None
    height: int | None
    scale: float | None
    filter: Literal["nearest", "bilinear", "bicubic", "lanczos", "area"]
    fit: Literal["fill", "fit", "stretch", "width", "height", "none"]
    def __init__(
        self,
        *,
        width: int | None = None,
        height: int | None = None,
        scale: float | None = None,
        filter: Literal["nearest", "bilinear", "bicubic", "lanczos", "area"] = "lanczos",
        fit: Literal["fill", "fit", "stretch", "width", "height", "none"] = "fill",
    ) -> None: ...
    def __call__(self, image: _Picture, *, frame: int = 1, key: str = "", device: str = "cpu") -> _Picture: ...  # type: ignore[override]

class RemoveSpecks(Node):
    """Remove small regions and fill small holes.

    area: smallest region that is kept, in pixels; 0 keeps all (px)
    holes: smallest hole of a matte that is kept, in pixels; 0 fills none; default `area` (px)
    threshold: smallest matte value that belongs to a region
    classes: labels: classes whose small regions are removed; empty: all
    connectivity: how pixels connect: 4 by their sides, 8 by their corners as well
    """
    area: int
    holes: int | None
    threshold: float
    classes: list[str]
    connectivity: Literal[4, 8]
    def __init__(
        self,
        *,
        area: int = 64,
        holes: int | None = None,
        threshold: float = 0.5,
        classes: list[str] = ...,
        connectivity: Literal[4, 8] = 8,
    ) -> None: ...
    def __call__(self, shape: _Shape, *, frame: int = 1, key: str = "", device: str = "cpu") -> _Shape: ...  # type: ignore[override]

class Retime(Node):
    """Show a clip faster, slower, or backwards.

    input_range: first and last frame of the input that may be shown, as 993-1108; default: those of the shot
    speed: frames of the input for each frame of the result: 0.5 is half as fast, -1 runs backwards
    start: frame that stays where it is; default: the first frame of the shot
    times: frame of the result -> frame of the input, instead of a speed
    method: what is shown between two frames of the input
    """
    input_range: str
    speed: float
    start: int | None
    times: dict[int, float]
    method: Literal["nearest", "blend", "motion"]
    def __init__(
        self,
        *,
        input_range: str = "",
        speed: float = 1.0,
        start: int | None = None,
        times: Mapping[int, float] = ...,
        method: Literal["nearest", "blend", "motion"] = "nearest",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[Image] | Sequence[Image] | Image,
        motion: Clip[Image] | Sequence[Image] | Image | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Image: ...

class ShadowOnPlate(Node):
    """Multiply a background by a shadow.

    color: what is left of white in full shadow, "#rrggbb": a dark blue makes a cool shadow
    density: factor of the matte
    """
    color: str
    density: float
    def __init__(
        self,
        *,
        color: str = "#000000",
        density: float = 1.0,
    ) -> None: ...
    def __call__(self, image: Image, shadow: Matte, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class ShuffleChannels(Node):
    """Copy channels to other names and between pictures.

    channels: new channel -> source: a name, b.name, or a number
    """
    channels: dict[str, str]
    def __init__(
        self,
        *,
        channels: Mapping[str, str] = ...,
    ) -> None: ...
    def __call__(self, image: Image, b: Image | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class SideBySide(Node):
    """Lay out pictures, mattes and labels side by side.

    gap: width of the black line between two pictures (px)
    """
    gap: int
    def __init__(
        self,
        *,
        gap: int = 4,
    ) -> None: ...
    def __call__(self, pictures: Sequence[Image | Matte | Labels], *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class SmoothEdge(Node):
    """Smooth the edge of a matte.

    method: smoothing method: blur and sharpen, straight lines, or the image's own edge
    radius: radius of the blur (standard deviation), or of the guided filter's window (px)
    softness: width of the edge after a blur, at most the blur's own of 2.5 times its radius (px)
    tolerance: largest distance between polygon and edge (px)
    detail: smallest step of the image's brightness, 0 to 1, that guides the edge
    """
    method: Literal["blur", "polygon", "guided"]
    radius: float
    softness: float
    tolerance: float
    detail: float
    def __init__(
        self,
        *,
        method: Literal["blur", "polygon", "guided"] = "blur",
        radius: float = 2.0,
        softness: float = 1.0,
        tolerance: float = 1.0,
        detail: float = 0.1,
    ) -> None: ...
    def __call__(self, matte: Matte, image: Image | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Matte: ...  # type: ignore[override]

class SolveAlpha(Node):
    """Solve alpha in the unknown part of a trimap.

    method: solver of the unknown alpha; auto: closed_form where pymatting is installed, else guided
    radius: guided: distance within which known pixels are used (px)
    """
    method: Literal["auto", "closed_form", "guided"]
    radius: float
    def __init__(
        self,
        *,
        method: Literal["auto", "closed_form", "guided"] = "auto",
        radius: float = 32.0,
    ) -> None: ...
    def __call__(self, image: Image, trimap: Matte, *, frame: int = 1, key: str = "", device: str = "cpu") -> Matte: ...  # type: ignore[override]

class SplitParts(Node):
    """Cut a picture into parts: a cut-out and a matte each.

    parts: parts to cut out, from back to front; default all, in their own order
    rest: name of an additional part behind all others, of what they leave open; default none
    levels: matte values that become 0 and 1; values between are interpolated
    join: extend parts below the soft edges of those in front, so that no seam shows
    """
    parts: list[str]
    rest: str
    levels: tuple[float, float]
    join: bool
    def __init__(
        self,
        *,
        parts: list[str] = ...,
        rest: str = "",
        levels: tuple[float, float] | list[float] = ...,
        join: bool = True,
    ) -> None: ...
    def __call__(self, image: Image, mattes: Layers | Labels | Image, *, frame: int = 1, key: str = "", device: str = "cpu") -> Outputs: ...  # type: ignore[override]

class _StabilizeTonesOutputs(NamedTuple):
    labels: Labels
    probabilities: Image

class StabilizeTones(Node):
    """Remove flicker from tones.

    radius: number of frames used on each side; 0 changes nothing (frames)
    change: probability of another tone from one frame to the next; less holds tones longer, 1 changes nothing
    """
    radius: int
    change: float
    def __init__(
        self,
        *,
        radius: int = 4,
        change: float = 0.04,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        probabilities: Clip[Image] | Sequence[Image] | Image,
        motion: Clip[Image] | Sequence[Image] | Image | None = None,
        image: Clip[Image] | Sequence[Image] | Image | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _StabilizeTonesOutputs: ...

class StackPasses(Node):
    """Stack passes of a render into one picture.

    passes: passes, in the order of the channels, in any renderer's spelling
    layer: view layer of the passes; empty: the first
    view: stereo view (left, right); empty: the hero view
    names: name of a pass in this file -> its usual name, where it is not recognised
    alpha: keep the alpha of passes that have one
    normals: space of the normals: as rendered, or turned to the camera's
    """
    passes: tuple[str, ...]
    layer: str
    view: str
    names: dict[str, str]
    alpha: bool
    normals: Literal["world", "camera"]
    def __init__(
        self,
        *,
        passes: tuple[str, ...] | list[str] = ...,
        layer: str = "",
        view: str = "",
        names: Mapping[str, str] = ...,
        alpha: bool = False,
        normals: Literal["world", "camera"] = "world",
    ) -> None: ...
    def __call__(self, layers: Layers, more: Image | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class Switch(Node):
    """Pass one of several inputs on.

    which: number of the input, from 0; or frame -> number from that frame on
    """
    which: int | dict[int, int]
    def __init__(
        self,
        *,
        which: int | Mapping[int, int] = 0,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Sequence[Clip[_Picture] | Sequence[_Picture] | _Picture],
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _Picture: ...

class Text(Node):
    """Write text on a picture.

    size: width and height of the picture, where none is linked that gives them (px)
    text: the text; $F is the frame number
    font: font file (.ttf, .otf, .ttc); default: DejaVu Sans
    height: size of the letters: the height of their line without spacing (px)
    color: colour of the letters, "#rrggbb" or "#rrggbbaa"
    place: place in the frame
    margin: distance from the frame's edges (px)
    offset: movement from that place, [right, down] (px)
    align: alignment of several lines
    spacing: distance of lines, times their height
    outline: width of an outline (px)
    outline_color: colour of the outline
    direction: direction of the text: by its letters, or left to right, or right to left
    language: language code, where one font has forms for several, as ja or sr
    """
    size: tuple[int, int] | None
    text: str
    font: str
    height: float
    color: str
    place: Literal["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"]
    margin: float
    offset: tuple[float, float]
    align: Literal["left", "center", "right"]
    spacing: float
    outline: int
    outline_color: str
    direction: Literal["auto", "ltr", "rtl"]
    language: str
    def __init__(
        self,
        *,
        size: tuple[int, int] | list[int] | None = None,
        text: str = "",
        font: str | PathLike[str] = "",
        height: float = 48.0,
        color: str = "#ffffff",
        place: Literal["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"] = "center",
        margin: float = 24.0,
        offset: tuple[float, float] | list[float] = ...,
        align: Literal["left", "center", "right"] = "left",
        spacing: float = 1.2,
        outline: int = 0,
        outline_color: str = "#000000",
        direction: Literal["auto", "ltr", "rtl"] = "auto",
        language: str = "",
    ) -> None: ...
    def __call__(self, image: Image | None = None, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class TimeOffset(Node):
    """Show a clip later or earlier.

    input_range: first and last frame of the input that may be shown, as 993-1108; default: those of the shot
    by: delay; negative numbers show the clip earlier (frames)
    outside: what is shown before the first and after the last frame of the input
    """
    input_range: str
    by: int
    outside: Literal["hold", "loop", "bounce", "black"]
    def __init__(
        self,
        *,
        input_range: str = "",
        by: int = 0,
        outside: Literal["hold", "loop", "bounce", "black"] = "hold",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[_Picture] | Sequence[_Picture] | _Picture,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _Picture: ...

class ToneSplit(Node):
    """Split a shape into its tones, with a matte for each.

    classes: class names: background first, then tones from dark to bright
    thresholds: linear luminance at which each next tone begins, rising
    softness: width of the ramp that replaces a hard edge between tones (px)
    """
    classes: list[str]
    thresholds: list[float]
    softness: float
    def __init__(
        self,
        *,
        classes: list[str] = ...,
        thresholds: list[float] = ...,
        softness: float = 0.0,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        labels: Labels | None = None,
        image: Image | None = None,
        matte: Matte | None = None,
        scale: ToneScale | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Outputs: ...

class TonesFromPasses(Node):
    """Label tones from the passes of a render.

    recipe: light: a label view layer; key: the key light of any render; cinema4d: thresholds on its passes
    layer: key, cinema4d: view layer to read; empty: the first
    names: name of a pass in this file -> its usual name, where it is not recognised
    coverage: matte value above which a pixel belongs to the shape
    clean: replacement of stray pixels by the class around them; default: on, but off with cinema4d
    ground: label the shadows that shapes throw on what is not shape, as ground_shadow
    label_layer: light: view layer of white shapes under the label light
    objects: light, key: names of the shapes in the cryptomatte, wildcards allowed
    cryptomatte: light, key: kind of the cryptomatte: object, material, asset, or its own name
    light: light, key: direction to the light in the normals' space; default: key_direction in the header, or the light found; key also:
        strongest; 2, 3 ... for the next strongest; or a pass with the light of one lamp or light group alone (Combined_Key)
    form: light, key: lit luminance below which form shadow begins (linear)
    cast: light, key: share of normal . light below which a pixel is in cast shadow
    facing: light, key: least normal . light for a cast shadow
    gloss: light, key: glossy luminance above which highlight begins (linear)
    roughness: key: roughness of the surface whose gloss makes highlights, 0.05 polished to 1 matt
    median: key: side of the median that removes noise from shadows; 1 is off (px)
    normals: key: space of the file's normals
    object_pass: cinema4d: pass with the shape's coverage (object_1); empty: the material colour decides
    encoding: cinema4d: encoding of the passes: raw (codes / 255) or linear (encoded as sRGB first); auto: EXR linear, others raw
    illum: cinema4d: form shadow where the illumination's r, g and b are below this (code)
    shadow: cinema4d: cast shadow where r, g or b of the shadow pass is below this (code)
    specular: cinema4d: highlight where r, g or b of the speculars reaches this (code)
    black: cinema4d: no object where the material colour is below this r, g, b (code)
    white: cinema4d: no object where r, g and b of the material colour reach this (code)
    """
    recipe: Literal["light", "key", "cinema4d"]
    layer: str
    names: dict[str, str]
    coverage: float
    clean: bool | None
    ground: bool
    label_layer: str
    objects: str | list[str]
    cryptomatte: str
    light: tuple[float, float, float] | int | str | None
    form: float
    cast: float
    facing: float
    gloss: float
    roughness: float
    median: int
    normals: Literal["world", "camera"]
    object_pass: str
    encoding: Literal["auto", "linear", "raw"]
    illum: int
    shadow: int
    specular: int
    black: tuple[int, int, int]
    white: int
    def __init__(
        self,
        *,
        recipe: Literal["light", "key", "cinema4d"] = "light",
        layer: str = "",
        names: Mapping[str, str] = ...,
        coverage: float = 0.505,
        clean: bool | None = None,
        ground: bool = False,
        label_layer: str = "Label",
        objects: str | list[str] = "shape*",
        cryptomatte: str = "object",
        light: tuple[float, float, float] | list[float] | int | str | None = None,
        form: float = 0.38,
        cast: float = 0.5,
        facing: float = 0.15,
        gloss: float = 0.3,
        roughness: float = 0.35,
        median: int = 3,
        normals: Literal["world", "camera"] = "world",
        object_pass: str = "",
        encoding: Literal["auto", "linear", "raw"] = "auto",
        illum: int = 100,
        shadow: int = 210,
        specular: int = 20,
        black: tuple[int, int, int] | list[int] = ...,
        white: int = 210,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        layers: Layers,
        matte: Matte | None = None,
        direction: LightDirection | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Labels: ...

class TrainUNet(Node):
    """Train a U-Net or a U-2-Net on your own frames.

    frames: training and validation frames; default the graph's frames
    clip_length: length of each clip in the sequence; 0: unknown, or given by `clips` (frames)
    clips: frame range of each clip, instead of clip_length
    validation: validation frames, excluded from training; default none
    validation_clips: number of clips at the end to validate with, instead of `validation` (clips)
    validation_share: share of the clips, at the end, to validate with instead; 0.2 is a fifth
    task: what to predict: classes, the alpha of a shape, or mattes of parts; auto: by the linked input
    steps: number of optimizer steps
    epochs: length in passes over all training frames, instead of steps (epochs)
    score: score by which the best weights are chosen; auto: mean_iou, for alpha mae
    patience: validations without a better score before stopping early; 0: never
    batch: frames per batch (frames)
    crop: side of the square training crops (px)
    optimizer: optimizer
    learning_rate: peak learning rate
    schedule: learning-rate schedule; plateau: lowered when the score stops improving
    descent: optimizer: weight_decay 0.01, momentum 0.9, gradient_clip 1, warm_up 0.05, plateau_patience 3, plateau_factor 0.3
    precision: arithmetic; auto: bfloat16 where the device multiplies it natively, float16 on older CUDA, else float32
    compile: compile the network first (torch.compile): a minute or more, then faster steps, most on a GPU
    seed: random seed
    architecture: network; the parameters from `width` to `context` are for unet only; efficient: see `encoder_weights`
    encoder_weights: file (.pth) of an EfficientNet-Lite's published weights, from which the encoder of an efficient network starts
    width: features of the first level, doubled at each level below
    widths: features of every level, first to last, instead of width and depth
    depth: number of levels below the first
    patch: side of squares folded into the channels of one pixel: faster, coarser (px)
    refine: features of a small full-resolution path that refines outlines; with patch
    norm: normalisation layers; group for small batches
    upsampling: upsampling of the decoder; bilinear has no weights
    block: convolutions; separable: smaller and, on a CPU, faster
    dropout: share of features zeroed at random in training
    attention: weight the skip connections by attention gates
    context: give the lowest level the context of the whole picture
    channels: channels of the picture that are the network's input
    encoding: encoding of colours; normals and other data channels are raw
    encodings: encoding of single channels, where it is not the usual one: {Depth.Z: raw}
    grey: convert red, green and blue to one grey channel
    scale: factor to resize frames by, before the network
    squash: side of the square to resize frames to, instead of scale; 0: off (px)
    normalise: signed: 0..1 becomes -1..1; imagenet: divided by the frame's largest value, then by ImageNet's mean and deviation
    dice: weight of the soft Dice loss; not for alpha
    loss: weights of further loss terms; see above
    class_balance: 0: equal weight for all pixels, 1: for all classes
    class_weights: weight factors of single classes by name; default 1
    ignore: class, by name or index, excluded from loss and scores; default none
    ema: decay of the moving average of the weights (EMA), which is what is kept; 0: off
    augment: strengths of augmentation, over the defaults above
    checkpoints: folder of checkpoints, logs, loss curve and sheets; default none
    every: steps between validations, and between checkpoints; the best weights are kept
    evaluations: number of validations in each epoch, instead of every
    snapshots: write the weights of each stage beside its sheet, in `checkpoints`
    start_from: checkpoint (.pt) of a training on other frames, to fine-tune with its optimizer state
    watch: further loggers, writing into `checkpoints`; wandb is offline
    licence: licence of the weights, written into their metadata
    """
    frames: str
    clip_length: int
    clips: list[str]
    validation: str
    validation_clips: int
    validation_share: float
    task: Literal["auto", "labels", "alpha", "parts"]
    steps: int
    epochs: float
    score: Literal["auto", "mean_iou", "mean_dice", "mean_iou_foreground", "mean_dice_foreground", "mae", "max_f"]
    patience: int
    batch: int
    crop: int
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"]
    learning_rate: float
    schedule: Literal["cosine", "onecycle", "constant", "plateau"]
    descent: dict[Literal["weight_decay", "momentum", "gradient_clip", "warm_up", "plateau_patience", "plateau_factor"], float]
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    compile: bool
    seed: int
    architecture: Literal["unet", "u2net", "u2netp", "efficient_lite0", "efficient_lite1", "efficient_lite2"]
    encoder_weights: str | None
    width: int
    widths: list[int]
    depth: int
    patch: int
    refine: int
    norm: Literal["batch", "group"]
    upsampling: Literal["transposed", "bilinear"]
    block: Literal["standard", "separable"]
    dropout: float
    attention: bool
    context: bool
    channels: list[str]
    encoding: Literal["srgb", "linear", "raw"]
    encodings: dict[str, Literal["srgb", "linear", "raw", "depth"]]
    grey: bool
    scale: float
    squash: int
    normalise: Literal["none", "signed", "imagenet"]
    dice: float
    loss: dict[Literal["focal", "edge", "edge_width", "isolated", "smoothing", "consistency", "bce", "ssim", "l1", "gradient", "laplacian"], float]
    class_balance: float
    class_weights: dict[str, float]
    ignore: str
    ema: float
    augment: dict[Literal["flip", "quarter", "rotate", "scale", "texture", "light", "gamma", "brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg", "drop_shape", "drop_pass"], float]
    checkpoints: str
    every: int
    evaluations: int
    snapshots: bool
    start_from: str | None
    watch: list[Literal["tensorboard", "wandb"]]
    licence: str
    def __init__(
        self,
        *,
        frames: str = "",
        clip_length: int = 0,
        clips: list[str] = ...,
        validation: str = "",
        validation_clips: int = 0,
        validation_share: float = 0.0,
        task: Literal["auto", "labels", "alpha", "parts"] = "auto",
        steps: int = 2000,
        epochs: float = 0,
        score: Literal["auto", "mean_iou", "mean_dice", "mean_iou_foreground", "mean_dice_foreground", "mae", "max_f"] = "auto",
        patience: int = 0,
        batch: int = 8,
        crop: int = 192,
        optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw",
        learning_rate: float = 0.002,
        schedule: Literal["cosine", "onecycle", "constant", "plateau"] = "cosine",
        descent: Mapping[Literal["weight_decay", "momentum", "gradient_clip", "warm_up", "plateau_patience", "plateau_factor"], float] = ...,
        precision: Literal["auto", "float32", "bfloat16", "float16"] = "float32",
        compile: bool = False,
        seed: int = 0,
        architecture: Literal["unet", "u2net", "u2netp", "efficient_lite0", "efficient_lite1", "efficient_lite2"] = "unet",
        encoder_weights: str | None | PathLike[str] = None,
        width: int = 32,
        widths: list[int] = ...,
        depth: int = 4,
        patch: int = 1,
        refine: int = 0,
        norm: Literal["batch", "group"] = "batch",
        upsampling: Literal["transposed", "bilinear"] = "transposed",
        block: Literal["standard", "separable"] = "standard",
        dropout: float = 0.0,
        attention: bool = False,
        context: bool = False,
        channels: list[str] = ...,
        encoding: Literal["srgb", "linear", "raw"] = "srgb",
        encodings: Mapping[str, Literal["srgb", "linear", "raw", "depth"]] = ...,
        grey: bool = False,
        scale: float = 1.0,
        squash: int = 0,
        normalise: Literal["none", "signed", "imagenet"] = "none",
        dice: float = 0.5,
        loss: Mapping[Literal["focal", "edge", "edge_width", "isolated", "smoothing", "consistency", "bce", "ssim", "l1", "gradient", "laplacian"], float] = ...,
        class_balance: float = 0.5,
        class_weights: Mapping[str, float] = ...,
        ignore: str = "",
        ema: float = 0.99,
        augment: Mapping[Literal["flip", "quarter", "rotate", "scale", "texture", "light", "gamma", "brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg", "drop_shape", "drop_pass"], float] = ...,
        checkpoints: str | PathLike[str] = "",
        every: int = 200,
        evaluations: int = 0,
        snapshots: bool = False,
        start_from: str | None | PathLike[str] = None,
        watch: list[Literal["tensorboard", "wandb"]] = ...,
        licence: str = "",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[Image] | Sequence[Image] | Image,
        labels: Clip[Labels] | Sequence[Labels] | Labels | None = None,
        matte: Clip[Matte] | Sequence[Matte] | Matte | None = None,
        parts: Clip[Layers | Image] | Sequence[Layers | Image] | Layers | Image | None = None,
        model: Model | None = None,
        motion: Clip[Image] | Sequence[Image] | Image | None = None,
        preview: Clip[Image] | Sequence[Image] | Image | None = None,
        shape: Clip[Matte] | Sequence[Matte] | Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Model: ...

class Transform(Node):
    """Move, turn and scale a picture.

    translate: [right, down], or frame -> [right, down] (px)
    rotate: angle, anticlockwise, or frame -> angle (degrees)
    scale: factor, [across, down], or frame -> factor; negative numbers mirror
    skew: lean of upright lines to the right (degrees)
    center: [x, y] that scaling and turning keep in place; default: middle of the frame (px)
    ease: course between frames that are given: straight, slow at both ends, or in jumps
    filter: resampling filter; labels always take the nearest pixel
    invert: undo this transformation instead of doing it
    """
    translate: tuple[float, float] | dict[int, tuple[float, float]]
    rotate: float | dict[int, float]
    scale: float | tuple[float, float] | dict[int, float]
    skew: float
    center: tuple[float, float] | dict[int, tuple[float, float]] | None
    ease: Literal["linear", "smooth", "hold"]
    filter: Literal["nearest", "bilinear", "bicubic"]
    invert: bool
    def __init__(
        self,
        *,
        translate: tuple[float, float] | list[float] | Mapping[int, tuple[float, float] | list[float]] = ...,
        rotate: float | Mapping[int, float] = 0.0,
        scale: float | tuple[float, float] | list[float] | Mapping[int, float] = 1.0,
        skew: float = 0.0,
        center: tuple[float, float] | list[float] | Mapping[int, tuple[float, float] | list[float]] | None = None,
        ease: Literal["linear", "smooth", "hold"] = "linear",
        filter: Literal["nearest", "bilinear", "bicubic"] = "bicubic",
        invert: bool = False,
    ) -> None: ...
    def __call__(self, image: _Picture, *, frame: int = 1, key: str = "", device: str = "cpu") -> _Picture: ...  # type: ignore[override]

class Trimap(Node):
    """Make a trimap from a rough mask.

    erode: width of the unknown band inside the mask's edge (px)
    dilate: width of the unknown band outside the mask's edge (px)
    classes: classes of labels that are foreground; default all but the first
    empty: frames with an empty mask (the shape is out of the picture): error fails them, background makes them all background
    """
    erode: float
    dilate: float
    classes: list[str]
    empty: Literal["error", "background"]
    def __init__(
        self,
        *,
        erode: float = 10.0,
        dilate: float = 10.0,
        classes: list[str] = ...,
        empty: Literal["error", "background"] = "error",
    ) -> None: ...
    def __call__(self, mask: Matte | Labels, *, frame: int = 1, key: str = "", device: str = "cpu") -> Matte: ...  # type: ignore[override]

class _UNetSegmentOutputs(NamedTuple):
    labels: Labels
    probabilities: Image
    matte: Matte

class UNetSegment(Node):
    """Segment pictures with a trained network.

    weights: weights file (.safetensors, .pth, .pt); or link a model
    batch: frames at once; default 1 on the CPU, on CUDA up to 8, as many as fit (frames)
    precision: arithmetic; auto: bfloat16 where the device multiplies it natively, float16 on older CUDA, else float32; changes a few pixels
        at edges
    memory: memory of a frame in the network above which it is cut into tiles, each with all that the network sees around it, which changes
        nothing but the memory (of efficient networks, the last digit); 0: never (GB)
    compile: compile the network first (torch.compile): a minute or more for each size of frame, then a little faster, most on a GPU; for
        long clips; changes a few pixels at edges
    tile: side of overlapping tiles for large frames; 0: no tiles (px)
    overlap: overlap of tiles (px)
    threshold: matte above which a pixel is not background; default: the most probable class, with a shape 0.5
    scale: factor to resize frames by before the network, bicubic, and its output back; default that of the weights, mostly 1
    """
    weights: str | None
    batch: int | None
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    memory: float
    compile: bool
    tile: int
    overlap: int
    threshold: float | None
    scale: float | None
    def __init__(
        self,
        *,
        weights: str | None | PathLike[str] = None,
        batch: int | None = None,
        precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
        memory: float = 4.0,
        compile: bool = False,
        tile: int = 0,
        overlap: int = 64,
        threshold: float | None = None,
        scale: float | None = None,
    ) -> None: ...
    @overload  # type: ignore[override]
    def __call__(
        self,
        image: Image,
        model: Model | None = None,
        shape: Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> _UNetSegmentOutputs: ...
    @overload
    def __call__(
        self,
        image: Batch[Image],
        model: Model | None = None,
        shape: Batch[Matte] | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Segments: ...

class Unpremultiply(Node):
    """Divide colour by alpha.

    channels: channels to change: color, alpha, all, or names with wildcards (R G Normal.*), separated by spaces
    """
    channels: str
    def __init__(
        self,
        *,
        channels: str = "color",
    ) -> None: ...
    def __call__(self, image: Image, *, frame: int = 1, key: str = "", device: str = "cpu") -> Image: ...  # type: ignore[override]

class WriteAnimation(Node):
    """Write the clip as an APNG or an animated WebP.

    path: file to write (.png .apng .webp)
    fps: frames per second: 24, 23.976 or 24000/1001 (1/s)
    loop: number of times the clip plays; 0: for ever
    alpha: alpha; off: the picture over black
    quality: quality of WebP's colour; default: without loss
    """
    path: str
    fps: float | str
    loop: int
    alpha: bool
    quality: int | None
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        fps: float | str = 24.0,
        loop: int = 0,
        alpha: bool = True,
        quality: int | None = None,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[Image | Matte | Labels] | Sequence[Image | Matte | Labels] | Image | Matte | Labels,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WriteFlatPSD(Node):
    """Write flat art as a PSD with a group for each object.

    path: the files: a name with a frame token that ends in .psd
    palette: class -> its colour, "#rrggbb" or "#rrggbbaa", where no picture is linked
    objects: objects that are groups, by their names in the cryptomatte, wildcards allowed
    cryptomatte: kind of the cryptomatte: object, material, asset, or its own name
    ink_color: colour of an ink matte, "#rrggbb" or "#rrggbbaa"
    ground_color: colour of the ground's matte, "#rrggbb" or "#rrggbbaa"
    """
    path: str
    palette: dict[str, str]
    objects: str | list[str]
    cryptomatte: str
    ink_color: str
    ground_color: str
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        palette: Mapping[str, str] = ...,
        objects: str | list[str] = "*",
        cryptomatte: str = "object",
        ink_color: str = "#1b1a22",
        ground_color: str = "#00000080",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        labels: Labels,
        image: Image | None = None,
        layers: Layers | None = None,
        background: Image | None = None,
        ground: Image | Matte | None = None,
        ink: Image | Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WriteFrames(Node):
    """Write every frame to a file.

    path: the files: a name with a frame token (####, %04d, $F4)
    depth: sample type; auto: as the picture was read where the format holds it, else 8 bit or half
    colorspace: encoding of colour; auto: 8 and 16 bit srgb, floats linear, mattes raw
    quality: quality of JPEG, and of WebP that is not lossless
    lossless: lossless WebP
    compression: compression of EXR; all but dwaa are lossless
    names: layer names of the `extra` inputs, in their order
    values: grey value of each class, to write labels as grey; default: a palette of indices
    """
    path: str
    depth: Literal["auto", 8, 16, "half", "float"]
    colorspace: Literal["srgb", "linear", "raw"] | Literal["auto"]
    quality: int
    lossless: bool
    compression: Literal["zip", "zips", "piz", "none", "rle", "dwaa"]
    names: list[str]
    values: list[int] | None
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        depth: Literal["auto", 8, 16, "half", "float"] = "auto",
        colorspace: Literal["srgb", "linear", "raw"] | Literal["auto"] = "auto",
        quality: int = 95,
        lossless: bool = True,
        compression: Literal["zip", "zips", "piz", "none", "rle", "dwaa"] = "zip",
        names: list[str] = ...,
        values: list[int] | None = None,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Image | Matte | Labels | None = None,
        layers: Layers | None = None,
        extra: Sequence[Image | Matte] | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WriteGIF(Node):
    """Write the clip as an animated GIF.

    path: file to write (.gif)
    fps: frames per second; above 50 frames are dropped: browsers do not show them (1/s)
    loop: number of times the clip plays; 0: for ever
    transparent: transparency where alpha is below 0.5; off: the picture over black
    """
    path: str
    fps: float
    loop: int
    transparent: bool
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        fps: float = 24.0,
        loop: int = 0,
        transparent: bool = True,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[Image | Matte | Labels] | Sequence[Image | Matte | Labels] | Image | Matte | Labels,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WriteLottie(Node):
    """Write the clip's tones as a Lottie animation.

    path: file to write (.json)
    palette: class -> its colour, "#rrggbb" or "#rrggbbaa", in place of other colours
    objects: objects that are groups, by their names in the cryptomatte, wildcards allowed
    cryptomatte: kind of the cryptomatte: object, material, asset, or its own name
    ink_color: colour of an ink matte, "#rrggbb"
    tolerance: largest distance of curves from the borders (px)
    overlap: width of the line under a border; 0 is none (px)
    fps: frames per second: 24, 23.976 or 24000/1001 (1/s)
    """
    path: str
    palette: dict[str, str]
    objects: str | list[str]
    cryptomatte: str
    ink_color: str
    tolerance: float
    overlap: float
    fps: float | str
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        palette: Mapping[str, str] = ...,
        objects: str | list[str] = "*",
        cryptomatte: str = "object",
        ink_color: str = "#1b1a22",
        tolerance: float = 0.7,
        overlap: float = 1.0,
        fps: float | str = 24.0,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        labels: Clip[Labels] | Sequence[Labels] | Labels,
        image: Clip[Image] | Sequence[Image] | Image | None = None,
        layers: Clip[Layers] | Sequence[Layers] | Layers | None = None,
        ink: Clip[Image | Matte] | Sequence[Image | Matte] | Image | Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WriteModel(Node):
    """Write a trained network as safetensors.

    path: weights file to write (.safetensors)
    precision: float16 halves the file; norms and biases stay float32
    """
    path: str
    precision: Literal["float16", "float32"]
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        precision: Literal["float16", "float32"] = "float16",
    ) -> None: ...
    def __call__(self, model: Model, *, frame: int = 1, key: str = "", device: str = "cpu") -> Path: ...  # type: ignore[override]

class WritePSD(Node):
    """Write each frame as a PSD with named layers.

    path: the files: a name with a frame token that ends in .psd
    depth: bits of a sample
    colorspace: encoding of colour; srgb for files that people paint in
    names: names of the `pictures`, in their order
    order: names of the layers to write, from the bottom up; default all
    palette: layer -> its colour, "#rrggbb" or "#rrggbbaa", of labels and mattes
    opacity: layer -> its opacity; default 1
    hidden: names of layers that are hidden
    """
    path: str
    depth: Literal[8, 16]
    colorspace: Literal["srgb", "linear", "raw"]
    names: list[str]
    order: list[str]
    palette: dict[str, str]
    opacity: dict[str, float]
    hidden: list[str]
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        depth: Literal[8, 16] = 8,
        colorspace: Literal["srgb", "linear", "raw"] = "srgb",
        names: list[str] = ...,
        order: list[str] = ...,
        palette: Mapping[str, str] = ...,
        opacity: Mapping[str, float] = ...,
        hidden: list[str] = ...,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        layers: Layers | None = None,
        labels: Labels | None = None,
        pictures: Sequence[Image | Matte] | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WriteParts(Node):
    """Write a mask for each part of each frame.

    path: files to write: a name with {part}, and a frame token or *
    parts: parts to write, or part -> its word in the files
    pictures: pictures whose names replace `*` in the path, as for LoadPictures
    depth: bits of a sample
    hard: hard masks: white where the matte is 0.5 or more, else black
    """
    path: str
    parts: list[str] | dict[str, str]
    pictures: str | list[str]
    depth: Literal[8, 16]
    hard: bool
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        parts: list[str] | Mapping[str, str],
        pictures: str | list[str] | PathLike[str] = "",
        depth: Literal[8, 16] = 8,
        hard: bool = False,
    ) -> None: ...
    def __call__(self, mattes: Image | Layers | Labels, *, frame: int = 1, key: str = "", device: str = "cpu") -> Path: ...  # type: ignore[override]

class WritePicturePSD(Node):
    """Write a layered PSD for each picture of LoadPictures.

    path: files to write: a name with * that ends in .psd
    depth: bits of a sample
    colorspace: encoding of colour; srgb for files that people paint in
    names: names of the `pictures`, in their order
    order: names of the layers to write, from the bottom up; default all
    palette: layer -> its colour, "#rrggbb" or "#rrggbbaa", of labels and mattes
    opacity: layer -> its opacity; default 1
    hidden: names of layers that are hidden
    named_after: pictures whose names replace `*` in the path, as for LoadPictures
    """
    path: str
    depth: Literal[8, 16]
    colorspace: Literal["srgb", "linear", "raw"]
    names: list[str]
    order: list[str]
    palette: dict[str, str]
    opacity: dict[str, float]
    hidden: list[str]
    named_after: str | list[str]
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        depth: Literal[8, 16] = 8,
        colorspace: Literal["srgb", "linear", "raw"] = "srgb",
        names: list[str] = ...,
        order: list[str] = ...,
        palette: Mapping[str, str] = ...,
        opacity: Mapping[str, float] = ...,
        hidden: list[str] = ...,
        named_after: str | list[str] | PathLike[str],
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        layers: Layers | None = None,
        labels: Labels | None = None,
        pictures: Sequence[Image | Matte] | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WritePictures(Node):
    """Write each frame under the name of its source picture.

    path: the files: a name with * for the picture's name
    depth: sample type; auto: as the picture was read where the format holds it, else 8 bit or half
    colorspace: encoding of colour; auto: 8 and 16 bit srgb, floats linear, mattes raw
    quality: quality of JPEG, and of WebP that is not lossless
    lossless: lossless WebP
    compression: compression of EXR; all but dwaa are lossless
    names: layer names of the `extra` inputs, in their order
    values: grey value of each class, to write labels as grey; default: a palette of indices
    pictures: what LoadPictures reads: a folder, a name with wildcards, a file, or a list
    """
    path: str
    depth: Literal["auto", 8, 16, "half", "float"]
    colorspace: Literal["srgb", "linear", "raw"] | Literal["auto"]
    quality: int
    lossless: bool
    compression: Literal["zip", "zips", "piz", "none", "rle", "dwaa"]
    names: list[str]
    values: list[int] | None
    pictures: str | list[str]
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        depth: Literal["auto", 8, 16, "half", "float"] = "auto",
        colorspace: Literal["srgb", "linear", "raw"] | Literal["auto"] = "auto",
        quality: int = 95,
        lossless: bool = True,
        compression: Literal["zip", "zips", "piz", "none", "rle", "dwaa"] = "zip",
        names: list[str] = ...,
        values: list[int] | None = None,
        pictures: str | list[str] | PathLike[str],
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Image | Matte | Labels | None = None,
        layers: Layers | None = None,
        extra: Sequence[Image | Matte] | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WriteSVG(Node):
    """Write each frame's tones as filled paths of an SVG.

    path: the files: a name with a frame token that ends in .svg
    palette: class -> its colour, "#rrggbb" or "#rrggbbaa", in place of other colours
    objects: objects that are groups, by their names in the cryptomatte, wildcards allowed
    cryptomatte: kind of the cryptomatte: object, material, asset, or its own name
    ink_color: colour of an ink matte, "#rrggbb"
    tolerance: largest distance of curves from the borders (px)
    overlap: width of the line under a border; 0 is none (px)
    """
    path: str
    palette: dict[str, str]
    objects: str | list[str]
    cryptomatte: str
    ink_color: str
    tolerance: float
    overlap: float
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        palette: Mapping[str, str] = ...,
        objects: str | list[str] = "*",
        cryptomatte: str = "object",
        ink_color: str = "#1b1a22",
        tolerance: float = 0.7,
        overlap: float = 1.0,
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        labels: Labels,
        image: Image | None = None,
        layers: Layers | None = None,
        ink: Image | Matte | None = None,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...

class WriteVideo(Node):
    """Write the clip as a video: MP4, MOV, MKV or WebM.

    path: file to write (.mp4 .mov .mkv .webm)
    fps: frames per second: 24, 23.976 or 24000/1001 (1/s)
    codec: codec; auto: h264 in .mp4, prores_4444 in .mov, ffv1 in .mkv, vp9 in .webm
    crf: constant quality of h264, hevc, av1 and vp9, lower is better; default 16, 18, 24 and 20
    chroma: chroma subsampling; default 420, and 422 or 444 where the codec has no other
    bits: bits of a sample; default 8, ProRes and AV1 10
    alpha: alpha where the codec holds it; off: the picture over black
    transfer: transfer curve in the tags; bt709 as players and editors expect, srgb exact in colour-managed players
    """
    path: str
    fps: float | str
    codec: Literal["h264", "hevc", "av1", "vp9", "ffv1", "prores_proxy", "prores_lt", "prores_422", "prores_hq", "prores_4444", "prores_xq", "dnxhr_lb", "dnxhr_sq", "dnxhr_hq", "dnxhr_hqx", "dnxhr_444"] | Literal["auto"]
    crf: float | None
    chroma: Literal["420", "422", "444"] | None
    bits: Literal[8, 10, 12, 16] | None
    alpha: bool
    transfer: Literal["bt709", "srgb"]
    def __init__(
        self,
        *,
        path: str | PathLike[str],
        fps: float | str = 24.0,
        codec: Literal["h264", "hevc", "av1", "vp9", "ffv1", "prores_proxy", "prores_lt", "prores_422", "prores_hq", "prores_4444", "prores_xq", "dnxhr_lb", "dnxhr_sq", "dnxhr_hq", "dnxhr_hqx", "dnxhr_444"] | Literal["auto"] = "auto",
        crf: float | None = None,
        chroma: Literal["420", "422", "444"] | None = None,
        bits: Literal[8, 10, 12, 16] | None = None,
        alpha: bool = True,
        transfer: Literal["bt709", "srgb"] = "bt709",
    ) -> None: ...
    def __call__(  # type: ignore[override]
        self,
        image: Clip[Image | Matte | Labels] | Sequence[Image | Matte | Labels] | Image | Matte | Labels,
        *,
        frame: int = 1,
        key: str = "",
        device: str = "cpu",
    ) -> Path: ...
