"""Ways to find tones that are held side by side: luminance with fitted thresholds, luminance in clusters, networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from rendered import Rendered

from rotonodes.nets.model import Model
from rotonodes.nodes import (
    EstimateMotion,
    FindKeyLight,
    MeasureTones,
    StabilizeTones,
    StackPasses,
    TonesFromPasses,
    ToneSplit,
    UNetSegment,
)
from rotonodes.values.color import linear_to_srgb, luminance, srgb_to_linear
from rotonodes.values.pixels import Image, Labels
from rotonodes.values.tones import CLASSES, ToneScale

# The frames of one clip in order -> the labels of each. A method may answer in several ways, each of them named.
Method = Callable[[Sequence[Rendered]], dict[str, list[Labels]]]


# Luminance is counted as sRGB encodes it, from 0 to 4 (linear 26) as MeasureTones does; brighter light is the last bin.
BINS, PER_UNIT = 4096, 1024


def fit_thresholds(frames: Iterable[Rendered]) -> ToneScale:
    """The three thresholds with the highest mean IoU of the four tones over all pixels of the shapes in `frames`."""
    counts = np.zeros((len(CLASSES), BINS), np.int64)
    for frame in frames:
        light = linear_to_srgb(luminance(frame.beauty.color))[0].nan_to_num(0)
        bins = (light * PER_UNIT).clamp(0, BINS - 1).long()
        both = frame.truth.data.long() * BINS + bins
        counts += torch.bincount(both.flatten(), minlength=counts.size).view(counts.shape).numpy()
    cuts = torch.tensor(best_cuts(counts[1:])) / PER_UNIT
    return ToneScale(tuple(srgb_to_linear(cuts).tolist()), "linear")


def best_cuts(counts: np.ndarray) -> list[int]:
    """Where to cut histograms `[tones, bins]` so that the mean IoU of the tones, dark to bright, is highest.

    Tone t has the bins from cut t - 1 up to, not including, cut t. Exact, by dynamic programming: the IoU of a tone depends on
    its own two cuts alone, so the best cuts below a place do not depend on what lies above it.
    """
    tones, bins = counts.shape
    below = np.concatenate([np.zeros((tones, 1)), np.cumsum(counts, axis=1)], axis=1)  # pixels below each of the bins + 1 places
    everything = below.sum(axis=0)

    def iou(tone: int, start: int) -> np.ndarray:
        """IoU of a tone from `start` up to every place from there on."""
        hits = below[tone, start:] - below[tone, start]
        union = below[tone, -1] + everything[start:] - everything[start] - hits
        return hits / np.maximum(union, 1)

    best = iou(0, 0)  # the highest sum so far of the tones that end at each place
    begins: list[np.ndarray] = []
    for tone in range(1, tones):
        sums, begin = np.full(bins + 1, -1.0), np.zeros(bins + 1, np.int64)
        for start in range(bins + 1):
            found = best[start] + iou(tone, start)
            better = found > sums[start:]
            sums[start:][better], begin[start:][better] = found[better], start
        best = sums
        begins.append(begin)
    cuts = [bins]
    for begin in reversed(begins):
        cuts.insert(0, int(begin[cuts[0]]))
    return cuts[:-1]


def thresholds(scale: ToneScale) -> Method:
    """One set of thresholds for all frames, inside the true matte."""

    def labels(clip: Sequence[Rendered]) -> dict[str, list[Labels]]:
        return {"": [_split(frame, scale) for frame in clip]}

    return labels


def clusters(clip: Sequence[Rendered]) -> dict[str, list[Labels]]:
    """k-means of luminance with four clusters in each frame, inside the true matte, the darkest cluster being cast shadow."""
    measure = MeasureTones(tones=len(CLASSES) - 1, method="kmeans")
    found = []
    for frame in clip:
        empty = not frame.shape.data.any()  # nothing to cluster, and the matte says that it is all background
        found.append(frame.truth if empty else _split(frame, measure([frame.beauty], [frame.shape])))
    return {"": found}


def key_light(clip: Sequence[Rendered]) -> dict[str, list[Labels]]:
    """Thresholds on the key light that is found in the passes of the clip, inside the true matte."""
    nodes = [TonesFromPasses(recipe="key", ground=frame.ground is not None) for frame in clip]
    return {"": [node(frame.layers, frame.shape, direction=frame.light) for node, frame in zip(nodes, clip, strict=True)]}


def _split(frame: Rendered, scale: ToneScale) -> Labels:
    inputs = {"image": frame.beauty, "matte": frame.shape, "scale": scale}
    return ToneSplit(classes=list(CLASSES)).run(inputs, wanted=["labels"])["labels"]


def network(model: Model, seen: Callable[[Rendered], Image], steady: bool = False) -> Method:
    """A network's labels of the pictures that it is shown; with `steady` also those that StabilizeTones makes of its probabilities."""
    segment = UNetSegment()

    def labels(clip: Sequence[Rendered]) -> dict[str, list[Labels]]:
        found = [segment(seen(frame), model=model) for frame in clip]
        answers = {"": [segments.labels for segments in found]}
        return answers | stabilized([segments.probabilities for segments in found], clip) if steady else answers

    return labels


def stabilized(probabilities: list[Image], clip: Sequence[Rendered]) -> dict[str, list[Labels]]:
    """The labels of StabilizeTones: followed in place, by EstimateMotion, and by the render's vectors where it has them."""
    pictures, numbers = [frame.beauty for frame in clip], range(1, len(clip) + 1)
    vectors = [frame.motion for frame in clip]
    motions: dict[str, list[Image] | None] = {" + StabilizeTones": None}
    motions[" + StabilizeTones, EstimateMotion"] = [EstimateMotion()(pictures, frame=number).motion for number in numbers]
    if None not in vectors:
        motions[" + StabilizeTones, Vector pass"] = [motion for motion in vectors if motion]
    node = StabilizeTones()
    return {
        name: [node(probabilities, motion=motion, image=pictures, frame=number).labels for number in numbers]
        for name, motion in motions.items()
    }


def needs_passes(model: Model) -> list[str]:
    """The passes beside the beauty that a network sees, by its channels: `DiffDir.R` is of the pass DiffDir."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name in model.channels if "." in name))


def picture_for(model: Model, normals: str) -> Callable[[Rendered], Image]:
    """How a frame is shown to a network: its beauty, and the passes that the network sees beside it."""
    passes = needs_passes(model)
    if not passes:
        return lambda frame: frame.beauty
    stack, key = StackPasses(passes=[name for name in passes if name != "KeyLight"], normals=normals), FindKeyLight()

    def picture(frame: Rendered) -> Image:
        more = stack(frame.layers, key(frame.layers, light=frame.light) if "KeyLight" in passes else None).on_frame()
        return Image(torch.cat([frame.beauty.data, more.data]), (*frame.beauty.channels, *more.channels))

    return picture
