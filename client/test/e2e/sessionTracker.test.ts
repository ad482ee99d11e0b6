import { afterEach, expect, test } from "vitest";
import { MemoryInPlace, thisPage } from "../../src/page.ts";
import { SessionTracker, type SessionTrackerOptions } from "../../src/sessionTracker.ts";
import { type Person, personOf, tell, until } from "./stack.ts";

const opened: SessionTracker[] = [];

afterEach(() => {
  for (const tracker of opened.splice(0)) tracker.dispose();
});

function open({ client }: Person, options: SessionTrackerOptions = {}): SessionTracker {
  const page = { ...thisPage(), shared: new MemoryInPlace() };
  const tracker = new SessionTracker(client, { page, ...options }).open();
  opened.push(tracker);
  return tracker;
}

const eventsOf = async ({ client }: Person) => {
  const { data } = await client.from("session_events").select("event_type, event_data").order("created_at");
  return data ?? [];
};

test("tracks sections and events, and ends", async () => {
  const ada = await personOf();
  const tracker = open(ada, { section: "home", deviceInfo: { os: "linux" } });
  await until("it is active", () => tracker.getSnapshot().isActive);
  tracker.logEvent("click", { on: "start" });
  tracker.setSection("passing");
  tracker.setSection("map");
  await until("the events are in", () => tracker.getSnapshot().queuedEvents === 0);
  await until("the section is told", async () =>
    (await eventsOf(ada)).some(({ event_type }) => event_type === "section_change"),
  );
  expect(await tracker.getStats()).toMatchObject({ totalSessions: 1, sectionCounts: { home: 1, map: 1 } });
  await tracker.end();
  const { data } = await ada.client.from("user_sessions").select("app_section, device_info, session_end").single();
  expect(data).toMatchObject({ app_section: "map", device_info: { os: "linux" } });
  expect(data?.session_end).not.toBeNull();
  const types = (await eventsOf(ada)).map(({ event_type }) => event_type);
  expect(types).toEqual(["session_start", "click", "section_change", "session_end"]);
});

test("tabs share a session, and a new one follows one that ended", async () => {
  const ada = await personOf();
  const page = { ...thisPage(), shared: new MemoryInPlace() };
  const one = open(ada, { page });
  const { sessionId } = await until("it is active", () => one.getSnapshot().isActive && one.getSnapshot());
  const two = open(await personOf(ada.id), { page });
  await until("the other one is", () => two.getSnapshot().sessionId === sessionId);
  await ada.client.rpc("end_user_session", { session_id: sessionId });
  two.setSection("map");
  await until("there is another", () => two.getSnapshot().sessionId !== sessionId && two.getSnapshot().isActive);
});

test("a thousand events that were queued offline arrive once", async () => {
  const ada = await personOf();
  const tracker = open(ada);
  await until("it is active", () => tracker.getSnapshot().isActive);
  await tell("stop api");
  for (let number = 0; number < 1_000; number += 1) tracker.logEvent("step", { number });
  await until("it has tried", () => tracker.getSnapshot().error?.slug === "unreachable");
  expect(tracker.getSnapshot().queuedEvents).toBe(1_000);
  await tell("start api");
  await until("the events are in", () => tracker.getSnapshot().queuedEvents === 0);
  const { count } = await ada.client
    .from("session_events")
    .select("*", { count: "exact", head: true })
    .eq("event_type", "step");
  expect(count).toBe(1_000);
});
