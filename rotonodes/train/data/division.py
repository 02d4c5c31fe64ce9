"""Clips, their division into training and validation, and the order of training frames.

Frames of one clip are near copies. So validation uses whole clips that are not trained on, and training uses each clip equally
often, whatever its length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import torch

from rotonodes.errors import UsageError
from rotonodes.values.frames import format_frames


@dataclass(frozen=True)
class Division:
    """Places of frames (0 to len - 1): training `clips`, `validation`; `following` maps a place to the next one of its clip."""

    clips: tuple[tuple[int, ...], ...]
    validation: tuple[int, ...]
    following: dict[int, int]

    @property
    def train(self) -> list[int]:
        return sorted(place for clip in self.clips for place in clip)

    def place(self, count: int, seed: int) -> int:
        """The training frame number `count` (from 0), a function of both arguments alone.

        Each clip is used once before any is used twice, and so are the frames of a clip.
        """
        turn, position = divmod(count, len(self.clips))
        clip = _shuffled(len(self.clips), seed, "clips", turn)[position]
        again, position = divmod(turn, len(self.clips[clip]))
        return self.clips[clip][_shuffled(len(self.clips[clip]), seed, f"frames of clip {clip}", again)[position]]


def divide(
    numbers: Sequence[int],
    *,
    clips: Sequence[Collection[int]] = (),
    clip_length: int = 0,
    validation: Collection[int] = (),
    validation_clips: int = 0,
    validation_share: float = 0.0,
) -> Division:
    """Divide frame `numbers` into clips, and clips into training and validation.

    `clips` are lists of frame numbers, or every `clip_length` frame numbers from the first are one; without either all frames are
    one clip. `validation` are the validation frames, `validation_clips` the number of last clips to validate with instead,
    `validation_share` the share of last clips (0.2: a fifth of them, at least one). Raises UsageError when a clip would be
    on both sides (where clips are known), when a frame is in no clip or in two, and when no training frame is left.
    """
    known = bool(clips) or clip_length > 0
    parts = _parts(numbers, clips, clip_length)
    set_ones = {"validation": validation, "validation_clips": validation_clips, "validation_share": validation_share}
    given = [name for name, value in set_ones.items() if value]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} are both set: take one of them")
    if given and given[0] != "validation" and not known:
        raise UsageError(f"{given[0]} is {set_ones[given[0]]}, but nothing says what a clip is: set clip_length or clips")
    if validation_share:
        validation_clips = max(round(validation_share * len(parts)), 1)
    if validation_clips:
        if validation_clips >= len(parts):
            raise UsageError(f"validation_clips is {validation_clips} of {len(parts)} clips: leave some to train on")
        validation = {numbers[place] for part in parts[-validation_clips:] for place in part}
    unknown = sorted(set(validation) - set(numbers))
    if unknown:
        raise UsageError(f"validation frame {unknown[0]} is not among the frames: choose from {_span(numbers)}")
    scored = {place for place, number in enumerate(numbers) if number in validation}
    if known:
        _refuse_shared(numbers, parts, scored)
    kept = tuple(tuple(place for place in part if place not in scored) for part in parts)
    if not any(kept):
        raise UsageError(f"no training frames: all {len(numbers)} are for validation" if numbers else "no training frames: none were given")
    following = {here: after for part in parts for here, after in pairwise(part)}
    return Division(tuple(part for part in kept if part), tuple(sorted(scored)), following)


def _parts(numbers: Sequence[int], clips: Sequence[Collection[int]], clip_length: int) -> list[list[int]]:
    """Places of each clip's frames."""
    if clips and clip_length:
        raise UsageError("clips and clip_length are both set: take one of them")
    if not clips:
        if not clip_length or not numbers:
            return [list(range(len(numbers)))]
        # by number, not by place: a missing frame does not move others into the next clip
        each = groupby(range(len(numbers)), key=lambda place: (numbers[place] - numbers[0]) // clip_length)
        return [list(places) for _, places in each]
    owner: dict[int, int] = {}
    for index, clip in enumerate(clips):
        for number in clip:
            if owner.setdefault(number, index) != index:
                raise UsageError(f"clips: frame {number} is in clip {owner[number] + 1} and in clip {index + 1}: leave it in one")
    lost = next((number for number in numbers if number not in owner), None)
    if lost is not None:
        raise UsageError(f"clips: frame {lost} is in none of the {len(clips)} clips: name its clip, or leave it out of frames")
    parts: list[list[int]] = [[] for _ in clips]
    for place, number in enumerate(numbers):
        parts[owner[number]].append(place)
    return [part for part in parts if part]


def _refuse_shared(numbers: Sequence[int], parts: Sequence[Sequence[int]], scored: set[int]) -> None:
    for index, part in enumerate(parts, start=1):
        inside = [numbers[place] for place in part if place in scored]
        if inside and len(inside) < len(part):
            frames = format_frames(numbers[place] for place in part)
            raise UsageError(
                f"validation frame {inside[0]} is in clip {index} (frames {frames}), which is also "
                "trained on; frames of one clip are near copies, so scores would be too high: hold out whole clips"
            )


def _shuffled(count: int, *parts: object) -> list[int]:
    order: list[int] = torch.randperm(count, generator=torch.Generator().manual_seed(seed_of(*parts))).tolist()
    return order


def seed_of(*parts: object) -> int:
    """A seed determined by the parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little", signed=True)


def _span(numbers: Sequence[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if numbers else "none"
