import { useEffect, useState } from "react";
import {
  type UsageOverview,
  type UsageOverviewQuery,
  type UsageOverviewRow,
  usageOverview,
} from "../../../src/index.ts";
import { useFeed } from "../feed.ts";
import { ago, instant, number, plural, revenue, revenueInTwo } from "../format.ts";
import { pageCount } from "../paging.ts";
import { Freshness } from "../parts/Freshness.tsx";
import { useNow } from "../parts/now.ts";
import { Problem } from "../parts/Problem.tsx";
import { Numbered } from "../parts/pages.tsx";
import { type Column, Table } from "../parts/Table.tsx";
import { Card, Figures, Pill, View } from "../parts/View.tsx";

const TYPING_MS = 250;
const SIZES = [10, 25, 50, 100];
const SORTS = {
  last_active: "Last active",
  credits: "Credits",
  tokens: "Tokens",
  requests: "Requests",
  revenue: "Revenue",
  name: "Name",
};
const ACTIVITIES = {
  active: { label: "Active", tone: "good" },
  idle: { label: "Idle", tone: "warn" },
  dormant: { label: "Dormant", tone: "calm" },
} as const;

interface Choice {
  page: number;
  pageSize: number;
  search: string;
  userType: string;
  activity: string;
  sort: string;
}

const FIRST: Choice = { page: 1, pageSize: 10, search: "", userType: "", activity: "", sort: "last_active" };

/** The administrators' page: who used what, and what all of it comes to. */
export function Usage() {
  const [choice, setChoice] = useState(FIRST);
  const change = (next: Partial<Choice>) => setChoice((now) => ({ ...now, page: 1, ...next }));
  const feed = useFeed(usageOverview, queryOf(choice));
  const now = useNow(10_000);
  const { data } = feed;
  const last = data === null ? null : pageCount(data.totalRows, choice.pageSize);
  // People who do not match any more may take the page that is shown with them.
  useEffect(() => {
    if (last !== null) setChoice((now) => (now.page > last ? { ...now, page: last } : now));
  }, [last]);
  const isNarrowed = choice.search !== "" || choice.userType !== "" || choice.activity !== "";
  return (
    <View title="Usage" aside={<Freshness feed={feed} />}>
      <Problem error={feed.error} again={feed.refresh} />
      <Figures label="Totals of what is selected" figures={totalsOf(data)} />
      <Card title="People">
        <Filters choice={choice} onChange={change} />
        <Table
          label="Usage by person"
          columns={columnsAt(now)}
          rows={data?.rows ?? null}
          keyOf={(row) => row.userId}
          isLoading={feed.isLoading}
          room={choice.pageSize > 10 ? undefined : choice.pageSize}
          empty={
            isNarrowed ? (
              <>
                <strong>Nobody matches</strong>
                <p>
                  <button type="button" onClick={() => setChoice(FIRST)}>
                    Show everybody
                  </button>
                </p>
              </>
            ) : (
              <>
                <strong>Nobody yet</strong>
                <p>Accounts appear with their first call.</p>
              </>
            )
          }
        />
        <Numbered
          label="Pages of people"
          page={choice.page}
          size={choice.pageSize}
          totalRows={data?.totalRows ?? 0}
          onPage={(page) => change({ page })}
        />
      </Card>
    </View>
  );
}

function queryOf({ page, pageSize, search, userType, activity, sort }: Choice): UsageOverviewQuery {
  return {
    page,
    pageSize,
    sort,
    ...(search === "" ? {} : { search }),
    ...(userType === "" ? {} : { userType }),
    ...(activity === "" ? {} : { activity }),
  };
}

function totalsOf(data: UsageOverview | null) {
  const [paid, besides] = revenueInTwo(data?.totalRevenue ?? {});
  return [
    {
      label: "People",
      value: number(data?.totalRows ?? null),
      note: data ? `of ${number(data.totalUsers)}` : undefined,
    },
    { label: "Requests", value: number(data?.totalRequests ?? null) },
    { label: "Tokens", value: number(data?.totalTokens ?? null) },
    { label: "Credits", value: number(data?.totalCredits ?? null) },
    { label: "Revenue", value: paid, note: besides },
  ];
}

function columnsAt(now: number): Column<UsageOverviewRow>[] {
  return [
    {
      label: "Person",
      share: 5,
      cell: (row) => <Person row={row} />,
      title: (row) => row.email ?? row.userId,
    },
    { label: "Plan", share: 2, cell: (row) => row.planId, title: (row) => row.planId },
    { label: "Requests", share: 2, isNumber: true, cell: (row) => number(row.requests) },
    { label: "Tokens", share: 2, isNumber: true, cell: (row) => number(row.totalTokens) },
    { label: "Credits", share: 2, isNumber: true, cell: (row) => number(row.credits) },
    {
      label: "Revenue",
      share: 3,
      isNumber: true,
      cell: (row) => <Paid row={row} />,
      title: (row) => revenue(row.revenue),
    },
    {
      label: "Last active",
      share: 3,
      cell: (row) => ago(row.lastActiveAt, now),
      title: (row) => instant(row.lastActiveAt),
    },
    {
      label: "Activity",
      share: 2,
      cell: (row) => <Pill tone={ACTIVITIES[row.activity].tone}>{ACTIVITIES[row.activity].label}</Pill>,
    },
  ];
}

function Person({ row }: { row: UsageOverviewRow }) {
  return (
    <span className="two-lines">
      <span>
        {row.displayName ?? row.email ?? row.userId}
        {row.userType === "internal" && <span className="tag">internal</span>}
      </span>
      <span className="fine">{row.displayName === null ? row.userId : (row.email ?? row.userId)}</span>
    </span>
  );
}

function Paid({ row }: { row: UsageOverviewRow }) {
  return (
    <>
      {row.hasCompletedPayment && <span className="dot" data-online="true" role="img" aria-label="Has paid" />}
      {revenue(row.revenue)}
    </>
  );
}

function Filters({ choice, onChange }: { choice: Choice; onChange: (next: Partial<Choice>) => void }) {
  return (
    <search className="filters">
      <Search text={choice.search} onSearch={(search) => onChange({ search })} />
      <label>
        Type
        <select value={choice.userType} onChange={(event) => onChange({ userType: event.target.value })}>
          <option value="">All</option>
          <option value="external">External</option>
          <option value="internal">Internal</option>
        </select>
      </label>
      <label>
        Activity
        <select value={choice.activity} onChange={(event) => onChange({ activity: event.target.value })}>
          <option value="">All</option>
          <option value="active">Active, 7 days</option>
          <option value="idle">Idle, 30 days</option>
          <option value="dormant">Dormant</option>
        </select>
      </label>
      <label>
        Sort by
        <select value={choice.sort} onChange={(event) => onChange({ sort: event.target.value })}>
          {Object.entries(SORTS).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        Rows
        <select value={choice.pageSize} onChange={(event) => onChange({ pageSize: Number(event.target.value) })}>
          {SIZES.map((size) => (
            <option key={size} value={size}>
              {plural(size, "row")}
            </option>
          ))}
        </select>
      </label>
    </search>
  );
}

/** Asks when the typing pauses. */
function Search({ text, onSearch }: { text: string; onSearch: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what is typed starts the wait
  useEffect(() => {
    if (typed.trim() === text) return;
    const timer = setTimeout(() => onSearch(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <label className="wide">
      Search
      <input
        type="search"
        value={typed}
        maxLength={200}
        placeholder="Name, e-mail or id"
        onChange={(event) => setTyped(event.target.value)}
      />
    </label>
  );
}
