import type { Clock, Timer } from "./clock.ts";

/** Wakes once after the time that was set last. */
export class Alarm {
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly wake: () => void,
  ) {}

  get isSet(): boolean {
    return this.timer !== undefined;
  }

  set(milliseconds: number): void {
    this.clear();
    this.timer = this.clock.after(milliseconds, () => {
      this.timer = undefined;
      this.wake();
    });
  }

  clear(): void {
    this.clock.cancel(this.timer);
    this.timer = undefined;
  }
}
