// Time as the client may know it: how long ago the server said something, never what time it is here.

export type Timer = ReturnType<typeof setTimeout>;

/** What tells the time and wakes. Passed in, so that tests have their own. */
export interface Clock {
  /** Milliseconds of a clock that never runs slower than the server's, from any beginning. */
  now(): number;
  after(milliseconds: number, wake: () => void): Timer;
  cancel(timer: Timer | undefined): void;
}

/**
 * A monotonic clock stands still while a laptop sleeps and the wall clock is set by people, so each step is the longer
 * of the two: what is shown may be too little for a moment, never too much.
 */
export function makeSystemClock(monotonic = () => performance.now(), wall = () => Date.now()): Clock {
  let [steady, shown, total] = [monotonic(), wall(), 0];
  return {
    now() {
      const [steadyNow, shownNow] = [monotonic(), wall()];
      total += Math.max(steadyNow - steady, shownNow - shown, 0);
      [steady, shown] = [steadyNow, shownNow];
      return total;
    },
    after: (milliseconds, wake) => setTimeout(wake, milliseconds),
    cancel: (timer) => clearTimeout(timer),
  };
}

export const systemClock = makeSystemClock();

const SAMPLE_LIFE_MS = 300_000;
const PARSING_LOSS_MS = 1; // dates have milliseconds, the server's have microseconds

/** The latest that it can be at the server, from when its answers were asked for. */
export class ServerClock {
  private offset: number | null = null;
  private learntAt = 0;

  constructor(private readonly clock: Clock) {}

  /** An answer of this `serverTime` was asked for at `askedAt`, or came by itself at that moment. */
  learn(serverTime: string, askedAt: number): void {
    const offset = Date.parse(serverTime) - askedAt;
    const now = this.clock.now();
    if (this.offset === null || offset < this.offset || now - this.learntAt > SAMPLE_LIFE_MS) {
      this.offset = offset;
      this.learntAt = now;
    }
  }

  /** Milliseconds since the epoch, by the server; the same instant or a little later. */
  now(): number {
    return this.clock.now() + (this.offset ?? 0) + PARSING_LOSS_MS;
  }
}
