import { beforeEach, expect, test, vi } from "vitest";
import { LiveChannel, type Told } from "../src/liveChannel.ts";
import { FakeClock, FakePage, FakeProject } from "./fakes.ts";

let clock: FakeClock;
let page: FakePage;
let project: FakeProject;
let channel: LiveChannel;
let heard: (string | Told)[];
let close: () => void;

beforeEach(async () => {
  vi.spyOn(Math, "random").mockReturnValue(1); // the longest that each wait can be
  [clock, page, project, heard] = [new FakeClock(), new FakePage(), new FakeProject(), []];
  channel = new LiveChannel(project.client, "user:ada", clock, page);
  close = channel.listen({
    onEvent: (told) => heard.push(told),
    onLive: () => heard.push("live"),
    onDown: (reason) => heard.push(reason ?? "down"),
  });
  await clock.pass(0);
  project.channel.become("SUBSCRIBED");
});

test("a channel that the server closes is followed by a fresh one, with a fresh token", async () => {
  project.channel.become("CLOSED");
  await clock.pass(500);
  expect(project.channels).toHaveLength(2);
  expect(project.tokensAsked).toBe(2);
  project.channel.become("SUBSCRIBED");
  project.channel.tell("session:closed", { version: 2 });
  expect(heard).toEqual(["live", "down", "live", { event: "session:closed", payload: { version: 2 } }]);
});

test("tries are ever rarer, down to one in half a minute, and each failure is told with its reason", async () => {
  for (const waitMs of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    const made = project.channels.length;
    project.channel.become("CHANNEL_ERROR", new Error("Unauthorized"));
    await clock.pass(waitMs - 1);
    expect(project.channels).toHaveLength(made);
    await clock.pass(1);
    expect(project.channels).toHaveLength(made + 1);
  }
  expect(heard).toEqual(["live", ...Array(8).fill("Unauthorized")]);
});

test("a join that nobody answers is given up", async () => {
  project.channel.become("CLOSED");
  await clock.pass(500);
  await clock.pass(12_000 + 1_000);
  expect(project.channels).toHaveLength(3);
});

test("a channel that misses what was told elsewhere is deaf, and followed by a fresh one", async () => {
  channel.expect(3); // where hearing begins
  channel.expect(4);
  await clock.pass(4_000);
  project.channel.tell("session:updated", { version: 4 });
  await clock.pass(5_000);
  expect(project.channels).toHaveLength(1);
  channel.expect(5);
  await clock.pass(5_000);
  expect(project.channels).toHaveLength(2);
  project.channel.become("SUBSCRIBED");
  channel.expect(5);
  await clock.pass(60_000);
  expect(project.channels).toHaveLength(2);
});

test("what an old channel says late does not count", async () => {
  const old = project.channel;
  channel.renew();
  await clock.pass(0);
  old.become("CLOSED");
  old.tell("session:closed", { version: 9 });
  project.channel.become("SUBSCRIBED");
  await clock.pass(60_000);
  expect(project.channels).toHaveLength(2);
  expect(heard).toEqual(["live", "down", "live"]);
});

test("a page that wakes, or finds the network again, does not wait", async () => {
  page.tell("woken");
  await clock.pass(0);
  project.channel.become("CHANNEL_ERROR");
  page.tell("online");
  await clock.pass(0);
  expect(project.channels).toHaveLength(3);
});

test("nothing is tried once nobody listens", async () => {
  close();
  project.channel.become("CLOSED");
  await clock.pass(120_000);
  expect(project.channels).toHaveLength(1);
});
