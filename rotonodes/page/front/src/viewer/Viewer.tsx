import { useCallback, useEffect, useRef, useState } from "react";
import { indexOf, isPicture, type Looked } from "../model/graph";
import { type Picture, usePicture, want } from "../model/pictures";
import { change, now, type Page, usePage, type View } from "../model/store";
import { LossCurve } from "./LossCurve";
import { Painting } from "./Painting";
import { Readout } from "./Readout";
import { Timeline } from "./Timeline";

export interface Place {
  zoom: number; // screen pixels a pixel of the picture
  x: number; // of the picture's corner in the viewer
  y: number;
}

const VIEWS: [View, string, string][] = [
  ["rgb", "RGB", "colour (C)"],
  ["r", "R", "red channel (R)"],
  ["g", "G", "green channel (G)"],
  ["b", "B", "blue channel (B)"],
  ["a", "A", "alpha channel (A)"],
];

const PAINT_BAR = 258; // pixels that the bar for painting covers

export const viewerActions: { fit: () => void; zoom: (factor: number) => void } = { fit: () => undefined, zoom: () => undefined };

function wishOf(looked: Looked | null, page: Pick<Page, "frame" | "view" | "scale">) {
  return looked && { ...looked, frame: page.frame, view: page.view, scale: page.scale };
}

export function Viewer() {
  const a = usePage((page) => page.a);
  const b = usePage((page) => page.b);
  const wipe = usePage((page) => page.wipe);
  const frame = usePage((page) => page.frame);
  const view = usePage((page) => page.view);
  const scale = usePage((page) => page.scale);
  const painting = usePage((page) => page.painting);
  const shownA = usePicture(wishOf(a, { frame, view, scale }), 0);
  const shownB = usePicture(wipe ? wishOf(b, { frame, view, scale }) : null, 0);
  const [place, setPlace] = useState<Place | null>(null); // null: the whole picture
  const [split, setSplit] = useState(0.5); // of the wipe, along the picture's width
  const [under, setUnder] = useState<[number, number] | null>(null);
  const stage = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState<[number, number]>([1, 1]);
  usePlay(a);

  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setRoom([entry.contentRect.width, entry.contentRect.height]));
    watcher.observe(stage.current!);
    return () => watcher.disconnect();
  }, []);

  const size = shownA.picture?.size ?? shownB.picture?.size ?? null;
  const at = place ?? whole(size, room, painting ? PAINT_BAR : 0);
  const pixel = useCallback(
    (event: { clientX: number; clientY: number }): [number, number] => {
      const box = stage.current!.getBoundingClientRect();
      return [(event.clientX - box.left - at.x) / at.zoom, (event.clientY - box.top - at.y) / at.zoom];
    },
    [at.x, at.y, at.zoom],
  );

  const zoomBy = useCallback(
    (factor: number, x = room[0] / 2, y = room[1] / 2) => {
      const zoom = Math.min(64, Math.max(0.02, at.zoom * factor));
      setPlace({ zoom, x: x - ((x - at.x) / at.zoom) * zoom, y: y - ((y - at.y) / at.zoom) * zoom });
    },
    [at.x, at.y, at.zoom, room],
  );
  useEffect(() => {
    viewerActions.fit = () => setPlace(null);
    viewerActions.zoom = (factor) => zoomBy(factor);
  }, [zoomBy]);

  // React listens to wheels passively, so that the page would scroll
  useEffect(() => {
    const element = stage.current!;
    const turned = (event: WheelEvent) => {
      event.preventDefault();
      const box = element.getBoundingClientRect();
      zoomBy(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
    };
    element.addEventListener("wheel", turned, { passive: false });
    return () => element.removeEventListener("wheel", turned);
  }, [zoomBy]);

  const drag = useRef<{ x: number; y: number; from: Place } | null>(null);
  const error = shownA.error ?? (wipe ? shownB.error : null);
  const over = under && size && under[0] >= 0 && under[1] >= 0 && under[0] < size[0] && under[1] < size[1] ? under : null;
  return (
    <section
      className="viewer"
      tabIndex={0}
      aria-label="Viewer. Left and right arrows step frames, 1 to 9 show outputs of the selected node."
      onPointerEnter={() => change({ pane: "viewer" })}
      onFocus={() => change({ pane: "viewer" })}
    >
      <div className="viewer-bar">
        <Source side="A" looked={a} />
        {wipe && <Source side="B" looked={b} />}
        <button type="button" aria-pressed={wipe} title="wipe between A and B (W)" onClick={toggleWipe}>
          A|B
        </button>
        <span className="group" role="group" aria-label="channels">
          {VIEWS.map(([name, text, title]) => (
            <button key={name} type="button" aria-pressed={view === name} title={title} className={`channel-${name}`} onClick={() => change({ view: name })}>
              {text}
            </button>
          ))}
        </span>
        <span className="space" />
        <button type="button" aria-pressed={painting} title="paint labels over the picture (P)" onClick={() => change({ painting: !painting })}>
          Paint labels
        </button>
        <label className="scale" title="scale at which thumbnails and viewer compute">
          proxy
          <select value={scale} onChange={(event) => change({ scale: Number(event.target.value) as 1 | 2 | 4 })}>
            <option value={1}>1/1</option>
            <option value={2}>1/2</option>
            <option value={4}>1/4</option>
          </select>
        </label>
        <span className="zoom">{Math.round(at.zoom * 100)} %</span>
        <button type="button" title="fit the picture (F)" onClick={() => setPlace(null)}>
          Fit
        </button>
      </div>
      <div
        ref={stage}
        className={`stage${shownA.waiting ? " waiting" : ""}`}
        data-node={a?.node}
        data-waiting={shownA.waiting || (wipe && shownB.waiting)}
        onPointerDown={(event) => {
          if (painting && event.button === 0) return;
          if (event.button > 1) return;
          drag.current = { x: event.clientX, y: event.clientY, from: at };
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          setUnder(pixel(event));
          if (!drag.current) return;
          const { x, y, from } = drag.current;
          if (Math.hypot(event.clientX - x, event.clientY - y) > 2 || place) setPlace({ ...from, x: from.x + event.clientX - x, y: from.y + event.clientY - y });
        }}
        onPointerUp={() => (drag.current = null)}
        onPointerLeave={() => setUnder(null)}
        onDoubleClick={() => setPlace(null)}
      >
        {size && shownA.picture && <Layer picture={shownA.picture} size={size} at={at} clip={wipe && b ? [0, split] : null} label={`${a?.node}.${a?.output}, frame ${frame}`} />}
        {size && wipe && shownB.picture && <Layer picture={shownB.picture} size={size} at={at} clip={[split, 1]} label={`${b?.node}.${b?.output}, frame ${frame}`} />}
        {size && wipe && <Wipe at={at} size={size} split={split} setSplit={setSplit} pixel={pixel} />}
        {painting && size && <Painting at={at} size={size} pixel={pixel} />}
        <LossCurve />
        {error && <p className="failure">{error}</p>}
        {!a && <p className="empty">Select a node and press 1 to see it.</p>}
        {a && shownA.waiting && !shownA.picture && <Waiting node={a.node} />}
      </div>
      <Readout looked={wipe && over && size && over[0] / size[0] > split ? (b ?? a) : a} pixel={over} size={size} />
      <Timeline />
    </section>
  );
}

/** Says what a picture waits for: a node that looks at the whole shot may take long. */
function Waiting({ node }: { node: string }) {
  const busy = usePage((page) => Object.keys(page.states).find((name) => name !== node && page.states[name].state === "running"));
  const whole = usePage((page) => !!busy && !!page.graph && !!page.typeOf[indexOf(page.graph).byName.get(busy)?.type ?? ""]?.whole_clip);
  return (
    <p className="empty late">
      making the picture …
      {busy && ` ${busy} is running${whole ? ", once for the whole shot" : ""}`}
    </p>
  );
}

export function toggleWipe(): void {
  const { wipe, a, b } = now();
  change({ wipe: !wipe, b: b ?? a });
}

/** The whole picture in the middle of the room that is left beside what covers its left edge. */
function whole(size: [number, number] | null, room: [number, number], covered: number): Place {
  if (!size) return { zoom: 1, x: 0, y: 0 };
  const fit = Math.min((room[0] - covered - 16) / size[0], (room[1] - 16) / size[1]);
  // a little more than 100 % would only blur
  const zoom = fit >= 2 || (fit >= 1 && fit < 1.15) ? Math.floor(fit) : Math.max(fit, 0.02);
  return { zoom, x: Math.round(covered + (room[0] - covered - size[0] * zoom) / 2), y: Math.round((room[1] - size[1] * zoom) / 2) };
}

interface LayerProps {
  picture: Picture;
  size: [number, number];
  at: Place;
  clip: [number, number] | null;
  label: string;
}

function Layer({ picture, size, at, clip, label }: LayerProps) {
  return (
    <img
      className="picture"
      src={picture.url}
      alt={label}
      draggable={false}
      style={{
        width: size[0] * at.zoom,
        height: size[1] * at.zoom,
        transform: `translate(${at.x}px, ${at.y}px)`,
        imageRendering: at.zoom >= 1.5 ? "pixelated" : "auto",
        clipPath: clip ? `inset(0 ${(1 - clip[1]) * 100}% 0 ${clip[0] * 100}%)` : undefined,
      }}
    />
  );
}

interface WipeProps {
  at: Place;
  size: [number, number];
  split: number;
  setSplit: (split: number) => void;
  pixel: (event: { clientX: number; clientY: number }) => [number, number];
}

function Wipe({ at, size, split, setSplit, pixel }: WipeProps) {
  return (
    <div
      className="wipe"
      role="slider"
      tabIndex={0}
      aria-label="wipe between A and B"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(split * 100)}
      style={{ transform: `translate(${at.x + split * size[0] * at.zoom}px, 0)` }}
      onPointerDown={(event) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (event.buttons & 1) setSplit(Math.min(1, Math.max(0, pixel(event)[0] / size[0])));
      }}
      onKeyDown={(event) => {
        const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
        if (!step) return;
        event.stopPropagation();
        setSplit(Math.min(1, Math.max(0, split + step)));
      }}
    />
  );
}

/** What a side of the viewer shows, and a choice of everything that it could show. */
function Source({ side, looked }: { side: "A" | "B"; looked: Looked | null }) {
  const graph = usePage((page) => page.graph);
  const all = graph?.nodes.flatMap((node) => node.outputs.filter((output) => isPicture(output.kind)).map((output) => `${node.name}.${output.name}`)) ?? [];
  const value = looked ? `${looked.node}.${looked.output}` : "";
  return (
    <label className={`source side-${side}`}>
      <span>{side}</span>
      <select
        value={value}
        aria-label={`viewer ${side} shows`}
        onChange={(event) => {
          const [node, output] = event.target.value.split(/\.(.*)/);
          change(side === "A" ? { a: { node, output } } : { b: { node, output } });
        }}
      >
        {!all.includes(value) && <option value={value}>{value || "nothing"}</option>}
        {all.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}

/** Plays the shot: each frame stays until the next one is here and its time has come. */
function usePlay(looked: Looked | null): void {
  const playing = usePage((page) => page.playing);
  useEffect(() => {
    if (!playing || !looked) return;
    let over = false;
    const play = async () => {
      let due = performance.now();
      while (!over) {
        const { shot, frame, view, scale, graph } = now();
        const following = (n: number) => shot[(shot.indexOf(frame) + n) % shot.length];
        const ahead = [1, 2, 3, 4].map((n) => want({ ...looked, frame: following(n), view, scale }, n === 1 ? 0 : 2));
        await ahead[0].result.catch(() => undefined);
        due = Math.max(due + 1000 / (graph?.fps || 24), performance.now() - 100);
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
        for (const one of ahead) setTimeout(one.drop, 2000);
        if (!over && now().playing) change({ frame: following(1) });
      }
    };
    void play();
    return () => {
      over = true;
    };
  }, [playing, looked]);
}

/** The picture that labels are painted over: the nearest one upstream. */
export function pictureBehind(name: string): Looked | null {
  const graph = now().graph;
  if (!graph) return null;
  const { byName, links } = indexOf(graph);
  const open = [name];
  const seen = new Set(open);
  for (let here = open.shift(); here !== undefined; here = open.shift()) {
    for (const link of links.filter((one) => one.to === here)) {
      const images = byName.get(link.from)?.outputs.filter((one) => one.kind === "Image") ?? [];
      const image = images.find((one) => one.name === link.output) ?? images[0];
      if (image) return { node: link.from, output: image.name };
      if (!seen.has(link.from)) {
        seen.add(link.from);
        open.push(link.from);
      }
    }
  }
  return null;
}
