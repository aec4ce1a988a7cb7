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

/** Live and finished jobs under one roof. */
export class Jobs {
  /** Recently read finished jobs; small, since the archive is quick to read. */
  private readonly finished = new Map<string, JobState>();
  private readonly names = new Map<string, { stem: string; name: string }>();
  private readonly endings = new Map<string, number>();

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
    this.finished.set(run, job);
    const oldest = this.finished.keys().next();
    if (this.finished.size > 50 && !oldest.done) this.finished.delete(oldest.value);
    return job;
  }

  forget(run: string): void {
    this.finished.delete(run);
    this.names.delete(run);
    this.endings.delete(run);
  }

  /** The run that a person means by a run id, stem, score name or unique prefix. @throws JobSubmissionError */
  async find(name: string): Promise<string> {
    const runs = this.allRuns();
    const names = new Map(await Promise.all(runs.map(async (run) => [run, await this.naming(run)] as const)));
    return resolveRun(name, names);
  }

  /** The newest finished jobs. */
  async recent(limit: number): Promise<JobState[]> {
    // The complement of what everybody is shown as live, so that at every moment a run is in one of the two lists and not in both.
    const runs = this.archive.runs().filter((run) => !this.core.durable.jobs.has(run));
    const jobs = await Promise.all(runs.map((run) => this.ended(run)));
    jobs.sort((a, b) => b.at - a.at);
    return Promise.all(jobs.slice(0, limit).map(({ run }) => this.get(run)));
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

  /** Stem and name of a run, without reading all of it. */
  private async naming(run: string): Promise<{ stem: string; name: string }> {
    const live = this.live(run);
    if (live) return { stem: live.stem, name: live.name };
    const known = this.names.get(run);
    if (known) return known;
    const { stem, name } = await this.get(run);
    this.names.set(run, { stem, name });
    return { stem, name };
  }

  /** When a finished run ended, milliseconds; read once. */
  async ended(run: string): Promise<{ run: string; at: number }> {
    const known = this.endings.get(run);
    if (known !== undefined) return { run, at: known };
    const at = (await this.get(run)).finished_at ?? 0;
    this.endings.set(run, at);
    return { run, at };
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
