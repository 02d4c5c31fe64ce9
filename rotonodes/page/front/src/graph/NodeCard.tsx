import { Handle, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";
import { indexOf } from "../model/graph";
import { socketY } from "../model/layout";
import { usePicture, useThumbnailScale } from "../model/pictures";
import type { GraphNode } from "../model/protocol";
import { usePage } from "../model/store";
import { distance, useRested, useSettledFrame } from "./distance";

/** A node: name, type, state with milliseconds, thumbnail, sockets. */
export const NodeCard = memo(function NodeCard({ id, selected, data }: NodeProps) {
  const node = usePage((page) => (page.graph ? indexOf(page.graph).byName.get(id) : undefined));
  const state = usePage((page) => page.states[id]);
  const inA = usePage((page) => page.a?.node === id);
  const inB = usePage((page) => page.wipe && page.b?.node === id);
  const away = distance.use();
  if (!node) return null;
  const thumbnail = data.thumbnail as boolean;
  const fault = node.faults[0]?.message ?? (state?.state === "failed" ? (state.message ?? "failed") : null);
  const what = fault ? "failed" : node.disabled ? "disabled" : (state?.state ?? "idle");
  const classes = `card c-${node.category} is-${what}${selected ? " selected" : ""}`;
  if (away === "far") {
    return (
      <div className={classes} data-node={id} data-state={what}>
        <b>{id}</b>
      </div>
    );
  }
  return (
    <div className={classes} data-node={id} data-state={what}>
      <header>
        <b>{id}</b>
        <small>
          <span className="type" title={node.type}>{node.label || node.type}</span>
          <span className="took">{took(what, state?.milliseconds)}</span>
        </small>
        <i className="lamp" title={fault ?? what} />
      </header>
      {thumbnail && <Thumbnail name={id} />}
      {away === "near" && node.inputs.map((input, i) => (
        <Socket key={`in ${input.name}`} side="in" name={input.name} kinds={input.kinds} y={socketY(i, thumbnail)} open={!input.optional && !node.links[input.name]} />
      ))}
      {away === "near" && node.outputs.map((output, i) => (
        <Socket key={`out ${output.name}`} side="out" name={output.name} kinds={[output.kind]} y={socketY(i, thumbnail)} open={false} />
      ))}
      {inA && <span className="looked">A</span>}
      {inB && <span className={`looked b${inA ? " beside" : ""}`}>B</span>}
      {fault && (
        <p className="fault" title={fault}>
          {fault}
          {lineOf(node)}
        </p>
      )}
    </div>
  );
});

function lineOf(node: GraphNode): string {
  const fault = node.faults[0];
  return fault?.line ? ` (line ${fault.line}${fault.column ? `, column ${fault.column}` : ""})` : "";
}

export function took(what: string, milliseconds?: number | null): string {
  if (what === "failed" || what === "disabled" || what === "running") return what;
  if (milliseconds == null) return "";
  if (milliseconds < 9.95) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

interface SocketProps {
  side: "in" | "out";
  name: string;
  kinds: string[];
  y: number;
  open: boolean;
}

function Socket({ side, name, kinds, y, open }: SocketProps) {
  const classes = `socket ${side} ${kinds.map((kind) => `k-${kind}`).join(" ")}${open ? " open" : ""}`;
  return (
    <>
      <Handle
        type={side === "in" ? "target" : "source"}
        id={`${side}:${name}`}
        position={side === "in" ? Position.Left : Position.Right}
        className={classes}
        style={{ top: y }}
        title={`${name}: ${kinds.join(" or ")}`}
      />
      <span className={`socket-name ${side}`} style={{ top: y - 9 }}>
        {name}
      </span>
    </>
  );
}

function Thumbnail({ name }: { name: string }) {
  const shown = usePage((page) => (page.graph ? indexOf(page.graph).shown.get(name) : undefined));
  const frame = useSettledFrame();
  const scale = useThumbnailScale();
  const rested = useRested();
  const wish = shown && rested ? { ...shown, frame, view: "rgb", scale, width: 264 } : null;
  const { picture, error, waiting } = usePicture(wish, 1);
  return (
    <div className={`thumbnail${waiting ? " waiting" : ""}`}>
      {picture && <img src={picture.url} alt="" draggable={false} />}
      {error && !picture && <span className="no-picture" title={error} />}
    </div>
  );
}
