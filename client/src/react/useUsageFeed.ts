import { useEffect, useRef } from "react";
import type { Client } from "../client.ts";
import type { FeedSource } from "../feedSource.ts";
import { UsageFeed, type UsageFeedOptions, type UsageFeedSnapshot } from "../usageFeed.ts";
import { useOpened } from "./useOpened.ts";

interface Options extends UsageFeedOptions {
  isAgentRunning?: boolean;
}

/** What a source adds up for a query, fresh. Another query is compared by its values and may be made anew each time. */
export function useUsageFeed<Data, Query>(
  client: Client,
  source: FeedSource<Data, Query>,
  query: Query,
  { isAgentRunning = false, ...options }: Options = {},
): UsageFeedSnapshot<Data, Query> & { refresh: () => Promise<void> } {
  const [snapshot, feed] = useOpened<UsageFeedSnapshot<Data, Query>, UsageFeed<Data, Query>>(
    client,
    (it) => new UsageFeed(it, source, query, options),
  );
  const key = JSON.stringify(query);
  const shown = useRef(key);
  useEffect(() => {
    if (shown.current === key) return;
    shown.current = key;
    void feed.setQuery((key === undefined ? undefined : JSON.parse(key)) as Query);
  }, [feed, key]);
  useEffect(() => feed.setAgentRunning(isAgentRunning), [feed, isAgentRunning]);
  return { ...snapshot, refresh: feed.refresh };
}
