"""Every node and ready graph makes the pixels that it made when they were last looked at (tests/golden)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageChops
import pytest
import torch

from rotonodes.nodes import Crop, Grade
from rotonodes.values.pixels import Image

sys.path.insert(0, str(Path(__file__).parent / "golden"))

import golden

ROOT = Path(__file__).parents[1]
MOST_BYTES = 3_000_000
COMMAND = "python tests/golden/golden.py"


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(ROOT)
    yield
    golden.KEPT.clear()


@pytest.mark.parametrize("name", golden.names())
def test_pixels_are_what_they_were(name: str) -> None:
    assert (golden.FOLDER / f"{name}.npz").is_file(), f"make the reference of {name}, and look at it: {COMMAND} {name}"
    kept, before = golden.load(name)
    arrays, facts = golden.made(name)
    fault = golden.difference(kept, arrays, golden.tolerance_of(name))
    same = before == facts
    ways = "raise the `revision` of the node whose pixels changed on purpose, then" if same else "its graph, files or revisions changed:"
    assert not fault, f"{name}: {fault}: {ways} run `{COMMAND} {name}`, and look at tests/golden/{name}.png"
    own = (before["revisions"].get(name), facts["revisions"].get(name))  # of other nodes a revision may rise where these pixels stay
    assert own[0] == own[1], f"{name}: its revision is {own[1]}, that of its reference {own[0]}: run `{COMMAND} {name}`"


def test_references_are_small_and_all_of_use() -> None:
    files = [path for path in golden.FOLDER.iterdir() if path.suffix in (".npz", ".png")]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    left = {path.stem for path in files} - set(golden.names())
    assert not left, f"no node or graph is called so, delete tests/golden/{min(left)}.*"
    assert not golden.LEFT_OUT.keys() & {path.stem for path in files}
    nodes = {path.stem for path in (ROOT / "docs/nodes/examples").glob("*.yaml")}
    assert nodes <= {*golden.names(), *golden.LEFT_OUT}, "every node has a reference, or a reason why not"


@pytest.mark.parametrize("name", ["Blur", "Crop", "TonesFromPasses", "passes_tones", "WriteSVG"])
def test_the_picture_to_look_at_is_that_of_the_numbers(name: str) -> None:
    arrays, _ = golden.load(name)
    with PIL.Image.open(golden.FOLDER / f"{name}.png") as kept:
        assert PIL.ImageChops.difference(kept.convert("RGB"), golden.picture(arrays)).getbbox() is None


def brighter(self: Grade, image: Image) -> Image:
    return image.with_data(image.data * 1.02)


def shifted(self: Crop, image: Image) -> Image:
    return image.with_data(torch.roll(image.data, 1, -1))


@pytest.mark.parametrize(("cls", "process"), [(Grade, brighter), (Crop, shifted)])
def test_a_change_of_pixels_is_noticed_and_needs_a_revision(
    cls: type, process: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = cls.__name__
    for path in golden.FOLDER.glob(f"{name}.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    assert list(golden.make([name])) == [(name, "")]
    monkeypatch.setattr(cls, "process", process)
    kept, _ = golden.load(name)
    fault = golden.difference(kept, golden.made(name)[0], golden.tolerance_of(name))
    assert " differ, by at most " in fault or "has the shape" in fault
    before = (tmp_path / f"{name}.npz").read_bytes()
    ((_, told),) = golden.make([name])
    assert told.endswith("raise the `revision` of the node whose pixels changed, and run this again")
    assert (tmp_path / f"{name}.npz").read_bytes() == before, "it is left as it was"
    monkeypatch.setattr(cls, "revision", cls.revision + 1)  # type: ignore[attr-defined]
    assert list(golden.make([name])) == [(name, "")]
    assert golden.difference(golden.load(name)[0], golden.made(name)[0], golden.tolerance_of(name)) == ""


def test_differences_are_told() -> None:
    zero = {"a": np.zeros((1, 10, 10), np.float16)}
    one = {"a": zero["a"].copy()}
    one["a"][0, 0, 0] = 0.5
    assert golden.difference(zero, zero, golden.Tolerance()) == ""
    assert golden.difference(zero, one, golden.Tolerance()) == "1.0% of a differ, by at most 0.5"
    assert golden.difference(zero, one, golden.Tolerance(share=0.01)) == golden.difference(zero, one, golden.Tolerance(far=0.5)) == ""
    assert golden.difference(zero, {}, golden.Tolerance()) == "its outputs are , and were a"
    assert golden.difference(zero, {"a": np.zeros((1, 5, 5))}, golden.Tolerance()) == "a has the shape (1, 5, 5), and had (1, 10, 10)"


def test_the_command_knows_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert golden.main(["Cropp"]) == 2
    assert capsys.readouterr().err == "there is no node or graph Cropp with a reference\n"
