import { JobSubmissionError } from '../../protocol/errors';
import type { Engine } from '../engine/engine';
import { terminalJob } from '../engine/state';
import type { StateBackend } from '../state-backend';

export interface RecoverRequest {
  readonly engine: Engine;
  readonly stateBackend: StateBackend;
  readonly run: string;
  /** Glob of files in the workspace whose names hold `sheet<number>`. */
  readonly pattern: string;
  /** Only this sheet; null = all that the files prove. */
  readonly only: number | null;
  readonly dryRun: boolean;
}

/**
 * Marks sheets as completed whose results lie in the workspace: those that a file names and whose validations hold now. Gives their numbers.
 * @throws JobSubmissionError while the job runs.
 */
export async function recoverFromArtifacts(request: RecoverRequest): Promise<number[]> {
  const { engine, run } = request;
  const job = await engine.jobs.get(run);
  if (!terminalJob.has(job.status) && job.status !== 'paused') {
    throw new JobSubmissionError(`${run} is ${job.status}`, { remedy: `Pause it first: mzt pause ${run}` });
  }
  const proven = await request.stateBackend.inferStateFromArtifacts(job.workspace, request.pattern);
  const wanted = job.sheets.filter((sheet) => {
    if (sheet.status === 'completed' || (request.only !== null && sheet.num !== request.only)) return false;
    return proven.includes(sheet.num);
  });
  const holding: number[] = [];
  for (const sheet of wanted) if (await engine.validatesNow(job, sheet.num)) holding.push(sheet.num);
  if (!request.dryRun && holding.length > 0) await engine.commands.markCompleted(run, holding);
  return holding;
}
