"""InkLines: the lines of a drawing, from the passes of a render."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import AfterValidator, field_validator

from rotonodes.node.base import Node
from rotonodes.node.parameters import Color, Colors, param
from rotonodes.values.color import checked_palette
from rotonodes.values.pixels import Image, Labels, Layers, Matte

if TYPE_CHECKING:
    from rotonodes.imaging.lines.ink import InkRules

Kind = Literal["object", "material", "depth", "normal", "tone"]
AnyKind = Literal["object", "material", "depth", "normal", "tone", "freestyle"]
KINDS = ("object", "material", "depth", "normal", "tone", "freestyle")
_INNER = {"material": 0.7, "depth": 0.7, "normal": 0.7, "tone": 0.5}  # of the width of outlines


class Inked(NamedTuple):
    """The lines in their colours, premultiplied on nothing, and where they are."""

    image: Image
    matte: Matte


class InkLines(Node):
    """Draw ink lines from the passes of a render.

    Composite the lines over flat tones: they are premultiplied, antialiased, on nothing.

    `object` lines run between objects, `material` lines between the materials of one object (cryptomattes, index passes, Cinema 4D's object
    buffers and material colour); `depth` lines where a surface hides another part of its own object; `normal` lines along creases;
    `tone` lines between the classes of linked labels; `freestyle` takes the lines of Blender's Freestyle pass. A kind that is not set is
    drawn where its pass is there; `true` demands it. Places within a pixel come from the cryptomatte's coverages and from pixels that mix
    two normals; lines are joined, bridged over small gaps, and smoothed by less than half a pixel, so that they keep still when the camera
    moves. Where lines of several kinds coincide, the first kind is drawn. With a linked `matte`, its edge is the only outline.
    """

    object: bool | None = param(None, help="lines between objects")
    material: bool | None = param(None, help="lines between the materials of an object")
    depth: bool | None = param(None, help="lines where an object hides a part of itself")
    normal: bool | None = param(None, help="lines along creases")
    tone: bool | None = param(None, help="lines between the classes of linked labels")
    freestyle: bool = param(False, help="lines of the render's Freestyle pass")

    step: float = param(0.01, help="depth: least step, as a share of the farther depth", gt=0, lt=1)
    crease: float = param(30.0, help="normal: least angle of a crease", unit="degrees", gt=0, le=180)
    shortest: float = param(6.0, help="length below which inner lines are left out", unit="px", ge=0)
    median: int = param(1, help="side of the median that removes noise from normals; 1 is off", unit="px", ge=1, le=15)
    objects: str | list[str] = param([], help="objects that get lines, by their names in the cryptomatte, wildcards allowed; empty: all")

    width: float = param(2.0, help="width of outlines", gt=0, le=100)
    unit: Literal["px", "%"] = param("px", help="unit of width and taper: pixels, or percent of the frame's height")
    widths: dict[Kind, float] = param({}, help="kind -> factor of width; default: object 1, material, depth and normal 0.7, tone 0.5")
    side: Literal["centred", "inside", "outside"] = param("centred", help="where outlines lie, seen from the object in front")
    taper: float = param(0.0, help="length over which a line gets thin towards a free end", ge=0, le=1000)
    thin: float = param(
        0.0,
        help="most that a line covers of a thin shape's thickness, as a share, so that leaves are not all ink; 0: no limit",
        ge=0,
        le=1,
        added=True,
    )
    color: Color = param("#1b1a22", help='colour of the lines, "#rrggbb" or "#rrggbbaa"')
    colors: Annotated[dict[AnyKind, str], AfterValidator(checked_palette)] = param({}, help='kind -> "#rrggbb", where another')
    object_colors: Colors = param(
        {},
        help='names in the cryptomatte, wildcards allowed -> "#rrggbb"; the first that fits the object in front',
        examples=[{"shape": "#405060"}],
    )

    layer: str = param("", help="view layer to read; empty: the first")
    view: str = param("", help="stereo view (left, right); empty: the hero view")
    names: dict[str, str] = param({}, help="name of a pass in this file -> its usual name, where it is not recognised")

    @field_validator("widths")
    @classmethod
    def _are_widths(cls, widths: dict[str, float]) -> dict[str, float]:
        for kind, factor in widths.items():
            if not 0 <= factor <= 100:
                raise ValueError(f"widths: {kind} must be a factor of 0 to 100, not {factor:g}")
        return widths

    def pixel_reach(self) -> float:
        return math.inf  # a line is kept or left out as a whole

    def process(self, layers: Layers, labels: Labels | None = None, matte: Matte | None = None) -> Inked:
        from rotonodes.imaging.lines.ink import ink

        made = ink(layers, self._rules(layers.height), self.layer, self.view, self.names, labels, matte)
        device = next((one.device for one in (labels, matte) if one is not None), made.device)
        made = made.to(device)
        return Inked(made, Matte(made.data[3:].clone()))

    def _rules(self, height: int) -> InkRules:
        from rotonodes.imaging.lines.ink import InkRules

        scale = height / 100 if self.unit == "%" else 1.0
        return InkRules(
            wanted={kind: getattr(self, kind) for kind in KINDS},
            step=self.step,
            crease=math.radians(self.crease),
            shortest=self.shortest,
            median=self.median,
            objects=[self.objects] if isinstance(self.objects, str) else self.objects,
            width=self.width * scale,
            widths=_INNER | {str(kind): factor for kind, factor in self.widths.items()},
            color=self.color,
            colors={str(kind): color for kind, color in self.colors.items()},
            object_colors=self.object_colors,
            side=self.side,
            taper=self.taper * scale,
            thin=self.thin,
        )
