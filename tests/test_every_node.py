"""Promises that hold for every node; no node is named here, a new one is tested as soon as it is in `rotonodes/nodes`.

A node is made with its counts and sizes at their least, and is fed by the types of its sockets; nodes that read get files by
what they give out. Where that is not enough, a parameter's `examples=[...]` says what to try.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import PIL.Image
import pytest
import torch

from rotonodes import Graph, run
from rotonodes.errors import RotoError, UsageError
from rotonodes.imaging.passes.cryptomatte import murmur3_32, name_id
from rotonodes.io.exr import write_layers
from rotonodes.io.pictures import write_labels
from rotonodes.machine import precision
from rotonodes.nets.model import Model, build
from rotonodes.nets.onnx import onnx_bytes
from rotonodes.nets.weights import save_weights
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes
from rotonodes.node.parameters import changes_pixels, parameter_faults, path_role, unit_of
from rotonodes.node.registry import full_name
from rotonodes.node.signature import FRAME_TYPES, Socket
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.palette import Palette
from rotonodes.values.pixels import Batch, Box, Clip, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS, LightDirection, ToneScale
from test_shards import frame_arrays, write_shard

NODES = [cls for cls in all_nodes().values() if cls.__module__.startswith("rotonodes.nodes")]
SIZES = [(9, 7), (1, 1), (1, 8), (33, 2)]
TOLERANCE = 2e-3  # CUDA against the CPU, of values near 1

every_node = pytest.mark.parametrize("cls", NODES, ids=full_name)


# Values by the types of sockets. Alpha and mattes are 1 in the top left corner, so that a single pixel has a shape.


@dataclass(frozen=True)
class Sample:
    """What to make values like: their size, a seed, and what is put into pictures beyond plain RGBA."""

    size: tuple[int, int] = (9, 7)
    seed: int = 0
    extra: tuple[str, ...] = ()
    pixels: Mapping[tuple[int, int], float] = field(default_factory=dict)  # (x, y) -> value of every colour plane


PLAIN = Sample()


def alpha_plane(sample: Sample) -> np.ndarray:
    width, height = sample.size
    alpha = np.clip(np.random.default_rng(sample.seed + 99).uniform(-0.3, 1.5, (height, width)), 0, 1).astype(np.float32)
    for x, y in [(0, 0), *sample.pixels]:
        alpha[y, x] = 1
    return alpha


def make_image(sample: Sample) -> Image:
    width, height = sample.size
    planes = np.random.default_rng(sample.seed).uniform(0, 1, (4 + len(sample.extra), height, width)).astype(np.float32)
    planes[3] = alpha_plane(sample)
    planes[:3] *= planes[3]
    for (x, y), value in sample.pixels.items():
        planes[:3, y, x] = value
    return Image(torch.from_numpy(planes), ("R", "G", "B", "A", *sample.extra))


def make_matte(sample: Sample) -> Matte:
    return Matte(torch.from_numpy(alpha_plane(sample))[None])


def make_labels(sample: Sample) -> Labels:
    width, height = sample.size
    data = np.random.default_rng(sample.seed).integers(0, len(CLASSES), (height, width)).astype(np.uint8)
    return Labels(torch.from_numpy(data), CLASSES, COLORS)


def make_layers(sample: Sample) -> Layers:
    """A frame with the passes that renderers write, beauty and a label view layer, and an object cryptomatte."""
    width, height = sample.size
    random, alpha = np.random.default_rng(sample.seed), alpha_plane(sample)
    planes: dict[str, np.ndarray] = {}
    for layer in ("ViewLayer", "Label"):
        for name in ("Combined", "DiffDir", "GlossDir", "Emit", "Env", "DiffCol", "Shadow"):
            for channel in "RGB":
                planes[f"{layer}.{name}.{channel}"] = (random.uniform(0, 1, (height, width)) * alpha).astype(np.float16)
        planes[f"{layer}.Combined.A"] = alpha.astype(np.float16)
        for channel in "XYZ":
            planes[f"{layer}.Normal.{channel}"] = random.uniform(-1, 1, (height, width)).astype(np.float32)
        planes[f"{layer}.Depth.Z"] = random.uniform(1, 9, (height, width)).astype(np.float32)
    identity = np.array([name_id("shape")], np.uint32).view(np.float32)[0]
    for name, plane in {"r": np.full_like(alpha, identity), "g": alpha, "b": alpha * 0, "a": alpha * 0}.items():
        planes[f"Label.CryptoObject00.{name}"] = plane
    manifest = json.dumps({"shape": f"{murmur3_32(b'shape'):08x}"})
    header = {"cryptomatte/1234567/name": "Label.CryptoObject", "cryptomatte/1234567/manifest": manifest}
    header["note"] = json.dumps({"key_direction": [0.48, -0.6, 0.64], "camera": [[0, 1, 0], [0, 0, 1], [1, 0, 0]]})
    return Layers(planes, Box(0, 0, width, height), sample.size, header)


@cache
def make_model() -> Model:
    torch.manual_seed(3)
    config = {"in_channels": 3, "classes": len(CLASSES), "width": 4, "depth": 1}
    network = build("unet", config)
    return Model("unet", config, CLASSES, COLORS, size_multiple=2, state=dict(network.state_dict()))


MAKERS: dict[type, Callable[[Sample], Any]] = {
    Image: make_image,
    Matte: make_matte,
    Labels: make_labels,
    Layers: make_layers,
    Model: lambda sample: make_model(),
    ToneScale: lambda sample: ToneScale((0.1, 0.3, 0.6)),
    Palette: lambda sample: Palette(("#102030", "#405060", "#8090a0", "#f0f0f0")),
    LightDirection: lambda sample: LightDirection((0.48, -0.6, 0.64)),
    Path: lambda sample: Path("in/picture.0001.exr"),
}


def given(socket: Socket, sample: Sample, kind: type | None = None, frames: int = 2) -> Any:
    """What the engine would feed an input with, made of `kind` (default: the first type it takes)."""
    make = MAKERS[kind or socket.types[0]]
    if socket.feed == "clip":
        clip = Clip.of([make(replace(sample, seed=sample.seed + 10 * i)) for i in range(frames)])
        return [clip] if socket.many else clip
    if socket.feed == "batch":
        return Batch.of([make(replace(sample, seed=sample.seed + 10 * i)) for i in range(frames)])
    return [make(sample)] if socket.many else make(sample)


# Nodes by the schema of their parameters.


def schema_values(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Any]:
    """Values to try for a parameter, out of its JSON schema; some may not be valid."""
    if "$ref" in schema:
        return schema_values(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    found: list[Any] = list(schema.get("examples", ()))
    for option in schema.get("anyOf", ()):
        found += schema_values(option, definitions)
    if "enum" in schema or "const" in schema:
        return found + list(schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind == "boolean":
        found += [False, True]
    elif kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 10_000))
        found += [v for v in (low, low + 1, low + 2, 40, 100, 300, high) if low <= v <= high]
        found += [low + (high - low) / 4, low + (high - low) / 3] if kind == "number" else []
    elif kind == "string":
        found += ["R", "G", "a", "1-2", "2", "#102030", "#405060", "shape", "Combined"]
    elif kind == "array":
        items = schema_values(schema["items"], definitions) if "items" in schema else []
        if "prefixItems" in schema:
            options = [schema_values(item, definitions) for item in schema["prefixItems"]]
            found += [[values[min(at, len(values) - 1)] for values in options] for at in range(3)]
        found += [[], *([item] for item in items), items[:2], items[1:3]]
    elif kind == "object":
        inner = schema.get("additionalProperties", {})
        names = schema.get("propertyNames", {}).get("enum", ["a", "midtone"])
        found += [{}, *({name: value} for name in names[:2] for value in schema_values(inner, definitions))]
    return found


def role_values(cls: type[Node], name: str) -> list[str]:
    """Paths to try for a path parameter: files that `stock` wrote, or names to write to."""
    if path_role(cls.model_fields[name]) == "output":
        weights = (".safetensors",) if any(Model in s.types for s in cls.signature.inputs.values()) else ()
        endings = (*weights, ".png", ".exr", ".gif", ".####.png", "-b.gif", "-b.####.png", "")
        return [f"out/{cls.type_name}-{name}{ending}" for ending in endings]
    wanted = {*cls.signature.outputs.values(), *(t for s in cls.signature.inputs.values() for t in s.types)}
    names = ["in/labels.####.png", "in/labels.png"] if Labels in wanted and Layers not in wanted else []
    names = ["in/weights.safetensors", "in/other.safetensors"] if Model in wanted else names
    return names or ["in/picture.####.exr", "in/picture.0001.exr", "in/picture$pass.####.exr"]


@cache
def candidates(cls: type[Node], name: str) -> list[Any]:
    """Values to try for one parameter."""
    schema = cls.model_json_schema()
    if path_role(cls.model_fields[name]):
        return [*schema["properties"][name].get("examples", ()), *role_values(cls, name)]
    values = schema_values(schema["properties"][name], schema.get("$defs", {}))
    return list({json.dumps(v, sort_keys=True): v for v in values}.values())


def least(cls: type[Node]) -> dict[str, Any]:
    """Counts and sizes (whole numbers from 1 up) at their least, so that a training is over in a moment."""
    properties = cls.model_json_schema()["properties"]
    return {name: s["minimum"] for name, s in properties.items() if s.get("type") == "integer" and s.get("minimum", 0) >= 1}


@dataclass(frozen=True)
class Case:
    """A node that can be made and run: its parameters as written, and which inputs are linked."""

    cls: type[Node]
    values: Mapping[str, Any]
    linked: tuple[str, ...]

    @property
    def node(self) -> Node:
        return self.cls(**self.values)

    def __str__(self) -> str:
        return f"{self.cls.type_name}({dict(self.values)}) with {', '.join(self.linked) or 'no inputs'}"

    def with_value(self, name: str, value: Any) -> "Case":
        return replace(self, values={**self.values, name: value})

    def is_right(self) -> bool:
        """Whether a graph check has nothing to say about it."""
        if parameter_faults(self.cls, self.values):
            return False
        return not list(self.node.faults(frozenset(self.linked), 2 if self.cls.signature.is_clip else 1))

    def inputs(self, sample: Sample = PLAIN, kind: type | None = None) -> dict[str, Any]:
        """Inputs made of `kind` where a socket takes it."""
        sockets = {name: self.cls.signature.inputs[name] for name in self.linked}
        return {name: given(socket, sample, kind if kind in socket.types else None) for name, socket in sockets.items()}

    def kinds(self) -> list[type | None]:
        """The types that its sockets of several types are tried with, as far as it takes them together."""
        several = {t: None for name in self.linked if len(types := self.cls.signature.inputs[name].types) > 1 for t in types}
        return [kind for kind in several if runs(self, kind)] or [None]

    def call(self, inputs: Mapping[str, Any] | None = None, sample: Sample = PLAIN, device: str = "cpu") -> dict[str, Any]:
        """Outputs by name, the node called as from Python."""
        node = self.node
        return node.split_outputs(node(**(self.inputs(sample) if inputs is None else inputs), device=device))


def subsets(cls: type[Node]) -> Iterator[tuple[str, ...]]:
    """Inputs that may be linked together: the required ones, with ever more of the optional ones."""
    sockets = cls.signature.inputs
    optional = [name for name, socket in sockets.items() if not socket.required]
    for more in chain.from_iterable(combinations(optional, count) for count in range(len(optional) + 1)):
        yield tuple(name for name in sockets if sockets[name].required or name in more)


def settings(cls: type[Node]) -> Iterator[dict[str, Any]]:
    """Parameters to try: the required ones with each path, then one other parameter beside them."""
    required = [name for name, info in cls.model_fields.items() if info.is_required()]
    bases = [least(cls)]
    for name in required:
        bases = [{**base, name: value} for base in bases for value in candidates(cls, name)]
    yield from bases
    for base in bases:
        for name in cls.model_fields:
            if name not in required:
                yield from ({**base, name: value} for value in candidates(cls, name))


def runs(case: Case, kind: type | None = None) -> bool:
    try:
        case.call(case.inputs(kind=kind))
    except Exception:  # what is no RotoError fails a test of its own below
        return False
    return True


@cache
def cases(cls: type[Node]) -> tuple[Case, ...]:
    """For each way of linking the node that a check allows, the first parameters with which it runs."""
    found: dict[tuple[str, ...], Case] = {}
    for linked in subsets(cls):
        tried = (Case(cls, values, linked) for values in settings(cls))
        case = next((case for case in tried if case.is_right() and runs(case)), None)
        if case is not None:
            found[linked] = case
    return tuple(found.values())


@pytest.fixture(autouse=True, scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder of these tests, with files for nodes that read."""
    folder = tmp_path_factory.mktemp("stock")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for frame in (1, 2):
            sample = Sample(seed=frame)
            for name in (f"picture.{frame:04d}", f"picturea.{frame:04d}", f"pictureR.{frame:04d}"):
                write_layers(f"in/{name}.exr", make_layers(sample))
            write_labels(f"in/labels.{frame:04d}.png", make_labels(sample))
        write_labels("in/labels.png", make_labels(PLAIN))
        for name in ("movie", "other"):
            swatches = [PIL.Image.new("RGB", (6, 5), (60 * i + len(name), 90, 20)) for i in range(4)]
            swatches[0].save(f"in/{name}.gif", save_all=True, append_images=swatches[1:])
        save_weights(make_model(), "in/weights.safetensors", "float32")
        save_weights(make_model(), "in/other.safetensors", "float16")
        for name in ("shard", "other"):
            write_shard(Path(f"in/{name}.npz"), [frame_arrays(seed) for seed in (1, 2)])
        Path("in/network.onnx").write_bytes(onnx_bytes(make_model(), "in/network.onnx"))
        yield folder


# Values as plain data, to compare.


def content(value: Any) -> Any:
    """Everything that a value holds: tensors as (type, shape, bytes), files as their bytes."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().cpu().contiguous().numpy().tobytes()
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, Path):
        return value.read_bytes()
    if isinstance(value, Clip):
        return [content(v) for v in value]
    if isinstance(value, Mapping):
        return {name: content(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [content(v) for v in value]
    if hasattr(value, "pack"):
        return content(value.pack())
    if hasattr(value, "__dataclass_fields__"):
        return {name: content(getattr(value, name)) for name in value.__dataclass_fields__ if name != "encoded"}
    return value


def pictures(value: Any) -> list[Image | Matte | Labels]:
    """The frames in an output: itself, those of a batch, or none."""
    if isinstance(value, Batch):
        return value.split()
    return [value] if isinstance(value, Image | Matte | Labels) else []


def test_there_are_nodes() -> None:
    assert len(NODES) > 10


@every_node
def test_documented(cls: type[Node]) -> None:
    assert cls.__dict__.get("__doc__"), f"{cls.__name__} has no docstring: say in one sentence what the node does"
    assert cls.category != Node.category, f"{cls.__name__} has no category: its file belongs into a folder of rotonodes/nodes/"
    assert cls.category in {"input", "output", "picture", "tones", "passes", "networks"} or cls.category.islower()
    for name, info in cls.model_fields.items():
        assert info.description, f"{cls.__name__}.{name} has no help: declare it as param(..., help='what it does', unit='px')"
        assert not info.description.endswith("."), f"{cls.__name__}.{name}: help is a phrase, take away the full stop"
    hidden = [name for name in cls.model_fields if name in ("type", "in", "disable", "label", "cache")]
    assert not hidden, f"graph files mean something else by {hidden}"


@every_node
def test_every_input_is_of_use(cls: type[Node]) -> None:
    found = cases(cls)
    assert found, f"{cls.type_name} cannot be made and run; give a parameter `examples=[...]`"
    used = {name for case in found for name in case.linked}
    unused = [name for name in cls.signature.inputs if name not in used]
    assert not unused, f"no parameters were found with which {cls.type_name} runs with {unused}; give one `examples=[...]`"


@every_node
def test_gives_what_it_declares(cls: type[Node]) -> None:
    for case in cases(cls):
        outputs = case.node.outputs()
        assert outputs
        for name, value in case.call().items():
            assert name in outputs, f"{case}: {name} is not among its outputs"
            kind = outputs[name]
            kinds = kind.__constraints__ if isinstance(kind, TypeVar) else (kind,)
            for single in pictures(value) or [value]:
                assert single is None or isinstance(single, kinds), f"{case}: {name} is {type(single).__name__}"


# Keys.


class Given(Node):
    """Anything, for keys: what it gives out is not made."""

    kind: str = "Image"

    def outputs(self) -> Mapping[str, type]:
        return {"out": next(kind for kind in MAKERS if kind.__name__ == self.kind)}

    def process(self, frame: Frame) -> Image: ...


def key_of(case: Case) -> str | None:
    """The key at frame 1 in a graph; None when the graph is not right, or its files are not there."""
    graph = Graph(frames="1-2")
    links = {}
    for name in case.linked:
        handle = graph.add(Given(kind=case.cls.signature.inputs[name].types[0].__name__), f"given_{name}")
        links[name] = [handle] if case.cls.signature.inputs[name].many else handle
    try:
        graph.add(case.node, "node", **links)
        plan = make_plan(graph, nodes=["node"], cache="none")
    except UsageError:
        return None
    return plan.key(("node", 1 if plan.keys.per_frame("node") else None))


def two_values(cls: type[Node], name: str) -> tuple[Case, Case]:
    """The same node twice, right both times, that differs in one parameter only."""
    least_ones = least(cls)
    bases = {case.linked: dict(case.values) for case in cases(cls)}
    others = [other for other in cls.model_fields if other != name]
    for linked in subsets(cls):
        base = bases.get(linked, next(iter(bases.values())))
        ways = [{}, *({other: value} for other in others for value in candidates(cls, other))]
        for start, way in product((base, {}), ways):  # sizes at their least first, then those that the node has by itself
            right: dict[str, Case] = {}
            for value in [*candidates(cls, name), base.get(name, least_ones.get(name))]:
                case = Case(cls, {**start, **way, name: value}, linked)
                if case.is_right() and key_of(case):
                    right[case.node.model_dump_json()] = case
                if len(right) == 2:
                    first, second = right.values()
                    return first, second
    raise AssertionError(f"no two valid values were found for {cls.type_name}.{name}; give the parameter `examples=[...]`")


@every_node
def test_parameters_move_the_key_or_say_they_do_not(cls: type[Node]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "cpu_flags", lambda: frozenset({"avx512_bf16"}))  # without bfloat16, auto and float32 are one arithmetic
        for name, info in cls.model_fields.items():
            first, second = two_values(cls, name)
            moved = key_of(first) != key_of(second)
            values = f"{getattr(first.node, name)!r} and {getattr(second.node, name)!r}"
            assert moved == changes_pixels(info), f"{cls.type_name}.{name}: the keys of {values} are {'different' if moved else 'equal'}"


@every_node
def test_parameters_out_of_the_key_change_nothing(cls: type[Node]) -> None:
    """`pixels=False` is a promise: what the node makes is the same, whatever the value."""
    for name, info in cls.model_fields.items():
        if changes_pixels(info):
            continue
        first, second = two_values(cls, name)
        if not (runs(first) and runs(second)) or (path_role(info) and Path(str(getattr(first.node, name))).suffix == ""):
            continue
        suffixes = {Path(str(getattr(case.node, name))).suffix for case in (first, second)}
        if path_role(info) and len(suffixes) > 1:
            continue  # files of two formats
        assert content(first.call()) == content(second.call()), f"{cls.type_name}.{name} changes what is made"


def is_large(case: Case, name: str, value: Any) -> bool:
    """Counts and sizes that would take long: above 300, and where a network is made, above 3."""
    whole = value if isinstance(value, int) and not isinstance(value, bool) else 0
    makes_network = Model in case.cls.signature.outputs.values()
    counts = name in least(case.cls) or unit_of(case.cls.model_fields[name]) == "epochs"
    return whole > 300 or (makes_network and counts and value > 3)


@every_node
def test_every_valid_value_works_or_says_why(cls: type[Node]) -> None:
    """What a check lets pass either runs, or ends with an error that is written for people."""
    case = cases(cls)[0]
    tried = 0
    for name in cls.model_fields:
        for value in candidates(cls, name):
            other = case.with_value(name, value)
            if is_large(case, name, value) or not other.is_right():
                continue
            tried += 1
            try:
                other.call()
            except RotoError as error:
                assert str(error).strip(), f"{other}: an error without words"
            except Exception as error:
                raise AssertionError(f"{other}: {type(error).__name__}: {error}") from error
    assert tried or not cls.model_fields


# Laws.


@every_node
def test_a_wrong_type_is_refused_in_one_line(cls: type[Node]) -> None:
    """An input of another type, and a number for a path."""
    for case in cases(cls):
        for name in case.linked:
            for wrong in (3, "text", torch.zeros(3, 4, 4), object()):
                with pytest.raises(UsageError, match=f"^{cls.type_name}: the input {name!r} takes ") as error:
                    case.call({**case.inputs(), name: wrong})
                assert "\n" not in str(error.value) and len(str(error.value)) < 200
    for name, info in cls.model_fields.items():
        if path_role(info):
            assert dict(parameter_faults(cls, {**cases(cls)[0].values, name: 3}))[name] == (
                f"{name}: must be a path, not the number 3: put a file's name in quotes"
            )


@every_node
def test_inputs_are_not_modified(cls: type[Node]) -> None:
    for case in cases(cls):
        for kind in case.kinds():
            inputs = case.inputs(kind=kind)
            before = content(inputs)
            case.call(inputs)
            assert content(inputs) == before, f"{case} changed its input"


@every_node
def test_same_input_same_output(cls: type[Node]) -> None:
    for case in cases(cls):
        for kind in case.kinds():
            torch.manual_seed(1)
            first = content(case.call(case.inputs(kind=kind)))
            torch.manual_seed(2)
            assert content(case.call(case.inputs(kind=kind))) == first, f"{case} is not deterministic"


def column_by_column(value: Any) -> Any:
    """The same pixels, laid out in memory column by column, as turned pictures and arrays of other programs come."""
    if isinstance(value, Image | Matte | Labels):
        return value.with_data(value.data.mT.contiguous().mT)
    if isinstance(value, Layers):
        return replace(value, planes={name: np.asfortranarray(plane) for name, plane in value.planes.items()})
    if isinstance(value, Batch):
        return Batch.of([column_by_column(v) for v in value.split()])
    if isinstance(value, Clip):
        return Clip.of([column_by_column(v) for v in value], value.frames)
    return [column_by_column(v) for v in value] if isinstance(value, list) else value


@every_node
def test_the_layout_in_memory_changes_nothing(cls: type[Node]) -> None:
    for case in cases(cls):
        for kind in case.kinds():
            inputs = case.inputs(kind=kind)
            made = case.call({name: column_by_column(value) for name, value in inputs.items()})
            assert_near(made, case.call(inputs), str(case))


@every_node
def test_no_state_is_kept_between_calls(cls: type[Node]) -> None:
    for case in cases(cls):
        node, fresh = case.node, case.call()
        for sample in (replace(PLAIN, seed=5, size=(4, 4)), PLAIN):
            last = node.split_outputs(node(**case.inputs(sample)))
        assert content(last) == content(fresh), f"{case}: an earlier frame shows in a later one"


@every_node
def test_odd_sizes_and_single_pixels(cls: type[Node]) -> None:
    for case in cases(cls):
        for kind in case.kinds():
            for size in SIZES:
                for value in case.call(case.inputs(Sample(size), kind)).values():
                    for picture in pictures(value):
                        assert picture.width >= 1 and picture.height >= 1, f"{case} made an empty picture of {size}"
                        assert 0 not in picture.data.shape


def batched(cls: type[Node]) -> list[str]:
    return [name for name, socket in cls.signature.inputs.items() if socket.feed == "batch"]


@pytest.mark.parametrize("cls", [cls for cls in NODES if batched(cls)], ids=full_name)
@pytest.mark.parametrize("size", [(9, 7), (40, 33)])
def test_a_batch_equals_its_frames_one_by_one(cls: type[Node], size: tuple[int, int]) -> None:
    for case in cases(cls):
        inputs = case.inputs(Sample(size))
        together = case.call(inputs)
        count = len(inputs[next(name for name in batched(cls) if name in inputs)])
        assert count > 1
        for at in range(count):
            alone = case.call({n: Batch.of([v.split()[at]]) if isinstance(v, Batch) else v for n, v in inputs.items()})
            for name, value in together.items():
                if isinstance(value, Batch):
                    assert content(value.split()[at]) == content(alone[name].split()[0]), f"{case}.{name}, frame {at} of the batch"


# Pixels that are out of the ordinary.

STRANGE = {"nan": float("nan"), "above one": 5.0, "below zero": -0.5}


def picture_pairs(case: Case, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Iterator[tuple[Image, Image]]:
    """(input, output) pictures of one frame size and one set of channels."""
    for value in inputs.values():
        for source in pictures(value):
            for result in outputs.values():
                for made in pictures(result):
                    both = isinstance(source, Image) and isinstance(made, Image)
                    if both and made.box == source.box and made.channels == source.channels:
                        yield source, made


@every_node
@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
def test_strange_values_survive(cls: type[Node], value: float) -> None:
    """They stop nothing; and where a node hands a pixel on as it is, that pixel stays as strange as it was."""
    place = (2, 1)
    for case in cases(cls):
        plain, strange = Sample(pixels={place: 0.25}), Sample(pixels={place: value})
        inputs, changed = case.inputs(plain, Image), case.inputs(strange, Image)
        outputs, made = case.call(inputs), case.call(changed)
        case.call(case.inputs(Sample(pixels={place: float("inf")}), Image))
        pairs = zip(picture_pairs(case, inputs, outputs), picture_pairs(case, changed, made), strict=True)
        for (before, after), (_, survived) in pairs:
            x, y = place
            if torch.equal(before.data[:3, y, x], after.data[:3, y, x]):
                wanted = torch.full((3,), value)
                assert torch.equal(survived.data[:3, y, x].nan_to_num(99), wanted.nan_to_num(99)), f"{case} lost {value}"


@every_node
def test_a_nan_stays_where_it_is(cls: type[Node]) -> None:
    """One bad pixel of a large frame must not spoil the whole of it."""
    sample = Sample((96, 64), pixels={(5, 5): float("nan")})
    for case in cases(cls):
        for name, value in case.call(case.inputs(sample, Image)).items():
            for picture in pictures(value):
                if picture.data.is_floating_point():
                    assert picture.data.isfinite().float().mean() > 0.5, f"{case}.{name}: one NaN became most of the frame"


BAD = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "1e30": 1e30}
BAD_PLACE = (30, 40)
BAD_PASSES = ("Combined", "DiffDir", "GlossDir", "Normal", "Depth")
MOST_CHANGED = 0.02  # share of the pixels that may differ where a node works on the whole frame


def lit_layers(sample: Sample, name: str, value: float) -> Layers:
    """A sphere before nothing under one light, with one bad pixel in the pass of this name."""
    layers = make_layers(sample)
    width, height = sample.size
    y, x = np.mgrid[:height, :width]
    right, up = (x + 0.5 - width / 2) / (height / 2), (height / 2 - y - 0.5) / (height / 2)
    inside = right**2 + up**2 < 0.9
    normal = np.where(inside, np.stack([right, up, np.sqrt((1 - right**2 - up**2).clip(0))]), 0).astype(np.float32)
    lit = np.where(inside, (normal * np.array([0.5, 0.4, 0.77])[:, None, None]).sum(0).clip(0) + 0.1, 0).astype(np.float32)
    planes = dict(layers.planes)
    for layer in ("ViewLayer", "Label"):
        planes |= {f"{layer}.Normal.{axis}": plane for axis, plane in zip("XYZ", normal, strict=True)}
        planes |= {f"{layer}.DiffDir.{channel}": lit.copy() for channel in "RGB"}
        planes[f"{layer}.Depth.Z"] = np.where(inside, 5 - normal[2], 1e10).astype(np.float32)
    for full in planes:
        if f".{name}." in full and not full.endswith(".A"):
            planes[full] = planes[full].astype(np.float32)
            planes[full][BAD_PLACE[1], BAD_PLACE[0]] = value
    return replace(layers, planes=planes)


def with_bad_pixel(case: Case, kind: type, name: str, value: float) -> dict[str, Any]:
    """The inputs of a case, those of one kind with a bad pixel (of layers in one pass); mattes and pictures are soft."""
    sample = Sample((96, 64))

    def make(of: type, seed: int) -> Any:
        own = replace(sample, seed=seed)
        if of is Layers:
            return lit_layers(own, name, value if kind is Layers else 0.0)
        made = MAKERS[of](own)
        if of in (Image, Matte):
            data = torch.nn.functional.avg_pool2d(made.data[None], 9, 1, 4, count_include_pad=False)[0]
            if of is Matte:  # a soft disc, whose edge runs through the bad pixel
                y, x = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
                data = ((20 - torch.hypot(x - 48, y - 32)) / 8 + 0.5).clamp(0, 1)[None]
            if of is kind:
                data[:3, BAD_PLACE[1], BAD_PLACE[0]] = value
            made = made.with_data(data)
        return made

    inputs: dict[str, Any] = {}
    for socket in (case.cls.signature.inputs[linked] for linked in case.linked):
        of = kind if kind in socket.types else socket.types[0]
        count = 2 if socket.feed in ("clip", "batch") else 1
        values = [make(of, 10 * at) for at in range(count)]
        wrapped = Clip.of(values) if socket.feed == "clip" else Batch.of(values) if socket.feed == "batch" else values[0]
        inputs[socket.name] = [wrapped] if socket.many else wrapped
    return inputs


def differing(one: Image | Matte | Labels, other: Image | Matte | Labels, reach: float) -> float:
    """The share of pixels that differ: at all beyond the reach of the bad pixel; where that is the whole frame, by more than 2 %."""
    apart = (one.data.float() - other.data.float()).abs().nan_to_num(9.0)
    apart = apart.amax(0) if apart.ndim == 3 else apart
    if np.isinf(reach) or one.size != (96, 64):
        return float((apart > 0.02).float().mean())
    y, x = torch.meshgrid(torch.arange(apart.shape[0]), torch.arange(apart.shape[1]), indexing="ij")
    beyond = torch.hypot(x - BAD_PLACE[0] * 1.0, y - BAD_PLACE[1] * 1.0) > reach * 2**0.5
    return float((apart > 0)[beyond].any()) if beyond.any() else 0.0


@every_node
@pytest.mark.filterwarnings("error")
def test_a_bad_pixel_stays_where_it_is(cls: type[Node]) -> None:
    """NaN, infinity and absurd light in one pixel change nothing beyond the node's reach, and of a whole frame next to nothing."""
    for case in cases(cls):
        if not any(kind in FRAME_TYPES for kind in case.node.outputs().values()):
            continue
        variants = [case, *(case.with_value("recipe", recipe) for recipe in ("key",) if "recipe" in cls.model_fields)]
        variants += [case.with_value("method", method) for method in ("blur", "guided", "polygon") if cls.type_name == "SmoothEdge"]
        kinds = {kind for name in case.linked for kind in cls.signature.inputs[name].types if kind in (Image, Matte, Layers)}
        for variant in (variant for variant in variants if variant.is_right()):
            for kind in kinds:
                for name in BAD_PASSES if kind is Layers else ("",):
                    ordinary = [variant.call(with_bad_pixel(variant, kind, name, value)) for value in (0.25, 1.0)]
                    for what, value in BAD.items():
                        made = variant.call(with_bad_pixel(variant, kind, name, value))
                        for output in made:
                            plain, white, bad = (pictures(result[output]) for result in (*ordinary, made))
                            for one, other, found in zip(plain, white, bad, strict=True):
                                reach = variant.node.pixel_reach()
                                allowed = 0.0 if np.isfinite(reach) and found.size == (96, 64) else MOST_CHANGED
                                allowed += differing(one, other, reach)
                                share = min(differing(found, like, reach) for like in (one, other))
                                assert share <= allowed, f"{variant}.{output}: {what} in {kind.__name__} {name}, {share:.1%}"


def keeps_pictures(cls: type[Node]) -> bool:
    """A picture in, a picture out: the required inputs and the default output say so."""
    sockets = [s for s in cls.signature.inputs.values() if s.required and s.feed == "frame"]
    kind = next(iter(cls.signature.outputs.values()), None)
    return any(Image in s.types for s in sockets) and (kind is Image or isinstance(kind, TypeVar))


@pytest.mark.parametrize("cls", [cls for cls in NODES if keeps_pictures(cls)], ids=full_name)
def test_alpha_and_extra_channels_survive(cls: type[Node]) -> None:
    sample = Sample(extra=("depth", "id.X"))
    for case in cases(cls):
        inputs = case.inputs(sample, Image)
        changes = [(name, value) for name in cls.model_fields for value in candidates(cls, name) if not is_large(case, name, value)]
        variants = [case, *(case.with_value(name, value) for name, value in changes)]
        tried = 0
        for other in variants:
            if not other.is_right() or not runs(other):
                continue
            tried += 1
            (made,) = (value for value in other.call(inputs).values() if isinstance(value, Image))
            missing = {"R", "G", "B", "A", *sample.extra} - set(made.channels)
            assert not missing, f"{other} lost the channels {missing}"
            sources = [value for value in inputs.values() if isinstance(value, Image)]
            if any(source.box == made.box and source.size == made.size for source in sources) and other is case:
                for name in sample.extra:
                    assert any(torch.equal(made.plane(name), source.plane(name)) for source in sources), f"{other} changed {name}"
        assert tried > 1 or not cls.model_fields


# Beside the engine, and on the GPU.

_results: list[tuple[int | None, Any]] = []


@contextmanager
def collected() -> Iterator[list[tuple[int | None, Any]]]:
    _results.clear()
    yield _results
    _results.clear()


def in_a_graph(case: Case, output: str) -> list[Any]:
    """One output of a case as the engine makes it: frame by frame, or the one value."""
    kind = case.node.outputs()[output]
    kind = case.cls.signature.inputs[case.linked[0]].types[0] if isinstance(kind, TypeVar) else kind
    graph = Graph(frames="1-2")
    links: dict[str, Any] = {}
    for name in case.linked:
        socket = case.cls.signature.inputs[name]
        handle = graph.add(source_of(socket.types[0], socket.feed == "once")(), f"given_{name}")
        links[name] = [handle] if socket.many else handle
    made = graph.add(case.node, "node", **links)[output]
    graph.add(collector(kind)(), "end", value=made)
    with collected() as results:
        result = run(graph, cache="none", device="cpu", nodes=["end"])
        assert result.exit_code == 0, result.failures
        return [value for _, value in sorted(results, key=lambda pair: pair[0] or 0)]


def source_of(kind: type, once: bool) -> type[Node]:
    if once:

        class Value(Node):
            def process(self) -> kind:  # type: ignore[valid-type]
                return MAKERS[kind](PLAIN)

        return Value

    class Source(Node):
        def process(self, frame: Frame) -> kind:  # type: ignore[valid-type]
            return MAKERS[kind](Sample(seed=10 * (frame - 1)))

    return Source


def collector(kind: type) -> type[Node]:
    class Collect(Node):
        def process(self, value: Clip[kind]) -> Path:  # type: ignore[valid-type]
            _results.extend(value.items())
            return Path()

    return Collect


@every_node
def test_without_a_graph_it_is_the_same_code(cls: type[Node]) -> None:
    """A call from Python gives what the engine gives; frames bit for bit."""
    if cls.is_writer():
        return  # files carry keys, which only a graph has
    for case in cases(cls):
        sources = [case.inputs(Sample(seed=10 * at)) for at in range(2)]
        for name in [name for name, value in case.call().items() if value is not None]:
            made = in_a_graph(case, name)
            node = case.node
            if cls.takes_whole_clip() or (not case.linked and Frame not in cls.signature.asks.values()):
                for value in made:  # a training sums in another order with another number of threads
                    assert_near(value, case.call()[name], f"{case}.{name}")
                continue
            for at, value in enumerate(made):
                given_here = sources[0] if cls.has_neighbours() else sources[at]  # which holds both frames
                inputs = {n: Batch.of(v.split()[:1]) if isinstance(v, Batch) else v for n, v in given_here.items()}
                called = node.split_outputs(node(**inputs, frame=at + 1)).get(name)
                called = called.split()[0] if isinstance(called, Batch) else called
                assert content(value) == content(called), f"{case}.{name} at frame {at + 1}"


def on_device(value: Any, device: str) -> Any:
    if isinstance(value, Batch):
        return Batch.of([on_device(v, device) for v in value.split()])
    if isinstance(value, Clip):
        return Clip.of([on_device(v, device) for v in value])
    if isinstance(value, list):
        return [on_device(v, device) for v in value]
    return value.to(device) if hasattr(value, "to") else value


def assert_near(made: Any, wanted: Any, what: str) -> None:
    """Equal but for rounding: numbers within TOLERANCE, classes for 99 of 100 pixels."""
    if isinstance(wanted, torch.Tensor):
        made = made.cpu()
        if wanted.is_floating_point():
            torch.testing.assert_close(made, wanted, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True, msg=lambda text: f"{what}: {text}")
        else:
            assert (made == wanted).float().mean() > 0.99, what
    elif isinstance(wanted, Sequence | Mapping) and not isinstance(wanted, str):
        assert len(made) == len(wanted), what
        for at in wanted if isinstance(wanted, Mapping) else range(len(wanted)):
            assert_near(made[at], wanted[at], what)
    elif hasattr(wanted, "__dataclass_fields__"):
        for name in wanted.__dataclass_fields__:
            if name not in ("encoded", "like", "training", "metrics"):
                assert_near(getattr(made, name), getattr(wanted, name), f"{what}.{name}")
    elif isinstance(wanted, float):
        assert made == pytest.approx(wanted, rel=TOLERANCE, abs=TOLERANCE), what


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every_node
def test_cuda_equals_the_cpu(cls: type[Node]) -> None:
    for case in cases(cls):
        for kind in case.kinds():
            inputs = case.inputs(Sample((40, 33)), kind)
            wanted = case.call(inputs)
            made = case.call({name: on_device(value, "cuda") for name, value in inputs.items()}, device="cuda")
            assert_near(made, wanted, str(case))
            for name, value in made.items():
                used = {v.device.type for v in inputs.values() if isinstance(v, Image | Matte | Labels)}
                for picture in pictures(value) if used else ():
                    assert picture.device.type == "cuda", f"{case}.{name} came back to the CPU"


# The tests' own tools.


def test_a_new_node_is_covered_without_being_named() -> None:
    """What a newcomer's node would be tested with, on a node made here with one fault of each kind."""

    class Careless(Node):
        def process(self, image: Image) -> Image:
            image.data.mul_(2)
            return image

    (case,) = cases(Careless)
    with pytest.raises(AssertionError, match="changed its input"):
        test_inputs_are_not_modified(Careless)
    with pytest.raises(AssertionError, match="docstring"):
        test_documented(Careless)
    assert case.linked == ("image",)
