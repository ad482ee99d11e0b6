import { Connection, type ConnectionKind, type Wiring } from "./connection.ts";
import type { Told } from "./liveChannel.ts";
import type { Wire } from "./page.ts";

type Word = { kind: ConnectionKind } | { told: Told } | { isNew: true };

/** One connection for all tabs of a browser: one of them has it and tells the others; when it goes, another has it. */
export class SharedConnection {
  kind: ConnectionKind = "connecting";
  private connection: Connection | null = null;
  private wire: Wire | null = null;
  private undo: (() => void)[] = [];

  constructor(private readonly wiring: Wiring) {}

  open(): void {
    const { page, topic, onRefetch } = this.wiring;
    const name = `hourglass:news:${topic}`;
    this.wire = page.wire(name, (word) => this.hear(word as Word));
    this.undo = [
      page.on("visible", onRefetch),
      page.on("woken", onRefetch),
      page.on("online", onRefetch),
      page.lead(name, () => this.lead()),
    ];
    if (!this.connection) this.say({ isNew: true });
  }

  close(): void {
    for (const undo of this.undo.splice(0)) undo();
    this.connection?.close();
    this.connection = null;
    this.wire?.close();
    this.wire = null;
    this.kind = "connecting";
  }

  expect(version: number): void {
    this.connection?.expect(version);
  }

  private lead(): void {
    const { wiring } = this;
    this.connection = new Connection({
      ...wiring,
      onEvent: (told) => {
        this.say({ told });
        wiring.onEvent(told);
      },
      onChange: (kind) => {
        this.say({ kind });
        this.become(kind);
      },
    });
    this.connection.open();
  }

  private hear(word: Word): void {
    if ("isNew" in word) {
      if (this.connection) this.say({ kind: this.kind });
    } else if (this.connection === null) {
      if ("told" in word) this.wiring.onEvent(word.told);
      else this.become(word.kind);
    }
  }

  /** What may have been missed before it was live is asked for by each tab. */
  private become(kind: ConnectionKind): void {
    if (kind === this.kind) return;
    this.kind = kind;
    this.wiring.onChange(kind);
    if (kind === "live" && !this.connection) this.wiring.onRefetch();
  }

  private say(word: Word): void {
    this.wire?.say(word);
  }
}
