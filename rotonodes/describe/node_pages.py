"""A folder of Markdown pages: one for each node type, and an index of them by folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rotonodes.describe.reference import by_category, doc, first_line, markdown_tables, type_word
from rotonodes.graph.document import read_document
from rotonodes.node.base import Node
from rotonodes.node.signature import FRAME_TYPES

COMMAND = "rotonodes nodes --markdown -o docs/nodes"
MADE = "<!-- Made by `{command}` from the node's docstring and help texts: edit those. -->"
ABOUT = {
    "input": "Read frames, labels, mattes and parts from files.",
    "passes": "Use what a render knows beside its picture: passes, cryptomattes, the key light.",
    "draw": "Make pictures of nothing: colours, ramps, textures, text.",
    "picture": "Change, merge and lay out pictures.",
    "channels": "Compute with channels and alpha.",
    "time": "Change when frames are shown.",
    "mattes": "Make, clean and solve mattes.",
    "tones": "Divide a shape into tones and paint them.",
    "networks": "Train networks and use them.",
    "output": "Write files, measure results.",
}


def node_pages(types: Mapping[str, type[Node]], folder: Path, command: str = COMMAND) -> dict[str, str]:
    """File name -> text of every page, and of the index, README.md. Nothing is written.

    A page shows the picture `folder/pictures/TYPE.webp` and the graph `folder/examples/TYPE.yaml` where they are there.
    """
    made = MADE.format(command=command)
    pages = {f"{type_word(cls)}.md": "\n".join(node_page(cls, folder, made)) + "\n" for cls in types.values()}
    pages["README.md"] = "\n".join(index_page(types, folder, made)) + "\n"
    return pages


def node_page(cls: type[Node], folder: Path, made: str) -> Iterator[str]:
    """The lines of one page."""
    word, (first, _, rest) = type_word(cls), doc(cls).partition("\n")
    yield from (made, f"# {word}", "", first)
    if (folder / "pictures" / f"{word}.webp").is_file():
        yield from ("", f"![what goes into {word}, and what comes out](pictures/{word}.webp)")
    if rest.strip():
        yield from ("", rest.strip())
    yield from markdown_tables(cls)
    example = folder / "examples" / f"{word}.yaml"
    if example.is_file():
        yield from ("", "## Example", "", "```yaml", example.read_text(encoding="utf-8").rstrip(), "```", "")
        yield f"[The same as a file](examples/{word}.yaml); {how_to_run(cls, example)}."
    yield from ("", f"[All nodes](README.md) · {cls.category}")


def how_to_run(cls: type[Node], example: Path) -> str:
    """A command for the example; the result of what writes no file is looked at."""
    if cls.is_writer():
        return f"run it from the repository's folder: `rotonodes run {example.as_posix()}`"
    nodes = read_document(str(example)).data["nodes"]
    names = [name for name, body in nodes.items() if body.get("type") == type_word(cls)]
    own = cls.outputs is not Node.outputs  # they depend on the parameters: passes, mattes, cut-outs
    shows = own or any(not isinstance(kind, type) or issubclass(kind, FRAME_TYPES) for kind in cls.signature.outputs.values())
    node = names[-1] if names and shows else list(nodes)[-1]
    return f"look at its result, from the repository's folder: `rotonodes view {example.as_posix()} {node} -o look.png`"


def index_page(types: Mapping[str, type[Node]], folder: Path, made: str) -> Iterator[str]:
    """The lines of the index."""
    yield from (made, "# Nodes", "", "One page each: what goes in, what comes out, every parameter, and a graph that uses it.")
    yield "`rotonodes nodes` prints this list, `rotonodes nodes Crop` one page."
    for category, members in by_category(types).items():
        yield from ("", f"## {category}")
        if category in ABOUT:
            yield from ("", ABOUT[category])
        yield from ("", "| node | what it does | |", "|---|---|---|")
        for cls in members:
            word = type_word(cls)
            there = (folder / "pictures" / f"{word}.webp").is_file()
            picture = f'<img src="pictures/{word}.webp" height="90" alt="">' if there else ""
            yield f"| [{word}]({word}.md) | {first_line(cls)} | {picture} |".replace("|  |", "| |")
