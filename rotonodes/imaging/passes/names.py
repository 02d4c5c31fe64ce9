"""Channel names of multipass files split into view layers, passes, stereo views and channels.

A pass may be asked for in any renderer's spelling of its name (`spellings`). Names are split from the right, since the names of
layers and passes may contain spaces and dots: `My layer.v2.Diffuse Direct.R`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotonodes.errors import FrameError, did_you_mean, listed
from rotonodes.imaging.passes.spellings import canonical, canonical_beside, rank, squash

if TYPE_CHECKING:
    import numpy as np

    from rotonodes.values.pixels import Image, Layers

# The label layer and what tells the shadow on the ground; Blender's compositor output, which is not a view layer. Blender 4.5 writes layers
# in alphabetical order, where Bare is before Beauty.
BEHIND = ("Label", "Ground", "Bare", "Composite")
_CHANNEL_WORDS = {"red": "R", "green": "G", "blue": "B", "alpha": "A"}
_CHANNEL_ORDER = "RGBXYZWUVA"  # serves RGBA, XYZW and UVA
_NAMED_IN_MESSAGES = 12


@dataclass(frozen=True)
class Pass:
    """One pass of one view layer: `name` as the file spells it, `channels` as (short name, full name) in R G B A order.

    `layer` is empty for a pass outside view layers, `view` for a pass outside stereo views.
    """

    layer: str
    name: str
    view: str
    canonical: str
    channels: tuple[tuple[str, str], ...]

    @property
    def full_name(self) -> str:
        """The view layer, if any, and the pass, as the file spells them: `ViewLayer.Combined`."""
        return f"{self.layer}.{self.name}" if self.layer else self.name


@dataclass(frozen=True)
class Passes:
    """All passes of a file. `views` are its stereo views, the hero view first; `where` is the file, for messages."""

    passes: tuple[Pass, ...]
    views: tuple[str, ...] = ()
    where: str = "these layers"

    @classmethod
    def of(cls, layers: Layers, names: Mapping[str, str] | None = None) -> Passes:
        """The passes of a multipass frame; `names` maps the user's spellings to canonical names."""
        views = layers.metadata.get("multiView") or ()
        spelled = _views_of_parts(layers)
        hero_first = [layers.metadata["view"]] if spelled else [views] if isinstance(views, str) else views
        return read_passes(layers.planes, hero_first, names, layers.path, spelled)

    @property
    def layers(self) -> tuple[str, ...]:
        """The view layers in the file's order, those that are no picture of the scene behind: `BEHIND`."""
        return tuple(sorted(dict.fromkeys(p.layer for p in self.passes), key=lambda layer: BEHIND.index(layer) if layer in BEHIND else -1))

    @property
    def default_layer(self) -> str:
        """The default view layer: none where the file has a picture outside of layers, else the first."""
        if not self.passes or any(p.layer == "" and p.canonical == "Combined" for p in self.passes):
            return ""
        return next((layer for layer in self.layers if layer), "")

    def find(self, asked: str, layer: str = "", view: str = "") -> Pass:
        """The pass for any spelling of its name, with or without a view layer in front (`Label.DiffDir`).

        Raises FrameError with what was asked for, what the file has, and the nearest name.
        """
        view = self.view_named(view)
        layer = self.layer_named(layer) if layer else self.default_layer
        if found := self._found(asked, layer, view):
            return found
        raise FrameError(self._missing(asked, layer, view))

    def has(self, asked: str, layer: str = "", view: str = "") -> bool:
        """Whether `find` would find the pass. Raises FrameError for an unknown layer or view."""
        return self._found(asked, self.layer_named(layer) if layer else self.default_layer, self.view_named(view)) is not None

    def _found(self, asked: str, layer: str, view: str) -> Pass | None:
        for in_layer, word in self._readings(asked, layer):
            if found := _best([p for p in self.passes if p.layer == in_layer and p.view in (view, "")], word, view):
                return found
        return None

    def _readings(self, asked: str, layer: str) -> Iterator[tuple[str, str]]:
        """Possible readings of the text as (view layer, pass), the likeliest first: a layer in front before a dot in the pass's name."""
        for name in sorted(filter(None, self.layers), key=len, reverse=True):
            if asked.casefold().startswith(name.casefold() + "."):
                yield name, asked[len(name) + 1 :]
        yield layer, asked
        yield "", asked  # passes outside view layers belong to all of them

    def layer_named(self, layer: str) -> str:
        """A view layer as the file spells it. Raises FrameError for an unknown one."""
        known = {name.casefold(): name for name in self.layers if name}
        if layer.casefold() in known:
            return known[layer.casefold()]
        there = ", ".join(map(repr, known.values())) or "none"
        raise FrameError(f"{self.where}: there is no view layer {layer!r}{did_you_mean(layer, known.values())}; it has {there}")

    def view_named(self, view: str) -> str:
        """A stereo view as the file spells it, the hero view by default. Raises FrameError for an unknown one."""
        if not view:
            return self.views[0] if self.views else ""
        known = {name.casefold(): name for name in self.views}
        if view.casefold() in known:
            return known[view.casefold()]
        there = ", ".join(known.values()) if known else "none, the picture is not stereo"
        raise FrameError(f"{self.where}: there is no view {view!r}; it has {there}")

    def _missing(self, asked: str, layer: str, view: str) -> str:
        here = [p for p in self.passes if p.layer == layer and p.view in (view, "")]
        names = list(dict.fromkeys(p.canonical for p in here))
        shown = listed(names, _NAMED_IN_MESSAGES) or "no passes"
        place = f" in view layer {layer!r}" if layer else ""
        meant = did_you_mean(asked, dict.fromkeys([*names, *(p.name for p in here)]))
        text = f"{self.where}: there is no pass {asked!r}{place}{meant}; it has {shown}"
        if other := next((p for p in self.passes if p.layer != layer and _spells(p, asked)), None):
            text += f"; view layer {other.layer!r} has it: ask for {other.layer + '.' + asked!r}"
        return text


def _spells(candidate: Pass, word: str) -> bool:
    return squash(candidate.name) == squash(word) or candidate.canonical == canonical(word)


def _best(candidates: list[Pass], word: str, view: str) -> Pass | None:
    """The candidate that `word` names: spelled alike, else alike but for case, else the likeliest with the same canonical name.

    All ranks of a cryptomatte count as one pass.
    """
    meant = canonical(word)

    def unlike(p: Pass) -> tuple[bool | int, ...]:
        return p.name != word, squash(p.name) != squash(word), p.canonical != meant, p.view != view, rank(p.name)

    if spelled := [p for p in candidates if _spells(p, word)]:
        return min(spelled, key=unlike)
    ranks = [p for p in candidates if p.canonical[-2:].isdigit() and canonical(p.name[:-2]) == meant]
    if not ranks:
        return None
    channels = tuple((f"{p.name[-2:]}.{short}", full) for p in sorted(ranks, key=lambda p: p.name) for short, full in p.channels)
    return Pass(ranks[0].layer, ranks[0].name[:-2], ranks[0].view, meant, channels)


def read_passes(
    channels: Iterable[str],
    views: Iterable[str] = (),
    names: Mapping[str, str] | None = None,
    where: str = "",
    spelled: Mapping[str, tuple[str, str]] | None = None,
) -> Passes:
    """Passes from full channel names in the file's order; `views` as in the header's `multiView`.

    `spelled` maps channels whose part names their view to (the name a single-part file would have, view).
    """
    channels = list(channels)
    more = dict.fromkeys(view for _, view in (spelled or {}).values())
    all_views = tuple(dict.fromkeys([*views, *more])) or _guessed_views(channels)
    split = [_split(spelled[channel][0] if spelled and channel in spelled else channel, all_views) for channel in channels]
    tops = _layers_with_pictures(stem for stem, _, _ in split)
    found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for full, (stem, view, channel) in zip(channels, split, strict=True):
        layer, name = _bare(channel) if not stem else _layer_and_pass(stem, tops)
        found.setdefault((layer, name, view), []).append((channel, full))
    beside: dict[str, set[str]] = {}
    for layer, name, _ in found:
        beside.setdefault(layer, set()).add(squash(name))
    passes = tuple(
        Pass(layer, name, view, canonical_beside(name, beside[layer], names), _ordered(members))
        for (layer, name, view), members in found.items()
    )
    return Passes(passes, all_views, where or "these layers")


def _split(channel: str, views: tuple[str, ...]) -> tuple[str, str, str]:
    """(layer and pass, view, channel) by OpenEXR's multi-view rules.

    The view is the last word before the channel; a bare channel belongs to the hero view, one with a layer but no view to none.
    """
    stem, _, short = channel.rpartition(".")
    rest, _, last = stem.rpartition(".")
    if last in views:
        return rest, last, short
    return stem, views[0] if views and not stem else "", short


def _views_of_parts(layers: Layers) -> dict[str, tuple[str, str]]:
    """Full name -> (`Layer.Pass.left.R`, `left`) for the channels of parts whose header notes their view.

    Parts are called `Layer.Pass-left` with channels `Layer.Pass.R` (Blender 5), or `rgba_left` with channels `R` (Nuke and the
    OpenEXR sample files): the view is taken out of the part's name, and the name left over is not repeated.
    """
    found = {}
    for full, view in layers.views.items():
        part = layers.parts[full]
        channel = full.removeprefix(f"{part}.")
        stem = _without_view(part, view)
        local, _, short = channel.rpartition(".")
        if local and (local == stem or stem.endswith(f".{local}") or not stem):
            stem, local = stem or local, ""
        elif local.startswith(f"{stem}."):
            stem, local = local, ""
        found[full] = (".".join(filter(None, (stem, local, view, short))), view)
    return found


def _without_view(part: str, view: str) -> str:
    """A part's name without its view, which stands at its end or start: `rgba` of `rgba_left`."""
    for joint in "_-. ":
        if part.endswith(joint + view):
            return part.removesuffix(joint + view)
        if part.startswith(view + joint):
            return part.removeprefix(view + joint)
    return "" if part == view else part


def _guessed_views(channels: list[str]) -> tuple[str, ...]:
    """`left` and `right`, for files of several parts whose header does not list the views."""
    words = {channel.split(".")[-2] for channel in channels if "." in channel}
    return ("left", "right") if {"left", "right"} <= words else ()


def _layers_with_pictures(stems: Iterable[str]) -> list[str]:
    """Names that are certainly view layers, since each has a Combined pass; the longest first."""
    tops = {layer for layer, _, name in (stem.rpartition(".") for stem in stems) if layer and squash(name) == "combined"}
    return sorted(tops, key=len, reverse=True)


def _layer_and_pass(stem: str, tops: list[str]) -> tuple[str, str]:
    for top in tops:
        if stem.startswith(top + "."):
            return top, stem[len(top) + 1 :]
    layer, _, name = stem.rpartition(".")
    return layer, name


def _bare(channel: str) -> tuple[str, str]:
    """(layer, pass) of a bare channel: colours are the picture, Z is depth, any other is a pass of its own."""
    if _short(channel) in ("R", "G", "B", "A", "Y", "RY", "BY"):
        return "", "Combined"
    return "", "Depth" if channel in ("Z", "z") else channel


def _short(channel: str) -> str:
    return _CHANNEL_WORDS.get(channel.casefold(), channel.upper() if len(channel) == 1 else channel)


def _ordered(members: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """(short name, full name) with short names normalised and in order; a duplicate keeps its own spelling."""
    shorts: dict[str, str] = {}
    for channel, full in members:
        shorts[channel if _short(channel) in shorts else _short(channel)] = full
    known = [short for short in _CHANNEL_ORDER if short in shorts]
    return tuple((short, shorts[short]) for short in (*known, *(s for s in shorts if s not in known)))


def pass_planes(layers: Layers, passes: Passes, found: Pass, count: int) -> np.ndarray:
    """The first `count` channels of a pass, float32 `[count, H, W]` as stored. Raises FrameError when it has fewer."""
    import numpy as np

    if len(found.channels) < count:
        raise FrameError(f"{passes.where}: {found.canonical} has {len(found.channels)} channels, not {count}: render it again")
    return np.stack([np.asarray(layers.planes[full], dtype=np.float32) for _, full in found.channels[:count]])


def pass_image(layers: Layers, found: Pass) -> Image:
    """A pass as a picture, float32, values as stored: channels under their short names, on its data window, with the file's header."""
    return layers.image([full for _, full in found.channels], tuple(short for short, _ in found.channels))
