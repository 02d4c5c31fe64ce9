import { useEffect, useRef } from "react";
import { graphActions } from "../graph/actions";
import { change } from "../model/store";

export function closeDialog(): void {
  change({ dialog: null });
  graphActions.current?.focus();
}

/** A modal window; Escape and a click beside it close it. */
export function Dialog({ title, className, children }: { title: string; className: string; children: React.ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={className}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        closeDialog();
      }}
      onPointerDown={(event) => event.target === dialog.current && closeDialog()}
    >
      {children}
    </dialog>
  );
}
