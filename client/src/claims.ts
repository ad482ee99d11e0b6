import type { Page, Wire } from "./page.ts";

interface Word {
  kind: "claim" | "release" | "who";
  id: string;
  tab: string;
}

/** Which tabs of this browser use what: a session ends with the last tab that does, not with the first. */
export class Claims {
  private readonly tab = crypto.randomUUID();
  private readonly own = new Set<string>();
  private readonly others = new Map<string, Set<string>>();
  private wire: Wire | null = null;

  constructor(
    private readonly page: Page,
    private readonly name: string,
  ) {}

  open(): void {
    this.wire ??= this.page.wire(this.name, (word) => this.hear(word as Word));
  }

  close(): void {
    for (const id of [...this.own]) this.release(id);
    this.wire?.close();
    this.wire = null;
    this.others.clear();
  }

  claim(id: string): void {
    this.own.add(id);
    this.say("claim", id);
    this.say("who", id);
  }

  release(id: string): void {
    if (this.own.delete(id)) this.say("release", id);
  }

  has(id: string | null): boolean {
    return id !== null && this.own.has(id);
  }

  /** Whether another tab claims it. One that crashed is counted too: then time ends the session. */
  isShared(id: string): boolean {
    return (this.others.get(id)?.size ?? 0) > 0;
  }

  private say(kind: Word["kind"], id: string): void {
    this.wire?.say({ kind, id, tab: this.tab } satisfies Word);
  }

  private hear({ kind, id, tab }: Word): void {
    const tabs = this.others.get(id) ?? new Set();
    this.others.set(id, tabs);
    if (kind === "claim") tabs.add(tab);
    if (kind === "release") tabs.delete(tab);
    if (kind === "who" && this.own.has(id)) this.say("claim", id);
  }
}
