import { Alarm } from "./alarm.ts";
import { Backoff } from "./backoff.ts";
import { Claims } from "./claims.ts";
import { type Client, endByToken } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Json } from "./database.types.ts";
import { deviceIdOf, keep } from "./device.ts";
import { asError } from "./errors.ts";
import { FollowedUsage, type Pending } from "./followedUsage.ts";
import { type Page, thisPage } from "./page.ts";
import { isLive, type UsageState } from "./usageState.ts";

export interface UsageSessionOptions {
  /** Who holds the session: this browser, unless named. */
  deviceId?: string;
  /** The worker's `/usage/stream`, for where WebSockets do not get through. */
  streamUrl?: string;
  /** Whether a session that this page holds ends with the page (the default). If not, a reload goes on with it. */
  endsWithPage?: boolean;
  clock?: Clock;
  page?: Page;
}

export interface StartOptions {
  metadata?: Json;
}

type Deed = (id: string, whose: string | null) => Promise<void>;

const HEARTBEAT_MS = 30_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const TRIES = 4;
const MARK = "hourglass:holds";

/** A user's metered session: what is left of their time, and start, pause and stop. No method rejects: see `error`. */
export class UsageSession extends FollowedUsage {
  readonly deviceId: string;
  private readonly endsWithPage: boolean;
  private readonly claims: Claims;
  private readonly beat: Alarm;
  private readonly beatBackoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  private deeds: Promise<void> = Promise.resolve();
  private undo: (() => void) | null = null;

  constructor(client: Client, options: UsageSessionOptions = {}) {
    const { clock = systemClock, page = thisPage() } = options;
    super(client, clock, page, options.streamUrl);
    this.deviceId = options.deviceId ?? deviceIdOf(page);
    this.endsWithPage = options.endsWithPage ?? true;
    this.claims = new Claims(page, "hourglass:usage");
    this.beat = new Alarm(clock, () => void this.heartbeat());
  }

  override open(): this {
    if (!this.isOpen) {
      this.claims.open();
      this.undo = this.page.on("leaving", () => this.end());
    }
    return super.open();
  }

  /** Stops following, and ends the session if this page holds it and it ends with the page. */
  override dispose(): void {
    if (this.isOpen) this.end();
    this.undo?.();
    this.beat.clear();
    this.claims.close();
    super.dispose();
  }

  /** Starts a session, or goes on with the live one of this device. */
  readonly startSession = (options: StartOptions = {}): Promise<void> => this.start(options, false);

  /** The same, and takes the session over where another device holds it. */
  readonly takeOver = (options: StartOptions = {}): Promise<void> => this.start(options, true);

  readonly pause = (): Promise<void> =>
    this.act("pausing", TRIES, async (id, whose) => {
      await this.ask("pause_usage_session", { session_id: id, device_id: this.deviceId }, whose);
    });

  readonly resume = (): Promise<void> =>
    this.act("resuming", TRIES, async (id, whose) => {
      this.hold(await this.ask("resume_usage_session", { session_id: id, device_id: this.deviceId }, whose));
    });

  /** Stops the session. Without a connection it tries on, and keeps nothing alive meanwhile. */
  readonly stopSession = (): Promise<void> =>
    this.act("stopping", Number.POSITIVE_INFINITY, async (id, whose) => {
      this.letGo(id);
      await this.ask("stop_usage_session", { session_id: id }, whose);
    });

  protected override isHolder(): boolean {
    return this.state !== null && isLive(this.state) && this.claims.has(this.state.sessionId);
  }

  protected override taken(state: UsageState): void {
    const { sessionId: id } = state;
    if (id === null) return;
    const isOurs = isLive(state) && state.deviceId === this.deviceId;
    if (!isOurs) this.letGo(id);
    else if (!this.claims.has(id) && this.page.own.getItem(MARK) === id) this.hold(state); // this tab was reloaded
  }

  private start({ metadata }: StartOptions, takeOver: boolean): Promise<void> {
    const values = { device_id: this.deviceId, take_over: takeOver, ...(metadata === undefined ? {} : { metadata }) };
    const deed: Deed = async (_, whose) => this.hold(await this.ask("start_usage_session", values, whose));
    return this.act("starting", TRIES, deed, true);
  }

  /** One after the other, in the order of the calls; each is safe to repeat. */
  private act(pending: Pending, tries: number, deed: Deed, isStart = false): Promise<void> {
    const whose = this.user; // it is their deed, whoever is signed in when its turn comes
    this.deeds = this.deeds.then(async () => {
      this.refusal = null;
      this.render({ pending });
      try {
        if (!this.state && !isStart) await this.refresh();
        const id = this.state?.sessionId ?? null;
        if (isStart || id !== null) await this.persist(tries, () => deed(id ?? "", whose));
      } catch (thrown) {
        this.refusal = asError(thrown);
        await this.refresh(); // an answer may be lost, and a refusal says that something is not as it was thought
      }
      this.render({ pending: null });
    });
    return this.deeds;
  }

  private async persist(tries: number, deed: () => Promise<void>): Promise<void> {
    const backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    for (;;) {
      try {
        await deed();
        return;
      } catch (thrown) {
        if (!asError(thrown).isTransient || backoff.tries >= tries - 1 || !this.isOpen) throw thrown;
        await new Promise<void>((resolve) => this.clock.after(backoff.next(), resolve));
      }
    }
  }

  private hold(state: UsageState): void {
    if (state.sessionId === null || !isLive(state)) return;
    this.claims.claim(state.sessionId);
    keep(this.page.own, MARK, state.sessionId);
    this.beat.set(HEARTBEAT_MS);
    this.render();
  }

  private letGo(id: string): void {
    if (!this.claims.has(id)) return;
    this.claims.release(id);
    this.page.own.removeItem(MARK);
    this.beat.clear();
  }

  private async heartbeat(): Promise<void> {
    const { state } = this;
    if (!state?.sessionId || !this.isHolder()) return;
    this.beat.set(HEARTBEAT_MS);
    if (state.status === "paused") return;
    try {
      const values = { session_id: state.sessionId, device_id: this.deviceId };
      const answer = await this.ask("heartbeat_usage_session", values, this.user);
      this.beatBackoff.reset();
      if (!isLive(answer)) void this.refresh(); // of the session that was asked for, and there may be another
    } catch (thrown) {
      if (asError(thrown).isTransient) this.beat.set(this.beatBackoff.next());
      else void this.refresh();
    }
  }

  private end(): void {
    const { state } = this;
    if (!this.endsWithPage || !state?.sessionId || !this.isHolder()) return;
    const isShared = this.claims.isShared(state.sessionId);
    this.letGo(state.sessionId);
    if (!isShared && state.endToken !== null) endByToken(this.client, this.page, state.endToken);
  }
}
