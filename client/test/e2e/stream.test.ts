// A network that lets no WebSocket through: then the worker's stream tells, and polling where there is none.
import { createClient } from "@supabase/supabase-js";
import { afterEach, expect, test } from "vitest";
import { UsageSession } from "../../src/usageSession.ts";
import { type Person, personOf, personWith, reach, until } from "./stack.ts";

class NoSocket extends WebSocket {
  constructor() {
    super("ws://127.0.0.1:9/");
  }
}

const opened: UsageSession[] = [];

afterEach(() => {
  for (const session of opened.splice(0)) session.dispose();
});

function open({ token }: Person, streamUrl: string): UsageSession {
  const options = { accessToken: async () => token, realtime: { transport: NoSocket } };
  const client = createClient(reach.url, reach.anonKey, options);
  const session = new UsageSession(client, { deviceId: "laptop", streamUrl }).open();
  opened.push(session);
  return session;
}

test("the stream tells of what other devices do", async () => {
  const ada = await personWith(3600);
  const session = open(ada, `${reach.workerUrl}/usage/stream`);
  await until("the stream tells", () => session.getSnapshot().connection === "stream");
  expect(session.getSnapshot()).toMatchObject({ isConnected: true, status: "idle", error: null });
  const { client } = await personOf(ada.id);
  const { data } = await client.rpc("start_usage_session");
  await until("it hears of the start", () => session.getSnapshot().isActive);
  await client.rpc("stop_usage_session", { session_id: data.session_id });
  await until("it hears of the end", () => session.getSnapshot().status === "closed");
  await session.startSession();
  expect(session.getSnapshot()).toMatchObject({ isHolder: true, error: null });
});

test("without a stream it asks, and what one does works all the same", async () => {
  const session = open(await personWith(3600), "http://127.0.0.1:9/usage/stream");
  await until("it asks", () => session.getSnapshot().connection === "polling");
  await session.startSession();
  expect(session.getSnapshot()).toMatchObject({ isHolder: true, isConnected: false, error: null });
  await session.stopSession();
  expect(session.getSnapshot()).toMatchObject({ status: "closed", error: null });
});
