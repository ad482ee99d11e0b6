import { expect, test } from "vitest";
import { announcement, type Moment } from "../src/milestones.ts";

const active = (timeRemainingSeconds: number | null): Moment => ({ status: "active", timeRemainingSeconds });

test("seconds are not said", () => {
  expect(announcement(active(45), active(44))).toBeNull();
});

test("milestones are said once, when they are passed", () => {
  expect(announcement(active(61), active(60))).toBe("1 min left.");
  expect(announcement(active(60), active(59))).toBeNull();
});

test("of several that passed while nobody looked, the last is said", () => {
  expect(announcement(active(2000), active(9))).toBe("10 s left.");
});

test("transitions are said", () => {
  expect(announcement(active(5), { status: "capped", timeRemainingSeconds: 0 })).toContain("limit");
  expect(announcement(active(5), { status: "closed", timeRemainingSeconds: 5 })).toContain("stopped");
});

test("nothing is said of what was so before", () => {
  expect(announcement(null, active(60))).toBeNull();
});

test("without a limit there are no milestones", () => {
  expect(announcement(active(null), active(null))).toBeNull();
});
