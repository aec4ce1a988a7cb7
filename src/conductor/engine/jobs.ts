import { JobSubmissionError } from '../../protocol/errors';
import type { EngineCore } from './core';
import { runNumber } from './run-ids';
import { applyRecord, emptyState, terminalJob, type FoldRecord, type JobState } from './state';

/** Where finished jobs are read from. */
export interface ArchivePort {
  readonly runs: () => readonly string[];
  /** Records of an archived run, oldest first. */
  read(run: string): AsyncIterable<FoldRecord>;
}

/** What is kept of every finished run once it was read. */
interface Head {
  readonly stem: string;
  readonly name: string;
  /** When it ended, milliseconds since the epoch. */
  readonly endedAt: number;
}

/** Finished jobs that are kept whole: so many, or more while they have few sheets together. */
const KEPT_JOBS = 50;
const KEPT_SHEETS = 5_000;
/** Archives that are read at once: a thousand files must not be open together. */
const READ_AT_ONCE = 16;

/** Live and finished jobs under one roof. */
export class Jobs {
  /** Recently read finished jobs. */
  private readonly finished = new Map<string, JobState>();
  private finishedSheets = 0;
  private readonly heads = new Map<string, Head>();

  constructor(
    private readonly core: EngineCore,
    private readonly archive: ArchivePort,
  ) {}

  live(run: string): JobState | undefined {
    return this.core.state.jobs.get(run);
  }

  allRuns(): string[] {
    return [...new Set([...this.core.state.jobs.keys(), ...this.archive.runs()])];
  }

  /** The state of a run, wherever it is. @throws JobSubmissionError */
  async get(run: string): Promise<JobState> {
    const live = this.live(run) ?? this.finished.get(run);
    if (live) return live;
    if (!this.archive.runs().includes(run)) throw notFound(run, this.allRuns());
    const state = emptyState();
    for await (const record of this.archive.read(run)) applyRecord(state, record);
    const job = state.jobs.get(run);
    if (!job) throw notFound(run, this.allRuns());
    this.heads.set(run, { stem: job.stem, name: job.name, endedAt: job.finished_at ?? 0 });
    this.keep(run, job);
    return job;
  }

  forget(run: string): void {
    this.drop(run);
    this.heads.delete(run);
  }

  private keep(run: string, job: JobState): void {
    this.drop(run);
    this.finished.set(run, job);
    this.finishedSheets += job.sheets.length;
    for (const oldest of this.finished.keys()) {
      if (this.finished.size <= KEPT_JOBS || this.finishedSheets <= KEPT_SHEETS) return;
      this.drop(oldest);
    }
  }

  private drop(run: string): void {
    this.finishedSheets -= this.finished.get(run)?.sheets.length ?? 0;
    this.finished.delete(run);
  }

  /** The run that a person means by a run id, stem, score name or unique prefix. @throws JobSubmissionError */
  async find(name: string): Promise<string> {
    const runs = this.allRuns();
    await this.readHeads(runs);
    const names = new Map<string, { stem: string; name: string }>();
    for (const run of runs) {
      const known = this.live(run) ?? this.heads.get(run);
      // Deleted while others were read.
      if (known !== undefined) names.set(run, known);
    }
    return resolveRun(name, names);
  }

  /** Finished runs, the one that ended last first; of one moment, by name. */
  async newestFinished(): Promise<{ readonly run: string; readonly endedAt: number }[]> {
    // The complement of what everybody is shown as live, so that at every moment a run is in one of the two lists and not in both.
    const runs = this.archive.runs().filter((run) => !this.core.durable.jobs.has(run));
    await this.readHeads(runs);
    return runs
      .flatMap((run) => {
        const head = this.heads.get(run);
        return head === undefined ? [] : [{ run, endedAt: head.endedAt }];
      })
      .sort((a, b) => b.endedAt - a.endedAt || (a.run < b.run ? 1 : -1));
  }

  /** Finished runs that fit all that is asked for. Named runs must be named in full: what deletes takes no prefixes. */
  async finishedRuns(wanted: {
    readonly statuses: readonly string[] | null;
    readonly olderThanSeconds: number | null;
    readonly runs: readonly string[] | null;
    /** Milliseconds. */
    readonly now: number;
  }): Promise<string[]> {
    const statuses = new Set(wanted.statuses ?? ['completed', 'failed', 'cancelled']);
    const found: string[] = [];
    for (const run of this.allRuns()) {
      if (wanted.runs && !wanted.runs.includes(run)) continue;
      const job = await this.get(run);
      if (!terminalJob.has(job.status) || !statuses.has(job.status)) continue;
      if (wanted.olderThanSeconds !== null && job.submitted_at > wanted.now - wanted.olderThanSeconds * 1000)
        continue;
      found.push(run);
    }
    return found;
  }

  /** Reads the archives of which nothing is known yet. A run that goes meanwhile is left out. */
  private async readHeads(runs: readonly string[]): Promise<void> {
    const unknown = runs.filter((run) => !this.heads.has(run) && !this.live(run));
    const next = unknown.values();
    const read = async () => {
      for (const run of next) {
        await this.get(run).catch((error: unknown) => {
          if (!(error instanceof UnknownJobError)) throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(READ_AT_ONCE, unknown.length) }, read));
  }
}

/** No run has that name. */
export class UnknownJobError extends JobSubmissionError {}

/**
 * A stem or a name means its latest run, a run id that run, `<stem>-1` the first run of a stem that has later ones, a prefix the latest run of the one
 * stem that begins so.
 * @throws JobSubmissionError when more than one stem fits; UnknownJobError when nothing does.
 */
export function resolveRun(
  name: string,
  names: ReadonlyMap<string, { readonly stem: string; readonly name: string }>,
): string {
  const runs = [...names.keys()];
  const latest = (candidates: string[]) =>
    candidates.sort(
      (a, b) => runNumber(names.get(b)?.stem ?? b, b) - runNumber(names.get(a)?.stem ?? a, a),
    )[0];
  const byStem = latest(runs.filter((run) => names.get(run)?.stem === name));
  if (byStem) return byStem;
  if (names.has(name)) return name;
  const first = name.endsWith('-1') ? name.slice(0, -2) : '';
  if (names.get(first)?.stem === first) return first;
  const byName = runs.filter((run) => names.get(run)?.name === name);
  const stems = new Set(byName.map((run) => names.get(run)?.stem));
  const found = stems.size === 1 ? latest(byName) : undefined;
  if (found) return found;
  const prefixed = runs.filter((run) => run.startsWith(name));
  const prefixStems = new Set(prefixed.map((run) => names.get(run)?.stem));
  const byPrefix = name !== '' && prefixStems.size === 1 ? latest(prefixed) : undefined;
  if (byPrefix) return byPrefix;
  if (prefixStems.size > 1 || stems.size > 1) {
    const could = [...new Set([...byName, ...prefixed])].sort().slice(0, 8).join(', ');
    throw new JobSubmissionError(`"${name}" could mean ${could}`, { remedy: 'Give the whole run id.' });
  }
  throw notFound(name, runs);
}

function notFound(name: string, runs: readonly string[]): UnknownJobError {
  return new UnknownJobError(`no job "${name}"`, {
    remedy:
      runs.length === 0 ? 'No job was submitted yet: mzt run SCORE.yaml' : 'mzt list --all shows every run.',
  });
}
