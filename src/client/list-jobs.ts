/** All jobs, page by page: those that live with the first, then those that are over, the newest first. */
import type { MethodName, ParamsOf, ResultOf } from '../protocol/methods';
import type { JobRow } from '../protocol/states';

/** Rows of a page: some 130 KB, and drawn before the next one comes. */
const PAGE = 250;

/** Each page has rows that were not in one before. @throws as `call` does */
export async function* jobPages(
  call: <M extends MethodName>(method: M, params: ParamsOf<M>) => Promise<ResultOf<M>>,
): AsyncGenerator<readonly JobRow[]> {
  const seen = new Set<string>();
  for (let offset = 0; ; offset += PAGE) {
    const page = await call('job.list', { finished: PAGE, finished_offset: offset });
    // A job that ends meanwhile moves the others by one; an older conductor knows no pages and answers the same again.
    const fresh = page.filter(({ job_id: id }) => !seen.has(id));
    for (const { job_id: id } of fresh) seen.add(id);
    if (fresh.length > 0) yield fresh;
    if (fresh.length === 0 || page.length < PAGE) return;
  }
}

/** The same at once. @throws as `call` does */
export async function allJobs(call: Parameters<typeof jobPages>[0]): Promise<JobRow[]> {
  const rows: JobRow[] = [];
  for await (const page of jobPages(call)) rows.push(...page);
  return rows;
}
