import { Dialog, closeDialog } from "./Dialog";

const KEYS: [string, [string, string][]][] = [
  [
    "Graph",
    [
      ["Tab, Shift+A, double click", "add a node; linked to the selected one where that fits"],
      ["↑ ↓", "walk along the wires, up to an input and down to an output"],
      ["Shift+↑ Shift+↓", "previous and next node"],
      ["Enter", "to the parameters of the node"],
      ["Ctrl+F", "find a node by name"],
      ["D", "disable, enable"],
      ["Delete, X", "remove nodes or the selected wire"],
      ["Ctrl+C, Ctrl+X, Ctrl+V", "copy nodes as YAML text, cut, paste"],
      ["Ctrl+A", "select all"],
      ["F", "fit the graph, or the selected nodes"],
      ["L", "lay the nodes out"],
      ["drop on a wire", "insert a node"],
      ["drag", "select with a box"],
      ["middle or right button, Alt+drag", "pan"],
      ["wheel", "zoom"],
    ],
  ],
  [
    "Viewer",
    [
      ["1 … 9", "show an output of the selected node"],
      ["Shift+1 … 9", "show it on side B"],
      ["W", "wipe between A and B"],
      ["R G B A C", "red, green, blue, alpha, colour"],
      ["← →", "step frames"],
      ["Home, End", "first and last frame"],
      ["space", "play, pause"],
      ["F, + -", "fit, zoom"],
      ["P", "paint labels"],
    ],
  ],
  [
    "Painting",
    [
      ["0 … 9", "class"],
      ["B, G", "brush, fill"],
      ["[ ]", "size of the brush"],
      ["N", "next worst frame"],
      ["Ctrl+S", "save the labels"],
    ],
  ],
  [
    "Everywhere",
    [
      ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
      ["Ctrl+Enter", "run the outputs, or the selected ones"],
      ["Esc", "close, stop the run"],
      ["F6, Shift+F6", "next and previous part of the page"],
    ],
  ],
];

export function Help() {
  return (
    <Dialog title="Keys" className="keys">
      <header>
        <b>Keys</b>
        <button type="button" aria-label="close" onClick={closeDialog}>
          ×
        </button>
      </header>
      <div>
        {KEYS.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, what]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
