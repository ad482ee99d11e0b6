// People with supabase-js: their tokens, their clients and what they hear.
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { createClient } from "@supabase/supabase-js";

export const { API_URL, ANON_KEY, SERVICE_ROLE_KEY, JWT_SECRET } = process.env;
const PATIENCE_MS = 60_000;
const TOKEN_LIFE_S = 3600;
const clients = [];

function sign(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + TOKEN_LIFE_S;
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...claims, exp })}`;
  return `${text}.${createHmac("sha256", JWT_SECRET).update(text).digest("base64url")}`;
}

function client(key, options) {
  const made = createClient(API_URL, key, options);
  clients.push(made);
  return made;
}

const withoutSession = { auth: { persistSession: false, autoRefreshToken: false } };
export const nobody = () => client(ANON_KEY, withoutSession);
export const backEnd = () => client(SERVICE_ROLE_KEY, withoutSession);

// Somebody signed in, as with third-party auth: new, unless named.
export function user(id = `user-${randomUUID()}`) {
  const token = sign({ sub: id, role: "authenticated" });
  const supabase = client(ANON_KEY, { accessToken: async () => token });
  return Object.assign(supabase, { id, token });
}

export async function leave() {
  await Promise.all(clients.splice(0).map((each) => each.removeAllChannels()));
}

// The answer of a query; fails when there is none.
export async function answer(query) {
  const { data, error } = await query;
  assert.equal(error, null);
  return data;
}

export async function refusal(query) {
  const { data, error, status } = await query;
  assert.equal(data, null);
  return { ...error, status };
}

// Joins a channel. `next()` is the next broadcast, `error` why there will be none, `sees(people)` waits until just these
// are present, by id what each tracks.
export async function listen(supabase, topic, { self = false, isPrivate = true, seesOthers = false } = {}) {
  await supabase.realtime.setAuth();
  const heard = [];
  const waiting = [];
  const presence = seesOthers ? { key: supabase.id } : undefined;
  const channel = supabase.channel(topic, { config: { private: isPrivate, broadcast: { self }, presence } });
  channel.on("broadcast", { event: "*" }, ({ event, payload }) => {
    const { id, ...rest } = payload; // Realtime's own
    const message = { event, payload: rest };
    waiting.length ? waiting.shift()(message) : heard.push(message);
  });
  let looked = () => {};
  if (seesOthers) channel.on("presence", { event: "sync" }, () => looked());
  const error = await new Promise((resolve) => {
    channel.subscribe((status, fault) => resolve(status === "SUBSCRIBED" ? null : (fault ?? new Error(status))));
  });
  const next = () => (heard.length ? heard.shift() : patiently(topic, (done) => waiting.push(done)));
  const sees = async (people) => {
    while (!isDeepStrictEqual(present(channel), people)) await patiently(topic, (done) => (looked = done));
  };
  return { channel, error, heard, next, sees };
}

// What `begin` hands to its argument; fails when nothing comes.
function patiently(topic, begin) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing came on ${topic}`)), PATIENCE_MS);
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

function present(channel) {
  const entries = Object.entries(channel.presenceState());
  return Object.fromEntries(entries.map(([id, [{ presence_ref, ...tracked }]]) => [id, tracked]));
}
