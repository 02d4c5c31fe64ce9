import { useEffect, useRef, useState } from "react";
import type { Value } from "../model/protocol";
import { usePage } from "../model/store";

const COLOR = /^#([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i;

/** "#rgb" and "#rrggbbaa" as the "#rrggbb" that a colour picker takes. */
function picked(color: string): string {
  if (!COLOR.test(color)) return "#000000";
  return color.length === 4 ? `#${[...color.slice(1)].map((digit) => digit + digit).join("")}` : color.slice(0, 7);
}

interface ColorProps {
  id: string;
  name: string;
  value: string;
  label?: string;
  set: (value: Value | undefined, group?: string) => void;
}

/** A swatch that opens the picker, and the colour as text. A colour that is dragged in the picker is sent as it goes, and is one step to undo. */
export function ColorField({ id, name, value, label, set }: ColorProps) {
  const [draft, setDraft] = useState(value);
  const sent = useRef(0);
  const late = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setDraft(value), [value]);
  const drag = (color: string) => {
    const full = value.length === 9 ? color + value.slice(7) : color; // the picker knows no alpha: it stays
    setDraft(full);
    clearTimeout(late.current);
    const wait = Math.max(0, sent.current + 60 - performance.now());
    late.current = setTimeout(() => {
      sent.current = performance.now();
      set(full, `color ${name}`);
    }, wait);
  };
  return (
    <span className="color">
      <input type="color" aria-label={`${label ?? name}: pick a colour`} value={picked(draft)} onChange={(event) => drag(event.target.value)} />
      <input
        id={id}
        className="hex"
        aria-label={label ? `${label}: colour as text` : undefined}
        spellCheck={false}
        value={draft}
        aria-invalid={draft !== "" && !COLOR.test(draft) && !draft.startsWith("$")}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={() => draft !== value && set(draft)}
        onKeyDown={(event) => {
          if (event.key === "Enter") set(draft);
          if (event.key === "Escape") setDraft(value);
        }}
      />
    </span>
  );
}

/** A colour of each class; two, between spaces or in a list, are the ends of a gradient. */
export type Colors = Record<string, string | string[]>;
/** Colours, or the name of a palette that ships, or of a file. */
export type Palette = string | Colors;

const NO_PALETTES: Record<string, Record<string, string>> = {};
const OUTSIDE = ["background", "ground_shadow"]; // no tones of a shape

interface ChoiceProps {
  id?: string;
  label: string;
  value: Palette;
  tones?: boolean; // of a shape alone
  set: (value: Value | undefined) => void;
}

const colorsOf = (palette: Record<string, string> | undefined, tones?: boolean) => Object.fromEntries(Object.entries(palette ?? {}).filter(([one]) => !tones || !OUTSIDE.includes(one)));

/** The palettes that ship. Who goes back to own colours has those of the palette that was chosen, to be changed one by one. */
export function PaletteChoice({ id, label, value, tones, set }: ChoiceProps) {
  const shipped = usePage((page) => page.types?.palettes) ?? NO_PALETTES;
  const named = typeof value === "string" ? value : "";
  return (
    <select id={id} className="palette-choice" aria-label={label} value={named} onChange={(event) => set(event.target.value || colorsOf(shipped[named], tones))}>
      <option value="">own colours</option>
      {named && !(named in shipped) && <option>{named}</option>}
      {Object.keys(shipped).map((one) => (
        <option key={one}>{one}</option>
      ))}
    </select>
  );
}

/** The colours of a palette that ships, to look at. */
export function Strip({ palette, tones }: { palette: string; tones?: boolean }) {
  const colors = usePage((page) => page.types?.palettes)?.[palette];
  if (!colors) return null;
  return (
    <span className="strip" aria-hidden="true">
      {Object.entries(colorsOf(colors, tones)).map(([one, color]) => (
        <i key={one} title={`${one.replaceAll("_", " ")} ${color}`} style={{ background: color }} />
      ))}
    </span>
  );
}

interface PaletteProps {
  id: string;
  name: string;
  owner?: string; // the object whose palette it is, where there are several
  value: Colors;
  set: (value: Value | undefined, group?: string) => void;
}

/** A colour for each class. */
export function PaletteField({ id, name, owner, value, set }: PaletteProps) {
  const classes = usePage((page) => page.types?.classes) ?? [];
  const missing = classes.map((one) => one.name).filter((one) => !(one in value));
  // the four tones of an object, or the two of a floor, are all that is painted of it
  const whole = owner !== undefined && (missing.every((one) => OUTSIDE.includes(one)) || Object.keys(value).some((one) => OUTSIDE.includes(one)));
  const of = owner === undefined ? "" : `${owner}, `;
  const add = (added: string) => {
    if (added && !(added in value)) set({ ...value, [added]: picked(classes.find((one) => one.name === added)?.color ?? "#808080") });
  };
  const without = (gone: string) => Object.fromEntries(Object.entries(value).filter(([one]) => one !== gone));
  return (
    <div className="palette" id={id} role="group" aria-label={`${of}palette`}>
      {Object.entries(value).map(([one, color]) => {
        const parts = Array.isArray(color) ? color.map(String) : String(color).trim().split(/\s+/);
        const shown = one.replaceAll("_", " ");
        const joined = (next: string[]) => (Array.isArray(color) ? next : next.join(" "));
        return (
          <div key={one} className="swatch">
            <span>{shown}</span>
            <span className="colors">
              {parts.map((part, i) => (
                <ColorField
                  key={i}
                  id={`${id}-${one}-${i}`}
                  label={of + (parts.length > 1 ? `${shown} ${i + 1}` : shown)}
                  name={`${name}.${of}${one}.${i}`}
                  value={part}
                  set={(next, group) => set({ ...value, [one]: joined(parts.map((old, n) => (n === i ? String(next) : old))) }, group)}
                />
              ))}
            </span>
            <button type="button" className="reset" title="take this class out of the palette" aria-label={`${of}${shown}: take out of the palette`} onClick={() => set(without(one))}>
              ×
            </button>
          </div>
        );
      })}
      {!whole && (
        <input
          key={Object.keys(value).length}
          list={`${id}-names`}
          aria-label={`${of}add a class or a name to the palette`}
          placeholder="add a class …"
          onChange={(event) => missing.includes(event.target.value) && add(event.target.value)}
          onKeyDown={(event) => event.key === "Enter" && add(event.currentTarget.value.trim())}
        />
      )}
      <datalist id={`${id}-names`}>
        {missing.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </div>
  );
}

interface PalettesProps {
  id: string;
  name: string;
  value: Record<string, Palette>;
  set: (value: Value | undefined, group?: string) => Promise<unknown>;
}

/** A palette for each object or each pattern of names; the first that fits an object counts, so they stay in their order. */
export function PalettesField({ id, name, value, set }: PalettesProps) {
  const shipped = usePage((page) => page.types?.palettes) ?? NO_PALETTES;
  const objects = Object.entries(value);
  // who clicks faster than the file is written goes on from what was sent, not from what is shown: else what was taken out came back
  const latest = useRef(value);
  const underWay = useRef(0);
  if (underWay.current === 0) latest.current = value;
  const send = (next: Record<string, Palette>, group?: string) => {
    latest.current = next;
    underWay.current += 1;
    void set(Object.keys(next).length > 0 ? next : undefined, group).finally(() => (underWay.current -= 1));
  };
  const replace = (old: string, to: string, palette: (before: Palette) => Palette, group?: string) =>
    send(Object.fromEntries(Object.entries(latest.current).map(([one, its]) => (one === old ? [to, palette(its)] : [one, its]))), group);
  const remove = (gone: string) => send(Object.fromEntries(Object.entries(latest.current).filter(([one]) => one !== gone)));
  const add = (added: string) => {
    if (added && !(added in latest.current)) send({ ...latest.current, [added]: Object.keys(shipped)[0] ?? {} });
  };
  return (
    <div className="palettes">
      {objects.map(([object, palette], i) => (
        <div key={object} className="object" role="group" aria-label={object}>
          <div className="object-head">
            <ObjectName value={object} taken={(other) => other in value} set={(to) => replace(object, to, (its) => its)} />
            <PaletteChoice tones label={`${object}: palette`} value={palette} set={(next) => replace(object, object, () => next as Palette)} />
            <button
              type="button"
              className="reset"
              title="no palette of its own for this object"
              aria-label={`${object}: take its palette out`}
              onClick={() => remove(object)}
            >
              ×
            </button>
          </div>
          {typeof palette === "string" ? (
            <Strip tones palette={palette} />
          ) : (
            <PaletteField id={`${id}-${i}`} name={name} owner={object} value={palette} set={(next, group) => replace(object, object, () => next as Palette, group)} />
          )}
        </div>
      ))}
      <input
        key={objects.length}
        id={id}
        aria-describedby={`${id}-help`}
        placeholder="add an object: its name, or Lamp*, or Ball, Box …"
        autoComplete="off"
        spellCheck={false}
        onKeyDown={(event) => event.key === "Enter" && add(event.currentTarget.value.trim())}
        onBlur={(event) => add(event.currentTarget.value.trim())}
      />
    </div>
  );
}

function ObjectName({ value, taken, set }: { value: string; taken: (name: string) => boolean; set: (name: string) => void }) {
  const [draft, setDraft] = useState(value);
  const commit = () => {
    const name = draft.trim();
    if (name && name !== value && !taken(name)) set(name);
    else setDraft(value);
  };
  return (
    <input
      aria-label={`${value}: names of objects`}
      title="names in the cryptomatte; * stands for any letters, commas between several"
      spellCheck={false}
      autoComplete="off"
      value={draft}
      onChange={(event) => setDraft(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") commit();
        if (event.key === "Escape") setDraft(value);
      }}
    />
  );
}
