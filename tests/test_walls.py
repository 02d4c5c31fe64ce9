"""Who may import whom, and who never imports torch (DESIGN, section 2)."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "rotonodes").rglob("*.py"))

# Each part of the house and the parts it may know. `rotonodes/io/exr.py` belongs to the part `io`.
BASE = {"errors", "pixels", "color", "frames", "tones", "scores"}
CORE = BASE | {"parameters", "node", "registry", "result", "io", "cache", "graphfile", "graph", "builder", "keys", "workers"}
CORE |= {"missing", "plan"}
KNOWS: dict[str, set[str]] = {
    "errors": set(),
    "pixels": set(),
    "tones": set(),
    "scores": set(),
    "ranks": set(),
    "workers": {"errors", "ranks"},
    "frames": {"errors"},
    "color": {"errors"},
    "io": BASE,
    "motion": set(),
    "steady": {"motion"},
    "keylight": {"color", "io"},
    "nets": BASE | {"io"},
    "train": BASE | {"io", "nets", "ranks"},
    "parameters": {"errors"},
    "registry": {"errors", "node", "nodes"},  # it imports the modules of `nodes` to fill itself
    "node": {"errors", "pixels", "parameters", "registry"},
    "matting": {"errors", "color", "pixels"},
    "cleaning": {"errors", "matting"},
    "nodes": BASE | {"cleaning", "io", "matting", "nets", "train", "motion", "steady", "keylight", "parameters", "node"},
    "graphfile": {"errors"},
    # `Graph.load` calls the builder and `Graph.run` the engine, inside those methods.
    "graph": {"errors", "frames", "graphfile", "node", "parameters", "builder", "engine"},
    "builder": {"errors", "frames", "graph", "graphfile", "node", "parameters"},
    "keys": {"errors", "frames", "graph", "io", "node", "parameters"},
    "cache": BASE | {"io"},
    "plan": CORE,
    "missing": {"errors", "frames"},
    "result": {"frames"},
    "summary": {"errors", "frames"},
    "report": {"errors", "node", "summary", "report_rich"},
    "report_rich": {"report", "summary"},
    "clips": {"pixels"},
    "schedule": CORE | {"clips"},
    "engine": CORE | {"clips", "schedule", "report", "ranks"},
    "farm": CORE,
    "draw": CORE,
    "reference": {"errors", "node", "parameters"},
    "schema": {"node", "reference"},
    "interrupt": {"io", "ranks"},
    "view": CORE | {"engine", "nodes", "registry"},
    "session": CORE | {"ranks"},
    "jobs": CORE | {"engine", "interrupt", "nets", "nodes", "report", "session", "summary", "train"},
    "commands": CORE | {"draw", "engine", "interrupt", "jobs", "nets", "ranks", "reference", "report", "schema", "session", "view"},
    "__init__": set(),
    "__main__": {"cli"},
}

# Not even in a function: these answer on machines without torch.
WITHOUT_TORCH = {
    "errors",
    "frames",
    "tones",
    "parameters",
    "node",
    "registry",
    "graphfile",
    "graph",
    "builder",
    "keys",
    "missing",
    "plan",
    "farm",
    "clips",
}
WITHOUT_TORCH |= {
    "jobs",
    "scores",
    "summary",
    "report",
    "report_rich",
    "cli",
    "commands",
    "session",
    "draw",
    "reference",
    "schema",
    "interrupt",
    "ranks",
    "__init__",
    "__main__",
}

# Plain torch, imported by the nodes when they work.
WITH_TORCH = {"nets", "train", "motion", "steady", "matting"}


class Import(NamedTuple):
    module: str
    inside_function: bool


def part_of(file: Path) -> str:
    return file.relative_to(ROOT / "rotonodes").parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[Import]:
    """Every import of a file but those for type checkers."""
    tree = ast.parse(file.read_text(encoding="utf-8"))

    def walk(node: ast.AST, inside: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            whole = node.module == "rotonodes"
            yield from (Import(f"rotonodes.{alias.name}" if whole else str(node.module), inside) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside or isinstance(node, ast.FunctionDef))

    return walk(tree, False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_down_the_list(file: Path) -> None:
    part = part_of(file)
    assert part in {*KNOWS, "cli"}, f"say in KNOWS what {part} may know"
    for found in imports(file):
        words = found.module.split(".")
        if words[0] == "rotonodes" and len(words) > 1 and words[1] not in (part, "__version__"):
            assert part == "cli" or words[1] in KNOWS[part], f"{part} may not know {words[1]} ({found.module})"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_torch_is_imported_where_it_may_be(file: Path) -> None:
    part = part_of(file)
    for found in imports(file):
        if found.module.split(".")[0] in ("torch", "torchvision"):
            assert part not in WITHOUT_TORCH, f"{part} works without torch"
            assert found.inside_function or part in WITH_TORCH, f"{part} may import torch inside functions only"


def test_nothing_knows_the_command_line() -> None:
    assert {part_of(f) for f in FILES for i in imports(f) if i.module == "rotonodes.cli"} == {"__main__"}


def loaded_after(*statements: str, folder: Path) -> set[str]:
    """The modules that are loaded in a fresh process after these statements."""
    code = "\n".join([*statements, "import sys; print('\\n'.join(sys.modules))"])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


GRAPH = """
rotonodes: 1
frames: 1-4
nodes:
  load: {type: LoadFrames, path: "in.####.png"}
  crop: {type: Crop, in: load, left: 1}
  png:  {type: WriteFrames, in: crop, path: "out.####.png"}
"""
CALL = "from rotonodes import cli\nfrom rotonodes.session import Session\nassert cli.call({}, Session()) == 0"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["evaluate", "--help"],
        ["segment", "--help"],
        ["cutout", "--help"],
        ["train", "--help"],
        ["convert-weights", "--help"],
        ["evaluate", "--prediction", "in.####.png", "--truth", "in.####.png", "--print-graph"],
        ["check", "graph.yaml"],
        ["plan", "graph.yaml"],
        ["plan", "graph.yaml", "--json"],
        ["draw", "graph.yaml"],
        ["nodes"],
        ["nodes", "Crop"],
        ["schema"],
    ],
    ids=" ".join,
)
def test_commands_that_make_no_pixels_import_no_torch(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    Image.new("P", (4, 4)).save(tmp_path / "in.0001.png")
    loaded = loaded_after(CALL.format(arguments), folder=tmp_path)
    assert not {"torch", "torchvision"} & loaded
    if "--help" in arguments:
        assert not {"numpy", "yaml", "pydantic", "networkx", "rich", "rotonodes.node", "rotonodes.graph"} & loaded


def test_graphs_of_everyday_jobs_import_no_torch(tmp_path: Path) -> None:
    for name in ("imgs", "masks"):
        (tmp_path / name).mkdir()
        for at in range(4):
            Image.new("L", (4, 4)).save(tmp_path / name / f"{at}.png")
    weights = str(ROOT / "weights/tones.safetensors")
    for arguments in (["segment", "imgs", "-m", weights], ["cutout", "imgs", "-m", weights], ["train", ".", "--validation", "25"]):
        assert not {"torch", "torchvision"} & loaded_after(CALL.format([*arguments, "--print-graph"]), folder=tmp_path)


def test_a_run_with_nothing_to_do_imports_no_torch(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    for frame in range(1, 5):
        Image.new("RGB", (4, 4)).save(tmp_path / f"in.{frame:04d}.png")
    run = CALL.format(["run", "graph.yaml"])
    assert "torch" in loaded_after(run, folder=tmp_path)
    assert "torch" not in loaded_after(run, folder=tmp_path)


def test_importing_the_package_is_cheap(tmp_path: Path) -> None:
    assert not {"torch", "numpy", "pydantic", "click", "rotonodes.node"} & loaded_after("import rotonodes", folder=tmp_path)
    loaded = loaded_after("from rotonodes import Graph, Image, Node, param, run", "from rotonodes.nodes import Crop", folder=tmp_path)
    assert "torch" not in loaded


def test_public_names() -> None:
    import rotonodes
    from rotonodes import nodes

    table = rotonodes._NAMES
    assert set(rotonodes.__all__) == {*table, "__version__"}
    assert all(getattr(rotonodes, name) is not None for name in table)
    assert set(table) <= set(dir(rotonodes))
    assert nodes.Crop.type_name == "Crop"
    assert "Crop" in dir(nodes)
    with pytest.raises(AttributeError, match="no attribute 'Grap'"):
        _ = rotonodes.Grap
    with pytest.raises(ImportError, match="Corp"):
        from rotonodes.nodes import Corp  # noqa: F401
