/** `changes`, `undo`: what an attempt did to its workspace, and putting it back. */
import type { Command } from 'commander';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, positive, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { CliFailure, Exit, usageError } from '../failure';
import { counted } from '../text/amounts';
import { printable } from '../text/printable';
import type { ChangedFile } from '../../protocol/change-methods';
import type { DaemonClient } from '../../client/daemon-client';
import type { ResultOf } from '../../protocol/methods';

interface ChangesOptions {
  readonly attempt?: number;
}

/** A command on what an attempt of a sheet did to its workspace. */
function ofAttempt(program: Command, name: string, summary: string): Command {
  const command = subcommand(program, `${name} <job> <sheet>`, summary);
  return command.option('--attempt <n>', 'this attempt instead of the latest', positive('--attempt'));
}

export const changesCommand: CliCommand = {
  name: 'changes',
  configure(program, session) {
    const command = ofAttempt(program, 'changes', 'files that a sheet changed').description(
      'Show which files an attempt of a sheet added (A), modified (M) and deleted (D). Recorded where the workspace is\n' +
        'a git repository; ignored files are not. Of an attempt that still runs: compared with what is there now.',
    );
    jsonOption(command);
    examples(command, [
      ['mzt changes review 3', ''],
      ['mzt undo review 3', 'put these files back'],
    ]);
    action<ChangesOptions>(command, session, changes);
  },
};

async function changes(
  invocation: Invocation,
  options: ChangesOptions,
  job = '',
  sheetText = '',
): Promise<ExitCode> {
  const { output } = invocation;
  const sheet = positive('sheet')(sheetText);
  return withConductor(invocation, async ({ client }) => {
    const answer = await allChanges(client, job, sheet, options.attempt ?? null);
    if (output.json) {
      output.document(answer);
      return Exit.ok;
    }
    if (answer.unrecorded !== null)
      throw new CliFailure(Exit.failed, answer.message ?? 'changes were not recorded', {
        errorCode: answer.unrecorded,
      });
    if (answer.mixed)
      output.warn('others ran in the same workspace at the same time: their changes are in here too');
    const { green, yellow, red } = output.out;
    const letters: Record<ChangedFile['status'], string> = {
      added: green('A'),
      modified: yellow('M'),
      deleted: red('D'),
    };
    output.lines(answer.files.map(({ path, status }) => `${letters[status]} ${printable(path)}`));
    const { length: left } = answer.left_out;
    if (left > 0) output.info(`  ${counted(left, 'file')} not recorded: too large, or not readable`);
    output.info(
      `  ${counted(answer.total, 'file')} changed by attempt ${answer.attempt} in ${printable(answer.workspace)}`,
    );
    return Exit.ok;
  });
}

/** All pages as one answer. */
async function allChanges(
  client: DaemonClient,
  job: string,
  sheet: number,
  attempt: number | null,
): Promise<ResultOf<'job.changes'>> {
  const first = await client.call('job.changes', { job_id: job, sheet, attempt });
  const files = [...first.files];
  for (let next = first.next_offset; next !== null;) {
    const page = await client.call('job.changes', {
      job_id: job,
      sheet,
      attempt: first.attempt,
      offset: next,
    });
    files.push(...page.files);
    next = page.next_offset;
  }
  return { ...first, next_offset: null, files };
}

interface UndoOptions extends ChangesOptions {
  readonly mixed?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

export const undoCommand: CliCommand = {
  name: 'undo',
  configure(program, session) {
    const command = ofAttempt(program, 'undo', 'put back the files that a sheet changed')
      .description(
        'Put the files that an attempt changed back as they were before it, after a question. Refused, with their names,\n' +
          'when files changed since. The record of the job stays as it is: mzt rerun plays the sheet again.',
      )
      .option('--mixed', 'also where others ran at the same time: what they did to the same files goes too')
      .option('-n, --dry-run', 'only tell')
      .option('-y, --yes', 'do not ask');
    jsonOption(command);
    examples(command, [
      ['mzt undo review 3 -n', 'what would be done'],
      ['mzt undo review 3', ''],
    ]);
    action<UndoOptions>(command, session, undo);
  },
};

async function undo(
  invocation: Invocation,
  options: UndoOptions,
  job = '',
  sheetText = '',
): Promise<ExitCode> {
  const { context, output } = invocation;
  const params = {
    job_id: job,
    sheet: positive('sheet')(sheetText),
    attempt: options.attempt ?? null,
    mixed: options.mixed ?? false,
  };
  const asks = options.yes !== true && options.dryRun !== true;
  if (output.json && asks) throw usageError('--json needs --yes: there is nobody to ask');
  return withConductor(invocation, async ({ client }) => {
    let answer = await client.call('job.undo', { ...params, dry_run: options.yes !== true });
    if (answer.status === 'would_undo') {
      if (!output.json)
        output.lines(answer.files.map(({ path, action: what }) => `${what.padEnd(8)} ${printable(path)}`));
      if (asks) {
        const said = await context.ask(`Put back ${counted(answer.files.length, 'file')}? [y/N] `);
        if (said === null) throw usageError('nobody is there to ask', 'To undo without a question: --yes');
        if (!/^y(es)?$/i.test(said.trim())) {
          output.line('Nothing was undone.');
          return Exit.failed;
        }
        // The attempt that was shown: a later one may have begun meanwhile.
        answer = await client.call('job.undo', { ...params, attempt: answer.attempt, dry_run: false });
      }
    }
    if (answer.status === 'refused') {
      throw new CliFailure(Exit.failed, answer.message, {
        hints: answer.conflicts.map((path) => printable(path)),
        errorCode: 'refused',
      });
    }
    if (output.json) output.document(answer);
    else output.line(answer.message);
    return Exit.ok;
  });
}
