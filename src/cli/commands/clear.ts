import { Option } from 'commander';
import { allJobs } from '../../client/list-jobs';
import type { CliCommand, Invocation } from '../command';
import { action, examples, repeatable, seconds, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { CliFailure, Exit, usageError } from '../failure';
import { jobStyle } from '../text/job-style';
import { counted } from '../text/amounts';
import { isOver } from '../text/job';
import { jobTable } from '../text/jobs';

type Clearable = 'completed' | 'failed' | 'cancelled';
const clearable: readonly Clearable[] = ['completed', 'failed', 'cancelled'];

interface ClearOptions {
  readonly score?: readonly string[];
  readonly status?: readonly string[];
  readonly olderThan?: number;
  readonly yes?: true;
}

export const clearCommand: CliCommand = {
  name: 'clear',
  configure(program, session) {
    const command = subcommand(program, 'clear', 'forget jobs that are over, with their history and logs')
      .description(
        'Forget jobs that are over: their records, history and logs are deleted. Names exactly what it will delete, and\n' +
          'asks. Jobs that are active are never touched, nor anything in a workspace.',
      )
      .option('-j, --score <run>', 'only this run, by its whole id; may be given several times', repeatable)
      .addOption(
        new Option('-s, --status <state>', 'only these; may be given several times')
          .choices(clearable)
          .argParser(repeatable),
      )
      .option('--older-than <seconds>', 'only those submitted longer ago', seconds('--older-than'))
      .option('-y, --yes', 'do not ask')
      .option('--json', 'print JSON, and only that, on stdout; needs --yes');
    examples(command, [
      ['mzt clear', 'everything that is over'],
      ['mzt clear -j review-2', 'one run'],
      ['mzt clear -s failed --older-than 86400 -y', 'in scripts'],
    ]);
    action<ClearOptions>(command, session, clear);
  },
};

async function clear(invocation: Invocation, options: ClearOptions): Promise<ExitCode> {
  const { context, output } = invocation;
  const statuses = (options.status ?? []).map((status) => {
    const known = clearable.find((one) => one === status);
    if (known === undefined) throw usageError(`no such state: ${status}`, `One of: ${clearable.join(', ')}`);
    return known;
  });
  if (output.json && options.yes !== true) throw usageError('--json needs --yes: there is nobody to ask');
  return withConductor(invocation, async ({ client }) => {
    const jobs = await allJobs((method, params) => client.call(method, params));
    const oldest = options.olderThan === undefined ? Infinity : context.now() / 1000 - options.olderThan;
    for (const run of options.score ?? []) {
      const job = jobs.find(({ job_id: id }) => id === run);
      if (job === undefined) {
        throw new CliFailure(Exit.failed, `no run "${run}"`, {
          hints: ['clear takes whole run ids: mzt list -a shows them.'],
          errorCode: 'no_such_run',
        });
      }
      if (!isOver(job.status)) {
        throw new CliFailure(Exit.failed, `${run} is ${job.status}`, {
          hints: [`End it first: mzt cancel ${run}`],
          errorCode: 'active',
        });
      }
    }
    const doomed = jobs.filter(
      (job) =>
        isOver(job.status) &&
        job.submitted_at <= oldest &&
        (options.score === undefined || options.score.includes(job.job_id)) &&
        (statuses.length === 0 || statuses.some((status) => status === job.status)),
    );
    const ids = doomed.map(({ job_id: id }) => id);
    if (doomed.length === 0) {
      if (output.json) output.document({ deleted: 0, job_ids: [] });
      else output.line('Nothing to clear.');
      return Exit.ok;
    }
    if (options.yes !== true) {
      output.line('These runs, their history and their logs will be deleted:');
      output.lines(jobTable(doomed, jobStyle(context, output)));
      const answer = await context.ask(`Delete ${counted(ids.length, 'run')}? [y/N] `);
      if (answer === null) throw usageError('nobody is there to ask', 'To delete without a question: --yes');
      if (!/^y(es)?$/i.test(answer.trim())) {
        output.line('Nothing was deleted.');
        return Exit.failed;
      }
    }
    // By id: a run that ended since the list was shown is not among them.
    const { deleted } = await client.call('job.clear', { job_ids: ids });
    if (output.json) output.document({ deleted, job_ids: ids });
    else output.line(`${counted(deleted, 'run')} deleted`);
    return Exit.ok;
  });
}
