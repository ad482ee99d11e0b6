import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { backEnd, type Person, personOf, until } from "../e2e/stack.ts";
import { act, type Chromium, type Kind, make, shown, shows, startChromium } from "./browser.ts";

let chromium: Chromium;
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

async function open(on: BrowserContext, kind: Kind, person: Person): Promise<Page> {
  const page = await chromium.tab(on);
  await make(page, kind, person);
  return page;
}

const isTracked = ({ isActive }: { isActive: boolean }) => isActive;

async function endOf(person: Person, id: string): Promise<string | null> {
  const { data } = await person.client.from("user_sessions").select("session_end").eq("id", id).single();
  return data?.session_end;
}

test("a thousand events that were queued offline arrive once, over a reload", async () => {
  const ada = await personOf();
  const laptop = await device();
  const page = await open(laptop, "tracker", ada);
  await shows(page, "it is active", isTracked);
  await laptop.setOffline(true);
  await page.evaluate(() => {
    for (let number = 0; number < 1_000; number += 1) window.it.logEvent?.("step", { number });
  });
  expect((await shown(page)).queuedEvents).toBe(1_000);
  await laptop.setOffline(false);
  await page.reload();
  await make(page, "tracker", ada);
  await shows(page, "all are sent", ({ isActive, queuedEvents }) => isActive && queuedEvents === 0);
  const steps = ada.client.from("session_events").select("*", { count: "exact", head: true }).eq("event_type", "step");
  expect((await steps).count).toBe(1_000);
});

test("events whose answer got lost are sent again, and are there once", async () => {
  const ada = await personOf();
  const laptop = await device();
  const page = await open(laptop, "tracker", ada);
  await shows(page, "it is active", isTracked);
  let losses = 0;
  await laptop.route("**/rpc/log_session_events", async (route) => {
    losses += 1;
    await route.fetch();
    await (losses === 1 ? route.abort() : route.continue());
  });
  await act(page, "logEvent", "step");
  await shows(page, "it is sent", ({ queuedEvents }) => queuedEvents === 0);
  const steps = ada.client.from("session_events").select("*", { count: "exact", head: true }).eq("event_type", "step");
  expect([(await steps).count, losses]).toEqual([1, 2]);
});

test("tabs track one session, and it ends with the last of them", async () => {
  const ada = await personOf();
  const laptop = await device();
  const one = await open(laptop, "tracker", ada);
  const { sessionId } = await shows(one, "it is active", isTracked);
  const two = await open(laptop, "tracker", ada);
  expect(await shows(two, "the other is", isTracked)).toMatchObject({ sessionId });
  await one.close({ runBeforeUnload: true });
  await until("it is closed", () => one.isClosed());
  expect(await endOf(ada, sessionId)).toBeNull();
  await two.close({ runBeforeUnload: true });
  await until("the row ends", () => endOf(ada, sessionId));
});

test("tabs share one subscription, and another tab takes it over", async () => {
  const ada = await personOf();
  const laptop = await device();
  const sockets: string[] = [];
  laptop.on("page", (page) => page.on("websocket", (socket) => sockets.push(socket.url())));
  const [one, two] = [await open(laptop, "balance", ada), await open(laptop, "balance", ada)];
  for (const page of [one, two]) await shows(page, "it is live", ({ isLive, data }) => isLive && data);
  expect(sockets).toHaveLength(1);
  const grant = async (total: number) => {
    expect((await backEnd().rpc("grant_credits", { user_id: ada.id, credits: 5 })).error).toBeNull();
    for (const page of [one, two].filter((each) => !each.isClosed())) {
      await shows(page, `it shows ${total}`, ({ data }) => data.balance === total);
    }
  };
  await grant(5);
  await one.close({ runBeforeUnload: true });
  await until("another socket is there", () => sockets.length === 2);
  await shows(two, "it is live", ({ isLive }) => isLive);
  await grant(10);
});
