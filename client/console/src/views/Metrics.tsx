import { useMemo, useState } from "react";
import { useFeed } from "../feed.ts";
import { duration, money, NOTHING, number, percent, revenueInTwo, shortDay, shortNumber } from "../format.ts";
import { Chart, type Point } from "../parts/Chart.tsx";
import { Freshness } from "../parts/Freshness.tsx";
import { Problem } from "../parts/Problem.tsx";
import { Figures, View } from "../parts/View.tsx";
import { type Metrics as Data, metrics } from "../sources.ts";

const SPANS = [7, 30, 90];
const HOUR_S = 3600;

/** What everybody did, by day and by hour. */
export function Metrics() {
  const [daysBack, setDaysBack] = useState(30);
  const feed = useFeed(metrics, { daysBack });
  return (
    <View title="Metrics" aside={<Freshness feed={feed} isPolled />}>
      <Problem error={feed.error} again={feed.refresh} />
      <fieldset className="segments">
        <legend>Span</legend>
        {SPANS.map((days) => (
          <label key={days}>
            <input type="radio" name="span" checked={days === daysBack} onChange={() => setDaysBack(days)} />
            {days} days
          </label>
        ))}
      </fieldset>
      <Figures label="In this span" figures={figuresOf(feed.data)} />
      <Charts data={feed.data} isLoading={feed.isLoading} />
    </View>
  );
}

function figuresOf(data: Data | null) {
  const [paid, besides] = revenueInTwo(data ? revenueOf(data) : {});
  const busiest = data?.peakUsageHours[0];
  return [
    { label: "Requests", value: data ? number(sum(data.perDay.map((day) => day.requests))) : NOTHING },
    { label: "Revenue", value: paid, note: besides },
    { label: "Average room", value: data?.averageSessionSeconds ? duration(data.averageSessionSeconds) : NOTHING },
    {
      label: "Retention",
      value: percent(data?.retentionRate ?? null),
      note: data ? "of those in rooms before" : undefined,
    },
    {
      label: "Peak hour",
      value: busiest ? hourOfDay(busiest.hour) : NOTHING,
      note: data ? "of rooms, in UTC" : undefined,
    },
  ];
}

function Charts({ data, isLoading }: { data: Data | null; isLoading: boolean }) {
  const shown = useMemo(() => (data === null ? null : chartsOf(data)), [data]);
  return (
    <div className="charts" data-loading={isLoading} aria-busy={isLoading}>
      {shown === null
        ? ["users", "time", "requests", "tokens", "credits", "rooms"].map((name) => (
            <div key={name} className="chart waiting" aria-hidden="true" />
          ))
        : shown.map((chart) => <Chart key={chart.title} {...chart} />)}
    </div>
  );
}

type Day = Data["perDay"][number];

function chartsOf(data: Data) {
  const daily = (value: (day: Day) => number): Point[] =>
    data.perDay.map((day) => ({ label: shortDay(Date.parse(day.day) / 1000), value: value(day) }));
  const total = (points: Point[]) => sum(points.map(({ value }) => value));
  const counted = (title: string, points: Point[]) => ({
    title,
    summary: `${number(total(points))} in total`,
    points,
    format: number,
    shortFormat: shortNumber,
  });
  const users = daily((day) => day.active_users);
  const hours = daily((day) => day.seconds / HOUR_S);
  const rooms = new Map(data.roomsPerDay.map(({ day, sessions }) => [day, sessions]));
  const currencies = Object.keys(revenueOf(data)).sort();
  return [
    {
      title: "Active people",
      summary: `${number(Math.max(0, ...users.map(({ value }) => value)))} on the busiest day`,
      points: users,
      format: number,
      shortFormat: shortNumber,
    },
    {
      title: "Metered time",
      summary: `${duration(total(hours) * HOUR_S)} in total`,
      points: hours,
      format: (value: number) => duration(value * HOUR_S),
      isWhole: false,
      shortFormat: (value: number) => `${shortNumber(value)} h`,
    },
    counted(
      "Tokens",
      daily((day) => day.tokens),
    ),
    {
      ...counted(
        "Credits",
        daily((day) => day.credits),
      ),
      isWhole: false,
    },
    ...currencies.map((currency) => {
      const points = daily((day) => day.revenue[currency] ?? 0);
      return {
        title: `Revenue in ${currency}`,
        summary: `${money(total(points), currency)} in total`,
        points,
        format: (value: number) => money(value, currency),
        isWhole: false,
        shortFormat: shortNumber,
      };
    }),
    counted(
      "Requests in the last 24 hours",
      data.perHour.map(({ hour, requests }) => ({ label: localHour(hour), value: requests })),
    ),
    counted("Rooms by hour of the day, UTC", peakHours(data)),
    counted(
      "Rooms",
      daily(({ day }) => rooms.get(day) ?? 0),
    ),
  ];
}

/** All 24 hours in their order, those without rooms too. */
function peakHours({ peakUsageHours }: Data): Point[] {
  const known = new Map(peakUsageHours.map(({ hour, sessions }) => [hour, sessions]));
  return Array.from({ length: 24 }, (_, hour) => ({ label: hourOfDay(hour), value: known.get(hour) ?? 0 }));
}

function revenueOf({ perDay }: Data): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { revenue: paid } of perDay) {
    for (const [currency, amount] of Object.entries(paid)) sums[currency] = (sums[currency] ?? 0) + amount;
  }
  return sums;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function hourOfDay(hour: number): string {
  return `${String(hour).padStart(2, "0")}:00`;
}

function localHour(instant: string): string {
  return hourOfDay(new Date(instant).getHours());
}
