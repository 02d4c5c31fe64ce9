import { useEffect, useState } from "react";
import { took } from "../graph/NodeCard";
import { downstream, fits, indexOf } from "../model/graph";
import { edit } from "../model/live";
import type { GraphNode, Input, Param } from "../model/protocol";
import { change, notify, now, select, usePage } from "../model/store";
import { Field } from "./Field";

/** The selected node: name, state, faults, inputs, and its parameters as fields. */
export function Params() {
  const name = usePage((page) => page.selected[page.selected.length - 1]);
  const several = usePage((page) => page.selected.length);
  const node = usePage((page) => (page.graph && name ? indexOf(page.graph).byName.get(name) : undefined));
  const type = usePage((page) => (node ? page.typeOf[node.type] : undefined));
  return (
    <section className="params" tabIndex={-1} aria-label="Parameters" onPointerEnter={() => change({ pane: "params" })} onFocus={() => change({ pane: "params" })}>
      {!node && <GraphFaults />}
      {node && (
        <div key={node.name} className="sheet">
          <NodeHead node={node} more={several - 1} />
          {node.faults.map((fault) => (
            <p key={fault.message} className="fault" role="alert">
              {fault.message}
              {fault.line ? <small> line {fault.line}{fault.column ? `, column ${fault.column}` : ""}</small> : null}
            </p>
          ))}
          <Failure name={node.name} />
          {node.inputs.length > 0 && <h3>Inputs</h3>}
          {node.inputs.map((input) => (
            <InputRow key={input.name} node={node} input={input} />
          ))}
          {type && type.params.length > 0 && <h3>Parameters</h3>}
          {type && inOrder(type.params).map((param) => (
            <Field key={param.name} node={node.name} param={param} value={node.params[param.name]} given={param.name in node.params} />
          ))}
          {type && <Help text={type.help} />}
        </div>
      )}
    </section>
  );
}

/** Palettes of objects go before the palette of what is left: they are what one sees. */
function inOrder(params: Param[]): Param[] {
  return [...params].sort((one, other) => Number(other.kind === "palettes") - Number(one.kind === "palettes"));
}

function NodeHead({ node, more }: { node: GraphNode; more: number }) {
  const state = usePage((page) => page.states[node.name]);
  const what = node.faults.length ? "failed" : node.disabled ? "disabled" : (state?.state ?? "idle");
  const [draft, setDraft] = useState(node.name);
  const rename = async () => {
    const to = draft.trim();
    if (!to || to === node.name) return setDraft(node.name);
    const { error } = await edit([{ op: "rename", node: node.name, to }]);
    if (error) setDraft(node.name);
    else select([to]);
  };
  return (
    <header className={`node-head c-${node.category} is-${what}`}>
      <input
        className="name"
        value={draft}
        aria-label="name of the node"
        spellCheck={false}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={() => void rename()}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") setDraft(node.name);
        }}
      />
      <label className="enabled" title="a disabled node passes its input on (D)">
        <input type="checkbox" checked={!node.disabled} onChange={(event) => void edit([{ op: "disable", node: node.name, value: !event.target.checked }])} />
        on
      </label>
      <p>
        {node.type} <span className="dim">{node.category}</span>
        {more > 0 && <span className="dim"> and {more} more selected</span>}
        <span className="took">
          <i className="lamp" /> {took(what, state?.milliseconds) || what}
        </span>
      </p>
    </header>
  );
}

function Failure({ name }: { name: string }) {
  const state = usePage((page) => page.states[name]);
  if (state?.state !== "failed" || !state.message) return null;
  return (
    <p className="fault" role="alert">
      {state.message}
    </p>
  );
}

/** One input: a choice of every output that fits, so that wires can be made from the keyboard. */
function InputRow({ node, input }: { node: GraphNode; input: Input }) {
  const graph = usePage((page) => page.graph)!;
  const written = node.links[input.name];
  const links = written === undefined ? [] : Array.isArray(written) ? written : [written];
  const rows = input.many ? [...links, ""] : [links[0] ?? ""];
  const after = downstream(graph.nodes, [node.name]);
  const choices = graph.nodes
    .filter((one) => !after.has(one.name))
    .flatMap((one) => one.outputs.filter((output) => fits(output, input)).map((output, i) => (output === one.outputs[0] || (i === 0 && one.outputs.length === 1) ? one.name : `${one.name}.${output.name}`)));
  const set = (old: string, to: string) => {
    const ops = [];
    if (old && (input.many || !to)) ops.push({ op: "unlink" as const, node: node.name, input: input.name, to: old });
    if (to) ops.push({ op: "link" as const, node: node.name, input: input.name, to });
    void edit(ops);
  };
  return (
    <>
      {rows.map((link, i) => (
        <div className="row" key={`${link} ${i}`}>
          <label htmlFor={`in-${input.name}-${i}`} title={input.kinds.join(" or ")}>
            <i className={`dot k-${input.kinds[0]}`} />
            {i === 0 ? input.name : ""}
          </label>
          <select
            id={`in-${input.name}-${i}`}
            aria-label={`${input.name}${rows.length > 1 ? ` ${i + 1}` : ""}: input`}
            className={!link && !input.optional && links.length === 0 ? "wanted" : ""}
            value={link}
            onChange={(event) => set(link, event.target.value)}
          >
            <option value="">{link ? "– take off –" : input.many && links.length ? "add …" : input.optional ? "–" : "not linked"}</option>
            {link && !choices.includes(link) && <option value={link}>{link}</option>}
            {choices.map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
          </select>
        </div>
      ))}
    </>
  );
}

/** The doc of a node: first paragraph, the rest on demand. */
function Help({ text }: { text: string }) {
  const [first, ...rest] = text.split("\n\n");
  return (
    <div className="help">
      <p>{marked(first)}</p>
      {rest.length > 0 && (
        <details>
          <summary>more</summary>
          {rest.map((part) => (
            <p key={part}>{marked(part)}</p>
          ))}
        </details>
      )}
    </div>
  );
}

function marked(text: string): React.ReactNode[] {
  return text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part));
}

/** Without a selected node: what is wrong anywhere in the graph. */
function GraphFaults() {
  const graph = usePage((page) => page.graph);
  const [, again] = useState(0);
  useEffect(() => again((n) => n + 1), [graph]);
  if (!graph) return null;
  const faulty = graph.nodes.filter((node) => node.faults.length);
  if (graph.faults.length + faulty.length === 0) {
    return (
      <div className="nothing">
        <p>Select a node to change its parameters.</p>
        <p>
          <kbd>Tab</kbd> adds a node, <kbd>1</kbd>–<kbd>9</kbd> show its outputs, <kbd>?</kbd> lists all keys.
        </p>
      </div>
    );
  }
  return (
    <div className="sheet">
      <h3>Faults</h3>
      {graph.faults.map((fault) => (
        <p key={fault.message} className="fault">
          {fault.message}
          {fault.line ? <small> line {fault.line}{fault.column ? `, column ${fault.column}` : ""}</small> : null}
        </p>
      ))}
      {faulty.map((node) => (
        <button key={node.name} type="button" className="fault" onClick={() => select([node.name])}>
          <b>{node.name}</b> {node.faults[0].message}
          {node.faults[0].line ? <small> line {node.faults[0].line}</small> : null}
        </button>
      ))}
    </div>
  );
}

/** Sets a parameter; a refusal is shown as a notice, in the server's words. */
export async function setParam(node: string, param: string, value: import("../model/protocol").Value | undefined, group?: string): Promise<void> {
  const { error } = await edit([value === undefined ? { op: "unset", node, param } : { op: "set", node, param, value }], group);
  if (error && !now().notices.some((notice) => notice.text === error)) notify("error", error);
}
