import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UnknownSheetError } from '../../protocol/errors';
import { attemptFiles, promptPath } from '../../protocol/paths';
import { hasErrors } from '../engine/score-intake';
import type { AttemptState, SheetState } from '../engine/state';
import { readLog } from '../output/read-log';
import { renderReport } from '../report/render';
import type { Handlers } from '../server/handlers';
import { attemptSummary, iso, jobRow, validationDetail, wireSheet } from './checkpoint';
import { describeCommand } from './describe-command';
import { FinishedRows } from './finished-rows';
import type { JobApiOptions, JobLookup } from './job-lookup';
import { reportData } from './report-data';
import { estimateTokens, wireDiagnostic, wirePlan } from '../../score/wire-plan';

/** What asks about jobs and changes nothing. */
export function jobQueries(options: JobApiOptions, lookup: JobLookup): Handlers {
  const { engine, core, holds } = options;
  const { jobs, submissions } = engine;
  const finishedRows = new FinishedRows(jobs, options.pid);
  const { named, shown, planOf, status, sheetIn } = lookup;

  return {
    'job.status': (params) => status(params.job_id, params.sheets),
    'job.list': async ({ finished, finished_offset: offset }) => {
      const live = offset > 0 ? [] : [...core.durable.jobs.values()].map((job) => jobRow(job, options.pid));
      return [...live, ...(await finishedRows.page(offset, finished))];
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
      const attempt = attemptIn(sheet, params.attempt);
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
        sheet: params.sheet,
      });
      const rendered = intake.rendered?.sheets.find(({ sheet }) => sheet.num === params.sheet);
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
      const attempt = attemptIn(sheet, params.attempt);
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

/** The attempt of that number; null = the latest. */
function attemptIn(sheet: SheetState, attempt: number | null): AttemptState | undefined {
  return attempt === null
    ? sheet.attempts.at(-1)
    : sheet.attempts.find((candidate) => candidate.attempt === attempt);
}

async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
