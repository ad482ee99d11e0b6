import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, expect, test } from "vitest";
import { Connection, type ConnectionKind, type Wiring } from "../src/connection.ts";
import type { Told } from "../src/liveChannel.ts";
import { FakeClock, FakePage, FakeProject } from "./fakes.ts";

let clock: FakeClock;
let page: FakePage;
let project: FakeProject;
let kinds: ConnectionKind[];
let heard: Told[];
let refetches: number;

beforeEach(() => {
  [clock, page, project, kinds, heard, refetches] = [new FakeClock(), new FakePage(), new FakeProject(), [], [], 0];
});

async function open(wiring: Partial<Wiring> = {}): Promise<Connection> {
  const connection = new Connection({
    client: project.client,
    topic: "user:ada",
    clock,
    page,
    pollMs: () => 10_000,
    onEvent: (told) => heard.push(told),
    onRefetch: () => {
      refetches += 1;
    },
    onChange: (kind) => kinds.push(kind),
    ...wiring,
  });
  connection.open();
  await clock.pass(0);
  return connection;
}

test("it asks again and again while nothing tells, and asks once when something does", async () => {
  await open();
  await clock.pass(3_000);
  expect(kinds).toEqual(["polling"]);
  await clock.pass(20_000);
  expect(refetches).toBe(3);
  project.channel.become("SUBSCRIBED");
  await clock.pass(60_000);
  expect(kinds).toEqual(["polling", "live"]);
  expect(refetches).toBe(4);
});

test("a moment without a channel changes nothing but that", async () => {
  await open();
  project.channel.become("SUBSCRIBED");
  project.channel.become("CLOSED");
  await clock.pass(600);
  project.channel.become("SUBSCRIBED");
  await clock.pass(60_000);
  expect(kinds).toEqual(["live", "connecting", "live"]);
  expect(refetches).toBe(2);
});

test("offline it asks nobody, and it asks when the network and the page are back", async () => {
  await open();
  page.online = false;
  page.tell("offline");
  await clock.pass(60_000);
  expect(kinds).toEqual(["offline"]);
  expect(refetches).toBe(0);
  page.online = true;
  page.tell("online");
  page.tell("visible");
  expect(refetches).toBe(2);
});

test("without Realtime the worker's stream tells, with the user's own token", async () => {
  let tokens: (string | undefined)[] = [];
  const worker = createServer((request, response) => {
    tokens = [...tokens, request.headers.authorization];
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('event: session:state\ndata: {"version": 3}\n\n');
    response.write('event: credits:changed\ndata: {"version": 4}\n\n');
  });
  await new Promise<void>((resolve) => worker.listen(0, "127.0.0.1", resolve));
  const { port } = worker.address() as AddressInfo;
  const connection = await open({ streamUrl: `http://127.0.0.1:${port}/usage/stream` });
  await clock.pass(3_000);
  await expect.poll(() => heard).toHaveLength(2);
  expect(heard).toEqual([
    { event: "session:state", payload: { state: { version: 3 } } },
    { event: "credits:changed", payload: { version: 4 } },
  ]);
  expect(tokens[0]).toMatch(/^Bearer e30\./);
  expect(connection.kind).toBe("stream");
  const asked = refetches;
  await clock.pass(60_000);
  expect(refetches).toBe(asked);
  project.channels.at(-1)?.become("SUBSCRIBED");
  expect(connection.kind).toBe("live");
  worker.closeAllConnections();
  worker.close();
});
