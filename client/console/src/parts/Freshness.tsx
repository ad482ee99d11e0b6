import type { ConnectionKind, HourglassError } from "../../../src/index.ts";
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
  error: HourglassError | null;
  refresh: () => Promise<void>;
}

/** How fresh a view is. Each part keeps its room, so that nothing moves when it changes. */
export function Freshness({ feed, isPolled = false }: { feed: Fresh; isPolled?: boolean }) {
  const now = useNow(1000);
  const isLost = feed.error?.isTransient ?? false;
  const isLive = feed.isLive && !isPolled && !isLost;
  const every = `Every ${feed.refreshSeconds} s`;
  const isJoining = feed.connection === "connecting" && !isPolled;
  const kind = isLive ? "Live" : isLost ? "Not connected" : isJoining ? "Connecting" : every;
  const updated = feed.updatedAt === null ? "" : `Updated ${ago(new Date(feed.updatedAt).toISOString(), now)}`;
  return (
    <div className="freshness">
      <span className="updated" data-syncing={feed.isSyncing}>
        <span className="syncing">
          <Icon name="refresh" />
          Syncing…
        </span>
        <span>{updated}</span>
      </span>
      <span
        className="live"
        data-live={isLive}
        title={isLive ? `Changes are shown at once, and asked ${every}` : every}
      >
        {kind}
      </span>
      <button type="button" className="quiet" onClick={() => void feed.refresh()}>
        <Icon name="refresh" />
        Refresh
      </button>
    </div>
  );
}
