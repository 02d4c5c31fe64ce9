/** What the page and its server say to each other. The server's half is rotonodes/page/. */

export type Kind = string; // Image, Matte, Labels, Layers, Model, ToneScale, ...

export interface Input {
  name: string;
  kinds: Kind[];
  optional: boolean;
  many: boolean;
}

export interface Output {
  name: string;
  kind: Kind; // the first of kinds
  kinds: Kind[]; // several where it is not known yet what flows
}

export type Value = null | boolean | number | string | Value[] | { [name: string]: Value };

export interface Param {
  name: string;
  kind: "number" | "integer" | "text" | "choice" | "bool" | "color" | "path" | "frames" | "palette" | "palettes" | "list" | "json";
  default: Value;
  min?: number | null;
  max?: number | null;
  unit?: string;
  choices?: (string | number | boolean)[] | null;
  help: string;
  role?: "input" | "output" | null;
  required?: boolean;
  optional?: boolean; // null is a value: not given
  also?: boolean; // values of other kinds are fine, too: a list, a mapping, a variable
}

export interface NodeType {
  name: string;
  category: string;
  help: string;
  inputs: Input[];
  outputs: Output[];
  params: Param[];
  whole_clip: boolean;
  writes: boolean;
}

/** A class of labels: its name and the colour that label pictures have for it. */
export interface LabelClass {
  name: string;
  color: string;
}

export interface Types {
  types: NodeType[];
  kinds: Record<Kind, string>;
  classes: LabelClass[];
  palettes: Record<string, Record<string, string>>; // those that ship: name, class, colour
}

export interface Fault {
  message: string;
  line?: number | null;
  column?: number | null;
}

export interface GraphNode {
  name: string;
  type: string;
  category: string;
  params: Record<string, Value>;
  links: Record<string, string | string[]>;
  disabled: boolean;
  label: string;
  line: number | null;
  position: [number, number] | null;
  faults: Fault[];
  inputs: Input[];
  outputs: Output[];
}

export interface Graph {
  file: string;
  revision: number;
  text: string;
  readable: boolean; // false: the nodes are those of the last text that could be read
  gone: boolean; // the file was removed
  variables: Record<string, Value>;
  frames: string | null;
  shot: string;
  fps?: number | null;
  nodes: GraphNode[];
  faults: Fault[]; // those of no node
  undo: number;
  redo: number;
  by?: "me" | "other" | "file" | "open";
}

export type State = "idle" | "cached" | "running" | "done" | "failed";

export interface NodeState {
  state: State;
  milliseconds?: number | null;
  message?: string | null;
}

export interface Run {
  state: "running" | "done" | "failed" | "stopped";
  done: number;
  total: number;
  line: string;
}

export interface Loss {
  step: number;
  loss: number;
  validation?: number | null;
  reset?: boolean; // a training begins
}

export type Told =
  | ({ type: "graph" } & Graph)
  | ({ type: "node"; name: string } & NodeState)
  | ({ type: "run" } & Run)
  | { type: "conflict"; id?: number | null; revision: number; message: string; text: string }
  | { type: "ok"; id: number; revision: number; names?: Record<string, string> }
  | { type: "error"; id?: number | string | null; message: string; node?: string | null; line?: number | null; column?: number | null }
  | { type: "warning"; message: string }
  | { type: "files" } // source files changed on disk
  | { type: "positions"; positions: Record<string, [number, number]> }
  | ({ type: "loss" } & Loss);

export type Op =
  | { op: "set"; node: string; param: string; value: Value }
  | { op: "unset"; node: string; param: string }
  | { op: "link"; node: string; input: string; to: string }
  | { op: "unlink"; node: string; input: string; to?: string }
  | { op: "add"; name: string; type: string; params: Record<string, Value>; position: [number, number] }
  | { op: "remove"; nodes: string[] }
  | { op: "rename"; node: string; to: string }
  | { op: "disable"; node: string; value: boolean }
  | { op: "paste"; text: string; position: [number, number] }
  | { op: "insert"; node: string; between: [string, string, string] }
  | { op: "frames"; value: string };

export type Asked =
  | { type: "edit"; id: number; base: number; ops: Op[]; group?: string }
  | { type: "undo" }
  | { type: "redo" }
  | { type: "look"; frame: number; frames: number[]; nodes: string[]; scale: number }
  | { type: "run"; outputs: string[] | null; frames: string | null }
  | { type: "stop" }
  | { type: "positions"; positions: Record<string, [number, number]> };
