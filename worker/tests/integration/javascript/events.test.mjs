// What a user's private channel tells supabase-js, and whom it refuses.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { answer, leave, listen, nobody, user } from "./people.mjs";

after(leave);

const told = (event, { end_token, ...state }, more = {}) => ({
  event,
  payload: { version: state.version, at: state.server_time, state, ...more },
});

test("events carry the state that the calls answered", async () => {
  const ada = user();
  const { next, heard, error } = await listen(ada, `user:${ada.id}`);
  assert.equal(error, null);
  const started = await answer(ada.rpc("start_usage_session", { device_id: "laptop" }));
  const { session_id } = started;
  const expected = [
    told("session:created", started),
    told("session:updated", await answer(ada.rpc("pause_usage_session", { session_id }))),
    told("session:updated", await answer(ada.rpc("resume_usage_session", { session_id }))),
  ];
  await answer(ada.rpc("heartbeat_usage_session", { session_id }));
  const moved = await answer(ada.rpc("start_usage_session", { device_id: "phone", take_over: true }));
  const stopped = await answer(ada.rpc("stop_usage_session", { session_id }));
  expected.push(told("session:updated", moved), told("session:closed", stopped, { reason: "stopped" }));
  for (const message of expected) assert.deepEqual(await next(), message);
  assert.deepEqual(heard, []);
});

test("another one's channel stays closed", async () => {
  const ada = user();
  for (const stranger of [user(), nobody()]) {
    const { error } = await listen(stranger, `user:${ada.id}`);
    assert.match(error.message, /Unauthorized/);
  }
});

test("nobody speaks on a user's channel", async () => {
  const ada = user();
  const { channel, next } = await listen(ada, `user:${ada.id}`, { self: true });
  const forged = { forged: true };
  await channel.send({ type: "broadcast", event: "session:closed", payload: forged });
  const refused = await channel.httpSend("session:closed", forged).catch((error) => error);
  assert.notEqual(refused.success, true);
  await answer(ada.rpc("start_usage_session"));
  assert.equal((await next()).event, "session:created");
});
