import { beforeEach, expect, test } from "vitest";
import type { FeedSource } from "../src/feedSource.ts";
import { UsageFeed } from "../src/usageFeed.ts";
import { FakeClock, FakePage, FakeProject } from "./fakes.ts";

interface Thread {
  credits: number;
}

let clock: FakeClock;
let page: FakePage;
let project: FakeProject;
let asked: string[];
let answer: (thread: string) => Promise<Thread>;

const source: FeedSource<Thread, { thread: string }> = {
  topic: "user",
  load(_, { thread }) {
    asked.push(thread);
    return answer(thread);
  },
  isRelevant: ({ payload }, { thread }) => payload.thread_id === thread,
};

beforeEach(() => {
  [clock, page, project, asked] = [new FakeClock(), new FakePage(), new FakeProject(), []];
  answer = async () => ({ credits: asked.length });
});

async function open(): Promise<UsageFeed<Thread, { thread: string }>> {
  const feed = new UsageFeed(project.client, source, { thread: "one" }, { clock, page }).open();
  await clock.pass(0);
  project.channel.become("SUBSCRIBED");
  await clock.pass(500);
  asked = [];
  return feed;
}

test("a burst is one question, half a second after it began, and shows no loading", async () => {
  const feed = await open();
  const seen: string[] = [];
  feed.subscribe(() => {
    const { isLoading, isSyncing } = feed.getSnapshot();
    seen.push(`${isLoading} ${isSyncing}`);
  });
  for (let event = 0; event < 20; event += 1) {
    project.channel.tell("usage:logged", { thread_id: "one" });
    await clock.pass(20);
  }
  expect(asked).toEqual([]);
  await clock.pass(100);
  expect(asked).toEqual(["one"]);
  expect(seen[0]).toBe("false true");
  expect(seen.at(-1)).toBe("false false");
  expect(seen).not.toContain("true false");
});

test("what is of another thread is nobody's question", async () => {
  await open();
  project.channel.tell("usage:logged", { thread_id: "two" });
  await clock.pass(5_000);
  expect(asked).toEqual([]);
});

test("it asks every 30 seconds, every 10 while an agent runs, and not while nobody looks", async () => {
  const feed = await open();
  await clock.pass(60_000);
  expect(asked).toHaveLength(2);
  feed.setAgentRunning(true);
  expect(feed.getSnapshot()).toMatchObject({ isAgentRunning: true, refreshSeconds: 10 });
  await clock.pass(60_000);
  expect(asked).toHaveLength(8);
  page.visible = false;
  await clock.pass(60_000);
  expect(asked).toHaveLength(8);
});

test("only the answer to the latest question is shown, whichever comes last", async () => {
  const feed = await open();
  const answers: Record<string, (thread: Thread) => void> = {};
  answer = (thread) => new Promise((resolve) => (answers[thread] = resolve));
  void feed.refresh();
  await clock.pass(0);
  void feed.setQuery({ thread: "two" });
  await clock.pass(0);
  expect(feed.getSnapshot()).toMatchObject({ isLoading: true, query: { thread: "two" } });
  answers.two?.({ credits: 2 });
  await clock.pass(0);
  answers.one?.({ credits: 1 });
  await clock.pass(0);
  expect(feed.getSnapshot()).toMatchObject({ data: { credits: 2 }, isLoading: false, isSyncing: false });
});

test("a failure keeps what is shown, never hangs, and mends itself", async () => {
  const feed = await open();
  const { data } = feed.getSnapshot();
  answer = () => Promise.reject(new Error("network"));
  await Promise.all([feed.refresh(), clock.pass(0)]);
  expect(feed.getSnapshot()).toMatchObject({
    data,
    isLoading: false,
    isSyncing: false,
    error: { slug: "unreachable" },
  });
  answer = async () => ({ credits: 9 });
  await clock.pass(5_000);
  expect(feed.getSnapshot()).toMatchObject({ data: { credits: 9 }, error: null });
});

test("what was somebody else's is gone when another signs in", async () => {
  const feed = await open();
  project.user = "bob";
  answer = () => new Promise(() => {});
  await clock.pass(30_000);
  expect(project.channel.topic).toBe("user:bob");
  expect(feed.getSnapshot()).toMatchObject({ data: null, isLoading: true, isLive: false });
});
