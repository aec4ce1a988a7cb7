/** `pause`, `resume`, `cancel`, `rerun`, `modify`: what changes the course of a job. */
import { resolve } from 'node:path';
import { Option } from 'commander';
import type { Conductor } from '../connection';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, positive, refused, seconds, subcommand } from '../command';
import { offerSecrets, withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { CliFailure, Exit } from '../failure';
import { followToEnd } from '../follow/finish';
import type { JobResponse } from '../../protocol/job-methods';
import { reportDiagnostics } from '../report-diagnostics';
import { readScore } from '../submit';
import { isOver } from '../text/job';
import { numberRanges } from '../text/plan';

interface WaitOptions {
  readonly wait?: true;
  readonly timeout: number;
}

export const pauseCommand: CliCommand = {
  name: 'pause',
  configure(program, session) {
    const command = subcommand(program, 'pause <job>', 'start no further sheets of a job')
      .description(
        'Pause a job: sheets that play are finished, no further ones are started. Work is never killed.',
      )
      .option('--wait', 'wait until no sheet plays')
      .option('-t, --timeout <seconds>', 'longest wait', seconds('--timeout'), 60);
    jsonOption(command);
    refused(command, '-f, --force', 'To end what plays: mzt cancel JOB. It can be resumed later.');
    examples(command, [['mzt pause review', 'go on later with: mzt resume review']]);
    action<WaitOptions>(command, session, (invocation, options, job = '') =>
      withConductor(invocation, async (conductor) => {
        const { output } = invocation;
        const answer = await conductor.client.call('job.pause', { job_id: job });
        if (!answer.paused) {
          throw new CliFailure(Exit.failed, answer.error ?? `${job} cannot be paused`, {
            errorCode: 'not_paused',
          });
        }
        if (options.wait === true) await untilQuiet(invocation, conductor, job, options.timeout);
        if (output.json) output.document(answer);
        else {
          output.line(`${output.out.yellow('paused')} ${job}`);
          if (options.wait !== true) output.info('  Sheets that play are finished first.');
          output.info(`  mzt resume ${job}    ${output.out.dim('go on')}`);
        }
        return Exit.ok;
      }),
    );
  },
};

/** Waits until no sheet of the job plays. @throws CliFailure when it takes longer */
async function untilQuiet(
  { context }: Invocation,
  { client }: Conductor,
  job: string,
  timeoutSeconds: number,
): Promise<void> {
  const deadline = context.now() + timeoutSeconds * 1000;
  for (;;) {
    const { sheets_in_progress: playing } = await client.call('job.status', { job_id: job, sheets: false });
    if (playing.length === 0) return;
    if (context.now() > deadline) {
      throw new CliFailure(Exit.failed, `sheet ${playing.join(', ')} still plays after ${timeoutSeconds} s`, {
        hints: ['It is finished in the background; the job stays paused.'],
        errorCode: 'timeout',
      });
    }
    await context.pause(250);
  }
}

interface ResumeOptions {
  readonly config?: string;
  readonly reload?: boolean;
  readonly follow?: true;
  readonly wait?: true;
  readonly selfHealing?: true;
  readonly force?: true;
}

export const resumeCommand: CliCommand = {
  name: 'resume',
  configure(program, session) {
    const command = subcommand(program, 'resume <job>', 'go on with a paused, failed or cancelled job')
      .description(
        'Go on with a job: failed and blocked sheets run again, finished ones do not. The run keeps the score as it\n' +
          'was submitted, unless --reload or --config says otherwise.',
      )
      .option('-c, --config <score>', 'go on with this score')
      .option('--reload', 'read the score file again')
      .option('-f, --follow', 'show what happens until the job ends; exit by its result')
      .option('--wait', 'wait for the end; exit by its result')
      .addOption(new Option('--no-reload', 'accepted: this is how it is').hideHelp())
      .addOption(new Option('-H, --self-healing', 'accepted, not obeyed yet').hideHelp())
      .addOption(new Option('--force', 'accepted: has no effect').hideHelp())
      .addOption(new Option('-y, --yes', 'accepted: resume asks nothing').hideHelp());
    jsonOption(command);
    refused(command, '-e, --escalation', 'Pause and resume by hand: mzt pause, mzt resume.');
    examples(command, [
      ['mzt resume review -f', 'go on and watch'],
      ['mzt resume review --reload', 'with the score as it is now'],
    ]);
    action<ResumeOptions>(command, session, resume);
  },
};

async function resume(invocation: Invocation, options: ResumeOptions, job = ''): Promise<ExitCode> {
  const { output } = invocation;
  if (options.selfHealing === true) output.warn('--self-healing is not obeyed yet');
  if (options.force === true) output.note('--force has no effect');
  const config = await scoreOption(invocation, options.config);
  return withConductor(invocation, async (conductor) => {
    const answer = await conductor.client.call('job.resume', {
      job_id: job,
      no_reload: options.reload !== true && config === null,
      ...(config === null ? {} : { config_path: config }),
    });
    return answered(invocation, conductor, answer, options, 'resumed');
  });
}

/** The score of `--config`, checked here first. Absolute; null when none was given. */
async function scoreOption(invocation: Invocation, file: string | undefined): Promise<string | null> {
  if (file === undefined) return null;
  await readScore(invocation, { file, render: false });
  return resolve(invocation.context.cwd(), file);
}

/** Tells the answer of resume and modify, and follows. */
async function answered(
  invocation: Invocation,
  conductor: Conductor,
  answer: JobResponse,
  flags: { readonly follow?: true; readonly wait?: true },
  verb: string,
): Promise<ExitCode> {
  const { output } = invocation;
  const id = answer.run ?? answer.job_id;
  const found = [...(answer.diagnostics ?? []), ...(answer.warnings ?? [])];
  if (found.length > 0) await reportDiagnostics(invocation, id, null, found);
  if (answer.status !== 'accepted' && answer.status !== 'pending') {
    throw new CliFailure(Exit.failed, answer.message, { errorCode: 'rejected' });
  }
  // A job that was over, or has a new score, wants keys that it did not want when this command connected.
  await offerSecrets(conductor.client, invocation.context);
  const follows = flags.follow === true || flags.wait === true;
  if (output.json) {
    if (flags.follow === true) output.record(answer);
    else if (!follows) output.document(answer);
  } else {
    output.line(`${output.out.green(verb)} ${output.out.bold(id)}`);
    if (!follows) output.info(`  mzt status ${id} -W    ${output.out.dim('watch it')}`);
  }
  return follows ? followToEnd(invocation, conductor, id, flags) : Exit.ok;
}

export const cancelCommand: CliCommand = {
  name: 'cancel',
  configure(program, session) {
    const command = subcommand(program, 'cancel <job>', 'end a job and everything it started').description(
      'End a job: its agents are ended with all they started. What is finished stays; mzt resume goes on with the rest.',
    );
    jsonOption(command);
    examples(command, [['mzt cancel review', '']]);
    action(command, session, (invocation, _options, job = '') =>
      withConductor(invocation, async ({ client }) => {
        const { output } = invocation;
        const answer = await client.call('job.cancel', { job_id: job });
        if (!answer.cancelled) {
          // An unknown name fails here with its own words.
          const record = await client.call('job.status', { job_id: job, sheets: false });
          throw new CliFailure(Exit.failed, `${record.job_id} is ${record.status} already`, {
            hints: [`mzt resume ${record.job_id} goes on with what is not finished.`].filter(
              () => record.status !== 'completed',
            ),
            errorCode: 'not_active',
          });
        }
        if (output.json) output.document(answer);
        else output.line(`${output.out.yellow('cancelled')} ${job}`);
        return Exit.ok;
      }),
    );
  },
};

interface RerunOptions {
  readonly hint?: string;
  readonly cascade?: true;
  readonly follow?: true;
  readonly wait?: true;
}

export const rerunCommand: CliCommand = {
  name: 'rerun',
  configure(program, session) {
    const command = subcommand(program, 'rerun <job> <sheet>', 'play one sheet again')
      .description(
        'Play one sheet of a job again, whatever came of it. Earlier attempts stay in the history.',
      )
      .option('--hint <text>', 'a note for the agent, added to the prompt')
      .option('--cascade', 'also play again what depends on it')
      .option('-f, --follow', 'show what happens until the job ends; exit by its result')
      .option('--wait', 'wait for the end; exit by its result');
    jsonOption(command);
    examples(command, [
      ['mzt rerun review 3 --hint "Use the newer API" -f', ''],
      ['mzt rerun review 3 --cascade', 'and everything that builds on it'],
    ]);
    action<RerunOptions>(command, session, (invocation, options, job = '', sheet = '') => {
      const number = positive('sheet')(sheet);
      return withConductor(invocation, async (conductor) => {
        const { output } = invocation;
        const answer = await conductor.client.call('job.rerun', {
          job_id: job,
          sheet: number,
          cascade: options.cascade ?? false,
          ...(options.hint === undefined ? {} : { hint: options.hint }),
        });
        if (answer.status === 'rejected') {
          throw new CliFailure(Exit.failed, answer.message, { errorCode: 'rejected' });
        }
        await offerSecrets(conductor.client, invocation.context);
        const follows = options.follow === true || options.wait === true;
        if (output.json) {
          if (options.follow === true) output.record(answer);
          else if (!follows) output.document(answer);
        } else {
          const { bold, green } = output.out;
          output.line(
            `${green('accepted')} ${bold(answer.job_id)}: sheet ${numberRanges(answer.sheets)} again`,
          );
        }
        return follows ? followToEnd(invocation, conductor, answer.job_id, options) : Exit.ok;
      });
    });
  },
};

interface ModifyOptions extends WaitOptions {
  readonly config: string;
  readonly resume?: true;
}

export const modifyCommand: CliCommand = {
  name: 'modify',
  configure(program, session) {
    const command = subcommand(program, 'modify <job>', 'give a job a changed score')
      .description(
        'Give a job a changed score. A running job is paused first. Refused where a finished sheet would be another one.',
      )
      .requiredOption('-c, --config <score>', 'the changed score')
      .option('-r, --resume', 'go on with it at once')
      .option('--wait', 'before that, wait until no sheet plays')
      .option('-t, --timeout <seconds>', 'longest wait', seconds('--timeout'), 60);
    jsonOption(command);
    examples(command, [['mzt modify review -c review.yaml -r', 'go on with the file as it is now']]);
    action<ModifyOptions>(command, session, modify);
  },
};

async function modify(invocation: Invocation, options: ModifyOptions, job = ''): Promise<ExitCode> {
  const { output } = invocation;
  const config = await scoreOption(invocation, options.config);
  return withConductor(invocation, async (conductor) => {
    const { client } = conductor;
    const record = await client.call('job.status', { job_id: job, sheets: false });
    if (!isOver(record.status) && record.status !== 'paused') {
      await client.call('job.pause', { job_id: record.job_id });
    }
    if (options.wait === true) await untilQuiet(invocation, conductor, record.job_id, options.timeout);
    if (options.resume === true) {
      const answer = await client.call('job.modify', { job_id: record.job_id, config_path: config });
      return answered(invocation, conductor, answer, {}, 'modified');
    }
    if (output.json) output.document({ job_id: record.job_id, status: 'paused', config_path: config });
    else {
      output.line(`${output.out.yellow('paused')} ${record.job_id}; the score is valid`);
      output.line(
        `  mzt modify ${record.job_id} -c ${options.config} -r    ${output.out.dim('go on with it')}`,
      );
    }
    return Exit.ok;
  });
}
