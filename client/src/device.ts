import type { Memory, Page } from "./page.ts";

const KEY = "hourglass:device";

/** The name of this browser: made at random, kept, and the same in all of its tabs. */
export function deviceIdOf({ shared }: Page): string {
  const kept = shared.getItem(KEY);
  if (kept) return kept;
  const made = crypto.randomUUID();
  keep(shared, KEY, made);
  return made;
}

/** Keeps a value, if there is room for it. */
export function keep(memory: Memory, key: string, value: string): boolean {
  try {
    memory.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}
