import { expect, test } from "vitest";
import { EventSender } from "../src/eventSender.ts";
import { MemoryInPlace } from "../src/page.ts";
import { EventQueue } from "../src/queue.ts";
import { FakeClock, FakeProject, lost, refused } from "./fakes.ts";

const PREFIX = "events:ada:";
let number = 0;

function event(type = "click", sessionId: string | null = "s") {
  number += 1;
  const id = `id-${number}`;
  return {
    sessionId,
    event: { event_id: id, event_type: type, event_data: {}, occurred_at: `2026-03-02T09:00:00.${number}Z` },
  };
}

const typesOf = (values: Record<string, unknown>) =>
  (values.events as { event_type: string }[]).map((e) => e.event_type);

test("what waits survives a reload, in its order, and is another user's no more than another prefix's", () => {
  const memory = new MemoryInPlace();
  const before = new EventQueue(memory, PREFIX);
  for (const type of ["a", "b", "c"]) before.add(event(type));
  new EventQueue(memory, "events:bob:").add(event("d"));
  memory.setItem(`${PREFIX}broken`, "{");
  const after = new EventQueue(memory, PREFIX);
  after.load();
  expect(after.batch(1_000)?.events.map(({ event_type }) => event_type)).toEqual(["a", "b", "c"]);
  expect(memory.getItem(`${PREFIX}broken`)).toBeNull();
});

test("events of before the session wait for it", () => {
  const queue = new EventQueue(new MemoryInPlace(), PREFIX);
  queue.add(event("early", null));
  expect(queue.batch(1_000)).toBeNull();
  queue.assign("s");
  expect(queue.batch(1_000)?.sessionId).toBe("s");
});

test("a full memory loses nothing while the page lives", () => {
  const memory = new MemoryInPlace();
  memory.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const queue = new EventQueue(memory, PREFIX);
  queue.add(event());
  expect(queue.size).toBe(1);
});

test("2,500 events go in batches of at most 1,000, and of at most half a megabyte", async () => {
  const [clock, project, queue] = [new FakeClock(), new FakeProject(), new EventQueue(new MemoryInPlace(), PREFIX)];
  project.answers.set("log_session_events", () => ({ data: 1 }));
  for (let count = 0; count < 2_500; count += 1) queue.add(event());
  const sender = new EventSender(project.client, queue, clock, () => {});
  await sender.flush();
  expect(project.called("log_session_events").map(({ events }) => (events as []).length)).toEqual([1_000, 1_000, 500]);
  queue.add({ ...event(), event: { ...event().event, event_data: { text: "x".repeat(400_000) } } });
  queue.add({ ...event(), event: { ...event().event, event_data: { text: "x".repeat(400_000) } } });
  await sender.flush();
  expect(project.called("log_session_events")).toHaveLength(5);
});

test("without an answer the same events are sent again, ever more rarely", async () => {
  const [clock, project, queue] = [new FakeClock(), new FakeProject(), new EventQueue(new MemoryInPlace(), PREFIX)];
  project.answers.set("log_session_events", () => lost);
  queue.add(event());
  const sender = new EventSender(project.client, queue, clock, () => {});
  sender.open();
  await clock.pass(120_000);
  const tries = project.called("log_session_events");
  expect(tries.length).toBeGreaterThan(5);
  expect(tries.length).toBeLessThan(15);
  expect(new Set(tries.map(({ events }) => JSON.stringify(events))).size).toBe(1);
  project.answers.set("log_session_events", () => ({ data: 1 }));
  await clock.pass(60_000);
  expect(queue.size).toBe(0);
});

test("one bad event holds up no other", async () => {
  const [clock, project, queue] = [new FakeClock(), new FakeProject(), new EventQueue(new MemoryInPlace(), PREFIX)];
  const taken: string[] = [];
  project.answers.set("log_session_events", (values) => {
    const types = typesOf(values);
    if (types.includes("bad")) return refused("payload_too_large", 413);
    taken.push(...types);
    return { data: types.length };
  });
  const types = Array.from({ length: 100 }, (_, index) => (index === 37 ? "bad" : `good ${index}`));
  for (const type of types) queue.add(event(type));
  const faults: (string | undefined)[] = [];
  await new EventSender(project.client, queue, clock, (error) => faults.push(error?.slug)).flush();
  expect(taken).toEqual(types.filter((type) => type !== "bad"));
  expect(queue.size).toBe(0);
  expect(faults).toContain("payload_too_large");
});

test("a session that takes no more is given up, and others are not", async () => {
  const [clock, project, queue] = [new FakeClock(), new FakeProject(), new EventQueue(new MemoryInPlace(), PREFIX)];
  project.answers.set("log_session_events", ({ session_id }) =>
    session_id === "old" ? refused("session_closed", 409) : { data: 1 },
  );
  queue.add(event("a", "old"));
  queue.add(event("b", "new"));
  await new EventSender(project.client, queue, clock, () => {}).flush();
  expect(project.called("log_session_events").map(({ session_id }) => session_id)).toEqual(["old", "new"]);
  expect(queue.size).toBe(0);
});
