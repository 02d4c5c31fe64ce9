"""The scores of mattes as EvaluateMatte returns them; without torch, so that a check can import it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class MatteReport:
    """Scores of mattes over frames: the means of the errors, those of each frame, and the scores of cut-outs (`AlphaScores`)."""

    frames: int
    mean: dict[str, float]
    by_frame: dict[str, dict[str, float]]
    mae: float | None
    max_f: float | None

    def as_json(self) -> dict[str, Any]:
        """All scores as plain JSON values."""
        return asdict(self)

    def table(self) -> str:
        """The scores as lines for people."""
        errors = "   ".join(f"{name} {value:.4g}" for name, value in self.mean.items())
        best = "-" if self.max_f is None else f"{self.max_f:.4f}"
        return f"{errors}\nMAE {self.mae:.4f}   max F {best}   frames {self.frames}"

    def pack(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def unpack(cls, data: dict[str, Any]) -> MatteReport:
        return cls(**data)
