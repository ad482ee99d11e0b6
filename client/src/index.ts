export type { Client } from "./client.ts";
export type { Clock } from "./clock.ts";
export type { ConnectionKind } from "./connection.ts";
export type { Database, Json } from "./database.types.ts";
export { HourglassError, type Slug } from "./errors.ts";
export {
  type CreditBalance,
  creditBalance,
  type FeedSource,
  type SubscriptionSummary,
  subscriptionSummary,
  type ThreadUsage,
  threadUsage,
  type UsageOverview,
  type UsageOverviewQuery,
  type UsageOverviewRow,
  usageOverview,
} from "./feedSource.ts";
export type { Pending, UsageSessionSnapshot } from "./followedUsage.ts";
export type { Told } from "./liveChannel.ts";
export type { Page } from "./page.ts";
export { ReadingRoom, type ReadingRoomOptions, type ReadingRoomSnapshot, type RoomStatus } from "./readingRoom.ts";
export type { NewRoom, Participant, Room } from "./roomDoor.ts";
export {
  type SessionStats,
  SessionTracker,
  type SessionTrackerOptions,
  type SessionTrackerSnapshot,
} from "./sessionTracker.ts";
export { UsageFeed, type UsageFeedOptions, type UsageFeedSnapshot } from "./usageFeed.ts";
export { type StartOptions, UsageSession, type UsageSessionOptions } from "./usageSession.ts";
export type { UsageState, UsageStatus } from "./usageState.ts";
