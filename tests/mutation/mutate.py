"""Would a test notice? Small changes are made to the code, one at a time, and the tests that reach the changed line are run.

    pip install -e '.[dev]'                                    # has cosmic-ray, whose operators make the changes, and coverage
    python tests/mutation/mutate.py --count 300 --minutes 60   # a sample by --seed; ends in an hour at the latest
    python tests/mutation/mutate.py --only rotonodes/io/png.py --count 40

The work is done in a copy of the code, so that the checkout stays as it is. First a map is collected: which test reaches which line
(`.mutation/`, kept for the next run; only test files that changed, or whose code did, are collected again). Each change is then tried
on the tests of its line, fastest first, in a fork of a process that has imported the large libraries already. Prints each change that
no test noticed as a diff, and at last the share that was noticed. Each survivor is a missing test, or a change that makes no
difference: the latter are listed in `equivalent.txt` beside this file, with the reason.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import functools
import random
import re
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from reach import Reach
from warm import TIMED_OUT, keep_bytecode, run_tests, warm_up

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("values", "node", "graph", "plan", "engine", "io", "imaging")
# Operators of cosmic-ray by the beginning of their names; left out are those whose changes users cannot notice.
OPERATORS = (
    *("NumberReplacer", "ReplaceComparisonOperator", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr"),
    *("ReplaceOrWithAnd", "AddNot", "ReplaceUnaryOperator", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak"),
    *("ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add", "ReplaceBinaryOperator_Mul_Div", "ReplaceBinaryOperator_Div_Mul"),
    *("ReplaceBinaryOperator_FloorDiv_Mul", "ReplaceBinaryOperator_Mod_Mul", "ReplaceBinaryOperator_Pow_Mul", "ZeroIterationForLoop"),
    *("ReplaceBinaryOperator_LShift_RShift", "ReplaceBinaryOperator_RShift_LShift", "ReplaceBinaryOperator_BitAnd_BitOr"),
)
# They take long, or are about texts, imports and scripts.
SLOW = (
    *(
        "test_benchmarks.py",
        "test_examples.py",
        "test_docs.py",
        "test_predecessors.py",
        "test_docker.py",
        "test_walls.py",
        "test_mutate.py",
    ),
    *("test_blender.py", "test_blender_frames.py", "test_blender_shards.py", "test_parts_blender.py", "test_bench_tones.py"),
)
LAWS = ("test_dataclasses.py",)  # they read the code itself, whose headers they run nowhere
NOTICED, TIMED_OUT_WITH, SURVIVED = "noticed", "noticed by taking too long", "NOT NOTICED"
STORE = ROOT / ".mutation"  # maps and results; ignored by git
EQUIVALENT = Path(__file__).parent / "equivalent.txt"
NEAREST = 3  # test files that are asked before the others


class Mutation(NamedTuple):
    """One change: a file, the operator that changes it, and at which of its places, counted from 0."""

    file: Path
    operator: str
    occurrence: int


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    given = [path if path.is_absolute() else ROOT / path for path in options.only or ()] or [ROOT / "rotonodes" / name for name in FOLDERS]
    files = sorted(file for path in given for file in ([path] if path.is_file() else path.rglob("*.py")) if file.stat().st_size)
    warm_up()
    outcomes: Counter[str] = Counter()
    known = equivalents(EQUIVALENT.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        keep_bytecode(copy, test_files())
        reach = Reach(copy, STORE)
        reach.collect(test_files(), run_tests, options.file_seconds)
        print(f"{len(reach.seconds)} tests, {sum(reach.seconds.values()):.0f} s in all", flush=True)
        end = time.monotonic() + 60 * options.minutes
        sample = sampled(files, options.count, options.seed)
        for number, mutation in enumerate(sample[options.skip :], options.skip + 1):
            if time.monotonic() > end:
                break
            began = time.monotonic()
            diff, file = difference(mutation), str(mutation.file.relative_to(ROOT))
            same = changed_lines(file, [line[4:] for line in diff.splitlines()]) in known
            outcome = "equivalent" if same else tried(copy, mutation, reach, options.seconds)
            outcomes[outcome] += 1
            where = f"{file} {mutation.operator.partition('/')[2]} {mutation.occurrence}"
            print(f"{number} of {len(sample)}: {where}: {outcome}, {time.monotonic() - began:.0f} s", flush=True)
            if outcome == SURVIVED:
                print(diff, flush=True)
    counted = sum(outcomes.values()) - outcomes["equivalent"]
    noticed = counted - outcomes[SURVIVED]
    print(f"{dict(outcomes)}: {noticed} of {counted} changes were noticed ({noticed / max(counted, 1):.0%}), seed {options.seed}")
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="changes to try")
    parser.add_argument("--seed", type=int, default=0, help="which sample of them")
    parser.add_argument(
        "--skip", type=int, default=0, help="changes at the beginning of the sample that an earlier run of this code has tried"
    )
    parser.add_argument("--minutes", type=float, default=60, help="no further change is tried after so long; the map is not counted in")
    parser.add_argument("--only", type=Path, action="append", help="a file or folder to change, instead of the whole core; repeatable")
    parser.add_argument("--seconds", type=float, default=20, help="processor time of the tests for one change")
    parser.add_argument(
        "--file-seconds", type=float, default=300, help="processor time of one process of the map: a longer test file is taken in parts"
    )
    return parser.parse_args(arguments)


def test_files() -> list[str]:
    """The names of all test files but those that are slow or test no code of the core."""
    return sorted(path.name for path in (ROOT / "tests").glob("test_*.py") if path.name not in SLOW)


def equivalents(text: str) -> set[str]:
    """Changes that make no difference, as `equivalent.txt` lists them: entries of `# FILE: reason` and a diff, parted by empty lines."""
    entries = [entry.splitlines() for entry in re.split(r"\n\s*\n", text.strip()) if entry]
    return {changed_lines(entry[0].removeprefix("# ").partition(":")[0], entry[1:]) for entry in entries}


def changed_lines(file: str, diff: Sequence[str]) -> str:
    """A change by its file and the lines of its diff without indentation, so that it is known also when lines move."""
    return "\n".join([file, *(line[0] + line[1:].strip() for line in diff if line.strip() and not line.startswith("@@"))])


def sampled(files: list[Path], count: int, seed: int) -> list[Mutation]:
    """`count` of all changes that can be made, spread over the files by how much code they have, each line about once."""
    by_line: dict[tuple[Path, int], list[Mutation]] = defaultdict(list)
    for file in files:
        for line, mutation in mutations(file):
            by_line[file, line].append(mutation)
    chance = random.Random(seed)
    places = sorted(by_line)
    chance.shuffle(places)
    found: list[Mutation] = []
    for place in places:
        if len(found) == count:
            break
        mutation = chance.choice(by_line[place])
        if mutated(mutation) is not None:
            found.append(mutation)
    return found


def mutations(file: Path) -> Iterator[tuple[int, Mutation]]:
    """Every change of a file with its line; not those in annotations, docstrings and messages, which run nowhere."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast_from_path(file)))
    source = file.read_text(encoding="utf-8")
    quiet = _quiet_lines(source)
    for name in sorted(operator_names()):
        if not name.partition("/")[2].startswith(OPERATORS):
            continue
        operator = get_operator(name)()
        occurrence = 0
        for node in nodes:
            for (line, _), _ in operator.mutation_positions(node):
                if line not in quiet:
                    yield line, Mutation(file, name, occurrence)
                occurrence += 1


def _quiet_lines(source: str) -> set[int]:
    """Lines of annotations, of imports for type checkers, and of what only makes an error's message."""
    quiet: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if checking or isinstance(node, ast.Raise) or (isinstance(node, ast.AnnAssign) and node.value is None):
            quiet.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))  # type: ignore[attr-defined]
    return quiet


@functools.lru_cache(maxsize=64)
def mutated(mutation: Mutation) -> str | None:
    """The source after the change; None where it only changes an annotation, or is no Python."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = mutation.file.read_text(encoding="utf-8")
    changed = mutate_code(source, get_operator(mutation.operator)(), mutation.occurrence)
    try:
        return None if changed is None or _bare(changed) == _bare(source) else str(changed)
    except SyntaxError:  # an operator took `**` of a mapping for a power
        return None


def lines_of(mutation: Mutation) -> range:
    """The lines of the file, counted from 1, that a change touches."""
    before = mutation.file.read_text(encoding="utf-8").splitlines()
    matcher = difflib.SequenceMatcher(None, before, (mutated(mutation) or "").splitlines(), autojunk=False)
    touched = [(begin, max(end, begin + 1)) for tag, begin, end, _, _ in matcher.get_opcodes() if tag != "equal"]
    return range(min(begin for begin, _ in touched) + 1, max(end for _, end in touched) + 1)


def _bare(source: str) -> str:
    """The code without its annotations and line numbers."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns, given = None, node.args
            # Which parameters may be given by position is no behaviour: operators take the `*` between them for a product.
            given.args = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            given.defaults += [default for default in given.kw_defaults if default is not None]
            given.posonlyargs, given.kwonlyargs, given.kw_defaults = [], [], []
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def difference(mutation: Mutation) -> str:
    """The change as a diff."""
    before = mutation.file.read_text(encoding="utf-8").splitlines()
    after = (mutated(mutation) or "").splitlines()
    lines = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
    return "\n".join(f"    {line}" for line in lines)


@functools.lru_cache(maxsize=64)
def nearest(file: Path) -> list[str]:
    """The test files that concern a file most: the one called after it, then those that import it, those that name it most first."""
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    parent, _, name = module.rpartition(".")
    direct = re.compile(rf"\b{re.escape(module)}\b|from {re.escape(parent)} import [^\n]*\b{name}\b|\({name}\b")
    found: list[tuple[int, str]] = []
    for test in test_files():
        text = (ROOT / "tests" / test).read_text(encoding="utf-8")
        if test in (f"test_{name}.py", f"test_{name}s.py"):
            found.append((-len(text), test))
        elif direct.search(text):
            found.append((-len(re.findall(rf"\b{name}\b", text)), test))
    return [test for _, test in sorted(found)][:NEAREST]


def copied(folder: Path) -> Path:
    """A copy of the code and its tests; what they only read is linked."""
    for name in ("rotonodes", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.name not in ("rotonodes", "tests", ".git", STORE.name) and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    return folder


def tried(copy: Path, mutation: Mutation, reach: Reach, seconds: float) -> str:
    """Make a change in the copy, run the tests that reach it, take it back: NOTICED, TIMED_OUT_WITH or SURVIVED."""
    name = str(mutation.file.relative_to(ROOT))
    near = nearest(mutation.file)
    tests = reach.tests(name, lines_of(mutation))
    first = [test for test in tests if test.partition("::")[0].removeprefix("tests/") in near]
    if "@dataclass" in difference(mutation):
        first += [test for test in reach.seconds if test.partition("::")[0].removeprefix("tests/") in LAWS and test not in first]
    target = copy / name
    target.write_text(mutated(mutation) or "", encoding="utf-8")
    try:
        left = seconds
        for stage in (first, [test for test in tests if test not in set(first)]):
            taken = within(stage, reach.seconds, left)
            left -= sum(reach.seconds[test] for test in taken)
            outcome = asked(copy, taken, reach.seconds) if taken else SURVIVED
            if outcome != SURVIVED:
                return outcome
        return SURVIVED
    finally:
        shutil.copy2(mutation.file, target)  # with its time, so that its bytecode stays valid


def within(tests: list[str], seconds: dict[str, float], limit: float) -> list[str]:
    """As many of the tests, from the first, as take `limit` seconds together."""
    taken: list[str] = []
    for test in tests:
        limit -= seconds[test]
        if limit < 0:
            break
        taken.append(test)
    return taken


def asked(copy: Path, tests: list[str], seconds: dict[str, float], patience: float = 15) -> str:
    """Run tests until one fails; `patience` is the least processor time that they are given."""
    limit = patience + 4 * sum(seconds[test] for test in tests)
    options = ["-q", "-x", "--tb=no", "-m", "not slow"]
    code = run_tests(copy, [*tests, *options], limit)
    if code == pytest.ExitCode.USAGE_ERROR:  # cases of that name are not there with the change: that alone is no failure
        code = run_tests(copy, [*dict.fromkeys(test.partition("::")[0] for test in tests), *options], limit)
    if code == TIMED_OUT:
        return TIMED_OUT_WITH
    return SURVIVED if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else NOTICED


if __name__ == "__main__":
    raise SystemExit(main())
