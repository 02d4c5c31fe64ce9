import {
  applyNodeChanges,
  Background,
  BackgroundVariant,
  type Connection,
  type Edge,
  type FinalConnectionState,
  getViewportForBounds,
  type Node,
  type NodeChange,
  Position,
  ReactFlow,
  ReactFlowProvider,
  type Rect,
  SelectionMode,
  useReactFlow,
  type Viewport,
  ViewportPortal,
} from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { downstream, fits, indexOf, type Link } from "../model/graph";
import { hasThumbnail, heightOf, places, type Places, socketY, WIDTH } from "../model/layout";
import { edit, say } from "../model/live";
import type { Graph, Op } from "../model/protocol";
import { change, notify, now, select, usePage } from "../model/store";
import { graphActions } from "./actions";
import { distance, moved } from "./distance";
import { NodeCard } from "./NodeCard";
import { Overview } from "./Overview";

const NODE_TYPES = { card: NodeCard };
const NO_EDGES: Edge[] = [];
const NO_NODES: Node[] = [];
const [LEAST_ZOOM, MOST_ZOOM] = [0.02, 3];

export function GraphPane() {
  return (
    <ReactFlowProvider>
      <Flow />
    </ReactFlowProvider>
  );
}

function asEdge(link: Link, kind: string): Edge {
  return {
    id: `${link.from}.${link.output}>${link.to}.${link.input}`,
    source: link.from,
    sourceHandle: `out:${link.output}`,
    target: link.to,
    targetHandle: `in:${link.input}`,
    className: `wire k-${kind}`,
    interactionWidth: 14,
    focusable: false,
  };
}

function asNode(graph: Graph, name: string, place: [number, number], before?: Node): Node {
  const node = indexOf(graph).byName.get(name)!;
  const thumbnail = hasThumbnail(graph, node);
  const height = heightOf(node, thumbnail);
  const dot = { width: 10, height: 10 };
  return {
    ...before,
    id: name,
    type: "card",
    position: before?.dragging ? before.position : { x: place[0], y: place[1] },
    width: WIDTH,
    height,
    measured: { width: WIDTH, height },
    focusable: false,
    data: { thumbnail },
    handles: [
      ...node.inputs.map((input, i) => ({ id: `in:${input.name}`, type: "target" as const, position: Position.Left, x: -5, y: socketY(i, thumbnail) - 5, ...dot })),
      ...node.outputs.map((output, i) => ({ id: `out:${output.name}`, type: "source" as const, position: Position.Right, x: WIDTH - 5, y: socketY(i, thumbnail) - 5, ...dot })),
    ],
  };
}

/** A link op for a connection that was drawn. The first output is written without its name, as people do. */
function linkOp(graph: Graph, from: string, output: string, to: string, input: string): Op {
  const first = indexOf(graph).byName.get(from)?.outputs[0]?.name;
  return { op: "link", node: to, input, to: output === first ? from : `${from}.${output}` };
}

const handleName = (handle: string | null | undefined) => (handle ?? "").replace(/^(in|out):/, "");

function mayConnect(connection: Connection | Edge): boolean {
  const graph = now().graph;
  if (!graph || connection.source === connection.target) return false;
  const { byName } = indexOf(graph);
  const output = byName.get(connection.source)?.outputs.find((one) => one.name === handleName(connection.sourceHandle));
  const input = byName.get(connection.target)?.inputs.find((one) => one.name === handleName(connection.targetHandle));
  return !!output && !!input && fits(output, input) && !downstream(graph.nodes, [connection.target]).has(connection.source);
}

function Flow() {
  const graph = usePage((page) => page.graph);
  const selected = usePage((page) => page.selected);
  const theme = usePage((page) => page.theme);
  const elsewhere = usePage((page) => page.moved);
  const flow = useReactFlow();
  const frame = useRef<HTMLElement>(null);
  const kept = useRef<Places>({});
  const [nodes, setNodes] = useState<Node[]>([]);
  const [wire, setWire] = useState<string | null>(null); // the selected wire
  const [target, setTarget] = useState<string | null>(null); // the wire that a dragged node would go between
  const zoom = distance.use();
  const away = zoom === "far" || zoom === "speck";
  const [pulled, setPulled] = useState<{ side: "in" | "out"; kinds: string[] } | null>(null);

  // the graph of the server, in React Flow's words
  useEffect(() => {
    if (!graph) return;
    const at = places(graph, kept.current);
    kept.current = at;
    setNodes((before) => {
      const old = new Map(before.map((node) => [node.id, node]));
      return graph.nodes.map((node) => ({ ...asNode(graph, node.name, at[node.name], old.get(node.name)), selected: now().selected.includes(node.name) }));
    });
  }, [graph]);

  // not React Flow's own: from far away it knows no nodes
  const fitTo = useRef<(names: string[] | null, padding: number, most: number, least?: number) => void>(() => undefined);
  fitTo.current = (names, padding, most, least = LEAST_ZOOM) => {
    const shown = nodes.filter((node) => !names || names.includes(node.id));
    const box = frame.current!.getBoundingClientRect();
    if (shown.length && box.width) void flow.setViewport(getViewportForBounds(boundsOf(shown), box.width, box.height, least, most, padding));
  };

  // once there is something to see
  const some = nodes.length > 0;
  const touched = useRef(false);
  useEffect(() => {
    if (!some) return;
    // the whole graph stays in sight while the page finds its sizes, until somebody moves it
    const watcher = new ResizeObserver(() => requestAnimationFrame(() => touched.current || fitTo.current(null, 0.06, 1)));
    watcher.observe(frame.current!);
    return () => watcher.disconnect();
  }, [some, flow]);

  useEffect(() => {
    setNodes((before) => {
      const names = new Set(selected);
      return before.every((node) => !!node.selected === names.has(node.id)) ? before : before.map((node) => (!!node.selected === names.has(node.id) ? node : { ...node, selected: names.has(node.id) }));
    });
  }, [selected]);

  useEffect(() => {
    if (elsewhere) graphActions.current?.moved(elsewhere);
  }, [elsewhere]);

  const edges = useMemo(() => {
    if (!graph) return [];
    const { links, byName } = indexOf(graph);
    return links.map((link) => asEdge(link, byName.get(link.from)?.outputs.find((one) => one.name === link.output)?.kind ?? "Any"));
  }, [graph]);
  const shownEdges = useMemo(() => {
    if (!wire && !target) return edges;
    return edges.map((edge) => (edge.id === wire ? { ...edge, selected: true } : edge.id === target ? { ...edge, className: `${edge.className} target` } : edge));
  }, [edges, wire, target]);

  const onNodesChange = useCallback((changes: NodeChange[]) => {
    const real = changes.filter((one) => one.type !== "remove" && one.type !== "dimensions");
    setNodes((before) => applyNodeChanges(real, before));
    const picks = changes.filter((one) => one.type === "select");
    if (picks.length) {
      const names = new Set(now().selected);
      for (const pick of picks) pick.selected ? names.add(pick.id) : names.delete(pick.id);
      select([...names]);
      setWire(null);
    }
  }, []);

  const onMove = useCallback((_: unknown, viewport: Viewport) => {
    distance.zoomed(viewport.zoom);
    moved();
  }, []);

  const onNodeDrag = useCallback((event: MouseEvent | TouchEvent | React.MouseEvent, dragged: Node, all: Node[]) => {
    const graph = now().graph;
    if (graph && all.length === 1 && "clientX" in event) setTarget(wireUnder(graph, dragged.id, event.clientX, event.clientY));
  }, []);

  const onNodeDragStop = useCallback((event: MouseEvent | TouchEvent | React.MouseEvent, dragged: Node, all: Node[]) => {
    const positions = Object.fromEntries(all.map((node) => [node.id, [Math.round(node.position.x), Math.round(node.position.y)] as [number, number]]));
    Object.assign(kept.current, positions);
    say({ type: "positions", positions });
    const graph = now().graph;
    if (!graph || all.length !== 1 || !("clientX" in event)) return;
    // let go over a wire: the node goes between
    const { links } = indexOf(graph);
    setTarget(null);
    const id = wireUnder(graph, dragged.id, event.clientX, event.clientY);
    const link = links.find((one) => `${one.from}.${one.output}>${one.to}.${one.input}` === id);
    if (link) void edit([{ op: "insert", node: dragged.id, between: [link.written, link.to, link.input] }]);
  }, []);

  const onConnect = useCallback((connection: Connection) => {
    const graph = now().graph;
    if (graph) void edit([linkOp(graph, connection.source, handleName(connection.sourceHandle), connection.target, handleName(connection.targetHandle))]);
  }, []);

  const onConnectEnd = useCallback((event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
    setPulled(null);
    const handle = state.fromHandle;
    if (!handle || !("clientX" in event)) return;
    if (state.toHandle && !state.isValid) {
      const graph = now().graph;
      const [from, to] = handle.type === "source" ? [state.fromNode?.id, state.toNode?.id] : [state.toNode?.id, state.fromNode?.id];
      if (graph && from && to) notify("error", downstream(graph.nodes, [to]).has(from) ? `${to} cannot be linked to ${from}: it would wait for itself` : `${to} does not take what ${from} gives here`);
      return;
    }
    if (state.toHandle || state.toNode) return;
    const name = handleName(handle.id);
    const loose = handle.type === "source" ? { node: handle.nodeId, output: name } : { node: handle.nodeId, input: name };
    const { x, y } = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    change({ dialog: { name: "add", at: [Math.round(x - (handle.type === "source" ? 0 : WIDTH)), Math.round(y - 60)], loose } });
  }, [flow]);

  const reconnected = useRef(false);
  const onReconnect = useCallback((old: Edge, connection: Connection) => {
    reconnected.current = true;
    const graph = now().graph;
    const link = graph && indexOf(graph).links.find((one) => `${one.from}.${one.output}>${one.to}.${one.input}` === old.id);
    if (!graph || !link) return;
    void edit([
      { op: "unlink", node: link.to, input: link.input, to: link.written },
      linkOp(graph, connection.source, handleName(connection.sourceHandle), connection.target, handleName(connection.targetHandle)),
    ]);
  }, []);
  const onReconnectEnd = useCallback((_: unknown, old: Edge, __: unknown, state: FinalConnectionState) => {
    setPulled(null);
    if (!reconnected.current && !state.toHandle) removeWire(old.id);
  }, []);

  useEffect(() => {
    graphActions.current = {
      fit: () => {
        const names = now().selected;
        fitTo.current(names.length > 1 ? names : null, 0.06, 1.2);
      },
      show: (name) => {
        const zoom = Math.max(0.6, flow.getZoom());
        if (!isSeen(frame.current!, name)) fitTo.current([name], 0.1, zoom, zoom);
      },
      moved: (at) => {
        kept.current = { ...kept.current, ...at };
        setNodes((before) => before.map((node) => (at[node.id] ? { ...node, position: { x: at[node.id][0], y: at[node.id][1] } } : node)));
      },
      placeOf: (name) => kept.current[name] ?? [0, 0],
      middle: () => {
        const box = frame.current!.getBoundingClientRect();
        const { x, y } = flow.screenToFlowPosition({ x: box.left + box.width / 2, y: box.top + box.height / 2 });
        return [Math.round(x - WIDTH / 2), Math.round(y - 70)];
      },
      at: (x, y) => {
        const place = flow.screenToFlowPosition({ x, y });
        return [Math.round(place.x - WIDTH / 2), Math.round(place.y - 20)];
      },
      removeWire: () => {
        if (!wire) return false;
        removeWire(wire);
        setWire(null);
        return true;
      },
      focus: () => frame.current?.focus(),
    };
  }, [flow, wire]);

  const many = (graph?.nodes.length ?? 0) > 24;
  return (
    <section
      ref={frame}
      className="graph"
      tabIndex={0}
      role="application"
      aria-label="Graph. Tab adds a node, the up and down arrows walk along the wires, F6 leaves."
      data-zoom={zoom}
      data-away={away || undefined}
      data-pulled={pulled?.side}
      data-kinds={pulled?.kinds.join(" ")}
      onPointerEnter={() => change({ pane: "graph" })}
      onFocus={() => change({ pane: "graph" })}
      onDoubleClick={(event) => {
        if (!(event.target as Element).closest(".react-flow__node")) change({ dialog: { name: "add", at: graphActions.current!.at(event.clientX, event.clientY), loose: null } });
      }}
      onPointerMove={(event) => (graphActions.pointer = [event.clientX, event.clientY])}
    >
      <PulledStyle pulled={pulled} />
      <ReactFlow
        nodes={zoom === "speck" ? NO_NODES : nodes}
        edges={away ? NO_EDGES : shownEdges}
        nodeTypes={NODE_TYPES}
        colorMode={theme}
        onNodesChange={onNodesChange}
        onMove={onMove}
        onMoveStart={(event) => {
          if (event) touched.current = true;
        }}
        onNodeDrag={onNodeDrag}
        onNodeDragStop={onNodeDragStop}
        onConnect={onConnect}
        onConnectStart={(_, { nodeId, handleId, handleType }) => setPulled(pulledFrom(nodeId, handleId, handleType))}
        onConnectEnd={onConnectEnd}
        onReconnect={onReconnect}
        onReconnectStart={(_, edge, type) => {
          reconnected.current = false;
          setPulled(type === "source" ? pulledFrom(edge.target, edge.targetHandle ?? null, "target") : pulledFrom(edge.source, edge.sourceHandle ?? null, "source"));
        }}
        onReconnectEnd={onReconnectEnd}
        isValidConnection={mayConnect}
        onEdgeClick={(_, edge) => {
          setWire(edge.id);
          select([]);
        }}
        onPaneClick={() => {
          setWire(null);
          select([]);
          frame.current?.focus();
        }}
        onNodeClick={() => frame.current?.focus()}
        onNodeDoubleClick={(_, node) => graphActions.look?.(node.id, 0)}
        onlyRenderVisibleElements
        nodesFocusable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        selectionOnDrag
        selectionMode={SelectionMode.Partial}
        panOnDrag={[1, 2]}
        selectionKeyCode="Shift"
        multiSelectionKeyCode={["Shift", "Control", "Meta"]}
        panActivationKeyCode="Alt"
        zoomOnDoubleClick={false}
        disableKeyboardA11y
        minZoom={LEAST_ZOOM}
        maxZoom={MOST_ZOOM}
        connectionRadius={24}
        proOptions={{ hideAttribution: true }}
      >
        <Background variant={BackgroundVariant.Dots} gap={24} size={1.2} />
        {away && <FarWires edges={edges} nodes={nodes} />}
        {zoom === "speck" && <FarCards nodes={nodes} />}
        {many && zoom !== "speck" && <Overview nodes={nodes} theme={theme} />}
      </ReactFlow>
      {graph && graph.nodes.length === 0 && <p className="empty">An empty graph. Press Tab to add a node.</p>}
    </section>
  );
}

/** The wire under the pointer that an unlinked node may go between. */
function wireUnder(graph: Graph, node: string, x: number, y: number): string | null {
  const { links } = indexOf(graph);
  if (links.some((link) => link.from === node || link.to === node)) return null;
  const found = document.elementsFromPoint(x, y).map((element) => element.closest(".react-flow__edge")?.getAttribute("data-id"));
  return found.find((id) => id != null) ?? null;
}

function boundsOf(nodes: Node[]): Rect {
  const left = Math.min(...nodes.map((node) => node.position.x));
  const top = Math.min(...nodes.map((node) => node.position.y));
  const right = Math.max(...nodes.map((node) => node.position.x + (node.width ?? 0)));
  const bottom = Math.max(...nodes.map((node) => node.position.y + (node.height ?? 0)));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** True if all of a node's card is in sight, large enough to be read. */
function isSeen(frame: Element, name: string): boolean {
  const card = frame.querySelector(`[data-node="${CSS.escape(name)}"]`)?.getBoundingClientRect();
  const box = frame.getBoundingClientRect();
  return !!card && card.width > WIDTH * 0.4 && card.left >= box.left && card.right <= box.right && card.top >= box.top && card.bottom <= box.bottom;
}

/** Cards that are too small for anything but their colour. */
function FarCards({ nodes }: { nodes: Node[] }) {
  const graph = usePage((page) => page.graph);
  const boxes = useMemo(
    () =>
      nodes.map(({ id, position, width, height, selected }): Part => {
        const kind = selected ? "selected" : `c-${graph ? indexOf(graph).byName.get(id)?.category : ""}`;
        return [kind, `M${position.x} ${position.y}h${width}v${height}h${-width!}z`];
      }),
    [nodes, graph],
  );
  return <Joined name="far-cards" parts={boxes} />;
}

function FarWires({ edges, nodes }: { edges: Edge[]; nodes: Node[] }) {
  const lines = useMemo(() => {
    const at = new Map(nodes.map((node) => [node.id, node]));
    return edges.flatMap((edge): Part[] => {
      const [from, to] = [at.get(edge.source), at.get(edge.target)];
      const out = from?.handles?.find((handle) => handle.id === edge.sourceHandle);
      const into = to?.handles?.find((handle) => handle.id === edge.targetHandle);
      if (!from || !to || !out || !into) return [];
      const [x1, y1, x2, y2] = [from.position.x + out.x + 5, from.position.y + out.y + 5, to.position.x + into.x + 5, to.position.y + into.y + 5];
      const bend = Math.max(30, Math.abs(x2 - x1) / 2);
      return [[edge.className!, `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`]];
    });
  }, [edges, nodes]);
  return <Joined name="far-wires" parts={lines} />;
}

type Part = [kind: string, path: string];

/** From far away all cards or wires of a kind are one path: a thousand paths of their own would not move smoothly. */
function Joined({ name, parts }: { name: string; parts: Part[] }) {
  const paths = useMemo(() => {
    const found = new Map<string, string>();
    for (const [kind, path] of parts) found.set(kind, (found.get(kind) ?? "") + path);
    return [...found];
  }, [parts]);
  return (
    <ViewportPortal>
      <svg className={name}>
        {paths.map(([kind, path]) => (
          <path key={kind} className={kind} d={path} />
        ))}
      </svg>
    </ViewportPortal>
  );
}

function removeWire(id: string): void {
  const graph = now().graph;
  const link = graph && indexOf(graph).links.find((one) => `${one.from}.${one.output}>${one.to}.${one.input}` === id);
  if (link) void edit([{ op: "unlink", node: link.to, input: link.input, to: link.written }]);
}

function pulledFrom(node: string | null, handle: string | null, side: string | null): { side: "in" | "out"; kinds: string[] } | null {
  const graph = now().graph;
  const one = graph && node ? indexOf(graph).byName.get(node) : undefined;
  if (!one) return null;
  const name = handleName(handle);
  if (side === "source") return { side: "out", kinds: [one.outputs.find((output) => output.name === name)?.kind ?? "Any"] };
  return { side: "in", kinds: one.inputs.find((input) => input.name === name)?.kinds ?? [] };
}

/** While a wire is drawn, sockets that cannot take it are dim. */
function PulledStyle({ pulled }: { pulled: { side: "in" | "out"; kinds: string[] } | null }) {
  useEffect(() => {
    if (!pulled) return;
    const sheet = new CSSStyleSheet();
    const good = pulled.kinds.map((kind) => `.k-${CSS.escape(kind)}`).join(", ");
    const others = pulled.side === "out" ? ".socket.in" : ".socket.out";
    sheet.replaceSync(`.graph .socket { opacity: .18 } .graph ${others}:is(${good || "*"}) { opacity: 1 }`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    return () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    };
  }, [pulled]);
  return null;
}
