import { useEffect, useState } from "react";
import { run } from "../graph/actions";
import { edit, say } from "../model/live";
import { change, closeNotice, setTheme, usePage } from "../model/store";
import { checkFrames } from "../params/Field";
import { Icon } from "../viewer/Timeline";

/** File, undo and redo, frames, run with its progress, theme. */
export function TopBar() {
  const file = usePage((page) => page.graph?.file);
  const connected = usePage((page) => page.connected);
  const gone = usePage((page) => page.graph?.gone);
  const readable = usePage((page) => page.graph?.readable ?? true);
  const undo = usePage((page) => page.graph?.undo ?? 0);
  const redo = usePage((page) => page.graph?.redo ?? 0);
  const theme = usePage((page) => page.theme);
  const faults = usePage((page) => (page.graph ? page.graph.faults.length + page.graph.nodes.reduce((sum, node) => sum + node.faults.length, 0) : 0));
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  useEffect(() => {
    if (file) document.title = `${file.split("/").pop()} · rotonodes`;
  }, [file]);
  return (
    <header className="top-bar">
      <h1 title={file}>{file?.split("/").pop() ?? "rotonodes"}</h1>
      <span className={`link ${connected && !gone && readable ? "on" : "off"}`} role="status" title={connected ? "every change is saved in the file at once" : "no answer from rotonodes edit"}>
        {!connected ? "not connected" : gone ? "file removed" : readable ? "saved" : "text cannot be read"}
      </span>
      <button type="button" title="undo (Ctrl+Z)" aria-label="undo" disabled={!undo} onClick={() => say({ type: "undo" })}>
        <Icon d="M6.5 2.5 2 6.5l4.5 4V8h3a2.5 2.5 0 0 1 0 5H6v1.6h3.5a4.1 4.1 0 0 0 0-8.2h-3z" />
      </button>
      <button type="button" title="redo (Ctrl+Shift+Z)" aria-label="redo" disabled={!redo} onClick={() => say({ type: "redo" })}>
        <Icon d="m9.500 2.5 4.5 4-4.500 4V8h-3a2.500 2.500 0 0 0 0 5H10v1.6H6.500a4.100 4.100 0 0 1 0-8.200h3z" />
      </button>
      <button type="button" title="add a node (Tab)" onClick={() => change({ dialog: { name: "add", at: null, loose: null } })}>
        Add
      </button>
      <Frames />
      {faults > 0 && (
        <button type="button" className="faults" title="show what is wrong" onClick={() => change({ selected: [] })}>
          {faults} {faults === 1 ? "fault" : "faults"}
        </button>
      )}
      <span className="space" />
      <Runner />
      <button type="button" title="dark or light" aria-label={theme === "dark" ? "light theme" : "dark theme"} onClick={() => setTheme(theme === "dark" ? "light" : "dark")}>
        <Icon d={theme === "dark" ? "M8 4.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM7.300 1h1.400v2H7.300zM7.300 13h1.400v2H7.300zM1 7.300h2v1.400H1zM13 7.300h2v1.400h-2z" : "M6.500 2a6 6 0 1 0 7.500 8A6.500 6.500 0 0 1 6.500 2z"} />
      </button>
      <button type="button" title="keys (?)" aria-label="keys" onClick={() => change({ dialog: { name: "help" } })}>
        ?
      </button>
    </header>
  );
}

/** The graph's frames, checked while they are typed. */
function Frames() {
  const written = usePage((page) => String(page.graph?.frames ?? ""));
  const [draft, setDraft] = useState(written);
  const [wrong, setWrong] = useState<string | null>(null);
  useEffect(() => setDraft(written), [written]);
  useEffect(() => {
    if (draft === written || draft.trim() === "auto") return setWrong(null);
    const timer = setTimeout(() => void checkFrames(draft).then(setWrong), 80);
    return () => clearTimeout(timer);
  }, [draft, written]);
  const commit = () => {
    if (draft !== written && !wrong) void edit([{ op: "frames", value: draft }]);
  };
  return (
    <div className="frames">
      <label htmlFor="frames">frames</label>
      <input
        id="frames"
        value={draft}
        spellCheck={false}
        aria-invalid={wrong !== null}
        aria-describedby="frames-wrong"
        onChange={(event) => setDraft(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") commit();
          if (event.key === "Escape") setDraft(written);
        }}
      />
      {wrong && (
        <span id="frames-wrong" className="wrong" role="alert">
          {wrong}
        </span>
      )}
    </div>
  );
}

function Runner() {
  const progress = usePage((page) => page.run);
  const running = progress?.state === "running";
  const share = progress?.total ? progress.done / progress.total : 0;
  return (
    <div className={`runner is-${progress?.state ?? "idle"}`}>
      {progress && (
        <span className="progress" role="progressbar" aria-label="run" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)} aria-valuetext={`${progress.state}: ${progress.line}`}>
          <i style={{ width: `${(progress.state === "done" ? 1 : share) * 100}%` }} />
          <span>{running ? progress.line || `${progress.done} of ${progress.total}` : progress.line || progress.state}</span>
        </span>
      )}
      {running ? (
        <button type="button" className="stop" title="stop (Esc)" onClick={() => say({ type: "stop" })}>
          Stop
        </button>
      ) : (
        <button type="button" className="strong" title="write all outputs, or the selected ones (Ctrl+Enter)" onClick={run}>
          Run
        </button>
      )}
    </div>
  );
}

/** Lines that tell of refusals and conflicts. */
export function Notices() {
  const notices = usePage((page) => page.notices);
  return (
    <div className="notices" role="log" aria-live="polite">
      {notices.map((notice) => (
        <p key={notice.id} className={notice.kind}>
          <span>{notice.text}</span>
          <button type="button" aria-label="close" onClick={() => closeNotice(notice.id)}>
            ×
          </button>
        </p>
      ))}
    </div>
  );
}
