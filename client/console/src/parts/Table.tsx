import type { ReactNode } from "react";

export interface Column<Row> {
  label: string;
  /** Its share of the width. The widths are fixed, so that no content moves them. */
  share: number;
  isNumber?: boolean;
  cell: (row: Row) => ReactNode;
  /** For the hover: all of what may be cut off. */
  title?: (row: Row) => string | undefined;
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: readonly Row[] | null;
  keyOf: (row: Row) => string;
  isLoading: boolean;
  empty: ReactNode;
  /** How many rows to keep room for, where there are pages. */
  room?: number | undefined;
}

export function Table<Row>({ label, columns, rows, keyOf, isLoading, empty, room }: Props<Row>) {
  const total = columns.reduce((sum, { share }) => sum + share, 0);
  const isEmpty = rows !== null && rows.length === 0;
  return (
    <div
      className="table"
      data-loading={isLoading}
      data-room={room !== undefined && !isEmpty ? room : undefined}
      aria-busy={isLoading}
    >
      {isEmpty && !isLoading ? (
        <div className="empty">{empty}</div>
      ) : (
        <table aria-label={label}>
          <colgroup>
            {columns.map((column) => (
              <col key={column.label} style={{ width: `${(100 * column.share) / total}%` }} />
            ))}
          </colgroup>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.label} scope="col" className={column.isNumber ? "number" : undefined}>
                  {column.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows?.map((row) => (
              <tr key={keyOf(row)}>
                {columns.map((column) => (
                  <td
                    key={column.label}
                    className={column.isNumber ? "number" : undefined}
                    data-label={column.label}
                    title={column.title?.(row)}
                  >
                    <span>{column.cell(row)}</span>
                  </td>
                ))}
              </tr>
            ))}
            {rows === null && <Waiting columns={columns.length} rows={room ?? 3} />}
          </tbody>
        </table>
      )}
    </div>
  );
}

function Waiting({ columns, rows }: { columns: number; rows: number }) {
  const places = (count: number) => Array.from({ length: count }, (_, at) => at);
  return places(rows).map((row) => (
    <tr key={row} className="waiting">
      {places(columns).map((column) => (
        <td key={column}>
          <span />
        </td>
      ))}
    </tr>
  ));
}
