import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backEnd, type Person, personOf, reach, tell, until } from "../e2e/stack.ts";
import { type Chromium, startChromium } from "./browser.ts";

let chromium: Chromium;

beforeAll(async () => {
  chromium = await startChromium();
});
afterAll(() => chromium.close());

function show(page: Page, { token }: Person, values: { threadId: string; section: string } | null): Promise<void> {
  return page.evaluate(([url, key, token, values]) => window.show(url, key, token, values), [
    reach.url,
    reach.anonKey,
    token,
    values,
  ] as const);
}

test("hooks show what is, do what buttons say, and leave nothing behind", async () => {
  const ada = await personOf();
  const page = await chromium.tab(await chromium.device());
  const faults: string[] = [];
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(error.message));
  const reads = (id: string, text: string) =>
    until(`${id} reads ${text}`, async () => (await page.textContent(`#${id}`)) === text);
  const press = (name: string) => page.click(`text="${name}"`);
  await show(page, ada, { threadId: "one", section: "home" });
  await reads("countdown", "idle elsewhere live");
  await reads("tracked", "active home 0");
  await reads("thread", "one 0 live");
  await press("start");
  await reads("countdown", "active here live");
  await press("stop");
  await reads("countdown", "closed elsewhere live");
  await press("log");
  await reads("tracked", "active home 0");
  await press("create");
  await reads("room", "in 1");
  await press("leave");
  await reads("room", "left 0");
  await backEnd().rpc("record_usage", { user_id: ada.id, credits: 2, thread_id: "two", overdraft: true });
  await show(page, ada, { threadId: "two", section: "map" });
  await reads("thread", "two 2 live");
  await reads("tracked", "active map 0");
  await press("start");
  await reads("countdown", "active here live");
  await show(page, ada, null);
  const query = `select (select count(*) from public.usage_sessions where user_id = %s and ended_at is null)
    + (select count(*) from public.user_sessions where user_id = %s and session_end is null)`;
  await until("both rows end", async () => ((await tell("sql", query, ada.id, ada.id)) as number[][])[0]?.[0] === 0);
  expect(faults).toEqual([]);
});
