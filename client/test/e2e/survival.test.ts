// What supabase-js does not survive by itself: each time, another device's deed has to be heard afterwards.
import { createClient } from "@supabase/supabase-js";
import { afterAll, afterEach, test } from "vitest";
import { UsageSession } from "../../src/usageSession.ts";
import { type Person, personOf, personWith, reach, tell, until } from "./stack.ts";

const opened: UsageSession[] = [];

// It keeps connections of before the database was restarted, which fail whoever uses them first.
afterAll(async () => {
  await tell("stop api");
  await tell("start api");
});
afterEach(() => {
  for (const session of opened.splice(0)) session.dispose();
});

async function watching({ client }: Pick<Person, "client">): Promise<UsageSession> {
  const session = new UsageSession(client, { deviceId: "laptop" }).open();
  opened.push(session);
  await until("it is live and loaded", () => session.getSnapshot().isConnected && session.getSnapshot().isLoaded);
  return session;
}

async function startsAndStops(ada: Person, watcher: UsageSession): Promise<void> {
  const { client } = await personOf(ada.id);
  for (const [name, status] of [
    ["start_usage_session", "active"],
    ["stop_usage_session", "closed"],
  ] as const) {
    const values = name === "start_usage_session" ? {} : { session_id: watcher.getSnapshot().sessionId };
    await until(`${name} is answered`, async () => (await client.rpc(name, values)).error === null);
    await until(`it hears that the session is ${status}`, () => watcher.getSnapshot().status === status);
  }
}

test("the server is restarted", async () => {
  const ada = await personWith(3600);
  const session = await watching(ada);
  await session.startSession();
  await tell("stop api");
  await until("it is known", () => !session.getSnapshot().isConnected);
  const { timeRemainingSeconds } = session.getSnapshot();
  await until("it counts on", () => session.getSnapshot().timeRemainingSeconds !== timeRemainingSeconds);
  await tell("start api");
  await until("it is live again", () => session.getSnapshot().isConnected && session.getSnapshot().error === null);
  await session.stopSession();
  await startsAndStops(ada, session);
});

test("the database is restarted", async () => {
  const ada = await personWith(3600);
  const session = await watching(ada);
  await tell("stop database");
  await tell("start database");
  const { client } = await personOf(ada.id);
  await until("something is heard", async () => {
    // What is sent before Realtime listens to the database again is lost, to be asked for within a minute.
    await client.rpc("usage_ping", { active: true });
    await client.rpc("usage_ping", { active: false });
    return session.getSnapshot().version > 0;
  });
  await until("it is up to date", () => !session.getSnapshot().isActive);
  await startsAndStops(ada, session);
});

test("the token of the channel expires", async () => {
  const ada = await personWith(3600);
  const short = (await tell("sign", { sub: ada.id, role: "authenticated" }, 2)) as string;
  let token = short;
  const client = createClient(reach.url, reach.anonKey, { accessToken: async () => token });
  const session = await watching({ client });
  token = ada.token;
  await until("the channel was closed", () => !session.getSnapshot().isConnected);
  await until("it is live again", () => session.getSnapshot().isConnected);
  await startsAndStops(ada, session);
});

test("two sessions of one client share its channel, and one goes without the other", async () => {
  const ada = await personWith(3600);
  const [one, two] = [await watching(ada), await watching(ada)];
  one.dispose();
  await startsAndStops(ada, two);
});
