"""Would a test notice? Small changes are made to the code, one at a time, and the tests that concern the changed file are run.

    pip install -e '.[dev]'                                    # has cosmic-ray, whose operators make the changes
    python tests/mutation/mutate.py --count 300 --minutes 60   # a sample by --seed; ends in an hour at the latest
    python tests/mutation/mutate.py --only rotonodes/io/png.py --count 40

The work is done in a copy of the code, so that the checkout stays as it is. Prints each change that no test noticed as a diff, and at
last the share that was noticed. Each survivor is a missing test, or a change that makes no difference: say which.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

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
EVERYWHERE = "test_every_node.py"  # runs over all nodes; asked last
SLOW = ("test_benchmarks.py", "test_examples.py", "test_docs.py", "test_predecessors.py", "test_docker.py")


# What the tests of a room rest on, beside those that name the changed file.
ROOM_TESTS = {
    "plan": ("test_engine.py", "test_plan.py"),
    "engine": ("test_engine.py", "test_engine_edges.py"),
    "graph": ("test_graph.py", "test_document.py", "test_graph_limits.py"),
    "node": ("test_node.py", EVERYWHERE),
    "imaging": (EVERYWHERE,),
}
MOST_TESTS = 8  # test files for one change


class Mutation(NamedTuple):
    """One change: a file, the operator that changes it, and at which of its places, counted from 0."""

    file: Path
    operator: str
    occurrence: int


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="changes to try")
    parser.add_argument("--seed", type=int, default=0, help="which sample of them")
    parser.add_argument("--minutes", type=float, default=60, help="no further change is tried after so long")
    parser.add_argument("--only", type=Path, action="append", help="a file or folder to change, instead of the whole core; repeatable")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the tests")
    parser.add_argument("--seconds", type=float, default=180, help="a test run that takes longer counts as noticed")
    options = parser.parse_args(arguments)
    given = [path if path.is_absolute() else ROOT / path for path in options.only or ()] or [ROOT / "rotonodes" / name for name in FOLDERS]
    files = sorted(file for path in given for file in ([path] if path.is_file() else path.rglob("*.py")) if file.stat().st_size)
    sample = sampled(files, options.count, options.seed)
    end = time.monotonic() + 60 * options.minutes
    noticed, survivors = 0, []
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        for number, mutation in enumerate(sample, 1):
            if time.monotonic() > end:
                break
            tests = tests_of(mutation.file)
            caught = is_noticed(copy, mutation, tests, options.python, options.seconds)
            noticed += caught
            where = f"{mutation.file.relative_to(ROOT)} {mutation.operator.partition('/')[2]} {mutation.occurrence}"
            print(f"{number} of {len(sample)}: {where}: {'noticed' if caught else 'NOT NOTICED'}", flush=True)
            if not caught:
                survivors.append(mutation)
                print(difference(mutation), flush=True)
    tried = noticed + len(survivors)
    print(f"{noticed} of {tried} changes were noticed ({noticed / max(tried, 1):.0%}), seed {options.seed}")
    return 0


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


def tests_of(file: Path) -> list[str]:
    """The test files that concern a file, the nearest first: those called after it, those that import it, those that import such a node."""
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    parent, _, name = module.rpartition(".")
    direct = re.compile(rf"\b{re.escape(module)}\b|from {re.escape(parent)} import [^\n]*\b{name}\b|\({name}\b")
    users = [other for other in (ROOT / "rotonodes" / "nodes").rglob("*.py") if direct.search(other.read_text(encoding="utf-8"))]
    classes = {found for user in users for found in re.findall(r"^class (\w+)\(", user.read_text(encoding="utf-8"), re.M)}
    by_node = re.compile(rf"\b({'|'.join(sorted(classes))})\b") if classes else None
    named: list[str] = []
    imported, through = list[tuple[int, str]](), list[tuple[int, str]]()  # with how often they name it, negative: most first
    for test in sorted((ROOT / "tests").glob("test_*.py")):
        text = test.read_text(encoding="utf-8")
        if test.stem in (f"test_{name}", f"test_{name}s"):
            named.append(test.name)
        elif direct.search(text):
            imported.append((-len(re.findall(rf"\b{name}\b", text)), test.name))
        elif by_node and by_node.search(text):
            through.append((-len(by_node.findall(text)), test.name))
    listed = [*named, *(name for _, name in [*sorted(imported), *sorted(through)])]
    found = [name for name in listed if name != EVERYWHERE and name not in SLOW][:MOST_TESTS]
    room = file.relative_to(ROOT).parts[1]
    return list(dict.fromkeys([*found, *ROOM_TESTS.get(room, () if found else (EVERYWHERE,))]))


def copied(folder: Path) -> Path:
    """A copy of the code and its tests; what they only read is linked."""
    for name in ("rotonodes", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.name not in ("rotonodes", "tests", ".git") and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    return folder


def is_noticed(copy: Path, mutation: Mutation, tests: list[str], python: str, seconds: float) -> bool:
    """True when a test fails, or takes too long, with the change made."""
    changed = mutated(mutation) or ""
    target = copy / mutation.file.relative_to(ROOT)
    source = target.read_text(encoding="utf-8")
    target.write_text(changed, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    try:
        for test in tests:
            command = [python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", "--tb=no", f"tests/{test}"]
            done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=seconds, check=False)
            if done.returncode not in (0, 5):  # 5: no test was collected
                return True
        return False
    except subprocess.TimeoutExpired:
        return True
    finally:
        target.write_text(source, encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
