"""TonesFromPasses: the recipes, two of them against slow code that looks at one pixel after the other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conftest import NO_SAMPLES, SAMPLES
from rotonodes.errors import FrameError
from rotonodes.imaging.passes.cryptomatte import murmur3_32, name_id
from rotonodes.imaging.passes.tone_labels import CodePasses, CodeRules, code_tones, median, without_strays
from rotonodes.io.exr import read_layers
from rotonodes.node.parameters import WrongParameter
from rotonodes.nodes.passes.tones_from_passes import TonesFromPasses
from rotonodes.values.pixels import Box, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS

SHOTS = Path(__file__).parents[1] / "examples" / "shots"
C4D = SAMPLES / "reference/c4d_like"
H, W = 23, 31
LIGHT = (0.48, -0.6, 0.64)


def smooth(random: np.random.Generator, low: float, high: float) -> np.ndarray:
    """A field of slow waves with some stray pixels, float32 `[H, W]`."""
    y, x = np.mgrid[:H, :W]
    a, b, c, d = random.uniform(0.1, 0.5, 4)
    field = (np.sin(a * x + b * y) + np.cos(c * x - d * y)) / 4 + 0.5
    field = np.where(random.random((H, W)) < 0.05, random.random((H, W)), field)
    return (low + (high - low) * field).astype(np.float32)


def label_layers(seed: int = 0, note: str | None = None, layer: str = "Label") -> Layers:
    """A frame as a Blender render with a label view layer would be, all of random waves."""
    random = np.random.default_rng(seed)
    alpha = np.clip(smooth(random, -0.6, 1.6), 0, 1).round(2)
    planes: dict[str, np.ndarray] = {}
    for name, high in (("DiffDir", 1.0), ("GlossDir", 0.6)):
        shade = smooth(random, 0, high)
        for c, tint in zip("RGB", (1, 0.9, 0.8), strict=True):
            planes[f"{layer}.{name}.{c}"] = (shade * tint * alpha).astype(np.float16)
    for c in "XYZ":
        planes[f"{layer}.Normal.{c}"] = smooth(random, -1.2, 1.2)
    planes[f"{layer}.Combined.A"] = alpha
    ids = np.array([name_id("shape0_torus"), name_id("shape1"), name_id("floor")], np.uint32).view(np.float32)
    planes[f"{layer}.CryptoObject00.r"] = np.where(np.arange(W) % 2, ids[0], ids[1]) * np.ones((H, 1), np.float32)
    planes[f"{layer}.CryptoObject00.g"] = alpha
    planes[f"{layer}.CryptoObject00.b"] = np.full((H, W), ids[2])
    planes[f"{layer}.CryptoObject00.a"] = 1 - alpha
    planes["Beauty.Combined.R"] = alpha
    manifest = {name: f"{murmur3_32(name.encode()):08x}" for name in ("shape0_torus", "shape1", "floor")}
    metadata = {
        "cryptomatte/1234567/name": f"{layer}.CryptoObject",
        "cryptomatte/1234567/manifest": json.dumps(manifest),
        "Note": json.dumps({"key_direction": LIGHT, "clip": 1}) if note is None else note,
    }
    return Layers(planes, Box(0, 0, W, H), (W, H), metadata, path="shot.exr")


def slow_light(layers: Layers, layer: str = "Label") -> np.ndarray:
    """The `light` recipe in its own words, a pixel at a time."""
    planes = {name.removeprefix(f"{layer}."): plane.astype(np.float64) for name, plane in layers.planes.items()}
    labels, alpha = np.zeros((H, W), int), planes["Combined.A"]
    for y in range(H):
        for x in range(W):
            if alpha[y, x] <= 0.505:
                continue
            tone, gloss = (
                sum(planes[f"{name}.{c}"][y, x] * k for c, k in zip("RGB", (0.2126, 0.7152, 0.0722), strict=True)) / alpha[y, x]
                for name in ("DiffDir", "GlossDir")
            )
            normal = np.array([planes[f"Normal.{c}"][y, x] for c in "XYZ"])
            facing = max(0.0, normal @ np.array(LIGHT) / np.linalg.norm(normal) / np.linalg.norm(LIGHT))
            if facing > 0.15 and tone < 0.5 * facing:
                labels[y, x] = 1
            elif tone < 0.38:
                labels[y, x] = 2
            else:
                labels[y, x] = 4 if gloss > 0.30 else 3
    return labels


def slow_clean(labels: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """A pixel of the shape with at most one neighbour of its class takes the commonest class of its neighbourhood."""
    out = labels.copy()
    for y, x in zip(*np.nonzero(shape), strict=True):
        around = (slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2))
        counts = np.bincount(labels[around][shape[around]], minlength=5)
        if counts[labels[y, x]] <= 2:
            out[y, x] = counts[1:].argmax() + 1
    return out


def slow_cinema4d(codes: dict[str, np.ndarray], illum: int = 100, specular: int = 20) -> np.ndarray:
    """The `cinema4d` recipe a pixel at a time, from the top of the stack down."""
    labels = np.zeros((H, W), int)
    for y in range(H):
        for x in range(W):
            color, lit, dark, shine = (codes[name][y, x] for name in ("matcolor", "illum", "shadow", "specular"))
            clear = (color[0] < 1 and color[1] < 5 and color[2] < 5) or min(color) >= 210
            if max(shine) >= specular:
                labels[y, x] = 4
            elif min(dark) < 210:
                labels[y, x] = 1
            elif not clear:
                labels[y, x] = 2 if max(lit) < illum else 3
    return labels


def c4d_codes(seed: int = 3) -> dict[str, np.ndarray]:
    """8-bit r, g, b `[H, W, 3]` of each pass; values crowd around the thresholds."""
    random = np.random.default_rng(seed)

    def near(*values: int) -> np.ndarray:
        grey = random.choice(values, (H, W, 1)) + random.integers(-1, 2, (H, W, 3))
        return grey.clip(0, 255).astype(np.uint8)

    codes = {"matcolor": near(0, 4, 120, 210, 255), "illum": near(60, 100, 166, 250)}
    return codes | {"shadow": near(255, 255, 255, 210), "specular": near(0, 0, 20, 108)}


def c4d_layers(codes: dict[str, np.ndarray], dtype: str = "float32", **more: Any) -> Layers:
    scale = {"float32": lambda a: a / np.float32(255), "uint8": lambda a: a, "uint16": lambda a: a.astype(np.uint16) * 257}[dtype]
    planes = {f"{name}.{c}": scale(code[..., i]) for name, code in codes.items() for i, c in enumerate("RGB")}
    return Layers(planes, Box(0, 0, W, H), (W, H), **more)


@pytest.mark.parametrize("seed", range(4))
def test_light(seed: int) -> None:
    layers = label_layers(seed)
    plain = slow_light(layers)
    assert set(np.unique(plain)) == set(range(5))
    np.testing.assert_array_equal(TonesFromPasses(clean=False)(layers).data, plain)
    cleaned = slow_clean(plain, plain > 0)
    assert (cleaned != plain).any()
    labels = TonesFromPasses()(layers)
    np.testing.assert_array_equal(labels.data, cleaned)
    assert (labels.data.dtype, labels.classes, labels.colors) == (torch.uint8, CLASSES, COLORS)


def test_light_with_a_linked_matte_another_layer_and_a_given_direction() -> None:
    layers = label_layers(5, note="", layer="Ground truth")
    matte = Matte(torch.from_numpy(layers.planes["Ground truth.Combined.A"])[None])
    bare = Layers(layers.planes, layers.box, layers.size)
    node = TonesFromPasses(label_layer="Ground truth", light=tuple(3 * v for v in LIGHT), clean=False)
    np.testing.assert_array_equal(node(bare, matte).data, slow_light(layers, "Ground truth"))


def test_light_only_the_named_shapes() -> None:
    layers = label_layers(1)
    labels = TonesFromPasses(objects=["shape1"], clean=False)(layers).data.numpy()
    assert not labels[:, 1::2].any()
    np.testing.assert_array_equal(labels[:, ::2], slow_light(layers)[:, ::2])


def test_light_thresholds_move_the_classes() -> None:
    layers = label_layers(2)
    shape = slow_light(layers) > 0

    def only(index: int, **values: float) -> bool:
        return bool((TonesFromPasses(clean=False, **values)(layers).data.numpy()[shape] == index).all())

    assert only(1, cast=1e6, facing=0) or only(2, form=1e6, cast=0)
    assert only(2, form=1e6, cast=0)
    assert only(3, form=0, cast=0, gloss=1e6)
    assert only(4, form=0, cast=0, gloss=0) or (layers.planes["Label.GlossDir.G"] == 0).any()
    assert not TonesFromPasses(coverage=0.99)(label_layers(2)).data[torch.from_numpy(layers.planes["Label.Combined.A"] < 0.99)].any()


def test_objects_close_to_the_light_have_directions_of_their_own() -> None:
    other = [-0.6, -0.48, 0.64]
    note = {"key_direction": LIGHT, "key_directions": [[*other, ["shape1", "of another frame"]]]}
    near = TonesFromPasses(clean=False)(label_layers(3, json.dumps(note))).data
    far, moved = (TonesFromPasses(clean=False, light=light)(label_layers(3)).data for light in (None, other))
    own = torch.arange(W) % 2 == 0  # the columns of shape1
    assert torch.equal(near[:, own], moved[:, own]) and torch.equal(near[:, ~own], far[:, ~own]) and not torch.equal(moved, far)
    given = TonesFromPasses(clean=False, light=LIGHT)(label_layers(3, json.dumps(note))).data
    assert torch.equal(given, far), "a direction that is given serves all"


def test_light_says_what_is_missing() -> None:
    with pytest.raises(FrameError, match=r"shot.exr: the header notes no key_direction: give the parameter light: \[x, y, z\]"):
        TonesFromPasses()(label_layers(note="{}"))
    with pytest.raises(FrameError, match="no key_direction"):
        TonesFromPasses()(label_layers(note='{"key_direction": [1, 2]}'))
    with pytest.raises(FrameError, match=r"shot.exr: key_directions in the header are not \[x, y, z, \[names\]\]"):
        TonesFromPasses()(label_layers(note=json.dumps({"key_direction": LIGHT, "key_directions": {"a": 1}})))
    with pytest.raises(FrameError, match=r"there is no view layer 'Labels' \(did you mean 'Label'\?\)"):
        TonesFromPasses(label_layer="Labels")(label_layers())
    with pytest.raises(FrameError, match=r"called 'torus\*'; it has in this frame floor, shape0_torus, shape1"):
        TonesFromPasses(objects="torus*")(label_layers())
    with pytest.raises(FrameError, match=r"shot.exr: 31 x 23, the matte is 2 x 2: make them one size"):
        TonesFromPasses()(label_layers(), Matte(torch.ones(1, 2, 2)))
    with pytest.raises(WrongParameter):
        TonesFromPasses(light=(1, 2))


def test_light_on_a_data_window() -> None:
    layers = label_layers(1)
    whole = TonesFromPasses(clean=False)(layers).data
    moved = Layers(layers.planes, Box(-3, 2, W - 3, H + 2), (W, H), layers.metadata)
    expected = torch.zeros_like(whole)
    expected[2:, : W - 3] = whole[: H - 2, 3:]
    assert torch.equal(TonesFromPasses(clean=False)(moved).data, expected)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "uint16"])
def test_cinema4d(dtype: str) -> None:
    codes = c4d_codes()
    expected = slow_cinema4d(codes)
    assert set(np.unique(expected)) == set(range(5))
    np.testing.assert_array_equal(TonesFromPasses(recipe="cinema4d")(c4d_layers(codes, dtype)).data, expected)
    blender = TonesFromPasses(recipe="cinema4d", illum=166, specular=108)(c4d_layers(codes, dtype))
    np.testing.assert_array_equal(blender.data, slow_cinema4d(codes, 166, 108))
    assert (blender.data.numpy() != expected).any()


def test_cinema4d_limits_belong_to_the_side_that_is_described() -> None:
    """`below` leaves the limit itself out, `reaches` takes it in."""
    grey, bright, dark = [100] * 3, [255] * 3, [0] * 3
    wanted = [  # material colour, illumination, shadow, specular, class
        ([1, 5, 5], bright, bright, dark, "midtone"),
        ([0, 4, 4], bright, bright, dark, "background"),
        ([0, 4, 5], bright, bright, dark, "midtone"),
        ([210] * 3, bright, bright, dark, "background"),
        ([209, 255, 255], bright, bright, dark, "midtone"),
        (grey, [100, 0, 0], bright, dark, "midtone"),
        (grey, [99] * 3, bright, dark, "form_shadow"),
        (grey, bright, [210] * 3, dark, "midtone"),
        (grey, bright, [209, 255, 255], dark, "cast_shadow"),
        (grey, bright, bright, [20, 0, 0], "highlight"),
        (grey, bright, bright, [19] * 3, "midtone"),
    ]
    codes = CodePasses(*(torch.tensor([row[n] for row in wanted]).float().T[:, None] for n in range(4)))  # type: ignore[arg-type]
    rules = CodeRules(illum=100, shadow=210, specular=20, black=(1, 5, 5), white=210)
    labels, shape = code_tones(codes, None, 0.5, rules)
    assert [CLASSES[index] for index in labels[0].tolist()] == [row[4] for row in wanted]
    assert shape[0].tolist() == [row[4] != "background" for row in wanted]


def test_cinema4d_linear_passes_are_encoded_first() -> None:
    codes = c4d_codes()
    value = {name: code / 255 for name, code in codes.items()}
    linear = {name: np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(np.float32) for name, v in value.items()}
    planes = {f"C4D.{name}.{c}": v[..., i] for name, v in linear.items() for i, c in enumerate("RGB")}
    layers = Layers(planes, Box(0, 0, W, H), (W, H), path="shot.0001.exr")
    np.testing.assert_array_equal(TonesFromPasses(recipe="cinema4d")(layers).data, slow_cinema4d(codes))
    raw = TonesFromPasses(recipe="cinema4d", encoding="raw")(c4d_layers(codes, path="shot.0001.exr"))
    np.testing.assert_array_equal(raw.data, slow_cinema4d(codes))


def test_cinema4d_thresholds_and_names() -> None:
    codes = c4d_codes()
    layers = c4d_layers({"DiffCol": codes["matcolor"], "DiffDir": codes["illum"], "sh": codes["shadow"], "GlossDir": codes["specular"]})
    names = {"DiffCol": "MatColor", "DiffDir": "Illum", "sh": "Shadow"}
    np.testing.assert_array_equal(TonesFromPasses(recipe="cinema4d", names=names)(layers).data, slow_cinema4d(codes))
    flat = TonesFromPasses(recipe="cinema4d", names=names, black=(0, 0, 0), white=256, illum=0, shadow=0, specular=256)
    assert (flat(layers).data == 3).all()
    with pytest.raises(FrameError, match="there is no pass 'MatColor'; it has DiffCol"):
        TonesFromPasses(recipe="cinema4d")(layers)


def test_cinema4d_with_a_matte_keeps_the_tone_of_soft_edges() -> None:
    alpha = np.full((H, W), 1, np.float32)
    alpha[:, :10], alpha[:, 10] = 0, 0.75
    codes = {"matcolor": np.full((H, W, 3), 120), "illum": np.full((H, W, 3), 120), "shadow": np.full((H, W, 3), 255)}
    codes["specular"] = np.full((H, W, 3), 19)
    codes = {name: (code if name == "shadow" else code * alpha[..., None]).astype(np.uint8) for name, code in codes.items()}
    codes["shadow"][:, :2] = 90
    plain = TonesFromPasses(recipe="cinema4d")(c4d_layers(codes)).data[0].tolist()
    assert plain == [1, 1] + [0] * 8 + [2] + [3] * 20  # the soft edge looks darker than it is
    matte = Matte(torch.from_numpy(alpha)[None])
    assert TonesFromPasses(recipe="cinema4d")(c4d_layers(codes), matte).data[0].tolist() == [1, 1] + [0] * 8 + [3] * 21
    planes = {**c4d_layers(codes).planes, "object_1_.Y": alpha}
    layers = Layers(planes, Box(0, 0, W, H), (W, H))
    assert TonesFromPasses(recipe="cinema4d", object_pass="object_1")(layers).data[0].tolist() == [1, 1] + [0] * 8 + [3] * 21


def test_strays_go_and_lines_stay() -> None:
    labels = torch.full((9, 9), 3, dtype=torch.uint8)
    labels[2, 2] = 4  # one
    labels[6, 5:7] = 1  # two
    labels[4] = 2  # a line
    labels[:, 8] = 0
    expected = torch.full((9, 9), 3, dtype=torch.uint8)
    expected[4], expected[:, 8] = 2, 0
    expected[4, 0] = expected[4, 7] = 3  # but for their ends
    assert torch.equal(without_strays(labels, labels > 0), expected)
    one = torch.full((1, 1), 4, dtype=torch.uint8)
    assert torch.equal(without_strays(one, one > 0), one)


@pytest.mark.parametrize("shot", ["torus", "monkey"])
def test_key_agrees_with_the_label_layer_of_real_renders(shot: str) -> None:
    layers = read_layers(SHOTS / shot / "render.0001.exr")
    truth, found = (TonesFromPasses(recipe=recipe)(layers).data for recipe in ("light", "key"))
    for index, name in enumerate(CLASSES):
        here, there = truth == index, found == index
        assert (here & there).sum() > 0.75 * (here | there).sum(), name
    assert ((truth == 0) != (found == 0)).float().mean() < 0.005  # the label layer has fewer samples for its edges


def test_key_needs_no_label_layer_and_takes_a_matte() -> None:
    layers = read_layers(SHOTS / "torus" / "render.0001.exr")
    bare = {name: plane for name, plane in layers.planes.items() if not name.startswith("Label")}
    without = Layers(bare, layers.box, layers.size, layers.metadata, path=layers.path)
    found = TonesFromPasses(recipe="key")(without).data
    assert torch.equal(found, TonesFromPasses(recipe="key")(layers).data)
    left = torch.ones(1, layers.size[1], layers.size[0])
    left[:, :, 100:] = 0
    cut = TonesFromPasses(recipe="key", clean=False)(without, Matte(left)).data
    assert not cut[:, 100:].any() and cut[:, :100].all()
    dark = {name: plane * (0 if "DiffDir" in name else 1) for name, plane in bare.items()}
    unlit = TonesFromPasses(recipe="key")(Layers(dark, layers.box, layers.size, layers.metadata)).data
    assert set(unlit.unique().tolist()) <= {0, 2}  # no light: all of it is turned away from it


def test_key_thresholds_move_the_classes() -> None:
    layers = read_layers(SHOTS / "torus" / "render.0001.exr")

    def areas(**changes: Any) -> list[int]:
        return np.bincount(TonesFromPasses(recipe="key", **changes)(layers).data.numpy().ravel(), minlength=5).tolist()

    usual = areas()
    assert areas(form=0.6)[2] > usual[2]
    assert areas(cast=0.1)[1] < usual[1]
    assert areas(facing=0.6)[1] < usual[1]
    assert areas(gloss=1)[4] < usual[4]
    assert areas(roughness=0.1)[4] < usual[4]
    assert areas(median=9) != usual


def test_median_takes_out_what_stands_alone() -> None:
    plane = torch.zeros(7, 8)
    plane[3, 3] = plane[0, 0] = 1
    assert torch.equal(median(plane, 1), plane) and torch.equal(median(plane, 2), plane)
    assert median(plane, 3)[3, 3] == 0 and median(plane, 3)[0, 0] == 0
    step = (torch.arange(8) > 3).float().expand(7, 8)
    assert torch.equal(median(step, 5), step)


@pytest.mark.parametrize("recipe", ["light", "cinema4d"])
def test_nan_and_infinity_break_nothing(recipe: str) -> None:
    layers = label_layers() if recipe == "light" else c4d_layers(c4d_codes())
    before = TonesFromPasses(recipe=recipe)(layers).data
    planes = {name: plane.copy() for name, plane in layers.planes.items()}
    for name, plane in planes.items():
        if "Crypto" not in name:
            plane[0, 0], plane[0, 1] = np.nan, np.inf
    after = TonesFromPasses(recipe=recipe)(Layers(planes, layers.box, layers.size, layers.metadata)).data
    assert int(after.max()) <= 4
    assert torch.equal(after[3:], before[3:])


@pytest.mark.skipif(not C4D.is_dir(), reason=NO_SAMPLES)
@pytest.mark.parametrize("shot", ["Shape1", "Shape2"])
@pytest.mark.parametrize("frame", ["0001", "0002"])
def test_passes_as_cinema4d_names_them(shot: str, frame: str) -> None:
    """The expected classes were cut from float passes; of 8 bits, the one code on each threshold can go either way."""
    from PIL import Image

    def read(name: str) -> np.ndarray:
        with Image.open(C4D / f"{name}{frame}.png") as picture:
            return np.asarray(picture)

    planes = {}
    for word in ("matcolor", "illum", "shadow", "specular"):
        picture = read(f"{shot}_{word}")
        planes |= {f"{word}.{c}": np.ascontiguousarray(picture[..., i], np.float32) / 255 for i, c in enumerate("RGB")}
    planes["object_1_.Y"] = read(f"{shot}_object_1_").astype(np.float32) / 255
    expected = read(f"expected_{shot}_")
    height, width = expected.shape
    layers = Layers(planes, Box(0, 0, width, height), (width, height))
    node = TonesFromPasses(recipe="cinema4d", illum=166, specular=108, object_pass="object_1", clean=True)
    wrong = node(layers).data.numpy() != expected
    assert wrong.mean() < 0.0015
    alpha = np.maximum(planes["object_1_.Y"], 1e-3)
    codes = {word: planes[f"{word}.G"] * 255 / alpha for word in ("illum", "specular")}
    undecided = (abs(codes["illum"] - 166) <= 1.5) | (abs(codes["specular"] - 108) <= 1.5)
    near = torch.nn.functional.max_pool2d(torch.from_numpy(undecided)[None].float(), 3, 1, 1)[0].numpy() > 0
    assert not (wrong & ~near).any()
    by_color = TonesFromPasses(recipe="cinema4d", illum=166, specular=108)(layers).data.numpy()
    assert (by_color != expected).mean() < 0.007  # half-covered edges count as shape there
