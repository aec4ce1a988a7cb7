/** `errors`, `history`: what happened in a job. */
import type { DaemonClient } from '../../client/daemon-client';
import { isUnpriced, type Checkpoint } from '../../protocol/checkpoint';
import type { AttemptDetail } from '../../protocol/job-methods';
import { Option } from 'commander';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, positive, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { Exit } from '../failure';
import { counted, duration, instant, spent, tokens } from '../text/amounts';
import { attemptResult, attemptTokens } from '../text/attempt';
import { requireSheet, sheetsOf } from '../text/job';
import { printable, printableLines } from '../text/printable';
import { table } from '../text/table';

interface HistoryOptions {
  readonly sheet?: number;
  readonly limit: number;
}

export const historyCommand: CliCommand = {
  name: 'history',
  configure(program, session) {
    const command = subcommand(program, 'history <job>', 'every attempt of a job')
      .option('-b, --sheet <n>', 'only this sheet', positive('--sheet'))
      .option('-n, --limit <n>', 'the latest so many', positive('--limit'), 50);
    jsonOption(command);
    examples(command, [
      ['mzt history review', ''],
      ["mzt history review --json | jq '.records[] | .cost_usd'", 'for programs'],
    ]);
    action<HistoryOptions>(command, session, history);
  },
};

/** One attempt with everything that is known of it. */
type HistoryRecord = AttemptDetail & { readonly job_id: string; readonly sheet_num: number };

async function history(invocation: Invocation, options: HistoryOptions, job = ''): Promise<ExitCode> {
  const { context, output } = invocation;
  return withConductor(invocation, async ({ client }) => {
    const record = await client.call('job.status', { job_id: job });
    requireSheet(record, options.sheet);
    const records = await attemptsOf(client, record, options.sheet ?? null, options.limit);
    if (output.json) {
      // The keys of the Python system first, then all that we know.
      const told = records.map(({ attempt, ...rest }) => ({
        ...rest,
        attempt_num: attempt,
        executed_at: rest.started_at,
      }));
      output.document({ job_id: record.job_id, records: told, has_history: records.length > 0 });
      return Exit.ok;
    }
    if (records.length === 0) {
      output.line('No attempts yet.');
      return Exit.ok;
    }
    output.lines(
      table(
        [
          { title: 'SHEET', align: 'right' },
          { title: 'TRY', align: 'right' },
          { title: 'STARTED' },
          { title: 'TIME', align: 'right' },
          { title: 'INSTRUMENT', flexible: true },
          { title: 'RESULT', flexible: true },
          { title: 'CHECKS' },
          { title: 'TOKENS', align: 'right' },
          { title: 'COST', align: 'right' },
        ],
        records.map((one) => [
          String(one.sheet_num),
          `${one.attempt}${one.mode === 'completion' ? ' (completion)' : ''}`,
          instant(Date.parse(one.started_at), context.now()),
          one.duration_seconds === null ? '' : duration(one.duration_seconds),
          [one.instrument, one.model].filter((part) => part !== null).join(' '),
          printable(attemptResult(one)),
          one.validations.length === 0
            ? ''
            : `${one.validations.filter(({ passed }) => passed).length}/${one.validations.length}`,
          attemptTokens(one) === null ? '' : tokens(attemptTokens(one) ?? 0),
          `${one.cost_estimated && one.cost_usd !== null ? '~' : ''}${spent(one.cost_usd, isUnpriced(one))}`,
        ]),
        output.width,
        output.out.dim,
      ),
    );
    return Exit.ok;
  });
}

/** The latest attempts with their details, newest first. */
async function attemptsOf(
  client: DaemonClient,
  record: Checkpoint,
  sheet: number | null,
  limit: number,
): Promise<HistoryRecord[]> {
  const latest = sheetsOf(record)
    .filter(({ sheet_num: number }) => sheet === null || number === sheet)
    .flatMap(({ sheet_num: number, attempts }) => attempts.map((attempt) => ({ number, attempt })))
    .sort((a, b) => Date.parse(b.attempt.started_at) - Date.parse(a.attempt.started_at))
    .slice(0, limit);
  // Details are told sheet by sheet; only the sheets among the latest are asked for.
  const numbers = [...new Set(latest.map(({ number }) => number))];
  const details = new Map<string, AttemptDetail>();
  await Promise.all(
    numbers.map(async (number) => {
      const answer = await client.call('job.attempts', { job_id: record.job_id, sheet: number });
      for (const detail of answer.attempts) details.set(`${number}.${detail.attempt}`, detail);
    }),
  );
  return latest.flatMap(({ number, attempt }) => {
    const detail = details.get(`${number}.${attempt.attempt}`);
    return detail === undefined ? [] : [{ job_id: record.job_id, sheet_num: number, ...detail }];
  });
}

interface ErrorOptions {
  readonly sheet?: number;
  readonly type?: string;
  readonly code?: string;
  readonly V?: true;
}

export const errorsCommand: CliCommand = {
  name: 'errors',
  configure(program, session) {
    const command = subcommand(program, 'errors <job>', 'what went wrong in a job')
      .description(
        'List what went wrong, also what a retry has healed. With -v: the end of the output of each.',
      )
      .option('-b, --sheet <n>', 'only this sheet', positive('--sheet'))
      .addOption(
        new Option('-t, --type <type>', 'only these').choices(['transient', 'rate_limit', 'permanent']),
      )
      .option('-c, --code <code>', 'only this code, for example E001')
      .addOption(new Option('-V', 'the same as --verbose').hideHelp());
    jsonOption(command);
    examples(command, [
      ['mzt errors review', ''],
      ['mzt errors review -b 3 -v', 'with output'],
    ]);
    action<ErrorOptions>(command, session, errors);
  },
};

async function errors(invocation: Invocation, options: ErrorOptions, job = ''): Promise<ExitCode> {
  const { context, output } = invocation;
  return withConductor(invocation, async ({ client }) => {
    const { state } = await client.call('job.errors', { job_id: job });
    requireSheet(state, options.sheet);
    const found = sheetsOf(state)
      .flatMap((sheet) => sheet.error_history.map((error) => ({ sheet_num: sheet.sheet_num, ...error })))
      .filter(
        (error) =>
          (options.sheet === undefined || error.sheet_num === options.sheet) &&
          (options.type === undefined || error.error_type === options.type) &&
          (options.code === undefined || error.error_code === options.code.toUpperCase()),
      )
      .sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
    if (output.json) {
      output.document({
        job_id: state.job_id,
        job_error: state.error_message,
        count: found.length,
        errors: found,
      });
      return Exit.ok;
    }
    if (state.error_message !== null)
      output.line(`${output.out.red('job')}  ${printable(state.error_message)}`);
    if (found.length === 0) {
      if (state.error_message === null) output.line('No errors.');
      return Exit.ok;
    }
    output.lines(
      table(
        [
          { title: 'SHEET', align: 'right' },
          { title: 'TIME' },
          { title: 'TYPE' },
          { title: 'CODE' },
          { title: 'TRY', align: 'right' },
          { title: 'MESSAGE', flexible: true },
        ],
        found.map((error) => [
          String(error.sheet_num),
          instant(Date.parse(error.timestamp), context.now()),
          error.error_type,
          error.error_code ?? '',
          String(error.attempt_number),
          printable(error.error_message),
        ]),
        output.width,
        output.out.dim,
      ),
    );
    if (output.options.verbose || options.V === true) {
      for (const error of found) {
        for (const [name, text] of [
          ['stdout', error.stdout_tail],
          ['stderr', error.stderr_tail],
        ] as const) {
          if (text === null || text.trim() === '') continue;
          output.line();
          output.line(output.out.bold(`sheet ${error.sheet_num}, attempt ${error.attempt_number}: ${name}`));
          output.lines(
            printableLines(text)
              .trimEnd()
              .split('\n')
              .map((line) => `  ${line}`),
          );
        }
      }
    } else output.info(`\n${counted(found.length, 'error')}; their output: mzt errors ${job} -v`);
    return Exit.ok;
  });
}
