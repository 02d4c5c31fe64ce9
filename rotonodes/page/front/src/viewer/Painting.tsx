import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { indexOf, type Looked } from "../model/graph";
import { asked, edit } from "../model/live";
import { type LabelPicture, readLabels, rgb, writeLabels } from "../model/png";
import type { LabelClass, Value } from "../model/protocol";
import { change, notify, now, refresh, usePage } from "../model/store";
import { flood, stroke } from "./brush";
import { goTo } from "./Timeline";
import type { Place } from "./Viewer";
import { pictureBehind } from "./Viewer";

interface Props {
  at: Place;
  size: [number, number];
  pixel: (event: { clientX: number; clientY: number }) => [number, number];
}

type Tool = "brush" | "fill";

const MOST_STEPS = 30; // of undo, while painting
const NONE: LabelClass[] = [];

/** Every output of the graph that is labels, the one in the viewer first. */
function labelOutputs(): Looked[] {
  const { graph, a } = now();
  const all = graph?.nodes.flatMap((node) => node.outputs.filter((output) => output.kind === "Labels").map((output) => ({ node: node.name, output: output.name }))) ?? [];
  return all.sort((one, other) => Number(other.node === a?.node) - Number(one.node === a?.node));
}

const outputsOf = (name: string) => now().graph?.nodes.find((node) => node.name === name)?.outputs.map((output) => output.name) ?? [];

const nameOf = (looked: Looked | undefined) => (looked ? `${looked.node}.${looked.output}` : "");

/** The labels of a frame over the picture: brush, fill, save, and the frame that needs it most next. */
export function Painting({ at, size, pixel }: Props) {
  const known = usePage((page) => page.types?.classes) ?? NONE;
  const [names, setNames] = useState<string[] | null>(null); // of the node's own classes
  const frame = usePage((page) => page.frame);
  const [outputs] = useState(labelOutputs);
  const [from, setFrom] = useState(nameOf(outputs[0]));
  const source = outputs.find((one) => nameOf(one) === from);
  const version = usePage((page) => (source ? (page.versions[source.node] ?? 0) : 0));
  const [labels, setLabels] = useState<LabelPicture | null>(null);
  const [value, setValue] = useState(3);
  const [tool, setTool] = useState<Tool>("brush");
  const [radius, setRadius] = useState(6);
  const [opacity, setOpacity] = useState(0.55);
  const [path, setPath] = useState("labels/labels.####.png");
  const [message, setMessage] = useState("");
  const [changed, setChanged] = useState(false);
  const [saved, setSaved] = useState(""); // the files that labels were saved in
  const classes = useMemo(
    () => names?.map((name, i) => ({ name, color: labels?.colors[i] ?? known.find((one) => one.name === name)?.color ?? "#808080" })) ?? known,
    [names, labels, known],
  );
  const kinds = useRef(classes);
  kinds.current = classes;
  const current = useRef<LabelPicture | null>(null);
  current.current = labels;
  const canvas = useRef<HTMLCanvasElement>(null);
  const seen = useRef(new Set<number>()); // frames that were looked at since painting began
  const steps = useRef<Uint8Array[]>([]);
  const last = useRef<[number, number] | null>(null);
  const [cursor, setCursor] = useState<[number, number] | null>(null);

  // labels in the viewer would hide what is painted: show the picture that they were made from
  useEffect(() => {
    const { a, graph } = now();
    const kind = a && graph && indexOf(graph).byName.get(a.node)?.outputs.find((one) => one.name === a.output)?.kind;
    const behind = kind === "Labels" && a ? pictureBehind(a.node) : null;
    if (behind) change({ a: behind, view: "rgb", wipe: false });
  }, []);

  // the labels of the frame: those that were painted before, else those that the node gives
  const dirty = useRef(false);
  const file = useRef(path);
  file.current = path;
  useEffect(() => {
    change({ painted: source?.node ?? null });
    if (!source) return;
    if (dirty.current) return; // something upstream changed: what is being painted stays
    const abort = new AbortController();
    seen.current.add(frame);
    steps.current = [];
    const load = async () => {
      const painted = await fetch(`/api/labels?${new URLSearchParams({ path: file.current, frame: String(frame) })}`, { signal: abort.signal });
      const query = new URLSearchParams({ node: source.node, output: source.output, frame: String(frame) });
      const answer = painted.ok ? painted : await fetch(`/api/labels?${query}`, { signal: abort.signal });
      if (!answer.ok) throw new Error((await answer.json()).message);
      const picture = await readLabels(new Uint8Array(await answer.arrayBuffer()));
      if (dirty.current) return;
      setLabels(picture);
      // a painted file has the colours of its classes only, the node has their names
      const named = painted.ok ? await fetch(`/api/labels?${query}`, { signal: abort.signal }) : answer;
      const told = named.headers.get("X-Classes");
      if (told) setNames(JSON.parse(told) as string[]);
    };
    load().catch((error: Error) => error.name !== "AbortError" && setMessage(error.message));
    return () => abort.abort();
  }, [from, frame, version]);

  const draw = useCallback(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !labels) return;
    const image = context.createImageData(labels.width, labels.height);
    const colors = Array.from({ length: 256 }, (_, i) => rgb(classes[i]?.color ?? "#ff00ff"));
    for (let i = 0; i < labels.classes.length; i++) {
      const index = labels.classes[i];
      if (index === 0) continue; // the background stays clear
      image.data.set(colors[index], i * 4);
      image.data[i * 4 + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [labels, classes]);
  useEffect(draw, [draw]);

  const write = useCallback(
    async (what: LabelPicture, at: number) => {
      try {
        const all = kinds.current;
        const body = await writeLabels(what, all.map((one) => one.color));
        const query = new URLSearchParams({ path: file.current, frame: String(at), classes: all.map((one) => one.name).join(",") });
        const written = await asked<{ path: string }>(`/api/labels?${query}`, { method: "PUT", body, headers: { "Content-Type": "image/png" } });
        setMessage(`saved ${written.path}`);
        setSaved(file.current);
        refresh();
      } catch (error) {
        notify("error", `frame ${at} was not saved: ${(error as Error).message}`);
      }
    },
    [],
  );
  const save = useCallback(async () => {
    if (!labels) return;
    dirty.current = false;
    setChanged(false);
    await write(labels, frame);
  }, [labels, frame, write]);

  // who goes to another frame keeps what was painted in this one
  useEffect(() => {
    setLabels(null);
    setMessage("");
    return () => {
      if (dirty.current && current.current) void write(current.current, frame);
      dirty.current = false;
      setChanged(false);
    };
  }, [from, frame, write]);

  const nextWorst = useCallback(async () => {
    if (!source) return;
    if (!outputsOf(source.node).includes("probabilities")) return setMessage(`only a network can say which frames it is unsure of, and ${source.node} is none: step with ← and →`);
    setMessage("looking for the least certain frame …");
    try {
      const { frames } = await asked<{ frames: { frame: number; uncertain: number }[] }>(`/api/worst?${new URLSearchParams({ node: source.node, scale: "4" })}`);
      const next = frames.find((one) => !seen.current.has(one.frame))?.frame;
      setMessage(next === undefined ? "every frame has been looked at" : "");
      if (next !== undefined) goTo(next);
    } catch (error) {
      setMessage((error as Error).message);
    }
  }, [from, frame]);

  const undo = useCallback(() => {
    const step = steps.current.pop();
    if (!step || !labels) return;
    labels.classes.set(step);
    draw();
  }, [labels, draw]);

  useEffect(() => {
    paintKeys.current = (event) => {
      const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && steps.current.length) undo();
      else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") void save();
      else if (!plain) return false;
      else if (/^\d$/.test(event.key) && classes[Number(event.key)]) setValue(Number(event.key));
      else if (event.key === "b") setTool("brush");
      else if (event.key === "g") setTool("fill");
      else if (event.key === "n") void nextWorst();
      else if (event.key === "[") setRadius((before) => Math.max(0.5, before - (before > 4 ? 2 : 0.5)));
      else if (event.key === "]") setRadius((before) => Math.min(200, before + (before >= 4 ? 2 : 0.5)));
      else return false;
      return true;
    };
    return () => {
      paintKeys.current = null;
    };
  }, [undo, save, nextWorst, classes]);

  const paint = (event: React.PointerEvent, to: [number, number]) => {
    if (!labels) return;
    // labels may have come at another size than the picture
    const scale: [number, number] = [labels.width / size[0], labels.height / size[1]];
    const here: [number, number] = [to[0] * scale[0], to[1] * scale[1]];
    const box = tool === "fill" ? flood(labels, Math.floor(here[0]), Math.floor(here[1]), value) : stroke(labels, last.current ?? here, here, radius * scale[0], value);
    last.current = here;
    if (box) {
      dirty.current = true;
      setChanged(true);
      draw();
    }
    event.preventDefault();
  };

  const read = usePage((page) => page.graph?.nodes.some((node) => node.type === "LoadLabels" && node.params.path === path));
  return (
    <>
      {labels && (
        <canvas
          ref={canvas}
          className="labels"
          width={labels.width}
          height={labels.height}
          style={{ width: size[0] * at.zoom, height: size[1] * at.zoom, transform: `translate(${at.x}px, ${at.y}px)`, opacity }}
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            steps.current = [...steps.current.slice(1 - MOST_STEPS), labels.classes.slice()];
            last.current = null;
            paint(event, pixel(event));
          }}
          onPointerMove={(event) => {
            setCursor(pixel(event));
            if (event.buttons & 1 && tool === "brush" && last.current) paint(event, pixel(event));
          }}
          onPointerUp={() => (last.current = null)}
          onPointerLeave={() => setCursor(null)}
          onDoubleClick={(event) => event.stopPropagation()}
        />
      )}
      {cursor && tool === "brush" && (
        <span
          className="brush"
          style={{
            width: radius * 2 * at.zoom,
            height: radius * 2 * at.zoom,
            transform: `translate(${at.x + (cursor[0] - radius) * at.zoom}px, ${at.y + (cursor[1] - radius) * at.zoom}px)`,
          }}
        />
      )}
      <div className="paint-bar" role="region" aria-label="paint labels" onPointerDown={(event) => event.stopPropagation()} onDoubleClick={(event) => event.stopPropagation()}>
        <label className="wide">
          labels of
          <select value={from} onChange={(event) => setFrom(event.target.value)}>
            {outputs.length === 0 && <option value="">no node gives labels</option>}
            {outputs.map((one) => (
              <option key={nameOf(one)}>{nameOf(one)}</option>
            ))}
          </select>
        </label>
        <Classes classes={classes} value={value} setValue={setValue} />
        <div className="group" role="group" aria-label="tool">
          <button type="button" aria-pressed={tool === "brush"} title="brush (B)" onClick={() => setTool("brush")}>
            Brush
          </button>
          <button type="button" aria-pressed={tool === "fill"} title="fill a region of one class (G)" onClick={() => setTool("fill")}>
            Fill
          </button>
        </div>
        <label>
          size
          <input type="range" min={0.5} max={60} step={0.5} value={radius} aria-valuetext={`${radius} pixels`} onChange={(event) => setRadius(Number(event.target.value))} />
          <span>{radius} px</span>
        </label>
        <label>
          opacity
          <input type="range" min={0.1} max={1} step={0.05} value={opacity} onChange={(event) => setOpacity(Number(event.target.value))} />
          <span>{Math.round(opacity * 100)} %</span>
        </label>
        <label className="wide">
          file
          <input value={path} onChange={(event) => setPath(event.target.value)} spellCheck={false} />
        </label>
        <div className="buttons">
          <button type="button" className="strong" disabled={!labels} title="save as a palette PNG (Ctrl+S); going to another frame saves, too" onClick={() => void save()}>
            {changed ? "Save labels" : "Save"}
          </button>
          <button type="button" title="the frame whose labels are least certain (N)" onClick={() => void nextWorst()}>
            Next worst
          </button>
          <button type="button" title="take the last stroke back (Ctrl+Z)" onClick={undo}>
            Undo
          </button>
        </div>
        {!read && saved === path && (
          <button type="button" title="add a LoadLabels node that reads the painted frames" onClick={() => void addReader(path, classes.map((one) => one.name))}>
            Add LoadLabels
          </button>
        )}
        <p role="status">{message}</p>
      </div>
    </>
  );
}

export const paintKeys: { current: ((event: KeyboardEvent) => boolean) | null } = { current: null };

async function addReader(path: string, classes: string[]): Promise<void> {
  const { graph, typeOf } = now();
  if (!graph) return;
  const usual = typeOf.LoadLabels?.params.find((param) => param.name === "classes")?.default;
  const params: Record<string, Value> = JSON.stringify(classes) === JSON.stringify(usual) ? { path } : { path, classes };
  const trainer = graph.nodes.find((node) => node.inputs.some((input) => input.name === "labels") && node.type === "TrainUNet");
  let name = "painted";
  for (let n = 2; graph.nodes.some((node) => node.name === name); n++) name = `painted${n}`;
  const { error } = await edit([
    { op: "add", name, type: "LoadLabels", params, position: trainer?.position ? [trainer.position[0] - 240, trainer.position[1] + 160] : [0, 400] },
    ...(trainer ? [{ op: "link" as const, node: trainer.name, input: "labels", to: name }] : []),
  ]);
  if (!error) notify("info", trainer ? `${name} reads the painted labels, and ${trainer.name} learns from them: run it` : `${name} reads the painted labels. To learn from them, in a terminal: rotonodes run train_on_painted --input RENDER --var 'labels=${path}' --set train.frames=1,12 (those you painted)`);
}

function Classes({ classes, value, setValue }: { classes: LabelClass[]; value: number; setValue: (value: number) => void }) {
  return (
    <div className="classes" role="radiogroup" aria-label="class">
      {classes.map((one, i) => (
        <label key={one.name} title={`class ${i} (key ${i})`}>
          <input type="radio" name="class" checked={value === i} onChange={() => setValue(i)} />
          <i style={{ background: one.color }} />
          {one.name.replaceAll("_", " ")}
        </label>
      ))}
    </div>
  );
}
