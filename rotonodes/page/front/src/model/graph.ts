/** Questions about a graph: links, what lies downstream, what an edit changed, nodes as YAML text, frame ranges. */

import type { Graph, GraphNode, Input, Kind, Output, Value } from "./protocol";

export interface Link {
  from: string;
  output: string;
  to: string;
  input: string;
  written: string; // the link as it stands in the file: "node" or "node.output"
}

const PICTURES = new Set(["Image", "Matte", "Labels", "Layers"]);

export function isPicture(kind: Kind): boolean {
  return PICTURES.has(kind);
}

export function split(link: string): [string, string] {
  const dot = link.indexOf(".");
  return dot < 0 ? [link, ""] : [link.slice(0, dot), link.slice(dot + 1)];
}

/** Every link of a graph. A link without an output's name comes from the node's first output. */
export function linksOf(nodes: GraphNode[]): Link[] {
  const named = new Map(nodes.map((node) => [node.name, node]));
  const links: Link[] = [];
  for (const node of nodes) {
    for (const [input, value] of Object.entries(node.links)) {
      for (const written of Array.isArray(value) ? value : [value]) {
        const [from, output] = split(written);
        const source = named.get(from);
        if (source) links.push({ from, output: output || (source.outputs[0]?.name ?? ""), to: node.name, input, written });
      }
    }
  }
  return links;
}

/** The names of nodes and of all that is made from them. */
export function downstream(nodes: GraphNode[], names: Iterable<string>): Set<string> {
  const next = new Map<string, string[]>();
  for (const link of linksOf(nodes)) next.set(link.from, [...(next.get(link.from) ?? []), link.to]);
  const found = new Set(names);
  const open = [...found];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const one of next.get(name) ?? []) {
      if (!found.has(one)) {
        found.add(one);
        open.push(one);
      }
    }
  }
  return found;
}

const picturePart = (node: GraphNode) =>
  JSON.stringify([node.type, node.params, node.links, node.disabled, node.faults.map((fault) => fault.message)]);

/** The nodes whose pictures may differ between two graphs: those that changed, and all downstream of them. */
export function changedNodes(before: Graph | null, after: Graph): Set<string> {
  const all = () => new Set(after.nodes.map((node) => node.name));
  if (!before || before.frames !== after.frames || before.shot !== after.shot) return all();
  const old = new Map(before.nodes.map((node) => [node.name, picturePart(node)]));
  if (JSON.stringify(before.variables) !== JSON.stringify(after.variables)) return all();
  return downstream(
    after.nodes,
    after.nodes.filter((node) => old.get(node.name) !== picturePart(node)).map((node) => node.name),
  );
}

export interface Looked {
  node: string;
  output: string;
}

/** What is asked again and again of one graph. */
export interface Index {
  byName: Map<string, GraphNode>;
  links: Link[];
  shown: Map<string, Looked>; // the picture on a node's card: its own first one, else (writers) the one it is given
}

const indexes = new WeakMap<Graph, Index>();

export function indexOf(graph: Graph): Index {
  const kept = indexes.get(graph);
  if (kept) return kept;
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const links = linksOf(graph.nodes);
  const shown = new Map<string, Looked>();
  for (const node of graph.nodes) {
    const own = node.outputs.find((output) => isPicture(output.kind));
    if (own) shown.set(node.name, { node: node.name, output: own.name });
  }
  for (const link of links) {
    const output = byName.get(link.from)?.outputs.find((one) => one.name === link.output);
    if (!shown.has(link.to) && byName.get(link.to)?.category === "output" && output && isPicture(output.kind)) {
      shown.set(link.to, { node: link.from, output: output.name });
    }
  }
  const index = { byName, links, shown };
  indexes.set(graph, index);
  return index;
}

/** What key 1, 2, ... shows of a node: its outputs that are pictures, else what its card shows. */
export function shownOutput(graph: Graph, name: string, index = 0): Looked | null {
  const { byName, shown } = indexOf(graph);
  const pictures = byName.get(name)?.outputs.filter((output) => isPicture(output.kind)) ?? [];
  if (pictures.length) return pictures[index] ? { node: name, output: pictures[index].name } : null;
  return index === 0 ? (shown.get(name) ?? null) : null;
}

export function fits(output: Output, input: Input): boolean {
  return input.kinds.length === 0 || output.kinds.length === 0 || output.kinds.some((kind) => input.kinds.includes(kind));
}

/** A name that no node has: the type in words, as write_gif, with a number when it is taken. */
export function freeName(graph: Graph, type: string): string {
  const words = type
    .replace(/^.*\//, "")
    .replace(/\.ya?ml$/, "")
    .replace(/[^A-Za-z0-9_]/g, "")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2");
  const base = words.toLowerCase() || "node";
  const taken = new Set(graph.nodes.map((node) => node.name));
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}${n}`;
  return name;
}

const PLAIN = /^[A-Za-z_$][\w$/.-]*$/;
const WORDS = /^(true|false|null|yes|no|on|off|~)$/i;

/** A value as YAML on one line. */
export function yaml(value: Value): string {
  if (typeof value === "string") return PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(yaml).join(", ")}]`;
  if (value && typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${yaml(name)}: ${yaml(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

/** The frames of a range as 1-100, 1-100x2, 1-100:2 or 1,5,9-12; empty for what is none. */
export function framesOf(text: string): number[] {
  const found = new Set<number>();
  for (const part of String(text ?? "").split(",")) {
    const match = /^\s*(-?\d+)(?:\s*-\s*(-?\d+)(?:[x:](\d+))?)?\s*$/.exec(part);
    if (!match) return [];
    const [first, last, step] = [Number(match[1]), Number(match[2] ?? match[1]), Number(match[3] ?? 1)];
    if (step < 1 || Math.abs(last - first) > 1_000_000) return [];
    for (let frame = Math.min(first, last); frame <= Math.max(first, last); frame += step) found.add(frame);
  }
  return [...found].sort((one, other) => one - other);
}
