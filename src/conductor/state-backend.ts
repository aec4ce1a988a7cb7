import { addUsd } from '../protocol/usd';
import { glob } from 'tinyglobby';
import { basename } from 'node:path';
import { JobSubmissionError } from '../protocol/errors';
import type { Jobs } from './engine/jobs';
import type { EngineCore } from './engine/core';
import type { IndexClient } from './index/index-client';
import { terminalSheet, type JobState } from './engine/state';

/** One attempt as `recordExecution` and history know it. */
export interface ExecutionRecord {
  readonly id: number;
  readonly run: string;
  readonly sheet: number;
  readonly attempt: number;
  readonly promptSha256: string | null;
  readonly output: string;
  readonly exitCode: number | null;
  readonly durationSeconds: number | null;
  /** Milliseconds since the epoch. */
  readonly executedAt: number;
}

/**
 * The Python system's state interface as a face over journal and archives. Saving is not part of it: state is a fold, and the engine never writes a
 * whole job. Execution history is supported: every attempt is recorded when it ends.
 */
export class StateBackend {
  readonly supportsExecutionHistory = true;

  constructor(
    private readonly engine: { readonly jobs: Jobs; clear(runs: readonly string[]): Promise<string[]> },
    private readonly core: EngineCore,
    /** Answers history when it is complete; without it, the fold does. */
    private readonly index: IndexClient | null,
  ) {}

  /** The job, or null when there is none of that name. */
  async load(name: string): Promise<JobState | null> {
    try {
      const run = await this.engine.jobs.find(name);
      return this.core.durable.jobs.get(run) ?? (await this.engine.jobs.get(run));
    } catch (error) {
      if (error instanceof JobSubmissionError) return null;
      throw error;
    }
  }

  /** Deletes a finished run with all that was kept of it; false when it is not finished. */
  async delete(run: string): Promise<boolean> {
    return (await this.engine.clear([run])).includes(run);
  }

  /** Newest change first. */
  async listJobs(): Promise<JobState[]> {
    const jobs = await Promise.all(this.engine.jobs.allRuns().map((run) => this.engine.jobs.get(run)));
    return jobs.sort((a, b) => b.updated_at - a.updated_at);
  }

  /** The sheet that a person would call next: a running one, else the first that is not at its end; null when all are. */
  async nextSheet(name: string): Promise<number | null> {
    const job = await this.load(name);
    if (!job) return 1;
    const running = job.sheets.find((sheet) => sheet.status === 'dispatched');
    return (running ?? job.sheets.find((sheet) => !terminalSheet.has(sheet.status)))?.num ?? null;
  }

  /** Ended attempts, newest first; ids are those of the index, else positions. */
  async executionHistory(
    name: string,
    options: { readonly sheet: number | null; readonly limit: number },
  ): Promise<ExecutionRecord[]> {
    const job = await this.load(name);
    if (!job) return [];
    const records = job.sheets
      .filter((sheet) => options.sheet === null || sheet.num === options.sheet)
      .flatMap((sheet) => sheet.attempts.map((attempt) => ({ sheet: sheet.num, attempt })))
      .filter(({ attempt }) => attempt.ended_at !== null)
      .sort((a, b) => b.attempt.started_at - a.attempt.started_at)
      .slice(0, options.limit);
    const ids = await this.indexIds(job.run, options);
    return records.map(({ sheet, attempt }, i) => ({
      id: ids.get(`${sheet}.${attempt.attempt}`) ?? records.length - i,
      run: job.run,
      sheet,
      attempt: attempt.attempt,
      promptSha256: attempt.prompt_sha256,
      output: attempt.output_tail,
      exitCode: attempt.exit_code,
      durationSeconds: attempt.duration_seconds,
      executedAt: attempt.started_at,
    }));
  }

  /** US dollars that attempts have cost which ended at `since` (milliseconds) or later; null when the index cannot say. */
  async costSince(since: number): Promise<number | null> {
    if (this.index?.state !== 'ok') return null;
    return addUsd((await this.index.costSince(since)).cost_usd);
  }

  private async indexIds(
    run: string,
    options: { readonly sheet: number | null; readonly limit: number },
  ): Promise<Map<string, number>> {
    if (this.index?.state !== 'ok') return new Map();
    const rows = await this.index.history({
      run,
      limit: options.limit,
      ...(options.sheet === null ? {} : { sheet: options.sheet }),
    });
    return new Map(rows.map((row) => [`${row.sheet_num}.${row.attempt}`, row.id]));
  }

  /** See the function of that name. */
  inferStateFromArtifacts(workspace: string, pattern: string): Promise<number[]> {
    return inferStateFromArtifacts(workspace, pattern);
  }
}

/** Numbers in names that hold `sheet<digits>` (also `sheet-3`, `sheet_03`), of files in the workspace that match; ascending. */
export async function inferStateFromArtifacts(workspace: string, pattern: string): Promise<number[]> {
  const files = await glob(pattern, {
    cwd: workspace,
    onlyFiles: true,
    dot: false,
    expandDirectories: false,
  });
  const numbers = files.flatMap((file) => {
    const match = /sheet[-_ ]?0*([1-9][0-9]{0,5})/i.exec(basename(file));
    return match?.[1] === undefined ? [] : [Number(match[1])];
  });
  return [...new Set(numbers)].sort((a, b) => a - b);
}
