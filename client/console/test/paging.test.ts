import { expect, test } from "vitest";
import { earlier, later, pageCount, paged, span, type Trail } from "../src/paging.ts";

test("one row more than a page has says that there is another page, and is not shown", () => {
  expect(paged([1, 2, 3], 2)).toEqual({ rows: [1, 2], hasMore: true });
  expect(paged([1, 2], 2)).toEqual({ rows: [1, 2], hasMore: false });
  expect(paged([], 2)).toEqual({ rows: [], hasMore: false });
});

test("the way back leads over the pages that one came by", () => {
  const [one, two] = [
    { at: "2", id: "b" },
    { at: "1", id: "a" },
  ];
  let trail: Trail = [];
  trail = earlier(trail, one);
  trail = earlier(trail, two);
  expect(trail.at(-1)).toEqual(two);
  trail = later(trail);
  expect(trail.at(-1)).toEqual(one);
  expect(later(later(trail))).toEqual([]);
});

test("an empty page leads nowhere", () => {
  expect(earlier([], undefined)).toEqual([]);
});

test.each([
  [0, 1],
  [10, 1],
  [11, 2],
])("%i rows are %i pages of ten", (rows, pages) => {
  expect(pageCount(rows, 10)).toBe(pages);
});

test.each([
  [1, 30, "1–10"],
  [3, 25, "21–25"],
  [1, 0, "0"],
  [4, 25, "0"],
])("page %i of %i rows shows %s", (page, rows, shown) => {
  expect(span(page, 10, rows)).toBe(shown);
});
