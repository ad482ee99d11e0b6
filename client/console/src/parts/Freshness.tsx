import type { ConnectionKind } from "../../../src/index.ts";
import { ago } from "../format.ts";
import { Icon } from "./Icon.tsx";
import { useNow } from "./now.ts";

interface Fresh {
  isSyncing: boolean;
  isLoading: boolean;
  isLive: boolean;
  connection: ConnectionKind;
  updatedAt: number | null;
  refreshSeconds: number;
  refresh: () => Promise<void>;
}

/** How fresh a view is. Each part keeps its room, so that nothing moves when it changes. */
export function Freshness({ feed, isPolled = false }: { feed: Fresh; isPolled?: boolean }) {
  const now = useNow(1000);
  const isLive = feed.isLive && !isPolled;
  const every = `Every ${feed.refreshSeconds} s`;
  const kind = isLive ? "Live" : feed.connection === "connecting" && !isPolled ? "Connecting" : every;
  const updated = feed.updatedAt === null ? "" : `Updated ${ago(new Date(feed.updatedAt).toISOString(), now)}`;
  return (
    <div className="freshness">
      <span className="syncing" data-shown={feed.isSyncing}>
        <Icon name="refresh" />
        Syncing…
      </span>
      <span className="updated">{updated}</span>
      <span
        className="live"
        data-live={isLive}
        title={isLive ? `Changes are shown at once, and asked ${every}` : every}
      >
        {kind}
      </span>
      <button type="button" className="quiet" disabled={feed.isLoading} onClick={() => void feed.refresh()}>
        <Icon name="refresh" />
        Refresh
      </button>
    </div>
  );
}
