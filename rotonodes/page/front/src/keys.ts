/** Keys of the whole page. Fields keep their own; the part that the pointer or the focus is in decides what F, Tab and arrows mean. */

import { copySelected, disableSelected, graphActions, layOut, look, paste, removeSelected, run, walk } from "./graph/actions";
import { say } from "./model/live";
import { change, notify, now, select } from "./model/store";
import { paintKeys } from "./viewer/Painting";
import { goTo, stepFrame } from "./viewer/Timeline";
import { toggleWipe, viewerActions } from "./viewer/Viewer";

const PARTS = [".graph", ".viewer", ".params", ".top-bar"];

const inField = (target: EventTarget | null) => target instanceof Element && target.closest("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select") !== null;

let copying: Promise<string> | null = null;

export function listenToKeys(): () => void {
  const keydown = (event: KeyboardEvent) => {
    if (now().dialog || event.defaultPrevented) return;
    if (pressed(event)) event.preventDefault();
  };
  const copied = (event: ClipboardEvent) => {
    if (inField(event.target) || now().dialog) return;
    if (now().selected.length === 0 || getSelection()?.toString()) return;
    event.preventDefault();
    // the text comes from the server: a clipboard item may wait for it, and so does a paste that is faster
    copying = copySelected();
    const item = new ClipboardItem({ "text/plain": copying.then((found) => new Blob([found], { type: "text/plain" })) });
    navigator.clipboard
      .write([item])
      .then(
        () => event.type === "cut" && removeSelected(),
        (error: Error) => notify("error", `the nodes were not copied: ${error.message}`),
      )
      .finally(() => (copying = null));
  };
  const pasted = (event: ClipboardEvent) => {
    if (inField(event.target) || now().dialog) return;
    event.preventDefault();
    const text = event.clipboardData?.getData("text/plain") ?? "";
    void (copying ?? Promise.resolve(text)).then(paste);
  };
  document.addEventListener("keydown", keydown);
  document.addEventListener("copy", copied);
  document.addEventListener("cut", copied);
  document.addEventListener("paste", pasted);
  return () => {
    document.removeEventListener("keydown", keydown);
    document.removeEventListener("copy", copied);
    document.removeEventListener("cut", copied);
    document.removeEventListener("paste", pasted);
  };
}

function pressed(event: KeyboardEvent): boolean {
  if (event.key === "F6") return nextPart(event.shiftKey ? -1 : 1);
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key === "Enter") return run(), true;
  if (inField(event.target)) return event.key === "Escape" && leaveField();
  if (now().painting && paintKeys.current?.(event)) return true;
  return command ? withControl(event) : !event.altKey && plain(event);
}

function leaveField(): boolean {
  graphActions.current?.focus();
  return true;
}

function withControl(event: KeyboardEvent): boolean {
  switch (event.key.toLowerCase()) {
    case "z":
      return say({ type: event.shiftKey ? "redo" : "undo" }), true;
    case "y":
      return say({ type: "redo" }), true;
    case "a":
      return select(now().graph?.nodes.map((node) => node.name) ?? []), true;
    case "f":
      return change({ dialog: { name: "find" } }), true;
    case "s":
      return true; // every change is saved already
  }
  return false;
}

function plain(event: KeyboardEvent): boolean {
  const { pane, selected, playing, run: progress, painting } = now();
  const onButton = event.target instanceof HTMLElement && event.target.closest("button, summary, input, [role=slider]") !== null;
  const inGraph = event.target === document.body || (event.target instanceof Element && event.target.closest(".graph") !== null);
  const digit = /^Digit([1-9])$/.exec(event.code) ?? /^Numpad([1-9])$/.exec(event.code);
  if (digit) {
    if (selected.length) look(selected[selected.length - 1], Number(digit[1]) - 1, event.shiftKey ? "b" : "a");
    return true;
  }
  switch (event.key) {
    case "Tab":
      if (!inGraph || event.shiftKey) return false;
      return change({ dialog: { name: "add", at: underPointer(), loose: null } }), true;
    case "ArrowLeft":
    case "ArrowRight":
      if (onButton) return false;
      return stepFrame(event.key === "ArrowLeft" ? -1 : 1), true;
    case "ArrowUp":
    case "ArrowDown":
      if (!inGraph) return false;
      return walk(event.shiftKey ? (event.key === "ArrowUp" ? "previous" : "next") : event.key === "ArrowUp" ? "up" : "down"), true;
    case "Home":
    case "End":
      if (onButton) return false;
      return goTo(now().shot[event.key === "Home" ? 0 : now().shot.length - 1]), true;
    case " ":
      if (onButton) return false;
      return change({ playing: !playing }), true;
    case "Enter":
      if (!inGraph) return false;
      document.querySelector<HTMLElement>(".params .name")?.focus();
      return true;
    case "Delete":
    case "Backspace":
      return removeSelected(), true;
    case "Escape":
      if (progress?.state === "running") say({ type: "stop" });
      else if (painting) change({ painting: false });
      graphActions.current?.focus();
      return true;
    case "?":
      return change({ dialog: { name: "help" } }), true;
    case "+":
    case "=":
    case "-":
      return viewerActions.zoom(event.key === "-" ? 1 / 1.25 : 1.25), true;
  }
  switch (event.key.toLowerCase()) {
    case "a":
      return event.shiftKey ? change({ dialog: { name: "add", at: underPointer(), loose: null } }) : channel("a"), true;
    case "r":
    case "g":
    case "b":
      return channel(event.key.toLowerCase() as "r" | "g" | "b"), true;
    case "c":
      return change({ view: "rgb" }), true;
    case "d":
      return disableSelected(), true;
    case "x":
      return removeSelected(), true;
    case "f":
      return pane === "viewer" ? viewerActions.fit() : graphActions.current?.fit(), true;
    case "l":
      return layOut(), true;
    case "w":
      return toggleWipe(), true;
    case "p":
      return change({ painting: !painting }), true;
  }
  return false;
}

/** A channel alone; the same key again shows colour. */
function channel(view: "r" | "g" | "b" | "a"): void {
  change({ view: now().view === view ? "rgb" : view });
}

/** The place in the graph under the pointer, if it is there and nothing is selected that the node would follow. */
function underPointer(): [number, number] | null {
  const { selected, pane } = now();
  return pane === "graph" && selected.length !== 1 && graphActions.pointer ? (graphActions.current?.at(...graphActions.pointer) ?? null) : null;
}

function nextPart(step: number): boolean {
  const here = PARTS.findIndex((part) => document.activeElement?.closest(part));
  const part = document.querySelector<HTMLElement>(PARTS[(here + step + PARTS.length) % PARTS.length]);
  const first = part?.tabIndex === 0 ? part : part?.querySelector<HTMLElement>("input, select, button:not(:disabled)");
  (first ?? part)?.focus();
  return true;
}
