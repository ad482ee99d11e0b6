import { expect, test } from "vitest";
import { marks } from "../src/parts/marks.ts";

test("where there is room, each bar is named", () => {
  expect(marks(4, 400)).toEqual([0, 1, 2, 3]);
});

test("where there is little, some are, at equal steps up to the last one, and none at the zero of the other axis", () => {
  expect(marks(31, 400)).toEqual([6, 12, 18, 24, 30]);
  expect(marks(91, 200).at(-1)).toBe(90);
});

test("a place without room or bars is no fault", () => {
  expect(marks(0, 400)).toEqual([]);
  expect(marks(7, 0)).toEqual([]);
});
