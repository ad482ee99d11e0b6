import type { UsageStatus } from "../../src/index.ts";
import { duration } from "./format.ts";

/** What is left when somebody who cannot see the ring is told, in seconds. */
const MILESTONES = [1800, 600, 300, 60, 30, 10] as const;

export interface Moment {
  status: UsageStatus;
  timeRemainingSeconds: number | null;
}

const SAID: Record<UsageStatus, string> = {
  idle: "No session.",
  active: "The clock runs.",
  paused: "The clock is paused.",
  closed: "The session is stopped.",
  expired: "The session has expired.",
  capped: "The limit is reached; the session has ended.",
};

/** What to say aloud between two moments of a countdown: transitions and milestones, never the seconds. */
export function announcement(before: Moment | null, now: Moment): string | null {
  if (before === null) return null;
  if (before.status !== now.status) return SAID[now.status];
  const [had, has] = [before.timeRemainingSeconds, now.timeRemainingSeconds];
  if (now.status !== "active" || had === null || has === null) return null;
  const passed = MILESTONES.filter((milestone) => had > milestone && has <= milestone).at(-1);
  return passed === undefined ? null : `${duration(passed)} left.`;
}
