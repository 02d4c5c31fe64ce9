"""Who may import whom, who never imports torch, how long things are: the walls of the house (docs/architecture.md)."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
HOSTS = ROOT / "rotonodes" / "hosts"
ADDON = sorted((HOSTS / "blender").rglob("*.py"))  # another program, in Blender's Python: it has walls of its own, below
FILES = sorted(set((ROOT / "rotonodes").rglob("*.py")) - set(ADDON))


class Room(NamedTuple):
    """A room of the house: the rooms below it that it may import from, and where it may import torch."""

    knows: str
    torch: str = "nowhere"  # nowhere, in functions, anywhere


# From the bottom up: a room may import only from rooms above it in this list.
ROOMS = {
    "errors": Room(""),
    "extras": Room("errors"),
    "values": Room("errors", "in functions"),
    "machine": Room("errors", "in functions"),
    "io": Room("errors extras values", "in functions"),
    "imaging": Room("errors extras values io", "anywhere"),
    "nets": Room("errors extras values machine io imaging", "anywhere"),
    "metrics": Room("errors values imaging", "anywhere"),
    "train": Room("errors extras values machine io imaging nets metrics", "anywhere"),
    "node": Room("errors values"),
    "nodes": Room("errors extras values io imaging nets metrics train node", "in functions"),
    "graph": Room("errors values node"),
    "plan": Room("errors values machine io node graph", "in functions"),
    "engine": Room("errors extras values machine node graph plan", "in functions"),
    "report": Room("errors values machine plan engine"),
    "describe": Room("errors values node graph"),
    "api": Room("errors io graph engine report describe"),
    "__init__": Room("errors values nets node engine api"),
    "farm": Room("errors extras values machine io node graph plan"),
    "hosts": Room("errors io"),
    "page": Room("errors extras values machine io imaging node graph plan engine describe", "in functions"),
    "cli": Room(
        "errors extras values machine io imaging nets train node nodes graph plan engine report describe api __init__ farm hosts page"
    ),
    "__main__": Room("cli"),
}


class Import(NamedTuple):
    module: str
    name: str
    inside_function: bool
    for_types: bool


OUTSIDE = re.compile(r"[.][.]/shared\b|[\"']shared[\"']\s*/|\b[Cc]ase \d\d\b")


def test_nothing_refers_to_places_outside_the_repository() -> None:
    """A clone has only what is in it: no test, page or comment names files of a workplace or numbers of a list that is not here."""
    kinds = {".py", ".md", ".yaml", ".toml", ".cfg", ".txt", ".json", ""}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\0")
    files = [ROOT / name for name in listed if name and Path(name).suffix in kinds] or [*FILES, *(ROOT / "tests").rglob("*.py")]
    assert len(files) > 300
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for file in files
        if file.is_file() and file.name != "test_walls.py"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if OUTSIDE.search(line)
    ]
    assert not found


def room_of(module: str) -> str:
    words = module.split(".")
    return words[1] if len(words) > 1 and words[1] != "__version__" else "__init__"


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file): file for file in FILES}


def imports(file: Path) -> Iterator[Import]:
    """Every import of a file, also those inside functions and those for type checkers."""

    def walk(node: ast.AST, inside: bool, types: bool) -> Iterator[Import]:
        types = types or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", inside, types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                module, name = (submodule, "") if submodule in MODULES else (str(node.module), alias.name)
                yield Import(module, name, inside, types)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda), types)

    return walk(ast.parse(file.read_text(encoding="utf-8")), False, False)


def test_the_list_runs_from_the_bottom_up() -> None:
    above: set[str] = set()
    for room, (knows, _) in ROOMS.items():
        assert set(knows.split()) <= above, f"{room} is said to import from a room that is not below it"
        above.add(room)
    there = {room_of(module) for module in MODULES}
    assert there == set(ROOMS), "give each room (a folder or file of rotonodes/) one row in ROOMS"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_downwards(file: Path) -> None:
    room = room_of(module_of(file))
    for found in imports(file):
        if found.module.split(".")[0] == "rotonodes":
            other = room_of(found.module)
            assert other in (room, *ROOMS[room].knows.split()), (
                f"{file.relative_to(ROOT)} imports {found.module}: {room} may not know {other}; "
                f"move what it needs down, into a room that {room} knows ({ROOMS[room].knows})"
            )


@pytest.mark.parametrize("file", ADDON, ids=lambda file: str(file.relative_to(HOSTS)))
def test_the_add_on_for_blender_stands_alone(file: Path) -> None:
    """It is under the GPL, as all that imports bpy is, and nothing else in the package is: neither side imports the other."""
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    known = set(sys.stdlib_module_names) | {"bpy", "mathutils"}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= known, "Blender's Python has no other libraries"
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert str(node.module).split(".")[0] in known


def test_nothing_imports_the_add_on() -> None:
    found = [file for file in FILES for one in imports(file) if one.module.startswith("rotonodes.hosts.blender.") or one.module == "bpy"]
    assert not found


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: nx.DiGraph = nx.DiGraph()
    for module, file in MODULES.items():
        graph.add_edges_from((module, found.module) for found in imports(file) if found.module in MODULES and found.module != module)
    circles = [sorted(knot) for knot in nx.strongly_connected_components(graph) if len(knot) > 1]
    assert not circles, "these modules import each other; take what both need out into a module below them"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_torch_is_imported_where_it_may_be(file: Path) -> None:
    room = room_of(module_of(file))
    for found in imports(file):
        if found.module.split(".")[0] in ("torch", "torchvision") and not found.for_types:
            assert ROOMS[room].torch != "nowhere", f"{room} works without torch"
            assert found.inside_function or ROOMS[room].torch == "anywhere", f"{room} may import torch inside functions only"


def test_no_module_name_is_used_twice() -> None:
    names = Counter(file.stem for file in FILES if file.stem != "__init__")
    assert not [name for name, count in names.items() if count > 1], "a file's name says one thing in the whole project: rename one"


def test_node_files_share_nothing_but_base_classes() -> None:
    for module, file in MODULES.items():
        if not module.startswith("rotonodes.nodes."):
            continue
        classes = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)]
        bases = {ast.unparse(base) for node in classes for base in node.bases}
        for found in imports(file):
            if found.module.startswith("rotonodes.nodes."):
                assert found.name in bases or is_named_tuple(found), (
                    f"{file.relative_to(ROOT)} imports {found.name} from {found.module}: a node's file lends only a base class and "
                    "its outputs; put algorithms into rotonodes/imaging"
                )


def is_named_tuple(found: Import) -> bool:
    """Whether an imported name is the NamedTuple of a node's outputs."""
    tree = ast.parse(MODULES[found.module].read_text(encoding="utf-8"))
    return any(isinstance(n, ast.ClassDef) and n.name == found.name and ast.unparse(n.bases[0]) == "NamedTuple" for n in tree.body)


def test_no_class_name_is_used_twice() -> None:
    """But for a class that extends one of its own name, as the public Graph does."""
    places: dict[str, list[str]] = {}
    for module, file in MODULES.items():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name not in {ast.unparse(base).rpartition(".")[2] for base in node.bases}:
                places.setdefault(node.name, []).append(module)
    assert not {name: where for name, where in places.items() if len(where) > 1}, "a name means one thing in the project: rename one class"


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
CALL = "from rotonodes.cli import main as cli\nfrom rotonodes.cli.session import Session\nassert cli.call({}, Session()) == 0"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["evaluate", "--help"],
        ["segment", "--help"],
        ["cutout", "--help"],
        ["submit", "--help"],
        ["status", "--help"],
        ["train", "--help"],
        ["convert-weights", "--help"],
        ["evaluate", "--prediction", "in.####.png", "--truth", "in.####.png", "--print-graph"],
        ["check", "graph.yaml"],
        ["plan", "graph.yaml"],
        ["plan", "graph.yaml", "--json"],
        ["draw", "graph.yaml"],
        ["submit", "graph.yaml", "--to", "openjd"],
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
        assert not {"numpy", "yaml", "pydantic", "networkx", "rich", "rotonodes.node.base", "rotonodes.graph.graph"} & loaded


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


def test_a_check_imports_only_what_it_needs() -> None:
    """networkx takes longer to import than a graph takes to check; it names the nodes of a cycle. Pillow reads no EXR."""
    loaded = loaded_after(CALL.format(["check", "graphs/flat_tones.yaml"]), folder=ROOT)
    assert "rotonodes.nodes.networks.unet_segment" in loaded
    assert not {"networkx", "PIL", "torch", "scipy"} & loaded


def test_nodes_of_tests_have_names_of_their_own() -> None:
    """All nodes of a process share one catalogue: two of one name would stop whichever test comes second."""
    own = re.compile(r"^class (\w+)\(.*\bNode\b.*\):", re.M)
    homes: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").glob("*.py")):
        for name in own.findall(file.read_text(encoding="utf-8")):
            homes.setdefault(name, []).append(f"tests/{file.name}")
    for file in FILES:
        if "nodes" in file.parts:
            for name in re.findall(r"^class (\w+)\(", file.read_text(encoding="utf-8"), re.M):
                homes.setdefault(name, []).append(str(file.relative_to(ROOT)))
    assert not {name: files for name, files in homes.items() if len(files) > 1}, "rename one of them"


def test_importing_the_package_is_cheap(tmp_path: Path) -> None:
    assert not {"torch", "numpy", "pydantic", "click", "rotonodes.node.base"} & loaded_after("import rotonodes", folder=tmp_path)
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


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_classes_and_functions_have_a_readable_length(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 500, f"{file.name} is longer than 500 lines: divide it"
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        most = 250 if isinstance(node, ast.ClassDef) else 60 if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
        if most is not None:
            length = node.end_lineno - node.lineno + 1  # type: ignore[attr-defined, operator]
            assert length <= most, f"{node.name} is {length} lines long, more than {most}: divide it"  # type: ignore[attr-defined]
