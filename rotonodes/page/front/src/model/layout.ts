/** Sizes of node cards, and places for nodes that have none. */

import { Graph as Layered, layout } from "@dagrejs/dagre";
import { indexOf } from "./graph";
import type { Graph, GraphNode } from "./protocol";

export const WIDTH = 176;
export const HEAD = 40;
export const PICTURE = 99; // 16:9
export const ROW = 18;
const FOOT = 7;

/** True for nodes whose card has a thumbnail. */
export function hasThumbnail(graph: Graph, node: GraphNode): boolean {
  return indexOf(graph).shown.has(node.name);
}

export function rowsOf(node: GraphNode): number {
  return Math.max(node.inputs.length, node.outputs.length);
}

export function heightOf(node: GraphNode, thumbnail: boolean): number {
  return HEAD + (thumbnail ? PICTURE : 0) + rowsOf(node) * ROW + FOOT;
}

/** The y of a socket's middle, from the top of the card. */
export function socketY(index: number, thumbnail: boolean): number {
  return HEAD + (thumbnail ? PICTURE : 0) + index * ROW + ROW / 2 + 2;
}

export type Places = Record<string, [number, number]>;

/** A place for every node: its own where it has one; without any, columns from left to right. */
export function places(graph: Graph, before: Places): Places {
  const found: Places = {};
  const without: GraphNode[] = [];
  for (const node of graph.nodes) {
    const place = node.position ?? before[node.name];
    if (place) found[node.name] = place;
    else without.push(node);
  }
  if (without.length === 0) return found;
  if (without.length === graph.nodes.length) return laidOut(graph);
  const links = indexOf(graph).links;
  for (const node of without) {
    const sources = links.filter((link) => link.to === node.name && found[link.from]).map((link) => found[link.from]);
    const at: [number, number] = sources.length
      ? [Math.max(...sources.map(([x]) => x)) + WIDTH + 70, Math.max(...sources.map(([, y]) => y))]
      : [0, Math.max(0, ...Object.values(found).map(([, y]) => y + 260))];
    while (Object.values(found).some(([x, y]) => Math.abs(x - at[0]) < WIDTH && Math.abs(y - at[1]) < 160)) at[1] += 40;
    found[node.name] = at;
  }
  return found;
}

export function laidOut(graph: Graph): Places {
  const layered = new Layered();
  layered.setGraph({ rankdir: "LR", nodesep: 24, ranksep: 64, ...(graph.nodes.length > 300 ? { ranker: "longest-path" } : {}) });
  layered.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) layered.setNode(node.name, { width: WIDTH, height: heightOf(node, hasThumbnail(graph, node)) });
  for (const link of indexOf(graph).links) layered.setEdge(link.from, link.to);
  layout(layered);
  return Object.fromEntries(
    graph.nodes.map((node) => {
      const { x, y, width, height } = layered.node(node.name) as { x: number; y: number; width: number; height: number };
      return [node.name, [Math.round(x - width / 2), Math.round(y - height / 2)] as [number, number]];
    }),
  );
}
