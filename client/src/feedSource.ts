import { type Camelized, camelize } from "./casing.ts";
import { type Arguments, type Client, call } from "./client.ts";
import type { Database } from "./database.types.ts";
import type { Told } from "./liveChannel.ts";

/** What a feed shows, where changes of it are told, and which of what is told there are changes of it. */
export interface FeedSource<Data, Query> {
  topic: "user" | "admin:usage";
  load(client: Client, query: Query): Promise<Data>;
  isRelevant(told: Told, query: Query): boolean;
}

type Types = Database["public"]["CompositeTypes"];

/** A composite type of the API: to PostgreSQL any field can be null, of ours these alone. */
type Answer<Name extends keyof Types, MayBeNull extends keyof Types[Name] = never> = Camelized<{
  [Key in keyof Types[Name]]: Key extends MayBeNull ? Types[Name][Key] : NonNullable<Types[Name][Key]>;
}>;

export type ThreadUsage = Answer<"thread_usage", "last_used_at">;
export type CreditBalance = Answer<"credit_balance", "expires_next_at">;
export type SubscriptionSummary = Answer<"subscription_summary", "limit_seconds" | "remaining_seconds">;

export interface UsageOverviewRow {
  userId: string;
  email: string | null;
  displayName: string | null;
  userType: "internal" | "external";
  planId: string;
  requests: number;
  totalTokens: number;
  credits: number;
  lastActiveAt: string | null;
  activity: "active" | "idle" | "dormant";
  hasCompletedPayment: boolean;
  revenue: Record<string, number>;
}

export type UsageOverview = Omit<Answer<"usage_overview">, "rows" | "totalRevenue"> & {
  rows: UsageOverviewRow[];
  totalRevenue: Record<string, number>;
};

export type UsageOverviewQuery = Camelized<Arguments<"get_usage_overview">>;

const isOfSession = ({ event }: Told) => event.startsWith("session:") && event !== "session:heartbeat";
const isOfCredits = ({ event }: Told) => event === "credits:changed" || event === "usage:logged";

/** What one thread has used: its credits move while an agent works. */
export const threadUsage: FeedSource<ThreadUsage, { threadId: string }> = {
  topic: "user",
  load: async (client, { threadId }) =>
    camelize(await call(client, "get_thread_usage", { thread_id: threadId })) as never,
  isRelevant: ({ event, payload }, { threadId }) => event === "usage:logged" && payload.thread_id === threadId,
};

export const creditBalance: FeedSource<CreditBalance, undefined> = {
  topic: "user",
  load: async (client) => camelize(await call(client, "get_credit_balance", {})) as never,
  isRelevant: isOfCredits,
};

/** All that a navigation bar shows. */
export const subscriptionSummary: FeedSource<SubscriptionSummary, undefined> = {
  topic: "user",
  load: async (client) => camelize(await call(client, "get_subscription_summary", {})) as never,
  isRelevant: (told) => isOfCredits(told) || isOfSession(told) || told.event === "purchase:completed",
};

/** The administrators' page. Its topic tells of nothing that does not change it. */
export const usageOverview: FeedSource<UsageOverview, UsageOverviewQuery> = {
  topic: "admin:usage",
  async load(client, { pageSize, userType, ...query }) {
    const sizes = pageSize === undefined ? {} : { page_size: pageSize };
    const types = userType === undefined ? {} : { user_type: userType };
    const answer = camelize(await call(client, "get_usage_overview", { ...query, ...sizes, ...types }));
    const rows = (answer.rows ?? []) as object[];
    return { ...answer, rows: rows.map((row) => camelize(row)) } as never;
  },
  isRelevant: ({ event }) => event === "usage:changed" || event === "purchase:changed",
};
