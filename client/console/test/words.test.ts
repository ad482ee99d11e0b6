import { expect, test } from "vitest";
import { told } from "../src/words.ts";

const of = (kind: string, payload = {}) => told({ id: "1", kind, payload, createdAt: "2026-03-02T12:00:00Z" });

test("notifications are told in words", () => {
  expect(of("usage_near_limit", { seconds_left: 600 }).text).toBe("10 min left.");
  expect(of("usage_percent_reached", { percent: 100 }).tone).toBe("bad");
  expect(of("purchase_completed", { credits: 5, amount: 4.99, currency: "EUR" }).text).toBe("Paid: €4.99.");
});

test("one that is not known keeps its name, and one that lacks something is no fault", () => {
  expect(of("something_new").title).toBe("something_new");
  expect(of("credits_low").text).toBe("– of – left.");
  expect(of("purchase_completed").title).toContain("credits bought");
});
