import { Alarm } from "./alarm.ts";
import { Backoff } from "./backoff.ts";
import { type Camelized, camelize } from "./casing.ts";
import { Claims } from "./claims.ts";
import { type Client, call, endByToken, type Returns, whoIsSignedIn } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Json } from "./database.types.ts";
import { asError, HourglassError } from "./errors.ts";
import { EventSender } from "./eventSender.ts";
import { KeptSession, type Tracked } from "./keptSession.ts";
import { MemoryInPlace, type Page, thisPage } from "./page.ts";
import { EventQueue } from "./queue.ts";
import { Store } from "./store.ts";

export interface SessionTrackerOptions {
  /** What to know of the device. Nothing is collected unless it is given here. */
  deviceInfo?: Json;
  metadata?: Json;
  /** Where in the app the user is at first. */
  section?: string;
  clock?: Clock;
  page?: Page;
}

export interface SessionTrackerSnapshot {
  sessionId: string | null;
  isActive: boolean;
  section: string | null;
  /** Events that the server has not taken yet. */
  queuedEvents: number;
  error: HourglassError | null;
}

export type SessionStats = Camelized<Returns<"get_user_session_stats">>;

const HEARTBEAT_MS = 30_000;
const DEBOUNCE_MS = 1_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const EVENTS = "hourglass:event:";

/** Who is in the app, where, since when. All tabs of a browser share one session. No method rejects: see `error`. */
export class SessionTracker extends Store<SessionTrackerSnapshot> {
  private readonly clock: Clock;
  private readonly page: Page;
  private readonly claims: Claims;
  private readonly beat: Alarm;
  private readonly debounce: Alarm;
  private readonly again: Alarm;
  private readonly backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  private queue = new EventQueue(new MemoryInPlace(), EVENTS); // until it is known whose the events are
  private sender: EventSender | null = null;
  private user: string | null = null;
  private session: Tracked | null = null;
  private section: { name: string; metadata: Json } | null;
  private sentSection: string | null = null;
  private seenAt = Number.NEGATIVE_INFINITY;
  private isOpen = false;
  private beginning: Promise<void> | null = null;
  private undo: (() => void)[] = [];

  constructor(
    private readonly client: Client,
    private readonly options: SessionTrackerOptions = {},
  ) {
    super({ sessionId: null, isActive: false, section: options.section ?? null, queuedEvents: 0, error: null });
    this.clock = options.clock ?? systemClock;
    this.page = options.page ?? thisPage();
    this.section = options.section === undefined ? null : { name: options.section, metadata: {} };
    this.claims = new Claims(this.page, "hourglass:tracked");
    this.beat = new Alarm(this.clock, () => void this.heartbeat());
    this.debounce = new Alarm(this.clock, () => void this.sendSection());
    this.again = new Alarm(this.clock, () => void this.begin());
  }

  /** Begins a session, or goes on with the one that another tab, or this one before a reload, has begun. */
  open(): this {
    if (this.isOpen) return this;
    this.isOpen = true;
    this.claims.open();
    const awake = () => void (this.session ? this.heartbeat() : this.begin());
    this.undo = [
      this.page.on("visible", awake),
      this.page.on("woken", awake),
      this.page.on("online", () => {
        awake();
        this.sender?.send();
      }),
      this.page.on("leaving", () => this.leave()),
    ];
    void this.begin();
    return this;
  }

  /** As when the page goes away: the last tab ends the session. What is queued stays for the next page. */
  dispose(): void {
    this.leave();
    this.isOpen = false;
    for (const undo of this.undo.splice(0)) undo();
    for (const alarm of [this.beat, this.debounce, this.again]) alarm.clear();
    this.sender?.close();
    this.claims.close();
  }

  /** The user is in another section now; told when they have been there for a second. */
  readonly setSection = (name: string, metadata: Json = {}): void => {
    this.section = { name, metadata };
    this.set({ section: name });
    this.debounce.set(DEBOUNCE_MS);
  };

  /** Logs an event and answers its id. It arrives once, whatever becomes of the network and of this page. */
  readonly logEvent = (type: string, data: { [key: string]: Json } = {}): string => {
    const event = { event_id: crypto.randomUUID(), event_type: type, event_data: data, occurred_at: nowAsText() };
    this.queue.add({ sessionId: this.session?.id ?? null, event });
    this.sender?.send();
    this.set({ queuedEvents: this.queue.size });
    return event.event_id;
  };

  /** Ends the session for all tabs, as at a sign-out, once the events that wait are sent. */
  readonly end = async (): Promise<void> => {
    await this.beginning;
    await this.sender?.flush();
    const { session } = this;
    if (session) await this.attempt(() => call(this.client, "end_user_session", { session_id: session.id }));
    this.forget();
    this.dispose();
  };

  /** What the user's own sessions of the last days add up to; null when that cannot be had. */
  readonly getStats = async (daysBack = 30): Promise<SessionStats | null> => {
    const stats = await this.attempt(() => call(this.client, "get_user_session_stats", { days_back: daysBack }));
    return stats ? camelize(stats) : null;
  };

  private begin(): Promise<void> {
    this.beginning ??= this.tryToBegin().finally(() => {
      this.beginning = null;
    });
    return this.beginning;
  }

  private async tryToBegin(): Promise<void> {
    if (!this.isOpen || this.session) return;
    try {
      const user = await whoIsSignedIn(this.client);
      if (user === null) throw new HourglassError("not_signed_in", "Nobody is signed in.", 401);
      this.openQueue(user);
      const kept = new KeptSession(this.page.shared, user);
      const session = (await this.findKept(kept)) ?? (await this.start(kept));
      if (!this.isOpen) return;
      this.session = session;
      this.seenAt = this.clock.now();
      this.claims.claim(session.id);
      this.queue.assign(session.id);
      this.sender?.send();
      this.beat.set(HEARTBEAT_MS);
      this.backoff.reset();
      this.set({ sessionId: session.id, isActive: true, error: null });
      if (this.section && this.section.name !== this.sentSection) this.debounce.set(DEBOUNCE_MS);
    } catch (thrown) {
      this.set({ error: asError(thrown) });
      if (this.isOpen) this.again.set(this.backoff.next());
    }
  }

  private openQueue(user: string): void {
    if (this.user === user) return;
    const early = this.queue;
    this.sender?.close();
    this.user = user;
    this.queue = new EventQueue(this.page.shared, `${EVENTS}${user}:`);
    this.queue.load();
    this.queue.takeFrom(early);
    this.sender = new EventSender(this.client, this.queue, this.clock, (error) =>
      this.set({ queuedEvents: this.queue.size, error }),
    );
    this.sender.open();
    this.set({ queuedEvents: this.queue.size });
  }

  private async findKept(kept: KeptSession): Promise<Tracked | null> {
    const session = kept.read();
    if (session === null) return null;
    try {
      await call(this.client, "heartbeat_user_session", { session_id: session.id });
      return session;
    } catch (thrown) {
      if (!isOver(asError(thrown))) throw thrown;
      return null;
    }
  }

  private async start(kept: KeptSession): Promise<Tracked> {
    const section = this.section?.name ?? null;
    const row = await call(this.client, "start_user_session", {
      device_info: this.options.deviceInfo ?? {},
      metadata: this.options.metadata ?? {},
      ...(section === null ? {} : { app_section: section }),
    });
    this.sentSection = section;
    const session = { id: row.id, endToken: row.end_token };
    kept.keep(session);
    return session;
  }

  private async heartbeat(): Promise<void> {
    const { session } = this;
    if (!session || !this.page.isVisible()) return; // becoming visible is told
    const wait = this.seenAt + HEARTBEAT_MS - this.clock.now();
    if (wait > 0) {
      this.beat.set(wait);
      return;
    }
    this.seenAt = this.clock.now();
    this.beat.set(HEARTBEAT_MS);
    await this.attempt(() => call(this.client, "heartbeat_user_session", { session_id: session.id }));
  }

  private async sendSection(): Promise<void> {
    const { session, section } = this;
    if (!session || !section || section.name === this.sentSection) return;
    const { name, metadata } = section;
    const values = { session_id: session.id, section: name, metadata };
    const row = await this.attempt(() => call(this.client, "update_session_section", values));
    if (row) this.sentSection = name;
    else if (this.snapshot.error?.isTransient) this.debounce.set(this.backoff.next());
  }

  /** Answers null when it fails. A session that turns out to be over is followed by a new one. */
  private async attempt<Answer>(deed: () => Promise<Answer>): Promise<Answer | null> {
    try {
      const answer = await deed();
      this.seenAt = this.clock.now();
      this.set({ error: null });
      return answer;
    } catch (thrown) {
      const error = asError(thrown);
      if (isOver(error)) {
        this.forget();
        void this.begin();
      } else {
        this.set({ error });
      }
      return null;
    }
  }

  private leave(): void {
    const { session } = this;
    if (!session) return;
    const isShared = this.claims.isShared(session.id);
    if (isShared) this.release();
    else this.forget();
    if (!isShared && session.endToken) endByToken(this.client, this.page, session.endToken);
  }

  private forget(): void {
    if (this.session && this.user) new KeptSession(this.page.shared, this.user).forget(this.session);
    this.release();
  }

  private release(): void {
    if (this.session) this.claims.release(this.session.id);
    this.session = null;
    this.sentSection = null;
    this.beat.clear();
    this.set({ sessionId: null, isActive: false });
  }
}

function isOver(error: HourglassError): boolean {
  return error.slug === "session_closed" || error.slug === "session_not_found";
}

function nowAsText(): string {
  return new Date().toISOString();
}
