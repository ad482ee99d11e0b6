// The stream of usage, read by an EventSource as a page would; a worker runs beside this.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { EventSource } from "eventsource";
import { answer, leave, user } from "./people.mjs";

const { WORKER_URL } = process.env;
const PATIENCE_MS = 60_000;

after(leave);

// Opens a stream. `next(name)` is the next event of that name.
function follow(token) {
  const source = new EventSource(`${WORKER_URL}/usage/stream?access_token=${token}`);
  const next = (name) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${name} came`)), PATIENCE_MS);
      source.addEventListener(name, ({ data, lastEventId }) => {
        clearTimeout(timer);
        resolve({ ...JSON.parse(data), lastEventId });
      }, { once: true });
    });
  return { source, next };
}

test("an EventSource follows its user", async () => {
  const ada = user();
  const { source, next } = follow(ada.token);
  after(() => source.close());
  const first = await next("session:state");
  assert.deepEqual([first.status, first.lastEventId], ["idle", "0"]);
  // The first state may come before the worker hears of what happens next: then the state comes once more.
  const told = Promise.race([next("session:created"), next("session:state")]);
  const { session_id } = await answer(ada.rpc("start_usage_session"));
  const created = await told;
  assert.equal((created.state ?? created).session_id, session_id);
  assert.equal(created.lastEventId, "1");
  const closing = next("session:closed");
  await answer(ada.rpc("stop_usage_session", { session_id }));
  const closed = await closing;
  assert.deepEqual([closed.reason, closed.state.status, closed.lastEventId], ["stopped", "closed", "2"]);
});

test("an EventSource without a good token gives up", async () => {
  const { source } = follow("nonsense");
  const code = await new Promise((resolve) => source.addEventListener("error", (event) => resolve(event.code)));
  assert.equal(code, 401);
  assert.equal(source.readyState, source.CLOSED);
});
