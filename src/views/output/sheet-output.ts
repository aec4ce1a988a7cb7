/** Output channels of sheets: one that follows, and a few that a person pinned. None opens or takes the focus by itself. */
import * as vscode from 'vscode';
import { pause } from '../../client/pause';
import type { Connection } from '../connection/connection';
import { l10n } from '../l10n';
import { settings } from '../settings';
import { Scope } from '../scope';
import type { Disposable } from '../scope';
import type { JobStore, StoreChange } from '../store/job-store';
import { attemptEnd } from '../trees/attempt-row';
import { AttemptQueue, nextSheets } from './attempt-queue';
import type { AttemptTail } from './attempt-queue';
import { LogTail } from './log-tail';

export interface SheetTarget {
  readonly job: string;
  readonly sheet: number;
}

const MOST_PINNED = 8;

interface ShownAttempt extends SheetTarget {
  readonly attempt: number;
}

/** One channel that shows attempts of one sheet (or, live, of one sheet after another). */
class SheetChannel implements Disposable {
  readonly channel: vscode.OutputChannel;
  private readonly queue = new AttemptQueue<ShownAttempt>((attempt, after) => this.begin(attempt, after));
  /** Characters in the channel. */
  private shown = 0;
  /** The last attempt that it was given; it may wait for those before it. */
  last: ShownAttempt | null = null;

  constructor(
    name: string,
    private readonly connection: Connection,
    /** How an attempt ended, in words, once that is known; null when it cannot be. */
    private readonly endOf: (attempt: ShownAttempt, signal: AbortSignal) => Promise<string | null>,
  ) {
    this.channel = vscode.window.createOutputChannel(name);
  }

  /** Shows an attempt from its beginning, in place of all that is there. */
  show(attempt: ShownAttempt): void {
    const { last } = this;
    if (last?.job === attempt.job && last.sheet === attempt.sheet && last.attempt === attempt.attempt) return;
    this.last = attempt;
    this.queue.show(attempt);
  }

  /** Shows an attempt under what is there, once that has been shown to its end. */
  then(attempt: ShownAttempt): void {
    this.last = attempt;
    this.queue.then(attempt);
  }

  wake(): void {
    this.queue.wake();
  }

  dispose(): void {
    this.queue.stop();
    this.channel.dispose();
  }

  private begin(shown: ShownAttempt, after: boolean): AttemptTail {
    const { job, sheet, attempt } = shown;
    const limit = settings.outputLimit();
    const header = `── ${l10n.t('{0}, sheet {1}, attempt {2}', job, sheet, attempt)} ──\n`;
    // A job of many sheets must not fill the memory: each log has all of it.
    if (after && this.shown < limit) this.write(`\n${header}`);
    else this.replace(header);
    const stopped = new AbortController();
    const tail = new LogTail({
      read: (stream, from, maxBytes) =>
        this.connection.ask('log.read', {
          job_id: job,
          sheet,
          attempt,
          stream,
          max_bytes: maxBytes,
          ...('offset' in from ? { offset: from.offset } : { tail_bytes: from.tailBytes }),
        }),
      write: (text) => this.write(text),
      restart: (text) => this.replace(header + text),
      // Read each time: a changed setting is obeyed at once.
      get limit() {
        return settings.outputLimit();
      },
      pause,
    });
    const done = tail.done.then(async () => {
      const end = await this.endOf(shown, stopped.signal);
      if (end !== null && !stopped.signal.aborted) this.write(`── ${end} ──\n`);
    });
    return {
      done,
      stop: () => {
        stopped.abort();
        tail.stop();
      },
      wake: () => tail.wake(),
    };
  }

  private write(text: string): void {
    this.shown += text.length;
    this.channel.append(text);
  }

  private replace(text: string): void {
    this.shown = text.length;
    this.channel.replace(text);
  }
}

export class SheetOutput implements Disposable {
  private readonly scope = new Scope();
  private live: SheetChannel | null = null;
  /** The job whose running sheet the live channel follows; null: the one sheet that was chosen. */
  private followedJob: string | null = null;
  private readonly pinned = new Map<string, SheetChannel>();

  constructor(
    private readonly connection: Connection,
    private readonly store: JobStore,
  ) {
    this.scope.add(
      store.onProgress(({ job, sheet }) => {
        for (const channel of this.channels()) {
          if (channel.last?.job === job && channel.last.sheet === sheet) channel.wake();
        }
      }),
    );
    this.scope.add(store.onChange((change) => this.onStoreChange(change)));
  }

  dispose(): void {
    this.scope.dispose();
    for (const channel of this.channels()) channel.dispose();
  }

  /** Follows whatever sheet of the job runs. Shows nothing by itself. */
  followJob(job: string): void {
    this.followedJob = job;
    this.advance();
  }

  /** Follows one sheet; does not open the panel. */
  followSheet(target: SheetTarget): void {
    const attempt = this.store.sheet(target.job, target.sheet)?.attempts.at(-1)?.attempt;
    if (attempt === undefined) return;
    this.followedJob = null;
    this.liveChannel().show({ job: target.job, sheet: target.sheet, attempt });
  }

  /** Opens the panel at the live channel, without taking the focus. A command calls this, never an event. */
  show(): void {
    this.liveChannel().channel.show(true);
  }

  /** A channel of its own for a sheet. The oldest of eight is given to it when there is no room. */
  pin(target: SheetTarget): void {
    const key = `${target.job}/${target.sheet}`;
    let channel = this.pinned.get(key);
    if (channel === undefined) {
      if (this.pinned.size >= MOST_PINNED) {
        const [oldest] = this.pinned.keys();
        if (oldest !== undefined) {
          this.pinned.get(oldest)?.dispose();
          this.pinned.delete(oldest);
        }
      }
      channel = this.newChannel(`Marianne: ${target.job} ${target.sheet}`);
    }
    // The one that was asked for last is the youngest.
    this.pinned.delete(key);
    this.pinned.set(key, channel);
    const attempt = this.store.sheet(target.job, target.sheet)?.attempts.at(-1)?.attempt;
    if (attempt !== undefined) channel.show({ job: target.job, sheet: target.sheet, attempt });
    channel.channel.show(true);
  }

  private liveChannel(): SheetChannel {
    this.live ??= this.newChannel('Marianne Sheet Output');
    return this.live;
  }

  private newChannel(name: string): SheetChannel {
    return new SheetChannel(name, this.connection, (attempt, signal) => this.endOf(attempt, signal));
  }

  /** The log may be read to its end before the store knows how the attempt ended. Null when it was stopped, or the job is gone. */
  private endOf({ job, sheet, attempt }: ShownAttempt, signal: AbortSignal): Promise<string | null> {
    const look = (): string | null | undefined => {
      const found = this.store.sheet(job, sheet)?.attempts.find((one) => one.attempt === attempt);
      if (signal.aborted || found === undefined) return null;
      return found.outcome === null ? undefined : attemptEnd(found);
    };
    return new Promise((resolve) => {
      const settle = () => {
        const end = look();
        if (end === undefined) return;
        listening.dispose();
        signal.removeEventListener('abort', settle);
        resolve(end);
      };
      const listening = this.store.onChange(settle);
      signal.addEventListener('abort', settle, { once: true });
      settle();
    });
  }

  private channels(): SheetChannel[] {
    return [...(this.live === null ? [] : [this.live]), ...this.pinned.values()];
  }

  private onStoreChange({ sheets, sheetLists }: StoreChange): void {
    const followed = new Set(this.channels().map((channel) => channel.last?.job));
    if (this.followedJob !== null) followed.add(this.followedJob);
    if (sheets.some(({ job }) => followed.has(job)) || sheetLists.some((job) => followed.has(job)))
      this.advance();
  }

  /** A retry makes a new attempt, a job goes on to its next sheet: what is followed goes with it. */
  private advance(): void {
    for (const channel of this.channels()) {
      const { last } = channel;
      if (last === null) continue;
      for (const { attempt } of this.store.sheet(last.job, last.sheet)?.attempts ?? [])
        if (attempt > last.attempt) channel.then({ ...last, attempt });
    }
    const job = this.followedJob;
    if (job === null) return;
    const shown = this.live?.last?.job === job ? this.live.last.sheet : null;
    for (const sheet of nextSheets(this.store.sheets(job) ?? [], shown)) {
      const attempt = this.store.sheet(job, sheet)?.attempts.at(-1)?.attempt;
      if (attempt === undefined) continue;
      const channel = this.liveChannel();
      if (channel.last?.job === job) channel.then({ job, sheet, attempt });
      else channel.show({ job, sheet, attempt });
    }
  }
}
