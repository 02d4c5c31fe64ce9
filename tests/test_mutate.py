"""The mutation run (tests/mutation/mutate.py): what it changes, and which tests it asks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray")
sys.path.insert(0, str(Path(__file__).parent / "mutation"))

import mutate

FILE = mutate.ROOT / "rotonodes" / "io" / "orientation.py"


def test_a_sample_is_the_same_for_the_same_seed_and_changes_what_runs() -> None:
    sample = mutate.sampled([FILE], 5, seed=3)
    assert sample == mutate.sampled([FILE], 5, seed=3) and len(sample) == 5
    source = FILE.read_text(encoding="utf-8")
    for mutation in sample:
        changed = mutate.mutated(mutation)
        assert changed is not None and changed != source
        assert mutate._bare(changed) != mutate._bare(source)
        assert sum(line.startswith("    +") for line in mutate.difference(mutation).splitlines()) >= 1


def test_annotations_and_messages_are_left_alone() -> None:
    assert mutate._quiet_lines("x: int | None\nif y:\n    raise ValueError(1 + 1)\n") == {1, 3}
    assert mutate._bare("def f(a, *, b=1): ...") == mutate._bare("def f(a, /, b=1): ...") != mutate._bare("def f(a, *, b=2): ...")
    assert mutate._bare("def f(a: int | None) -> int | None: ...") == mutate._bare("def f(a: int + None) -> int + None: ...")


def test_the_tests_of_a_file_are_those_that_use_it() -> None:
    assert mutate.tests_of(FILE)[0] == "test_orientation.py"
    assert mutate.tests_of(mutate.ROOT / "rotonodes/imaging/mattes/grow.py")[0] == "test_grow_shrink.py"
    for name in mutate.FOLDERS:
        assert (mutate.ROOT / "rotonodes" / name).is_dir()
