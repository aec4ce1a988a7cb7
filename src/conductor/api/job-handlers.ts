import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { looksSecret } from '../../instruments/environment-names';
import {
  JobSubmissionError,
  ModifyRefusedError,
  NotResumableError,
  UnknownSheetError,
} from '../../protocol/errors';
import type { JobResponse } from '../../protocol/job-methods';
import { attemptFiles, promptPath } from '../../protocol/paths';
import type { Diagnostic } from '../../score/diagnostic';
import type { Engine } from '../engine/engine';
import type { EngineCore } from '../engine/core';
import { loadBundle } from '../engine/bundles';
import { UnknownJobError } from '../engine/jobs';
import type { HoldReasons } from '../engine/holds';
import type { JobState, SheetState } from '../engine/state';
import { hasErrors } from '../engine/score-intake';
import type { StateBackend } from '../state-backend';
import { readLog } from '../output/read-log';
import { renderReport } from '../report/render';
import type { Handlers } from '../server/handlers';
import { attemptSummary, checkpoint, iso, jobRow, validationDetail, wireSheet } from './checkpoint';
import { describeCommand } from './describe-command';
import { recoverFromArtifacts } from './recover';
import { reportData } from './report-data';
import { estimateTokens, wireDiagnostic, wirePlan, wireRendering } from './wire-plan';

export interface JobApiOptions {
  readonly engine: Engine;
  readonly core: EngineCore;
  readonly stateBackend: StateBackend;
  readonly holds: HoldReasons;
  readonly stateDir: string;
  readonly scoresDir: string;
  readonly pid: number;
  keepSecrets(run: string, values: Readonly<Record<string, string>>): void;
  /** Refuses new work while the conductor ends. @throws ShuttingDownError */
  assertAccepting(): void;
}

/** What a page of `job.list` adds of finished jobs, newest first. As many as the Python system's. */
const listedFinished = 50;

/** `job.*` and `log.read`. */
export function jobHandlers(options: JobApiOptions): Handlers {
  const { engine, core, holds } = options;
  const { jobs, commands, submissions } = engine;

  const named = async (name: string): Promise<string> => jobs.find(name);

  /** A job as everybody may see it: live ones as of the last durable record. */
  const shown = async (name: string): Promise<JobState> => {
    const run = await named(name);
    return core.durable.jobs.get(run) ?? (await jobs.get(run));
  };

  const planOf = async (job: JobState) => {
    const loaded = core.bundles.get(job.bundle);
    if (loaded) return loaded.plan;
    return loadBundle(options.scoresDir, job.bundle).then(
      ({ plan }) => plan,
      () => null,
    );
  };

  const status = async (name: string, withSheets = true) => {
    const job = await shown(name);
    const context = {
      plan: await planOf(job),
      diagnostics: [],
      seq: core.durable.lastSeq,
      pid: options.pid,
      holdOf: (sheet: SheetState) => holds.of(job, sheet),
    };
    return checkpoint(job, context, withSheets);
  };

  const sheetIn = (job: JobState, num: number): SheetState => {
    const sheet = job.sheets[num - 1];
    if (!sheet)
      throw new UnknownSheetError(`${job.run} has no sheet ${num}`, {
        remedy: `It has sheets 1 to ${job.sheets.length}.`,
      });
    return sheet;
  };

  const reply = (jobId: string, message: string): JobResponse => ({
    job_id: jobId,
    status: 'accepted',
    message,
    run: jobId,
  });

  const resume = async (params: {
    job_id: string;
    config_path: string | null;
    no_reload: boolean;
  }): Promise<JobResponse> => {
    options.assertAccepting();
    const run = await named(params.job_id);
    try {
      if (params.config_path !== null) await modify(run, params.config_path, true);
      else await commands.resume(run);
      return reply(run, `${run} goes on`);
    } catch (error) {
      const refused =
        error instanceof JobSubmissionError ||
        error instanceof NotResumableError ||
        error instanceof ModifyRefusedError;
      if (!refused) throw error;
      return { job_id: run, status: 'rejected', message: withRemedy(error) };
    }
  };

  const modify = async (run: string, configPath: string, andResume: boolean): Promise<void> => {
    const job = await jobs.get(run);
    const before = await loadBundle(options.scoresDir, job.bundle);
    const body = await submissions.modification(job, before, configPath);
    await commands.replan(run, body, andResume);
  };

  return {
    'job.submit': async (params) => {
      const cwd = params.client_cwd ?? dirname(params.config_path);
      if (params.dry_run) {
        const intake = await submissions.examine({
          configPath: params.config_path,
          workspace: params.workspace,
          cwd,
        });
        const diagnostics = intake.diagnostics.map(wireDiagnostic);
        // As the submit itself would answer.
        const unknown = intake.ready ? await submissions.unknownInstrument(intake.ready.plan) : null;
        const bad = !intake.ready || hasErrors(intake.diagnostics) || unknown !== null;
        return {
          job_id: '',
          status: bad ? 'rejected' : 'dry_run',
          message: bad ? (unknown ?? summary(intake.diagnostics)) : 'the score is valid; nothing was started',
          diagnostics,
          ...(intake.ready ? { plan: wirePlan(intake.ready.plan) } : {}),
          ...(intake.rendered ? { rendering: wireRendering(intake.rendered) } : {}),
        };
      }
      options.assertAccepting();
      const outcome = await submissions.submit({
        configPath: params.config_path,
        workspace: params.workspace,
        clientCwd: cwd,
        startSheet: params.start_sheet,
        onlySheets: params.only_sheets,
        submitKey: params.submit_key,
        again: params.again,
        autoContinue: params.auto_continue,
        ...parts(params.env ?? {}, params.secrets ?? {}),
      });
      if (outcome.kind === 'rejected') {
        return {
          job_id: outcome.jobId,
          status: 'rejected',
          message: outcome.message,
          diagnostics: outcome.diagnostics.map(wireDiagnostic),
        };
      }
      const notes = [
        ...outcome.diagnostics.filter(({ severity }) => severity !== 'info'),
        ...(params.self_healing ? [selfHealingNote] : []),
      ];
      return {
        job_id: outcome.run,
        run: outcome.run,
        status: 'accepted',
        message: `accepted as ${outcome.run}, working in ${outcome.workspace}`,
        warnings: notes.map(wireDiagnostic),
      };
    },
    'job.status': (params) => status(params.job_id, params.sheets),
    'job.pause': async (params) => {
      const run = await named(params.job_id);
      try {
        await commands.pause(run);
        return { paused: true };
      } catch (error) {
        if (error instanceof JobSubmissionError) return { paused: false, error: withRemedy(error) };
        throw error;
      }
    },
    'job.resume': resume,
    'job.retry': resume,
    'job.modify': async (params) => {
      options.assertAccepting();
      const run = await named(params.job_id);
      if (params.config_path === null)
        return { job_id: run, status: 'rejected', message: 'config_path required' };
      await modify(run, params.config_path, true);
      return reply(run, `${run} goes on with ${params.config_path}`);
    },
    'job.cancel': async (params) => {
      try {
        return { cancelled: await commands.cancel(await named(params.job_id)) };
      } catch (error) {
        // As the Python system answers: there is nothing of that name to cancel.
        if (error instanceof UnknownJobError) return { cancelled: false };
        throw error;
      }
    },
    'job.list': async () => {
      await Promise.resolve();
      const live = [...core.durable.jobs.values()].map((job) => jobRow(job, options.pid));
      const finished = await jobs.recent(listedFinished);
      return [...live, ...finished.map((job) => jobRow(job, options.pid))];
    },
    'job.clear': async (params) => {
      const runs = await jobs.finishedRuns({
        statuses: params.statuses,
        olderThanSeconds: params.older_than_seconds,
        runs: params.job_ids,
        now: Date.now(),
      });
      return { deleted: (await engine.clear(runs)).length };
    },
    'job.errors': async (params) => ({ state: await status(params.job_id) }),
    'job.diagnose': async (params) => {
      const state = await status(params.job_id);
      return { state, workspace: state.workspace };
    },
    'job.history': async (params) => {
      const run = await named(params.job_id);
      const history = await options.stateBackend.executionHistory(run, {
        sheet: params.sheet_num,
        limit: params.limit,
      });
      const records = await Promise.all(
        history.map(async (record) => ({
          id: record.id,
          job_id: record.run,
          sheet_num: record.sheet,
          attempt_num: record.attempt,
          prompt:
            record.promptSha256 === null
              ? null
              : await textOf(promptPath(options.stateDir, record.promptSha256)),
          output: record.output,
          exit_code: record.exitCode,
          duration_seconds: record.durationSeconds,
          executed_at: iso(record.executedAt),
        })),
      );
      return { job_id: run, records, has_history: records.length > 0 };
    },
    'job.recover': async (params) => {
      const run = await named(params.job_id);
      const recovered =
        params.from_artifacts === null
          ? []
          : await recoverFromArtifacts({
              ...options,
              run,
              pattern: params.from_artifacts,
              only: params.sheet_num,
              dryRun: params.dry_run,
            });
      const state = await status(run);
      return {
        state,
        workspace: state.workspace,
        dry_run: params.dry_run,
        sheet_num: params.sheet_num,
        recovered,
      };
    },
    'job.rerun': async (params) => {
      options.assertAccepting();
      const run = await named(params.job_id);
      try {
        const sheets = await commands.rerun(run, params.sheet, {
          hint: params.hint,
          cascade: params.cascade,
        });
        return {
          job_id: run,
          status: 'accepted',
          message: `sheet ${sheets.join(', ')} of ${run} runs again`,
          sheets,
        };
      } catch (error) {
        if (!(error instanceof JobSubmissionError)) throw error;
        return { job_id: run, status: 'rejected', message: withRemedy(error), sheets: [] };
      }
    },
    'job.sheets': async (params) => {
      const job = await shown(params.job_id);
      const plan = await planOf(job);
      const page = job.sheets.slice(params.offset, params.offset + params.limit);
      const next = params.offset + page.length;
      return {
        job_id: job.run,
        total: job.sheets.length,
        offset: params.offset,
        next_offset: next < job.sheets.length ? next : null,
        sheets: page.map((sheet) => wireSheet(sheet, plan, holds.of(job, sheet))),
        seq: core.durable.lastSeq,
      };
    },
    'job.attempts': async (params) => {
      const job = await shown(params.job_id);
      const sheet = sheetIn(job, params.sheet);
      return {
        job_id: job.run,
        sheet: sheet.num,
        attempts: sheet.attempts.map((attempt) => ({
          ...attemptSummary(attempt),
          validations: attempt.rules.map((rule) => validationDetail(rule, attempt.ended_at)),
          prompt_digest: attempt.prompt_sha256,
          stdout_path: attemptFiles(attempt.base).stdoutLog,
          stderr_path: attemptFiles(attempt.base).stderrLog,
          command: [...attempt.argv],
          cwd: attempt.cwd,
          env_names: [...attempt.env_names],
          session_id: attempt.session_id,
        })),
      };
    },
    'job.prompt': async (params) => {
      const job = await shown(params.job_id);
      const sheet = sheetIn(job, params.sheet);
      const attempt =
        params.attempt === null
          ? sheet.attempts.at(-1)
          : sheet.attempts.find((candidate) => candidate.attempt === params.attempt);
      if (!attempt?.prompt_sha256)
        throw new UnknownSheetError(`sheet ${params.sheet} of ${job.run} has no such attempt with a prompt`);
      const prompt = await textOf(promptPath(options.stateDir, attempt.prompt_sha256));
      if (prompt === null)
        throw new UnknownSheetError(`the prompt of sheet ${params.sheet} is not kept any more`);
      return {
        job_id: job.run,
        sheet: sheet.num,
        attempt: attempt.attempt,
        prompt,
        digest: attempt.prompt_sha256,
      };
    },
    'job.preview': async (params) => {
      const path = params.config_path ?? join(process.cwd(), 'untitled.yaml');
      const intake = await submissions.examine({
        configPath: path,
        text: params.text,
        workspace: params.workspace,
        cwd: dirname(path),
      });
      const rendered = intake.rendered?.sheets[params.sheet - 1];
      if (intake.ready && !rendered) throw new UnknownSheetError(`the score has no sheet ${params.sheet}`);
      const prompt = rendered?.result.ok
        ? [rendered.result.preamble, rendered.result.prompt].filter((part) => part !== null).join('\n\n')
        : null;
      return {
        sheet: params.sheet,
        prompt,
        estimated_tokens: prompt === null ? null : estimateTokens(prompt),
        instrument: rendered?.sheet.instrument.profile ?? null,
        model: rendered?.sheet.instrument.config.model ?? null,
        command:
          rendered && intake.ready
            ? await describeCommand(engine, rendered.sheet, intake.ready.plan.workspace)
            : null,
        diagnostics: intake.diagnostics.map(wireDiagnostic),
      };
    },
    'job.validate': async (params) => {
      const intake = await submissions.examine({
        configPath: params.config_path,
        workspace: params.workspace,
        cwd: dirname(params.config_path),
      });
      return {
        valid: intake.ready !== null && !hasErrors(intake.diagnostics),
        diagnostics: intake.diagnostics.map(wireDiagnostic),
        plan: intake.ready ? wirePlan(intake.ready.plan) : null,
      };
    },
    'job.report': async (params) => ({
      html: renderReport(await reportData(await shown(params.job_id), options.stateDir, Date.now())),
    }),
    'log.read': async (params) => {
      const job = await shown(params.job_id);
      const sheet = sheetIn(job, params.sheet);
      const attempt =
        params.attempt === null
          ? sheet.attempts.at(-1)
          : sheet.attempts.find((candidate) => candidate.attempt === params.attempt);
      if (!attempt) {
        if (params.attempt !== null)
          throw new UnknownSheetError(`sheet ${params.sheet} of ${job.run} has no attempt ${params.attempt}`);
        return {
          path: '',
          offset: 0,
          next_offset: 0,
          size: 0,
          data: '',
          eof: true,
          running: sheet.status !== 'skipped' && job.finished_at === null,
        };
      }
      const files = attemptFiles(attempt.base);
      const path = params.stream === 'stdout' ? files.stdoutLog : files.stderrLog;
      // Asked before the read: what ends between the two is then read once more, and nothing is missed.
      const running = attempt.ended_at === null;
      const page = await readLog(path, {
        offset: params.offset ?? undefined,
        maxBytes: params.max_bytes,
        tailBytes: params.tail_bytes ?? undefined,
      });
      return {
        path,
        offset: page.offset,
        next_offset: page.next_offset,
        size: page.size,
        data: page.text,
        eof: page.text === '' || page.next_offset >= page.size,
        running,
      };
    },
  };
}

/** A client that is not ours may put a key among the plain values, which are journalled: what looks like one travels as a secret. */
function parts(
  plain: Readonly<Record<string, string>>,
  secret: Readonly<Record<string, string>>,
): { env: Record<string, string>; secrets: Record<string, string> } {
  const entries = Object.entries(plain);
  return {
    env: Object.fromEntries(entries.filter(([name]) => !looksSecret(name))),
    secrets: { ...Object.fromEntries(entries.filter(([name]) => looksSecret(name))), ...secret },
  };
}

const selfHealingNote: Diagnostic = {
  code: 'V401',
  severity: 'warning',
  message: '--self-healing is accepted, not obeyed yet: retries and completion mode heal as the score says.',
  remedy: null,
  range: null,
  path: null,
};

function withRemedy(error: { readonly message: string; readonly remedy: string | null }): string {
  return error.remedy === null ? error.message : `${error.message}. ${error.remedy}`;
}

function summary(diagnostics: readonly Diagnostic[]): string {
  const count = diagnostics.filter(({ severity }) => severity === 'error').length;
  return `the score has ${count} error${count === 1 ? '' : 's'}`;
}

async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
