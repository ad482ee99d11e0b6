import type { Client } from "../client.ts";
import type { UsageSessionSnapshot } from "../followedUsage.ts";
import { UsageSession, type UsageSessionOptions } from "../usageSession.ts";
import { useOpened } from "./useOpened.ts";

type Actions = Pick<UsageSession, "startSession" | "takeOver" | "pause" | "resume" | "stopSession" | "refresh">;

/** The user's metered time, and what starts and stops it. Options count when the component is mounted. */
export function useUsageSession(client: Client, options?: UsageSessionOptions): UsageSessionSnapshot & Actions {
  const [snapshot, session] = useOpened<UsageSessionSnapshot, UsageSession>(
    client,
    (it) => new UsageSession(it, options),
  );
  const { startSession, takeOver, pause, resume, stopSession, refresh } = session;
  return { ...snapshot, startSession, takeOver, pause, resume, stopSession, refresh };
}
