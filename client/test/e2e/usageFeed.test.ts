import { afterEach, expect, test } from "vitest";
import { creditBalance, type FeedSource, threadUsage, usageOverview } from "../../src/feedSource.ts";
import { UsageFeed } from "../../src/usageFeed.ts";
import { backEnd, type Person, personOf, until } from "./stack.ts";

const opened: { dispose(): void }[] = [];

afterEach(() => {
  for (const feed of opened.splice(0)) feed.dispose();
});

async function live<Data, Query>({ client }: Person, source: FeedSource<Data, Query>, query: Query) {
  const feed = new UsageFeed(client, source, query).open();
  opened.push(feed);
  await until("it is live and loaded", () => feed.getSnapshot().isLive && feed.getSnapshot().updatedAt !== null);
  return feed;
}

async function charge(userId: string, threadId: string, credits = 2) {
  const values = { user_id: userId, credits, thread_id: threadId, overdraft: true, prompt_tokens: 10 };
  expect((await backEnd().rpc("record_usage", values)).error).toBeNull();
}

test("a thread's credits move while an agent works, without a word of loading", async () => {
  const ada = await personOf();
  const feed = await live(ada, threadUsage, { threadId: "one" });
  expect(feed.getSnapshot()).toMatchObject({ data: { credits: 0 }, isLoading: false, error: null });
  const loading: boolean[] = [];
  feed.subscribe(() => loading.push(feed.getSnapshot().isLoading));
  await charge(ada.id, "one");
  await until("it is shown", () => feed.getSnapshot().data?.credits === 2);
  expect(loading).not.toContain(true);
});

test("another thread is loaded, and its predecessor not listened to", async () => {
  const ada = await personOf();
  await charge(ada.id, "two", 5);
  const feed = await live(ada, threadUsage, { threadId: "one" });
  const balance = await live(ada, creditBalance, undefined);
  await feed.setQuery({ threadId: "two" });
  expect(feed.getSnapshot()).toMatchObject({ data: { threadId: "two", credits: 5 }, isLoading: false });
  const { updatedAt } = feed.getSnapshot();
  await charge(ada.id, "one");
  await until("the charge is told", () => balance.getSnapshot().data?.usedThisPeriod === 7);
  expect(feed.getSnapshot().updatedAt).toBe(updatedAt);
});

test("the administrators' page follows what everybody uses", async () => {
  const admin = await personOf("admin", { app_metadata: { role: "admin" } });
  const ada = await personOf();
  const feed = await live(admin, usageOverview, { search: ada.id, pageSize: 5 });
  expect(feed.getSnapshot().data?.rows).toEqual([]);
  await charge(ada.id, "one");
  await until("it is shown", () => feed.getSnapshot().data?.rows[0]?.credits === 2);
  expect(feed.getSnapshot().data).toMatchObject({ totalRows: 1, totalTokens: 10 });
});

test("somebody else sees that the page is not for them", async () => {
  const ada = await personOf();
  const feed = new UsageFeed(ada.client, usageOverview, {}).open();
  opened.push(feed);
  await until("it is refused", () => feed.getSnapshot().error?.slug === "admin_only");
  expect(feed.getSnapshot()).toMatchObject({ data: null, isLoading: false });
});
