"""Cryptomatte: hashes, manifests, names, and coverage against files made here and the reference decoder."""

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from conftest import NO_SAMPLES, SAMPLES
from rotonodes.errors import FrameError
from rotonodes.imaging.passes.cryptomatte import coverage, decode_matte, find_cryptomatte, float_safe, murmur3_32, name_id, select_names
from rotonodes.io.exr import read_layers
from rotonodes.nodes.passes.multipass_decode import MultipassDecode
from rotonodes.values.pixels import Box, Layers

CRYPTOMATTES = SAMPLES / "data/exr/cryptomatte"
NAMES = ("hero", "hero_eye", "равнина", 'name "quoted"  ', "name, with, comma", "rect_[_top", "dir/part")
H, W = 4, 8


def bits(number: int) -> float:
    return struct.unpack("<f", struct.pack("<I", number))[0]


def names_with_unsafe_hashes() -> list[str]:
    """Two names whose hashes would be zero or denormal, and inf or nan, as floats; about one name in 128 is such."""
    found: dict[int, str] = {}
    for number in range(4000):
        exponent = murmur3_32(f"obj{number}".encode()) >> 23 & 255
        if exponent in (0, 255):
            found.setdefault(exponent, f"obj{number}")
    return [found[0], found[255]]


def crypto_planes(prefix: str, names: tuple[str, ...], channels: str = "rgba") -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Three ranks of planes: in each pixel of row y, names are mixed by known coverages [name, y, x]."""
    random = np.random.default_rng(7)
    cover = np.zeros((len(names), H, W), np.float32)
    planes = {f"{prefix}0{rank}.{c}": np.zeros((H, W), np.float32) for rank in range(3) for c in channels}
    for y in range(H):
        for x in range(W):
            count = min((y * W + x) % 7, len(names), 6)
            order = random.permutation(len(names))[:count]
            parts = random.integers(1, 9, count) / 64
            for slot, (which, part) in enumerate(sorted(zip(order, parts, strict=True), key=lambda p: -p[1])):
                rank, half = divmod(slot, 2)
                identity = np.array([name_id(names[which])], np.uint32).view(np.float32)[0]
                planes[f"{prefix}0{rank}.{channels[2 * half]}"][y, x] = identity
                planes[f"{prefix}0{rank}.{channels[2 * half + 1]}"][y, x] = part
                cover[which, y, x] = part
    return planes, cover


def header(name: str, names: tuple[str, ...], number: int = 0, safe: bool = False, **more: str) -> dict[str, str]:
    key = f"cryptomatte/{murmur3_32(name.encode()):08x}"[:-1] + str(number)
    hashes = {n: f"{float_safe(murmur3_32(n.encode())) if safe else murmur3_32(n.encode()):08x}" for n in names}
    entries = {"name": name, "hash": "MurmurHash3_32", "conversion": "uint32_to_float32", **more}
    if "manif_file" not in more:
        entries.setdefault("manifest", json.dumps(hashes, ensure_ascii=False))
    return {f"{key}/{entry}": value for entry, value in entries.items()}


def write(path: Path, planes: dict[str, np.ndarray], attributes: dict[str, Any], parts: bool = False) -> Layers:
    base = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    if not parts:
        OpenEXR.File({**base, **attributes}, planes).write(str(path))
        return read_layers(path)
    stems = list(dict.fromkeys(name.rpartition(".")[0] for name in planes))
    made = []
    for index, stem in enumerate(stems):  # one part a pass, the manifest in the first
        own = {name: plane for name, plane in planes.items() if name.rpartition(".")[0] == stem}
        made.append(OpenEXR.Part({**base, **(attributes if index == 0 else {})}, own, stem))
    OpenEXR.File(made).write(str(path))
    return read_layers(path)


def with_layers(names: tuple[str, ...] = NAMES, name: str = "View Layer.CryptoObject", **more: Any) -> tuple[Layers, np.ndarray]:
    planes, cover = crypto_planes(name, names)
    return Layers(planes, Box(0, 0, W, H), (W, H), header(name, names, **more)), cover


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [  # vectors that implementations of MurmurHash3_x86_32 agree on
        (b"", 0, 0), (b"", 1, 0x514E28B7), (b"", 0xFFFFFFFF, 0x81F16F39), (b"\x21\x43\x65\x87", 0, 0xF55B516B),
        (b"\x21\x43\x65", 0, 0x7E4A8634), (b"\x21\x43", 0, 0xA0F7B07A), (b"\x21", 0, 0x72661CF4), (b"\0\0\0\0", 0, 0x2362F9DE),
        (b"hello", 0, 0x248BFA47), ("равнина".encode(), 0, 0x9623511E),
    ],
)  # fmt: skip
def test_murmur(data: bytes, seed: int, expected: int) -> None:
    assert murmur3_32(data, seed) == expected


def test_ids_are_ordinary_floats() -> None:
    for name in (*NAMES, *names_with_unsafe_hashes()):
        value = bits(name_id(name))
        assert np.isfinite(value)
        assert abs(value) >= np.finfo(np.float32).tiny
    assert all(name_id(name) == murmur3_32(name.encode()) ^ 1 << 23 for name in names_with_unsafe_hashes())
    assert [float_safe(float_safe(h)) for h in (0, 0x7F800000, 0xFFFFFFFF, 5 << 23)] == [1 << 23, 0x7F000000, 0xFF7FFFFF, 5 << 23]


@pytest.mark.parametrize("safe", [False, True], ids=["manifest of hashes, as Blender's", "manifest of ids"])
@pytest.mark.parametrize("parts", [False, True], ids=["one part", "a part a pass"])
def test_every_name_has_its_matte(tmp_path: Path, safe: bool, parts: bool) -> None:
    names = (*NAMES, *names_with_unsafe_hashes())
    planes, cover = crypto_planes("View Layer.CryptoObject", names)
    layers = write(tmp_path / "a.exr", planes, header("View Layer.CryptoObject", names, safe=safe), parts)
    crypto = find_cryptomatte(layers)
    assert set(crypto.ids or {}) == set(names)
    for name, expected in zip(names, cover, strict=True):
        assert expected.any()
        np.testing.assert_array_equal(decode_matte(layers, crypto, [name]).data[0].numpy(), expected)


def test_all_ranks_are_summed() -> None:
    layers, cover = with_layers()
    crypto = find_cryptomatte(layers)
    assert len(crypto.pairs) == 6
    np.testing.assert_allclose(decode_matte(layers, crypto, "*").data[0].numpy(), cover.sum(0), atol=1e-7)


def test_many_names_give_the_same_as_few() -> None:
    names = tuple(f"thing {number}" for number in range(200))
    layers, cover = with_layers(names)
    crypto = find_cryptomatte(layers)
    expected = cover[1] + cover[10:20].sum(0) + cover[100:].sum(0)
    np.testing.assert_allclose(decode_matte(layers, crypto, "thing 1*").data[0].numpy(), expected, atol=1e-7)
    np.testing.assert_allclose(decode_matte(layers, crypto, "*").data[0].numpy(), cover.sum(0), atol=1e-7)


def test_coverage_stays_in_range_and_unknown_ids_are_nothing() -> None:
    layers, _ = with_layers()
    planes = {name: np.full_like(p, 2) if name[-1] in "ga" else p for name, p in layers.planes.items()}
    layers = Layers(planes, layers.box, layers.size, layers.metadata)
    matte = decode_matte(layers, find_cryptomatte(layers), "*").data
    assert (float(matte.min()), float(matte.max())) == (0, 1)
    assert not coverage(layers, find_cryptomatte(layers), [name_id("nobody")]).any()


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("hero", ["hero"]),
        ("hero*", ["hero", "hero_eye"]),
        ("hero, hero_eye", ["hero", "hero_eye"]),
        ("her?, dir/*", ["hero", "dir/part"]),
        ("name, with, comma", ["name, with, comma"]),
        (["name, with, comma", "равн*"], ["name, with, comma", "равнина"]),
        ('name "quoted"  ', ['name "quoted"  ']),
        ("rect_[_top", ["rect_[_top"]),
        ("[dh]*", ["hero", "hero_eye", "dir/part"]),
        ("*", list(NAMES)),
        ("hero*, !hero_eye", ["hero"]),
        (["*", "!*,*", "!рав*", "!nobody"], ["hero", "hero_eye", 'name "quoted"  ', "rect_[_top", "dir/part"]),
        (["!hero*", "!rect_[_top", "!name*", "!рав*"], ["dir/part"]),
        (["hero*", "!*", "dir/part"], ["dir/part"]),
    ],
)
def test_names_wildcards_and_lists(patterns: str | list[str], expected: list[str]) -> None:
    layers, _ = with_layers()
    assert sorted(select_names(find_cryptomatte(layers), patterns)) == sorted(expected)


def test_an_exact_name_goes_before_wildcards() -> None:
    layers, _ = with_layers(("a*", "ab", "a?"))
    crypto = find_cryptomatte(layers)
    assert list(select_names(crypto, "a*")) == ["a*"]
    assert list(select_names(crypto, "?b")) == ["ab"]
    layers, _ = with_layers(("!a", "a"))
    assert list(select_names(find_cryptomatte(layers), "!a")) == ["!a"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("herro", r"nothing in View Layer.CryptoObject is called 'herro' \(did you mean 'hero'\?\); it has [a-zA-Z]"),
        ("hero, zzz", r"called 'zzz'; it has [a-zA-Z]"),
        ("Hero*", r"called 'Hero\*' \(did you mean 'hero'\?\)"),
        ("", r"called ''; it has [a-zA-Z]"),
        ([], r"needs the name of at least one"),
        ("*, !*", r"needs the name of at least one"),
        ("!*", r"needs the name of at least one"),
    ],
)
def test_a_name_that_means_nothing_is_an_error(pattern: str | list[str], message: str) -> None:
    layers, _ = with_layers()
    with pytest.raises(FrameError, match=message):
        select_names(find_cryptomatte(layers), pattern)


def test_names_with_a_space_between_them_are_separated_by_commas() -> None:
    layers, _ = with_layers(("Hero", "Hat"))
    with pytest.raises(FrameError, match=r"is called 'He\* Hat' \(names are separated by commas: 'He\*, Hat'\); it has"):
        select_names(find_cryptomatte(layers), "He* Hat")
    with pytest.raises(FrameError, match=r"is called 'Hero Hut' \(did you mean 'Hero'\?\)"):
        select_names(find_cryptomatte(layers), "Hero Hut")


def test_a_message_lists_what_the_frame_shows_and_no_lights() -> None:
    """Blender's manifests list lights and cameras too; a name in another case is still found among all. What covers nothing is not seen."""
    layers, _ = with_layers(("Hero", "Hat"))
    layers.planes["View Layer.CryptoObject02.b"][:] = bits(name_id("Camera"))  # a pair without coverage
    key = next(name for name in layers.metadata if name.endswith("/manifest"))
    ids = {name: f"{murmur3_32(name.encode()):08x}" for name in ("Hero", "Hat", "Key Light", "Camera")}
    layers = replace(layers, metadata={**layers.metadata, key: json.dumps(ids)})
    with pytest.raises(FrameError, match=r"is called 'shape\*'; it has in this frame Hat, Hero$"):
        decode_matte(layers, find_cryptomatte(layers), "shape*")
    assert decode_matte(layers, find_cryptomatte(layers), "Camera").data.max() == 0


def test_kinds_names_and_view_layers() -> None:
    planes: dict[str, np.ndarray] = {}
    attributes: dict[str, str] = {}
    for number, name in enumerate(("A.CryptoObject", "A.CryptoMaterial", "B.CryptoObject", "B.Crypto_Asset")):
        planes |= crypto_planes(name, NAMES)[0]
        attributes |= header(name, NAMES, number)
    planes |= {f"{layer}.Combined.R": np.zeros((H, W), np.float32) for layer in "AB"}
    layers = Layers(planes, Box(0, 0, W, H), (W, H), attributes, path="f.exr")
    assert find_cryptomatte(layers).name == "A.CryptoObject"
    assert find_cryptomatte(layers, "Material").name == "A.CryptoMaterial"
    assert find_cryptomatte(layers, "object", "b").name == "B.CryptoObject"
    assert find_cryptomatte(layers, "asset", "B").name == "B.Crypto_Asset"
    assert find_cryptomatte(layers, "B.CryptoObject").name == "B.CryptoObject"
    with pytest.raises(FrameError, match=r"f.exr: there is no cryptomatte 'asset' in view layer 'A'"):
        find_cryptomatte(layers, "asset", "A")
    with pytest.raises(FrameError, match=r"no cryptomatte 'A.CryptoObjct' \(did you mean 'A.CryptoObject'\?\)"):
        find_cryptomatte(layers, "A.CryptoObjct")
    with pytest.raises(FrameError, match="no view layer 'C'"):
        find_cryptomatte(layers, "object", "C")


def test_a_manifest_beside_the_picture(tmp_path: Path) -> None:
    planes, cover = crypto_planes("crypto_asset", NAMES)
    attributes = header("crypto_asset", NAMES, manif_file="side/a.json")
    layers = write(tmp_path / "a.exr", planes, attributes)
    with pytest.raises(FrameError, match=r"its manifest 'side/a.json' is not beside the picture: copy it there"):
        find_cryptomatte(layers, "asset")
    (tmp_path / "side").mkdir()
    side = tmp_path / "side" / "a.json"
    side.write_text(json.dumps({n: f"{murmur3_32(n.encode()):08x}" for n in NAMES}, ensure_ascii=False), encoding="utf-8")
    matte = decode_matte(layers, find_cryptomatte(layers, "asset"), "равнина")
    np.testing.assert_array_equal(matte.data[0].numpy(), cover[NAMES.index("равнина")])
    side.write_bytes(b"\xff\xfe{")
    with pytest.raises(FrameError, match="cannot be read"):
        find_cryptomatte(layers, "asset")
    absolute = Layers(layers.planes, layers.box, layers.size, header("crypto_asset", NAMES, manif_file=str(side)), path=layers.path)
    with pytest.raises(FrameError, match="is not beside the picture"):
        find_cryptomatte(absolute, "asset")


def test_without_a_manifest_whole_names_still_work() -> None:
    layers, cover = with_layers()
    bare = Layers(layers.planes, layers.box, layers.size, {k: v for k, v in layers.metadata.items() if "manifest" not in k})
    crypto = find_cryptomatte(bare)
    assert (crypto.ids, crypto.cut) == (None, False), "nothing is there, so nothing is cut off"
    np.testing.assert_array_equal(decode_matte(bare, crypto, "hero").data[0].numpy(), cover[0])
    np.testing.assert_array_equal(decode_matte(bare, crypto, "hero, dir/part").data[0].numpy(), cover[0] + cover[6])
    with pytest.raises(FrameError, match=r"has no manifest, so 'her\*' cannot be looked up: write whole names, without wildcards"):
        decode_matte(bare, crypto, "her*")


def test_keys_that_nuke_wrote() -> None:
    """Nuke puts `exr/` in front of the attributes it has read, and writes them so."""
    layers, cover = with_layers()
    for before in ("exr/", "exr/exr/"):
        metadata = {f"{before}{key}": value for key, value in layers.metadata.items()}
        renamed = Layers(layers.planes, layers.box, layers.size, metadata)
        crypto = find_cryptomatte(renamed)
        assert set(crypto.ids or {}) == set(NAMES)
        np.testing.assert_array_equal(decode_matte(renamed, crypto, "hero").data[0].numpy(), cover[0])


@pytest.mark.parametrize("empty", ["", " \n", "\0"])
def test_an_empty_manifest_is_none(empty: str) -> None:
    layers, cover = with_layers(manifest=empty)
    crypto = find_cryptomatte(layers)
    assert crypto.ids is None
    np.testing.assert_array_equal(decode_matte(layers, crypto, "hero").data[0].numpy(), cover[0])
    with pytest.raises(FrameError, match=r"has no manifest, so 'her\*' cannot be looked up"):
        select_names(crypto, "her*")


def test_a_manifest_that_is_cut_off() -> None:
    """Some programs cut long header texts: names before the cut are known, those behind it are hashed."""
    whole = json.dumps({n: f"{murmur3_32(n.encode()):08x}" for n in NAMES}, ensure_ascii=False)
    for end in range(whole.index("hero_eye"), len(whole) - 1):
        layers, cover = with_layers(manifest=whole[:end])
        crypto = find_cryptomatte(layers)
        assert crypto.cut and "hero" in (crypto.ids or {})
        for name, expected in zip(NAMES, cover, strict=True):
            if name in (crypto.ids or {}) or not set(name) & set("*?[,"):
                np.testing.assert_array_equal(decode_matte(layers, crypto, [name]).data[0].numpy(), expected)
    layers, cover = with_layers(manifest=whole[: whole.index('"dir/')])
    crypto = find_cryptomatte(layers)
    np.testing.assert_allclose(decode_matte(layers, crypto, "hero*").data[0].numpy(), cover[0] + cover[1])
    with pytest.raises(FrameError, match=r"the manifest of View Layer.CryptoObject is cut off after 6 names, and 'dir\*' matches none"):
        select_names(crypto, "dir*")


def test_each_eye_has_its_own_mattes() -> None:
    """The names are the same in both eyes, the pixels are not."""
    left, cover = crypto_planes("V.CryptoObject", NAMES)
    planes = {}
    for name, plane in left.items():
        stem, _, channel = name.rpartition(".")
        planes[f"{stem}.left.{channel}"], planes[f"{stem}.right.{channel}"] = plane, plane[::-1].copy()
    metadata = {**header("V.CryptoObject", NAMES), "multiView": ("left", "right")}
    layers = Layers(planes, Box(0, 0, W, H), (W, H), metadata)
    assert not np.array_equal(cover[0], cover[0][::-1])
    for view, expected in (("", cover[0]), ("left", cover[0]), ("right", cover[0][::-1])):
        matte = MultipassDecode(passes=[], mattes={"hero": "hero"}, view=view)(layers)["hero"]
        np.testing.assert_array_equal(matte.data[0].numpy(), expected)


@pytest.mark.parametrize("manifest", ["{", "[]", '{"a": "xyz"}', '{"a": null}', "[" * 100_000])
def test_a_damaged_manifest_is_an_error_in_one_line(manifest: str) -> None:
    layers, _ = with_layers(manifest=manifest)
    with pytest.raises(FrameError, match=r"cryptomatte View Layer.CryptoObject: its manifest is damaged: [^\n]*$"):
        find_cryptomatte(layers)


def test_planes_that_cannot_hold_ids_are_refused() -> None:
    layers, _ = with_layers()
    half = Layers({n: np.zeros_like(p, np.float16) for n, p in layers.planes.items()}, layers.box, layers.size, layers.metadata)
    with pytest.raises(FrameError, match="CryptoObject00 is float16: its ids are lost"):
        find_cryptomatte(half)
    three = Layers({n: p for n, p in layers.planes.items() if not n.endswith("01.a")}, layers.box, layers.size, layers.metadata)
    with pytest.raises(FrameError, match="CryptoObject01 lacks its channel A"):
        find_cryptomatte(three)
    none = Layers({"R": np.zeros((H, W), np.float32)}, layers.box, layers.size, layers.metadata)
    with pytest.raises(FrameError, match=r"but there is no channel View Layer.CryptoObject00.R"):
        find_cryptomatte(none)


def test_mattes_lie_on_the_frame_and_come_out_of_the_node() -> None:
    layers, cover = with_layers()
    layers = Layers(layers.planes, Box(2, -1, W + 2, H - 1), (W + 3, H), layers.metadata)
    node = MultipassDecode(passes=["Combined"], mattes={"hero": "hero", "rest": ["hero_*", "dir/part"]})
    made = node.run({"layers": layers}, wanted=["hero", "rest"])
    assert list(made) == ["hero", "rest"]
    expected = np.zeros((H, W + 3), np.float32)
    expected[: H - 1, 2 : W + 2] = cover[0, 1:]
    np.testing.assert_array_equal(made["hero"].data[0].numpy(), expected)
    assert made["rest"].size == (W + 3, H)


@pytest.mark.skipif(not CRYPTOMATTES.is_dir(), reason=NO_SAMPLES)
@pytest.mark.parametrize("name", ["multichannel", "sidecar_manifest", "special_chars", "cornellBox_CryptoWildcard.0001"])
def test_agrees_with_the_reference_decoder(name: str) -> None:
    oracle = pytest.importorskip("cryptomatte_api", reason="the reference decoder cryptomatte-api is not installed")
    path = CRYPTOMATTES / f"{name}.exr"
    layers = read_layers(path)
    for reference in oracle.Cryptomatte.load(str(path)):
        crypto = find_cryptomatte(layers, reference.metadata().name())
        masks = {key: np.asarray(mask) for key, mask in reference.masks().items()}
        assert set(masks) <= set(crypto.ids or {})
        assert any(mask.any() for mask in masks.values())
        for one, expected in masks.items():
            ours = coverage(layers, crypto, [(crypto.ids or {})[one]])
            np.testing.assert_allclose(ours, expected.reshape(ours.shape), atol=1e-6, err_msg=one)
