import { Alarm } from "./alarm.ts";
import { Backoff } from "./backoff.ts";
import { type Client, call } from "./client.ts";
import type { Clock } from "./clock.ts";
import { asError, type HourglassError } from "./errors.ts";
import type { EventQueue } from "./queue.ts";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const GATHERING_MS = 250;
const ALL = 1_000;

/** Sends what a queue holds, in batches, until it is empty. What the server takes for good is told by `onChange`. */
export class EventSender {
  private readonly alarm: Alarm;
  private readonly backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  private sending: Promise<void> | null = null;
  private most = ALL;
  private isOpen = false;

  constructor(
    private readonly client: Client,
    private readonly queue: EventQueue,
    clock: Clock,
    private readonly onChange: (fault: HourglassError | null) => void,
  ) {
    this.alarm = new Alarm(clock, () => void this.flush());
  }

  open(): void {
    this.isOpen = true;
    this.send();
  }

  close(): void {
    this.isOpen = false;
    this.alarm.clear();
  }

  /** Sends soon, together with what comes meanwhile. */
  send(): void {
    if (this.isOpen && !this.alarm.isSet) this.alarm.set(GATHERING_MS);
  }

  /** Sends now. Answers when the queue is empty, or when it has to wait. */
  flush(): Promise<void> {
    this.alarm.clear();
    this.sending ??= this.empty().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  private async empty(): Promise<void> {
    for (let batch = this.queue.batch(this.most); batch; batch = this.queue.batch(this.most)) {
      try {
        await call(this.client, "log_session_events", { session_id: batch.sessionId, events: batch.events as never });
        this.queue.remove(batch.keys);
        this.most = ALL;
        this.backoff.reset();
        this.onChange(null);
      } catch (thrown) {
        const error = asError(thrown);
        if (error.isTransient || error.slug === "not_signed_in") {
          this.onChange(error);
          if (this.isOpen) this.alarm.set(this.backoff.next());
          return;
        }
        this.refused(batch, error);
      }
    }
  }

  /** One bad event must not hold up the others: halves the batch until it is alone, and leaves it out. */
  private refused({ sessionId, keys }: { sessionId: string; keys: string[] }, error: HourglassError): void {
    if (error.slug === "session_closed" || error.slug === "session_not_found") this.queue.drop(sessionId);
    else if (keys.length === 1) this.queue.remove(keys);
    else this.most = Math.ceil(keys.length / 2);
    this.onChange(error);
  }
}
