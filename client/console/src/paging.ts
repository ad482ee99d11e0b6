// Pages of a list that is read from the newest on: each begins after the last row of the one before.

/** The last row of a page. */
export interface Cursor {
  at: string;
  id: string;
}

/** The rows that the pages before this one ended with; the first page has none. */
export type Trail = readonly Cursor[];

export interface Paged<Row> {
  rows: Row[];
  hasMore: boolean;
}

/** Of one row more than a page has: the page, and whether there is another. */
export function paged<Row>(found: readonly Row[], size: number): Paged<Row> {
  return { rows: found.slice(0, size), hasMore: found.length > size };
}

export function later(trail: Trail): Trail {
  return trail.slice(0, -1);
}

export function earlier(trail: Trail, last: Cursor | undefined): Trail {
  return last ? [...trail, last] : trail;
}

/** The pages that a numbered list has; one at least, and the one that is shown is among them. */
export function pageCount(totalRows: number, size: number): number {
  return Math.max(1, Math.ceil(totalRows / size));
}

/** Which rows of all a page shows, counted from 1: 11–20. */
export function span(page: number, size: number, totalRows: number): string {
  if (totalRows === 0) return "0";
  const first = (page - 1) * size + 1;
  return first > totalRows ? "0" : `${first}–${Math.min(page * size, totalRows)}`;
}
