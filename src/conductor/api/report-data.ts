import { attemptFiles, promptPath } from '../../protocol/paths';
import { describeStatus } from '../../backends/process-status';
import { captureText } from '../../process/spool';
import type { AttemptState, JobState } from '../engine/state';
import type { ReportAttempt, ReportData } from '../report/data';

/** Bytes of an output that a report shows: half from its head, half from its tail. */
const shownBytes = { maxBytes: 64 * 1024, headBytes: 32 * 1024 };

/** All that a report of a run shows, read from its state and files. */
export async function reportData(job: JobState, stateDir: string, now: number): Promise<ReportData> {
  const attempts = job.sheets.flatMap((sheet) => sheet.attempts);
  const counted = attempts.some((attempt) => attempt.input_tokens !== null || attempt.output_tokens !== null);
  return {
    name: job.name,
    runId: job.run,
    status: job.status,
    workspace: job.workspace,
    scorePath: job.score_path,
    startedAt: job.started_at,
    finishedAt: job.finished_at,
    generatedAt: now,
    costUsd: attempts.some((attempt) => attempt.cost_usd !== null) ? job.cost_usd : null,
    unpriced: job.unpriced,
    costEstimated: attempts.some((attempt) => attempt.cost_estimated),
    inputTokens: counted ? job.input_tokens : null,
    outputTokens: counted ? job.output_tokens : null,
    error: job.error,
    sheets: await Promise.all(
      job.sheets.map(async (sheet) => ({
        num: sheet.num,
        title: sheet.description,
        status: sheet.status,
        note: sheet.error_message ?? sheet.reason?.message ?? null,
        attempts: await Promise.all(sheet.attempts.map((attempt) => reportAttempt(attempt, stateDir))),
      })),
    ),
  };
}

async function reportAttempt(attempt: AttemptState, stateDir: string): Promise<ReportAttempt> {
  const files = attemptFiles(attempt.base);
  const text = (path: string) => captureText(path, shownBytes).then(({ text }) => text);
  return {
    attempt: attempt.attempt,
    mode: attempt.mode,
    instrument: attempt.instrument,
    model: attempt.model,
    startedAt: attempt.started_at,
    finishedAt: attempt.ended_at,
    outcome: attempt.outcome ?? 'running',
    exit:
      attempt.ended_at === null
        ? null
        : describeStatus({ exitCode: attempt.exit_code, exitSignal: attempt.exit_signal }),
    inputTokens: attempt.input_tokens,
    outputTokens: attempt.output_tokens,
    costUsd: attempt.cost_usd,
    errorCode: attempt.error_code,
    errorMessage: attempt.error_message,
    passPercent: attempt.pass_percent,
    rules: attempt.rules,
    prompt: attempt.prompt_sha256 === null ? null : await text(promptPath(stateDir, attempt.prompt_sha256)),
    stdout: await text(files.stdoutLog),
    stderr: await text(files.stderrLog),
  };
}
