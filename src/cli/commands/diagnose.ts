/** `diagnose`, `report`, `recover`: after something went wrong, and to show it to others. */
import { writeFile } from 'node:fs/promises';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Option } from 'commander';
import type { DaemonClient } from '../../client/daemon-client';
import type { Checkpoint } from '../../protocol/checkpoint';
import type { AttemptDetail } from '../../protocol/job-methods';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, positive, refused, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { Exit, usageError } from '../failure';
import { jobStyle } from '../text/job-style';
import { reportDiagnostics } from '../report-diagnostics';
import { duration } from '../text/amounts';
import { attemptLines } from '../text/attempt';
import { jobLines, nextSteps, requireSheet, sheetsOf } from '../text/job';
import { numberRanges } from '../text/plan';
import { printable, printableLines } from '../text/printable';

interface DiagnoseOptions {
  readonly sheet?: number;
  readonly includeLogs?: true;
}

export const diagnoseCommand: CliCommand = {
  name: 'diagnose',
  configure(program, session) {
    const command = subcommand(program, 'diagnose <job>', 'what was run, and what came of it')
      .description(
        'Show all about a job, and for each sheet that did not end well (or the one named) every attempt: the command\n' +
          'line as it was started, names of its variables, time limit, exit code or signal, checks, tokens, log files.',
      )
      .option('-b, --sheet <n>', 'this sheet, however it ended', positive('--sheet'))
      .option('--include-logs', 'also the last 50 lines of each log');
    jsonOption(command);
    refused(command, '-w, --workspace <dir>', 'The conductor knows the workspace of every job.');
    refused(command, '--resources', 'See the processes: mzt conductor-status');
    examples(command, [
      ['mzt diagnose review', 'what went wrong'],
      ['mzt diagnose review --sheet 3 --include-logs', ''],
    ]);
    action<DiagnoseOptions>(command, session, diagnose);
  },
};

const LOG_LINES = 50;

async function diagnose(invocation: Invocation, options: DiagnoseOptions, job = ''): Promise<ExitCode> {
  const { context, output } = invocation;
  return withConductor(invocation, async ({ client }) => {
    const { state, workspace } = await client.call('job.diagnose', { job_id: job });
    const attempts = await chosenAttempts(client, state, options.sheet);
    const logs = options.includeLogs === true ? await logTails(client, state.job_id, attempts) : [];
    if (output.json) {
      output.document({
        job_id: state.job_id,
        workspace,
        state,
        attempts: attempts.map(({ sheet, attempts: list }) => ({ sheet_num: sheet, attempts: list })),
        log_files: attempts.flatMap(({ attempts: list }) => list.flatMap(logPaths)),
        ...(options.includeLogs === true ? { log_contents: logs } : {}),
      });
      return Exit.ok;
    }
    const style = jobStyle(context, output);
    output.lines(jobLines(state, style));
    if (state.diagnostics.length > 0) {
      await reportDiagnostics(invocation, state.config_path ?? state.job_id, null, state.diagnostics);
    }
    for (const { sheet, attempts: list } of attempts) {
      const known = state.sheets[String(sheet)];
      output.line();
      output.line(
        output.out.bold(
          `Sheet ${sheet}${known === undefined || known.description === null ? '' : `: ${printable(known.description)}`}`,
        ),
      );
      if (known !== undefined) {
        output.line(
          `  ${output.out.dim('limits')}: ${duration(known.sheet_timeout_seconds)} an attempt, ${known.max_retries} retries, ` +
            `${known.max_completion} completions`,
        );
      }
      for (const attempt of list) output.lines(attemptLines(attempt, output.out, style.now));
    }
    for (const log of logs) {
      output.line();
      output.line(output.out.bold(log.path));
      output.lines(log.lines.map((line) => `  ${line}`));
    }
    output.info('');
    for (const step of nextSteps(state)) output.info(`  ${output.out.dim(step)}`);
    return Exit.ok;
  });
}

interface SheetAttempts {
  readonly sheet: number;
  readonly attempts: readonly AttemptDetail[];
}

/** @throws UnknownSheetError */
async function chosenAttempts(
  client: DaemonClient,
  state: Checkpoint,
  wanted: number | undefined,
): Promise<SheetAttempts[]> {
  requireSheet(state, wanted);
  const sheets = sheetsOf(state).filter((sheet) =>
    wanted === undefined
      ? sheet.attempt_count > 0 && sheet.status !== 'completed' && sheet.status !== 'skipped'
      : sheet.sheet_num === wanted,
  );
  return Promise.all(
    sheets.map(async ({ sheet_num: sheet }) => ({
      sheet,
      attempts: (await client.call('job.attempts', { job_id: state.job_id, sheet })).attempts,
    })),
  );
}

function logPaths(attempt: AttemptDetail): string[] {
  return [attempt.stdout_path, attempt.stderr_path].filter((path) => path !== null);
}

async function logTails(client: DaemonClient, job: string, sheets: readonly SheetAttempts[]) {
  const asked = sheets.flatMap(({ sheet, attempts }) =>
    attempts.flatMap(({ attempt }) =>
      (['stdout', 'stderr'] as const).map((stream) => ({ sheet, attempt, stream })),
    ),
  );
  return Promise.all(
    asked.map(async (log) => {
      const page = await client.call('log.read', { job_id: job, ...log, tail_bytes: 64 * 1024 });
      return {
        ...log,
        path: page.path,
        lines: printableLines(page.data).trimEnd().split('\n').slice(-LOG_LINES),
      };
    }),
  );
}

export const reportCommand: CliCommand = {
  name: 'report',
  configure(program, session) {
    const command = subcommand(program, 'report <job>', 'one HTML page of a whole run, to share')
      .description(
        'Write one self-contained, redacted HTML page: timeline, attempts, prompts, check results, cost.',
      )
      .option('-o, --output <file>', 'where to (else ./RUN-report.html); - = stdout')
      .option('-f, --force', 'replace a file that is there');
    jsonOption(command);
    examples(command, [['mzt report review -o review.html', '']]);
    action<{ readonly output?: string; readonly force?: true }>(command, session, report);
  },
};

async function report(
  invocation: Invocation,
  options: { readonly output?: string; readonly force?: true },
  job = '',
): Promise<ExitCode> {
  const { context, output } = invocation;
  return withConductor(invocation, async ({ client }) => {
    const { job_id: run } = await client.call('job.status', { job_id: job, sheets: false });
    const answer = await client.call('job.report', { job_id: run });
    const html = 'html' in answer ? answer.html : await readFile(answer.path, 'utf8');
    if (options.output === '-') {
      output.raw(html);
      return Exit.ok;
    }
    const path = resolve(context.cwd(), options.output ?? `${run}-report.html`);
    // The default name carries the run id: writing it again is a newer report of the same run.
    const mayReplace = options.force === true || options.output === undefined;
    await writeFile(path, html, { mode: 0o600, flag: mayReplace ? 'w' : 'wx' }).catch(
      (error: NodeJS.ErrnoException) => {
        throw error.code === 'EEXIST'
          ? usageError(`${path} is there already`, 'Replace it with --force.')
          : error;
      },
    );
    if (output.json) output.document({ job_id: run, path });
    else output.line(path);
    return Exit.ok;
  });
}

interface RecoverOptions {
  readonly fromArtifacts?: string;
  readonly dryRun?: true;
  readonly sheet?: number;
}

export const recoverCommand: CliCommand = {
  name: 'recover',
  configure(program, session) {
    const command = subcommand(program, 'recover <job>', 'mark sheets as done whose results are there')
      .description(
        'Check the rules of sheets that are not finished against what is in the workspace, and mark those that pass as\n' +
          'completed. For work that was done outside, or whose record was lost.',
      )
      .option('--from-artifacts <glob>', "files that sheets made, for example 'sheet*-report.md'")
      .option('-s, --sheet <n>', 'only this sheet', positive('--sheet'))
      .option('-n, --dry-run', 'only tell')
      .addOption(new Option('--json', 'print JSON, and only that, on stdout'));
    refused(command, '-f, --from-sheet <n>', 'Play sheets again: mzt rerun JOB SHEET --cascade');
    examples(command, [
      ["mzt recover review --from-artifacts 'sheet*-report.md' -n", 'see what it would do'],
    ]);
    action<RecoverOptions>(command, session, (invocation, options, job = '') =>
      withConductor(invocation, async ({ client }) => {
        const { output } = invocation;
        const answer = await client.call('job.recover', {
          job_id: job,
          dry_run: options.dryRun ?? false,
          ...(options.sheet === undefined ? {} : { sheet_num: options.sheet }),
          ...(options.fromArtifacts === undefined ? {} : { from_artifacts: options.fromArtifacts }),
        });
        const recovered = answer.recovered ?? [];
        if (output.json) output.document(answer);
        else if (recovered.length === 0)
          output.line('Nothing to recover: no unfinished sheet passes its checks.');
        else {
          const verb = answer.dry_run ? 'would be marked completed' : 'marked completed';
          output.line(`${verb}: sheet ${numberRanges(recovered)}`);
          if (!answer.dry_run)
            output.info(`  mzt resume ${answer.state.job_id}    ${output.out.dim('go on with the rest')}`);
        }
        return Exit.ok;
      }),
    );
  },
};
