// A world in which time passes only when told: a clock, a page, its tabs, and a project that answers what it is told.
import type { Client } from "../src/client.ts";
import type { Clock, Timer } from "../src/clock.ts";
import { MemoryInPlace, type Page, type PageEvent } from "../src/page.ts";

export const BEGIN = Date.parse("2026-03-02T09:00:00Z");

export class FakeClock implements Clock {
  private time = 0;
  private count = 0;
  private readonly alarms = new Map<number, { at: number; wake: () => void }>();

  now(): number {
    return this.time;
  }
  after(milliseconds: number, wake: () => void): Timer {
    this.count += 1;
    this.alarms.set(this.count, { at: this.time + milliseconds, wake });
    return this.count as unknown as Timer;
  }
  cancel(timer: Timer | undefined): void {
    this.alarms.delete(timer as unknown as number);
  }

  /** Lets time pass, alarm by alarm, and lets everything come of each that comes at once. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    for (;;) {
      await settled();
      const next = [...this.alarms].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!next) break;
      this.alarms.delete(next[0]);
      this.time = Math.max(this.time, next[1].at);
      next[1].wake();
    }
    this.time = end;
    await settled();
  }
}

const TURNS = 20; // more than any chain of calls takes here

async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The tabs of one browser share what has to be shared. */
export class Browser {
  readonly shared = new MemoryInPlace();
  readonly wires = new Set<{ name: string; hear: (message: unknown) => void }>();

  tab(): FakePage {
    return new FakePage(this);
  }
}

export class FakePage implements Page {
  readonly own = new MemoryInPlace();
  readonly shared: MemoryInPlace;
  readonly beacons: Record<string, string>[] = [];
  visible = true;
  online = true;
  private readonly listeners = new Map<PageEvent, Set<() => void>>();

  constructor(private readonly browser = new Browser()) {
    this.shared = browser.shared;
  }

  isVisible(): boolean {
    return this.visible;
  }
  isOnline(): boolean {
    return this.online;
  }
  on(event: PageEvent, listener: () => void): () => void {
    const listeners = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }
  beacon(_address: string, form: Record<string, string>): boolean {
    this.beacons.push(form);
    return true;
  }
  wire(name: string, hear: (message: unknown) => void) {
    const end = { name, hear };
    this.browser.wires.add(end);
    const say = (message: unknown) => {
      for (const other of [...this.browser.wires]) if (other !== end && other.name === name) other.hear(message);
    };
    return { say, close: () => void this.browser.wires.delete(end) };
  }
  lead(_name: string, onLead: () => void): () => void {
    onLead();
    return () => {};
  }
  tell(event: PageEvent): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener();
  }
}

type Answer = { data: unknown } | { error: { code?: string; message: string }; status: number };
type Status = "SUBSCRIBED" | "CLOSED" | "CHANNEL_ERROR" | "TIMED_OUT";

export class FakeChannel {
  private hear: (message: { event: string; payload: unknown }) => void = () => {};
  private report: (status: Status, error?: Error) => void = () => {};

  constructor(readonly topic: string) {}

  on(_kind: string, _filter: object, hear: FakeChannel["hear"]): this {
    this.hear = hear;
    return this;
  }
  subscribe(report: FakeChannel["report"]): this {
    this.report = report;
    return this;
  }
  become(status: Status, error?: Error): void {
    this.report(status, error);
  }
  tell(event: string, payload: object): void {
    this.hear({ event, payload });
  }
}

const tokenOf = (user: string | null) => `e30.${btoa(JSON.stringify(user === null ? {} : { sub: user }))}.signature`;

/** A project: `answers` by function, what was called, and the channels that were made. */
export class FakeProject {
  readonly answers = new Map<string, (values: Record<string, unknown>) => Answer | Promise<Answer>>();
  readonly calls: { name: string; values: Record<string, unknown> }[] = [];
  readonly channels: FakeChannel[] = [];
  tokensAsked = 0;
  user: string | null = "ada";

  get channel(): FakeChannel {
    const last = this.channels.at(-1);
    if (!last) throw new Error("no channel was made");
    return last;
  }

  called(name: string): Record<string, unknown>[] {
    return this.calls.filter((each) => each.name === name).map(({ values }) => values);
  }

  readonly client = {
    rpc: (name: string, values: Record<string, unknown>) => ({
      abortSignal: async () => {
        this.calls.push({ name, values });
        await new Promise<void>((resolve) => setImmediate(resolve));
        const answer = await this.answers.get(name)?.(values);
        return { data: null, error: null, status: 200, ...(answer ?? lost) };
      },
    }),
    channel: (topic: string) => {
      this.channels.push(new FakeChannel(topic));
      return this.channel;
    },
    removeChannel: async () => "ok",
    realtime: {
      accessToken: async () => tokenOf(this.user),
      setAuth: async () => {
        this.tokensAsked += 1;
      },
      connectionState: () => "open",
      httpEndpoint: "http://project/realtime/v1",
      apiKey: "key",
    },
  } as unknown as Client;
}

export const lost: Answer = { error: { message: "fetch failed" }, status: 0 };

export function refused(message: string, status: number): Answer {
  return { error: { code: `PT${status}`, message }, status };
}
