export type { Client } from "./client.ts";
export type { Clock } from "./clock.ts";
export type { ConnectionKind } from "./connection.ts";
export type { Database, Json } from "./database.types.ts";
export { HourglassError, type Slug } from "./errors.ts";
export type { Pending, UsageSessionSnapshot } from "./followedUsage.ts";
export type { Page } from "./page.ts";
export { type StartOptions, UsageSession, type UsageSessionOptions } from "./usageSession.ts";
export type { UsageState, UsageStatus } from "./usageState.ts";
