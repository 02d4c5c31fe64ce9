# SPDX-License-Identifier: GPL-3.0-or-later
"""The classes of tones from the passes of the label layers, in numpy: the same rules as TonesFromPasses, and the ground's shadow.

All pictures are float32 `[H,W]` or `[H,W,3]`, labels uint8 `[H,W]` with the index of a class.
"""

import numpy as np

CLASSES = ("background", "cast_shadow", "form_shadow", "midtone", "highlight", "ground_shadow")
COLORS = ((43, 45, 66), (61, 64, 91), (122, 92, 97), (224, 164, 88), (255, 244, 214), (76, 120, 168))  # to look at
BACKGROUND, CAST_SHADOW, FORM_SHADOW, MIDTONE, HIGHLIGHT, GROUND_SHADOW = range(6)
COVERAGE = 0.505  # the shape is where its coverage is above this
FORM = 0.38  # form shadow is where the lit luminance is below this
CAST = 0.5  # shadow is where less than this share of the light arrives
FACING = 0.15  # shadow falls only where normal . light is above this
GLOSS = 0.30  # highlight is where the glossy luminance is above this
WEIGHTS = np.float32((0.2126, 0.7152, 0.0722))  # Rec. 709


def luminance(color: np.ndarray) -> np.ndarray:
    return color[..., :3].astype(np.float32) @ WEIGHTS


def cosine(normal: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Normal . light, -1 to 1, of normals `[H,W,3]` of any length; 0 where there is no surface."""
    length = np.linalg.norm(normal.astype(np.float32), axis=-1)
    return (normal.astype(np.float32) @ np.float32(light)) / np.maximum(length, 1e-6)


def shape_tones(diffuse: np.ndarray, glossy: np.ndarray, facing: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Labels of the shapes: `diffuse` and `glossy` of `Label` `[H,W,3]`, normal . light, coverage 0 to 1."""
    divisor = np.maximum(alpha, 1e-3)
    tone, gloss = luminance(diffuse) / divisor, luminance(glossy) / divisor
    facing = np.clip(facing, 0, 1)
    labels = np.full(tone.shape, MIDTONE, np.uint8)
    labels[gloss > GLOSS] = HIGHLIGHT
    labels[tone < FORM] = FORM_SHADOW
    labels[(facing > FACING) & (tone < CAST * facing)] = CAST_SHADOW
    shape = alpha > COVERAGE
    labels[~shape] = BACKGROUND
    return without_strays(labels, shape)


def ground_shadow(lit: np.ndarray, bare: np.ndarray, facing: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Where shapes take the light from what is not shape, bool `[H,W]`.

    `lit` and `bare` are the luminance of what is not shape, white under the label light, with the shapes and without them. What
    other things of the background shade is dark in both, and so is no shadow of a shape.
    """
    there = 1 - alpha
    arrives = bare > CAST * facing
    found = (alpha <= COVERAGE) & (facing > FACING) & arrives & (lit / np.maximum(there, 1e-3) < CAST * bare)
    return without_strays(found.astype(np.uint8), alpha <= COVERAGE, 2) > 0


def without_strays(labels: np.ndarray, inside: np.ndarray, classes: int = len(CLASSES)) -> np.ndarray:
    """Labels where each pixel `inside` with at most one neighbour of its class takes the commonest class around it.

    With two classes 0 is one of them; with more it is the outside, which no pixel takes.
    """
    counts = np.stack([_neighbours((labels == index) & inside) for index in range(classes)])
    stray = inside & (np.take_along_axis(counts, labels[None].astype(int), 0)[0] <= 2)
    first = 0 if classes == 2 else 1
    return np.where(stray, counts[first:].argmax(0) + first, labels).astype(np.uint8)


def _neighbours(mask: np.ndarray) -> np.ndarray:
    """How many of the nine pixels around each one, itself among them, are in a mask."""
    padded = np.pad(mask.astype(np.uint8), 1)
    height, width = mask.shape
    return sum(padded[y : y + height, x : x + width] for y in range(3) for x in range(3))


def painted(labels: np.ndarray) -> np.ndarray:
    """Labels as colours to look at, uint8 `[H,W,3]`."""
    return np.uint8(COLORS)[labels]
