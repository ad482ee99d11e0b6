import { useEffect } from "react";
import type { Client } from "../client.ts";
import { SessionTracker, type SessionTrackerOptions, type SessionTrackerSnapshot } from "../sessionTracker.ts";
import { useOpened } from "./useOpened.ts";

type Actions = Pick<SessionTracker, "logEvent" | "setSection" | "getStats" | "end">;

/** Tracks the user while it is mounted; `section` is where they are, as in the path of a router. */
export function useSession(
  client: Client,
  section?: string,
  options?: SessionTrackerOptions,
): SessionTrackerSnapshot & Actions {
  const [snapshot, tracker] = useOpened<SessionTrackerSnapshot, SessionTracker>(
    client,
    (it) => new SessionTracker(it, { ...options, ...(section === undefined ? {} : { section }) }),
  );
  const { logEvent, setSection, getStats, end } = tracker;
  useEffect(() => {
    if (section !== undefined) setSection(section);
  }, [section, setSection]);
  return { ...snapshot, logEvent, setSection, getStats, end };
}
