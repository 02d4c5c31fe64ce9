"""Which light is the key light: the strongest, the next, a direction, or the pass that one lamp has for itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.light_choice import STRONGEST_ONE, Choice, LightChoice
from rotonodes.node.parameters import WrongParameter
from rotonodes.nodes import FindKeyLight, MeasureKeyLight, TonesFromPasses
from rotonodes.values.pixels import Box, Clip, Layers, Matte

FIRST, SECOND = np.array([0.6, 0.0, 0.8]), np.array([-0.8, 0.36, 0.48])
HEADER = {"note": '{"camera": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}'}
SIZE = 64
PAINT = (0.5, 0.25, 0.1)


def sphere() -> Layers:
    """A painted sphere under two lamps, the second half as strong, with a pass for the light of the second alone, in its paint."""
    y, x = np.meshgrid(np.linspace(1, -1, SIZE), np.linspace(-1, 1, SIZE), indexing="ij")
    inside = x * x + y * y < 0.95
    normal = np.where(inside, np.stack([x, y, np.sqrt(np.clip(1 - x * x - y * y, 0, 1))]), 0).astype(np.float32)
    first, second = (strength * np.tensordot(towards, normal, 1).clip(0) for strength, towards in ((1.0, FIRST), (0.5, SECOND)))
    planes = {f"DiffDir.{c}": (first + second + 0.03 * inside).astype(np.float32) for c in "RGB"}
    planes |= {f"Normal.{axis}": normal[i] for i, axis in enumerate("XYZ")}
    planes["Depth.Z"] = np.where(inside, 4, 1e10).astype(np.float32)
    for c, paint in zip("RGB", PAINT, strict=True):
        planes[f"DiffCol.{c}"] = np.where(inside, paint, 0).astype(np.float32)
        planes[f"Combined_Lamp.{c}"] = (paint * second).astype(np.float32)
    return Layers(planes, Box(0, 0, SIZE, SIZE), (SIZE, SIZE), HEADER)


def degrees(choice: int | str) -> tuple[float, float]:
    """How far the light that is chosen lies from both lamps."""
    found = MeasureKeyLight(light=choice)(Clip.of([sphere()])).direction
    return tuple(float(np.degrees(np.arccos(np.clip(np.dot(found, lamp), -1, 1)))) for lamp in (FIRST, SECOND))


def test_the_strongest_is_the_default() -> None:
    off, _ = degrees("strongest")
    assert off < 12 and MeasureKeyLight().light == "strongest"


def test_the_second_light_is_another_one() -> None:
    assert degrees(2)[0] > 25


def test_the_light_that_has_a_pass_of_its_own_is_found_there() -> None:
    """Its paint is divided out: colour would be taken for light."""
    assert degrees("Combined_Lamp")[1] < 3


def test_a_direction_shades_whatever_the_light_says() -> None:
    towards = tuple(float(3 * x) for x in SECOND)  # of any length
    cosine = FindKeyLight(light=towards)(sphere()).data[0]
    normals = torch.from_numpy(np.stack([sphere().planes[f"Normal.{axis}"] for axis in "XYZ"]))
    wanted = torch.einsum("c,chw->hw", torch.from_numpy(SECOND).float(), normals).clamp(min=0)
    torch.testing.assert_close(cosine, wanted, atol=1e-5, rtol=0)
    matte = Matte((normals != 0).any(0)[None].float())
    by_given = TonesFromPasses(recipe="key", light=towards)(sphere(), matte=matte).data
    by_own = TonesFromPasses(recipe="key", light="Combined_Lamp")(sphere(), matte=matte).data
    by_first = TonesFromPasses(recipe="key")(sphere(), matte=matte).data
    assert (by_given == by_own).float().mean() > 0.97 and (by_given == by_first).float().mean() < 0.8


def test_a_pass_that_is_not_there_is_named() -> None:
    with pytest.raises(FrameError, match=r"Combined_Lamb.*Combined_Lamp"):
        FindKeyLight(light="Combined_Lamb")(sphere())


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "1 to 9"), (12, "1 to 9"), ("", "strongest"), ([0, 0, 0], "direction"), (True, "true"), ([1, 2], "light")],
)
def test_what_is_no_light_is_refused_in_one_line(value: object, said: str) -> None:
    for node in (FindKeyLight, TonesFromPasses):
        with pytest.raises(WrongParameter, match=said) as error:
            node(light=value)
        assert "\n" not in str(error.value)


def test_the_recipe_light_takes_a_direction_only() -> None:
    (fault,) = TonesFromPasses(light=2).faults(frozenset(), 1)
    assert "recipe key" in fault and not list(TonesFromPasses(light=(0, 0, 1)).faults(frozenset(), 1))
    assert not list(TonesFromPasses(recipe="key", light=2).faults(frozenset(), 1))


def test_choices_are_read_as_they_are_written() -> None:
    read = TypeAdapter(Choice).validate_python
    assert LightChoice.of(read("strongest")) == STRONGEST_ONE == LightChoice.of(None)
    assert LightChoice.of(read(3)) == LightChoice(rank=3)
    assert LightChoice.of(read([0, 3, 4])).towards == (0.0, 0.6, 0.8)
