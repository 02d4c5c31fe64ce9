/** How far away the graph is, and the frame that thumbnails show. */

import { useEffect, useState, useSyncExternalStore } from "react";
import { usePage } from "../model/store";

/** near: everything; middle: no sockets, which would be too small to hit; far: a card is its name; speck: not even that could be read. */
export type Distance = "near" | "middle" | "far" | "speck";

const NEAR = 0.38; // zoom
const FAR = 0.28;
const SPECK = 0.16;

let current: Distance = "near";
const listeners = new Set<() => void>();

export const distance = {
  zoomed(zoom: number): void {
    const found = zoom < SPECK ? "speck" : zoom < FAR ? "far" : zoom < NEAR ? "middle" : "near";
    if (found === current) return;
    current = found;
    for (const listener of [...listeners]) listener();
  },
  use: () =>
    useSyncExternalStore(
      (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      () => current,
    ),
};

let moving = false;
let resting: ReturnType<typeof setTimeout> | undefined;
const waiting = new Set<() => void>();

/** Called at each move of the graph. */
export function moved(): void {
  if (!moving) document.documentElement.dataset.moving = "";
  moving = true;
  clearTimeout(resting);
  resting = setTimeout(() => {
    moving = false;
    delete document.documentElement.dataset.moving;
    for (const go of [...waiting]) go();
  }, 120);
}

/** False for a card that comes into sight while the graph moves, until it rests: it may be gone again before its picture is made. */
export function useRested(): boolean {
  const [rested, setRested] = useState(!moving);
  useEffect(() => {
    if (rested) return;
    const go = () => setRested(true);
    waiting.add(go);
    return () => {
      waiting.delete(go);
    };
  }, [rested]);
  return rested;
}

/** The frame of the slider once it has stayed for a moment: thumbnails do not follow every frame of a scrub. */
export function useSettledFrame(): number {
  const frame = usePage((page) => page.frame);
  const playing = usePage((page) => page.playing);
  const [settled, setSettled] = useState(frame);
  useEffect(() => {
    if (playing) return;
    const timer = setTimeout(() => setSettled(frame), 100);
    return () => clearTimeout(timer);
  }, [frame, playing]);
  return settled;
}
