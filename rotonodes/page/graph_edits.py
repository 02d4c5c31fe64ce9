"""What the page asks for (`{"op": "set", "node": "crop", "param": "left", "value": 8}`) as changes of a graph file's text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rotonodes.errors import GraphError, UsageError, did_you_mean
from rotonodes.graph.document import parse_document
from rotonodes.node.catalogue import find_node
from rotonodes.page.yaml_patches import Place, at, drop, put, rename, spelled
from rotonodes.page.yaml_tree import Value

Op = Mapping[str, Any]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
MOST_OPS = 2000
LINKS = "in"


def edited(text: str, ops: Sequence[Op]) -> str:
    """The text after some edits, in their order. Raises UsageError for an edit that does not fit, GraphError for a text that no
    longer is a graph file; then none of them is made."""
    if len(ops) > MOST_OPS:
        raise UsageError(f"at most {MOST_OPS} edits at once")
    parse_document(text)
    for op in ops:
        edit = _EDITS.get(word(op, "op"))
        if edit is None:
            raise UsageError(f"there is no edit {op.get('op')!r}{did_you_mean(str(op.get('op')), _EDITS)}")
        text = edit(text, op)
    parse_document(text)
    return text


def word(op: Op, name: str) -> str:
    """A text that an edit must have."""
    value = op.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"the edit {op.get('op')!r} needs {name!r}, a text")
    return value


def touched(op: Op) -> Place | None:
    """The one place that an edit overwrites; None for edits that overwrite nothing of somebody else's."""
    kind, node = op.get("op"), str(op.get("node", ""))
    if kind in ("set", "unset"):
        return ("nodes", node, str(op.get("param")))
    if kind in ("link", "unlink"):
        return ("nodes", node, LINKS)
    if kind == "disable":
        return ("nodes", node, "disable")
    if kind == "rename":
        return ("nodes", node)
    return {"frames": ("frames",), "text": ()}.get(str(kind))


def _node(text: str, op: Op, name: str = "node") -> tuple[str, Value]:
    """The name and the body of a node that an edit names."""
    node = word(op, name)
    return node, body_of(text, node)


def body_of(text: str, node: str) -> Value:
    """The body of a node. Raises UsageError where there is none, or one that is no mapping."""
    nodes = at(text, ("nodes",))
    body = at(text, ("nodes", node))
    if body is None:
        known = [key.data for key, _ in nodes.items if key is not None] if nodes is not None and nodes.kind == "mapping" else []
        raise UsageError(f"there is no node {node!r}{did_you_mean(node, map(str, known))}")
    if body.kind != "mapping":
        raise UsageError(f"{node} is no mapping: mend it in the text first")
    return body


# Parameters.


def _set(text: str, op: Op) -> str:
    node, _ = _node(text, op)
    parameter = word(op, "param")
    if parameter in ("type", LINKS):
        raise UsageError(f"{parameter!r} is not a parameter")
    if op.get("value") is None:
        return drop(text, ("nodes", node, parameter))
    return put(text, ("nodes", node, parameter), op["value"])


def _unset(text: str, op: Op) -> str:
    node, _ = _node(text, op)
    if word(op, "param") == "type":
        raise UsageError("a node keeps its type")
    return drop(text, ("nodes", node, word(op, "param")))


def _disable(text: str, op: Op) -> str:
    node, _ = _node(text, op)
    if op.get("value") is False:
        return drop(text, ("nodes", node, "disable"))
    return put(text, ("nodes", node, "disable"), True)


def _frames(text: str, op: Op) -> str:
    value = op.get("value")
    if value in (None, ""):
        return drop(text, ("frames",))
    return put(text, ("frames",), value, after="rotonodes")


def _variable(text: str, op: Op) -> str:
    place = ("vars", word(op, "name"))
    if at(text, ("vars",)) is None:
        return put(text, ("vars",), {place[1]: op.get("value")}, after="frames" if at(text, ("frames",)) else "rotonodes")
    return put(text, place, op.get("value"))


def _whole_text(text: str, op: Op) -> str:
    parse_document(word(op, "value"))
    return word(op, "value")


# Links.


def first_input(body: Value) -> str:
    """The input that a link without a name goes to; empty for a graph file as a node, and for an unknown type."""
    kind = body.item("type")
    cls = find_node(str(kind[1].data)) if kind is not None else None
    return next(iter(cls.signature.inputs), "") if cls is not None else ""


def _takes_many(body: Value, name: str) -> bool:
    kind = body.item("type")
    cls = find_node(str(kind[1].data)) if kind is not None else None
    socket = cls.signature.inputs.get(name) if cls is not None else None
    return socket is not None and socket.many


def links_of(body: Value) -> dict[str, Any]:
    """The links of a node by input, as they are written: a text, or a list of them."""
    pair = body.item(LINKS)
    given = pair[1].plain() if pair is not None else None
    if given is None:
        return {}
    return dict(given) if isinstance(given, dict) else {first_input(body): given}


def _link(text: str, op: Op) -> str:
    node, body = _node(text, op)
    target, name = word(op, "to"), op.get("input") or first_input(body)
    links = links_of(body)
    if _takes_many(body, name):
        there = links.get(name, [])
        there = there if isinstance(there, list) else [there]
        links[name] = there if target in there else [*there, target] if there else target
    else:
        links[name] = target
    return _with_links(text, node, body, links)


def _unlink(text: str, op: Op) -> str:
    node, body = _node(text, op)
    name, target = op.get("input") or first_input(body), op.get("to")
    links = links_of(body)
    there = links.pop(name, None)
    if isinstance(there, list) and target and len(left := [one for one in there if one != target]):
        links[name] = left[0] if len(left) == 1 else left
    return _with_links(text, node, body, links)


def _with_links(text: str, node: str, body: Value, links: Mapping[str, Any]) -> str:
    """The text with the links of a node: as one word where only the first input is linked and no mapping is there."""
    place: Place = ("nodes", node, LINKS)
    if not links:
        return drop(text, place)
    pair = body.item(LINKS)
    alone = list(links) == [first_input(body)]
    if pair is not None and pair[1].kind == "mapping":
        return put(text, place, links)
    return put(text, place, next(iter(links.values())) if alone else dict(links), after="type")


# Nodes.


def _check_name(text: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a node: letters, digits, _ and -, beginning with a letter")
    if at(text, ("nodes", name)) is not None:
        raise UsageError(f"there is already a node {name!r}")


def free_name(text: str, base: str, taken: Sequence[str] = ()) -> str:
    """`base`, or `base2`, `base3`, ... where that is taken."""
    name, number = base, 2
    while at(text, ("nodes", name)) is not None or name in taken:
        name, number = f"{base}{number}", number + 1
    return name


def _add(text: str, op: Op) -> str:
    name, kind = word(op, "name"), word(op, "type")
    _check_name(text, name)
    given, links = op.get("params") or {}, op.get(LINKS)
    if not isinstance(given, Mapping) or "type" in given:
        raise UsageError("params: is a mapping of parameters to values")
    return _insert_body(text, name, {"type": kind, **({LINKS: links} if links else {}), **given})


def _insert_body(text: str, name: str, body: Mapping[str, Any]) -> str:
    if at(text, ("nodes",)) is None:
        text = put(text, ("nodes",), {})
    return put(text, ("nodes", name), body)


def _remove(text: str, op: Op) -> str:
    names = op.get("nodes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError("the edit 'remove' needs nodes, a list of names")
    for name in names:
        text = _relinked(text, name, lambda link: None)
        text = drop(text, ("nodes", name))
    return text


def _rename(text: str, op: Op) -> str:
    name, to = word(op, "node"), word(op, "to")
    if name == to:
        return text
    if at(text, ("nodes", name)) is None:
        body_of(text, name)
    _check_name(text, to)
    text = _relinked(text, name, lambda link: to + link[len(name) :])
    return rename(text, ("nodes", name), to)


def _relinked(text: str, name: str, change: Callable[[str], str | None]) -> str:
    """The text with every link to a node changed, or taken away (None)."""
    for place in [place for place, value in _link_places(text) if str(value.data).partition(".")[0] == name]:
        value = at(text, place)  # as it is after the changes before it
        if value is None or value.kind != "scalar" or not isinstance(value.data, str) or value.data.partition(".")[0] != name:
            continue
        changed = change(value.data)
        if changed is not None:
            text = put(text, place, changed)
        elif isinstance(place[-1], int):
            holder = at(text, place[:-1])
            left = [link for link in (holder.plain() if holder is not None else []) if str(link).partition(".")[0] != name]
            text = put(text, place[:-1], left) if left else _without_input(text, place[:-1])
        else:
            text = _without_input(text, place)
    return text


def _without_input(text: str, place: Place) -> str:
    """The text without a link; without `in:` where it was the only one."""
    if place[0] == "nodes" and place[-1] != LINKS:
        holder = at(text, place[:-1])
        if holder is not None and len(holder.items) == 1:
            return drop(text, place[:-1])
    return drop(text, place)


def _link_places(text: str) -> Iterator[tuple[Place, Value]]:
    """The places and values of all links, the last of a list first; and of what else names nodes: `files:`, `inputs:`, `outputs:`."""
    nodes = at(text, ("nodes",))
    for key, body in nodes.items if nodes is not None else ():
        pair = body.item(LINKS) if body.kind == "mapping" else None
        if key is not None and pair is not None:
            yield from _scalars(("nodes", key.data, LINKS), pair[1])
    for name in ("files", "inputs", "outputs"):
        found = at(text, (name,))
        if found is not None:
            yield from _scalars((name,), found)


def _scalars(place: Place, value: Value) -> Iterator[tuple[Place, Value]]:
    if value.kind == "scalar":
        yield place, value
    for number, (key, member) in reversed(list(enumerate(value.items))):
        yield from _scalars((*place, number if key is None else key.data), member)


def _insert(text: str, op: Op) -> str:
    """Put a node between two others: its first input gets the source, and its default output goes on."""
    between = op.get("between")
    if not isinstance(between, list) or len(between) != 3 or not all(isinstance(one, str) for one in between):
        raise UsageError('the edit \'insert\' needs between: ["source.output", "node", "input"]')
    source, target, name = between
    node, body = _node(text, op)
    if not first_input(body):
        raise UsageError(f"{node} has no input that a picture could go through")
    after = body_of(text, target)
    links = links_of(after)
    there = links.get(name or first_input(after))
    listed = there if isinstance(there, list) else [there]
    if source not in listed and source.partition(".")[0] not in listed:
        raise UsageError(f"{source} is not linked to {target}.{name}")
    new = [node if one in (source, source.partition(".")[0]) else one for one in listed]
    links[name or first_input(after)] = new if isinstance(there, list) else new[0]
    text = _with_links(text, target, after, links)
    return _link(text, {"op": "link", "node": node, "input": first_input(body), "to": source})


# Copies.


def _paste(text: str, op: Op) -> str:
    """Add the nodes of a text under free names; links among them go along."""
    names = pasted_names(text, word(op, "text"))
    bodies = pasted(word(op, "text"))
    for name, body in bodies.items():
        links = body.get(LINKS)
        body = body | ({LINKS: _renamed_links(links, names)} if links is not None else {})
        text = _insert_body(text, names[name], body)
    return text


def pasted(copied: str) -> dict[str, dict[str, Any]]:
    """The nodes in a text: a whole graph, its `nodes:`, or the nodes alone. Raises UsageError for another text."""
    try:
        data: Any = parse_document(copied, "the pasted text").data
    except GraphError as error:
        raise UsageError(str(error)) from None
    data = data.get("nodes", data)
    if not isinstance(data, dict) or not data or not all(isinstance(body, dict) and "type" in body for body in data.values()):
        raise UsageError("the pasted text is no nodes: a node is `name: {type: Crop, ...}`")
    return data


def pasted_names(text: str, copied: str) -> dict[str, str]:
    """The names that pasted nodes get: their own where they are free."""
    names: dict[str, str] = {}
    for name in pasted(copied):
        names[name] = free_name(text, name if _NAME.fullmatch(name) else "node", list(names.values()))
    return names


def _renamed_links(links: Any, names: Mapping[str, str]) -> Any:
    if isinstance(links, dict):
        return {key: _renamed_links(link, names) for key, link in links.items()}
    if isinstance(links, list):
        return [_renamed_links(link, names) for link in links]
    node, dot, output = str(links).partition(".")
    return names.get(node, node) + dot + output


def copied(text: str, names: Sequence[str]) -> str:
    """Nodes as YAML text, to be pasted here or into another graph."""
    return "".join(f"{name}: {spelled(body_of(text, name).plain())}\n" for name in names)


_EDITS: dict[str, Callable[[str, Op], str]] = {
    "set": _set,
    "unset": _unset,
    "link": _link,
    "unlink": _unlink,
    "add": _add,
    "remove": _remove,
    "rename": _rename,
    "disable": _disable,
    "insert": _insert,
    "paste": _paste,
    "frames": _frames,
    "var": _variable,
    "text": _whole_text,
}
