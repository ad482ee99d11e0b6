import { expect, test } from "vitest";
import { ServerClock } from "../src/clock.ts";
import { isOlder, stateAt, type UsageState, usageStateOf } from "../src/usageState.ts";
import { BEGIN, FakeClock } from "./fakes.ts";

const HOUR_MS = 3_600_000;

/** What the server would say after so many milliseconds of a session that began with so many used. */
function told(afterMs: number, usedMs = 0, limitSeconds = 60): UsageState {
  const total = Math.floor((usedMs + afterMs) / 1000);
  const capMs = BEGIN + limitSeconds * 1000 - usedMs;
  return usageStateOf({
    session_id: "s",
    status: "active",
    is_active: true,
    limit_seconds: limitSeconds,
    time_remaining_seconds: Math.max(0, limitSeconds - total),
    total_usage_seconds: total,
    current_session_seconds: Math.floor(afterMs / 1000),
    session_started_at: new Date(BEGIN).toISOString(),
    session_expires_at: new Date(BEGIN + HOUR_MS).toISOString(),
    session_cap_at: new Date(capMs).toISOString(),
    period_ends_at: new Date(BEGIN + 24 * HOUR_MS).toISOString(),
    server_time: new Date(BEGIN + afterMs).toISOString(),
    version: 1,
  });
}

test("what remains is never more than the server would say, and at most the way there less", async () => {
  const WAY_MS = 90;
  for (const usedMs of [0, 137, 999, 12_345]) {
    for (const firstMs of [0, 501, 7_777]) {
      const clock = new FakeClock();
      const server = new ServerClock(clock);
      await clock.pass(firstMs);
      const askedAt = clock.now();
      await clock.pass(WAY_MS);
      const state = told(clock.now(), usedMs);
      server.learn(state.serverTime, askedAt);
      for (let step = 0; step < 40; step += 1) {
        await clock.pass(373);
        const shown = stateAt(state, server).timeRemainingSeconds ?? Number.NaN;
        expect(shown).toBeLessThanOrEqual(told(clock.now(), usedMs).timeRemainingSeconds ?? 0);
        expect(shown).toBeGreaterThanOrEqual(told(clock.now() + WAY_MS + 2, usedMs).timeRemainingSeconds ?? 0);
      }
    }
  }
});

test("a session that nobody kept alive stops counting when it expires, and a paused one at once", () => {
  const clock = { ...new FakeClock(), now: () => HOUR_MS * 2, after: () => 0 as never, cancel: () => {} };
  const server = new ServerClock(clock);
  server.learn(new Date(BEGIN + HOUR_MS * 2).toISOString(), HOUR_MS * 2);
  const state = told(0, 0, 7_200);
  expect(stateAt(state, server).timeRemainingSeconds).toBe(3_600);
  const paused: UsageState = { ...state, status: "paused", isActive: false };
  expect(stateAt(paused, server)).toBe(paused);
});

test("an unlimited plan has no countdown and still counts", async () => {
  const clock = new FakeClock();
  const server = new ServerClock(clock);
  const state = { ...told(0), limitSeconds: null, timeRemainingSeconds: null, sessionCapAt: null };
  server.learn(state.serverTime, 0);
  await clock.pass(5_500);
  expect(stateAt(state, server)).toMatchObject({ timeRemainingSeconds: null, timeRemainingMinutes: null });
  expect(stateAt(state, server)).toMatchObject({ totalUsageSeconds: 5, currentSessionSeconds: 5 });
});

test("of two states the higher version counts, and of one version the later", () => {
  const [first, second] = [told(0), told(1_000)];
  expect(isOlder(first, second)).toBe(true);
  expect(isOlder({ ...first, version: 2 }, second)).toBe(false);
});
