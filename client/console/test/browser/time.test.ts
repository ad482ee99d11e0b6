import { afterAll, beforeAll, expect, test } from "vitest";
import { backEnd, tell, until } from "../../../test/e2e/stack.ts";
import { type Account, accountOf, type Console, openConsole, signIn, visit } from "./console.ts";

let opened: Console;

beforeAll(async () => {
  opened = await openConsole();
});
afterAll(() => opened.close());

async function onPlan(seconds: number, nearLimit = 0): Promise<Account> {
  const account = await accountOf();
  await setPlan(account, seconds, nearLimit);
  return account;
}

async function setPlan(account: Account, seconds: number, nearLimit = 0): Promise<void> {
  const name = `${seconds} seconds, near at ${nearLimit}`;
  const columns = "id, name, limit_seconds, near_limit_seconds";
  const plan = `insert into public.plans (${columns}) values (%s, %s, %s, %s) on conflict do nothing`;
  await tell("sql", plan, name, name, seconds, nearLimit);
  const { error } = await backEnd().rpc("set_account", { user_id: account.id, plan_id: name });
  expect(error).toBeNull();
}

async function enter(account: Account) {
  const { page, faults } = await visit(opened);
  await signIn(page, account);
  const clock = page.getByRole("timer", { name: "Time left" });
  const button = (name: string) => page.getByRole("button", { name, exact: true });
  await until("the clock is told", async () => /^\d/.test((await clock.textContent()) ?? ""));
  return { page, faults, clock, button };
}

test("the clock starts, pauses, goes on and stops, and says so aloud", async () => {
  const { page, faults, clock, button } = await enter(await onPlan(3600));
  const said = page.getByRole("status");
  expect(await clock.textContent()).toBe("1:00:00");
  await button("Start").click();
  await until("it counts down", async () => (await clock.textContent())?.startsWith("59:5"));
  await until("it is said", async () => (await said.textContent()) === "The clock runs.");
  await button("Pause").click();
  await button("Resume").click();
  await button("Stop").click();
  await button("Start").waitFor();
  await until("it is said", async () => (await said.textContent()) === "The session is stopped.");
  expect(await page.getByText("All of this period's time is used").count()).toBe(0);
  await page.getByRole("link", { name: "Sessions" }).click();
  await page.getByRole("cell", { name: "This browser" }).waitFor();
  expect(faults).toEqual([]);
});

test("near the limit it warns, and at the limit it ends and cannot be started", async () => {
  const ada = await onPlan(3600, 3600);
  const { page, clock, button } = await enter(ada);
  await button("Start").click();
  await page.getByText("Near the limit").waitFor();
  await setPlan(ada, 1);
  await page.getByText("All of this period's time is used").waitFor();
  expect(await clock.textContent()).toBe("00:00");
  expect(await button("Start").isDisabled()).toBe(true);
});

test("another device sees the clock run, and takes it over", async () => {
  const ada = await onPlan(3600);
  const laptop = await enter(ada);
  const phone = await enter(ada);
  await laptop.button("Start").click();
  await phone.button("Take over").click();
  await phone.button("Pause").waitFor();
  await laptop.button("Take over").waitFor();
  await phone.button("Stop").click();
  await laptop.button("Start").waitFor();
});

test("whoever leaves another place of the console does not stop the clock", async () => {
  const { page, button } = await enter(await onPlan(3600));
  await button("Start").click();
  await button("Stop").waitFor();
  await page.getByRole("link", { name: "Credits" }).click();
  await page.getByRole("heading", { name: "Credits" }).waitFor();
  await page.getByRole("link", { name: "Time", exact: true }).click();
  await button("Stop").waitFor();
});
