/** What `mzt status` shows without a job. */
import type { ResultOf } from '../../protocol/methods';
import type { JobRow } from '../../protocol/states';
import { counted, duration } from './amounts';
import type { JobStyle } from './job';
import { isOver } from './job';
import { jobTable } from './jobs';
import { printable } from './printable';

type ConductorStatus = ResultOf<'daemon.status'>;

export interface Overview {
  readonly status: ConductorStatus;
  readonly active: readonly JobRow[];
  /** Those that ended last. */
  readonly recent: readonly JobRow[];
}

/** As many as the Python system shows. */
const RECENT = 5;

export function overviewOf(jobs: readonly JobRow[], status: ConductorStatus): Overview {
  const ended = (job: JobRow) => job.completed_at ?? job.submitted_at;
  return {
    status,
    active: jobs.filter((job) => !isOver(job.status)),
    recent: jobs
      .filter((job) => isOver(job.status))
      .sort((a, b) => ended(b) - ended(a))
      .slice(0, RECENT),
  };
}

export function overviewLines({ status, active, recent }: Overview, style: JobStyle): string[] {
  const { colors } = style;
  const section = (title: string, jobs: readonly JobRow[]) =>
    jobs.length === 0 ? [] : ['', colors.bold(title), ...jobTable(jobs, style)];
  const trouble = status.status_reason;
  return [
    [
      `${colors.green('conductor')} running`,
      `pid ${status.pid}`,
      `up ${duration(status.uptime_seconds)}`,
      counted(active.length, 'active job'),
    ].join('  '),
    ...(trouble === null || trouble === undefined ? [] : [`  ${colors.red(printable(trouble.message))}`]),
    ...section('ACTIVE', active),
    ...section('RECENT', recent),
    ...(active.length + recent.length === 0 ? ['', 'No jobs yet. Write a first score with: mzt init'] : []),
  ];
}

export function overviewDocument({ status, active, recent }: Overview) {
  return {
    conductor: { running: true, ...status },
    active_count: active.length,
    active,
    recent_count: recent.length,
    recent,
  };
}
