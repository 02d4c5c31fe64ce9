import "@xyflow/react/dist/base.css";
import "./style.css";
import { useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { Files } from "./bar/Files";
import { AddMenu, FindNode } from "./bar/Finder";
import { Help } from "./bar/Help";
import { Notices, TopBar } from "./bar/TopBar";
import { firstLook, graphActions } from "./graph/actions";
import { GraphPane } from "./graph/GraphPane";
import { listenToKeys } from "./keys";
import { open } from "./model/live";
import { usePage } from "./model/store";
import { Params } from "./params/Params";
import { Viewer } from "./viewer/Viewer";

function Page() {
  const dialog = usePage((page) => page.dialog);
  const ready = usePage((page) => page.graph !== null);
  useEffect(listenToKeys, []);
  useEffect(() => {
    if (!ready) return;
    firstLook();
    graphActions.current?.focus();
  }, [ready]);
  const grid = useRef<HTMLElement>(null);
  return (
    <>
      <TopBar />
      <main ref={grid}>
        <Viewer />
        <Divider grid={grid} name="--viewer" across />
        <GraphPane />
        <Divider grid={grid} name="--params" />
        <Params />
      </main>
      <Notices />
      <Kinds />
      <Selected />
      {dialog?.name === "add" && <AddMenu at={dialog.at} loose={dialog.loose} />}
      {dialog?.name === "find" && <FindNode />}
      {dialog?.name === "help" && <Help />}
      {dialog?.name === "files" && <Files start={dialog.start} pattern={dialog.pattern} chosen={dialog.chosen} />}
    </>
  );
}

/** The border between two parts, to be dragged or moved with the arrow keys. */
function Divider({ grid, name, across = false }: { grid: React.RefObject<HTMLElement | null>; name: string; across?: boolean }) {
  const [share, setShare] = useState(() => Number(localStorage.getItem(name)) || 0);
  useEffect(() => {
    if (!share) return;
    grid.current?.style.setProperty(name, `${(share * 100).toFixed(2)}%`);
    localStorage.setItem(name, String(share));
  }, [grid, name, share]);
  const measured = (event: { clientX: number; clientY: number }) => {
    const box = grid.current!.getBoundingClientRect();
    return across ? (event.clientY - box.top) / box.height : (box.right - event.clientX) / box.width;
  };
  const limited = (value: number) => Math.min(0.8, Math.max(0.12, value));
  return (
    <div
      className={`divider ${across ? "across" : "along"}`}
      role="separator"
      tabIndex={0}
      aria-label={across ? "height of the viewer" : "width of the parameters"}
      aria-orientation={across ? "horizontal" : "vertical"}
      aria-valuenow={Math.round((share || 0.5) * 100)}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => event.buttons & 1 && setShare(limited(measured(event)))}
      onKeyDown={(event) => {
        const step = { ArrowUp: -0.02, ArrowDown: 0.02, ArrowLeft: 0.02, ArrowRight: -0.02 }[event.key];
        if (!step) return;
        event.preventDefault();
        setShare((before) => limited((before || 0.4) + step));
      }}
    />
  );
}

/** The colours of the kinds of values, as the server names them, for sockets and wires. */
function Kinds() {
  const kinds = usePage((page) => page.types?.kinds);
  useEffect(() => {
    if (!kinds) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(Object.entries(kinds).map(([kind, color]) => `.k-${CSS.escape(kind)} { --kind: ${color} }`).join("\n"));
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    return () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    };
  }, [kinds]);
  return null;
}

/** Says the selected node, for those who listen. */
function Selected() {
  const text = usePage((page) => {
    const name = page.selected[page.selected.length - 1];
    const node = page.graph?.nodes.find((one) => one.name === name);
    return node ? `${node.name}, ${node.type}, ${node.faults[0]?.message ?? page.states[node.name]?.state ?? "idle"}` : "";
  });
  return (
    <p className="heard" aria-live="polite">
      {text}
    </p>
  );
}

createRoot(document.getElementById("page")!).render(<Page />);
void open();
