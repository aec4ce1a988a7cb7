/** Which jobs the Jobs view shows. */
import { l10n } from '../l10n';
import { hasEnded, needsPerson } from '../store/model';
import type { JobModel } from '../store/model';

export type JobFilter = 'all' | 'active' | 'attention' | 'done';
export const jobFilters: readonly JobFilter[] = ['all', 'active', 'attention', 'done'];

export function passes(filter: JobFilter, job: JobModel): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'active':
      return !hasEnded(job);
    case 'attention':
      return job.status === 'failed' || needsPerson(job);
    case 'done':
      return job.status === 'completed';
  }
}

export function filterLabel(filter: JobFilter): string {
  const labels: Record<JobFilter, string> = {
    all: l10n.t('All jobs'),
    active: l10n.t('Not over yet'),
    attention: l10n.t('Failed or waiting for you'),
    done: l10n.t('Done'),
  };
  return labels[filter];
}
