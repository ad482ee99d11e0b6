import { useState } from "react";
import { type Cursor, earlier, later, pageCount, span, type Trail } from "../paging.ts";

/** Where one is in a list that is read from the newest on. */
export function useTrail() {
  const [trail, setTrail] = useState<Trail>([]);
  return {
    after: trail.at(-1),
    page: trail.length + 1,
    toEarlier: (last: Cursor | undefined) => setTrail((at) => earlier(at, last)),
    toLater: () => setTrail(later),
    toNewest: () => setTrail([]),
  };
}

interface SteppedProps {
  label: string;
  page: number;
  hasMore: boolean;
  onLater: () => void;
  onEarlier: () => void;
}

export function Stepped({ label, page, hasMore, onLater, onEarlier }: SteppedProps) {
  if (page === 1 && !hasMore) return null;
  return (
    <nav className="pages" aria-label={label}>
      <button type="button" disabled={page === 1} onClick={onLater}>
        Back
      </button>
      <span>Page {page}</span>
      <button type="button" disabled={!hasMore} onClick={onEarlier}>
        More
      </button>
    </nav>
  );
}

interface NumberedProps {
  label: string;
  page: number;
  size: number;
  totalRows: number;
  onPage: (page: number) => void;
}

export function Numbered({ label, page, size, totalRows, onPage }: NumberedProps) {
  const count = pageCount(totalRows, size);
  return (
    <nav className="pages" aria-label={label}>
      <button type="button" disabled={page <= 1} onClick={() => onPage(Math.min(page - 1, count))}>
        Previous
      </button>
      <span>
        {span(page, size, totalRows)} of {totalRows}
      </span>
      <button type="button" disabled={page >= count} onClick={() => onPage(page + 1)}>
        Next
      </button>
    </nav>
  );
}
