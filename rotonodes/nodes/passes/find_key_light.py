"""FindKeyLight: where the key light of a multipass frame is, and what it does to every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.names import Passes
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Image, Layers

if TYPE_CHECKING:
    import numpy as np

CHANNELS = ("KeyLight.Cosine", "KeyLight.Lit", "KeyLight.Gloss")


class FindKeyLight(Node):
    """Find the key light in the passes of a render.

    The strongest light of a frame is found in its diffuse light and its normals, and a white surface is shaded by it
    alone.

    The channels are Cosine (of the angle between normal and light, 0 where a surface looks away from it), Lit (the share of the light that
    arrives, 0 in shadow to 1) and Gloss (what a half-rough surface mirrors of it, without its colour). Paint, textures and other
    lights are in none of them, so that thresholds on them, or a network that sees them, tell tones. Sky is 0 in all
    three, and so is a frame where no light is found. Each frame is measured by itself.
    """

    layer: str = param("", help="view layer of the passes DiffDir, Normal and Depth; empty for the first")
    view: str = param("", help="stereo view (left, right); empty for the hero view")
    names: dict[str, str] = param({}, help="how this file spells its passes -> the usual name, where it is not recognised")
    roughness: float = param(0.35, help="of the surface that mirrors the light: 0.05 nearly polished, 1 matt", ge=0.05, le=1)

    def process(self, layers: Layers) -> Image:
        import numpy as np
        import torch

        from rotonodes.imaging.passes.camera import camera_rotation
        from rotonodes.imaging.passes.key_light import find_key_light, find_views, shade

        passes = Passes.of(layers, self.names)
        light, normals = (self._planes(layers, passes, name, 3) for name in ("DiffDir", "Normal"))
        (depth,) = self._planes(layers, passes, "Depth", 1)
        key = find_key_light(light, normals)
        if key is None:
            shading = np.zeros_like(light)
        else:
            rotation = camera_rotation(layers, passes, self.layer, self.view).astype(np.float32)
            views = find_views(depth, np.einsum("ij,jhw->ihw", rotation, normals))
            shading = shade(key, light, normals, np.einsum("ji,jhw->ihw", rotation, views), self.roughness)
        return Image(torch.from_numpy(shading), CHANNELS, (layers.box.left, layers.box.top), layers.size, layers.metadata)

    def _planes(self, layers: Layers, passes: Passes, name: str, count: int) -> np.ndarray:
        """The first channels of a pass, float32 `[count, H, W]`."""
        import numpy as np

        channels = [full for _, full in passes.find(name, self.layer, self.view).channels]
        if len(channels) < count:
            raise FrameError(f"{passes.where}: {name} has {len(channels)} channels, not {count}: render it again")
        return np.stack([np.asarray(layers.planes[full], dtype=np.float32) for full in channels[:count]])
