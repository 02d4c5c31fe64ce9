"""Nodes in a row: where each only feeds the next, one job makes a frame of them all, and the scheduler is not asked between them."""

from __future__ import annotations

from collections.abc import Iterable

from rotonodes.plan.plan import Plan


def chains_to(plan: Plan, sinks: Iterable[str], tapped: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The chains of two or more nodes that the values of `sinks` and `tapped` are made through, by the last node of each.

    `tapped` are nodes whose values are handed to clips. A chain breaks where more than one node, or a clip, takes a value; where a
    node takes batches, whole clips or neighbouring frames; and at nodes with frames in the cache, whose inputs are not needed.
    """
    sinks, tapped = set(sinks), set(tapped)
    takers = _takers(plan, sinks | tapped)
    next_of = {}
    for name, into in takers.items():
        if len(into) == 1 and name not in sinks and name not in tapped and _joins(plan, name, *into):
            next_of[name] = next(iter(into))
    chains = {}
    for name in takers.keys() - set(next_of.values()):
        chain = [name]
        while chain[-1] in next_of:
            chain.append(next_of[chain[-1]])
        if len(chain) > 1:
            chains[chain[-1]] = tuple(chain)
    return chains


def _takers(plan: Plan, ends: set[str]) -> dict[str, set[str]]:
    """Every node that `ends` depend on, and the nodes that take its values for them."""
    takers: dict[str, set[str]] = {name: set() for name in ends}
    stack = list(ends)
    while stack:
        name = stack.pop()
        for _, link in plan.keys.inputs(name):
            if link.node not in takers:
                takers[link.node] = set()
                stack.append(link.node)
            takers[link.node].add(name)
    return takers


def _joins(plan: Plan, name: str, into: str) -> bool:
    """Whether one job can make both: `into` takes of each frame just what `name` makes of it, and what is made once."""
    keys, sources = plan.keys, plan.keys.sources(into)
    if sources is None or not keys.per_frame(name) or not keys.per_frame(into):
        return False
    if any(plan.cached.get(one) or type(plan.nodes[one]).signature.is_batch for one in (name, into)):
        return False
    return [source for source, per_frame in sources if per_frame] == [name]
