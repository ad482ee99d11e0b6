import { useFeed } from "../feed.ts";
import { ago, duration, instant, NOTHING, number } from "../format.ts";
import { Freshness } from "../parts/Freshness.tsx";
import { useNow } from "../parts/now.ts";
import { Problem } from "../parts/Problem.tsx";
import { Stepped, useTrail } from "../parts/pages.tsx";
import { type Column, Table } from "../parts/Table.tsx";
import { Card, Figures, View } from "../parts/View.tsx";
import { activeSessions, type CleanupStats, cleanupStats, type TrackedSession } from "../sources.ts";

const BY: Record<string, string> = { cron: "by pg_cron", worker: "by the worker", manual: "by hand" };

/** Who is in the app now, and what the cleanup of rooms has done. */
export function Activity() {
  const { after, page, toEarlier, toLater } = useTrail();
  const sessions = useFeed(activeSessions, { after });
  const cleanup = useFeed(cleanupStats, undefined);
  const now = useNow(5000);
  const last = sessions.data?.rows.at(-1);
  return (
    <View title="Activity" aside={<Freshness feed={sessions} isPolled />}>
      <Problem error={sessions.error ?? cleanup.error} again={sessions.refresh} />
      <Card title="Active sessions">
        <Table
          label="Active sessions"
          columns={columnsAt(now)}
          rows={sessions.data?.rows ?? null}
          keyOf={(row) => row.id}
          isLoading={sessions.isLoading}
          empty={
            <>
              <strong>Nobody is in the app</strong>
              <p>Tracked sessions that were seen within the last hour are listed here.</p>
            </>
          }
        />
        <Stepped
          label="Pages of active sessions"
          page={page}
          hasMore={sessions.data?.hasMore ?? false}
          onLater={toLater}
          onEarlier={() => toEarlier(last && { at: "", id: last.id })}
        />
      </Card>
      <Card title="Cleanup of rooms">
        <Figures label="Cleanup of rooms" figures={figuresOf(cleanup.data, now)} />
      </Card>
    </View>
  );
}

function columnsAt(now: number): Column<TrackedSession>[] {
  return [
    { label: "Person", share: 4, cell: (row) => row.userId, title: (row) => row.userId ?? undefined },
    {
      label: "Section",
      share: 3,
      cell: (row) => row.appSection ?? NOTHING,
      title: (row) => row.appSection ?? undefined,
    },
    { label: "Since", share: 3, cell: (row) => instant(row.sessionStart) },
    { label: "For", share: 2, isNumber: true, cell: (row) => duration((now - Date.parse(row.sessionStart)) / 1000) },
    { label: "Last seen", share: 2, cell: (row) => ago(row.lastSeenAt, now), title: (row) => instant(row.lastSeenAt) },
  ];
}

function figuresOf(stats: CleanupStats | null, now: number) {
  return [
    { label: "Runs", value: number(stats?.totalRuns ?? null) },
    {
      label: "Last run",
      value: stats ? ago(stats.lastRunAt, now) : NOTHING,
      note: stats?.lastRunBy ? (BY[stats.lastRunBy] ?? stats.lastRunBy) : undefined,
    },
    { label: "Removed then", value: number(stats?.lastRemoved ?? null) },
    { label: "Removed in total", value: number(stats?.totalRemoved ?? null) },
  ];
}
