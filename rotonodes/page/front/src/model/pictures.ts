/** Pictures from the server: what is asked for, in which order, and what is kept. */

import { useEffect, useState } from "react";
import { say } from "./live";
import { change, now, usePage } from "./store";

export interface Wish {
  node: string;
  output: string;
  frame: number;
  view: string;
  scale: number;
  width?: number;
}

export interface Picture {
  url: string;
  milliseconds: number | null;
  size: [number, number]; // of the whole picture, in pixels, whatever the scale it came at
}

type Order = 0 | 1 | 2; // the viewer first, then thumbnails, then frames ahead of the one that is shown

interface Job {
  key: string;
  wish: Wish;
  order: Order;
  users: number;
  abort: AbortController;
  started: boolean;
  result: Promise<Picture>;
  start: () => void;
}

const AT_ONCE: Record<Order, number> = { 0: 6, 1: 3, 2: 2 }; // requests that may be under way before one of this order starts
const MOST_KEPT = 400;

const kept = new Map<string, Picture>();
const jobs = new Map<string, Job>();
let running = 0;

export function keyOf(wish: Wish): string {
  const version = now().versions[wish.node] ?? 0;
  return [wish.node, wish.output, wish.frame, wish.view, wish.scale, wish.width ?? "", version].join("|");
}

function keep(key: string, picture: Picture): void {
  kept.set(key, picture);
  if (kept.size <= MOST_KEPT) return;
  const [oldest, gone] = kept.entries().next().value!;
  kept.delete(oldest);
  // what is on the screen still needs its address for a moment
  setTimeout(() => URL.revokeObjectURL(gone.url), 10_000);
}

async function fetched(wish: Wish, signal: AbortSignal): Promise<Picture> {
  const query = new URLSearchParams({ node: wish.node, output: wish.output, frame: String(wish.frame), view: wish.view, scale: String(wish.scale) });
  if (wish.width) query.set("width", String(wish.width));
  for (;;) {
    const answer = await fetch(`/api/picture?${query}`, { signal, cache: "no-cache" });
    if (answer.ok) {
      const size = (answer.headers.get("X-Size") ?? "0,0").split(",").map(Number) as [number, number];
      const took = answer.headers.get("X-Milliseconds");
      return { url: URL.createObjectURL(await answer.blob()), milliseconds: took === null ? null : Number(took), size };
    }
    const { message, superseded } = await answer.json().catch(() => ({ message: answer.statusText, superseded: false }));
    if (!superseded) throw new Error(message);
    await new Promise((resolve) => setTimeout(resolve, 150)); // its look came late: it is still wanted here
    signal.throwIfAborted();
  }
}

/** A picture that was kept on disk comes without a state of its node. */
function noteCached(node: string): void {
  const { states } = now();
  if (!states[node]) change({ states: { ...states, [node]: { state: "cached" } } });
}

const SMALL = 640; // pixels: up to this size frames need no proxy for their thumbnails

/** Small frames are shown in thumbnails at the viewer's scale, so that both are made once; large ones at a quarter. */
export function useThumbnailScale(): number {
  const small = usePage((page) => page.smallFrames);
  const scale = usePage((page) => page.scale);
  return small ? scale : 4;
}

function noteSize(size: [number, number]): void {
  const smallFrames = Math.max(...size) <= SMALL;
  if (smallFrames !== now().smallFrames) change({ smallFrames });
}

let looking: ReturnType<typeof setTimeout> | undefined;

/** Tells the server what is looked at, so that it stops making what is not. */
function tellLook(): void {
  looking ??= setTimeout(() => {
    looking = undefined;
    const { frame, scale, connected, a, b, painted } = now();
    if (!connected) return;
    const wishes = [...jobs.values()].map((job) => job.wish);
    const seen = [a?.node, b?.node, painted].filter((name) => name != null);
    say({ type: "look", frame, scale, frames: [...new Set(wishes.map((wish) => wish.frame))], nodes: [...new Set([...seen, ...wishes.map((wish) => wish.node)])] });
  }, 30);
}

function next(): void {
  tellLook();
  const ready = [...jobs.values()].filter((job) => !job.started).sort((one, other) => one.order - other.order);
  for (const job of ready) {
    if (running >= AT_ONCE[job.order]) return;
    running += 1;
    job.started = true;
    job.start();
  }
}

/** Asks for a picture. Call `drop` when it is no longer wanted: what nobody wants is taken back, on the server too. */
export function want(wish: Wish, order: Order): { result: Promise<Picture>; drop: () => void } {
  const key = keyOf(wish);
  const there = kept.get(key);
  if (there) {
    kept.delete(key); // to the end: the oldest is dropped first
    kept.set(key, there);
    return { result: Promise.resolve(there), drop: () => undefined };
  }
  let job = jobs.get(key);
  if (!job) {
    const abort = new AbortController();
    let start = () => undefined as void;
    const started = new Promise<void>((resolve, reject) => {
      start = resolve;
      abort.signal.addEventListener("abort", () => reject(abort.signal.reason));
    });
    const made: Job = { key, wish, order, users: 0, abort, started: false, start, result: Promise.reject(new Error("not asked yet")) };
    made.result.catch(() => undefined);
    made.result = started
      .then(() => fetched(wish, abort.signal))
      .then((picture) => (keep(key, picture), picture))
      .finally(() => {
        if (made.started) running -= 1;
        if (jobs.get(key) === made) jobs.delete(key);
        next();
      });
    made.result.catch(() => undefined);
    jobs.set(key, made);
    job = made;
  }
  job.users += 1;
  job.order = Math.min(job.order, order) as Order;
  next();
  const mine = job;
  let dropped = false;
  return {
    result: job.result,
    drop: () => {
      if (dropped) return;
      dropped = true;
      mine.users -= 1;
      if (mine.users === 0 && jobs.get(mine.key) === mine) {
        jobs.delete(mine.key);
        mine.abort.abort();
      }
    },
  };
}

export interface Shown {
  picture: Picture | null; // the last one that came, until the wished one is here
  error: string | null;
  waiting: boolean;
}

/** The picture of a wish, asked for while the component shows it. Null wishes for nothing. */
export function usePicture(wish: Wish | null, order: Order): Shown {
  const version = usePage((page) => (wish ? (page.versions[wish.node] ?? 0) : 0));
  const key = wish ? keyOf(wish) : "";
  const [shown, setShown] = useState<Shown & { of: string }>({ picture: null, error: null, waiting: false, of: "" });
  useEffect(() => {
    if (!wish) return setShown({ picture: null, error: null, waiting: false, of: "" });
    const of = `${wish.node}|${wish.output}`;
    const { result, drop } = want(wish, order);
    setShown((before) => ({ picture: before.picture, error: null, waiting: true, of: before.of }));
    let over = false;
    result.then(
      async (picture) => {
        if (order === 0) await decoded(picture.url);
        if (over) return;
        setShown({ picture, error: null, waiting: false, of });
        noteCached(wish.node);
        noteSize(picture.size); // last: the wishes that it changes are new ones, and the picture that came is shown meanwhile
      },
      (error: Error) => {
        if (!over && error.name !== "AbortError") setShown({ picture: null, error: error.message, waiting: false, of });
      },
    );
    return () => {
      over = true;
      drop();
    };
  }, [key, version, order]);
  return shown;
}

async function decoded(url: string): Promise<void> {
  const image = new Image();
  image.src = url;
  await image.decode().catch(() => undefined);
}
