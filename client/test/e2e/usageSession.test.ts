import { createClient } from "@supabase/supabase-js";
import { afterEach, expect, test } from "vitest";
import { UsageSession, type UsageSessionOptions } from "../../src/usageSession.ts";
import { type Person, personOf, personWith, reach, until } from "./stack.ts";

const opened: UsageSession[] = [];

afterEach(() => {
  for (const session of opened.splice(0)) session.dispose();
});

function open({ client }: Pick<Person, "client">, options: UsageSessionOptions = {}): UsageSession {
  const session = new UsageSession(client, { deviceId: "laptop", ...options }).open();
  opened.push(session);
  return session;
}

async function live(session: UsageSession): Promise<UsageSession> {
  await until("it is live and loaded", () => session.getSnapshot().isConnected && session.getSnapshot().isLoaded);
  return session;
}

test("starts, pauses, resumes and stops, and never says that the limit is reached", async () => {
  const session = await live(open(await personWith(3600)));
  const said: string[] = [];
  session.subscribe(() => {
    const { status, timeRemainingSeconds, hasReachedLimit } = session.getSnapshot();
    said.push(status);
    expect(timeRemainingSeconds).toBeGreaterThan(3500);
    expect(hasReachedLimit).toBe(false);
  });
  await session.startSession();
  expect(session.getSnapshot()).toMatchObject({ status: "active", isHolder: true, deviceId: "laptop", pending: null });
  await session.pause();
  expect(session.getSnapshot().status).toBe("paused");
  await session.resume();
  expect(session.getSnapshot().status).toBe("active");
  await session.stopSession();
  expect(session.getSnapshot()).toMatchObject({ status: "closed", isHolder: false, error: null, endToken: null });
  expect(said.filter((status, at) => status !== said[at - 1])).toEqual([
    "idle",
    "active",
    "paused",
    "active",
    "closed",
  ]);
});

test("counts down by itself, and hears of the cap", async () => {
  const session = await live(open(await personWith(2)));
  const shown: (number | null)[] = [];
  session.subscribe(() => shown.push(session.getSnapshot().timeRemainingSeconds));
  await session.startSession();
  await until("it is capped", () => session.getSnapshot().status === "capped");
  expect(session.getSnapshot()).toMatchObject({ timeRemainingSeconds: 0, hasReachedLimit: true, totalUsageSeconds: 2 });
  const [first, ...steps] = shown.filter((seconds, at) => seconds !== shown[at - 1]);
  expect([first, steps.at(-1), [...steps].sort().reverse()]).toEqual([2, 0, steps]);
  await session.startSession();
  expect(session.getSnapshot().error?.slug).toBe("usage_limit_reached");
});

test("two devices stay in step, and one takes over from the other", async () => {
  const ada = await personWith(3600);
  const laptop = await live(open(ada));
  const phone = await live(open(await personOf(ada.id), { deviceId: "phone" }));
  await laptop.startSession();
  await until("the phone sees it", () => phone.getSnapshot().status === "active");
  expect(phone.getSnapshot().isHolder).toBe(false);
  await phone.startSession();
  expect(phone.getSnapshot().error?.slug).toBe("session_active_elsewhere");
  await phone.takeOver();
  expect(phone.getSnapshot()).toMatchObject({ isHolder: true, error: null, deviceId: "phone" });
  await until("the laptop lets go", () => !laptop.getSnapshot().isHolder);
  await laptop.stopSession();
  await until("the phone sees the end", () => phone.getSnapshot().status === "closed");
});

test("ends with its page", async () => {
  const ada = await personWith(3600);
  const session = await live(open(ada));
  await session.startSession();
  const watcher = await live(open(await personOf(ada.id), { deviceId: "phone" }));
  session.dispose();
  await until("it has ended", () => watcher.getSnapshot().status === "closed");
});

test("whoever signs in later, with the project's own auth, is followed from then on", async () => {
  const client = createClient(reach.url, reach.anonKey, { auth: { persistSession: false, autoRefreshToken: false } });
  const session = open({ client });
  await until("it is told so", () => session.getSnapshot().error?.slug === "not_signed_in");
  const { error } = await client.auth.signUp({
    email: `${crypto.randomUUID()}@example.com`,
    password: "correct horse",
  });
  expect(error).toBeNull();
  await live(session);
  await session.startSession();
  expect(session.getSnapshot()).toMatchObject({ isHolder: true, error: null });
});
