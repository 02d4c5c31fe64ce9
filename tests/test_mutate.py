"""The mutation run (tests/mutation/): what it changes, which tests it asks, and what it counts as noticed."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray")
pytest.importorskip("coverage")
sys.path.insert(0, str(Path(__file__).parent / "mutation"))

import mutate
import reach

HERE = mutate.ROOT / "tests" / "mutation"
FILE = mutate.ROOT / "rotonodes" / "io" / "orientation.py"


def test_a_sample_is_the_same_for_the_same_seed_and_changes_what_runs() -> None:
    sample = mutate.sampled([FILE], 5, seed=3)
    assert sample == mutate.sampled([FILE], 5, seed=3) and len(sample) == 5
    source = FILE.read_text(encoding="utf-8")
    for mutation in sample:
        changed = mutate.mutated(mutation)
        assert changed is not None and changed != source
        assert mutate._bare(changed) != mutate._bare(source)
        diff = mutate.difference(mutation)
        assert sum(line.startswith("    +") for line in diff.splitlines()) >= 1
        first = next(number for number, (a, b) in enumerate(zip(source.splitlines(), changed.splitlines(), strict=False), 1) if a != b)
        assert first in mutate.lines_of(mutation)


def test_annotations_and_messages_are_left_alone() -> None:
    assert mutate._quiet_lines("x: int | None\nif y:\n    raise ValueError(1 + 1)\n") == {1, 3}
    assert mutate._bare("def f(a, *, b=1): ...") == mutate._bare("def f(a, /, b=1): ...") != mutate._bare("def f(a, *, b=2): ...")
    assert mutate._bare("def f(a: int | None) -> int | None: ...") == mutate._bare("def f(a: int + None) -> int + None: ...")


def test_the_nearest_tests_of_a_file_come_first() -> None:
    assert mutate.nearest(FILE)[0] == "test_orientation.py"
    assert mutate.nearest(mutate.ROOT / "rotonodes/values/frames.py")[0] == "test_frames.py"
    for name in mutate.FOLDERS:
        assert (mutate.ROOT / "rotonodes" / name).is_dir()


def test_a_change_without_a_difference_is_known_also_where_lines_move() -> None:
    diff = ["@@ -3,3 +3,3 @@", "     x = 1", "-        if a < 1:", "+        if a <= 1:", "         y = 2"]
    known = mutate.equivalents(
        "# rotonodes/x.py: a is never 1\n x = 1\n-if a < 1:\n+if a <= 1:\n y = 2\n\n# rotonodes/y.py: so\n- b\n+ c\n"
    )
    assert len(known) == 2
    assert mutate.changed_lines("rotonodes/x.py", diff) in known
    assert mutate.changed_lines("rotonodes/y.py", diff) not in known
    assert mutate.changed_lines("rotonodes/x.py", [*diff[:1], "     x = 2", *diff[2:]]) not in known


def test_listed_changes_have_a_reason() -> None:
    text = mutate.EQUIVALENT.read_text(encoding="utf-8")
    entries = text.strip().split("\n\n")
    for entry in entries:
        first, *diff = entry.splitlines()
        assert first.startswith("# rotonodes/") and len(first) > 50, f"say the file and why:\n{entry}"
        assert {"-", "+"} <= {line[0] for line in diff} <= {"-", "+", " "}, f"a diff of one change follows:\n{entry}"
    assert len(mutate.equivalents(text)) == len(entries)


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (1, {1, 6}),  # a constant: where it is used
        (4, {4, 5, 6, 7, 8}),  # the header of a function: all of it
        (5, {5}),  # the header of an `if`
        (6, {6}),
        (11, {10, 11, 12, 13, 14}),  # a field: the whole class
        (14, {14}),
    ],
)
def test_a_line_stands_for_the_lines_that_show_a_change(line: int, lines: set[int]) -> None:
    source = """\
        LIMIT = 3


        def f(x=1):
            if x:
                return LIMIT
            else:
                return 0

        class C:
            size: int = 4

            def area(self):
                return self.size
    """
    found = reach.statement(textwrap.dedent(source), line)
    users = [n for n, text in enumerate(source.splitlines(), 1) if found.used_by and found.used_by.search(text)]
    assert {*found.lines, *users} == lines


def test_tests_are_taken_from_the_fastest_until_the_time_is_up() -> None:
    assert mutate.within(["a", "b", "c"], {"a": 1.0, "b": 2.0, "c": 4.0}, 3.5) == ["a", "b"]


CODE = """


def doubled(x):
    return x * 2

def endless(x):
    while x < 0:
        x += 1
    return x
"""
TESTS = """
import pytest
from rotonodes.a import doubled, endless

@pytest.fixture(scope="module")
def four():
    return doubled(2)

def test_doubled(four):
    assert four == 4

def test_beside(four):
    assert four > 0

def test_endless():
    assert endless(-1) == 0

@pytest.mark.skip
def test_skipped():
    assert doubled(1) == 2
"""
LONG = """
from rotonodes.a import doubled

def test_first():
    assert doubled(2) == 4

def test_without_end():
    while doubled(0) == 0:
        pass

def test_after():
    assert doubled(1) == 2
"""
SCRIPT = """
import json, sys
from pathlib import Path
from unittest.mock import patch
import mutate
from reach import Reach
from warm import run_tests

root = Path(sys.argv[1])
found = Reach(root, root / "maps")
with patch("builtins.print"):
    found.collect(["test_a.py"], run_tests, 60)
    again = []
    found.collect(["test_a.py"], lambda *a: again.append(a) or 0, 60)
    more = Reach(root, root / "more maps")
    more.collect(["test_b.py"], run_tests, 3)
lines = {str(line): found.tests("rotonodes/a.py", range(line, line + 1)) for line in (5, 9)}
code = root / "rotonodes" / "a.py"
source = code.read_text()
outcomes = []
tests = ["tests/test_a.py::test_doubled", "tests/test_a.py::test_endless"]
for old, new, patience in (("x * 2", "x * 3", 60), ("x += 1", "x += 0", 2), ("x * 2", "2 * x", 60), ("def", "define", 60)):
    code.write_text(source.replace(old, new))
    outcomes.append(mutate.asked(root, tests, dict.fromkeys(tests, 0.0), patience))
code.write_text(source)
print(json.dumps([lines, len(again), outcomes, sorted(more.seconds)]))
"""


def test_the_map_names_the_tests_of_each_line_and_changes_are_noticed_by_them(tmp_path: Path) -> None:
    files = {"rotonodes/__init__.py": "", "rotonodes/a.py": CODE, "tests/test_a.py": TESTS, "tests/test_b.py": LONG}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow: takes long\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    lines, again, outcomes, in_time = json.loads(done.stdout)
    assert sorted(lines["5"]) == [
        f"tests/test_a.py::test_{name}" for name in ("beside", "doubled", "endless")
    ]  # a fixture of the whole file
    assert lines["9"] == ["tests/test_a.py::test_endless"]
    assert again == 0  # nothing changed, so nothing is collected again
    assert outcomes == [mutate.NOTICED, mutate.TIMED_OUT_WITH, mutate.SURVIVED, mutate.NOTICED]
    assert in_time == ["tests/test_b.py::test_after", "tests/test_b.py::test_first"]  # in two processes: the test between had no end
