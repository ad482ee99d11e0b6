/** How long to wait before the next try: doubles, each wait random within its upper half, so that clients spread. */
export class Backoff {
  tries = 0;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Milliseconds until the next try. */
  next(): number {
    const ceiling = Math.min(this.longestMs, this.firstMs * 2 ** Math.min(this.tries, 32));
    this.tries += 1;
    return ceiling * (0.5 + this.random() / 2);
  }

  reset(): void {
    this.tries = 0;
  }
}
