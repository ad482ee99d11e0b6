// The page that the code runs in, as far as it matters here; without a browser, one that is always there.

export type PageEvent = "visible" | "online" | "offline" | "leaving" | "woken";

type Listener = () => void;

export interface Memory {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** What one tab says, all others of this browser hear. */
export interface Wire {
  say(message: unknown): void;
  close(): void;
}

export interface Page {
  /** What all tabs of this browser share, and what this tab keeps over a reload. */
  readonly shared: Memory;
  readonly own: Memory;
  isVisible(): boolean;
  isOnline(): boolean;
  on(event: PageEvent, listener: Listener): () => void;
  /** Sends a form that arrives although the page goes away. False where there is no such thing. */
  beacon(address: string, form: Record<string, string>): boolean;
  /** A wire of this name between the tabs. */
  wire(name: string, onMessage: (message: unknown) => void): Wire;
  /** Calls back when this is the one tab that leads under this name, until the answer is called. */
  lead(name: string, onLead: () => void): () => void;
}

export class MemoryInPlace implements Memory {
  private readonly values = new Map<string, string>();

  get length(): number {
    return this.values.size;
  }
  key(index: number): string | null {
    return [...this.values.keys()][index] ?? null;
  }
  getItem(key: string): string | null {
    return this.values.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.values.set(key, value);
  }
  removeItem(key: string): void {
    this.values.delete(key);
  }
}

/** Private windows and strict settings throw at the first touch. */
function memoryOf(get: () => Memory | undefined): Memory {
  try {
    return get() ?? new MemoryInPlace();
  } catch {
    return new MemoryInPlace();
  }
}

const LOOK_MS = 5_000;
const ASLEEP_MS = 15_000;
const ASLEEP_HIDDEN_MS = 90_000; // a hidden page's timers run once a minute

const noWire: Wire = { say: () => {}, close: () => {} };

class BrowserPage implements Page {
  readonly shared = memoryOf(() => globalThis.localStorage);
  readonly own = memoryOf(() => globalThis.sessionStorage);
  private readonly listeners = new Map<PageEvent, Set<Listener>>();

  constructor() {
    document.addEventListener("visibilitychange", () => this.isVisible() && this.tell("visible"));
    document.addEventListener("resume", () => this.tell("woken"));
    addEventListener("online", () => this.tell("online"));
    addEventListener("offline", () => this.tell("offline"));
    addEventListener("pagehide", () => this.tell("leaving"));
    addEventListener("pageshow", (event) => event.persisted && this.tell("woken"));
    let lookedAt = Date.now();
    setInterval(() => {
      const gap = Date.now() - lookedAt;
      lookedAt += gap;
      if (gap > (this.isVisible() ? ASLEEP_MS : ASLEEP_HIDDEN_MS)) this.tell("woken");
    }, LOOK_MS);
  }

  isVisible(): boolean {
    return document.visibilityState === "visible";
  }
  isOnline(): boolean {
    return navigator.onLine;
  }

  on(event: PageEvent, listener: Listener): () => void {
    const listeners = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  beacon(address: string, form: Record<string, string>): boolean {
    return navigator.sendBeacon(address, new URLSearchParams(form));
  }

  wire(name: string, onMessage: (message: unknown) => void): Wire {
    if (typeof BroadcastChannel === "undefined") return noWire;
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => onMessage(data);
    return { say: (message) => channel.postMessage(message), close: () => channel.close() };
  }

  lead(name: string, onLead: () => void): () => void {
    if (!navigator.locks) return nowhere.lead(name, onLead); // only secure pages have them
    const giveUp = new AbortController();
    const untilGivenUp = new Promise<void>((resolve) => giveUp.signal.addEventListener("abort", () => resolve()));
    const led = navigator.locks.request(name, { signal: giveUp.signal }, () => {
      onLead();
      return untilGivenUp;
    });
    led.catch(() => {}); // given up before it came
    return () => giveUp.abort();
  }

  private tell(event: PageEvent): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener();
  }
}

/** Node, and servers that render pages. */
const nowhere: Page = {
  shared: new MemoryInPlace(),
  own: new MemoryInPlace(),
  isVisible: () => true,
  isOnline: () => true,
  on: () => () => {},
  beacon: () => false,
  wire: () => noWire,
  lead(_, onLead) {
    onLead();
    return () => {};
  },
};

let here: Page | undefined;

/** The one page that there is. */
export function thisPage(): Page {
  here ??= typeof document === "undefined" ? nowhere : new BrowserPage();
  return here;
}
