/** What other parts of the page ask of the graph: moves, additions, copies. */

import { downstream, fits, freeName, indexOf, isPicture, shownOutput } from "../model/graph";
import { laidOut, type Places, WIDTH } from "../model/layout";
import { asked, edit, say } from "../model/live";
import type { NodeType, Op } from "../model/protocol";
import { change, type Loose, now, select } from "../model/store";

interface Canvas {
  fit: () => void;
  show: (name: string) => void;
  moved: (at: Places) => void;
  placeOf: (name: string) => [number, number];
  middle: () => [number, number];
  at: (x: number, y: number) => [number, number];
  removeWire: () => boolean;
  focus: () => void;
}

export const graphActions: {
  current: Canvas | null;
  pointer: [number, number] | null;
  look: ((name: string, index: number, side?: "a" | "b") => void) | null;
} = { current: null, pointer: null, look };

/** Connects side A or B of the viewer to an output of a node. */
export function look(name: string, index: number, side: "a" | "b" = "a"): void {
  const { graph } = now();
  const looked = graph && shownOutput(graph, name, index);
  if (!looked) return;
  change(side === "a" ? { a: looked } : { b: looked, wipe: true });
}

/** Adds a node, linked to the loose wire or to the selected node where that fits. */
export async function addNode(type: NodeType, at: [number, number] | null, loose: Loose | null): Promise<void> {
  const { graph, selected } = now();
  const canvas = graphActions.current;
  if (!graph || !canvas) return;
  const { byName } = indexOf(graph);
  const name = freeName(graph, type.name);
  const ops: Op[] = [];
  let position = at;
  if (loose && "input" in loose) {
    const input = byName.get(loose.node)?.inputs.find((one) => one.name === loose.input);
    const output = input && type.outputs.find((one) => fits(one, input));
    if (output) ops.push({ op: "link", node: loose.node, input: loose.input, to: output === type.outputs[0] ? name : `${name}.${output.name}` });
  } else {
    const from = loose ?? (selected.length === 1 ? { node: selected[0], output: null } : null);
    const source = from && byName.get(from.node);
    const outputs = source?.outputs.filter((one) => from!.output === null || one.name === from!.output) ?? [];
    const pair = type.inputs.flatMap((input) => outputs.filter((output) => fits(output, input)).map((output) => ({ input, output })))[0];
    if (pair && source) {
      ops.push({ op: "link", node: name, input: pair.input.name, to: pair.output === source.outputs[0] ? source.name : `${source.name}.${pair.output.name}` });
      if (!position) {
        const [x, y] = canvas.placeOf(source.name);
        position = [x + WIDTH + 64, y];
      }
    }
  }
  const { error } = await edit([{ op: "add", name, type: type.name, params: {}, position: position ?? canvas.middle() }, ...ops]);
  if (error) return;
  select([name]);
  canvas.focus();
}

export function removeSelected(): void {
  const names = now().selected;
  if (graphActions.current?.removeWire() || names.length === 0) return;
  void edit([{ op: "remove", nodes: names }]);
}

export function disableSelected(): void {
  const { graph, selected } = now();
  if (!graph) return;
  const nodes = graph.nodes.filter((node) => selected.includes(node.name));
  const value = nodes.some((node) => !node.disabled);
  void edit(nodes.map((node) => ({ op: "disable", node: node.name, value })));
}

/** The selected nodes as YAML text, as they stand in the file. */
export async function copySelected(): Promise<string> {
  const { selected } = now();
  return (await asked<{ text: string }>(`/api/copy?${new URLSearchParams({ nodes: selected.join(",") })}`)).text;
}

export function paste(text: string): void {
  const canvas = graphActions.current;
  if (!canvas || !text.trim()) return;
  const position = graphActions.pointer ? canvas.at(...graphActions.pointer) : canvas.middle();
  void edit([{ op: "paste", text, position }]).then(({ error, names }) => {
    if (!error) select(Object.values(names));
  });
}

/** Columns from left to right for all nodes. */
export function layOut(): void {
  const { graph } = now();
  if (!graph) return;
  const at = laidOut(graph);
  graphActions.current?.moved(at);
  say({ type: "positions", positions: at });
  requestAnimationFrame(() => graphActions.current?.fit());
}

/** Selects the next node along the wires: up to its first input, down to what reads it; sideways among their siblings. */
export function walk(to: "up" | "down" | "next" | "previous"): void {
  const { graph, selected } = now();
  if (!graph?.nodes.length) return;
  const { links } = indexOf(graph);
  const here = selected[selected.length - 1];
  const place = (name: string) => graphActions.current?.placeOf(name) ?? [0, 0];
  let name: string | undefined;
  if (!here) name = [...graph.nodes].sort((one, other) => place(one.name)[0] - place(other.name)[0])[0].name;
  else if (to === "up") name = links.find((link) => link.to === here)?.from;
  else if (to === "down") name = links.find((link) => link.from === here)?.to;
  else {
    const inOrder = graph.nodes.map((node) => node.name).sort((one, other) => place(one)[0] - place(other)[0] || place(one)[1] - place(other)[1]);
    name = inOrder[(inOrder.indexOf(here) + (to === "next" ? 1 : inOrder.length - 1)) % inOrder.length];
  }
  if (!name || name === here) return;
  select([name]);
  graphActions.current?.show(name);
}

/** Runs the selected writers, or all outputs. */
export function run(): void {
  const { graph, selected, typeOf } = now();
  if (!graph) return;
  const writers = graph.nodes.filter((node) => selected.includes(node.name) && typeOf[node.type]?.writes).map((node) => node.name);
  say({ type: "run", outputs: writers.length ? writers : null, frames: null });
}

/** The picture to look at first: what the first writer writes, else the last picture of the graph. */
export function firstLook(): void {
  const { graph, a } = now();
  if (!graph || a) return;
  const { shown } = indexOf(graph);
  const ends = graph.nodes.filter((node) => downstream(graph.nodes, [node.name]).size === 1 && shown.has(node.name));
  const end = ends[0] ?? graph.nodes.findLast((node) => node.outputs.some((output) => isPicture(output.kind)));
  if (end) look(end.name, 0);
}
