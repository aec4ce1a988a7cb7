/** Numbers over all jobs. Pure. */
import { hasEnded, isLimited, needsPerson } from './model';
import type { JobModel } from './model';

export interface Summary {
  readonly running: number;
  /** Paused, limited or waiting for a person. */
  readonly waiting: number;
  /** Of these, nothing goes on without a person. */
  readonly needing: number;
  /** Ended in failure since midnight. */
  readonly failed: number;
  readonly costToday: number;
  /** Some of today's jobs spent more than their cost says. */
  readonly unpricedToday: boolean;
}

/** `now`: milliseconds since the epoch; today is the local day. Cost counts jobs that were active today. */
export function summarise(jobs: readonly JobModel[], now: number): Summary {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const today = (instant: number | null) => instant !== null && instant >= midnight;
  const active = jobs.filter(
    (job) => today(job.endedAt) || today(job.startedAt) || (!hasEnded(job) && job.startedAt !== null),
  );
  return {
    running: jobs.filter((job) => job.status === 'running' && !waits(job)).length,
    waiting: jobs.filter(waits).length,
    needing: jobs.filter(needsPerson).length,
    failed: jobs.filter((job) => job.status === 'failed' && today(job.endedAt)).length,
    costToday: active.reduce((sum, job) => sum + job.costUsd, 0),
    unpricedToday: active.some((job) => job.unpriced),
  };
}

/** Not over, and nothing of it runs: paused, limited, or a person has to do something. */
function waits(job: JobModel): boolean {
  return !hasEnded(job) && (needsPerson(job) || job.status === 'paused' || isLimited(job));
}

export interface EndedWork {
  readonly completed: readonly JobModel[];
  readonly failed: readonly JobModel[];
  /** Not ended, and a person or a limit holds them. */
  readonly waiting: readonly JobModel[];
  readonly costUsd: number;
  readonly unpriced: boolean;
}

/** Ids of the jobs that wait, to compare with later. */
export function waitingJobs(jobs: readonly JobModel[]): string[] {
  return jobs.filter(waits).map(({ id }) => id);
}

/** What happened after `since` while nobody watched; null when there is nothing to say. `known`: jobs that waited before already. */
export function endedSince(
  jobs: readonly JobModel[],
  since: number,
  known: ReadonlySet<string>,
): EndedWork | null {
  const ended = jobs.filter((job) => job.endedAt !== null && job.endedAt > since);
  const completed = ended.filter((job) => job.status === 'completed');
  const failed = ended.filter((job) => job.status === 'failed');
  const waiting = jobs.filter(waits);
  // A wait that was there before is no news.
  if (completed.length + failed.length === 0 && !waiting.some((job) => !known.has(job.id))) return null;
  return {
    completed,
    failed,
    waiting,
    costUsd: [...completed, ...failed].reduce((sum, job) => sum + job.costUsd, 0),
    unpriced: [...completed, ...failed].some((job) => job.unpriced),
  };
}
