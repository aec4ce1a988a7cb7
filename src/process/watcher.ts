import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { probeAttempt, probeQuickly, type AttemptProbe } from './attempt';

/** Something that calls back again and again; injected by tests. */
export interface Ticker {
  /** Returns the function that stops it. */
  every(milliseconds: number, callback: () => void): () => void;
}

/** The timers of the runtime. */
export const systemTicker: Ticker = {
  every: (milliseconds, callback) => {
    const timer = setInterval(callback, milliseconds);
    return () => clearInterval(timer);
  },
};

/** How an adopted attempt ended: anything but `running`. */
export type AdoptedEnd = Exclude<AttemptProbe, { state: 'running' }>;

/** An attempt that another conductor launched, and that this one looks after. */
export interface AdoptedAttempt {
  readonly base: string;
  readonly marker: string;
  /** Called once, when it ended or lost its shim. */
  readonly onEnd: (end: AdoptedEnd) => void;
  /** Its files could not be read. It stays watched: a full or failing disk passes. Called once per different message. */
  readonly onError: (error: Error) => void;
}

interface Watched extends AdoptedAttempt {
  probing: boolean;
  lastError: string;
}

/** One tick for all adopted attempts; watching their folders only hurries it. */
export class AdoptionWatcher implements Disposable {
  private readonly attempts = new Map<string, Watched>();
  private readonly folders = new Map<string, FSWatcher | null>();
  private stopTicking: (() => void) | null = null;

  constructor(private readonly options: { readonly ticker?: Ticker; readonly intervalMs?: number } = {}) {}

  /** How many attempts are looked after. */
  get size(): number {
    return this.attempts.size;
  }

  /** Looks after an attempt, first as soon as the caller is done. @throws Error when it is looked after already. */
  add(attempt: AdoptedAttempt): void {
    if (this.attempts.has(attempt.base)) throw new Error(`already adopted: ${attempt.base}`);
    const watched: Watched = { ...attempt, probing: false, lastError: '' };
    this.attempts.set(attempt.base, watched);
    this.watchFolder(dirname(attempt.base));
    const { ticker = systemTicker, intervalMs = 500 } = this.options;
    this.stopTicking ??= ticker.every(intervalMs, () => this.look());
    queueMicrotask(() => void this.probe(watched));
  }

  /** Looks no more after this attempt; unknown ones are fine. */
  remove(base: string): void {
    if (!this.attempts.delete(base)) return;
    const folder = dirname(base);
    if (![...this.attempts.keys()].some((other) => dirname(other) === folder)) {
      this.folders.get(folder)?.close();
      this.folders.delete(folder);
    }
    if (this.attempts.size > 0) return;
    this.stopTicking?.();
    this.stopTicking = null;
  }

  [Symbol.dispose](): void {
    for (const base of [...this.attempts.keys()]) this.remove(base);
  }

  /** Looks at all, or at those whose files' names begin with a name that changed. */
  private look(changed?: string): void {
    for (const attempt of [...this.attempts.values()]) {
      if (changed === undefined || changed.startsWith(attempt.base)) void this.probe(attempt);
    }
  }

  private async probe(attempt: Watched): Promise<void> {
    if (attempt.probing || this.attempts.get(attempt.base) !== attempt) return;
    attempt.probing = true;
    try {
      let probe = probeQuickly(attempt.base, attempt.marker);
      if (probe === 'look_for_processes') probe = await probeAttempt(attempt.base, attempt.marker);
      if (probe.state === 'running' || this.attempts.get(attempt.base) !== attempt) return;
      this.remove(attempt.base);
      attempt.onEnd(probe);
    } catch (error) {
      const known = error instanceof Error ? error : new Error(String(error));
      if (known.message === attempt.lastError) return;
      attempt.lastError = known.message;
      attempt.onError(known);
    } finally {
      attempt.probing = false;
    }
  }

  private watchFolder(folder: string): void {
    if (this.folders.has(folder)) return;
    this.folders.set(folder, null);
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name?.endsWith('.exit')) this.look(`${folder}/${basename(name)}`);
      });
      // No watch left, folder gone: the tick does without.
      watcher.on('error', () => watcher.close());
      this.folders.set(folder, watcher);
    } catch {
      // As above.
    }
  }
}
