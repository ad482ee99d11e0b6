import { useEffect, useState } from "react";
import { type CreditBalance, creditBalance } from "../../../src/index.ts";
import { type Feed, useFeed } from "../feed.ts";
import { ago, day, instant, NOTHING, number } from "../format.ts";
import { Freshness } from "../parts/Freshness.tsx";
import { useNow } from "../parts/now.ts";
import { Problem } from "../parts/Problem.tsx";
import { Stepped, useTrail } from "../parts/pages.tsx";
import { type Column, Table } from "../parts/Table.tsx";
import { Card, Figures, View } from "../parts/View.tsx";
import { type Lot, lots, PAGE_SIZE, type UsageLog, usageLogs } from "../sources.ts";
import { Thread } from "./Thread.tsx";

/** What is left, what it was spent on, and a thread that can be watched while an agent works. */
export function Credits() {
  const [threadId, setThreadId] = useState<string | null>(null);
  const balance = useFeed(creditBalance, undefined);
  const trail = useTrail();
  const logs = useFeed(usageLogs, { after: trail.after, threadId: null });
  const latest = logs.data?.rows.find((row) => row.threadId !== null)?.threadId ?? null;
  // The first that is known stays, whatever is used meanwhile.
  useEffect(() => setThreadId((chosen) => chosen ?? latest), [latest]);
  return (
    <View title="Credits" aside={<Freshness feed={balance} />}>
      <Problem error={balance.error ?? logs.error} again={balance.refresh} />
      <Card title="Balance">
        <Figures label="Balance" figures={figuresOf(balance.data)} />
      </Card>
      <div className="columns">
        <Thread key={threadId} threadId={threadId} onThread={setThreadId} />
        <Lots />
      </div>
      <Logs logs={logs} trail={trail} watched={threadId} onThread={setThreadId} />
    </View>
  );
}

function figuresOf(balance: CreditBalance | null) {
  return [
    { label: "Available", value: number(balance?.available ?? null), note: balance ? "to spend now" : undefined },
    { label: "On hold", value: number(balance?.held ?? null), note: balance ? "for work that runs" : undefined },
    { label: "Used", value: number(balance?.usedThisPeriod ?? null), note: balance ? "this period" : undefined },
    {
      label: "Expiring next",
      value: balance?.expiresNextAt ? number(balance.expiringNext) : NOTHING,
      note: balance?.expiresNextAt ? `on ${day(balance.expiresNextAt)}` : undefined,
    },
  ];
}

const SOURCES: Record<string, string> = { plan: "Plan", purchase: "Purchase", adjustment: "Adjustment" };

const LOT_COLUMNS: Column<Lot>[] = [
  { label: "From", share: 2, cell: (row) => SOURCES[row.source] ?? row.source },
  { label: "Left", share: 2, isNumber: true, cell: (row) => number(row.remaining) },
  { label: "Of", share: 2, isNumber: true, cell: (row) => number(row.credits) },
  { label: "Expires", share: 3, cell: (row) => (row.expiresAt === null ? "Never" : day(row.expiresAt)) },
];

function Lots() {
  const feed = useFeed(lots, undefined);
  const now = useNow(60_000);
  const isAlive = (lot: Lot) => lot.expiresAt === null || Date.parse(lot.expiresAt) > now;
  return (
    <Card title="Where they come from">
      <Table
        label="Lots of credits, in the order in which they burn"
        columns={LOT_COLUMNS}
        rows={feed.data?.filter(isAlive) ?? null}
        keyOf={(row) => row.id}
        isLoading={feed.isLoading}
        empty={
          <>
            <strong>No credits left</strong>
            <p>Those of your plan come with the first use in a period.</p>
          </>
        }
      />
    </Card>
  );
}

interface LogsProps {
  logs: Feed<{ rows: UsageLog[]; hasMore: boolean }, unknown>;
  trail: ReturnType<typeof useTrail>;
  watched: string | null;
  onThread: (threadId: string) => void;
}

function Logs({ logs, trail, watched, onThread }: LogsProps) {
  const now = useNow(10_000);
  const columns: Column<UsageLog>[] = [
    { label: "When", share: 3, cell: (row) => ago(row.createdAt, now), title: (row) => instant(row.createdAt) },
    {
      label: "Thread",
      share: 3,
      cell: (row) =>
        row.threadId === null ? (
          NOTHING
        ) : (
          <button
            type="button"
            className="link"
            aria-pressed={row.threadId === watched}
            onClick={() => onThread(row.threadId ?? "")}
          >
            {row.threadId}
          </button>
        ),
      title: (row) => row.threadId ?? undefined,
    },
    { label: "Model", share: 3, cell: (row) => row.model ?? NOTHING, title: (row) => row.model ?? undefined },
    { label: "Tokens", share: 2, isNumber: true, cell: (row) => number(row.promptTokens + row.completionTokens) },
    {
      label: "Credits",
      share: 2,
      isNumber: true,
      cell: (row) => (row.refundedAt ? `${number(row.credits)} back` : number(row.credits)),
    },
  ];
  const last = logs.data?.rows.at(-1);
  return (
    <Card title="Usage logs">
      <Table
        label="Usage logs"
        columns={columns}
        rows={logs.data?.rows ?? null}
        keyOf={(row) => row.id}
        isLoading={logs.isLoading}
        room={PAGE_SIZE}
        empty={
          <>
            <strong>Nothing used yet</strong>
            <p>What your agents and requests consume is listed here, at once.</p>
          </>
        }
      />
      <Stepped
        label="Pages of usage logs"
        page={trail.page}
        hasMore={logs.data?.hasMore ?? false}
        onLater={trail.toLater}
        onEarlier={() => trail.toEarlier(last && { at: last.createdAt, id: last.id })}
      />
    </Card>
  );
}
