import { describe, expect, test } from "vitest";
import { ago, clock, duration, money, number, revenue, revenueInTwo } from "../src/format.ts";

test.each([
  [0, "00:00"],
  [59, "00:59"],
  [3599, "59:59"],
  [3600, "1:00:00"],
  [360_000, "100:00:00"],
])("%i s left are %s on a clock", (seconds, shown) => {
  expect(clock(seconds)).toBe(shown);
});

test.each([
  [0, "0 s"],
  [59.9, "59 s"],
  [60, "1 min"],
  [61, "1 min 1 s"],
  [3600, "1 h"],
  [3660, "1 h 1 min"],
  [5_400_000, "1,500 h"],
])("%f s last %s", (seconds, told) => {
  expect(duration(seconds)).toBe(told);
});

describe("ago", () => {
  const now = Date.parse("2026-03-02T12:00:00Z");
  test.each([
    ["2026-03-02T11:59:58Z", "just now"],
    ["2026-03-02T11:59:30Z", "30 s ago"],
    ["2026-03-02T10:30:00Z", "1 h ago"],
    ["2026-03-01T11:00:00Z", "1 day ago"],
    ["2026-02-20T12:00:00Z", "10 days ago"],
    ["2026-03-02T12:05:00Z", "in 5 min"],
  ])("%s is %s", (at, told) => {
    expect(ago(at, now)).toBe(told);
  });
  test("what never was is never", () => {
    expect(ago(null, now)).toBe("never");
  });
});

test("credits are shown without a forced scale, and what is unknown as nothing", () => {
  expect(number(0.1234)).toBe("0.1234");
  expect(number(1500)).toBe("1,500");
  expect(number(null)).toBe("–");
});

test("revenue is told by currency, the largest first", () => {
  expect(revenue({ EUR: 5, USD: 10 })).toBe("$10.00, €5.00");
  expect(revenue({})).toBe("–");
  expect(revenueInTwo({ EUR: 5, USD: 10, GBP: 1 })).toEqual(["$10.00", "and €5.00, £1.00"]);
  expect(revenueInTwo({ EUR: 5 })).toEqual(["€5.00", undefined]);
  expect(revenueInTwo({})).toEqual(["–", undefined]);
});

test("a currency that nobody knows is shown by its code", () => {
  expect(money(1, "ZZZ")).toContain("ZZZ");
});
