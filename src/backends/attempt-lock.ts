import type { OverrideLock } from './contract';

/** A first-come-first-served lock. Released twice, it counts once. */
export class AttemptLock implements OverrideLock {
  private tail: Promise<void> = Promise.resolve();

  async acquire(): Promise<() => void> {
    const before = this.tail;
    let release: () => void = () => undefined;
    this.tail = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    return release;
  }
}
