import { afterAll, beforeAll, expect, test } from "vitest";
import { tell, until } from "../../../test/e2e/stack.ts";
import { accountOf, type Console, openConsole, signIn, visit } from "./console.ts";

const EVIL = '<img src=x onerror="document.title=`taken`">';

let opened: Console;

beforeAll(async () => {
  opened = await openConsole();
});
afterAll(() => opened.close());

async function enter(place: string) {
  const { page, faults } = await visit(opened, place);
  await signIn(page, await accountOf());
  return { page, faults };
}

async function hosted(name: string) {
  const { page, faults } = await enter("#/rooms");
  const card = page.getByRole("region", { name: "Create a room" });
  await card.getByLabel("Title").fill("Reading circle");
  await card.getByLabel("Your name in the room").fill(name);
  await card.getByRole("button", { name: "Create" }).click();
  const link = await page.getByLabel("Invite link").inputValue();
  return { page, faults, link, place: new URL(link).hash };
}

async function idOf(place: string): Promise<string | undefined> {
  const code = decodeURIComponent(place.split("/").pop() ?? "");
  const found = await tell("sql", "select id from public.reading_sessions where invite_code = %s", code);
  return (found as string[][])[0]?.[0];
}

test("a guest joins by the link, is seen, is removed, and hears it; a name stays text", async () => {
  const host = await hosted("Ada");
  const guest = await enter(host.place);
  await guest.page.getByRole("region", { name: "Join by link" }).getByLabel("Your name").fill(EVIL);
  await guest.page.getByRole("button", { name: "Join", exact: true }).click();
  await guest.page.getByRole("heading", { name: "Reading circle" }).waitFor();
  await host.page.getByText(EVIL, { exact: true }).waitFor();
  expect(await host.page.locator("img").count()).toBe(0);
  await host.page.getByRole("button", { name: `Remove ${EVIL}` }).click();
  await host.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await guest.page.getByText("The host has removed you").waitFor();
  await host.page.getByText("1 online of 1").waitFor();
  expect(await host.page.title()).toBe("Reading circle · Hourglass");
  expect([...host.faults, ...guest.faults]).toEqual([]);
});

test("a room that is ended is over for its guests, and its link leads nowhere", async () => {
  const host = await hosted("Ada");
  const guest = await enter(host.place);
  await guest.page.getByRole("button", { name: "Join", exact: true }).click();
  await guest.page.getByRole("heading", { name: "Reading circle" }).waitFor();
  await host.page.getByRole("button", { name: "End for everybody" }).click();
  await host.page.getByRole("dialog").getByRole("button", { name: "End the room" }).click();
  await guest.page.getByText("The room has ended").waitFor();
  const late = await enter(host.place);
  await late.page.getByRole("button", { name: "Join", exact: true }).click();
  await late.page.getByText("There is no such room").waitFor();
});

test("a room that is about to expire says so, and a sign of life calls it off", async () => {
  const { page, place } = await hosted("Ada");
  await page.getByText("Live", { exact: true }).waitFor();
  await tell("age room", await idOf(place), "57 minutes");
  await tell("sql", "select private.run_due(100)");
  await page.getByText("This room expires in").waitFor();
  await page.getByRole("button", { name: "I am still here" }).click();
  await until("it is called off", async () => (await page.getByText("This room expires in").count()) === 0);
});

test("a link that has expired says so in the words of the server", async () => {
  const host = await hosted("Ada");
  await host.page.getByRole("button", { name: "Leave" }).click();
  await tell("age room", await idOf(host.place), "2 hours");
  const late = await enter(host.place);
  await late.page.getByRole("button", { name: "Join", exact: true }).click();
  await late.page.getByText("This invitation link has expired. Sessions become inactive after 1 hour").waitFor();
});
