import { Alarm } from "./alarm.ts";
import { type Client, whoIsSignedIn } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { ConnectionKind } from "./connection.ts";
import { asError, HourglassError } from "./errors.ts";
import type { FeedSource } from "./feedSource.ts";
import type { Told } from "./liveChannel.ts";
import { type Page, thisPage } from "./page.ts";
import { SharedConnection } from "./sharedConnection.ts";
import { Store } from "./store.ts";

export interface UsageFeedOptions {
  streamUrl?: string;
  clock?: Clock;
  page?: Page;
}

export interface UsageFeedSnapshot<Data, Query> {
  data: Data | null;
  query: Query;
  /** Somebody waits for it: the first time, another query, a refresh by hand. */
  isLoading: boolean;
  /** Something new is being fetched behind what is shown. */
  isSyncing: boolean;
  /** When `data` came, in milliseconds since the epoch by the clock here. */
  updatedAt: number | null;
  /** Whether changes are told as they happen. */
  isLive: boolean;
  connection: ConnectionKind;
  isAgentRunning: boolean;
  /** It is asked at least so often, whatever is told. */
  refreshSeconds: number;
  error: HourglassError | null;
}

const DEBOUNCE_MS = 500;
const BUSY_S = 10;
const CALM_S = 30;
const AGAIN_MS = 5_000;

/** Something that the server adds up, kept fresh in the background without flicker. No method rejects: see `error`. */
export class UsageFeed<Data, Query> extends Store<UsageFeedSnapshot<Data, Query>> {
  private readonly clock: Clock;
  private readonly page: Page;
  private readonly streamUrl: string | undefined;
  private readonly poll: Alarm;
  private readonly debounce: Alarm;
  private user: string | null = null;
  private connection: SharedConnection | null = null;
  private isOpen = false;
  private round = 0;
  private waiting = 0;

  constructor(
    private readonly client: Client,
    private readonly source: FeedSource<Data, Query>,
    query: Query,
    options: UsageFeedOptions = {},
  ) {
    super({
      data: null,
      query,
      isLoading: true,
      isSyncing: false,
      updatedAt: null,
      isLive: false,
      connection: "connecting",
      isAgentRunning: false,
      refreshSeconds: CALM_S,
      error: null,
    });
    this.clock = options.clock ?? systemClock;
    this.page = options.page ?? thisPage();
    this.streamUrl = options.streamUrl;
    this.poll = new Alarm(this.clock, () => this.pollNow());
    this.debounce = new Alarm(this.clock, () => void this.load());
  }

  open(): this {
    if (!this.isOpen) {
      this.isOpen = true;
      void this.load();
    }
    return this;
  }

  dispose(): void {
    this.isOpen = false;
    this.round += 1;
    this.poll.clear();
    this.debounce.clear();
    this.connection?.close();
    this.connection = null;
    this.set({ isLive: false, connection: "connecting", isSyncing: false });
  }

  /** Fetches now, by somebody's wish. */
  readonly refresh = (): Promise<void> => {
    this.set({ isLoading: true });
    return this.load();
  };

  /** Shows something else of the same: another page, filter or thread. What was shown stays until it is there. */
  readonly setQuery = (query: Query): Promise<void> => {
    this.set({ query, isLoading: true });
    return this.load();
  };

  /** While an agent runs, usage moves: it is asked more often, in case that nothing is told. */
  readonly setAgentRunning = (isAgentRunning: boolean): void => {
    this.set({ isAgentRunning, refreshSeconds: isAgentRunning ? BUSY_S : CALM_S });
    if (this.isOpen) this.poll.set(this.snapshot.refreshSeconds * 1_000);
  };

  /** Only the answer to the latest question counts. */
  private async load(): Promise<void> {
    this.round += 1;
    const { round } = this;
    this.debounce.clear();
    this.waiting += 1;
    this.set({ isSyncing: !this.snapshot.isLoading });
    try {
      await this.connect();
      const data = await this.source.load(this.client, this.snapshot.query);
      if (round === this.round) this.taken(data);
    } catch (thrown) {
      const error = asError(thrown);
      if (round === this.round) this.set({ error, isLoading: this.snapshot.data === null && error.isTransient });
      if (this.isOpen && (error.isTransient || error.slug === "not_signed_in")) this.poll.set(AGAIN_MS);
    } finally {
      this.waiting -= 1;
      if (this.waiting === 0) this.set({ isSyncing: false });
    }
  }

  private taken(data: Data): void {
    this.set({ data, updatedAt: Date.now(), error: null, isLoading: false });
    const { version } = data as { version?: unknown };
    if (typeof version === "number") this.connection?.expect(version);
    if (this.isOpen) this.poll.set(this.snapshot.refreshSeconds * 1_000);
  }

  private pollNow(): void {
    if (this.page.isVisible()) void this.load();
    else this.poll.set(this.snapshot.refreshSeconds * 1_000); // becoming visible asks at once
  }

  private async connect(): Promise<void> {
    const user = await whoIsSignedIn(this.client);
    if (user !== this.user) {
      this.user = user;
      this.connection?.close();
      this.connection = null;
      this.set({ data: null, updatedAt: null, isLoading: true, isLive: false, connection: "connecting" });
    }
    if (user === null) throw new HourglassError("not_signed_in", "Nobody is signed in.", 401);
    if (this.connection || !this.isOpen) return;
    this.connection = new SharedConnection({
      client: this.client,
      topic: this.source.topic === "user" ? `user:${user}` : this.source.topic,
      streamUrl: this.source.topic === "user" ? this.streamUrl : undefined,
      clock: this.clock,
      page: this.page,
      pollMs: () => this.snapshot.refreshSeconds * 1_000,
      onEvent: (told) => this.hear(told),
      onRefetch: () => this.soon(),
      onChange: (kind) => this.set({ connection: kind, isLive: kind === "live" || kind === "stream" }),
    });
    this.connection.open();
  }

  private hear(told: Told): void {
    if (this.source.isRelevant(told, this.snapshot.query)) this.soon();
  }

  /** Counted from the first of a burst, so that a burst without end is shown too. */
  private soon(): void {
    if (this.isOpen && !this.debounce.isSet) this.debounce.set(DEBOUNCE_MS);
  }
}
