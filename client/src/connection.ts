import { Backoff } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { Clock, Timer } from "./clock.ts";
import { follow } from "./eventStream.ts";
import { type LiveChannel, liveChannel, type Told } from "./liveChannel.ts";
import type { Page } from "./page.ts";

/** How news come: by Realtime, by the worker's stream, by asking again and again, or not at all for now. */
export type ConnectionKind = "connecting" | "live" | "stream" | "polling" | "offline";

export interface Wiring {
  client: Client;
  topic: string;
  /** The worker's `/usage/stream`, which tells of `user:<sub>`; without it, polling comes next. */
  streamUrl?: string | undefined;
  clock: Clock;
  page: Page;
  /** How long to wait between two questions while nothing else tells. */
  pollMs(): number;
  onEvent(told: Told): void;
  /** Something may have been missed: ask for the whole. */
  onRefetch(): void;
  onChange(kind: ConnectionKind): void;
}

const PATIENCE_MS = 3_000; // so long may Realtime be down before the stream takes over
const POLL_LOOK_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** News of one topic by whatever way there is. Realtime is tried for ever, and the others end when it is back. */
export class Connection {
  kind: ConnectionKind = "connecting";
  private readonly channel: LiveChannel;
  private readonly backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  private undo: (() => void)[] = [];
  private patience: Timer | undefined;
  private poll: Timer | undefined;
  private next: Timer | undefined;
  private stream: AbortController | null = null;
  private askedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly wiring: Wiring) {
    this.channel = liveChannel(wiring.client, wiring.topic, wiring.clock, wiring.page);
  }

  open(): void {
    const { page, onEvent, onRefetch } = this.wiring;
    this.undo = [
      this.channel.listen({ onEvent, onLive: () => this.live(), onDown: () => this.down() }),
      page.on("visible", onRefetch),
      page.on("woken", onRefetch),
      page.on("online", onRefetch),
      page.on("offline", () => this.become("offline")),
    ];
    if (!this.channel.isLive) this.down();
  }

  close(): void {
    for (const undo of this.undo) undo();
    this.undo = [];
    this.endFallback();
    this.kind = "connecting";
  }

  /** This version was told elsewhere; see LiveChannel. */
  expect(version: number): void {
    this.channel.expect(version);
  }

  /** The server was gone for a moment, or its database: a channel that did not notice may be deaf. */
  doubt(): void {
    if (this.kind === "live") this.channel.renew();
  }

  private become(kind: ConnectionKind): void {
    if (kind === this.kind) return;
    this.kind = kind;
    this.wiring.onChange(kind);
  }

  private live(): void {
    this.endFallback();
    this.become("live");
    this.wiring.onRefetch();
  }

  private down(): void {
    if (!this.wiring.page.isOnline()) this.become("offline");
    else if (this.kind === "live") this.become("connecting");
    this.patience ??= this.wiring.clock.after(PATIENCE_MS, () => this.fallBack());
  }

  private fallBack(): void {
    this.become(this.wiring.page.isOnline() ? "polling" : "offline");
    this.ask();
    if (this.wiring.streamUrl !== undefined) void this.openStream(this.wiring.streamUrl);
  }

  private endFallback(): void {
    const { clock } = this.wiring;
    for (const timer of [this.patience, this.poll, this.next]) clock.cancel(timer);
    this.patience = undefined;
    this.endStream();
  }

  private endStream(): void {
    const stream = this.stream;
    this.stream = null; // first, for the abort is heard at once
    stream?.abort();
  }

  /** Looks often whether it is time to ask: how long to wait changes with what is shown. */
  private ask(): void {
    const { clock, page, pollMs, onRefetch } = this.wiring;
    this.poll = clock.after(POLL_LOOK_MS, () => this.ask());
    if (this.kind === "stream") return;
    this.become(page.isOnline() ? "polling" : "offline");
    if (!page.isOnline() || clock.now() < this.askedAt + pollMs()) return;
    this.askedAt = clock.now();
    onRefetch();
  }

  private async openStream(address: string): Promise<void> {
    const own = new AbortController();
    this.stream = own;
    const isOver = () => this.stream !== own;
    const onOpen = () => {
      if (isOver()) return;
      this.backoff.reset();
      this.become("stream");
    };
    try {
      const token = (await this.wiring.client.realtime.accessToken?.()) ?? "";
      await follow({ address, token, signal: own.signal, onOpen, onEvent: (told) => isOver() || this.hear(told) });
    } catch {
      // Whatever it was, polling goes on meanwhile.
    }
    if (isOver()) return;
    this.become("polling");
    this.next = this.wiring.clock.after(this.backoff.next(), () => void this.openStream(address));
  }

  private hear(told: Told): void {
    // The stream's own events are a bare state; those of the topic have one inside.
    const isBare = told.event === "session:state" || told.event === "session:heartbeat";
    this.wiring.onEvent(isBare ? { event: told.event, payload: { state: told.payload } } : told);
  }
}
