import { useEffect, useState } from "react";
import type { Looked } from "../model/graph";
import { asked } from "../model/live";
import { usePage } from "../model/store";

interface Values {
  values: Record<string, number>;
  class: string | null;
}

/** The line below the picture: size, place, values, and the class name under the cursor. */
export function Readout({ looked, pixel, size }: { looked: Looked | null; pixel: [number, number] | null; size: [number, number] | null }) {
  const frame = usePage((page) => page.frame);
  const version = usePage((page) => (looked ? (page.versions[looked.node] ?? 0) : 0));
  const classes = usePage((page) => page.types?.classes);
  const [values, setValues] = useState<Values | null>(null);
  const x = pixel ? Math.floor(pixel[0]) : -1;
  const y = pixel ? Math.floor(pixel[1]) : -1;
  const key = looked ? `${looked.node}.${looked.output}` : "";
  useEffect(() => {
    if (!looked || x < 0) return setValues(null);
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const query = new URLSearchParams({ node: looked.node, output: looked.output, frame: String(frame), x: String(x), y: String(y) });
      asked<Values>(`/api/value?${query}`, { signal: abort.signal }).then(setValues, () => undefined);
    }, 40);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, x, y, frame, version]);
  const color = classes?.find((one) => one.name === values?.class)?.color;
  return (
    <div className="readout">
      <span>{size ? `${size[0]} × ${size[1]}` : ""}</span>
      {pixel && values && (
        <>
          <span className="at">
            {x}, {y}
          </span>
          {Object.entries(values.values).map(([name, value]) => (
            <span key={name} className={`value channel-${name.toLowerCase()}`}>
              {name} {format(value)}
            </span>
          ))}
          {values.class !== null && (
            <span className="class">
              <i style={{ background: color }} />
              {values.class}
            </span>
          )}
        </>
      )}
    </div>
  );
}

function format(value: number | null): string {
  if (value === null) return "–"; // not a number
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(4);
}
