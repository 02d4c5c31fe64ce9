"""How renderers spell their passes, and where each spelling is documented.

Every pass has one canonical name, Blender 4's short word (`DiffDir`, `GlossCol`, `IndexOB`). Names are compared without case, spaces,
underscores and dashes (`squash`), so that a spelling stands here once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

# Renderer -> the public documentation that its spellings come from.
SOURCES: Mapping[str, str] = {
    "Blender": "https://docs.blender.org/manual/en/latest/render/layers/passes.html, and files of 4.5 and 5.0",
    "Cinema 4D": "https://help.maxon.net/c4d/en-us/ (Multi-Pass)",
    "Arnold": "https://help.autodesk.com/view/ARNOL/ENU/?guid=arnold_user_guide_ac_output_aovs_ac_expression_aovs_html",
    "V-Ray": "https://docs.chaos.com/display/VMAX/Render+Elements, https://docs.chaos.com/display/VMAYA/Render+Elements",
    "Redshift": "https://docs.redshift3d.com/display/RSDOCS/Integrated+AOVs",
    "Octane": "https://docs.otoy.com/blender/RenderPasses.html, https://docs.otoy.com/houdini/InfoTab.html",
    "RenderMan": "https://rmanwiki.pixar.com/display/REN/Arbitrary+Output+Variables, and its pages on light path expressions",
    "Karma": "https://www.sidefx.com/docs/houdini/nodes/lop/karmastandardrendervars.html",
    "Mantra": "https://www.sidefx.com/docs/houdini/render/deeprasters.html",
    "Unreal": "https://docs.unrealengine.com/4.27/en-US/AnimatingObjects/Sequencer/HighQualityMediaExport/RenderSettings/RenderPasses",
    "Maya": "https://help.autodesk.com/cloudhelp/2016/ENU/Maya/files/GUID-8F8347C8-7BCE-488E-A9C9-8FBBAB4CE050.htm (multi-render passes)",
}

# Canonical name -> other spellings; where one file may have several of them, the likelier meaning first. Blender's DiffDir, DiffInd,
# GlossInd and TransInd are light without the material's colour, which other renderers call raw: those come before the ones with colour.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "Combined": ("rgba", "rgb", "beauty", "image", "C", "Ci", "Cf", "RGB_color", "rgbcolor_image", "finalimage"),
    "Depth": ("z", "zdepth", "depth_z", "deep_z", "pz", "hit_pz", "worlddepth", "scenedepth", "cameradepth", "pwworlddepth"),
    "Mist": (),
    "Position": ("P", "worldposition", "world_position", "position_world", "pworld", "pos", "shading_position", "worldpos"),
    "Normal": (
        *("N", "normals", "worldnormal", "world_normal", "normal_world", "nworld", "shading_normal", "shading_normals", "smooth_normal"),
        *("smooth_normals", "bump_normals", "normal_cam", "nn", "geometric_normal", "geometric_normals"),
    ),
    "Vector": (
        *("motion", "motionvector", "motion_vector", "velocity", "forward", "motionvectors", "motion_fore", "dpdtime"),
        *("2d_motion_vector", "motion_vector_2d", "3d_motion_vector", "motion_back"),
    ),
    "UV": ("st", "uvs", "texture_coordinates", "uv_coordinates", "uv_pass"),
    "IndexOB": ("objectindex", "object_id", "objectid", "node_id", "object_layer_id", "render_id"),
    "IndexMA": ("materialindex", "material_id", "materialid", "mtl_id"),
    "DiffDir": (
        *("diffusedirect", "direct_diffuse", "raw_lighting", "raw_light", "diffuse_lighting_raw", "direct_irradiance", "diffuse"),
        *("diffuse_lighting", "lighting", "direct_diffuse_lobe"),
    ),
    "DiffInd": (
        *("diffuseindirect", "indirect_diffuse", "raw_gi", "gi_raw", "raw_global_illumination", "global_illumination_raw"),
        *("gi", "globalillumination", "indirect_diffuse_lobe"),
    ),
    "DiffCol": (
        *("diffusecolor", "diffusealbedo", "albedo", "basecolor", "diffuse_filter", "kd", "diffuse_color_noshading"),
        *("diffuse_material_color", "raw_diffuse_filter"),
    ),
    "GlossDir": (
        *("glossydirect", "speculardirect", "direct_specular", "specular", "spec", "specular_lighting", "reflection_direct"),
        *("direct_glossy_reflection", "glossy_reflection", "direct_reflect", "direct_specular_primary_lobe"),
    ),
    "GlossInd": (
        *("glossyindirect", "specularindirect", "indirect_specular", "raw_reflection", "reflection_raw", "reflections_raw", "refl"),
        *("reflection", "reflections", "reflect", "reflection_indirect", "indirect_glossy_reflection", "indirect_reflect"),
        *("indirect_specular_primary_lobe",),
    ),
    "GlossCol": ("glossycolor", "specularalbedo", "reflection_filter", "reflections_filter", "reflect_filter", "raw_reflection_filter"),
    "TransDir": ("transmissiondirect", "direct_transmission", "direct_refract"),
    "TransInd": (
        *("transmissionindirect", "indirect_transmission", "raw_refraction", "refraction_raw", "refractions_raw", "refr", "refraction"),
        *("refractions", "refract", "transmission", "glossy_transmission", "indirect_refract", "transmissive"),
    ),
    "TransCol": (
        *("transmissioncolor", "transmissionalbedo", "refraction_filter", "refractions_filter", "transmission_filter"),
        *("refract_filter", "refraction_material_color", "raw_refraction_filter"),
    ),
    "VolumeDir": ("volumedirect", "direct_volume", "volume_lighting"),
    "VolumeInd": ("volumeindirect", "indirect_volume"),
    "Emit": (
        *("emission", "emissive", "self_illum", "selfillumination", "emitters", "incandescence", "direct_emission"),
        *("combined_emission", "all_emission"),
    ),
    "Env": ("environment", "background"),
    "AO": ("ambientocclusion", "ambient_occlusion", "occlusion"),
    "Shadow": ("shadows", "raw_shadow"),
    "Shadow Catcher": (),
    "Ambient": (),
    "Illum": ("illumination",),
    "Caustics": ("caustic", "caustics_raw"),
    "Atmosphere": ("atmos", "fog", "atmospheric_effects"),
    "AtmosphereMul": ("atmosmul",),
    "MatColor": ("materialcolor",),
    "MatDif": ("materialdiffuse",),
    "MatLum": ("materialluminance",),
    "MatTrans": ("materialtransparency",),
    "MatRefl": ("materialreflection",),
    "MatEnv": ("materialenvironment",),
    "MatSpec": ("materialspecular",),
    "MatSpecCol": ("materialspecularcolor",),
    "Freestyle": (),
    "Denoising Normal": (),
    "Denoising Albedo": (),
    "Denoising Depth": (),
    "Noisy Image": (),
    "CryptoObject": ("crypto_object", "actor_hit_proxy_mask"),
    "CryptoMaterial": ("crypto_material",),
    "CryptoAsset": ("crypto_asset",),
}
CANONICAL: tuple[str, ...] = tuple(SPELLINGS)

# What is put before every pass: V-Ray for 3ds Max writes VRayZDepth, Unreal FinalImageMovieRenderQueue_WorldDepth.
_PREFIXES = ("vray", "finalimagemovierenderqueue", "movierenderqueue", "finalimage")
# V-Ray calls the material's colour diffuse, and the light on it lighting. Nothing else writes these.
_VRAY = ("lighting", "rawlighting", "rawlight", "totallight", "totallighting")
# Sums of a direct and an indirect pass, where a file has those too (Arnold, Octane, Karma).
_SUMS = ("diffuse", "specular", "reflection", "refraction", "transmission", "volume", "emission")


def squash(name: str) -> str:
    """A name in lower case without spaces, underscores and dashes, in which renderers differ."""
    return "".join(c for c in name.casefold() if c.isalnum()) or name


_CANONICAL_OF = {squash(word): name for name, words in SPELLINGS.items() for word in (name, *words)}
_RANK_OF = {squash(word): rank for words in SPELLINGS.values() for rank, word in enumerate(words)}


def canonical(name: str, names: Mapping[str, str] | None = None) -> str:
    """The canonical name of a pass; unknown passes keep their name. `names` (spelling -> canonical) takes precedence."""
    word = squash(name)
    for spelling, meant in (names or {}).items():
        if squash(spelling) == word:
            return _CANONICAL_OF.get(squash(meant), meant)
    if buffer := re.fullmatch(r"object(?:buffer)?(\d+)", word):
        return f"Object{int(buffer[1])}"
    return _CANONICAL_OF.get(_known(word), name)


def canonical_beside(name: str, others: Collection[str], names: Mapping[str, str] | None = None) -> str:
    """The canonical name of a pass in a file whose passes are `others`, squashed: they tell which renderer wrote it.

    `diffuse` is the light where nothing says otherwise, the colour beside V-Ray's `lighting`, and a pass of its own beside
    `diffuse_direct`, for then it is the sum of direct and indirect light.
    """
    word = squash(name)
    if names and any(squash(spelling) == word for spelling in names):
        return canonical(name, names)
    if word == "diffuse" and any(mark in others for mark in _VRAY):
        return "DiffCol"
    if word in _SUMS and any(part in others for way in ("direct", "indirect") for part in (word + way, way + word)):
        return name
    return canonical(name)


def rank(name: str) -> int:
    """How unlikely the spelling means its pass, from 0; -1 for one that is canonical or unknown."""
    return _RANK_OF.get(_known(squash(name)), -1)


def _known(word: str) -> str:
    """A squashed name without its renderer's prefix."""
    if word in _CANONICAL_OF:
        return word
    bare = next((word.removeprefix(prefix) for prefix in _PREFIXES if word.startswith(prefix)), word)
    return bare if len(bare) > 1 else word  # VRayZ is no depth
