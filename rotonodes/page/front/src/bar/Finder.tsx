import { useEffect, useMemo, useRef, useState } from "react";
import { addNode, graphActions } from "../graph/actions";
import { fits, indexOf } from "../model/graph";
import type { NodeType, Output } from "../model/protocol";
import { change, type Loose, now, select, usePage } from "../model/store";
import { Dialog } from "./Dialog";

interface Item {
  name: string;
  category: string;
  help: string;
  fits?: boolean; // it can be linked to the selected node
  choose: () => void;
}

/** How well a text answers a search: 0 not at all; names before help. */
export function score(search: string, name: string, help: string): number {
  const wanted = search.toLowerCase().trim();
  if (!wanted) return 1;
  const title = name.toLowerCase();
  if (title === wanted) return 100;
  if (title.startsWith(wanted)) return 90;
  if (title.includes(wanted)) return 70;
  const capitals = name.replace(/[^A-Z0-9]/g, "").toLowerCase();
  if (capitals.startsWith(wanted)) return 60;
  const words = wanted.split(/\s+/);
  const within = (text: string) => words.every((word) => text.includes(word));
  if (within(`${title} ${help.split("\n")[0].toLowerCase()}`)) return 50;
  if (within(`${title} ${help.toLowerCase()}`)) return 40;
  let at = 0;
  for (const letter of title) if (letter === wanted[at]) at += 1;
  return at === wanted.length ? 20 : 0;
}

function fitting(types: NodeType[], loose: Loose | null): NodeType[] {
  const graph = now().graph;
  const node = graph && loose ? indexOf(graph).byName.get(loose.node) : undefined;
  if (!node || !loose) return types;
  if ("output" in loose) {
    const output = node.outputs.find((one) => one.name === loose.output);
    return output ? types.filter((type) => type.inputs.some((input) => fits(output, input))) : types;
  }
  const input = node.inputs.find((one) => one.name === loose.input);
  return input ? types.filter((type) => type.outputs.some((output) => fits(output, input) || output.kind.startsWith("as "))) : types;
}

/** What the selected node gives, where it is one: the new node is linked to it. */
function outputsOfSelected(): Output[] {
  const { graph, selected } = now();
  return (selected.length === 1 && graph && indexOf(graph).byName.get(selected[0])?.outputs) || [];
}

export function AddMenu({ at, loose }: { at: [number, number] | null; loose: Loose | null }) {
  const types = usePage((page) => page.types?.types) ?? [];
  const items = useMemo(() => {
    const outputs = loose ? [] : outputsOfSelected();
    return fitting(types, loose).map((type) => ({
      name: type.name,
      category: type.category,
      help: type.help,
      fits: type.inputs.some((input) => outputs.some((output) => fits(output, input))),
      choose: () => void addNode(type, at, loose),
    }));
  }, [types, at, loose]);
  return <Finder title={loose ? `Add a node to ${loose.node}` : "Add a node"} items={items} />;
}

export function FindNode() {
  const graph = usePage((page) => page.graph);
  const items = useMemo(
    () =>
      (graph?.nodes ?? []).map((node) => ({
        name: node.name,
        category: node.category,
        help: node.type,
        choose: () => {
          select([node.name]);
          graphActions.current?.show(node.name);
        },
      })),
    [graph],
  );
  return <Finder title="Find a node" items={items} />;
}

/** A search field over a list: arrows choose, Enter takes, Escape leaves. */
function Finder({ title, items }: { title: string; items: Item[] }) {
  const [search, setSearch] = useState("");
  const [index, setIndex] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const found = useMemo(
    () =>
      items
        .map((item) => ({ item, points: score(search, item.name, item.help) }))
        .filter(({ points }) => points > 0)
        .sort((one, other) => other.points - one.points || Number(other.item.fits ?? false) - Number(one.item.fits ?? false))
        .map(({ item }) => item),
    [items, search],
  );
  useEffect(() => {
    void list.current?.children[index]?.scrollIntoView({ block: "nearest" });
  }, [index, found]);
  const take = (item: Item | undefined) => {
    if (!item) return;
    change({ dialog: null });
    graphActions.current?.focus();
    item.choose();
  };
  return (
    <Dialog title={title} className="finder">
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={found[index] ? `found-${index}` : undefined}
        aria-label={title}
        placeholder={`${title}: name or what it does`}
        value={search}
        spellCheck={false}
        onChange={(event) => {
          setSearch(event.target.value);
          setIndex(0);
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1, Tab: event.shiftKey ? -1 : 1 }[event.key];
          if (step) setIndex((before) => Math.max(0, Math.min(found.length - 1, before + step)));
          else if (event.key === "Enter") take(found[index]);
          else return;
          event.preventDefault();
        }}
      />
      <ul ref={list} id="found" role="listbox" aria-label={title}>
        {found.map((item, i) => (
          <li
            key={item.name}
            id={`found-${i}`}
            role="option"
            aria-selected={i === index}
            className={`c-${item.category}`}
            onPointerMove={() => setIndex(i)}
            onClick={() => take(item)}
          >
            <i className="strip" />
            <b>{item.name}</b>
            <span>{item.help.split("\n")[0].replaceAll("`", "")}</span>
            <small>{item.category}</small>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="empty">{items.length ? "nothing is called so or does that" : "reading the list …"}</p>}
    </Dialog>
  );
}
