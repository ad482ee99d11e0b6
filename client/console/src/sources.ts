// What the views show beyond the library's own feeds.

import { type Camelized, camelize } from "../../src/casing.ts";
import { call } from "../../src/client.ts";
import { errorOf } from "../../src/errors.ts";
import type { Client, Database, FeedSource } from "../../src/index.ts";
import { type Cursor, type Paged, paged } from "./paging.ts";

export const PAGE_SIZE = 10;

type Tables = Database["public"]["Tables"];
type Types = Database["public"]["CompositeTypes"];
type Certain<Row> = { [Key in keyof Row]: NonNullable<Row[Key]> };

export type UsageLog = Camelized<Tables["usage_logs"]["Row"]>;
export type Lot = Camelized<Tables["credit_grants"]["Row"]>;
export type TrackedSession = Camelized<Tables["user_sessions"]["Row"]>;
export type KnownRoom = Camelized<Tables["reading_sessions"]["Row"]>;
export type CleanupStats = Camelized<Types["cleanup_stats"]>;
export type MeteredSession = Camelized<
  Certain<Omit<Types["usage_session_summary"], "ended_at">> & Pick<Types["usage_session_summary"], "ended_at">
>;

export interface Notification {
  id: string;
  kind: string;
  payload: Record<string, unknown>;
  createdAt: string;
}

export interface Consumed {
  active_users: number;
  sessions: number;
  seconds: number;
  requests: number;
  tokens: number;
  credits: number;
  revenue: Record<string, number>;
}

export interface Metrics {
  perDay: (Consumed & { day: string })[];
  perHour: (Consumed & { hour: string })[];
  averageSessionSeconds: number | null;
  retentionRate: number | null;
  peakUsageHours: { hour: number; sessions: number }[];
  roomsPerDay: { day: string; sessions: number; participants: number }[];
}

export interface Check {
  name: string;
  ok: boolean;
  detail: string;
  hint: string | null;
}

export interface Health {
  ok: boolean;
  checks: Check[];
}

interface Selected {
  data: unknown;
  error: Parameters<typeof errorOf>[0] | null;
  status: number;
}

function rowsOf<Row>({ data, error, status }: Selected): Row[] {
  if (error) throw errorOf(error, status);
  return (data as object[]).map((row) => camelize(row) as Row);
}

const before = (cursor: Cursor | undefined) => (cursor ? { before: cursor.at, before_id: cursor.id } : {});
const never = () => false;

export const meteredSessions: FeedSource<Paged<MeteredSession>, { after: Cursor | undefined }> = {
  topic: "user",
  load: async (client, { after }) => {
    const found = await call(client, "list_usage_sessions", { page_size: PAGE_SIZE + 1, ...before(after) });
    return paged(found.map((row) => camelize(row)) as unknown as MeteredSession[], PAGE_SIZE);
  },
  isRelevant: ({ event }) => event.startsWith("session:") && event !== "session:heartbeat",
};

export const usageLogs: FeedSource<Paged<UsageLog>, { after: Cursor | undefined; threadId: string | null }> = {
  topic: "user",
  load: async (client, { after, threadId }) => {
    const thread = threadId === null ? {} : { thread_id: threadId };
    const found = await call(client, "list_usage_logs", { page_size: PAGE_SIZE + 1, ...before(after), ...thread });
    return paged(found.map((row) => camelize(row)) as unknown as UsageLog[], PAGE_SIZE);
  },
  isRelevant: ({ event }) => event === "usage:logged" || event === "credits:changed",
};

/** Credits that are left, in the order in which they burn. */
export const lots: FeedSource<Lot[], undefined> = {
  topic: "user",
  load: async (client) =>
    rowsOf<Lot>(
      await client
        .from("credit_grants")
        .select("*")
        .gt("remaining", 0)
        .order("priority")
        .order("expires_at", { nullsFirst: false })
        .order("created_at"),
    ),
  isRelevant: ({ event }) => event === "credits:changed",
};

export const notifications: FeedSource<Notification[], undefined> = {
  topic: "user",
  load: async (client) =>
    rowsOf<Notification>(
      await client
        .from("notifications")
        .select("id,kind,payload,created_at")
        .order("created_at", { ascending: false })
        .limit(50),
    ),
  isRelevant: ({ event }) => event !== "session:heartbeat",
};

/** The rooms that one is in. */
export const rooms: FeedSource<KnownRoom[], undefined> = {
  topic: "user",
  load: async (client) =>
    rowsOf<KnownRoom>(
      await client
        .from("reading_sessions")
        .select("*")
        .eq("is_active", true)
        .order("updated_at", { ascending: false })
        .limit(20),
    ),
  isRelevant: ({ event }) => event.startsWith("room:"),
};

export const activeSessions: FeedSource<Paged<TrackedSession>, { after: Cursor | undefined }> = {
  topic: "admin:usage",
  load: async (client, { after }) => {
    const from = after ? { after_id: after.id } : {};
    const found = await call(client, "get_active_sessions", { page_size: PAGE_SIZE + 1, ...from });
    return paged(found.map((row) => camelize(row)) as unknown as TrackedSession[], PAGE_SIZE);
  },
  isRelevant: never,
};

export const cleanupStats: FeedSource<CleanupStats, undefined> = {
  topic: "admin:usage",
  load: async (client) => camelize(await call(client, "get_cleanup_stats", {})),
  isRelevant: never,
};

export const metrics: FeedSource<Metrics, { daysBack: number }> = {
  topic: "admin:usage",
  load: loadMetrics,
  isRelevant: never,
};

async function loadMetrics(client: Client, { daysBack }: { daysBack: number }): Promise<Metrics> {
  const [usage, analytics] = await Promise.all([
    call(client, "get_usage_metrics", { days_back: daysBack }),
    call(client, "get_session_analytics", { days_back: daysBack }),
  ]);
  return {
    perDay: (usage.per_day ?? []) as unknown as Metrics["perDay"],
    perHour: (usage.per_hour ?? []) as unknown as Metrics["perHour"],
    averageSessionSeconds: analytics.average_session_seconds,
    retentionRate: analytics.retention_rate,
    peakUsageHours: (analytics.peak_usage_hours ?? []) as unknown as Metrics["peakUsageHours"],
    roomsPerDay: (analytics.per_day ?? []) as unknown as Metrics["roomsPerDay"],
  };
}

export const health: FeedSource<Health, undefined> = {
  topic: "admin:usage",
  load: async (client) => (await call(client, "health", {})) as unknown as Health,
  isRelevant: never,
};
