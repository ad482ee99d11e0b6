import type { FeedSource, UsageFeedSnapshot } from "../../src/index.ts";
import { useUsageFeed } from "../../src/react/index.ts";
import { useSigned } from "./shell.ts";

export type Feed<Data, Query> = UsageFeedSnapshot<Data, Query> & { refresh: () => Promise<void> };

/** What a source tells whoever is signed in. */
export function useFeed<Data, Query>(
  source: FeedSource<Data, Query>,
  query: Query,
  isAgentRunning = false,
): Feed<Data, Query> {
  const { client, streamUrl } = useSigned();
  return useUsageFeed(client, source, query, { isAgentRunning, streamUrl });
}
