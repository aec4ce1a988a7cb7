import type { JobRow } from '../../protocol/states';
import type { Jobs } from '../engine/jobs';
import { UnknownJobError } from '../engine/jobs';
import { jobRow } from './checkpoint';

/** Rows of finished jobs for `job.list`: made once, since what is over stays as it is until it is resumed or deleted. */
export class FinishedRows {
  private readonly made = new Map<string, { readonly endedAt: number; readonly row: JobRow }>();

  constructor(
    private readonly jobs: Jobs,
    private readonly pid: number,
  ) {}

  /** At most `limit` rows after the first `offset`, the job that ended last first. */
  async page(offset: number, limit: number): Promise<JobRow[]> {
    const newest = await this.jobs.newestFinished();
    if (this.made.size > newest.length) {
      const there = new Set(newest.map(({ run }) => run));
      for (const run of this.made.keys()) if (!there.has(run)) this.made.delete(run);
    }
    const rows: JobRow[] = [];
    for (const { run, endedAt } of newest.slice(offset, offset + limit)) {
      const row = await this.row(run, endedAt);
      if (row !== null) rows.push(row);
    }
    return rows;
  }

  /** Null: it was deleted meanwhile. */
  private async row(run: string, endedAt: number): Promise<JobRow | null> {
    const known = this.made.get(run);
    if (known?.endedAt === endedAt) return known.row;
    try {
      const row = jobRow(await this.jobs.get(run), this.pid);
      this.made.set(run, { endedAt, row });
      return row;
    } catch (error) {
      if (error instanceof UnknownJobError) return null;
      throw error;
    }
  }
}
