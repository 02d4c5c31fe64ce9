/** The state of the page: one object, replaced as a whole, with the functions that change it. */

import { useSyncExternalStore } from "react";
import { changedNodes, framesOf, type Looked } from "./graph";
import type { Graph, Loss, NodeState, NodeType, Run, Told, Types } from "./protocol";

export type View = "rgb" | "r" | "g" | "b" | "a";
export type Pane = "graph" | "viewer" | "params";
export type Theme = "dark" | "light";

export interface Notice {
  id: number;
  kind: "error" | "conflict" | "info";
  text: string;
}

/** A wire that was let go over empty space: the node that is added next is linked to it. */
export type Loose = { node: string; output: string } | { node: string; input: string };

export type Dialog =
  | { name: "add"; at: [number, number] | null; loose: Loose | null }
  | { name: "find" }
  | { name: "help" }
  | { name: "files"; start: string; pattern: string; chosen: (path: string) => void };

export interface Page {
  connected: boolean;
  types: Types | null;
  typeOf: Record<string, NodeType>;
  graph: Graph | null;
  shot: number[]; // the frames of the slider
  states: Record<string, NodeState>;
  versions: Record<string, number>; // raised when a node's pictures may have changed
  selected: string[];
  frame: number;
  playing: boolean;
  a: Looked | null;
  b: Looked | null;
  wipe: boolean;
  view: View;
  scale: 1 | 2 | 4;
  smallFrames: boolean;
  painting: boolean;
  painted: string | null; // the node whose labels are painted
  pane: Pane;
  theme: Theme;
  run: Run | null;
  loss: Loss[];
  moved: Record<string, [number, number]> | null; // by another tab
  notices: Notice[];
  dialog: Dialog | null;
}

const listeners = new Set<() => void>();

function firstTheme(): Theme {
  const kept = localStorage.getItem("theme");
  if (kept === "dark" || kept === "light") return kept;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

let page: Page = {
  connected: false,
  types: null,
  typeOf: {},
  graph: null,
  shot: [1],
  states: {},
  versions: {},
  selected: [],
  frame: 1,
  playing: false,
  a: null,
  b: null,
  wipe: false,
  view: "rgb",
  scale: 1,
  smallFrames: false,
  painting: false,
  painted: null,
  pane: "graph",
  theme: firstTheme(),
  run: null,
  loss: [],
  moved: null,
  notices: [],
  dialog: null,
};

export function now(): Page {
  return page;
}

export function change(part: Partial<Page>): void {
  page = { ...page, ...part };
  for (const listener of [...listeners]) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A part of the state; the component renders again when it is another object or value. */
export function usePage<T>(part: (page: Page) => T): T {
  return useSyncExternalStore(subscribe, () => part(page));
}

export function tookTypes(types: Types): void {
  change({ types, typeOf: Object.fromEntries(types.types.map((type) => [type.name, type])) });
}

export function tookGraph(graph: Graph): void {
  const before = page.graph;
  const versions = { ...page.versions };
  for (const name of changedNodes(before, graph)) versions[name] = (versions[name] ?? 0) + 1;
  const there = new Set(graph.nodes.map((node) => node.name));
  const selected = page.selected.every((name) => there.has(name)) ? page.selected : page.selected.filter((name) => there.has(name));
  const shot = framesOf(graph.shot);
  const frames = shot.length ? shot : [page.frame];
  const frame = frames.includes(page.frame) ? page.frame : frames[0];
  const gone = (looked: Looked | null) => (looked && there.has(looked.node) ? looked : null);
  change({ graph, versions, selected, shot: frames, frame, a: gone(page.a), b: gone(page.b) });
}

export function told(message: Told): void {
  switch (message.type) {
    case "graph":
      return tookGraph(message);
    case "node": {
      const { name, state, milliseconds, message: text } = message;
      return change({ states: { ...page.states, [name]: { state, milliseconds, message: text } } });
    }
    case "run": {
      const starts = message.state === "running" && page.run?.state !== "running";
      if (message.state === "failed") notify("error", message.line);
      change({ run: message, ...(starts ? { loss: [] } : {}) });
      if (message.state !== "running") refresh(); // what was trained and written meanwhile
      return;
    }
    case "loss":
      return change({ loss: message.reset ? [message] : [...page.loss, message] });
    case "warning":
      return notify("info", message.message);
    case "files":
      return refresh();
    case "positions":
      return change({ moved: message.positions });
    case "conflict":
      return notify("conflict", message.message);
    case "error":
      return notify("error", message.message);
    case "ok":
      return;
  }
}

/** Asks for all pictures again: files may have changed. The server answers at once for those that are the same. */
export function refresh(): void {
  const versions = Object.fromEntries((page.graph?.nodes ?? []).map((node) => [node.name, (page.versions[node.name] ?? 0) + 1]));
  change({ versions });
}

let lastNotice = 0;

/** Shows a line that stays until it is closed, or for errors until the next edit that succeeds. */
export function notify(kind: Notice["kind"], text: string): void {
  if (!text || page.notices.some((notice) => notice.text === text)) return;
  change({ notices: [...page.notices.slice(-3), { id: ++lastNotice, kind, text }] });
}

export function closeNotice(id: number): void {
  change({ notices: page.notices.filter((notice) => notice.id !== id) });
}

export function select(names: string[]): void {
  if (names.length === page.selected.length && names.every((name, i) => name === page.selected[i])) return;
  change({ selected: names });
}

export function setTheme(theme: Theme): void {
  localStorage.setItem("theme", theme);
  change({ theme });
}
