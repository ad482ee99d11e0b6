// What the console says of things that the database names.
import type { HourglassError, UsageStatus } from "../../src/index.ts";
import { duration, instant, money, number } from "./format.ts";
import type { Notification } from "./sources.ts";

const TITLES: Partial<Record<HourglassError["slug"], string>> = {
  not_signed_in: "You are not signed in any more",
  usage_limit_reached: "The limit is reached",
  admin_only: "This page is for administrators",
  not_a_participant: "You are not in this room",
  not_the_host: "Only the host can do that",
  session_not_found: "There is no such room",
  session_active_elsewhere: "The clock runs on another device",
  session_full: "The room is full",
  session_closed: "It is over",
  invite_expired: "The link has expired",
  payload_too_large: "That is too long",
  unreachable: "The server cannot be reached",
};

export function titleOf(error: HourglassError): string {
  return TITLES[error.slug] ?? "That did not work";
}

export const STATUS: Record<UsageStatus, { label: string; tone: Tone }> = {
  idle: { label: "Ready", tone: "calm" },
  active: { label: "Running", tone: "good" },
  paused: { label: "Paused", tone: "calm" },
  closed: { label: "Stopped", tone: "calm" },
  expired: { label: "Expired", tone: "warn" },
  capped: { label: "Limit reached", tone: "bad" },
};

export type Tone = "good" | "warn" | "bad" | "calm";

export interface Told {
  title: string;
  text: string;
  tone: Tone;
}

/** A notification in words. One of a kind that is not known here keeps its name. */
export function told({ kind, payload }: Notification): Told {
  const of = (name: string) => payload[name];
  switch (kind) {
    case "usage_near_limit":
      return { title: "Your time is nearly used up", text: `${time(of("seconds_left"))} left.`, tone: "warn" };
    case "usage_percent_reached":
      return {
        title: `${amount(of("percent"))} % of your time is used`,
        text: `${time(of("total_usage_seconds"))} of ${time(of("limit_seconds"))}.`,
        tone: of("percent") === 100 ? "bad" : "warn",
      };
    case "usage_capped":
      return { title: "A session reached the limit", text: `It ended ${at(of("ended_at"))}.`, tone: "bad" };
    case "session_expired":
      return { title: "A session expired", text: `It counts up to ${at(of("ended_at"))}.`, tone: "warn" };
    case "session_expiring":
      return {
        title: `“${word(of("title")) || "A room"}” is about to expire`,
        text: `Unless somebody is active before ${at(of("expires_at"))}.`,
        tone: "warn",
      };
    case "credits_low":
      return {
        title: "Credits are running low",
        text: `${amount(of("balance"))} of ${amount(of("granted"))} left.`,
        tone: "warn",
      };
    case "credits_exhausted":
      return { title: "All credits are used up", text: "The next charge will be refused.", tone: "bad" };
    case "purchase_completed":
      return {
        title: `${amount(of("credits"))} credits bought`,
        text: `Paid: ${money(Number(of("amount")), word(of("currency")) || "XXX")}.`,
        tone: "good",
      };
    default:
      return { title: kind, text: "", tone: "calm" };
  }
}

const time = (value: unknown) => (typeof value === "number" ? duration(value) : "–");
const amount = (value: unknown) => (typeof value === "number" ? number(value) : "–");
const at = (value: unknown) => (typeof value === "string" ? instant(value) : "–");
const word = (value: unknown) => (typeof value === "string" ? value : "");
