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

/** A colour of each class; two are the ends of a gradient. */
export type Palette = Record<string, string | string[]>;

interface PaletteProps {
  id: string;
  name: string;
  value: Palette;
  set: (value: Value | undefined, group?: string) => void;
}

/** A colour for each class. */
export function PaletteField({ id, name, value, set }: PaletteProps) {
  const classes = usePage((page) => page.types?.classes) ?? [];
  const missing = classes.map((one) => one.name).filter((one) => !(one in value));
  const add = (added: string) => {
    if (added && !(added in value)) set({ ...value, [added]: picked(classes.find((one) => one.name === added)?.color ?? "#808080") });
  };
  const without = (gone: string) => Object.fromEntries(Object.entries(value).filter(([one]) => one !== gone));
  return (
    <div className="palette" id={id} role="group" aria-label="palette">
      {Object.entries(value).map(([one, color]) => (
        <div key={one} className="swatch">
          <span>{one.replaceAll("_", " ")}</span>
          <span className="colors">
            {(Array.isArray(color) ? color : [color]).map((part, i, all) => (
              <ColorField
                key={i}
                id={`${id}-${one}-${i}`}
                label={all.length > 1 ? `${one} ${i + 1}` : one}
                name={`${name}.${one}.${i}`}
                value={String(part)}
                set={(next, group) => set({ ...value, [one]: all.length > 1 ? all.map((old, n) => (n === i ? String(next) : old)) : String(next) }, group)}
              />
            ))}
          </span>
          <button type="button" className="reset" title="take this class out of the palette" aria-label={`${one}: take out of the palette`} onClick={() => set(without(one))}>
            ×
          </button>
        </div>
      ))}
      <input
        key={Object.keys(value).length}
        list={`${id}-names`}
        aria-label="add a class or a name to the palette"
        placeholder="add a class …"
        onChange={(event) => missing.includes(event.target.value) && add(event.target.value)}
        onKeyDown={(event) => event.key === "Enter" && add(event.currentTarget.value.trim())}
      />
      <datalist id={`${id}-names`}>
        {missing.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </div>
  );
}
