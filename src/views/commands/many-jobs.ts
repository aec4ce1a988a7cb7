/** Commands on several jobs at once: VS Code hands the selected rows over after the one that was clicked. */
import { l10n } from '../l10n';
import type { Services } from '../services';
import type { JobModel } from '../store/model';
import { jobContext } from '../trees/job-row';
import { jobArgument } from './arguments';

/** The selected jobs whose row has `word`, or the one that the command is about. Empty: nothing was picked. */
export async function jobsArgument(
  services: Services,
  given: unknown,
  selected: unknown,
  word: string,
): Promise<readonly JobModel[]> {
  const { view } = services.jobsView;
  const rows: readonly unknown[] = Array.isArray(selected)
    ? selected
    : given === undefined && view.visible
      ? view.selection
      : [];
  const jobs = rows.flatMap((row) => {
    const isJob = typeof row === 'object' && row !== null && 'kind' in row && row.kind === 'job';
    const job =
      isJob && 'job' in row && typeof row.job === 'string' ? services.store.job(row.job) : undefined;
    return job !== undefined && jobContext(job).includes(word) ? [job] : [];
  });
  if (jobs.length > 1) return jobs;
  const job = await jobArgument(services, given, word);
  return job === null ? [] : [job];
}

/** All are tried. @throws what went wrong with the only one, or a list of what went wrong with which */
export async function withEach(
  jobs: readonly JobModel[],
  work: (job: JobModel) => Promise<void>,
): Promise<void> {
  const failed: { readonly id: string; readonly error: unknown }[] = [];
  for (const job of jobs) {
    try {
      await work(job);
    } catch (error) {
      failed.push({ id: job.id, error });
    }
  }
  const [first] = failed;
  if (first === undefined) return;
  if (jobs.length === 1) throw first.error;
  const reasons = failed.map(
    ({ id, error }) => `${id}: ${error instanceof Error ? error.message : String(error)}`,
  );
  throw new Error(l10n.t('{0} of {1} jobs: {2}', failed.length, jobs.length, reasons.join(' · ')));
}

const MOST_NAMED = 10;

/** Names for a question, a line each. */
export function namesOf(jobs: readonly JobModel[]): string {
  const names = jobs.slice(0, MOST_NAMED).map(({ id }) => id);
  if (jobs.length > MOST_NAMED) names.push(l10n.t('and {0} more', jobs.length - MOST_NAMED));
  return names.join('\n');
}
