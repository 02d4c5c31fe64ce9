# SPDX-License-Identifier: GPL-3.0-or-later
"""The view layers `Beauty` and `Label` for anyone's scene, in a copy of the scene that goes away without a trace.

The copy shares objects, collections, materials and animation with the scene, and has view layers, settings and metadata of its
own. Nothing of the scene itself is ever changed, so that to undo all of it is to delete what is new.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import bpy
from mathutils import Vector

from . import choose, keylight, near, passes

MADE = ("scenes", "objects", "lights", "materials", "worlds", "collections")  # kinds of data that labelling makes
SAMPLES = 128  # per pixel of the picture, where Cycles' own number was never set


@dataclass(frozen=True)
class Wanted:
    """What to label and how; names of objects and collections may hold wildcards."""

    shapes: list[str]
    collections: list[str]  # whose objects are shapes
    leave_out: list[str]  # objects that Label does not see at all
    key: str | None  # name of the key light; None for the strongest
    direction: list[float] | None  # towards the light in world space, instead of a key light
    view_layer: str | None  # of the picture; None for the first that is rendered
    samples: int | None  # per pixel of the picture; None for the scene's own
    label_only: bool  # no picture
    ground: bool = False  # also the layers that tell the shapes' shadow on what is not shape


@dataclass
class Labelled:
    """A copy of a scene that renders its labels."""

    scene: bpy.types.Scene
    shapes: list[bpy.types.Object]
    sun: bpy.types.Object
    key: bpy.types.Object | None  # None where the direction was given
    direction: Vector  # unit vector towards the key light in the current frame, world space
    notes: list[str]  # what a user should know, a line each
    through: list[bpy.types.Object] = field(default_factory=list)  # what the label light shines through in the current frame
    suns: list[bpy.types.Object] = field(default_factory=list)  # beside `sun`, for shapes close to the key light
    close: list[near.Group] = field(default_factory=list)  # those shapes and their directions in the current frame

    def go_to(self, frame: int) -> None:
        """Turn to a frame, with the label light where the key light is. Raises Refused."""
        self.scene.frame_set(frame)
        if self.key:
            self.direction = keylight.direction(self.key, self.scene.view_layers["Beauty"], self.shapes)
        passes.shine_from(self.sun, self.direction)
        beauty = self.scene.view_layers["Beauty"]
        if self.key:
            self.through = keylight.shadow_like(self.sun, self.key, beauty, self.shapes)
            self.close = near.shine(self.key, beauty, self.shapes, self.sun, self.suns)
        else:
            self.through = keylight.emitters(self.direction, self.scene.view_layers["Label"], self.shapes)
            keylight.shine_through(self.sun, self.through)

    def render(self, frame: int, path: Path) -> None:
        """Write a frame. Raises RuntimeError or OSError."""
        self.go_to(frame)
        passes.metadata(self.scene, **self.header())
        render_apart(self.scene, frame, path)

    def header(self) -> dict:
        """What the files' header notes of the current frame."""
        note = {"key_direction": passes.rounded(self.direction), "camera": passes.camera_rotation(self.scene)}
        if self.close:
            note["key_directions"] = near.noted(self.close)
        return note


def render_apart(scene: bpy.types.Scene, frame: int, path: Path) -> None:
    """Write a frame of a scene that is not the context's. Raises RuntimeError or OSError.

    The operator ends by playing back the scene of its context, over all that was changed and not keyed: let that be another one.
    """
    empty = bpy.data.scenes.new("empty")
    empty.frame_set(frame)  # it renders the frame of its context
    try:
        with bpy.context.temp_override(scene=empty, view_layer=empty.view_layers[0]):
            passes.render_to(scene, frame, path)
    finally:
        bpy.data.scenes.remove(empty)


@contextmanager
def labelled(scene: bpy.types.Scene, wanted: Wanted, frame: int) -> Iterator[Labelled]:
    """A scene with its label layer, in `frame`; afterwards all is as it was, whatever happens in between. Raises Refused."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in MADE}
    try:
        yield _label(scene, wanted, frame)
    finally:
        for kind in MADE:  # scenes first, for they hold on to the others
            bpy.data.batch_remove(set(getattr(bpy.data, kind)) - before[kind])


def _label(scene: bpy.types.Scene, wanted: Wanted, frame: int) -> Labelled:
    if scene.library:
        raise choose.Refused(f"scene {scene.name} is linked from {scene.library.filepath}: open that file instead")
    if not scene.camera:
        raise choose.Refused(f"scene {scene.name} has no camera")
    picture = choose.view_layer(scene, wanted.view_layer)
    found = list(dict.fromkeys(choose.rendered(picture.layer_collection)))
    notes: list[str] = []
    shapes, others = _divide(scene, found, wanted, notes)
    copy = scene.copy()
    copy.name = f"{scene.name} labelled"
    _keep_only(copy, picture.name, notes)
    light = _add_label(copy, shapes, others, wanted.ground)
    _settings(copy, wanted, notes)
    copy.frame_set(frame)
    sun = passes.sun("label_sun", light.name, Vector((0, 0, 1)), passes.LABEL_ENERGY / copy.cycles.film_exposure, angle=0)
    key = None if wanted.direction else _key_light(scene, copy, found, shapes, wanted.key)
    result = Labelled(copy, shapes, sun, key, Vector(wanted.direction or (0, 0, 1)).normalized(), notes)
    result.go_to(frame)
    _tell_shadows(result)
    _tell_names(copy, shapes, others, notes)
    return result


def _tell_shadows(made: Labelled) -> None:
    """Note what throws no shadow in Label, what takes the light from all of the shapes, and what is lit from a side of its own."""
    if made.close:
        made.notes.append(f"{made.key.name} stands close, and shines on the shapes from {len(made.close)} sides in Label, on each from one")
    if made.through:
        why = f"behind {made.key.name}" if made.key else "shining, and in the way of --direction"
        made.notes.append(f"{why}, and without shadow in Label: {choose.names(made.through)}")
    blocking = keylight.in_the_way(made.direction, made.scene.view_layers["Label"], made.shapes, made.through)
    if blocking:
        made.notes.append(f"between all of the shapes and the light: {choose.names(blocking)}: --leave-out takes it out of Label")


def _tell_names(copy: bpy.types.Scene, shapes: list, others: list, notes: list[str]) -> None:
    """Note the names that shapes share with what is no shape: the picture's cryptomatte has one matte for both, `Label` has not."""
    beauty = copy.view_layers["Beauty"]
    taken = {name for names in choose.cryptomatte_names(beauty, shapes).values() for name in names}
    for obj, names in sorted(choose.cryptomatte_names(beauty, others).items(), key=lambda pair: pair[0].name):
        if shared := taken.intersection(names):
            notes.append(f"in the cryptomatte of the picture {obj.name}, which is no shape, is {', '.join(sorted(shared))} as well")


def _divide(scene: bpy.types.Scene, found: list[bpy.types.Object], wanted: Wanted, notes: list[str]) -> tuple[list, list]:
    """The shapes, and the other objects that Label sees."""
    seen = [obj for obj in found if obj.type in choose.SURFACES or choose.inside(obj)]
    shapes = choose.shapes(scene, seen, wanted.shapes, wanted.collections)
    out = [obj for obj in seen if choose.matches(obj.name, wanted.leave_out)]
    fog = [obj for obj in seen if choose.only_volume(obj)]
    kept = set(seen).difference(out, fog)
    for obj in kept:
        if lamp := choose.lamp_inside(obj):
            raise choose.Refused(f"{obj.name} instances the light {lamp.name}, which would shine on the labels: --leave-out {obj.name}")
    for said, objects in (
        ("left out of Label", out),
        ("left out of Label, for they are volumes", set(fog).difference(out)),
        ("hidden from renders", [obj for obj in shapes if obj.hide_render]),
        ("solid and white in Label, whatever their materials cut out, refract or displace", filter(choose.unlike_white, shapes)),
    ):
        if listed := choose.names(objects):
            notes.append(f"{said}: {listed}")
    shapes = [obj for obj in shapes if obj in kept]
    if not shapes:
        raise choose.Refused(f"scene {scene.name} has no shape to label: all were left out")
    return shapes, list(kept.difference(shapes))


def _keep_only(copy: bpy.types.Scene, name: str, notes: list[str]) -> None:
    """Make the layer of the picture `Beauty`; the copy needs no other."""
    others = [layer for layer in copy.view_layers if layer.name != name]
    if rendered := choose.names(layer for layer in others if layer.use):
        notes.append(f"other view layers are not rendered: {rendered}")
    for layer in others:
        copy.view_layers.remove(layer)
    beauty = copy.view_layers[0]
    beauty.name = "Beauty"
    # renders do not heed the eyes in the outliner, but what they hide is not evaluated
    for collection in _tree(beauty.layer_collection):
        collection.hide_viewport = False
    for obj in beauty.objects:
        obj.hide_set(False, view_layer=beauty)


def _tree(collection: bpy.types.LayerCollection) -> Iterator[bpy.types.LayerCollection]:
    yield collection
    for child in collection.children:
        yield from _tree(child)


def _add_label(copy: bpy.types.Scene, shapes: list, others: list, ground: bool) -> bpy.types.Collection:
    """Add `Label`, and `Ground` and `Bare` where they are asked for; `Beauty` does not see their collections.

    Returns the collection of the label light.
    """
    beauty = copy.view_layers["Beauty"]
    unseen = {obj for obj in [*shapes, *others] if obj.indirect_only_get(view_layer=beauty)}
    held_out = {obj for obj in [*shapes, *others] if obj.holdout_get(view_layer=beauty)} - unseen
    white = {obj for obj in shapes if obj not in unseen | held_out}
    if not white:
        raise choose.Refused(f"view layer {beauty.name} shows no shape: {choose.names(shapes)}: held out, or seen indirectly only")
    # what lies in no collection but the scene's own, which no layer can exclude, gets one
    rest = list(copy.collection.objects)
    _collection(copy, "rest", rest)
    for obj in rest:
        copy.collection.objects.unlink(obj)
    theirs = set(copy.collection.children)
    sets = {"shapes": white, "ground": set(others) - unseen - held_out, "holdout": held_out, "unseen": unseen, "light": ()}
    own = {name: _collection(copy, f"label_{name}", objects) for name, objects in sets.items()}
    # only ever true: false would also open the collections below
    for child in beauty.layer_collection.children:
        if child.collection not in theirs:
            child.exclude = True
    held = {"Label": {"ground", "holdout"}, passes.GROUND: {"shapes", "holdout"}, passes.BARE: {"holdout"}}
    for name in ("Label", passes.GROUND, passes.BARE) if ground else ("Label",):
        layer = passes.white_layer(copy, name)
        layer.use_freestyle = layer.use_volumes = False
        for child in layer.layer_collection.children:
            if child.collection in theirs or (name == passes.BARE and child.collection == own["shapes"]):
                child.exclude = True
            child.holdout = child.collection in {own[held_name] for held_name in held[name]}
            child.indirect_only = child.collection == own["unseen"]
    return own["light"]


def _collection(copy: bpy.types.Scene, name: str, objects: Iterable[bpy.types.Object]) -> bpy.types.Collection:
    collection = bpy.data.collections.new(name)
    copy.collection.children.link(collection)
    for obj in sorted(objects, key=lambda obj: obj.name_full):  # one order, one render
        collection.objects.link(obj)
    return collection


def _settings(copy: bpy.types.Scene, wanted: Wanted, notes: list[str]) -> None:
    """Cycles, the passes that rotonodes reads, and nothing between the render and the file."""
    render, cycles, beauty = copy.render, copy.cycles, copy.view_layers["Beauty"]
    render.use_compositing = render.use_sequencer = render.use_single_layer = False
    if render.use_multiview:
        notes.append("stereo is switched off: one picture of the camera")
        render.use_multiview = False
    if render.engine != "CYCLES":
        notes.append(f"the scene is for {render.engine}; Label needs Cycles, which renders Beauty too: it may look different")
        render.engine, cycles.samples = "CYCLES", SAMPLES
    # Label has its own number of samples, so layers' numbers must count, where they did not before
    if wanted.samples or cycles.use_layer_samples == "IGNORE":
        beauty.samples = 0
    elif cycles.use_layer_samples == "BOUNDED" and beauty.samples:
        beauty.samples = min(beauty.samples, cycles.samples)
    cycles.use_layer_samples, cycles.samples = "USE", wanted.samples or cycles.samples
    if 0 < cycles.sample_clamp_direct < 1:
        notes.append(f"clamping of direct light is raised from {cycles.sample_clamp_direct:g} to 1, which is Label's white")
        cycles.sample_clamp_direct = 1
    for name in passes.BEAUTY_PASSES:
        setattr(beauty, f"use_pass_{name}", True)
    beauty.pass_cryptomatte_depth = max(beauty.pass_cryptomatte_depth, 4)
    beauty.use = not wanted.label_only
    passes.multilayer(copy)
    render.image_settings.color_management = "FOLLOW_SCENE"  # linear light as it was rendered


def _key_light(scene: bpy.types.Scene, copy: bpy.types.Scene, found: list, shapes: list, name: str | None) -> bpy.types.Object:
    lamps = [obj for obj in found if obj.type == "LIGHT" and not obj.hide_render]
    if name:
        return keylight.named(scene, lamps, name)
    beauty = copy.view_layers["Beauty"]
    return keylight.strongest(scene, lamps, beauty, keylight.middle(beauty, shapes))
