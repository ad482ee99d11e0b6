import { keep } from "./device.ts";
import type { Memory } from "./page.ts";

/** A tracked session as its pages know it. */
export interface Tracked {
  id: string;
  endToken: string | null;
}

const PREFIX = "hourglass:tracked:";

/** The tracked session that all tabs of a user share, where they find it. */
export class KeptSession {
  private readonly key: string;

  constructor(
    private readonly memory: Memory,
    user: string,
  ) {
    this.key = PREFIX + user;
  }

  /** Null when there is none, or something that is not ours. */
  read(): Tracked | null {
    try {
      return JSON.parse(this.memory.getItem(this.key) ?? "null") as Tracked | null;
    } catch {
      return null;
    }
  }

  keep(session: Tracked): void {
    keep(this.memory, this.key, JSON.stringify(session));
  }

  /** Another one, which another tab may have begun meanwhile, stays. */
  forget(session: Tracked): void {
    if (this.read()?.id === session.id) this.memory.removeItem(this.key);
  }
}
