import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Person, personWith, tell, until } from "../e2e/stack.ts";
import { act, type Chromium, make, type Shown, shown, shows, startChromium } from "./browser.ts";

const isLive = ({ isConnected, isLoaded }: Shown) => isConnected && isLoaded;

let chromium: Chromium;
let ada: Person;
const devices: BrowserContext[] = [];

beforeAll(async () => {
  chromium = await startChromium();
});
afterAll(() => chromium.close());
afterEach(async () => {
  for (const device of devices.splice(0)) await device.close();
});

async function device(): Promise<BrowserContext> {
  const made = await chromium.device();
  devices.push(made);
  return made;
}

async function open(on: BrowserContext, options: object = {}): Promise<Page> {
  const page = await chromium.tab(on);
  await make(page, "session", ada, options);
  await shows(page, "it is live", isLive);
  return page;
}

async function rowOf({ id }: Person): Promise<{ status: string; device: string } | undefined> {
  const query =
    "select ended_at is null, device_id from public.usage_sessions where user_id = %s order by started_at desc";
  const [row] = (await tell("sql", query, id)) as [boolean, string][];
  return row && { status: row[0] ? "live" : "ended", device: row[1] };
}

test("starts and stops, and at no moment shows that the limit is reached", async () => {
  ada = await personWith(3600);
  const page = await open(await device());
  for (let round = 0; round < 5; round += 1) {
    await act(page, "startSession");
    expect(await shown(page)).toMatchObject({ status: "active", isHolder: true });
    await act(page, "stopSession");
    expect(await shown(page)).toMatchObject({ status: "closed", error: null });
  }
  const states: Shown[] = await page.evaluate(() => window.shown.map((text) => JSON.parse(text)));
  expect(states.length).toBeGreaterThan(10);
  for (const state of states.filter(({ isLoaded }) => isLoaded)) {
    expect(state.hasReachedLimit).toBe(false);
    expect(state.timeRemainingSeconds).toBeGreaterThan(3500);
  }
});

test("two tabs are in step, and the session ends with the last that held it", async () => {
  ada = await personWith(3600);
  const laptop = await device();
  const [one, two] = [await open(laptop), await open(laptop)];
  await act(one, "startSession");
  await shows(two, "the other tab shows it", ({ isActive }) => isActive);
  await act(two, "startSession");
  await one.close({ runBeforeUnload: true });
  await until("it is closed", () => one.isClosed());
  expect(await shows(two, "it goes on", ({ isHolder }) => isHolder)).toMatchObject({ status: "active" });
  await two.close({ runBeforeUnload: true });
  await until("the row ends", async () => (await rowOf(ada))?.status === "ended");
});

test("two devices: the second is told, takes over, and the first lets go", async () => {
  ada = await personWith(3600);
  const [laptop, phone] = [await open(await device()), await open(await device())];
  await act(laptop, "startSession");
  await shows(phone, "the phone shows it", ({ isActive, isHolder }) => isActive && !isHolder);
  await act(phone, "startSession");
  expect((await shown(phone)).error.slug).toBe("session_active_elsewhere");
  await act(phone, "takeOver");
  expect(await shown(phone)).toMatchObject({ isHolder: true, error: null });
  await shows(laptop, "the laptop lets go", ({ isActive, isHolder }) => isActive && !isHolder);
  await laptop.close({ runBeforeUnload: true });
  expect((await rowOf(ada))?.status).toBe("live");
});

test("a closed page ends its session at once", async () => {
  ada = await personWith(3600);
  const page = await open(await device());
  await act(page, "startSession");
  await page.close({ runBeforeUnload: true });
  await until("the row ends", async () => (await rowOf(ada))?.status === "ended");
});

test("a reload shows what is true, and goes on with a session that does not end with its page", async () => {
  ada = await personWith(3600);
  const page = await open(await device());
  await act(page, "startSession");
  await page.reload();
  await make(page, "session", ada, { endsWithPage: false });
  expect(await shows(page, "it is live", isLive)).toMatchObject({ status: "closed", hasReachedLimit: false });
  await act(page, "startSession");
  const { sessionId } = await shown(page);
  await page.reload();
  await make(page, "session", ada, { endsWithPage: false });
  await shows(page, "it holds it again", ({ isHolder }) => isHolder);
  expect(await shown(page)).toMatchObject({ sessionId, status: "active" });
});

test("offline the countdown goes on, and back online it is what the server says", async () => {
  ada = await personWith(3600);
  const [laptop, phone] = [await device(), await device()];
  const [here, there] = [await open(laptop), await open(phone)];
  await act(here, "startSession");
  await laptop.setOffline(true);
  const { timeRemainingSeconds } = await shown(here);
  await shows(here, "it counts on", (snapshot) => snapshot.timeRemainingSeconds < timeRemainingSeconds);
  await act(there, "stopSession");
  const { totalUsageSeconds } = await shown(there);
  await laptop.setOffline(false);
  const back = await shows(here, "it hears of the end", ({ status }) => status === "closed");
  expect(back).toMatchObject({ totalUsageSeconds, hasReachedLimit: false });
  await shows(here, "it is live", isLive);
});

test("a page that was frozen while the server went and came shows what became of its session", async () => {
  ada = await personWith(3600);
  const here = await open(await device());
  await act(here, "startSession");
  const { sessionId } = await shown(here);
  let stopped: Shown;
  chromium.freeze();
  try {
    stopped = (await ada.client.rpc("stop_usage_session", { session_id: sessionId })).data;
    await tell("stop api");
    await tell("start api");
  } finally {
    chromium.thaw();
  }
  const woken = await shows(here, "it hears of the end", ({ status }) => status === "closed");
  expect(woken.totalUsageSeconds).toBe(stopped.total_usage_seconds);
  await shows(here, "it is live", isLive);
  await ada.client.rpc("start_usage_session");
  await shows(here, "it hears of the next", ({ isActive }) => isActive);
});

test("a laptop that slept past the expiry shows what it was charged, and at no moment that more is left", async () => {
  ada = await personWith(3600);
  const page = await chromium.tab(await device(), "clock");
  await make(page, "session", ada);
  await shows(page, "it is live", isLive);
  await act(page, "startSession");
  await tell("age user", ada.id, "10 minutes");
  const sleptAt = await page.evaluate(() => Date.now());
  await page.clock.fastForward("10:00"); // as when the lid was shut: what was due comes once, and late
  const woken = await shows(page, "it knows", ({ status }) => status === "expired");
  expect(woken).toMatchObject({ isHolder: false, hasReachedLimit: false, timeRemainingSeconds: 3510 });
  const states: Shown[] = await page.evaluate(() => window.shown.map((text) => JSON.parse(text)));
  const awake = states.filter(({ at }) => at - sleptAt > 300_000);
  expect(awake.length).toBeGreaterThan(0);
  for (const { timeRemainingSeconds } of awake) expect(timeRemainingSeconds).toBeLessThanOrEqual(3510);
});

test("a restarted stack is found again", async () => {
  ada = await personWith(3600);
  const [here, there] = [await open(await device()), await open(await device())];
  await act(here, "startSession");
  await tell("stop api");
  await shows(here, "it knows", ({ isConnected }) => !isConnected);
  await tell("start api");
  for (const page of [here, there]) await shows(page, "it is live", isLive);
  await act(there, "stopSession");
  await shows(here, "it hears of the end", ({ status }) => status === "closed");
});
