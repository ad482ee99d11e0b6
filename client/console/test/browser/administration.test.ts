import { afterAll, beforeAll, expect, test } from "vitest";
import { backEnd, until } from "../../../test/e2e/stack.ts";
import { accountOf, type Console, openConsole, signIn, visit } from "./console.ts";

const EVIL = "<img src=x onerror=alert(1)>";

/** As a share of the window: a number that gets longer begins further left. A row that moved would be a hundredth. */
const A_LONGER_NUMBER = 0.001;

interface Seen {
  shift: number;
  loading: number;
}

let opened: Console;

beforeAll(async () => {
  opened = await openConsole();
});
afterAll(() => opened.close());

/** People of whom a search finds just these. */
async function crowd(count: number): Promise<string> {
  const name = `crowd-${crypto.randomUUID()}`;
  const server = backEnd();
  for (let at = 0; at < count; at += 1) {
    const person = `${name}-${at}`;
    const account = { user_id: person, display_name: at === 0 ? EVIL : `Person ${at}`, email: `${person}@example.com` };
    expect((await server.rpc("set_account", account)).error).toBeNull();
  }
  return name;
}

async function charge(userId: string, credits: number) {
  const values = { user_id: userId, credits, overdraft: true, prompt_tokens: 10, thread_id: "one" };
  expect((await backEnd().rpc("record_usage", values)).error).toBeNull();
}

test("the usage page follows what is used, in place, without a word of loading", async () => {
  const name = await crowd(12);
  const { page, faults } = await visit(opened, "#/usage");
  await signIn(page, await accountOf({ isAdmin: true }));
  await page.getByLabel("Search").fill(name);
  const table = page.getByRole("table", { name: "Usage by person" });
  await page.getByText("1–10 of 12").waitFor();
  await page.getByLabel("Sort by").selectOption("name");
  await table.getByText(EVIL, { exact: true }).waitFor();
  expect(await page.locator("img").count()).toBe(0);
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("11–12 of 12").waitFor();
  await until("two are shown", async () => (await table.getByRole("row").count()) === 3);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.evaluate(() => {
    const seen = { shift: 0, loading: 0 };
    Object.assign(globalThis, { seen });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) seen.shift += (entry as unknown as { value: number }).value;
    }).observe({ type: "layout-shift" });
    new MutationObserver(() => {
      if (document.querySelector("[aria-busy=true]")) seen.loading += 1;
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  const last = await table.getByRole("row").last().getByRole("cell").first().textContent();
  await charge(`${name}-${/Person (\d+)/.exec(last ?? "")?.[1]}`, 7.25);
  await table.getByText("7.25").waitFor();
  await page.getByText("11–12 of 12").waitFor();
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);
  expect(seen.loading).toBe(0);
  expect(seen.shift).toBeLessThan(A_LONGER_NUMBER);
  expect(faults).toEqual([]);
});

test("a thread's credits move while somebody looks at them", async () => {
  const ada = await accountOf();
  await charge(ada.id, 1);
  const { page } = await visit(opened, "#/credits");
  await signIn(page, ada);
  const thread = page.getByRole("region", { name: "Live thread" });
  await thread.getByText("Live", { exact: true }).waitFor();
  await charge(ada.id, 2.5);
  await thread.getByText("3.5", { exact: true }).waitFor();
});

test("the administration is shown to administrators only", async () => {
  const { page } = await visit(opened, "#/usage");
  await signIn(page, await accountOf());
  await page.getByRole("heading", { name: "Time", exact: true }).waitFor();
  expect(await page.getByRole("link", { name: "Usage" }).count()).toBe(0);
});
