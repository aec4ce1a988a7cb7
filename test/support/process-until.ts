import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a condition that no event tells (another process's doing); fails after `limit` milliseconds. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limit = 10_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + limit;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await delay(5);
  }
}
