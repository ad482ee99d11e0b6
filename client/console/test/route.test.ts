import { expect, test } from "vitest";
import { inviteCodeOf, inviteLink, routeOf } from "../src/route.ts";

test("an administrator's places are nobody else's", () => {
  expect(routeOf("#/usage", true).place).toBe("usage");
  expect(routeOf("#/usage", false).place).toBe("time");
  expect(routeOf("#/nowhere", true).place).toBe("time");
  expect(routeOf("", false).place).toBe("time");
});

test("a link to a room is read as it was written", () => {
  const link = inviteLink("a/b?c#d", "https://example.com/console/#/rooms");
  expect(link).toBe("https://example.com/console/#/join/a%2Fb%3Fc%23d");
  expect(inviteCodeOf(link)).toBe("a/b?c#d");
  expect(routeOf(new URL(link).hash, false)).toEqual({ place: "rooms", inviteCode: "a/b?c#d" });
});

test("a code may be pasted by itself", () => {
  expect(inviteCodeOf("  abc \n")).toBe("abc");
});

test("a broken link is a code that nobody knows, and no fault", () => {
  expect(routeOf("#/join/%E0%A4%A", false).inviteCode).toBe("%E0%A4%A");
});
