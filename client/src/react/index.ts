export { useReadingRoom } from "./useReadingRoom.ts";
export { useSession } from "./useSession.ts";
export { useUsageFeed } from "./useUsageFeed.ts";
export { useUsageSession } from "./useUsageSession.ts";
