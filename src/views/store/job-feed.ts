/** Keeps the store true: snapshots and events in, questions to the conductor out. Pure but for the clock that it is given. */
import { jobPages } from '../../client/list-jobs';
import type { MethodName, ParamsOf, ResultOf } from '../../protocol/methods';
import { CallTimeout } from '../../client/errors';
import { JobSubmissionError, ResourceExhaustedError } from '../../protocol/errors';
import { eventDataSchemas } from '../../protocol/events';
import type { WireEvent } from '../../protocol/events';
import type { JobRow } from '../../protocol/states';
import { l10n } from '../l10n';
import type { AccountLimit, JobStore } from './job-store';
import { hasEnded, jobFromRow, jobFromStatus, sheetFromWire } from './model';

export interface FeedOptions {
  readonly store: JobStore;
  /** Asks the conductor. Rejects while there is none. */
  readonly call: <M extends MethodName>(method: M, params: ParamsOf<M>) => Promise<ResultOf<M>>;
  /** Runs `work` after a pause. */
  readonly later: (work: () => void, milliseconds: number) => void;
  readonly onError: (error: unknown) => void;
}

/** Events of one job come in bursts: they are answered by one question. */
const PAUSE_MS = 80;
/** After a question about a job the next one waits so long, and at most so many jobs are asked about or wait so: twenty questions a second, whatever goes on. */
const REST_MS = 300;
const AT_ONCE = 6;
/** A conductor that was too busy to answer is asked again after so long. */
const BUSY_MS = 2_000;
const PAGE = 500;
/** Sheets that changed together and lie closer than this are asked for in one page. */
const SPAN = 50;

interface Dirty {
  readonly sheets: Set<number>;
  allSheets: boolean;
}

export class JobFeed {
  private readonly dirty = new Map<string, Dirty>();
  /** Jobs that wait for a question, in order. */
  private readonly queue: string[] = [];
  /** Jobs that are asked about, or were just now. */
  private readonly busy = new Set<string>();
  /** Jobs that were asked for since the last snapshot came. */
  private readonly refreshed = new Set<string>();
  private readonly loading = new Map<string, Promise<void>>();
  /** Jobs of which every page of sheets came. */
  private readonly whole = new Set<string>();
  /** What changed and could not be asked for. */
  private readonly unanswered = new Map<string, Dirty>();
  /** Jobs that were deleted since the list was begun: it may still name them. */
  private readonly deleted = new Set<string>();
  private lists = 0;
  private listFailed = false;
  private triesAgain = false;

  constructor(private readonly options: FeedOptions) {}

  /** A snapshot has only jobs that live: those that ended are asked for. Resolves when all are known. */
  async onSnapshot(rows: readonly JobRow[]): Promise<void> {
    this.put(rows);
    this.refreshed.clear();
    await this.list();
  }

  /** Connected, or free again: asks for what had no answer. Events that told of it do not come again. */
  resume(): void {
    if (this.listFailed) void this.list();
    const open = [...this.unanswered];
    this.unanswered.clear();
    for (const [job, { sheets, allSheets }] of open) {
      this.mark(job, allSheets ? 'all' : undefined);
      for (const sheet of sheets) this.mark(job, sheet);
    }
  }

  /** Never rejects. A newer list makes an older one void. */
  private async list(): Promise<void> {
    const { store, call, onError } = this.options;
    const turn = ++this.lists;
    const listed = new Set<string>();
    this.deleted.clear();
    this.listFailed = false;
    try {
      const later: JobRow[] = [];
      for await (const page of jobPages(call)) {
        if (turn !== this.lists) return;
        // The newest are drawn at once, all others with one change.
        if (listed.size === 0) this.put(page);
        else later.push(...page);
        for (const { job_id: id } of page) listed.add(id);
      }
      if (turn !== this.lists) return;
      this.put(later);
      // A page after a deletion begins one row too late.
      if (this.deleted.size > 0) return await this.list();
      // What was submitted while the list was made is not in it.
      store.keepJobs(new Set([...listed, ...this.refreshed]));
    } catch (error) {
      this.listFailed = true;
      onError(error);
      this.tryAgain(error);
    }
    const open = new Set(store.openJobs());
    for (const job of store.list()) {
      if (open.has(job.id)) this.mark(job.id, 'all');
      // A row says neither instruments nor what a running job waits for, and may be older than what was asked meanwhile.
      else if (!hasEnded(job) || this.refreshed.has(job.id)) this.mark(job.id);
    }
  }

  private put(rows: readonly JobRow[]): void {
    const { store } = this.options;
    store.putJobs(
      rows
        .filter(({ job_id: id }) => !this.deleted.has(id))
        .map((row) => jobFromRow(row, store.job(row.job_id))),
    );
  }

  /** A conductor that is busy is asked again after a while; one that is gone, when it is back. */
  private tryAgain(error: unknown): void {
    const isBusy = error instanceof CallTimeout || error instanceof ResourceExhaustedError;
    if (!isBusy || this.triesAgain) return;
    this.triesAgain = true;
    this.options.later(() => {
      this.triesAgain = false;
      this.resume();
    }, BUSY_MS);
  }

  /** Asks about jobs of which only rows are known. Resolves when all were answered, and does not reject. */
  async ask(jobs: readonly string[]): Promise<void> {
    const { store, call, onError } = this.options;
    await Promise.all(
      jobs.map(async (job) => {
        try {
          store.putJob(
            jobFromStatus(await call('job.status', { job_id: job, sheets: false }), store.job(job)),
          );
        } catch (error) {
          onError(error);
        }
      }),
    );
  }

  onEvent(event: WireEvent): void {
    const { store } = this.options;
    switch (event.type) {
      case 'attempt.progress':
        this.takeProgress(event);
        return;
      case 'job.deleted':
        if (event.job_id === null) return;
        this.deleted.add(event.job_id);
        store.removeJob(event.job_id);
        return;
      case 'rate_limit.active':
      case 'rate_limit.cleared':
        this.takeLimit(event);
        break;
      case 'storage.failed':
        store.setNotice(
          l10n.t(
            'The conductor cannot write its journal: {0}',
            eventDataSchemas.storage.safeParse(event.data).data?.message ?? l10n.t('unknown reason'),
          ),
        );
        return;
      case 'storage.recovered':
        store.setNotice(null);
        return;
      case 'conductor.draining':
        return;
      default:
    }
    if (event.job_id !== null) this.mark(event.job_id, event.sheet ?? undefined);
  }

  /** Loads the sheets of a job and keeps them up to date from now on. Rejects when not all of them can be had. */
  async openSheets(job: string): Promise<void> {
    const running = this.loading.get(job);
    if (running !== undefined) return running;
    if (this.whole.has(job) && this.options.store.sheets(job) !== undefined) return;
    const loading = this.loadJob(job)
      .then(() => this.loadAll(job))
      .finally(() => this.loading.delete(job));
    this.loading.set(job, loading);
    return loading;
  }

  /** Asks again for the job, and for one sheet or all of them if they are shown. */
  mark(job: string, sheet?: number | 'all'): void {
    let dirty = this.dirty.get(job);
    if (dirty === undefined) {
      dirty = { sheets: new Set(), allSheets: false };
      this.dirty.set(job, dirty);
      if (!this.busy.has(job)) this.options.later(() => this.enqueue(job), PAUSE_MS);
    }
    if (sheet === 'all') dirty.allSheets = true;
    else if (sheet !== undefined) dirty.sheets.add(sheet);
  }

  /** A job whose sheets are shown comes before those of which only a row is. */
  private enqueue(job: string): void {
    if (this.options.store.sheets(job) === undefined) this.queue.push(job);
    else this.queue.unshift(job);
    this.askNext();
  }

  private askNext(): void {
    while (this.busy.size < AT_ONCE) {
      const job = this.queue.shift();
      if (job === undefined) return;
      this.busy.add(job);
      void this.refresh(job).then(() =>
        this.options.later(() => {
          this.busy.delete(job);
          if (this.dirty.has(job)) this.enqueue(job);
          else this.askNext();
        }, REST_MS),
      );
    }
  }

  /** Never rejects. */
  private async refresh(job: string): Promise<void> {
    const { store, call, onError } = this.options;
    const dirty = this.dirty.get(job);
    if (dirty === undefined) return;
    this.dirty.delete(job);
    try {
      this.refreshed.add(job);
      store.putJob(jobFromStatus(await call('job.status', { job_id: job, sheets: false }), store.job(job)));
      if (store.sheets(job) !== undefined) {
        if (dirty.allSheets) await this.loadAll(job);
        else
          for (const [first, last] of spans(dirty.sheets))
            await this.loadPage(job, first - 1, last - first + 1);
      }
    } catch (error) {
      if (error instanceof JobSubmissionError) store.removeJob(job);
      else {
        const open = this.unanswered.get(job);
        this.unanswered.set(job, {
          sheets: new Set([...dirty.sheets, ...(open?.sheets ?? [])]),
          allSheets: dirty.allSheets || open?.allSheets === true,
        });
        onError(error);
        this.tryAgain(error);
      }
    }
  }

  /** A job that was just submitted may be asked for before its first event came. */
  private async loadJob(job: string): Promise<void> {
    const { store, call } = this.options;
    if (store.job(job) === undefined) {
      this.refreshed.add(job);
      store.putJob(jobFromStatus(await call('job.status', { job_id: job, sheets: false }), undefined));
    }
  }

  private async loadAll(job: string): Promise<void> {
    for (let offset: number | null = 0; offset !== null;) offset = await this.loadPage(job, offset, PAGE);
    this.whole.add(job);
  }

  private async loadPage(job: string, offset: number, limit: number): Promise<number | null> {
    const page = await this.options.call('job.sheets', { job_id: job, offset, limit });
    this.options.store.putSheets(job, page.sheets.map(sheetFromWire), page.total);
    return page.next_offset;
  }

  private takeProgress(event: WireEvent): void {
    const parsed = eventDataSchemas.progress.safeParse(event.data);
    if (!parsed.success || event.job_id === null || typeof event.sheet !== 'number') return;
    this.options.store.putProgress(event.job_id, event.sheet, {
      attempt: event.attempt ?? null,
      lastLine: parsed.data.last_line ?? null,
    });
  }

  private takeLimit(event: WireEvent): void {
    const parsed = eventDataSchemas.rateLimit.safeParse(event.data);
    const instrument = parsed.data?.instrument ?? null;
    if (instrument === null) return;
    // An older conductor tells no account: then there is one for each instrument.
    const account = parsed.data?.account ?? instrument;
    if (event.type === 'rate_limit.active')
      this.options.store.setLimit({ account, instrument, until: parsed.data?.until ?? null });
    else this.options.store.clearLimit(account);
    // Sheets that it holds have no event of their own.
    for (const job of this.options.store.list()) if (job.status === 'running') this.mark(job.id, 'all');
  }
}

/** Limits in force, of a conductor that tells them by account or only by instrument. */
export function accountLimits({ accounts, backends }: ResultOf<'daemon.rate_limits'>): AccountLimit[] {
  const told =
    accounts ??
    Object.entries(backends).map(([instrument, { seconds_remaining }]) => ({
      account: instrument,
      instrument,
      until: new Date(Date.now() + seconds_remaining * 1000).toISOString(),
      seconds_remaining,
    }));
  return told
    .filter(({ seconds_remaining: left }) => left > 0)
    .map(({ account, instrument, until }) => ({ account, instrument, until: Date.parse(until) }));
}

/** Sheet numbers as ranges [first, last] that are asked for together. */
export function spans(sheets: Iterable<number>): [number, number][] {
  const result: [number, number][] = [];
  for (const sheet of [...sheets].sort((a, b) => a - b)) {
    const last = result.at(-1);
    if (last !== undefined && sheet - last[0] < SPAN) last[1] = sheet;
    else result.push([sheet, sheet]);
  }
  return result;
}
