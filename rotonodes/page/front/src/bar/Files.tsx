import { useEffect, useState } from "react";
import { asked } from "../model/live";
import { Dialog, closeDialog } from "./Dialog";

interface Listing {
  folders: string[];
  files: string[];
  sequences: { pattern: string; frames: string }[];
}

/** Sequences as one entry each, and the files that belong to none. */
function entries(listing: Listing | null): { name: string; frames?: string }[] {
  if (!listing) return [];
  const shapes = listing.sequences.map(({ pattern }) => new RegExp(`^${pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/#+/, (marks) => `-?\\d{${marks.length}}`)}$`));
  const single = listing.files.filter((file) => !shapes.some((shape) => shape.test(file)));
  return [...listing.sequences.map(({ pattern, frames }) => ({ name: pattern, frames })), ...single.map((name) => ({ name }))];
}

/** Chooses a file or a sequence below the root. */
export function Files({ start, pattern, chosen }: { start: string; pattern: string; chosen: (path: string) => void }) {
  const [folder, setFolder] = useState(start.includes("/") && !start.includes("$") ? start.slice(0, start.lastIndexOf("/")) : "");
  const [listing, setListing] = useState<Listing | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    asked<Listing>(`/api/files?${new URLSearchParams({ below: folder, pattern })}`).then(
      (found) => {
        setListing(found);
        setError(null);
      },
      (problem: Error) => (folder ? setFolder("") : setError(problem.message)),
    );
  }, [folder, pattern]);
  const into = (name: string) => (folder ? `${folder}/${name}` : name);
  return (
    <Dialog title="Choose a file" className="files">
      <header>
        <b>Choose a file</b>
        <span>{folder || "root"}/</span>
        <button type="button" aria-label="close" onClick={closeDialog}>
          ×
        </button>
      </header>
      {error && <p className="fault">{error}</p>}
      <ul>
        {folder && (
          <li>
            <button type="button" onClick={() => setFolder(folder.includes("/") ? folder.slice(0, folder.lastIndexOf("/")) : "")}>
              <b>..</b>
            </button>
          </li>
        )}
        {listing?.folders.map((name) => (
          <li key={`${name}/`}>
            <button type="button" onClick={() => setFolder(into(name))}>
              <b>{name}/</b>
            </button>
          </li>
        ))}
        {entries(listing).map(({ name, frames }) => (
          <li key={name}>
            <button
              type="button"
              onClick={() => {
                closeDialog();
                chosen(into(name));
              }}
            >
              {name} {frames && <small>frames {frames}</small>}
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
