import { type Camelized, camelize } from "./casing.ts";
import type { ServerClock } from "./clock.ts";
import type { Database } from "./database.types.ts";

type Row = Database["public"]["CompositeTypes"]["usage_state"];
type MayBeNull =
  | "session_id"
  | "time_remaining_seconds"
  | "time_remaining_minutes"
  | "session_started_at"
  | "session_expires_at"
  | "session_cap_at"
  | "device_id"
  | "end_token"
  | "limit_seconds";

export type UsageStatus = "idle" | "active" | "paused" | "closed" | "expired" | "capped";

/** `usage_state` of docs/api.md as it comes: a field of a composite type can be null to PostgreSQL, not all are to us. */
export type UsageStateRow = {
  [Key in keyof Row]: Key extends MayBeNull ? Row[Key] : Key extends "status" ? UsageStatus : NonNullable<Row[Key]>;
};

/** The same in camel case. A null `timeRemainingSeconds` is unlimited. */
export type UsageState = Camelized<UsageStateRow>;

export function usageStateOf(row: object): UsageState {
  return camelize({ end_token: null, ...row } as UsageStateRow);
}

/** Of two states with one version the later counts: a plan's new limit raises no version of those who are idle. */
export function isOlder(state: UsageState, than: UsageState): boolean {
  if (state.version !== than.version) return state.version < than.version;
  return Date.parse(state.serverTime) < Date.parse(than.serverTime);
}

/** When the server has something else to say of this state by itself; null when it has not. */
export function nextTurnAt(state: UsageState): number | null {
  if (!state.isActive) return null;
  const turns = [state.sessionCapAt, state.sessionExpiresAt, state.periodEndsAt].filter((turn) => turn !== null);
  return Math.min(...turns.map((turn) => Date.parse(turn)));
}

/** The state as the server would tell it now; what remains is never more, and less by at most the way there and back. */
export function stateAt(state: UsageState, server: ServerClock): UsageState {
  if (!state.isActive) return state;
  const toldAt = Date.parse(state.serverTime);
  const now = Math.min(Math.max(server.now(), toldAt), nextTurnAt(state) ?? Number.POSITIVE_INFINITY);
  const passed = now - toldAt;
  const remaining = remainingAt(state, now, passed);
  const used =
    remaining !== null && state.limitSeconds !== null
      ? state.limitSeconds - remaining
      : state.totalUsageSeconds + Math.floor(passed / 1000);
  return {
    ...state,
    timeRemainingSeconds: remaining,
    timeRemainingMinutes: remaining === null ? null : Math.floor(remaining / 60),
    totalUsageSeconds: used,
    totalUsageMinutes: Math.floor(used / 60),
    currentSessionSeconds: state.currentSessionSeconds + Math.floor(passed / 1000),
  };
}

function remainingAt(state: UsageState, now: number, passed: number): number | null {
  if (state.timeRemainingSeconds === null) return null;
  // The cap is exact, where what was told is rounded; beyond the period it says nothing of this one.
  const isCapInPeriod = state.sessionCapAt !== null && Date.parse(state.sessionCapAt) < Date.parse(state.periodEndsAt);
  const exact = isCapInPeriod
    ? Math.ceil((Date.parse(state.sessionCapAt ?? "") - now) / 1000)
    : Number.POSITIVE_INFINITY;
  const rounded = state.timeRemainingSeconds - Math.floor(passed / 1000);
  return Math.max(0, Math.min(exact, isCapInPeriod ? rounded : state.timeRemainingSeconds - Math.ceil(passed / 1000)));
}

export function isLive(state: UsageState): boolean {
  return state.status === "active" || state.status === "paused";
}

/** What is known before the server has said anything: nothing that could be mistaken for a limit. */
export const nothingYet: UsageState = {
  sessionId: null,
  status: "idle",
  isActive: false,
  timeRemainingSeconds: null,
  timeRemainingMinutes: null,
  totalUsageSeconds: 0,
  totalUsageMinutes: 0,
  currentSessionSeconds: 0,
  sessionStartedAt: null,
  sessionExpiresAt: null,
  sessionCapAt: null,
  isValidForRecording: false,
  hasReachedLimit: false,
  isNearLimit: false,
  deviceId: null,
  endToken: null,
  limitSeconds: null,
  periodStartedAt: "",
  periodEndsAt: "",
  serverTime: "",
  version: 0,
};
