import { afterEach, expect, test } from "vitest";
import { ReadingRoom } from "../../src/readingRoom.ts";
import { type Person, personOf, tell, until } from "./stack.ts";

const opened: ReadingRoom[] = [];

afterEach(() => {
  for (const room of opened.splice(0)) room.dispose();
});

function roomOf({ client }: Person): ReadingRoom {
  const room = new ReadingRoom(client);
  opened.push(room);
  return room;
}

async function host(): Promise<{ ada: Person; adas: ReadingRoom; inviteCode: string; id: string }> {
  const ada = await personOf();
  const adas = roomOf(ada);
  await adas.create({ title: "Tarot", displayName: "Ada" });
  expect(adas.getSnapshot()).toMatchObject({ status: "in", isHost: true, error: null, room: { title: "Tarot" } });
  await until("it is live", () => adas.getSnapshot().isConnected);
  const { inviteCode = "", id = "" } = adas.getSnapshot().room ?? {};
  return { ada, adas, inviteCode, id };
}

async function guest(inviteCode: string): Promise<{ bob: Person; bobs: ReadingRoom }> {
  const bob = await personOf();
  const bobs = roomOf(bob);
  await bobs.join({ inviteCode }, "Bob");
  await until("it is live", () => bobs.getSnapshot().isConnected);
  return { bob, bobs };
}

const names = (room: ReadingRoom) => room.getSnapshot().participants.map(({ displayName }) => displayName);

test("people come, speak and leave, and the next becomes host", async () => {
  const { adas, inviteCode } = await host();
  const { bobs } = await guest(inviteCode);
  await until("ada sees bob", () => names(adas).join() === "Ada,Bob");
  const heard: string[] = [];
  adas.onMessage(({ event, payload }) => heard.push(`${event} ${payload.name}`));
  expect(await bobs.send("card", { name: "The Sun" })).toBe(true);
  await until("ada hears bob", () => heard.join() === "card The Sun");
  await adas.leave();
  expect(adas.getSnapshot().status).toBe("left");
  await until("bob is host", () => bobs.getSnapshot().isHost && names(bobs).join() === "Bob");
});

test("who was removed is out, and the others go on", async () => {
  const { adas, inviteCode } = await host();
  const { bob, bobs } = await guest(inviteCode);
  const { bobs: cleos } = await guest(inviteCode);
  await adas.remove(bob.id);
  await until("bob is out", () => bobs.getSnapshot().status === "removed");
  await until("the others moved", () => [adas, cleos].every((each) => each.getSnapshot().room?.topic.endsWith(":1")));
  await until("they are live", () => [adas, cleos].every((each) => each.getSnapshot().isConnected));
  const heard: string[] = [];
  adas.onMessage(({ event }) => heard.push(event));
  await cleos.send("card");
  await until("ada hears the other", () => heard.length === 1);
  await bobs.join({ inviteCode });
  expect(bobs.getSnapshot()).toMatchObject({ status: "outside", error: { slug: "not_a_participant" } });
});

test("an end is heard, and an expired link is told as such", async () => {
  const { adas, inviteCode } = await host();
  const { bobs } = await guest(inviteCode);
  await adas.end();
  await until("bob hears it", () => bobs.getSnapshot().status === "ended");
  const { adas: others, inviteCode: old, id } = await host();
  await tell("age room", id, "2 hours");
  await others.stay();
  expect(others.getSnapshot().status).toBe("expired");
  const late = roomOf(await personOf());
  await late.join({ inviteCode: old });
  expect(late.getSnapshot()).toMatchObject({ status: "expired", error: { slug: "invite_expired" } });
});
