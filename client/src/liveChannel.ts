import type { RealtimeChannel } from "@supabase/supabase-js";
import { Backoff } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Page } from "./page.ts";

/** What came: the name of the event and its payload. */
export interface Told {
  event: string;
  payload: { version?: number; [field: string]: unknown };
}

export interface Ear {
  onEvent(told: Told): void;
  /** The channel delivers from now on: whatever was sent before may be lost, so ask anew. */
  onLive(): void;
  /** It delivers no more, or still not; `reason` is the server's, null when it only went away. */
  onDown(reason: string | null): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const JOIN_MS = 12_000; // supabase-js gives up after 10 s
const GRACE_MS = 5_000;

/**
 * A private channel that does not stay closed. supabase-js leaves one for good that the server closed (an expired
 * token), and hears nothing more on one that went deaf (a restart of the database), so this one makes a fresh channel
 * whenever one is down, and when an event that must have come has not: see `expect`.
 */
export class LiveChannel {
  isLive = false;
  private readonly ears = new Set<Ear>();
  private readonly backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  private channel: RealtimeChannel | null = null;
  private round = 0;
  private timer: Timer | undefined;
  private watch: Timer | undefined;
  private heard: number | null = null;
  private undo: (() => void)[] = [];

  constructor(
    private readonly client: Client,
    readonly topic: string,
    private readonly clock: Clock,
    private readonly page: Page,
  ) {}

  /** Listens until the answer is called; the channel is open while anybody listens. */
  listen(ear: Ear): () => void {
    this.ears.add(ear);
    if (this.ears.size === 1) this.open();
    else if (this.isLive) ear.onLive();
    return () => {
      if (this.ears.delete(ear) && this.ears.size === 0) this.close();
    };
  }

  /** The server has told this version elsewhere, so its event is due: without it within 5 s the channel is deaf. */
  expect(version: number): void {
    if (!this.isLive) return;
    if (this.heard === null || version <= this.heard) {
      this.heard = Math.max(this.heard ?? 0, version); // the first after joining is where hearing begins
      return;
    }
    this.watch ??= this.clock.after(GRACE_MS, () => {
      this.watch = undefined;
      if (this.isLive && (this.heard ?? 0) < version) this.renew();
    });
  }

  /** Says something to all who listen; false when the channel is down. */
  async send(event: string, payload: object): Promise<boolean> {
    if (!this.isLive || !this.channel) return false;
    return (await this.channel.send({ type: "broadcast", event, payload })) === "ok";
  }

  /** Makes a fresh channel now. */
  renew(): void {
    this.down(null);
    this.clock.cancel(this.timer);
    void this.join();
  }

  private open(): void {
    this.undo = [
      this.page.on("online", () => this.renew()),
      this.page.on("woken", () => this.renew()),
      this.page.on("visible", () => this.isLive || this.renew()),
    ];
    void this.join();
  }

  private close(): void {
    this.round += 1;
    this.isLive = false;
    for (const undo of this.undo) undo();
    this.clock.cancel(this.timer);
    this.clock.cancel(this.watch);
    this.watch = undefined;
    void this.leave();
  }

  private async join(): Promise<void> {
    this.round += 1;
    const round = this.round;
    const isOver = () => round !== this.round;
    this.timer = this.clock.after(JOIN_MS, () => this.retry(null));
    try {
      await this.leave();
      await this.client.realtime.setAuth(); // or the token of the last join is used, expired or not
      if (isOver()) return;
      if (this.client.realtime.connectionState() === "closed") await this.client.realtime.disconnect(); // its own wait
      if (isOver()) return;
      this.channel = this.client
        .channel(this.topic, { config: { private: true } })
        .on(
          "broadcast",
          { event: "*" },
          ({ event, payload }) => isOver() || this.tell({ event, payload: payload ?? {} }),
        )
        .subscribe((status, error) => {
          if (isOver()) return;
          if (status === "SUBSCRIBED") this.live();
          else this.retry(error?.message ?? null);
        });
    } catch {
      if (!isOver()) this.retry(null);
    }
  }

  /** supabase-js finds channels by topic, so the old one has to be gone before the next is made. */
  private async leave(): Promise<void> {
    const channel = this.channel;
    this.channel = null;
    if (channel) await this.client.removeChannel(channel);
  }

  private live(): void {
    this.clock.cancel(this.timer);
    this.backoff.reset();
    this.heard = null;
    this.isLive = true;
    for (const ear of [...this.ears]) ear.onLive();
  }

  private retry(reason: string | null): void {
    this.round += 1;
    this.clock.cancel(this.timer);
    this.down(reason);
    if (this.ears.size > 0) this.timer = this.clock.after(this.backoff.next(), () => void this.join());
  }

  private down(reason: string | null): void {
    this.isLive = false;
    this.clock.cancel(this.watch);
    this.watch = undefined;
    for (const ear of [...this.ears]) ear.onDown(reason);
  }

  private tell(told: Told): void {
    const { version } = told.payload;
    if (typeof version === "number") this.heard = Math.max(this.heard ?? 0, version);
    for (const ear of [...this.ears]) ear.onEvent(told);
  }
}

const known = new WeakMap<Client, Map<string, LiveChannel>>();

/** The one channel of a topic that all of a client share: supabase-js has no two. */
export function liveChannel(client: Client, topic: string, clock: Clock, page: Page): LiveChannel {
  const channels = known.get(client) ?? new Map<string, LiveChannel>();
  known.set(client, channels);
  const channel = channels.get(topic) ?? new LiveChannel(client, topic, clock, page);
  channels.set(topic, channel);
  return channel;
}
