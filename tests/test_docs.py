"""docs/: pages and pictures are fresh, every example and every piece of code in them runs, and every law of nodes is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import PIL.Image
import pytest

from conftest import Call
from rotonodes import Graph
from rotonodes.describe.node_pages import COMMAND, node_pages
from rotonodes.describe.reference import type_word
from rotonodes.node.catalogue import all_nodes

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NODES = {type_word(cls): cls for cls in all_nodes().values() if cls.__module__.startswith("rotonodes.nodes")}
EXAMPLES = sorted((DOCS / "nodes" / "examples").glob("*.yaml"))
MOST_BYTES = 6_000_000  # of the whole folder
MOST_PICTURE = 60_000  # bytes of a node's picture


def script(name: str) -> ModuleType:
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def in_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that has the repository's examples, graphs, weights and docs: what a graph writes stays out of them."""
    for folder in ("docs", "examples", "graphs", "weights"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Pages of nodes.


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return node_pages(NODES, Path("docs/nodes"))


@pytest.mark.parametrize("name", sorted([*(f"{word}.md" for word in NODES), "README.md"]))
def test_node_pages_are_fresh(name: str, pages: dict[str, str]) -> None:
    file = DOCS / "nodes" / name
    assert file.is_file(), f"docs/nodes/{name} is not there: run `{COMMAND}`"
    assert file.read_text(encoding="utf-8") == pages[name], f"docs/nodes/{name} is stale: run `{COMMAND}`"


@pytest.mark.parametrize("word", sorted(NODES))
def test_every_node_has_an_example_and_a_picture(word: str) -> None:
    assert (DOCS / "nodes" / "examples" / f"{word}.yaml").is_file(), f"write docs/nodes/examples/{word}.yaml, a small graph of {word}"
    picture = DOCS / "nodes" / "pictures" / f"{word}.webp"
    assert picture.is_file(), f"draw the picture of {word}: run `python docs/draw_nodes.py {word}`, then `{COMMAND}`"
    assert picture.stat().st_size < MOST_PICTURE, f"{picture.name} is too large: let its example show less"
    with PIL.Image.open(picture) as shown:
        assert len(shown.convert("RGB").getcolors(1 << 24)) > 2


def test_no_page_is_left_behind() -> None:
    """What belongs to a node that is gone or renamed."""
    folders = {"": ".md", "examples": ".yaml", "pictures": ".webp"}
    left = [path for folder, ending in folders.items() for path in (DOCS / "nodes" / folder).glob(f"*{ending}")]
    left = [p for p in left if p.stem not in NODES and p.name != "README.md"]
    assert not left, f"no node is called so, delete {', '.join(str(p.relative_to(ROOT)) for p in left)}"


def test_docs_are_small() -> None:
    assert sum(p.stat().st_size for p in DOCS.rglob("*") if p.is_file()) < MOST_BYTES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_of_a_node_runs(path: Path, in_copy: Path) -> None:
    """On its first frame, or where it takes a clip on two; a training with one step."""
    word = path.stem
    if word == "OnnxSegment":
        pytest.importorskip("onnxruntime")
        assert Graph.load(path.parent / "ExportONNX.yaml").run(cache="none").exit_code == 0
    elif word == "ExportONNX":
        pytest.importorskip("onnx")
    changes = {"train.steps": 1, "train.batch": 1, "train.crop": 32, "train.frames": "1-2"} if word == "TrainUNet" else {}
    graph = Graph.load(path, settings=changes)
    (*_, name) = [name for name, vertex in graph.vertices.items() if type_word(type(vertex.node)) == word]
    frames = [*(graph.frames or (1,))][:2]
    result = graph.run(nodes=[name], frames=frames, cache="none", device="cpu")
    assert result.exit_code == 0, result.failures
    if NODES[word].is_writer():
        assert any(p.is_file() for p in (in_copy / "out").rglob("*")), "it wrote nothing"


def test_the_command_writes_the_pages(call: Call, tmp_path: Path) -> None:
    (tmp_path / "pages" / "pictures").mkdir(parents=True)
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "pages" / "pictures" / "Crop.webp")
    ended = call("nodes", "--markdown", "-o", "pages")
    assert ended.code == 0 and ended.out.endswith("pages and their index are in pages\n")
    page = (tmp_path / "pages" / "Crop.md").read_text()
    assert "(pictures/Crop.webp)" in page and "## Example" not in page
    assert "run `" not in page and "`rotonodes nodes --markdown -o pages`" in page
    assert "(pictures/" not in (tmp_path / "pages" / "Grade.md").read_text()
    written = (tmp_path / "pages" / "Crop.md").stat().st_mtime_ns
    assert call("nodes", "--markdown", "-o", "pages").code == 0
    assert (tmp_path / "pages" / "Crop.md").stat().st_mtime_ns == written, "a page that is right is left alone"


@pytest.mark.parametrize("arguments", [["-o", "pages"], ["Crop", "--markdown", "-o", "pages"], ["--json", "-o", "pages"]], ids=" ".join)
def test_pages_are_written_for_all_types_only(call: Call, arguments: list[str]) -> None:
    ended = call("nodes", *arguments)
    assert (ended.code, ended.err) == (2, "error: -o writes the pages of all types: rotonodes nodes --markdown -o DIR\n")


# The picture of the rooms.


def test_the_picture_of_the_rooms_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    drawn = (DOCS / "rooms.svg").read_text(encoding="utf-8")
    assert drawn == script("draw_rooms").svg(), "docs/rooms.svg is stale: run `python docs/draw_rooms.py`"


def test_the_picture_of_the_rooms_shows_an_import_upwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    module = script("draw_rooms")
    rooms = module.imports_of_rooms()
    assert not [edge for edge in module.arrows(rooms) if edge[2]], "an import runs upwards: tests/test_walls.py says which"
    rooms.add_edge("io", "engine")
    assert ("io", "engine", True) in list(module.arrows(rooms))
    assert module.RED in "\n".join(module.draw(rooms))
    rooms.add_edge("io", "cellar")
    with pytest.raises(KeyError, match="cellar"):
        list(module.draw(rooms))
