/** The connection: the WebSocket that carries edits and news, and the few plain requests. */

import type { Asked, Op, Told, Types } from "./protocol";
import { change, notify, now, told, tookTypes } from "./store";

let socket: WebSocket | null = null;
let lastId = 0;

/** What became of an edit: null, or the line that says why it was refused; and new names of pasted nodes. */
export interface Answer {
  error: string | null;
  names: Record<string, string>;
}

interface Edit {
  ops: Op[];
  group?: string;
  answered: ((answer: Answer) => void)[];
}

const queue: Edit[] = []; // the first one is under way
let under: number | null = null; // its id
let revision = 0; // of the newest text that this page knows of

export function say(message: Asked): boolean {
  if (socket?.readyState !== WebSocket.OPEN) {
    notify("error", "the server does not answer: is `rotonodes edit` still running?");
    return false;
  }
  socket.send(JSON.stringify(message));
  return true;
}

/**
 * Sends an edit. Edits of the same `group` are one step to undo, and of those that wait only the last is sent: a slider may be dragged
 * faster than files are written. One edit is under way at a time, so that none seems to overwrite the one before.
 */
export function edit(ops: Op[], group?: string): Promise<Answer> {
  if (!now().graph || ops.length === 0) return Promise.resolve({ error: null, names: {} });
  return new Promise((resolve) => {
    const last = queue[queue.length - 1];
    if (group && queue.length > 1 && last.group === group) {
      last.ops = ops;
      last.answered.push(resolve);
    } else queue.push({ ops, group, answered: [resolve] });
    sendEdit();
  });
}

function sendEdit(): void {
  if (under !== null || queue.length === 0) return;
  under = ++lastId;
  const { ops, group } = queue[0];
  const base = Math.max(revision, now().graph?.revision ?? 0);
  if (!say({ type: "edit", id: under, base, ops, ...(group ? { group } : {}) })) answered({ error: "not connected", names: {} });
}

function answered(answer: Answer): void {
  under = null;
  for (const resolve of queue.shift()?.answered ?? []) resolve(answer);
  sendEdit();
}

function took(message: Told): void {
  if (message.type === "ok" && now().notices.some((notice) => notice.kind === "error")) {
    change({ notices: now().notices.filter((notice) => notice.kind !== "error") });
  }
  if (message.type === "ok" || message.type === "graph" || message.type === "conflict") revision = Math.max(revision, message.revision);
  told(message);
  if ((message.type === "ok" || message.type === "error" || message.type === "conflict") && message.id != null && message.id === under) {
    answered(message.type === "ok" ? { error: null, names: message.names ?? {} } : { error: message.message, names: {} });
  }
}

export async function asked<T>(url: string, options?: RequestInit): Promise<T> {
  const answer = await fetch(url, options);
  if (answer.ok) return (await answer.json()) as T;
  const said = (await answer.json().catch(() => ({}))) as { message?: string };
  throw new Error(said.message ?? `${answer.status} ${answer.statusText}`);
}

/** Connects: the server sends the graph at once, and what is new as long as the page is open. */
export async function open(): Promise<void> {
  connect();
  try {
    tookTypes(await asked<Types>("/api/types"));
  } catch (error) {
    notify("error", (error as Error).message);
  }
}

function connect(): void {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
  socket.onopen = () => change({ connected: true });
  socket.onmessage = (event) => took(JSON.parse(event.data) as Told);
  socket.onclose = () => {
    change({ connected: false });
    revision = 0;
    while (queue.length) {
      under = null;
      for (const resolve of queue.shift()!.answered) resolve({ error: "the connection was lost", names: {} });
    }
    under = null;
    setTimeout(connect, 1000);
  };
}
