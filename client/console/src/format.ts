// Numbers and times as people read them, in the language of the page.

const LANGUAGE = navigator.language?.startsWith("en") ? navigator.language : "en";
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;
export const NOTHING = "–";

const numbers = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 4 });
const shortNumbers = new Intl.NumberFormat(LANGUAGE, { notation: "compact", maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(LANGUAGE, { style: "percent", maximumFractionDigits: 0 });
const instants = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });
const days = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" });
const shortDays = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", timeZone: "UTC" });

/** What is left, as a clock shows it: 1:02:03, and 02:03 below an hour. */
export function clock(seconds: number): string {
  const [hours, minutes, rest] = [
    Math.floor(seconds / HOUR_S),
    Math.floor((seconds % HOUR_S) / MINUTE_S),
    seconds % MINUTE_S,
  ];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${two(minutes)}:${two(rest)}`;
}

/** A duration in its two largest units: 2 h 5 min, 3 min, 4 s. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < MINUTE_S) return `${whole} s`;
  if (whole < HOUR_S) return joined([Math.floor(whole / MINUTE_S), "min"], [whole % MINUTE_S, "s"]);
  return joined([Math.floor(whole / HOUR_S), "h"], [Math.floor((whole % HOUR_S) / MINUTE_S), "min"]);
}

function joined(...parts: [number, string][]): string {
  return parts
    .filter(([value], at) => at === 0 || value > 0)
    .map(([value, unit]) => `${numbers.format(value)} ${unit}`)
    .join(" ");
}

export function number(value: number | null): string {
  return value === null ? NOTHING : numbers.format(value);
}

/** For where there is no room: 12.3K. */
export function shortNumber(value: number): string {
  return shortNumbers.format(value);
}

export function percent(share: number | null): string {
  return share === null ? NOTHING : percents.format(share);
}

export function money(amount: number, currency: string): string {
  return new Intl.NumberFormat(LANGUAGE, { style: "currency", currency }).format(amount);
}

/** The largest of several currencies, for where there is no room, and the others. */
export function revenueInTwo(byCurrency: Record<string, number>): [string, string | undefined] {
  const [first, ...others] = Object.entries(byCurrency).sort(([, one], [, other]) => other - one);
  if (first === undefined) return [NOTHING, undefined];
  return [money(first[1], first[0]), others.length === 0 ? undefined : `and ${revenue(Object.fromEntries(others))}`];
}

/** Revenue of several currencies, the largest first. */
export function revenue(byCurrency: Record<string, number>): string {
  const sums = Object.entries(byCurrency).sort(([, one], [, other]) => other - one);
  return sums.length === 0 ? NOTHING : sums.map(([currency, amount]) => money(amount, currency)).join(", ");
}

export function instant(text: string | null): string {
  return text === null ? NOTHING : instants.format(new Date(text));
}

export function day(text: string | null): string {
  return text === null ? NOTHING : days.format(new Date(text));
}

/** A day of a chart. Those are days in UTC wherever one is. */
export function shortDay(epochSeconds: number): string {
  return shortDays.format(epochSeconds * 1000);
}

/** How long ago something was, or in how long it will be. */
export function ago(text: string | null, now: number): string {
  if (text === null) return "never";
  const seconds = Math.round((now - Date.parse(text)) / 1000);
  const told = rough(Math.abs(seconds));
  if (told === null) return "just now";
  return seconds > 0 ? `${told} ago` : `in ${told}`;
}

function rough(seconds: number): string | null {
  if (seconds < 5) return null;
  if (seconds < MINUTE_S) return `${seconds} s`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min`;
  if (seconds < DAY_S) return `${Math.floor(seconds / HOUR_S)} h`;
  const whole = Math.floor(seconds / DAY_S);
  return whole === 1 ? "1 day" : `${whole} days`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}
