import { useEffect, useId, useRef, useState } from "react";
import { yaml } from "../model/graph";
import { asked } from "../model/live";
import type { Param, Value } from "../model/protocol";
import { change, now } from "../model/store";
import { ColorField, type Colors, type Palette, PaletteChoice, PaletteField, PalettesField, Strip } from "./Colors";
import { setParam } from "./Params";

interface Props {
  node: string;
  param: Param;
  value: Value | undefined;
  given: boolean;
}

/** One parameter: label, field of its kind, unit, and a way back to the default. */
export function Field({ node, param, value, given }: Props) {
  const id = useId();
  const help = param.help + range(param);
  const shown = given ? value! : param.default;
  const set = (next: Value | undefined, group?: string) => setParam(node, param.name, next, group);
  return (
    <div className={`row field kind-${param.kind}${given ? " given" : ""}`}>
      <label htmlFor={id} title={help}>
        {param.name.replaceAll("_", " ")}
      </label>
      <div className="control">
        <Control id={id} param={param} value={shown} set={set} name={`${node}.${param.name}`} />
        {param.unit && <span className="unit">{param.unit}</span>}
        {given && !param.required && (
          <button type="button" className="reset" title={`back to the default: ${yaml(param.default)}`} aria-label={`${param.name.replaceAll("_", " ")}: back to the default`} onClick={() => set(undefined)}>
            ×
          </button>
        )}
      </div>
      <p className="hint" id={`${id}-help`}>
        {help}
      </p>
    </div>
  );
}

function range(param: Param): string {
  const { min, max } = param;
  if (min != null && max != null) return ` (${min} to ${max})`;
  if (min != null) return ` (from ${min})`;
  return max != null ? ` (up to ${max})` : "";
}

interface ControlProps {
  id: string;
  name: string;
  param: Param;
  value: Value;
  set: (value: Value | undefined, group?: string) => Promise<unknown>;
}

function Control({ id, name, param, value, set }: ControlProps) {
  const text = typeof value === "string";
  switch (param.kind) {
    case "bool":
      if (text) break; // a variable
      return <input id={id} type="checkbox" aria-describedby={`${id}-help`} checked={!!value} onChange={(event) => set(event.target.checked)} />;
    case "choice":
      return (
        <select
          id={id}
          aria-describedby={`${id}-help`}
          value={String(value ?? "")}
          onChange={(event) => set(event.target.value === "" ? undefined : (param.choices?.find((choice) => String(choice) === event.target.value) ?? event.target.value))}
        >
          {(param.optional || value == null) && <option value="">–</option>}
          {value != null && !param.choices?.includes(value as string) && <option>{String(value)}</option>}
          {param.choices?.map((choice) => <option key={String(choice)}>{String(choice)}</option>)}
        </select>
      );
    case "number":
    case "integer":
      if (text && !/^-?[\d.]*$/.test(value)) break;
      return <NumberField id={id} name={name} param={param} value={value} set={set} />;
    case "color":
      return <ColorField id={id} name={name} value={text ? value : ""} set={set} />;
    case "palette": {
      const mapping = isMapping(value);
      const empty = mapping && Object.keys(value).length === 0;
      const shipped = text && value in (now().types?.palettes ?? {});
      if (!mapping && !text) break;
      return (
        <span className="palette-or-name">
          <PaletteChoice id={shipped ? id : undefined} label={`${param.name}: one that ships`} value={value as Palette} set={set} />
          {mapping && <PaletteField id={empty ? `${id}-classes` : id} name={name} value={value as Colors} set={set} />}
          {shipped && <Strip palette={value} />}
          {!shipped && (text || empty) && <TextField id={id} param={param} value={text ? value : null} set={set} />}
        </span>
      );
    }
    case "palettes":
      if (!isMapping(value)) break;
      return <PalettesField id={id} name={name} value={value as Record<string, Palette>} set={set} />;
  }
  return <TextField id={id} param={param} value={value} set={set} />;
}

const isMapping = (value: Value): value is Record<string, Value> => !!value && typeof value === "object" && !Array.isArray(value);

function NumberField({ id, name, param, value, set }: ControlProps) {
  const whole = param.kind === "integer";
  const [draft, setDraft] = useState(value == null ? "" : String(value));
  const typing = useRef(false);
  useEffect(() => {
    if (!typing.current) setDraft(value == null ? "" : String(value));
  }, [value]);
  const { min, max } = param;
  const bounded = min != null && max != null && max - min <= 1000;
  const step = whole ? 1 : bounded ? niceStep(max - min) : Math.max(0.01, niceStep(Math.abs(Number(value)) || 1));
  const checked = (typed: string): number | null => {
    const number = Number(typed);
    if (typed.trim() === "" || !Number.isFinite(number)) return null;
    return Math.min(max ?? Infinity, Math.max(min ?? -Infinity, whole ? Math.round(number) : number));
  };
  const commit = (typed: string) => {
    typing.current = false;
    const next = checked(typed);
    if (next === null && param.also && typed.trim() !== "") return set(read(typed, param));
    if (next === null) return typed.trim() === "" && value != null ? set(undefined) : setDraft(value == null ? "" : String(value));
    setDraft(String(next));
    if (next !== value) set(next);
  };
  const nudge = (by: number) => {
    const next = checked(String(tidy((Number(draft) || 0) + by)));
    if (next === null) return;
    setDraft(String(next));
    set(next, `nudge ${name}`);
  };
  const scrub = useRef<{ x: number; from: number } | null>(null);
  return (
    <>
      <input
        id={id}
        className="number"
        inputMode="decimal"
        autoComplete="off"
        aria-describedby={`${id}-help`}
        value={draft}
        placeholder={param.default == null ? "–" : undefined}
        onChange={(event) => {
          typing.current = true;
          setDraft(event.target.value);
        }}
        onBlur={(event) => typing.current && commit(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") commit(draft);
          if (event.key === "Escape") {
            typing.current = false;
            setDraft(value == null ? "" : String(value));
          }
          if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
          event.preventDefault();
          nudge((event.key === "ArrowUp" ? 1 : -1) * step * (event.shiftKey ? 10 : 1));
        }}
      />
      {bounded ? (
        <input
          type="range"
          className="slider"
          aria-label={`${param.name.replaceAll("_", " ")} slider`}
          min={min}
          max={max}
          step={step}
          value={Number(draft) || 0}
          style={{ "--at": (Math.min(max, Math.max(min, Number(draft) || 0)) - min) / (max - min || 1) } as React.CSSProperties}
          onChange={(event) => {
            setDraft(event.target.value);
            set(Number(event.target.value), `slide ${name}`);
          }}
        />
      ) : (
        <span
          className="scrub"
          title="drag to change"
          aria-hidden="true"
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            scrub.current = { x: event.clientX, from: Number(draft) || 0 };
          }}
          onPointerMove={(event) => {
            if (!scrub.current) return;
            const next = checked(String(tidy(scrub.current.from + Math.round((event.clientX - scrub.current.x) / 3) * step)));
            if (next === null || String(next) === draft) return;
            setDraft(String(next));
            set(next, `slide ${name}`);
          }}
          onPointerUp={() => (scrub.current = null)}
        >
          ↔
        </span>
      )}
    </>
  );
}

const niceStep = (span: number) => 10 ** Math.floor(Math.log10(span / 50 || 0.01));
const tidy = (value: number) => Number(value.toPrecision(12));

/** Text, paths, frame ranges, lists: typed as in the graph file. */
function TextField({ id, param, value, set }: { id: string; param: Param; value: Value; set: (value: Value | undefined) => void }) {
  const written = value == null || (typeof value === "object" && Object.keys(value).length === 0) ? "" : typeof value === "string" ? value : param.kind === "list" && Array.isArray(value) && value.every((one) => typeof one === "string") ? value.join(", ") : yaml(value);
  const [draft, setDraft] = useState(written);
  const [wrong, setWrong] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    setDraft(written);
    setWrong(null);
  }, [written]);
  useEffect(() => {
    if (param.kind !== "frames" || draft.trim() === "") return setWrong(null);
    const timer = setTimeout(() => void checkFrames(draft).then(setWrong), 80);
    return () => clearTimeout(timer);
  }, [draft, param.kind]);
  // the end of a path says more than its beginning
  useEffect(() => {
    if (param.kind === "path" && document.activeElement !== field.current) field.current!.scrollLeft = 9999;
  }, [draft, param.kind]);
  const commit = () => {
    if (draft === written) return;
    if (draft.trim() === "" && param.default == null) return set(undefined);
    if (param.kind === "frames" && wrong) return;
    try {
      set(read(draft, param));
    } catch {
      setWrong("this cannot be read: lists are a, b, c, and mappings {name: value}");
    }
  };
  return (
    <>
      <input
        ref={field}
        id={id}
        className="text"
        title={draft}
        spellCheck={false}
        autoComplete="off"
        aria-describedby={`${id}-help`}
        aria-invalid={wrong !== null}
        value={draft}
        placeholder={param.required ? "needed" : param.kind === "palette" ? "or the name of a palette, or a file" : "–"}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") commit();
          if (event.key === "Escape") setDraft(written);
        }}
      />
      {param.kind === "path" && (
        <button
          type="button"
          className="pick"
          title="choose a file below the root"
          aria-label={`${param.name.replaceAll("_", " ")}: choose a file`}
          onClick={() => change({ dialog: { name: "files", start: draft, pattern: "*", chosen: (path) => set(path) } })}
        >
          …
        </button>
      )}
      {wrong && <span className="wrong">{wrong}</span>}
    </>
  );
}

export async function checkFrames(text: string): Promise<string | null> {
  try {
    const { ok, message } = await asked<{ ok: boolean; message: string | null }>("/api/check_frames", {
      method: "POST",
      body: JSON.stringify({ text }),
      headers: { "Content-Type": "application/json" },
    });
    return ok ? null : message;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What was typed, as a value: JSON where it is JSON, names between commas for lists, numbers where they are meant, else text. */
function read(draft: string, param: Param): Value {
  const text = draft.trim();
  if (text.startsWith("$") || param.kind === "text" || param.kind === "path" || param.kind === "frames" || param.kind === "color") return text;
  if (/^[[{]/.test(text)) return JSON.parse(quoted(text)) as Value;
  if (param.kind === "list") return text ? text.split(",").map((part) => scalar(part.trim())) : [];
  return scalar(text);
}

/** Bare words of a YAML flow collection in quotes, so that it is JSON. */
function quoted(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[^\s[\]{},:"][^[\]{},:"]*/g, (token) => (token.startsWith('"') ? token : JSON.stringify(scalar(token.trim()))));
}

function scalar(text: string): Value {
  if (/^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  return text === "null" ? null : text.replace(/^"(.*)"$/, "$1");
}
