// Rooms as supabase-js shows them: who hears, speaks and is seen there, and who does none of it.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { answer, backEnd, leave, listen, nobody, refusal, user } from "./people.mjs";

after(leave);

async function roomOf(host, ...guests) {
  const room = await answer(host.rpc("create_reading_session", { title: "Tarot", display_name: "Host" }));
  for (const guest of guests) await answer(guest.rpc("join_session", { invite_code: room.invite_code }));
  return room;
}

async function nextEvent({ next }, expected) {
  const { event, payload } = await next();
  assert.equal(event, expected);
  return payload;
}

const say = ({ channel }, event, payload = {}) => channel.send({ type: "broadcast", event, payload });

test("a room is joined by its code, and who is in hears and speaks", async () => {
  const [ada, bob] = [user(), user()];
  const room = await roomOf(ada);
  assert.deepEqual([room.host_id, room.topic, room.is_active], [ada.id, `reading_session:${room.id}`, true]);
  const adas = await listen(ada, room.topic);
  const joined = await answer(bob.rpc("join_session", { invite_code: room.invite_code, display_name: "Bob" }));
  const { participant, host_id, version } = await nextEvent(adas, "participant:joined");
  assert.deepEqual([participant.user_id, participant.display_name, participant.role], [bob.id, "Bob", "participant"]);
  assert.deepEqual([participant.joined_at, host_id, version], [joined.joined_at, ada.id, 2]);
  const bobs = await listen(bob, room.topic);
  await say(bobs, "card", { name: "The Sun" });
  assert.deepEqual(await adas.next(), { event: "card", payload: { name: "The Sun" } });
  await say(adas, "card", { name: "The Moon" });
  assert.deepEqual(await bobs.next(), { event: "card", payload: { name: "The Moon" } });
  const listed = await answer(bob.rpc("list_participants", { session_id: room.id }, { get: true }));
  assert.deepEqual(listed.map((one) => [one.user_id, one.is_online]), [[ada.id, true], [bob.id, true]]);
});

test("a stranger neither joins nor speaks nor hears", async () => {
  const [ada, bob, eve] = [user(), user(), user()];
  const room = await roomOf(ada, bob);
  const [adas, bobs] = [await listen(ada, room.topic), await listen(bob, room.topic)];
  for (const stranger of [eve, nobody()]) {
    const { channel, error } = await listen(stranger, room.topic);
    assert.match(error.message, /Unauthorized/);
    const refused = await channel.httpSend("forged", {}).catch((fault) => fault);
    assert.notEqual(refused.success, true);
    await stranger.removeChannel(channel); // or it would try again and again
  }
  const known = { session_id: room.id, access_method: "direct" };
  assert.equal((await refusal(eve.rpc("join_session", known))).message, "session_not_found");
  const outside = await listen(eve, room.topic, { isPrivate: false, self: true });
  await say(outside, "forged");
  assert.equal((await outside.next()).event, "forged");
  await say(bobs, "card");
  await nextEvent(adas, "card");
  await say(outside, "last");
  assert.equal((await outside.next()).event, "last");
});

test("who is in is present to the others, and a stranger is not", async () => {
  const [ada, bob, eve] = [user(), user(), user()];
  const room = await roomOf(ada, bob);
  const adas = await listen(ada, room.topic, { seesOthers: true });
  const bobs = await listen(bob, room.topic, { seesOthers: true });
  await adas.channel.track({ page: 1 });
  await bobs.sees({ [ada.id]: { page: 1 } });
  await bobs.channel.track({ page: 2 });
  for (const ear of [adas, bobs]) await ear.sees({ [ada.id]: { page: 1 }, [bob.id]: { page: 2 } });
  const refused = await listen(eve, room.topic, { seesOthers: true });
  assert.match(refused.error.message, /Unauthorized/);
  await eve.removeChannel(refused.channel);
  const outside = await listen(eve, room.topic, { isPrivate: false, seesOthers: true });
  await outside.channel.track({ page: 3 });
  await outside.sees({ [eve.id]: { page: 3 } });
  await bob.removeChannel(bobs.channel);
  await adas.sees({ [ada.id]: { page: 1 } });
});

test("who was removed hears nothing more in the old channel, the others go on in the new one", async () => {
  const [ada, bob, cleo, dora, eve] = [user(), user(), user(), user(), user()];
  const room = await roomOf(ada, bob, cleo);
  const olds = await Promise.all([ada, bob, cleo].map((each) => listen(each, room.topic)));
  // What was told before they listened may come a moment later; nothing of it comes after this.
  await answer(eve.rpc("join_session", { invite_code: room.invite_code }));
  for (const old of olds) while ((await nextEvent(old, "participant:joined")).participant.user_id !== eve.id);
  const owns = await Promise.all([ada, bob, cleo].map((each) => listen(each, `user:${each.id}`)));
  await answer(ada.rpc("remove_participant", { session_id: room.id, participant_user_id: cleo.id }));
  const topic = `${room.topic}:1`;
  for (const own of owns.slice(0, 2)) {
    const moved = await nextEvent(own, "room:moved");
    assert.deepEqual([moved.session_id, moved.topic], [room.id, topic]);
  }
  assert.equal((await nextEvent(owns[2], "room:removed")).session_id, room.id);
  const refused = await listen(cleo, topic);
  assert.match(refused.error.message, /Unauthorized/);
  await cleo.removeChannel(refused.channel);
  const news = await Promise.all([ada, bob].map((each) => listen(each, topic)));
  await say(news[1], "card");
  await nextEvent(news[0], "card");
  await answer(dora.rpc("join_session", { invite_code: room.invite_code }));
  for (const each of news) assert.equal((await nextEvent(each, "participant:joined")).participant.user_id, dora.id);
  // They are in the old channel still, and this is the first that they hear there.
  const { success } = await backEnd().channel(room.topic, { config: { private: true } }).httpSend("mark", {});
  assert.equal(success, true);
  for (const old of olds) await nextEvent(old, "mark");
  assert.deepEqual(owns[2].heard, []);
});
