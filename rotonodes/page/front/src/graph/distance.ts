/** How far away the graph is, and the frame that thumbnails show. */

import { useEffect, useState, useSyncExternalStore } from "react";
import { usePage } from "../model/store";

/** near: everything; middle: no names of sockets; far: a card is its name; speck: not even that could be read. */
export type Distance = "near" | "middle" | "far" | "speck";

const NEAR = 0.45; // zoom
const FAR = 0.28;
const SPECK = 0.11;

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
