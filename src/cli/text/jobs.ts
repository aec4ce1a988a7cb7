/** Jobs in a table. */
import type { JobRow } from '../../protocol/states';
import { instant, spent } from './amounts';
import type { JobStyle } from './job';
import { reasonText } from './job';
import { printable } from './printable';
import { statusWord } from './symbols';
import { table } from './table';

export function jobTable(jobs: readonly JobRow[], { colors, symbols, width, now }: JobStyle): string[] {
  return table(
    [
      { title: 'JOB', flexible: true },
      { title: 'STATE' },
      { title: 'SHEETS', align: 'right' },
      { title: 'COST', align: 'right' },
      { title: 'SUBMITTED' },
      { title: 'REMARK', flexible: true },
    ],
    jobs.map((job) => [
      job.job_id,
      `${symbols.mark(job.status)} ${statusWord(job.status)}`,
      progress(job),
      spent(job.total_cost_usd === 0 ? null : (job.total_cost_usd ?? null), job.unpriced ?? false),
      instant(job.submitted_at * 1000, now),
      printable(job.error_message ?? '') || reasonText(job.status_reason, now),
    ]),
    width,
    colors.dim,
  );
}

/** `5/7`, `5/7, 2 skipped`. */
function progress(job: JobRow): string {
  if (typeof job.progress_total !== 'number') return '';
  const skipped = job.progress_skipped ?? 0;
  return `${job.progress_completed ?? 0}/${job.progress_total}${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}
