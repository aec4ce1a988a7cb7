/** What the conductor said, kept for all views. Pure: no vscode, no clock, no socket. */
import { isDeepStrictEqual } from 'node:util';
import { Emitter } from '../emitter';
import type { JobModel, Progress, SheetModel } from './model';

/** What changed since the last time, all that views need to redraw only that. Nothing of it: only the notice. */
export interface StoreChange {
  /** Jobs came, went or changed their place. */
  readonly list: boolean;
  /** Jobs whose own row changed. */
  readonly jobs: readonly string[];
  /** Jobs whose set of sheets changed as a whole. */
  readonly sheetLists: readonly string[];
  readonly sheets: readonly { readonly job: string; readonly sheet: number }[];
}

export interface InstrumentLimit {
  /** Milliseconds since the epoch; null = unknown. */
  readonly until: number | null;
}

/** A limit of one account: of an instrument with one key. */
export interface AccountLimit extends InstrumentLimit {
  readonly account: string;
  readonly instrument: string;
}

const nothing: StoreChange = { list: false, jobs: [], sheetLists: [], sheets: [] };

export class JobStore {
  private readonly jobs = new Map<string, JobModel>();
  /** The jobs in order; null after one changed. Many ask between two changes, and there may be a thousand. */
  private sorted: readonly JobModel[] | null = null;
  private latest: ReadonlyMap<string, JobModel> | null = null;
  private readonly sheetsOf = new Map<string, readonly SheetModel[]>();
  private readonly progressOf = new Map<string, Progress>();
  private readonly accounts = new Map<string, AccountLimit>();
  private readonly limitsOf = new Map<string, InstrumentLimit>();
  private readonly changes = new Emitter<StoreChange>();
  private readonly progressed = new Emitter<{ readonly job: string; readonly sheet: number }>();
  private readonly limitChanges = new Emitter<undefined>();
  /** What the conductor says of itself, for example that its disk is full. */
  private noticeText: string | null = null;

  readonly onChange = this.changes.event;
  readonly onProgress = this.progressed.event;
  readonly onLimits = this.limitChanges.event;

  get notice(): string | null {
    return this.noticeText;
  }

  /** Newest first; what was submitted in one moment, by id. */
  list(): readonly JobModel[] {
    this.sorted ??= [...this.jobs.values()].sort(
      (a, b) => b.submittedAt - a.submittedAt || (a.id < b.id ? 1 : -1),
    );
    return this.sorted;
  }

  /** The newest run of a score. Every lens and row of a score asks for it: it must cost nothing. */
  latestOf(scorePath: string): JobModel | undefined {
    this.latest ??= new Map(
      this.list()
        .toReversed()
        .map((job) => [job.scorePath, job]),
    );
    return this.latest.get(scorePath);
  }

  job(id: string): JobModel | undefined {
    return this.jobs.get(id);
  }

  /** In number order; undefined when they were not asked for yet. */
  sheets(job: string): readonly SheetModel[] | undefined {
    return this.sheetsOf.get(job);
  }

  sheet(job: string, num: number): SheetModel | undefined {
    return this.sheetsOf.get(job)?.[num - 1];
  }

  progress(job: string, sheet: number): Progress | undefined {
    return this.progressOf.get(`${job}/${sheet}`);
  }

  /** By instrument: when the last of its accounts is free again. */
  limits(): ReadonlyMap<string, InstrumentLimit> {
    return this.limitsOf;
  }

  /** True when some instrument is limited at this moment, milliseconds since the epoch. */
  isLimited(now: number): boolean {
    return [...this.limitsOf.values()].some(({ until }) => until === null || until > now);
  }

  /** Jobs whose sheets are kept up to date. */
  openJobs(): readonly string[] {
    return [...this.sheetsOf.keys()];
  }

  /** Jobs as they were told, in one change. Others stay as they are. */
  putJobs(jobs: readonly JobModel[]): void {
    const changed: string[] = [];
    let came = false;
    for (const job of jobs) {
      const before = this.jobs.get(job.id);
      if (before === undefined) came = true;
      else if (isDeepStrictEqual(before, job)) continue;
      else changed.push(job.id);
      this.jobs.set(job.id, job);
      this.sorted = this.latest = null;
    }
    this.emit({ list: came, jobs: changed });
  }

  putJob(job: JobModel): void {
    this.putJobs([job]);
  }

  /** Only these are left. */
  keepJobs(ids: ReadonlySet<string>): void {
    const gone = [...this.jobs.keys()].filter((id) => !ids.has(id));
    for (const id of gone) this.forget(id);
    this.emit({ list: gone.length > 0 });
  }

  removeJob(id: string): void {
    if (!this.jobs.has(id)) return;
    this.forget(id);
    this.emit({ list: true });
  }

  /** Sheets as they were answered; others stay as they are. Sheet numbers ascend from 1 without gaps. */
  putSheets(job: string, sheets: readonly SheetModel[], total: number): void {
    const before = this.sheetsOf.get(job);
    const next = (before ?? []).slice(0, total);
    const changed: SheetModel[] = [];
    for (const sheet of sheets) {
      // A sheet beyond what is loaded so far comes with its own page.
      if (sheet.num > next.length + 1) continue;
      if (!isDeepStrictEqual(next[sheet.num - 1], sheet)) changed.push(sheet);
      next[sheet.num - 1] = sheet;
    }
    this.sheetsOf.set(job, next);
    for (const sheet of changed)
      if (sheet.status !== 'dispatched') this.progressOf.delete(`${job}/${sheet.num}`);
    if (before?.length !== next.length) this.emit({ sheetLists: [job] });
    else if (changed.length > 0) this.emit({ sheets: changed.map((sheet) => ({ job, sheet: sheet.num })) });
  }

  putProgress(job: string, sheet: number, progress: Progress): void {
    this.progressOf.set(`${job}/${sheet}`, progress);
    this.progressed.fire({ job, sheet });
  }

  /** A snapshot: all limits there are. */
  setLimits(limits: Iterable<AccountLimit>): void {
    this.accounts.clear();
    for (const limit of limits) this.accounts.set(limit.account, limit);
    this.sumLimits();
  }

  setLimit(limit: AccountLimit): void {
    this.accounts.set(limit.account, limit);
    this.sumLimits();
  }

  /** The limit of one account ended; others of the same instrument stay. */
  clearLimit(account: string): void {
    this.accounts.delete(account);
    this.sumLimits();
  }

  setNotice(text: string | null): void {
    if (text === this.noticeText) return;
    this.noticeText = text;
    // No row reads differently.
    this.changes.fire(nothing);
  }

  private sumLimits(): void {
    this.limitsOf.clear();
    for (const { instrument, until } of this.accounts.values()) {
      const before = this.limitsOf.get(instrument);
      // The one that ends last decides; one without an end ends last.
      const open = until === null || before?.until === null;
      this.limitsOf.set(instrument, { until: open ? null : Math.max(until, before?.until ?? until) });
    }
    this.limitChanges.fire(undefined);
  }

  private forget(id: string): void {
    this.jobs.delete(id);
    this.sorted = this.latest = null;
    this.sheetsOf.delete(id);
    for (const key of this.progressOf.keys()) if (key.startsWith(`${id}/`)) this.progressOf.delete(key);
  }

  private emit(change: Partial<StoreChange>): void {
    const whole = { ...nothing, ...change };
    if (whole.list || whole.jobs.length + whole.sheetLists.length + whole.sheets.length > 0) {
      this.changes.fire(whole);
    }
  }
}
