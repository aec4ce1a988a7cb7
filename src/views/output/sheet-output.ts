/** Output channels of sheets: one that follows, and a few that a person pinned. None opens or takes the focus by itself. */
import * as vscode from 'vscode';
import { pause } from '../../client/pause';
import type { Connection } from '../connection/connection';
import { l10n } from '../l10n';
import { settings } from '../settings';
import { Scope } from '../scope';
import type { Disposable } from '../scope';
import type { JobStore } from '../store/job-store';
import { attemptEnd } from '../trees/attempt-row';
import { isRunning } from '../trees/sheet-row';
import { LogTail } from './log-tail';

export interface SheetTarget {
  readonly job: string;
  readonly sheet: number;
}

const MOST_PINNED = 8;

interface Shown {
  readonly target: SheetTarget;
  readonly attempt: number;
}

/** One channel that shows attempts of one sheet (or, live, of one sheet after another). */
class SheetChannel implements Disposable {
  readonly channel: vscode.OutputChannel;
  private tail: LogTail | null = null;
  private shown: Shown | null = null;
  /** All of its output was written, and perhaps not yet how it ended. */
  private isRead = false;
  /** What comes under it once all of it was written. */
  private next: Shown | null = null;

  constructor(
    name: string,
    private readonly connection: Connection,
    /** How an attempt ended, in words; null while it is not known. */
    private readonly endOf: (target: SheetTarget, attempt: number) => string | null,
  ) {
    this.channel = vscode.window.createOutputChannel(name);
  }

  get target(): SheetTarget | null {
    return this.shown?.target ?? null;
  }

  /** Shows an attempt from its beginning. `keep`: under what is there already, when that is all there. */
  follow(target: SheetTarget, attempt: number, keep: boolean): void {
    if (isSame(this.shown, target, attempt)) {
      this.next = null;
      return;
    }
    if (!keep || this.tail === null) {
      this.begin({ target, attempt }, keep);
      return;
    }
    // An attempt that ended a moment ago may not be read to its end yet.
    this.next = { target, attempt };
    this.tail.wake();
    this.goOn();
  }

  /** How the attempt ended may be known now. */
  goOn(): void {
    if (!this.isRead || this.shown === null) return;
    const end = this.endOf(this.shown.target, this.shown.attempt);
    if (end === null) return;
    this.isRead = false;
    this.tail = null;
    this.channel.append(`── ${end} ──\n`);
    if (this.next !== null) this.begin(this.next, true);
  }

  wake(): void {
    this.tail?.wake();
  }

  dispose(): void {
    this.tail?.stop();
    this.channel.dispose();
  }

  private begin(shown: Shown, keep: boolean): void {
    this.tail?.stop();
    this.shown = shown;
    this.next = null;
    this.isRead = false;
    const { target, attempt } = shown;
    const header = `── ${l10n.t('{0}, sheet {1}, attempt {2}', target.job, target.sheet, attempt)} ──\n`;
    if (keep) this.channel.append(`\n${header}`);
    else this.channel.replace(header);
    const tail = new LogTail({
      read: (stream, from, maxBytes) =>
        this.connection.ask('log.read', {
          job_id: target.job,
          sheet: target.sheet,
          attempt,
          stream,
          max_bytes: maxBytes,
          ...('offset' in from ? { offset: from.offset } : { tail_bytes: from.tailBytes }),
        }),
      write: (text) => this.channel.append(text),
      restart: (text) => this.channel.replace(header + text),
      limit: settings.outputLimit(),
      pause,
    });
    this.tail = tail;
    void tail.done.then(() => {
      if (this.tail !== tail || this.shown !== shown) return;
      this.isRead = true;
      this.goOn();
    });
  }
}

function isSame(shown: Shown | null, target: SheetTarget, attempt: number): boolean {
  return shown?.target.job === target.job && shown.target.sheet === target.sheet && shown.attempt === attempt;
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
          if (channel.target?.job === job && channel.target.sheet === sheet) channel.wake();
        }
      }),
    );
    this.scope.add(store.onChange(() => this.advance()));
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
    this.liveChannel().follow(target, attempt, false);
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
      this.pinned.set(key, channel);
    }
    const attempt = this.store.sheet(target.job, target.sheet)?.attempts.at(-1)?.attempt;
    if (attempt !== undefined) channel.follow(target, attempt, false);
    channel.channel.show(true);
  }

  private liveChannel(): SheetChannel {
    this.live ??= this.newChannel('Marianne Sheet Output');
    return this.live;
  }

  private newChannel(name: string): SheetChannel {
    return new SheetChannel(name, this.connection, ({ job, sheet }, attempt) => {
      const found = this.store.sheet(job, sheet)?.attempts.find((one) => one.attempt === attempt);
      return found === undefined || found.outcome === null ? null : attemptEnd(found);
    });
  }

  private channels(): SheetChannel[] {
    return [...(this.live === null ? [] : [this.live]), ...this.pinned.values()];
  }

  /** A retry makes a new attempt, a job goes on to its next sheet: what is followed goes with it. */
  private advance(): void {
    for (const channel of this.channels()) {
      channel.goOn();
      const { target } = channel;
      if (target === null) continue;
      const attempt = this.store.sheet(target.job, target.sheet)?.attempts.at(-1)?.attempt;
      if (attempt !== undefined) channel.follow(target, attempt, true);
    }
    const job = this.followedJob;
    if (job === null) return;
    const current = this.live?.target;
    const currentSheet = current?.job === job ? this.store.sheet(job, current.sheet) : undefined;
    if (currentSheet !== undefined && isRunning(currentSheet.status)) return;
    // What was over before it was looked at is shown too: every sheet that had an attempt, in order of its start.
    const next = (this.store.sheets(job) ?? [])
      .filter((sheet) => sheet.attempts.length > 0)
      .map((sheet) => ({
        sheet: sheet.num,
        started: sheet.attempts.at(-1)?.startedAt ?? 0,
        running: isRunning(sheet.status),
      }))
      .sort((a, b) => Number(b.running) - Number(a.running) || b.started - a.started)[0];
    if (next === undefined || next.sheet === current?.sheet) {
      if (next === undefined || current?.job === job) return;
    }
    const attempt = this.store.sheet(job, next.sheet)?.attempts.at(-1)?.attempt;
    if (attempt !== undefined)
      this.liveChannel().follow({ job, sheet: next.sheet }, attempt, current?.job === job);
  }
}
