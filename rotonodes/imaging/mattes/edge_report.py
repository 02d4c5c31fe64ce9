"""The results of checking the edges of a clip of mattes: as numbers, as JSON and as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

KINDS = {  # kind of fault -> its name and the unit it is measured in
    "thick": ("too thick", "px wide"),
    "thin": ("too thin", "px wide"),
    "sharp": ("too sharp", "degrees of a turn"),
    "rough": ("too rough", "px off its mean line"),
    "gap": ("gap", "px of area"),
}


class Limits(NamedTuple):
    """Limits beyond which an edge is reported: widths, roughness and gaps in px, turns in degrees."""

    thick: float
    thin: float
    turn: float
    rough: float
    gap: float


class Place(NamedTuple):
    """A fault at a pixel of a frame: its kind (a key of `KINDS`) and its measured value."""

    kind: str
    x: int
    y: int
    value: float


@dataclass(frozen=True)
class FrameEdges:
    """One frame: edge length, mean width and roughness in px (None without an edge), number and area of gaps, and the worst places.

    `shares` is, for each kind, the share of the edge beyond its limit, 0 to 1.
    """

    frame: int
    length: float
    width: float | None
    roughness: float | None
    gaps: int
    gap_area: int
    shares: Mapping[str, float]
    places: tuple[Place, ...]

    @property
    def badness(self) -> float:
        """Order of frames, worst highest: the shares of the edge beyond a limit, plus gap area per px of edge."""
        return sum(self.shares.values()) + self.gap_area / max(self.length, 1.0)

    def as_json(self) -> dict[str, Any]:
        return {
            "frame": self.frame,
            "length": round(self.length, 1),
            "width": _rounded(self.width),
            "roughness": _rounded(self.roughness),
            "gaps": self.gaps,
            "gap_area": self.gap_area,
            "share": {kind: round(share, 4) for kind, share in self.shares.items()},
            "worst": [place._asdict() for place in self.places],
        }


@dataclass(frozen=True)
class EdgeReport:
    """All frames of a clip, with the limits they were checked against."""

    limits: Limits
    frames: tuple[FrameEdges, ...]

    @property
    def worst(self) -> list[FrameEdges]:
        """The frames with a fault, worst first."""
        return sorted((frame for frame in self.frames if frame.places), key=lambda frame: (-frame.badness, frame.frame))

    def mean(self, name: str) -> float | None:
        """The mean of `width` or `roughness` over the clip, weighted by edge length; roughness as root mean square."""
        power = 2 if name == "roughness" else 1
        known = [(getattr(frame, name), frame.length) for frame in self.frames if getattr(frame, name) is not None]
        length = sum(weight for _, weight in known)
        return (sum(value**power * weight for value, weight in known) / length) ** (1 / power) if length else None

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values; null where there is no edge to measure."""
        length = sum(frame.length for frame in self.frames)
        kinds = [kind for kind in KINDS if kind != "gap"]
        shares = {kind: sum(f.shares.get(kind, 0) * f.length for f in self.frames) / length if length else 0.0 for kind in kinds}
        return {
            "clip": {
                "frames": len(self.frames),
                "without_edge": [frame.frame for frame in self.frames if not frame.length],
                "length": round(length, 1),
                "width": _rounded(self.mean("width")),
                "roughness": _rounded(self.mean("roughness")),
                "gaps": sum(frame.gaps for frame in self.frames),
                "gap_area": sum(frame.gap_area for frame in self.frames),
                "share": {kind: round(share, 4) for kind, share in shares.items()},
                "worst_frames": [frame.frame for frame in self.worst],
            },
            "limits": self.limits._asdict(),
            "findings": list(self.findings()),
            "frames": [frame.as_json() for frame in self.frames],
        }

    def findings(self) -> Iterator[str]:
        """One line for each kind of fault found, with its worst place."""
        for kind, (name, unit) in KINDS.items():
            places = [(place, frame) for frame in self.frames for place in frame.places if place.kind == kind]
            if not places:
                continue
            place, frame = (min if kind == "thin" else max)(places, key=lambda found: found[0].value)
            where = f"frame {frame.frame}, x {place.x}, y {place.y} ({place.value:g} {unit})"
            frames = len({frame.frame for _, frame in places})
            yield f"{name} in {frames} of {len(self.frames)} frames, most at {where}"

    def pack(self) -> dict[str, Any]:
        return {"limits": self.limits._asdict(), "frames": [asdict(f) | {"places": [p._asdict() for p in f.places]} for f in self.frames]}

    @classmethod
    def unpack(cls, data: dict[str, Any]) -> EdgeReport:
        frames = tuple(FrameEdges(**{**f, "places": tuple(Place(**p) for p in f["places"])}) for f in data["frames"])
        return cls(Limits(**data["limits"]), frames)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
