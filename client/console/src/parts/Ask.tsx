import { useEffect, useId, useRef } from "react";

interface Props {
  question: string;
  detail: string;
  deed: string;
  onYes: () => void;
  onNo: () => void;
}

/** Asks before what cannot be undone. Escape is no. */
export function Ask({ question, detail, deed, onYes, onNo }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => (before as HTMLElement | null)?.focus();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onNo}>
      <h2 id={id}>{question}</h2>
      <p>{detail}</p>
      <div className="actions">
        <button type="button" onClick={onNo}>
          Cancel
        </button>
        <button type="button" className="danger" onClick={onYes}>
          {deed}
        </button>
      </div>
    </dialog>
  );
}
