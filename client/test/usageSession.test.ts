import { beforeEach, expect, test } from "vitest";
import { UsageSession, type UsageSessionOptions } from "../src/usageSession.ts";
import { BEGIN, Browser, FakeClock, type FakePage, FakeProject, lost, refused } from "./fakes.ts";

const LIMIT_S = 3_600;

let clock: FakeClock;
let project: FakeProject;
let browser: Browser;
let status: string;
let version: number;
let device: string | null;
let endedAt: number;

/** The server's answer now. */
function told(changes: object = {}) {
  const isActive = status === "active";
  const used = Math.floor((isActive ? clock.now() : endedAt) / 1000);
  return {
    session_id: status === "idle" ? null : "s",
    status,
    is_active: isActive,
    device_id: device,
    end_token: isActive ? "token" : null,
    limit_seconds: LIMIT_S,
    time_remaining_seconds: LIMIT_S - used,
    total_usage_seconds: used,
    current_session_seconds: used,
    session_expires_at: isActive ? new Date(BEGIN + clock.now() + 90_000).toISOString() : null,
    session_cap_at: isActive ? new Date(BEGIN + LIMIT_S * 1000).toISOString() : null,
    period_ends_at: new Date(BEGIN + 1e9).toISOString(),
    server_time: new Date(BEGIN + clock.now()).toISOString(),
    version,
    ...changes,
  };
}

function become(next: string, holder: string | null = device) {
  [status, device, version, endedAt] = [next, holder, version + 1, clock.now()];
  return { data: told() };
}

beforeEach(() => {
  [clock, project, browser] = [new FakeClock(), new FakeProject(), new Browser()];
  [status, version, device, endedAt] = ["idle", 0, null, 0];
  project.answers.set("get_usage_state", () => ({ data: told() }));
  project.answers.set("heartbeat_usage_session", () => ({ data: told() }));
  project.answers.set("start_usage_session", ({ device_id }) =>
    status === "active" ? { data: told() } : become("active", device_id as string),
  );
  project.answers.set("stop_usage_session", () => become("closed"));
});

async function open(page: FakePage = browser.tab(), options: UsageSessionOptions = {}): Promise<UsageSession> {
  const session = new UsageSession(project.client, { deviceId: "laptop", clock, page, ...options }).open();
  await clock.pass(0);
  project.channel.become("SUBSCRIBED");
  await clock.pass(0);
  return session;
}

async function started(page?: FakePage, options?: UsageSessionOptions): Promise<UsageSession> {
  const session = await open(page, options);
  void session.startSession();
  await clock.pass(0);
  project.channel.tell("session:created", { version, state: told({ end_token: undefined }) });
  await clock.pass(0);
  return session;
}

test("an answer that was overtaken never brings an old state back", async () => {
  const session = await started();
  await clock.pass(10_000);
  const stale = told();
  const shown: boolean[] = [];
  session.subscribe(() => shown.push(session.getSnapshot().isActive));
  void session.stopSession();
  await clock.pass(0);
  project.channel.tell("session:updated", { version: stale.version, state: stale });
  await clock.pass(120_000);
  expect(shown.indexOf(true, shown.indexOf(false))).toBe(-1);
  expect(session.getSnapshot()).toMatchObject({ status: "closed", timeRemainingSeconds: LIMIT_S - 10 });
  expect(session.getSnapshot().hasReachedLimit).toBeFalsy();
});

test("a gap between versions is asked about, and what came whole is not", async () => {
  const session = await open();
  const asked = () => project.called("get_usage_state").length;
  become("active", "phone");
  project.channel.tell("session:created", { version, state: told() });
  await clock.pass(0);
  const before = asked();
  become("paused");
  project.channel.tell("session:updated", { version, state: told() });
  await clock.pass(0);
  expect(asked()).toBe(before);
  version += 2;
  become("closed");
  project.channel.tell("session:closed", { version, state: told() });
  await clock.pass(0);
  expect(asked()).toBe(before + 1);
  expect(session.getSnapshot().status).toBe("closed");
});

test("only who holds the session keeps it alive, every 30 seconds", async () => {
  await started();
  const watcher = new UsageSession(project.client, { deviceId: "phone", clock, page: browser.tab() }).open();
  await clock.pass(90_000);
  expect(project.called("heartbeat_usage_session")).toEqual(Array(3).fill({ session_id: "s", device_id: "laptop" }));
  watcher.dispose();
});

test("a heartbeat that got lost is repeated before the session expires", async () => {
  await started();
  project.answers.set("heartbeat_usage_session", () => lost);
  await clock.pass(80_000);
  expect(project.called("heartbeat_usage_session").length).toBeGreaterThan(5);
});

test("a session that another device took over is kept alive no more", async () => {
  const session = await started();
  project.answers.set("heartbeat_usage_session", () => refused("session_active_elsewhere", 409));
  become("active", "phone");
  await clock.pass(120_000);
  expect(project.called("heartbeat_usage_session")).toHaveLength(1);
  expect(session.getSnapshot()).toMatchObject({ isActive: true, isHolder: false, error: null });
});

test("a stop without a connection is tried on, and nothing is kept alive meanwhile", async () => {
  const session = await started();
  project.answers.set("stop_usage_session", () => lost);
  void session.stopSession();
  await clock.pass(60_000);
  expect(session.getSnapshot()).toMatchObject({ pending: "stopping", isActive: true });
  expect(project.called("heartbeat_usage_session")).toHaveLength(0);
  project.answers.set("stop_usage_session", () => become("closed"));
  await clock.pass(10_000);
  expect(session.getSnapshot()).toMatchObject({ pending: null, status: "closed", error: null });
});

test("fast starts and stops come one after the other", async () => {
  const session = await open();
  for (let round = 0; round < 3; round += 1) {
    void session.startSession();
    void session.stopSession();
  }
  await clock.pass(1_000);
  const names = project.calls.map(({ name }) => name).filter((name) => /start|stop/.test(name));
  expect(names).toEqual(Array(3).fill(["start_usage_session", "stop_usage_session"]).flat());
  expect(session.getSnapshot()).toMatchObject({ status: "closed", pending: null });
});

test("a refusal is told, and the next deed forgets it", async () => {
  const session = await open();
  project.answers.set("start_usage_session", () => refused("usage_limit_reached", 402));
  await Promise.all([session.startSession(), clock.pass(100)]);
  expect(session.getSnapshot()).toMatchObject({ error: { slug: "usage_limit_reached", status: 402 }, pending: null });
  await Promise.all([session.stopSession(), clock.pass(100)]);
  expect(session.getSnapshot().error).toBeNull();
});

test.each([
  ["first", "second"],
  ["second", "first"],
])("the last tab ends the session, and one that only looks does not: %s, then %s", async (...order) => {
  const tabs: Record<string, FakePage> = { first: browser.tab(), second: browser.tab(), looking: browser.tab() };
  const page = (name: string) => tabs[name] as FakePage;
  await started(page("first"));
  const sharing = new UsageSession(project.client, { deviceId: "laptop", clock, page: page("second") }).open();
  await clock.pass(0);
  void sharing.startSession();
  const looking = new UsageSession(project.client, { deviceId: "laptop", clock, page: page("looking") }).open();
  await clock.pass(0);
  for (const name of ["looking", ...order]) page(name).tell("leaving");
  expect(["looking", ...order].map((name) => page(name).beacons)).toEqual([[], [], [{ end_token: "token" }]]);
  for (const each of [sharing, looking]) each.dispose();
});

test("a reload goes on with a session that does not end with its page", async () => {
  const page = browser.tab();
  const before = await started(page, { endsWithPage: false });
  page.tell("leaving");
  before.dispose();
  expect(page.beacons).toEqual([]);
  const after = await open(page, { endsWithPage: false });
  expect(after.getSnapshot()).toMatchObject({ isActive: true, isHolder: true });
  await clock.pass(30_000);
  expect(project.called("heartbeat_usage_session")).toHaveLength(1);
});

test("what is not known is not said: no limit, no remaining time", () => {
  const session = new UsageSession(project.client, { deviceId: "laptop", clock, page: browser.tab() });
  expect(session.getSnapshot()).toMatchObject({ isLoaded: false, timeRemainingSeconds: null, hasReachedLimit: false });
});

test("a server that was gone and came back is not trusted to remember the channel", async () => {
  const session = await open();
  project.answers.set("get_usage_state", () => lost);
  await Promise.all([session.refresh(), clock.pass(0)]);
  expect(session.getSnapshot()).toMatchObject({ isLoaded: true, error: { slug: "unreachable" }, isConnected: true });
  project.answers.set("get_usage_state", () => ({ data: told() }));
  await clock.pass(2_000);
  expect(session.getSnapshot().error).toBeNull();
  expect(project.channels).toHaveLength(2);
});

test("somebody else who signs in is followed from nothing, whatever was known of who was before", async () => {
  version = 50;
  const session = await started();
  project.user = null;
  await Promise.all([session.refresh(), clock.pass(0)]);
  expect(session.getSnapshot()).toMatchObject({ isLoaded: false, status: "idle", error: { slug: "not_signed_in" } });
  [project.user, status, version, device] = ["bob", "idle", 3, null];
  await clock.pass(15_000);
  expect(project.channel.topic).toBe("user:bob");
  expect(session.getSnapshot()).toMatchObject({
    isLoaded: true,
    isHolder: false,
    status: "idle",
    version: 3,
    error: null,
  });
  await clock.pass(60_000);
  expect(project.called("heartbeat_usage_session")).toEqual([]);
});

test("an answer about somebody who has signed out meanwhile is nobody's", async () => {
  const session = await open();
  let arrive: (answer: { data: object }) => void = () => {};
  project.answers.set("start_usage_session", () => new Promise((resolve) => (arrive = resolve)));
  void session.startSession();
  await clock.pass(0);
  project.user = "bob";
  await Promise.all([session.refresh(), clock.pass(0)]);
  arrive({ data: told({ version: 99, status: "active" }) });
  await clock.pass(5_000);
  expect(session.getSnapshot()).toMatchObject({ version: 0, status: "idle", isHolder: false });
  expect(project.called("start_usage_session")).toHaveLength(1);
});

test("a start that got lost is not repeated for somebody else", async () => {
  const session = await open();
  project.answers.set("start_usage_session", () => lost);
  void session.startSession();
  await clock.pass(0);
  project.user = "bob";
  await clock.pass(60_000);
  expect(project.called("start_usage_session")).toHaveLength(1);
  expect(session.getSnapshot()).toMatchObject({ isActive: false, error: { slug: "not_signed_in" } });
});
