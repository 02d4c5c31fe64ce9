"""Reads the text of a graph file as plain data, with the line and column of every value.

PyYAML only parses the text into nodes. Scalars are read here by the core schema of YAML 1.2 (`1e-4` is a number, `on` a word).
The dangerous or surprising parts of YAML (tags, merge keys, duplicate keys, alias bombs) are refused.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

from rotonodes.errors import Fault, GraphError, did_you_mean_file

MOST_BYTES = 1_000_000
MOST_NODES = 100_000
MOST_DEPTH = 64

Place = tuple[str | int, ...]

# An unquoted colour or path with frame tokens, which YAML reads as a comment: `#fff4d6`, `####.png`.
LOST_TO_COMMENT = re.compile(r"(?:[\s:,\[{]|^)(?P<word>#(?:(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})\b|#*[.\w/]*\.\w+))")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass
class Document:
    """Plain data and its positions in the file: `marks[("nodes", "crop", "left")]` is (line, column), counted from 1."""

    file: str
    data: dict[str, Any]
    marks: dict[Place, tuple[int, int]] = field(default_factory=dict)
    key_marks: dict[Place, tuple[int, int]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)  # duplicate keys and the like: the rest can still be checked

    def fault(self, message: str, *place: str | int, node: str = "", key: bool = False) -> Fault:
        """A fault at a place, or at the nearest known place around it; `key` points at the key instead of its value."""
        marks = self.key_marks if key else self.marks
        for end in range(len(place), -1, -1):
            mark = marks.get(place[:end]) or self.marks.get(place[:end])
            if mark:
                return Fault(message, node=node, file=self.file, line=mark[0], column=mark[1])
        return Fault(message, node=node, file=self.file, line=1, column=1)

    def comment_after(self, place: Place) -> str:
        """The comment after an unquoted value, beginning with `#`; empty when there is none."""
        mark = self.key_marks.get(place)
        if mark is None or mark[0] > len(self.lines):
            return ""
        rest = self.lines[mark[0] - 1][mark[1] - 1 :]
        match = re.match(r"[^\"'#{\[]*?:\s(?:[^\"'#{\[][^#\"']*\s)?(#.*)$", rest)  # a # within a word begins no comment
        return match[1] if match else ""


def read_document(path: str) -> Document:
    """Read a graph file of at most 1 MB. Raises GraphError (one line) for a file that is not a graph file."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        why = "no such file" + near_graph(path) if isinstance(error, FileNotFoundError) else (error.strerror or str(error)).lower()
        raise GraphError([Fault(f"cannot read the graph: {why}", file=path)]) from None
    if len(raw) > MOST_BYTES:
        raise GraphError([Fault("a graph file is at most 1 MB; this one is larger", file=path)])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise GraphError([Fault("this is not a graph file: it is not UTF-8 text", file=path)]) from None
    return parse_document(text, path)


def near_graph(path: str) -> str:
    """` (did you mean ...?)` for a graph file that does not exist: the same name in `graphs/`, else a similar name beside it or there."""
    name, endings = os.path.basename(path), (".yaml", ".yml")
    for other in (name, f"{name}.yaml"):
        if os.path.isfile(os.path.join("graphs", other)):
            return f" (did you mean {os.path.join('graphs', other)!r}?)"
    return did_you_mean_file(path, endings) or did_you_mean_file(os.path.join("graphs", name), endings)


def parse_document(text: str, file: str = "<graph>") -> Document:
    """Parse the text of a graph file; see `read_document`."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = _composed(yaml, text, loader, file)
    except yaml.reader.ReaderError as error:
        raise GraphError([Fault(f"this is not a graph file: {error.reason}", file=file)]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = " ".join(str(part) for part in (error.problem, error.context) if part)
        before = text.splitlines()[max(0, line - 3) : line]
        if "\t" in "".join(before[-1:]) and "cannot start any token" in what:
            what += "; there is a tab here: indent with spaces"
        found = [(number, LOST_TO_COMMENT.search(row)) for number, row in enumerate(before, max(1, line - 2))]
        for number, lost in [(number, lost) for number, lost in found if lost][-1:]:  # the parser notices it later
            line, column = number, lost.start("word") + 1
            what += f"; {lost['word']!r} begins a comment: put it in quotes"
        if "quoted scalar" in what and "\\" in "".join(before[-1:]):
            what += "; a backslash in double quotes begins an escape: put Windows paths in single quotes, or write /"
        raise GraphError([Fault(f"not YAML: {what}", file=file, line=line, column=column)]) from None
    if root is None:
        raise GraphError([Fault("the graph is empty; it begins with `rotonodes: 1`", file=file, line=1, column=1)])
    document = Document(file, {}, lines=text.splitlines())
    data = _Walk(document, document.faults).value(root, ())
    if not isinstance(data, dict):
        raise GraphError([document.fault("a graph is a mapping with `rotonodes: 1` and `nodes:`")])
    document.data = data
    return document


class _Composed:
    """A YAML node with the place where it begins: `value` is text, a list of nodes, or a list of (key, value) nodes."""

    __slots__ = ("id", "start_mark", "style", "value")

    def __init__(self, kind: str, value: Any, style: str, mark: Any) -> None:
        self.id, self.value, self.style, self.start_mark = kind, value, style, mark


def _composed(yaml: Any, text: str, loader: Any, file: str) -> _Composed | None:
    """The nodes of the one document in a text, None for an empty one; an alias is the node that it names.

    They are made from the parser's events, since composing in PyYAML finds tags for each scalar, which are not used here. Raises
    GraphError for too many or too deeply nested nodes, tags and several documents, and what the parser raises.
    """
    depth = count = documents = 0
    root = _Composed("sequence", [], "", None)
    stack = [root]
    anchors: dict[str, _Composed] = {}
    keys: list[Any] = [None]  # of each mapping on the stack: the key that waits for its value

    def refuse(message: str, mark: Any) -> GraphError:
        return GraphError([Fault(message, file=file, line=mark.line + 1, column=mark.column + 1)])

    for event in yaml.parse(text, Loader=loader):
        kind = type(event)
        if kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise refuse("one graph a file: a second document (---) starts here", event.start_mark)
        if kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
            depth -= 1
            stack.pop()
            keys.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        count += 1
        if count > MOST_NODES:
            raise refuse(f"more than {MOST_NODES} YAML nodes", event.start_mark)
        if kind is yaml.AliasEvent:
            if event.anchor not in anchors:
                raise yaml.composer.ComposerError(None, None, f"found undefined alias {event.anchor!r}", event.start_mark)
            node = anchors[event.anchor]
        else:
            if event.tag is not None and not (event.tag == "!" and kind is yaml.ScalarEvent):
                raise refuse(f"the tag {event.tag!r} is not allowed: a graph is plain data", event.start_mark)
            node = _node_of(yaml, event)
            if event.anchor in anchors:
                raise yaml.composer.ComposerError(None, None, f"found duplicate anchor {event.anchor!r}", event.start_mark)
            if event.anchor is not None:
                anchors[event.anchor] = node
        holder = stack[-1]
        if holder.id == "sequence":
            holder.value.append(node)
        elif keys[-1] is None:
            keys[-1] = node
        else:
            holder.value.append((keys[-1], node))
            keys[-1] = None
        if kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
            depth += 1
            if depth > MOST_DEPTH:
                raise refuse(f"nested deeper than {MOST_DEPTH} levels", event.start_mark)
            stack.append(node)
            keys.append(None)
    return root.value[0] if root.value else None


def _node_of(yaml: Any, event: Any) -> _Composed:
    """The node that an event begins, still without children."""
    if type(event) is yaml.ScalarEvent:
        return _Composed("scalar", event.value, event.style, event.start_mark)
    return _Composed("sequence" if type(event) is yaml.SequenceStartEvent else "mapping", [], "", event.start_mark)


class _Walk:
    """Turns composed YAML nodes into plain data and records positions; aliases are expanded, and count as if written out."""

    def __init__(self, document: Document, faults: list[Fault]) -> None:
        self.document, self.faults, self.count = document, faults, 0

    def value(self, node: Any, place: Place) -> Any:
        self.count += 1
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if self.count > MOST_NODES:
            raise GraphError(
                [Fault(f"aliases expand to more than {MOST_NODES} YAML nodes", file=self.document.file, line=line, column=column)]
            )
        if len(place) > MOST_DEPTH:
            raise GraphError([Fault("an alias contains itself", file=self.document.file, line=line, column=column)])
        self.document.marks[place] = (line, column)
        if node.id == "scalar":
            return scalar(node.value, plain=not node.style)  # None or "", by loader
        if node.id == "sequence":
            return [self.value(item, (*place, i)) for i, item in enumerate(node.value)]
        return self.mapping(node, place)

    def mapping(self, node: Any, place: Place) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key_node.id != "scalar":
                self.faults.append(Fault("a key must be a word", file=self.document.file, line=mark[0], column=mark[1]))
                continue
            key = key_node.value
            inner = (*place, key)
            if key == "<<" and not key_node.style:
                out[key] = None  # tells readers of the mapping that it is incomplete
                self.faults.append(
                    Fault(
                        "merge keys (<<) are not allowed: write the parameters out", file=self.document.file, line=mark[0], column=mark[1]
                    )
                )
                continue
            if key in out:
                first = self.document.key_marks[inner][0]
                node_name = str(place[1]) if len(place) > 1 and place[0] == "nodes" else ""
                message = f"duplicate key {key!r}: it is already on line {first}"
                self.faults.append(Fault(message, node=node_name, file=self.document.file, line=mark[0], column=mark[1]))
                continue
            self.document.key_marks[inner] = mark
            out[key] = self.value(value_node, inner)
        return out


def scalar(text: str, plain: bool = True) -> Any:
    """The value of a scalar by the core schema of YAML 1.2; quoted text stays text."""
    if not plain:
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if _INT.fullmatch(text):
        return int(text) if len(text) < 20 else text
    if re.fullmatch(r"0o[0-7]+|0x[0-9a-fA-F]+", text) and len(text) < 20:
        return int(text, 0)
    if _FLOAT.fullmatch(text) or text.lower() in (".inf", "+.inf", "-.inf", ".nan"):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def parse_value(text: str) -> Any:
    """A value from the command line (`--set`, `--var`): a scalar, or a flow list or mapping (`[a, b]`, `{a: 1}`)."""
    if text[:1] not in "[{":
        return scalar(text)
    document = parse_document("value: " + text, "<value>")
    return document.data["value"]
