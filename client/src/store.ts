type Listener = () => void;

/** A value that can be watched, in the shape of React's `useSyncExternalStore`. Both methods may be passed around. */
export class Store<Snapshot extends object> {
  private readonly listeners = new Set<Listener>();

  constructor(protected snapshot: Snapshot) {}

  readonly getSnapshot = (): Snapshot => this.snapshot;

  readonly subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Nobody is told of what changes nothing. */
  protected set(changes: Partial<Snapshot>): void {
    const next = { ...this.snapshot, ...changes };
    const keys = Object.keys(changes) as (keyof Snapshot)[];
    if (keys.every((key) => Object.is(next[key], this.snapshot[key]))) return;
    this.snapshot = next;
    for (const listener of [...this.listeners]) listener();
  }
}
