"""Names of passes, and MultipassDecode on files of every layout."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch

from conftest import NO_SAMPLES, SAMPLES
from rotonodes.errors import FrameError
from rotonodes.imaging.passes.names import read_passes
from rotonodes.imaging.passes.spellings import CANONICAL, SPELLINGS, canonical, squash
from rotonodes.io.exr import read_layers
from rotonodes.node.parameters import WrongParameter
from rotonodes.nodes.passes.multipass_decode import MultipassDecode
from rotonodes.values.pixels import Box, Image, Layers

EXR = SAMPLES / "data/exr"
H, W = 5, 7


def plane(value: float, dtype: str = "float32") -> np.ndarray:
    return (np.full((H, W), value) + np.arange(W) / 16).astype(dtype)


def layers_of(*names: str, **more: object) -> Layers:
    return Layers({name: plane(i) for i, name in enumerate(names)}, Box(0, 0, W, H), (W, H), **more)  # type: ignore[arg-type]


def found(names: list[str], asked: str, **more: str) -> str:
    one = read_passes(names).find(asked, **more)
    return one.full_name


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Diffuse Direct", "DiffDir"), ("diffuse_indirect", "DiffInd"), ("DIFFCOL", "DiffCol"), ("Glossy Color", "GlossCol"),
        ("Transmission Indirect", "TransInd"), ("Emission", "Emit"), ("Environment", "Env"), ("Ambient Occlusion", "AO"),
        ("Object Index", "IndexOB"), ("Material Index", "IndexMA"), ("rgb", "Combined"), ("refl", "GlossInd"),
        ("SpecularLighting", "GlossDir"), ("DiffuseLighting", "DiffDir"), ("MotionVectors", "Vector"), ("Reflections", "GlossInd"),
        ("Reflection direct", "GlossDir"), ("Reflection indirect", "GlossInd"), ("Reflection filter", "GlossCol"),
        ("Refraction filter", "TransCol"), ("Shading normal", "Normal"), ("Z-depth", "Depth"), ("Diffuse filter", "DiffCol"),
        ("VRayZDepth", "Depth"), ("VRayDiffuseFilter", "DiffCol"), ("VRayLighting", "DiffDir"), ("VRayGlobalIllumination", "DiffInd"),
        ("VRaySpecular", "GlossDir"), ("VRayReflection", "GlossInd"), ("VRaySelfIllumination", "Emit"), ("VRayVelocity", "Vector"),
        ("VRayNormals", "Normal"), ("VRayMtlID", "IndexMA"),
        ("refr", "TransInd"), ("gi", "DiffInd"), ("atmosmul", "AtmosphereMul"), ("matcolor", "MatColor"), ("matspeccol", "MatSpecCol"),
        ("motion", "Vector"), ("object_1_", "Object1"), ("object_12", "Object12"), ("N", "Normal"), ("P", "Position"), ("Z", "Depth"),
        ("albedo", "DiffCol"), ("selfIllum", "Emit"), ("crypto_object", "CryptoObject"), ("my pass", "my pass"), ("--", "--"),
    ],
)  # fmt: skip
def test_spellings_have_one_canonical_name(spelling: str, name: str) -> None:
    assert canonical(spelling) == name


def test_no_spelling_means_two_passes() -> None:
    words = [squash(word) for name, words in SPELLINGS.items() for word in {squash(w) for w in (name, *words)}]
    assert sorted(set(words)) == sorted(words)


def test_a_users_own_names_go_first() -> None:
    names = {"diffuse": "DiffCol", "tint": "diffuse color", "mine": "Other"}
    assert [canonical(word, names) for word in ("Diffuse", "tint", "mine", "gi")] == ["DiffCol", "DiffCol", "Other", "DiffInd"]
    assert read_passes(["tint.R"], names=names).find("DiffCol").name == "tint"
    with pytest.raises(FrameError, match="no pass 'DiffDir'"):
        read_passes(["diffuse.R"], names=names).find("DiffDir")


def test_channels_come_in_the_usual_order() -> None:
    names = ["L.C.A", "L.C.B", "L.C.G", "L.C.R", "L.V.W", "L.V.X", "L.V.Y", "L.V.Z", "L.UV.A", "L.UV.U", "L.UV.V"]
    names += ["L.D.Z", "L.crypto00.b", "L.crypto00.a", "L.crypto00.r", "L.crypto00.g", "L.long.blue", "L.long.red", "m.mask"]
    short = {p.name: "".join(c for c, _ in p.channels) for p in read_passes(names).passes}
    assert short == {"C": "RGBA", "V": "XYZW", "UV": "UVA", "D": "Z", "crypto00": "RGBA", "long": "RB", "m": "mask"}


def test_layer_and_pass_names_hold_blanks_and_dots() -> None:
    names = ["My layer.v2.Combined.R", "My layer.v2.Diffuse Direct.R", "My layer.v2.my.aov.R", "other.thing.R"]
    passes = read_passes(names)
    assert [(p.layer, p.name) for p in passes.passes] == [
        ("My layer.v2", "Combined"), ("My layer.v2", "Diffuse Direct"), ("My layer.v2", "my.aov"), ("other", "thing"),
    ]  # fmt: skip
    assert passes.find("My layer.v2.DiffDir").full_name == "My layer.v2.Diffuse Direct"
    assert passes.find("my.aov", layer="my LAYER.v2").name == "my.aov"
    assert passes.find("other.thing").name == "thing"


def test_bare_channels_are_the_picture_depth_and_passes_of_their_own() -> None:
    passes = read_passes(["A", "B", "G", "R", "Z", "pscale", "N.x", "N.y", "N.z", "albedo.R"])
    assert [(p.canonical, [c for c, _ in p.channels]) for p in passes.passes] == [
        ("Combined", ["R", "G", "B", "A"]), ("Depth", ["Z"]), ("pscale", ["pscale"]), ("Normal", ["X", "Y", "Z"]), ("DiffCol", ["R"]),
    ]  # fmt: skip


def test_a_pass_is_found_by_its_own_spelling_before_its_meaning() -> None:
    names = ["diffuse.R", "diffuse_direct.R", "Diffuse Direct.R"]
    assert [found(names, word) for word in ("diffuse", "diffuse_direct", "DIFFUSE", "Diffuse Direct", "DiffDir")] == [
        "diffuse", "diffuse_direct", "diffuse", "Diffuse Direct", "diffuse_direct",
    ]  # fmt: skip


def test_the_first_layer_is_meant_but_for_the_compositor() -> None:
    names = ["Composite.Combined.R", "Beauty.Combined.R", "Beauty.Depth.Z", "Label.Combined.R", "Label.Mist.Z"]
    assert found(names, "Combined") == "Beauty.Combined"
    assert found(names, "Combined", layer="label") == "Label.Combined"
    assert found(names, "Composite.rgba") == "Composite.Combined"
    assert found([*names, "R"], "Beauty.Depth") == "Beauty.Depth"
    assert read_passes([*names, "R"]).find("Combined").layer == ""


def test_label_layers_are_behind_the_picture() -> None:
    """In the alphabetical order of Blender 4.5."""
    names = [f"{layer}.DiffDir.R" for layer in ("Bare", "Beauty", "Composite", "Ground", "Label", "Zebra")]
    assert read_passes(names).layers == ("Beauty", "Zebra", "Label", "Ground", "Bare", "Composite")
    assert read_passes(names).find("DiffDir").layer == "Beauty"
    assert read_passes(["Bare.DiffDir.R", "Ground.DiffDir.R", "Label.DiffDir.R"]).find("DiffDir").layer == "Label"


def test_what_is_missing_is_said_with_what_is_there() -> None:
    names = ["Beauty.Combined.R", "Beauty.DiffDir.R", "Beauty.Depth.Z", "Label.Combined.R", "Label.AO.R"]
    passes = read_passes(names, where="shot.0001.exr")
    with pytest.raises(FrameError) as error:
        passes.find("DifDir")
    assert str(error.value) == (
        "shot.0001.exr: there is no pass 'DifDir' in view layer 'Beauty' (did you mean 'DiffDir'?); it has Combined, DiffDir, Depth"
    )
    with pytest.raises(FrameError, match=r"view layer 'Label' has it: ask for 'Label.AO'$"):
        passes.find("AO")
    with pytest.raises(FrameError, match=r"no view layer 'Labl' \(did you mean 'Label'\?\); it has 'Beauty', 'Label'"):
        passes.find("AO", layer="Labl")
    with pytest.raises(FrameError, match=r"no view 'left'; it has none, the picture is not stereo"):
        passes.find("Combined", view="left")
    with pytest.raises(FrameError, match=r"it has a0, .*, a11 and 8 more \(-v lists all\)$"):
        read_passes([f"a{i}.R" for i in range(20)]).find("Mist")
    with pytest.raises(FrameError, match=r"it has no passes$"):
        read_passes([]).find("Mist")


def test_stereo_views() -> None:
    names = ["R", "left.R", "Z", "motion.left.u", "motion.right.u", "disparityL.x", "L.Combined.left.R", "L.Combined.right.R"]
    passes = read_passes(names, ["right", "left"])
    assert passes.find("Combined").channels == (("R", "R"),)
    assert passes.find("Combined", view="LEFT").channels == (("R", "left.R"),)
    assert passes.find("motion", view="left").channels == (("U", "motion.left.u"),)
    assert passes.find("disparityL", view="left").channels == (("X", "disparityL.x"),)
    assert passes.find("L.Combined", view="left").channels == (("R", "L.Combined.left.R"),)
    with pytest.raises(FrameError, match="no pass 'Depth'"):  # only the hero view has it
        passes.find("Depth", view="left")
    with pytest.raises(FrameError, match="no view 'middle'; it has right, left"):
        passes.find("Combined", view="middle")
    both = read_passes(["V.Depth.Z", "V.Depth.left.Z"], ["right", "left"])  # one for both eyes, and one of the left eye's own
    assert both.find("Depth", view="left").channels == (("Z", "V.Depth.left.Z"),)
    assert both.find("Depth", view="right").channels == (("Z", "V.Depth.Z"),)
    guessed = read_passes(["V.Combined.left.R", "V.Combined.right.R"])  # several parts: the header lists no views
    assert guessed.find("Combined", view="right").channels == (("R", "V.Combined.right.R"),)


def test_all_ranks_of_a_cryptomatte_are_one_pass() -> None:
    passes = read_passes([f"V.CryptoObject0{rank}.{c}" for rank in (1, 0) for c in "rgba"])
    assert [c for c, _ in passes.find("CryptoObject").channels][:5] == ["00.R", "00.G", "00.B", "00.A", "01.R"]
    assert [c for c, _ in passes.find("CryptoObject01").channels] == ["R", "G", "B", "A"]


# The node, on files.


def blender4(path: Path) -> Path:
    planes = {
        f"{layer}.{name}.{c}": plane(i + j, "float16" if name != "Depth" else "float32")
        for i, layer in enumerate(("Beauty", "Label"))
        for j, (name, channels) in enumerate((("Combined", "RGBA"), ("Depth", "Z"), ("DiffDir", "RGB")))
        for c in channels
    }
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "Note": '{"clip":1}'}
    OpenEXR.File(header, planes).write(str(path))
    return path


def blender5(path: Path) -> Path:
    def part(name: str, channels: str, value: float) -> OpenEXR.Part:
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        return OpenEXR.Part(header, {f"{name}.{c}": plane(value) for c in channels}, name)

    parts = [part("View Layer.Combined", "RGBA", 1), part("View Layer.Diffuse Direct", "RGB", 2), part("View Layer.Depth", "Z", 3)]
    OpenEXR.File(parts).write(str(path))
    return path


def test_passes_of_one_part(tmp_path: Path) -> None:
    layers = read_layers(blender4(tmp_path / "a.exr"))
    node = MultipassDecode(passes=["Combined", "Diffuse Direct", "Label.DiffDir", "z"])
    assert list(node.outputs()) == ["Combined", "Diffuse Direct", "Label.DiffDir", "z"]
    made = node(layers)
    assert [made[name].channels for name in node.passes] == [tuple("RGBA"), tuple("RGB"), tuple("RGB"), ("Z",)]
    assert made["Combined"].data.dtype == torch.float32
    assert [float(made[name].data[0, 0, 0]) for name in node.passes] == [0, 2, 3, 1]
    assert made["z"].metadata["Note"] == '{"clip":1}'


def test_passes_of_several_parts(tmp_path: Path) -> None:
    layers = read_layers(blender5(tmp_path / "a.exr"))
    made = MultipassDecode(passes=["Combined", "DiffDir", "Depth"])(layers)
    assert [(image.channels, float(image.data[0, 0, 0])) for image in made.values()] == [
        (tuple("RGBA"), 1), (tuple("RGB"), 2), (("Z",), 3),
    ]  # fmt: skip


def test_stereo_passes_of_several_parts(tmp_path: Path) -> None:
    """As Blender 5 writes them: the view is in the part's name and attribute, not in the channels' names."""
    parts = []
    for i, (name, view) in enumerate((name, view) for name in ("Combined", "Depth") for view in ("left", "right")):
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "view": view}
        stem = f"Layer.v2.{name}"
        parts.append(OpenEXR.Part(header, {f"{stem}.{c}": plane(i) for c in ("RGBA" if i < 2 else "Z")}, f"{stem}-{view}"))
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    layers = read_layers(tmp_path / "a.exr")
    values = {
        view: [float(image.data[0, 0, 0]) for image in MultipassDecode(passes=["Combined", "Layer.v2.z"], view=view)(layers).values()]
        for view in ("", "left", "right")
    }
    assert values == {"": [0, 2], "left": [0, 2], "right": [1, 3]}


def multipart(path: Path, *parts: tuple[str, str, str]) -> Layers:
    """A file of parts (name, channels, view); the n-th holds n."""
    made = []
    for number, (name, channels, view) in enumerate(parts):
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **({"view": view} if view else {})}
        made.append(OpenEXR.Part(header, {channel: plane(number) for channel in channels.split()}, name))
    OpenEXR.File(made).write(str(path))
    return read_layers(path)


def test_parts_named_after_their_layer_and_view(tmp_path: Path) -> None:
    """As Nuke and the OpenEXR sample files have them; the part notes its view, its channels do not."""
    mono = multipart(tmp_path / "a.exr", ("rgba_main", "R G B A", "main"), ("depth_main", "depth.Z", "main"))
    made = MultipassDecode(passes=["Combined", "Depth"])(mono)
    assert [(image.channels, float(image.data[0, 0, 0])) for image in made.values()] == [(tuple("RGBA"), 0), (("Z",), 1)]
    stereo = multipart(
        tmp_path / "b.exr",
        ("rgba_right", "R G B A", "right"), ("depth_left", "Z", "left"), ("forward_left", "forward.u forward.v", "left"),
        ("rgba_left", "R G B A", "left"), ("depth_right", "Z", "right"), ("note", "Y", ""),
    )  # fmt: skip
    asked = ["Combined", "Depth", "forward", "note"]
    left = MultipassDecode(passes=asked, view="left")(stereo)
    assert [float(image.data[0, 0, 0]) for image in left.values()] == [3, 1, 2, 5]
    right = MultipassDecode(passes=["Combined", "Depth", "note"])(stereo)  # the first part's view is the hero view
    assert [float(image.data[0, 0, 0]) for image in right.values()] == [0, 4, 5]
    with pytest.raises(FrameError, match="there is no pass 'forward'"):
        MultipassDecode(passes=["forward"], view="right")(stereo)
    with pytest.raises(FrameError, match="there is no view 'middle'; it has right, left"):
        MultipassDecode(passes=["Combined"], view="middle")(stereo)


@pytest.mark.parametrize(("name", "view"), [("left", "left"), ("left.Beauty", "left"), ("Beauty.left", "left"), ("Beauty", "left")])
def test_a_part_and_its_view(tmp_path: Path, name: str, view: str) -> None:
    layers = multipart(tmp_path / "a.exr", (name, "R G B", view), ("other", "R G B", "right"))
    assert float(MultipassDecode(passes=["Combined"], view="left")(layers)["Combined"].data[0, 0, 0]) == 0


def test_no_pass_is_taken_from_another_eye_or_layer(tmp_path: Path) -> None:
    names = [f"{layer}.{name}.{view}.R" for layer in ("A", "B") for name in ("Combined", "DiffDir") for view in ("left", "right")]
    layers = layers_of(*names, metadata={"multiView": ("left", "right")})
    for layer in ("A", "B"):
        for view in ("left", "right"):
            made = MultipassDecode(passes=["Combined", "DiffDir"], layer=layer, view=view)(layers)
            wanted = [names.index(f"{layer}.{name}.{view}.R") for name in ("Combined", "DiffDir")]
            assert [float(image.data[0, 0, 0]) for image in made.values()] == wanted
    missing = layers_of("A.Combined.left.R", "A.Combined.right.R", "A.Mist.left.Z", "B.Combined.left.R", metadata=layers.metadata)
    for options in ({"view": "right"}, {"layer": "B", "view": "left"}):
        with pytest.raises(FrameError, match="there is no pass 'Mist'"):
            MultipassDecode(passes=["Mist"], **options)(missing)


def test_only_what_is_wanted_is_looked_for(tmp_path: Path) -> None:
    layers = read_layers(blender4(tmp_path / "a.exr"))
    node = MultipassDecode(passes=["Combined", "Mist"], mattes={"hero": "hero"})
    assert list(node.run({"layers": layers}, wanted=["Combined"])) == ["Combined"]
    with pytest.raises(FrameError, match=r"a.exr: there is no pass 'Mist' in view layer 'Beauty'"):
        node.run({"layers": layers}, wanted=["Mist"])
    with pytest.raises(FrameError, match=r"a.exr: there is no cryptomatte 'object'; it has none"):
        node.run({"layers": layers}, wanted=["hero"])


def test_without_a_list_every_standard_pass_is_an_output_and_those_there_are_made(tmp_path: Path) -> None:
    layers = read_layers(blender4(tmp_path / "a.exr"))
    node = MultipassDecode()
    assert next(iter(node.outputs())) == "Combined"
    assert set(node.outputs()) == set(CANONICAL)
    assert list(node(layers)) == ["Combined", "Depth", "DiffDir"]
    with pytest.raises(FrameError, match="no pass 'Mist'"):
        node.run({"layers": layers}, wanted=["Combined", "Mist"])


def test_the_data_window_and_values_above_one_survive() -> None:
    planes = {f"L.Combined.{c}": plane(9) for c in "RGB"}
    planes["L.Combined.R"][0, 0] = np.nan
    image = MultipassDecode(passes=["rgba"])(Layers(planes, Box(-2, 1, W - 2, H + 1), (20, 10)))["rgba"]
    assert isinstance(image, Image)
    assert (image.origin, image.size, image.channels) == ((-2, 1), (20, 10), ("R", "G", "B"))
    assert torch.isnan(image.data[0, 0, 0])
    assert float(image.data[1, 0, 0]) == 9


def test_inputs_stay_as_they_are() -> None:
    layers = layers_of("R", "G", "B")
    before = {name: values.copy() for name, values in layers.planes.items()}
    MultipassDecode()(layers)["Combined"].data.mul_(2)
    assert all(np.array_equal(layers.planes[name], values) for name, values in before.items())


def test_two_outputs_of_one_name_are_refused() -> None:
    with pytest.raises(WrongParameter, match="two outputs are called 'Depth'"):
        MultipassDecode(mattes={"Depth": "floor"})
    with pytest.raises(WrongParameter, match="two outputs are called 'AO'"):
        MultipassDecode(passes=["AO", "AO"])
    with pytest.raises(WrongParameter):
        MultipassDecode(passes=[])


@pytest.mark.skipif(not EXR.is_dir(), reason=NO_SAMPLES)
def test_a_stereo_production_frame() -> None:
    layers = read_layers(EXR / "singlepart.0001.exr")
    right, left = (MultipassDecode(passes=["Combined", "Depth", "whitebarmask"], view=view)(layers) for view in ("", "left"))
    for made, prefix in ((right, ""), (left, "left.")):
        assert made["Combined"].channels == tuple("RGBA")
        assert np.array_equal(made["Combined"].data[0].numpy(), layers.planes[f"{prefix}R"].astype(np.float32))
        assert np.array_equal(made["Depth"].data[0].numpy(), layers.planes[f"{prefix}Z"].astype(np.float32), equal_nan=True)
    assert np.array_equal(left["whitebarmask"].data[0].numpy(), layers.planes["whitebarmask.left.mask"].astype(np.float32))
    assert right["Combined"].size == (2048, 1556)
