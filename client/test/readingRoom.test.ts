import { beforeEach, expect, test } from "vitest";
import { ReadingRoom } from "../src/readingRoom.ts";
import { FakeClock, FakePage, FakeProject, lost, refused } from "./fakes.ts";

const ROOM = { id: "r", host_id: "ada", title: "Tarot", invite_code: "code", topic: "reading_session:r" };
const ADA = { user_id: "ada", display_name: "Ada", role: "host", is_online: true };

let clock: FakeClock;
let page: FakePage;
let project: FakeProject;
let room: ReadingRoom;

beforeEach(async () => {
  [clock, page, project] = [new FakeClock(), new FakePage(), new FakeProject()];
  project.answers.set("create_reading_session", () => ({ data: ROOM }));
  project.answers.set("list_participants", () => ({ data: [ADA] }));
  project.answers.set("touch_presence", () => ({ data: "2026-03-02T09:00:00Z" }));
  room = new ReadingRoom(project.client, { clock, page });
  await Promise.all([room.create(), clock.pass(0)]);
  for (const channel of project.channels) channel.become("SUBSCRIBED");
});

const touches = () => project.called("touch_presence").length;
const roomChannel = () => project.channels.find(({ topic }) => topic === ROOM.topic);

test("a sign of life every 30 seconds, and at once when the page is woken or seen", async () => {
  await clock.pass(90_000);
  expect(touches()).toBe(3);
  page.tell("woken");
  page.tell("visible");
  await clock.pass(0);
  expect(touches()).toBe(5);
  await clock.pass(29_000);
  expect(touches()).toBe(5);
});

test("a sign of life that got lost is given again soon, and is no end", async () => {
  project.answers.set("touch_presence", () => lost);
  await clock.pass(45_000);
  expect(touches()).toBeGreaterThan(3);
  expect(room.getSnapshot()).toMatchObject({ status: "in", error: { slug: "unreachable" } });
});

test("a warning is shown until the next sign of life calls it off", async () => {
  roomChannel()?.tell("session:expiring", { expires_at: "2026-03-02T10:00:00Z", minutes_left: 4 });
  expect(room.getSnapshot()).toMatchObject({ isExpiring: true, minutesLeft: 4, expiresAt: "2026-03-02T10:00:00Z" });
  await clock.pass(30_000);
  expect(room.getSnapshot()).toMatchObject({ isExpiring: false, minutesLeft: null });
});

test("a room that is over asks its link how it ended", async () => {
  project.answers.set("touch_presence", () => refused("session_closed", 409));
  project.answers.set("join_session", () => refused("session_not_found", 404));
  await clock.pass(30_000);
  expect(room.getSnapshot()).toMatchObject({ status: "ended", participants: [] });
  await clock.pass(300_000);
  expect(touches()).toBe(1);
});
