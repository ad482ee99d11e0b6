// The functions and tables as supabase-js shows them.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { answer, backEnd, leave, nobody, refusal, user } from "./people.mjs";

const NOBODYS = "11111111-1111-4111-8111-111111111111";
const FIELDS = [
  "session_id", "status", "is_active", "time_remaining_seconds", "time_remaining_minutes", "total_usage_seconds",
  "total_usage_minutes", "current_session_seconds", "session_started_at", "session_expires_at", "session_cap_at",
  "is_valid_for_recording", "has_reached_limit", "is_near_limit", "device_id", "end_token", "limit_seconds",
  "period_started_at", "period_ends_at", "server_time", "version",
];

after(leave);

test("a new user is idle, by POST and by GET", async () => {
  const ada = user();
  for (const get of [false, true]) {
    const state = await answer(ada.rpc("get_usage_state", {}, { get }));
    assert.deepEqual(Object.keys(state), FIELDS);
    assert.deepEqual([state.status, state.session_id, state.version], ["idle", null, 0]);
    assert.equal(state.time_remaining_seconds, state.limit_seconds);
    assert.ok(new Date(state.period_started_at) <= new Date(state.server_time));
  }
});

test("a session goes from start to stop", async () => {
  const ada = user();
  const metadata = { title: "One", ratio: 0.5, tags: ["a", null] };
  const started = await answer(ada.rpc("start_usage_session", { device_id: "laptop", take_over: false, metadata }));
  const mine = { session_id: started.session_id, device_id: "laptop" };
  const states = [started];
  for (const name of ["heartbeat_usage_session", "pause_usage_session", "resume_usage_session"]) {
    states.push(await answer(ada.rpc(name, mine)));
  }
  states.push(await answer(ada.rpc("stop_usage_session", { session_id: mine.session_id })));
  assert.deepEqual(states.map((state) => state.status), ["active", "active", "paused", "active", "closed"]);
  assert.deepEqual(states.map((state) => state.version), [1, 1, 2, 3, 4]);
  assert.ok(states.every((state) => state.session_id === mine.session_id));
  const page = { before: null, before_id: null, page_size: 5 };
  const [listed] = await answer(ada.rpc("list_usage_sessions", page));
  assert.deepEqual([listed.id, listed.status, listed.metadata], [mine.session_id, "closed", metadata]);
});

test("one endpoint does it too", async () => {
  const ada = user();
  const { session_id } = await answer(ada.rpc("usage_ping", { active: true, device_id: "laptop" }));
  const stopped = await answer(ada.rpc("usage_ping", { active: false, session_id, device_id: "laptop" }));
  assert.deepEqual([stopped.session_id, stopped.status], [session_id, "closed"]);
});

test("another device takes over", async () => {
  const laptop = user();
  const phone = user(laptop.id);
  const first = await answer(laptop.rpc("start_usage_session", { device_id: "laptop" }));
  const refused = await refusal(phone.rpc("start_usage_session", { device_id: "phone" }));
  assert.deepEqual([refused.status, refused.message], [409, "session_active_elsewhere"]);
  const moved = await answer(phone.rpc("start_usage_session", { device_id: "phone", take_over: true }));
  assert.equal(moved.session_id, first.session_id);
  assert.notEqual(moved.end_token, first.end_token);
});

const errors = [
  ["heartbeat_usage_session", { session_id: NOBODYS }, 404, "PT404", "session_not_found"],
  ["pause_usage_session", { session_id: NOBODYS }, 404, "PT404", "session_not_found"],
  ["resume_usage_session", { session_id: NOBODYS }, 404, "PT404", "session_not_found"],
  ["stop_usage_session", { session_id: NOBODYS }, 404, "PT404", "session_not_found"],
  ["usage_ping", { active: null }, 422, "PT422", "invalid_argument"],
  ["start_usage_session", { metadata: null }, 422, "PT422", "invalid_argument"],
  ["start_usage_session", { device_id: "x".repeat(513) }, 413, "PT413", "payload_too_large"],
  ["list_usage_sessions", { page_size: 0 }, 422, "PT422", "invalid_argument"],
];
for (const [name, parameters, status, code, message] of errors) {
  test(`${name} is refused with ${status} ${message}`, async () => {
    const error = await refusal(user().rpc(name, parameters));
    assert.deepEqual([error.status, error.code, error.message], [status, code, message]);
    assert.ok(error.details && error.hint);
  });
}

test("a session that has ended refuses", async () => {
  const ada = user();
  const { session_id } = await answer(ada.rpc("start_usage_session"));
  await answer(ada.rpc("stop_usage_session", { session_id }));
  const error = await refusal(ada.rpc("pause_usage_session", { session_id }));
  assert.deepEqual([error.status, error.code, error.message], [409, "PT409", "session_closed"]);
});

test("a wrong type, a wrong name and a writing GET are the API's own errors", async () => {
  const ada = user();
  const wrong = [
    [ada.rpc("stop_usage_session", { session_id: "no uuid" }), 400, "22P02"],
    [ada.rpc("start_usage_session", { device: "laptop" }), 404, "PGRST202"],
    [ada.rpc("start_usage_session", {}, { get: true }), 405, "25006"],
    [ada.rpc("run_due"), 404, "PGRST202"],
    [ada.rpc("set_account", { user_id: ada.id }), 403, "42501"],
  ];
  for (const [query, status, code] of wrong) {
    const error = await refusal(query);
    assert.deepEqual([error.status, error.code], [status, code]);
  }
});

test("nobody may do nothing, and a service key is nobody in particular", async () => {
  const refused = await refusal(nobody().rpc("get_usage_state"));
  assert.deepEqual([refused.status, refused.code], [401, "42501"]);
  const unsigned = await refusal(backEnd().rpc("get_usage_state"));
  assert.deepEqual([unsigned.status, unsigned.message], [401, "not_signed_in"]);
});

test("the end token alone ends a session", async () => {
  const ada = user();
  const { end_token } = await answer(ada.rpc("start_usage_session"));
  for (const token of [NOBODYS, null, end_token, end_token]) {
    const { error, status } = await nobody().rpc("end_session_with_token", { end_token: token });
    assert.deepEqual([error, status], [null, 204]);
  }
  assert.equal((await answer(ada.rpc("get_usage_state"))).status, "closed");
});

// What navigator.sendBeacon posts for these bodies; it can send no header of one's own.
for (const [name, body] of [
  ["URLSearchParams", (end_token) => new URLSearchParams({ end_token })],
  ["a Blob of JSON", (end_token) => new Blob([JSON.stringify({ end_token })], { type: "application/json" })],
]) {
  test(`a beacon with ${name} ends a session`, async () => {
    const ada = user();
    const { end_token } = await answer(ada.rpc("start_usage_session"));
    const url = `${process.env.API_URL}/rest/v1/rpc/end_session_with_token`;
    assert.equal((await fetch(url, { method: "POST", body: body(end_token) })).status, 204);
    assert.equal((await answer(ada.rpc("get_usage_state"))).status, "closed");
  });
}

test("tables show one's own rows and take none", async () => {
  const [ada, bob] = [user(), user()];
  const { session_id } = await answer(ada.rpc("start_usage_session"));
  await answer(bob.rpc("start_usage_session"));
  const { data, count } = await ada.from("usage_sessions").select("id, status", { count: "exact" });
  assert.deepEqual([data, count], [[{ id: session_id, status: "active" }], 1]);
  assert.equal((await answer(ada.from("accounts").select().single())).user_id, ada.id);
  const refused = [
    [ada.from("usage_sessions").update({ status: "paused" }).eq("id", session_id), 403, "42501"],
    [ada.from("plans").insert({ id: "mine", name: "Mine" }), 403, "42501"],
    [nobody().from("usage_sessions").select(), 401, "42501"],
    [ada.from("settings").select(), 404, "PGRST205"],
    [ada.schema("private").from("settings").select(), 406, "PGRST106"],
  ];
  for (const [query, status, code] of refused) {
    const error = await refusal(query);
    assert.deepEqual([error.status, error.code], [status, code]);
  }
});
