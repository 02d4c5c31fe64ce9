"""Pass names of each renderer: channel lists as they write them, and what each pass is taken for."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from rotonodes.imaging.passes.names import Passes, read_passes
from rotonodes.imaging.passes.spellings import SOURCES, SPELLINGS, canonical


def written(*passes: str, channels: str = "RGB") -> Passes:
    """Passes of a file with these, and a bare picture; a name with `:` says its channels itself, as in `Z:Z`."""
    names = [f"{name}.{short}" for one in passes for name, _, own in [one.partition(":")] for short in own or channels]
    return read_passes([*"ABGR", *names])


def taken(passes: Passes) -> Mapping[str, str]:
    return {p.name: p.canonical for p in passes.passes if p.name != "Combined"}


def test_arnold() -> None:
    passes = written("N:XYZ", "P:XYZ", "Z:Z", "diffuse", "diffuse_direct", "diffuse_indirect", "diffuse_albedo", "specular",
                     "specular_direct", "specular_indirect", "specular_albedo", "transmission", "transmission_direct",
                     "transmission_albedo", "emission", "background", "albedo", "motionvector:XY",
                     "shadow_matte", "sss_direct")  # fmt: skip
    assert taken(passes) == {
        "N": "Normal", "P": "Position", "Z": "Depth", "diffuse": "diffuse", "diffuse_direct": "DiffDir", "diffuse_indirect": "DiffInd",
        "diffuse_albedo": "DiffCol", "specular": "specular", "specular_direct": "GlossDir", "specular_indirect": "GlossInd",
        "specular_albedo": "GlossCol", "transmission": "transmission", "transmission_direct": "TransDir",
        "transmission_albedo": "TransCol", "emission": "Emit", "background": "Env", "albedo": "DiffCol", "motionvector": "Vector",
        "shadow_matte": "shadow_matte", "sss_direct": "sss_direct",
    }  # fmt: skip
    assert passes.find("DiffCol").name == "diffuse_albedo", "albedo holds gloss and glass too"
    assert written("diffuse", "specular").find("DiffDir").name == "diffuse", "the best there is"


def test_vray_for_maya() -> None:
    passes = written("diffuse", "lighting", "GI", "rawLight", "rawGI", "specular", "reflect", "refract", "reflectFilter", "refractFilter",
                     "selfIllum", "zDepth", "normals:XYZ", "velocity", "background", "caustics", "atmos", "totalLight")  # fmt: skip
    assert taken(passes) == {
        "diffuse": "DiffCol", "lighting": "DiffDir", "GI": "DiffInd", "rawLight": "DiffDir", "rawGI": "DiffInd", "specular": "GlossDir",
        "reflect": "GlossInd", "refract": "TransInd", "reflectFilter": "GlossCol", "refractFilter": "TransCol", "selfIllum": "Emit",
        "zDepth": "Depth", "normals": "Normal", "velocity": "Vector", "background": "Env", "caustics": "Caustics", "atmos": "Atmosphere",
        "totalLight": "totalLight",
    }  # fmt: skip
    assert passes.find("DiffDir").name == "rawLight" and passes.find("DiffInd").name == "rawGI", "without the material's colour"
    assert passes.find("DiffCol").name == "diffuse" == passes.find("diffuse").name


def test_vray_for_3ds_max() -> None:
    passes = written("VRayDiffuseFilter", "VRayLighting", "VRayGlobalIllumination", "VRayRawLighting", "VRaySpecular", "VRayReflection",
                     "VRayRefraction", "VRaySelfIllumination", "VRayZDepth", "VRayNormals", "VRayVelocity", "VRayBackground",
                     "VRayMtlID", "VRayBumpNormals", "VRayMatteShadow")  # fmt: skip
    assert [p.canonical for p in passes.passes if p.name != "Combined"] == [
        "DiffCol", "DiffDir", "DiffInd", "DiffDir", "GlossDir", "GlossInd", "TransInd", "Emit", "Depth", "Normal", "Vector", "Env",
        "IndexMA", "Normal", "VRayMatteShadow",
    ]  # fmt: skip
    assert passes.find("DiffDir").name == "VRayRawLighting" and passes.find("Normal").name == "VRayNormals"
    assert canonical("VRayZ") == "VRayZ"


def test_redshift() -> None:
    passes = written("DiffuseLighting", "DiffuseLightingRaw", "DiffuseFilter", "GI", "GIRaw", "SpecularLighting", "Reflections",
                     "ReflectionsRaw", "ReflectionsFilter", "Refractions", "RefractionsFilter", "Emission", "Caustics", "Z:Z", "Depth:Z",
                     "Normals", "BumpNormals", "WorldPosition", "MotionVectors", "ObjectID", "AO", "SSS", channels="rgb")  # fmt: skip
    assert taken(passes) | {"Z": "Depth"} == {
        "DiffuseLighting": "DiffDir", "DiffuseLightingRaw": "DiffDir", "DiffuseFilter": "DiffCol", "GI": "DiffInd", "GIRaw": "DiffInd",
        "SpecularLighting": "GlossDir", "Reflections": "GlossInd", "ReflectionsRaw": "GlossInd", "ReflectionsFilter": "GlossCol",
        "Refractions": "TransInd", "RefractionsFilter": "TransCol", "Emission": "Emit", "Caustics": "Caustics", "Z": "Depth",
        "Depth": "Depth", "Normals": "Normal", "BumpNormals": "Normal", "WorldPosition": "Position", "MotionVectors": "Vector",
        "ObjectID": "IndexOB", "AO": "AO", "SSS": "SSS",
    }  # fmt: skip
    assert [passes.find(name).name for name in ("DiffDir", "DiffInd", "Normal")] == ["DiffuseLightingRaw", "GIRaw", "Normals"]


def test_octane() -> None:
    passes = written("Diffuse", "Diffuse direct", "Diffuse indirect", "Diffuse filter", "Reflection", "Reflection direct",
                     "Reflection indirect", "Reflection filter", "Refraction", "Refraction filter", "Transmission", "Emitters",
                     "Environment", "Shadows", "Z-depth", "Geometric normal", "Smooth normal", "Shading normal", "Position",
                     "Ambient occlusion", "Motion vector", "Material ID", "Object layer ID", "UV coordinates")  # fmt: skip
    assert [p.canonical for p in passes.passes if p.name != "Combined"] == [
        "Diffuse", "DiffDir", "DiffInd", "DiffCol", "Reflection", "GlossDir", "GlossInd", "GlossCol", "TransInd", "TransCol", "TransInd",
        "Emit", "Env", "Shadow", "Depth", "Normal", "Normal", "Normal", "Position", "AO", "Vector", "IndexMA", "IndexOB", "UV",
    ]  # fmt: skip
    assert passes.find("Normal").name == "Shading normal" and passes.find("DiffDir").name == "Diffuse direct"
    normals = written("Geometric normals", "Smooth normals", "Shading normals")
    assert {*taken(normals).values()} == {"Normal"} and normals.find("Normal").name == "Shading normals"


def test_renderman() -> None:
    passes = written("albedo", "directDiffuse", "indirectDiffuse", "directSpecular", "indirectSpecular", "subsurface", "transmissive",
                     "emissive", "Nn", "__Nworld", "__Pworld", "__depth:r", "z:z", "dPdtime", channels="rgb")  # fmt: skip
    assert taken(passes) == {
        "albedo": "DiffCol", "directDiffuse": "DiffDir", "indirectDiffuse": "DiffInd", "directSpecular": "GlossDir",
        "indirectSpecular": "GlossInd", "subsurface": "subsurface", "transmissive": "TransInd", "emissive": "Emit", "Nn": "Normal",
        "__Nworld": "Normal", "__Pworld": "Position", "__depth": "Depth", "z": "Depth", "dPdtime": "Vector",
    }  # fmt: skip
    assert passes.find("Normal").name == "__Nworld", "world space, as Blender's"
    lobes = written("directDiffuseLobe", "indirectDiffuseLobe", "directSpecularPrimaryLobe", "indirectSpecularPrimaryLobe", "Ci")
    assert [p.canonical for p in lobes.passes if p.name != "Combined"] == ["DiffDir", "DiffInd", "GlossDir", "GlossInd", "Combined"]


def test_karma() -> None:
    passes = written("C", "beautyunshadowed", "combineddiffuse", "directdiffuse", "indirectdiffuse", "glossyreflection",
                     "indirectglossyreflection", "glossytransmission", "emission", "volume", "indirectvolume", "albedo", "N", "P",
                     "hitPz:Z", "visiblelights")  # fmt: skip
    assert taken(passes) == {
        "C": "Combined", "beautyunshadowed": "beautyunshadowed", "combineddiffuse": "combineddiffuse", "directdiffuse": "DiffDir",
        "indirectdiffuse": "DiffInd", "glossyreflection": "GlossDir", "indirectglossyreflection": "GlossInd",
        "glossytransmission": "TransInd", "emission": "Emit", "volume": "volume", "indirectvolume": "VolumeInd", "albedo": "DiffCol",
        "N": "Normal", "P": "Position", "hitPz": "Depth", "visiblelights": "visiblelights",
    }  # fmt: skip


def test_mantra() -> None:
    passes = written("direct_diffuse", "indirect_diffuse", "direct_reflect", "indirect_reflect", "direct_refract", "indirect_refract",
                     "all_emission", "direct_volume", "diffuse_color_noshading", "N", "P", "Pz:Z", "Cf")  # fmt: skip
    assert [p.canonical for p in passes.passes if p.name != "Combined"] == [
        "DiffDir", "DiffInd", "GlossDir", "GlossInd", "TransDir", "TransInd", "Emit", "VolumeDir", "DiffCol", "Normal", "Position", "Depth",
        "Combined",
    ]  # fmt: skip


def test_unreal() -> None:
    prefix = "FinalImageMovieRenderQueue_"
    passes = written(*(prefix + name for name in ("WorldDepth", "MotionVectors", "WorldNormal", "BaseColor", "Beauty")),
                     "ActorHitProxyMask00:RGBA", "ActorHitProxyMask01:RGBA", "ActorHitProxyMask02:RGBA")  # fmt: skip
    assert [p.canonical for p in passes.passes if p.name.startswith(prefix)] == ["Depth", "Vector", "Normal", "DiffCol", "Combined"]
    assert passes.find("Depth").name == prefix + "WorldDepth"
    assert len(passes.find("CryptoObject").channels) == 12, "all ranks of Unreal's object ids"


def test_maya() -> None:
    passes = written("diffuse", "diffuseMaterialColor", "directIrradiance", "specular", "reflection", "refraction", "shadow", "rawShadow",
                     "incandescence", "cameraDepth", "worldNormal", "worldPosition", "ambientOcclusion", "diffuseNoShadow")  # fmt: skip
    assert taken(passes) == {
        "diffuse": "DiffDir", "diffuseMaterialColor": "DiffCol", "directIrradiance": "DiffDir", "specular": "GlossDir",
        "reflection": "GlossInd", "refraction": "TransInd", "shadow": "Shadow", "rawShadow": "Shadow", "incandescence": "Emit",
        "cameraDepth": "Depth", "worldNormal": "Normal", "worldPosition": "Position", "ambientOcclusion": "AO",
        "diffuseNoShadow": "diffuseNoShadow",
    }  # fmt: skip
    assert passes.find("DiffDir").name == "directIrradiance", "light without the material's colour"


def test_cinema_4d() -> None:
    passes = written("diffuse", "specular", "shadow", "refl", "refr", "gi", "ao", "depth", "matcolor", "atmosmul", "object_1")
    assert [p.canonical for p in passes.passes if p.name != "Combined"] == [
        "DiffDir", "GlossDir", "Shadow", "GlossInd", "TransInd", "DiffInd", "AO", "Depth", "MatColor", "AtmosphereMul", "Object1",
    ]  # fmt: skip


def test_a_users_own_names_come_before_what_the_file_tells() -> None:
    passes = read_passes(["diffuse.R", "lighting.R"], names={"diffuse": "DiffDir", "lighting": "mine"})
    assert {p.name: p.canonical for p in passes.passes} == {"diffuse": "DiffDir", "lighting": "mine"}


@pytest.mark.parametrize("renderer", SOURCES)
def test_each_renderer_has_a_test(renderer: str) -> None:
    word = renderer.lower().replace(" ", "_").replace("-", "")
    assert renderer == "Blender" or any(name.startswith(f"test_{word}") for name in globals()), "Blender's are in test_passes.py"
    assert SOURCES[renderer] in (Path(__file__).parents[1] / "docs" / "passes.md").read_text(encoding="utf-8")


def test_spellings_are_of_known_passes_only() -> None:
    assert all(canonical(word) == name for name, words in SPELLINGS.items() for word in words)
