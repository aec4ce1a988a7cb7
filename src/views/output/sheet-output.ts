/** Output channels of sheets: one that follows, and a few that a person pinned. None opens or takes the focus by itself. */
import * as vscode from 'vscode';
import { pause } from '../../client/pause';
import type { Connection } from '../connection/connection';
import { l10n } from '../l10n';
import { settings } from '../settings';
import { Scope } from '../scope';
import type { Disposable } from '../scope';
import type { JobStore, StoreChange } from '../store/job-store';
import type { SheetModel } from '../store/model';
import { isRunning } from '../trees/sheet-row';
import { LogTail } from './log-tail';

export interface SheetTarget {
  readonly job: string;
  readonly sheet: number;
}

const MOST_PINNED = 8;
/** The rest of a log that ended is waited for so long, milliseconds: its conductor may be away. */
const DRAIN_MS = 10_000;

/** One channel that shows attempts of one sheet (or, live, of one sheet after another). */
class SheetChannel implements Disposable {
  readonly channel: vscode.OutputChannel;
  private tail: LogTail | null = null;
  private key = '';
  /** Ended by the next thing that is followed. */
  private turn = new AbortController();
  target: SheetTarget | null = null;

  constructor(
    name: string,
    private readonly connection: Connection,
  ) {
    this.channel = vscode.window.createOutputChannel(name);
  }

  /** Shows an attempt from its beginning. `keep`: under what is there already. */
  follow(target: SheetTarget, attempt: number, keep: boolean): void {
    const key = `${target.job}/${target.sheet}/${attempt}`;
    this.target = target;
    if (key === this.key) return;
    this.key = key;
    this.turn.abort();
    this.turn = new AbortController();
    const { tail: previous, turn } = this;
    if (!keep || previous === null) {
      previous?.stop();
      this.begin(target, attempt, keep);
      return;
    }
    // What ended has said its last words before the next one speaks.
    previous.wake();
    void Promise.race([previous.done, pause(DRAIN_MS, turn.signal)]).then(() => {
      if (turn.signal.aborted) return;
      previous.stop();
      this.begin(target, attempt, keep);
    });
  }

  private begin(target: SheetTarget, attempt: number, keep: boolean): void {
    const header = `── ${l10n.t('{0}, sheet {1}, attempt {2}', target.job, target.sheet, attempt)} ──\n`;
    if (keep) this.channel.append(`\n${header}`);
    else this.channel.replace(header);
    this.tail = new LogTail({
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
      // Read each time: a changed setting is obeyed at once.
      get limit() {
        return settings.outputLimit();
      },
      pause,
    });
  }

  wake(): void {
    this.tail?.wake();
  }

  dispose(): void {
    this.turn.abort();
    this.tail?.stop();
    this.channel.dispose();
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
          if (channel.target?.job === job && channel.target.sheet === sheet) channel.wake();
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
      channel = new SheetChannel(`Marianne: ${target.job} ${target.sheet}`, this.connection);
    }
    // The one that was asked for last is the youngest.
    this.pinned.delete(key);
    this.pinned.set(key, channel);
    const attempt = this.store.sheet(target.job, target.sheet)?.attempts.at(-1)?.attempt;
    channel.target = target;
    if (attempt !== undefined) channel.follow(target, attempt, false);
    channel.channel.show(true);
  }

  private liveChannel(): SheetChannel {
    this.live ??= new SheetChannel('Marianne Sheet Output', this.connection);
    return this.live;
  }

  private channels(): SheetChannel[] {
    return [...(this.live === null ? [] : [this.live]), ...this.pinned.values()];
  }

  private onStoreChange({ sheets, sheetLists }: StoreChange): void {
    const followed = new Set(this.channels().map((channel) => channel.target?.job));
    if (this.followedJob !== null) followed.add(this.followedJob);
    if (sheets.some(({ job }) => followed.has(job)) || sheetLists.some((job) => followed.has(job)))
      this.advance();
  }

  /** A retry makes a new attempt, a job goes on to its next sheet: what is followed goes with it. */
  private advance(): void {
    for (const channel of this.channels()) {
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
    const next = latest(this.store.sheets(job) ?? []);
    if (next === undefined || next.num === current?.sheet) {
      if (next === undefined || current?.job === job) return;
    }
    const attempt = next.attempts.at(-1)?.attempt;
    if (attempt !== undefined)
      this.liveChannel().follow({ job, sheet: next.num }, attempt, current?.job === job);
  }
}

/** The sheet that began last, a running one before all others; undefined when none has begun. */
function latest(sheets: readonly SheetModel[]): SheetModel | undefined {
  const key = (sheet: SheetModel) =>
    (isRunning(sheet.status) ? Number.MAX_SAFE_INTEGER / 2 : 0) + (sheet.attempts.at(-1)?.startedAt ?? 0);
  let found: SheetModel | undefined;
  for (const sheet of sheets) {
    if (sheet.attempts.length > 0 && (found === undefined || key(sheet) > key(found))) found = sheet;
  }
  return found;
}
