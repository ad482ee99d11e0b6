import { Alarm } from "./alarm.ts";
import { Backoff } from "./backoff.ts";
import { type Arguments, type Client, call, whoIsSignedIn } from "./client.ts";
import { type Clock, ServerClock } from "./clock.ts";
import { Connection, type ConnectionKind } from "./connection.ts";
import { asError, HourglassError } from "./errors.ts";
import type { Told } from "./liveChannel.ts";
import type { Page } from "./page.ts";
import { Store } from "./store.ts";
import { isOlder, nextTurnAt, nothingYet, stateAt, type UsageState, usageStateOf } from "./usageState.ts";

export type Pending = "starting" | "stopping" | "pausing" | "resuming";

/** The user's time as the server would tell it now. */
export interface UsageSessionSnapshot extends UsageState {
  /** False until the server has said anything; `timeRemainingSeconds` means nothing before. */
  isLoaded: boolean;
  /** Whether this page keeps the session alive. */
  isHolder: boolean;
  pending: Pending | null;
  isConnected: boolean;
  connection: ConnectionKind;
  error: HourglassError | null;
}

export type StateFunction =
  | "get_usage_state"
  | "start_usage_session"
  | "heartbeat_usage_session"
  | "pause_usage_session"
  | "resume_usage_session"
  | "stop_usage_session";

const TICK_MS = 200;
const POLL_ACTIVE_MS = 10_000;
const POLL_MS = 30_000;
const REASSURANCE_MS = 60_000; // one question a minute, in case that nothing is told and nobody notices
const SOONEST_MS = 50;

const unknown: UsageSessionSnapshot = {
  ...nothingYet,
  isLoaded: false,
  isHolder: false,
  pending: null,
  isConnected: false,
  connection: "connecting",
  error: null,
};

/** The state of a user's metered time, kept up with the server's. UsageSession adds what changes it. */
export class FollowedUsage extends Store<UsageSessionSnapshot> {
  protected state: UsageState | null = null;
  protected refusal: HourglassError | null = null;
  protected isOpen = false;
  private fault: HourglassError | null = null;
  private readonly server: ServerClock;
  private readonly backoff = new Backoff(1_000, 15_000);
  private readonly tick: Alarm;
  private readonly question: Alarm;
  protected user: string | null = null;
  private connection: Connection | null = null;
  private asking: Promise<void> | null = null;
  private isAskedAgain = false;

  constructor(
    protected readonly client: Client,
    protected readonly clock: Clock,
    protected readonly page: Page,
    private readonly streamUrl: string | undefined,
  ) {
    super(unknown);
    this.server = new ServerClock(clock);
    this.tick = new Alarm(clock, () => this.render());
    this.question = new Alarm(clock, () => void this.refresh());
  }

  /** Begins to follow, again after `dispose` too. */
  open(): this {
    if (!this.isOpen) {
      this.isOpen = true;
      void this.refresh();
    }
    return this;
  }

  dispose(): void {
    this.isOpen = false;
    this.connection?.close();
    this.connection = null;
    this.tick.clear();
    this.question.clear();
    this.set({ isConnected: false, connection: "connecting" });
  }

  /** Asks the server now. */
  readonly refresh = (): Promise<void> => {
    this.isAskedAgain = true;
    this.asking ??= this.askWhileAsked().finally(() => {
      this.asking = null;
    });
    return this.asking;
  };

  /** Calls a function that answers the state, and takes it; for nobody but `whose`, if given. Throws HourglassError. */
  protected async ask<Name extends StateFunction>(
    name: Name,
    values: Arguments<Name>,
    whose: string | null = null,
  ): Promise<UsageState> {
    const user = await this.connect();
    if (whose !== null && whose !== user) throw anotherUser();
    const askedAt = this.clock.now();
    const state = usageStateOf(await call(this.client, name, values));
    if (user !== this.user) throw anotherUser();
    this.server.learn(state.serverTime, askedAt);
    this.take(state);
    return state;
  }

  /** A new state was taken, or an old one again. */
  protected taken(_state: UsageState): void {}

  protected isHolder(): boolean {
    return false;
  }

  protected take(next: UsageState): void {
    const known = this.state;
    if (known && isOlder(next, known)) return;
    const isSame = known !== null && known.sessionId === next.sessionId && known.deviceId === next.deviceId;
    const isOver = next.status !== "active" && next.status !== "paused";
    this.state = { ...next, endToken: next.endToken ?? (isSame && !isOver ? known.endToken : null) };
    this.connection?.expect(next.version);
    this.taken(this.state);
    this.plan();
    this.render();
  }

  /** Whatever changes, the time is that of now: the last one shown may be of before a sleep. */
  protected render(changes: Partial<UsageSessionSnapshot> = {}): void {
    const shown = this.state ? { ...stateAt(this.state, this.server), isLoaded: true } : {};
    this.set({ ...shown, isHolder: this.isHolder(), error: this.refusal ?? this.fault, ...changes });
    if (this.isOpen && this.state?.isActive) this.tick.set(TICK_MS);
  }

  private async askWhileAsked(): Promise<void> {
    while (this.isAskedAgain && this.isOpen) {
      this.isAskedAgain = false;
      try {
        await this.ask("get_usage_state", {});
        if (this.fault?.isTransient) this.connection?.doubt();
        this.fault = null;
        this.backoff.reset();
      } catch (thrown) {
        this.fault = asError(thrown);
        if (this.isOpen) this.question.set(this.backoff.next());
      }
    }
    this.render();
  }

  /** Follows whoever is signed in now, and answers who that is; of somebody before them nothing is left. */
  private async connect(): Promise<string> {
    const user = await whoIsSignedIn(this.client);
    if (user !== this.user) {
      this.user = user;
      this.state = null;
      this.connection?.close();
      this.connection = null;
      this.set({ ...nothingYet, isLoaded: false, isConnected: false, connection: "connecting" });
    }
    if (user === null) throw new HourglassError("not_signed_in", "Nobody is signed in.", 401);
    if (this.isOpen && !this.connection) this.follow(user);
    return user;
  }

  private follow(user: string): void {
    this.connection = new Connection({
      client: this.client,
      topic: `user:${user}`,
      streamUrl: this.streamUrl,
      clock: this.clock,
      page: this.page,
      pollMs: () => (this.state?.isActive ? POLL_ACTIVE_MS : POLL_MS),
      onEvent: (told) => this.hear(told),
      onRefetch: () => void this.refresh(),
      onChange: (kind) => this.render({ connection: kind, isConnected: kind === "live" || kind === "stream" }),
    });
    this.connection.open();
  }

  private hear({ payload }: Told): void {
    if (payload.state === null || typeof payload.state !== "object") return; // of credits, or of a room
    const state = usageStateOf(payload.state);
    const isGap = this.state !== null && state.version > this.state.version + 1;
    const isTokenMissing = this.state?.sessionId !== state.sessionId;
    this.take(state);
    if (isGap || isTokenMissing) void this.refresh();
  }

  /** When to ask next: when the server has something else to say by itself, and now and then. */
  private plan(): void {
    if (!this.isOpen || !this.state) return;
    const turn = nextTurnAt(this.state);
    const untilTurn = turn === null ? REASSURANCE_MS : Math.max(SOONEST_MS, turn - this.server.now());
    this.question.set(Math.min(untilTurn, REASSURANCE_MS));
  }
}

function anotherUser(): HourglassError {
  return new HourglassError("not_signed_in", "Somebody else is signed in by now.", 401);
}
