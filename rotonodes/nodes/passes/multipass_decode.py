"""MultipassDecode: the passes and cryptomattes of a multipass frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from pydantic import model_validator

from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte
from rotonodes.imaging.passes.names import Passes, pass_image
from rotonodes.imaging.passes.spellings import CANONICAL
from rotonodes.node.annotations import Wanted
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Layers, Matte


class MultipassDecode(Node):
    """Take passes and object mattes out of a render.

    The mattes of named objects come from the cryptomattes of a multipass frame, or without one from its object buffers (`object_1`).

    Each pass becomes an output, under the name it was asked for by, and so does each entry of `mattes`. Passes keep
    the frame, data window and header of the file; their values are as stored, so depth, normals and ids are raw.
    A pass or name that is not in the file fails the frame, but only when its output is linked.
    """

    revision: ClassVar[int] = 1  # more spellings of passes

    passes: tuple[str, ...] = param(
        CANONICAL,
        help="passes to output, in any renderer's spelling, with or without a view layer in front (Label.DiffDir)",
    )
    mattes: dict[str, str | list[str]] = param(
        {},
        help="output name -> names in the cryptomatte: names, wildcards (shape*), several with commas or as a list; !Floor takes one out",
    )
    layer: str = param("", help="view layer of passes and mattes; empty: the first")
    view: str = param("", help="stereo view (left, right); empty: the hero view")
    cryptomatte: str = param("object", help="kind of the cryptomatte: object, material, asset, or its own name")
    names: dict[str, str] = param({}, help="name of a pass in this file -> its usual name, where it is not recognised")

    @model_validator(mode="after")
    def _names_differ(self) -> MultipassDecode:
        listed = [*self.passes, *self.mattes]
        if not listed:
            raise ValueError("nothing to decode: name a pass in `passes`, or a matte in `mattes`")
        twice = sorted({name for name in listed if listed.count(name) > 1})
        if twice:
            raise ValueError(f"two outputs are called {twice[0]!r}: rename the matte or list the pass once")
        return self

    def outputs(self) -> Mapping[str, type]:
        return {**dict.fromkeys(self.passes, Image), **dict.fromkeys(self.mattes, Matte)}

    def process(self, layers: Layers, wanted: Wanted) -> dict[str, Image | Matte]:
        passes = Passes.of(layers, self.names)
        asked: tuple[str, ...] = tuple(name for name in self.passes if name in wanted)
        if asked == CANONICAL:  # the default: all passes that the file has
            asked = tuple(name for name in asked if passes.has(name, self.layer, self.view))
        made: dict[str, Image | Matte] = {
            name: pass_image(layers, passes.find(name, self.layer, self.view)) for name in asked
        }  # fmt: skip
        mattes = [name for name in self.mattes if name in wanted]
        if mattes:
            crypto = find_cryptomatte(layers, self.cryptomatte, self.layer, self.view)
            made |= {name: decode_matte(layers, crypto, self.mattes[name]) for name in mattes}
        return made

    def glance(self, output: str, frame: int, inputs: Mapping[str, Layers]) -> Layers | None:
        layers = inputs["layers"]
        if output not in self.passes:
            return None  # mattes need their pixels decoded
        found = Passes.of(layers, self.names).find(output, self.layer, self.view)
        return replace(layers, planes={short: layers.planes[full] for short, full in found.channels})
