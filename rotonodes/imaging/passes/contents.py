"""What is in a render: view layers, passes by their usual names, views, and objects with their share of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.cryptomatte import Cryptomatte, all_cryptomattes
from rotonodes.imaging.passes.names import Pass, Passes

if TYPE_CHECKING:
    from rotonodes.values.pixels import Layers

_SHORT_TYPES = {"float16": "half", "float32": "float", "uint32": "uint"}


@dataclass(frozen=True)
class NamedObject:
    """An object, material or asset of a cryptomatte, and its share of the frame from 0 to 1; an empty name is not in the manifest."""

    name: str
    share: float


@dataclass(frozen=True)
class CryptomatteContents:
    """A cryptomatte: its full name, whether it has a manifest, and its names, those with the largest share of the frame first."""

    name: str
    manifest: bool
    objects: tuple[NamedObject, ...]


@dataclass(frozen=True)
class Contents:
    """What is in one frame. `faults` are messages about cryptomattes that cannot be read."""

    layers: Layers
    passes: Passes
    cryptomattes: tuple[CryptomatteContents, ...]
    faults: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data, for `rotonodes passes --json`."""
        layers = self.layers
        return {
            "size": list(layers.size),
            "data_window": list(layers.box),
            "layers": [name for name in self.passes.layers if name],
            "views": list(self.passes.views),
            "passes": [
                {
                    "layer": p.layer,
                    "name": p.name,
                    "view": p.view,
                    "taken_for": p.canonical,
                    "channels": [short for short, _ in p.channels],
                    "type": self.type_of(p),
                }
                for p in self.passes.passes
            ],
            "cryptomattes": [
                {
                    "name": c.name,
                    "manifest": c.manifest,
                    "objects": [{"name": o.name, "share": round(o.share, 6)} for o in c.objects],
                }
                for c in self.cryptomattes
            ],
        }

    def type_of(self, found: Pass) -> str:
        """`half`, `float`, `uint`, or several of them."""
        kinds = dict.fromkeys(self.layers.planes[full].dtype.name for _, full in found.channels)
        return "/".join(_SHORT_TYPES.get(kind, kind) for kind in kinds)


def read_contents(layers: Layers, shares: bool = True) -> Contents:
    """What is in a frame; without `shares` its pixels are not looked at, and every share is 0."""
    passes, found, faults = Passes.of(layers), [], []
    for one in all_cryptomattes(layers):
        if isinstance(one, FrameError):
            faults.append(str(one))
        else:
            found.append(CryptomatteContents(one.name, one.ids is not None, named_objects(layers, one, shares)))
    return Contents(layers, passes, tuple(found), tuple(faults))


def named_objects(layers: Layers, crypto: Cryptomatte, shares: bool = True) -> tuple[NamedObject, ...]:
    """The names of a cryptomatte, the largest first; ids that are not in the manifest are one object without a name."""
    covered = _covered(layers, crypto) if shares else {}
    names = {number: name for name, number in (crypto.ids or {}).items()}
    made = [NamedObject(name, covered.get(number, 0.0)) for number, name in names.items()]
    unknown = sum(share for number, share in covered.items() if number not in names and number)
    made += [NamedObject("", unknown)] if unknown > 0 else []
    return tuple(sorted(made, key=lambda one: (-one.share, one.name)))


def _covered(layers: Layers, crypto: Cryptomatte) -> dict[int, float]:
    """Id -> its share of the frame."""
    import numpy as np

    total: dict[int, float] = {}
    pixels = layers.width * layers.height
    for planes, covered in crypto.planes(layers):
        seen = planes.ravel()
        weight = np.nan_to_num(covered.ravel(), nan=0.0, posinf=0.0, neginf=0.0).clip(0, 1)
        there = weight > 0
        ids, at = np.unique(seen[there], return_inverse=True)
        for number, sum_ in zip(ids.tolist(), np.bincount(at, weight[there]).tolist(), strict=True):
            total[number] = total.get(number, 0.0) + sum_ / pixels
    return total
