"""docs/: pages and pictures are fresh, every example and every piece of code in them runs, and every law of nodes is told."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import PIL.Image
import PIL.ImageChops
import PIL.ImageStat
import pytest

import test_every_node as laws
import test_walls as walls
from conftest import Call
from rotonodes import Graph, nodes
from rotonodes.cli import main as cli
from rotonodes.describe.node_pages import COMMAND, node_pages
from rotonodes.describe.reference import type_word
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes, find_node, load_file
from rotonodes.node.registry import NODES as REGISTRY
from rotonodes.node.registry import DuplicateNode
from rotonodes.values.pixels import Image

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NODES = {type_word(cls): cls for cls in all_nodes().values() if cls.__module__.startswith("rotonodes.nodes")}
PAGES = [*sorted(DOCS.glob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
PAGES += [*sorted((ROOT / "examples").rglob("*.md")), *sorted((ROOT / "weights").glob("*.md")), ROOT / "CHANGELOG.md"]
EXAMPLES = sorted((DOCS / "nodes" / "examples").glob("*.yaml"))
MOST_BYTES = 6_000_000  # of the whole folder
MOST_PICTURE = 60_000  # bytes of a node's picture
MOST_DIFFERENCE = 2.5  # of 255, mean over the pixels of a channel


@cache
def script(name: str) -> ModuleType:
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def in_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that has the repository's examples, graphs, weights and docs: what a graph writes stays out of them."""
    for folder in ("docs", "examples", "graphs", "weights"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def registry() -> Iterator[None]:
    """What a test adds to the node types is taken away again."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


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


EXPORTED: list[Path] = []  # what the example of ExportONNX wrote, for that of OnnxSegment


def exported_network() -> Path:
    if not EXPORTED:
        assert Graph.load("docs/nodes/examples/ExportONNX.yaml").run(cache="none").exit_code == 0
        EXPORTED.append(Path("out/nodes/tones.onnx").resolve())
    return EXPORTED[0]


@pytest.mark.parametrize("word", sorted(path.stem for path in EXAMPLES))
def test_the_example_of_a_node_makes_its_picture(word: str, in_copy: Path) -> None:
    """But for rounding, and letters that look otherwise. A training runs for one step only, and is not compared."""
    if word in ("OnnxSegment", "ExportONNX"):
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    if word == "OnnxSegment":
        (in_copy / "out" / "nodes").mkdir(parents=True)
        if (file := exported_network()) != Path("out/nodes/tones.onnx").resolve():
            shutil.copy(file, "out/nodes/tones.onnx")
    if word == "TrainUNet":
        changes = {"train.steps": 1, "train.batch": 1, "train.crop": 32, "train.frames": "1-2"}
        assert Graph.load(f"docs/nodes/examples/{word}.yaml", settings=changes).run(frames="1-2", cache="none").exit_code == 0
        return
    made = script("draw_nodes").draw_node(word)
    if word == "ExportONNX":
        EXPORTED.append((in_copy / "out/nodes/tones.onnx").resolve())
    with PIL.Image.open(DOCS / "nodes" / "pictures" / f"{word}.webp") as file:
        kept = file.convert("RGB")
    stale = f"docs/nodes/pictures/{word}.webp is stale: run `python docs/draw_nodes.py {word}` and look at it"
    assert made.size == kept.size, stale
    difference = PIL.ImageStat.Stat(PIL.ImageChops.difference(made, kept)).mean
    assert max(difference) < MOST_DIFFERENCE, f"{stale} (mean difference {max(difference):.1f} of 255)"


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


# Texts.


@pytest.mark.parametrize("room", sorted(set(script("draw_rooms").PLACES)))
def test_every_room_has_a_row(room: str) -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("<!-- rooms -->")[2].partition("<!-- end of rooms -->")[0]
    assert re.search(rf"^\| \[`{room}(/|\.py)`\]", table, re.MULTILINE), f"docs/architecture.md: give the room {room} a row in the table"


def test_every_law_of_nodes_is_told() -> None:
    text = (DOCS / "guarantees.md").read_text(encoding="utf-8")
    found = [name for name, test in vars(laws).items() if name.startswith("test_") and "cls" in inspect.signature(test).parameters]
    assert len(found) > 10
    untold = [name for name in found if f"`{name}`" not in text]
    assert not untold, f"docs/guarantees.md: add a row that says in words what {', '.join(untold)} hold"


@pytest.mark.parametrize("page", [*PAGES, *sorted((DOCS / "nodes").glob("*.md"))], ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img src="([^"]+)"', text)
    for target in targets:
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = page if not name else page.parent / name
        assert file.exists(), f"{page_name(page)}: the link {target} leads nowhere"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            known = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in known, f"{page_name(page)}: {name or page.name} has no heading for #{anchor}"


@pytest.mark.parametrize("page", [*PAGES, *sorted((DOCS / "nodes").glob("*.md"))], ids=page_name)
def test_tables_hold(page: Path) -> None:
    """Every row has as many cells as its head, and nothing stands between rows (GitHub would end the table there)."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = table.splitlines()
        assert len(rows) > 2 and re.fullmatch(r"[|: -]+", rows[1]), f"{page_name(page)}: this table has no head: {rows[0]}"
        cells = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
        assert len(set(cells)) == 1, f"{page_name(page)}: a | in a cell is written \\|: {rows[cells.index(min(cells))]}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_files_that_pages_name_are_there(page: Path) -> None:
    """Tests, scripts and modules, wherever a page names them by their whole path."""
    named = re.findall(
        r"(?<![\w/.])(?:tests|docs|rotonodes|graphs|examples)/[\w/]+\.(?:py|yaml|md|svg)\b", page.read_text(encoding="utf-8")
    )
    for name in named:
        if "xposure" not in name and page.name != "CHANGELOG.md":
            assert (ROOT / name).exists(), f"{page_name(page)}: there is no {name}"


def commands(page: Path) -> Iterator[list[str]]:
    """The rotonodes commands on a page, as words: in code blocks, and in code within lines."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("rotonodes ")]
    lines += re.findall(r"^ {4,}(rotonodes [a-z].*)$", text, re.MULTILINE) + re.findall(r"`(rotonodes [a-z][^`\n]*)`", text)
    for line in lines:
        if not re.search(r"\[[-A-Z.]|\.\.\. |\.\.\.$|  +rotonodes| → ", line):  # what only shows the form of a command
            yield shlex.split(line, comments=True)[1:]


WITH_COMMANDS = [page for page in PAGES if any(commands(page))]


def test_pages_for_people_show_commands() -> None:
    assert {"README.md", "docs/for-artists.md", "docs/for-pipelines.md", "docs/add-a-node.md"} <= set(map(page_name, WITH_COMMANDS))


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=page_name)
def test_commands_have_these_options(page: Path) -> None:
    """Every command that a page shows is one, and takes the options that the page gives it."""
    group, shown = cli.cli, list(commands(page))
    assert shown
    for words in shown:
        with click.Context(group) as context:
            command = group.get_command(context, words[0])
            assert command is not None, f"{page_name(page)}: there is no command rotonodes {words[0]}"
            try:
                command.make_parser(click.Context(command, parent=context, info_name=words[0])).parse_args(words[1:])
            except click.NoSuchOption as error:
                raise AssertionError(f"{page_name(page)}: rotonodes {' '.join(words)}: {error.format_message()}") from error
            except click.UsageError:
                pass  # an option that a text names without a value
        for word in words[1:]:
            if re.match(r"(graphs|weights|docs)/[\w/]+\.\w+$", word) and "Exposure" not in word:
                assert (ROOT / word).exists(), f"{page_name(page)}: there is no {word}"


# Code on pages, run.


@pytest.mark.parametrize("number", range(len(blocks(DOCS / "for-pipelines.md", "python"))))
def test_python_for_pipelines_runs(number: int, in_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks(DOCS / "for-pipelines.md", "python")[number]
    exec(compile(code, f"for-pipelines.md, block {number + 1}", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out or list((in_copy / "out").iterdir())


def run_commands(call: Call, text: str) -> None:
    """Each line of a block as a command; `# exit 2` behind it says how it ends."""
    for line in text.replace("\\\n", " ").splitlines():
        wanted = re.search(r"# exit (\d+)$", line)
        program, *words = shlex.split(line, comments=True)
        assert program == "rotonodes"
        ended = call(*words)
        assert ended.code == (int(wanted[1]) if wanted else 0), f"{line}\n{ended.out}{ended.err}"


def test_commands_for_pipelines_run(call: Call, in_copy: Path) -> None:
    for text in blocks(DOCS / "for-pipelines.md", "sh"):
        run_commands(call, text)
    assert (in_copy / "out" / "stats.json").is_file()


def test_commands_for_artists_run(call: Call, in_copy: Path) -> None:
    (graph,) = blocks(DOCS / "for-artists.md", "yaml")
    (in_copy / "mine.yaml").write_text(graph)
    for text in blocks(DOCS / "for-artists.md", "sh"):
        run_commands(call, text)
    assert {path.name for path in (in_copy / "out" / "mine").glob("*.png")} == {"flat.0001.png", "flat.0002.png"}
    for name in ("mine.gif", "look.png", "tones.png"):
        with PIL.Image.open(in_copy / "out" / name) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 3


def test_add_a_node(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], registry: None
) -> None:
    """The node of the page, its example, its test, and the laws it would be held to."""
    page = DOCS / "add-a-node.md"
    (node, use, test, studio), (example,) = blocks(page, "python"), blocks(page, "yaml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "docs/nodes/examples").mkdir(parents=True)
    (tmp_path / "docs/nodes/examples/Exposure.yaml").write_text(example)
    (tmp_path / "exposure.py").write_text(node)
    (tmp_path / "darker.py").write_text(studio)
    try:
        load_file("exposure.py")
        exec(use, {})
        assert capsys.readouterr().out.strip() in use
        space: dict[str, object] = {}
        exec(test, space)
        for stops, factor in ((0, 1.0), (1, 2.0), (-2, 0.25)):
            space["test_a_stop_doubles_the_light"](stops, factor)  # type: ignore[operator]
        for text in blocks(page, "sh"):
            run_commands(call, text)
        assert (tmp_path / "out/bright.png").is_file()
        run_commands(call, "rotonodes nodes Darker --nodes darker.py")
        for name in ("Exposure", "Darker"):
            cls = find_node(name)
            assert cls is not None
            cls.category = "picture"  # as it is for a file in rotonodes/nodes/picture
            laws.test_documented(cls)
            laws.test_gives_what_it_declares(cls)
            laws.test_parameters_move_the_key_or_say_they_do_not(cls)
            laws.test_inputs_are_not_modified(cls)
            laws.test_same_input_same_output(cls)
            laws.test_odd_sizes_and_single_pixels(cls)
            laws.test_strange_values_survive(cls, float("nan"))
            laws.test_alpha_and_extra_channels_survive(cls)
    finally:
        vars(nodes).pop("Exposure", None)


def test_rows_for_other_kinds_of_nodes_name_files() -> None:
    files = re.findall(r"\(\.\./(rotonodes/nodes/[\w/]+\.py)\)", (DOCS / "add-a-node.md").read_text(encoding="utf-8"))
    assert len(files) > 8 and all((ROOT / file).is_file() for file in files)


# What a newcomer may do wrong: one test says what to do.


def test_a_name_that_is_taken(tmp_path: Path, registry: None) -> None:
    for name in ("first.py", "second.py"):
        (tmp_path / name).write_text("from rotonodes import Image, Node\nclass Taken(Node):\n    def process(self) -> Image: ...\n")
    load_file(str(tmp_path / "first.py"))
    with pytest.raises(DuplicateNode, match=r"two nodes are called 'Taken.1': .*first.py and .*second.py; rename one of them"):
        load_file(str(tmp_path / "second.py"))


def test_a_node_without_texts(registry: None) -> None:
    class NoText(Node):
        def process(self, image: Image) -> Image:
            return image

    class NoHelp(Node):
        """A node."""

        category = "picture"
        size: int = 3

        def process(self, image: Image) -> Image:
            return image

    with pytest.raises(AssertionError, match="NoText has no docstring: say in one sentence"):
        laws.test_documented(NoText)
    with pytest.raises(AssertionError, match=r"NoHelp.size has no help: declare it as param"):
        laws.test_documented(NoHelp)


def test_a_stale_page(pages: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match=r"Crop.md is stale: run `rotonodes nodes --markdown -o docs/nodes`"):
        test_node_pages_are_fresh("Crop.md", {**pages, "Crop.md": "something else"})


def test_an_import_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rotonodes" / "io" / "wrong.py"
    file.parent.mkdir(parents=True)
    file.write_text("from rotonodes.engine.run import run\n")
    monkeypatch.setattr(walls, "ROOT", tmp_path)
    with pytest.raises(AssertionError, match=r"wrong.py imports rotonodes.engine.run: io may not know engine; move what it needs down"):
        walls.test_imports_run_downwards(file)
