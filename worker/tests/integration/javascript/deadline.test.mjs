// A session whose time runs out while nobody calls; a worker runs beside this.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { answer, backEnd, leave, listen, refusal, user } from "./people.mjs";

const { PLAN, FALLBACK_S } = process.env;

after(leave);

test("a capped session is told to its owner", async () => {
  const ada = user();
  await answer(backEnd().rpc("set_account", { user_id: ada.id, plan_id: PLAN }));
  const { next } = await listen(ada, `user:${ada.id}`);
  const { session_id, session_cap_at } = await answer(ada.rpc("start_usage_session"));
  assert.equal((await next()).event, "session:created");
  const warned = [];
  let { event, payload } = await next();
  for (; event === "session:warning"; { event, payload } = await next()) warned.push(payload.percent ?? "near");
  assert.deepEqual(warned, ["near", 80, 90, 100]);
  assert.deepEqual([event, payload.reason, payload.version], ["session:closed", "capped", 2]);
  const { state, at } = payload;
  assert.deepEqual([state.session_id, state.status, state.has_reached_limit], [session_id, "capped", true]);
  assert.equal(state.total_usage_seconds, state.limit_seconds);
  assert.ok(new Date(at) - new Date(session_cap_at) < FALLBACK_S * 1000);
  const error = await refusal(ada.rpc("start_usage_session"));
  assert.deepEqual([error.status, error.code, error.message], [402, "PT402", "usage_limit_reached"]);
});
