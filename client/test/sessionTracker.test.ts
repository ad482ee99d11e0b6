import { beforeEach, expect, test } from "vitest";
import { SessionTracker, type SessionTrackerOptions } from "../src/sessionTracker.ts";
import { Browser, FakeClock, type FakePage, FakeProject, lost, refused } from "./fakes.ts";

let clock: FakeClock;
let project: FakeProject;
let browser: Browser;
let count: number;

beforeEach(() => {
  [clock, project, browser, count] = [new FakeClock(), new FakeProject(), new Browser(), 0];
  project.answers.set("start_user_session", () => {
    count += 1;
    return { data: { id: `s${count}`, end_token: `token ${count}` } };
  });
  for (const name of ["heartbeat_user_session", "update_session_section", "log_session_events", "end_user_session"]) {
    project.answers.set(name, () => ({ data: {} }));
  }
});

async function open(page: FakePage = browser.tab(), options: SessionTrackerOptions = {}): Promise<SessionTracker> {
  const tracker = new SessionTracker(project.client, { clock, page, ...options }).open();
  await clock.pass(0);
  return tracker;
}

test("nothing is known of the device or the user unless it is given", async () => {
  await open();
  expect(project.called("start_user_session")).toEqual([{ device_info: {}, metadata: {} }]);
});

test("who passes through sections is told where they stayed, after a second", async () => {
  const tracker = await open(browser.tab(), { section: "home" });
  for (const section of ["map", "shop", "cart"]) {
    tracker.setSection(section, { from: "menu" });
    await clock.pass(900);
  }
  expect(project.called("update_session_section")).toEqual([]);
  await clock.pass(100);
  const told = { session_id: "s1", section: "cart", metadata: { from: "menu" } };
  expect(project.called("update_session_section")).toEqual([told]);
  tracker.setSection("cart");
  await clock.pass(5_000);
  expect(project.called("update_session_section")).toHaveLength(1);
});

test("signs of life are half a minute apart, whatever wakes the page, and none while it is hidden", async () => {
  const page = browser.tab();
  const tracker = await open(page);
  for (let second = 0; second < 30; second += 1) {
    page.tell("visible");
    await clock.pass(1_000);
  }
  expect(project.called("heartbeat_user_session")).toHaveLength(1);
  page.visible = false;
  await clock.pass(300_000);
  expect(project.called("heartbeat_user_session")).toHaveLength(1);
  page.visible = true;
  page.tell("visible");
  await clock.pass(0);
  expect(project.called("heartbeat_user_session")).toHaveLength(2);
  expect(tracker.getSnapshot().isActive).toBe(true);
});

test("a session that ended behind one's back is followed by a new one, which gets what comes", async () => {
  const tracker = await open();
  project.answers.set("heartbeat_user_session", () => refused("session_closed", 409));
  await clock.pass(30_000);
  expect(tracker.getSnapshot()).toMatchObject({ sessionId: "s2", isActive: true });
  tracker.logEvent("click");
  await clock.pass(1_000);
  expect(project.called("log_session_events")[0]?.session_id).toBe("s2");
});

test("what is logged before there is a session, and offline, arrives in it", async () => {
  project.answers.set("start_user_session", () => lost);
  const tracker = await open();
  tracker.logEvent("early");
  await clock.pass(10_000);
  expect(tracker.getSnapshot()).toMatchObject({ isActive: false, queuedEvents: 1, error: { slug: "unreachable" } });
  project.answers.set("start_user_session", () => ({ data: { id: "s", end_token: "token" } }));
  await clock.pass(40_000);
  expect(project.called("log_session_events")).toMatchObject([{ session_id: "s", events: [{ event_type: "early" }] }]);
  expect(tracker.getSnapshot()).toMatchObject({ queuedEvents: 0, error: null });
});

test("the last tab ends the session, and what it could not send is the next page's to send", async () => {
  const [first, second] = [browser.tab(), browser.tab()];
  await open(first);
  const tracker = await open(second);
  expect(project.called("start_user_session")).toHaveLength(1);
  project.answers.set("log_session_events", () => lost);
  tracker.logEvent("last");
  await clock.pass(500);
  first.tell("leaving");
  second.tell("leaving");
  expect([first.beacons, second.beacons]).toEqual([[], [{ end_token: "token 1" }]]);
  tracker.dispose();
  const before = project.called("log_session_events").length;
  project.answers.set("log_session_events", () => ({ data: 1 }));
  await open(browser.tab());
  await clock.pass(1_000);
  expect(project.called("log_session_events").slice(before)).toMatchObject([
    { session_id: "s1", events: [{ event_type: "last" }] },
  ]);
  expect(project.called("start_user_session")).toHaveLength(2);
});
