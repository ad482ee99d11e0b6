/** The slugs of docs/api.md, and those of this library. */
export type Slug =
  | "not_signed_in"
  | "usage_limit_reached"
  | "insufficient_credits"
  | "admin_only"
  | "not_a_participant"
  | "not_the_host"
  | "session_not_found"
  | "session_active_elsewhere"
  | "session_closed"
  | "session_full"
  | "invite_expired"
  | "payload_too_large"
  | "invalid_argument"
  | "unreachable"
  | "refused";

const UNREACHABLE = "The server cannot be reached. Trying again.";

/** Why something failed. Match `slug`; the message is a sentence for people. */
export class HourglassError extends Error {
  override readonly name = "HourglassError";

  constructor(
    readonly slug: Slug,
    message: string,
    readonly status: number = 0,
    readonly hint: string | null = null,
  ) {
    super(message);
  }

  /** Whether the same call may succeed later without anybody doing anything. */
  get isTransient(): boolean {
    return this.slug === "unreachable";
  }
}

export interface Refusal {
  code?: string | null;
  message: string;
  details?: string | null;
  hint?: string | null;
}

/** `PTnnn` is ours and its message a slug. Anything without an answer, and what servers say when they are ill, passes. */
export function errorOf(refusal: Refusal, status: number): HourglassError {
  if (refusal.code?.startsWith("PT") && /^[a-z_]+$/.test(refusal.message)) {
    return new HourglassError(
      refusal.message as Slug,
      refusal.details || refusal.message,
      status,
      refusal.hint ?? null,
    );
  }
  if (status === 0 || status >= 500 || status === 408 || status === 429) {
    return new HourglassError("unreachable", UNREACHABLE, status);
  }
  // An expired token is PostgREST's own 401, and nobody of ours.
  if (status === 401) return new HourglassError("not_signed_in", refusal.message, status);
  return new HourglassError("refused", refusal.message, status, refusal.hint ?? null);
}

export function unreachable(): HourglassError {
  return new HourglassError("unreachable", UNREACHABLE);
}

/** What was thrown, as an error of ours: what is no answer of the server is a fault of the way there. */
export function asError(thrown: unknown): HourglassError {
  return thrown instanceof HourglassError ? thrown : unreachable();
}
