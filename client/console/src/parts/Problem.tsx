import type { HourglassError } from "../../../src/index.ts";
import { titleOf } from "../words.ts";

/** What went wrong and what to do, beside what is still true. */
export function Problem({ error, again }: { error: HourglassError | null; again?: (() => unknown) | undefined }) {
  if (error === null) return null;
  return (
    <div className="notice" data-tone={error.isTransient ? "warn" : "bad"} role="alert">
      <div>
        <strong>{titleOf(error)}</strong>
        <p>
          {error.isTransient ? "What is shown is what it said last. It is asked again by itself." : error.message}
          {error.hint ? ` ${error.hint}` : ""}
        </p>
      </div>
      {again && (
        <button type="button" onClick={() => void again()}>
          Try again
        </button>
      )}
    </div>
  );
}
