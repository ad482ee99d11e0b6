/** What the name of a bar takes below it. */
const LABEL_PX = 64;

/** Which bars to name: as many as there is room for, the last one among them. */
export function marks(count: number, widthPx: number): number[] {
  const step = Math.max(1, Math.ceil(count / Math.max(1, Math.floor(widthPx / LABEL_PX))));
  const found: number[] = [];
  for (let at = count - 1; at >= 0; at -= step) found.unshift(at);
  return found.filter((at) => ((at + 0.6) / count) * widthPx > LABEL_PX / 3); // the other axis has its zero there
}
