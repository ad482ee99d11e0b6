import { keep } from "./device.ts";
import type { Memory } from "./page.ts";

/** An event of a tracked session as `log_session_events` takes it, and whose session it belongs to. */
export interface QueuedEvent {
  sessionId: string | null;
  event: { event_id: string; event_type: string; event_data: object; occurred_at: string };
}

const LONGEST_BATCH = 1_000;
const LARGEST_BATCH = 512 * 1024;
const DIGITS = 8;

/**
 * Events that wait to be sent, oldest first; they survive a reload. Each is a value of its own in the tabs' common
 * memory, so that tabs do not overwrite each other's: what two of them send twice, the server takes once.
 */
export class EventQueue {
  private readonly waiting = new Map<string, QueuedEvent>();
  private count = 0;

  constructor(
    private readonly memory: Memory,
    private readonly prefix: string,
  ) {}

  get size(): number {
    return this.waiting.size;
  }

  /** Reads what earlier pages left. */
  load(): void {
    const keys = Array.from({ length: this.memory.length }, (_, index) => this.memory.key(index));
    const own = keys.filter((key) => key?.startsWith(this.prefix) && !this.waiting.has(key)) as string[];
    for (const key of own.sort()) {
      const kept = parse(this.memory.getItem(key));
      if (kept) this.waiting.set(key, kept);
      else this.memory.removeItem(key);
    }
  }

  add(entry: QueuedEvent): void {
    this.count += 1;
    const place = `${entry.event.occurred_at}:${String(this.count).padStart(DIGITS, "0")}`;
    const key = `${this.prefix}${place}:${entry.event.event_id}`;
    this.waiting.set(key, entry);
    keep(this.memory, key, JSON.stringify(entry)); // without room for it, it waits in this page only
  }

  /** Gives a session to the events that came before there was one. */
  assign(sessionId: string): void {
    for (const [key, entry] of this.waiting) {
      if (entry.sessionId !== null) continue;
      const assigned = { ...entry, sessionId };
      this.waiting.set(key, assigned);
      keep(this.memory, key, JSON.stringify(assigned));
    }
  }

  /** Takes over what another queue holds. */
  takeFrom(other: EventQueue): void {
    for (const entry of other.waiting.values()) this.add(entry);
    other.remove([...other.waiting.keys()]);
  }

  /** What to send next: events of one session, by their keys; null when nothing can be sent. */
  batch(most: number): { sessionId: string; keys: string[]; events: QueuedEvent["event"][] } | null {
    const first = [...this.waiting.values()].find((entry) => entry.sessionId !== null);
    if (!first?.sessionId) return null;
    const { sessionId } = first;
    const keys: string[] = [];
    const events: QueuedEvent["event"][] = [];
    let bytes = 0;
    for (const [key, { sessionId: owner, event }] of this.waiting) {
      if (owner !== sessionId) continue;
      bytes += JSON.stringify(event).length;
      if (keys.length > 0 && (keys.length >= Math.min(most, LONGEST_BATCH) || bytes > LARGEST_BATCH)) break;
      keys.push(key);
      events.push(event);
    }
    return { sessionId, keys, events };
  }

  remove(keys: string[]): void {
    for (const key of keys) {
      this.waiting.delete(key);
      this.memory.removeItem(key);
    }
  }

  /** Drops what waits for a session that takes no more. */
  drop(sessionId: string): number {
    const keys = [...this.waiting].filter(([, entry]) => entry.sessionId === sessionId).map(([key]) => key);
    this.remove(keys);
    return keys.length;
  }
}

function parse(text: string | null): QueuedEvent | null {
  try {
    return text === null ? null : (JSON.parse(text) as QueuedEvent);
  } catch {
    return null;
  }
}
