import type { UsageStatus } from "../../../src/index.ts";
import { useFeed } from "../feed.ts";
import { duration, instant } from "../format.ts";
import { Freshness } from "../parts/Freshness.tsx";
import { Problem } from "../parts/Problem.tsx";
import { Stepped, useTrail } from "../parts/pages.tsx";
import { type Column, Table } from "../parts/Table.tsx";
import { Card, Pill, View } from "../parts/View.tsx";
import { linkTo } from "../route.ts";
import { useSigned } from "../shell.ts";
import { type MeteredSession, meteredSessions, PAGE_SIZE } from "../sources.ts";
import { STATUS } from "../words.ts";

/** One's own metered sessions, the newest first. */
export function Sessions() {
  const { deviceId } = useSigned();
  const { after, page, toEarlier, toLater } = useTrail();
  const feed = useFeed(meteredSessions, { after });
  const rows = feed.data?.rows ?? null;
  const last = rows?.at(-1);
  const columns: Column<MeteredSession>[] = [
    { label: "Started", share: 3, cell: (row) => instant(row.startedAt) },
    { label: "Ended", share: 3, cell: (row) => instant(row.endedAt) },
    { label: "Counted", share: 2, isNumber: true, cell: (row) => duration(row.activeSeconds) },
    {
      label: "Device",
      share: 2,
      cell: (row) => (row.deviceId === deviceId ? "This browser" : row.deviceId),
      title: (row) => row.deviceId,
    },
    { label: "Status", share: 2, cell: (row) => <Status status={row.status as UsageStatus} /> },
  ];
  return (
    <View title="Sessions" aside={<Freshness feed={feed} />}>
      <Problem error={feed.error} again={feed.refresh} />
      <Card title="Metered sessions">
        <Table
          label="Metered sessions"
          columns={columns}
          rows={rows}
          keyOf={(row) => row.id}
          isLoading={feed.isLoading}
          room={PAGE_SIZE}
          empty={
            <>
              <strong>No session yet</strong>
              <p>
                Start one under <a href={linkTo("time")}>Time</a>: it will be listed here.
              </p>
            </>
          }
        />
        <Stepped
          label="Pages of sessions"
          page={page}
          hasMore={feed.data?.hasMore ?? false}
          onLater={toLater}
          onEarlier={() => toEarlier(last && { at: last.startedAt, id: last.id })}
        />
      </Card>
    </View>
  );
}

function Status({ status }: { status: UsageStatus }) {
  return <Pill tone={STATUS[status].tone}>{STATUS[status].label}</Pill>;
}
