import { expect, test } from "vitest";
import { makeSystemClock, ServerClock } from "../src/clock.ts";
import { FakeClock } from "./fakes.ts";

test("time goes on while a laptop sleeps and its monotonic clock stands still", () => {
  let [steady, wall] = [0, 1_000_000];
  const clock = makeSystemClock(
    () => steady,
    () => wall,
  );
  const before = clock.now();
  [steady, wall] = [50, wall + 3_600_000];
  expect(clock.now() - before).toBe(3_600_000);
});

test("time goes on while somebody sets the wall clock back", () => {
  let [steady, wall] = [0, 1_000_000];
  const clock = makeSystemClock(
    () => steady,
    () => wall,
  );
  const before = clock.now();
  [steady, wall] = [50, 0];
  expect(clock.now() - before).toBe(50);
});

test("the server's clock is never taken to be earlier than it is, and better known with each answer", async () => {
  const clock = new FakeClock();
  const server = new ServerClock(clock);
  const epoch = 1_000_000;
  for (const [there, back] of [
    [400, 10],
    [20, 300],
    [90, 5],
  ] as const) {
    const askedAt = clock.now();
    await clock.pass(there);
    const serverTime = new Date(epoch + clock.now()).toISOString();
    await clock.pass(back);
    server.learn(serverTime, askedAt);
    expect(server.now()).toBeGreaterThanOrEqual(epoch + clock.now());
  }
  expect(server.now() - (epoch + clock.now())).toBe(21); // the shortest way there, and what parsing loses
});
