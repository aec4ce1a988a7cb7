import { allJobs } from '../../client/list-jobs';
import { jobStatusSchema } from '../../protocol/states';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, positive, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { Exit, usageError } from '../failure';
import { jobStyle } from '../text/job-style';
import { isOver } from '../text/job';
import { jobTable } from '../text/jobs';

interface ListOptions {
  readonly all?: true;
  readonly status?: string;
  readonly limit: number;
}

export const listCommand: CliCommand = {
  name: 'list',
  configure(program, session) {
    const command = subcommand(program, 'list', 'list jobs')
      .option('-a, --all', 'also those that are over')
      .option('-s, --status <state>', `only these: ${jobStatusSchema.options.join(', ')}`)
      .option('-l, --limit <n>', 'at most so many', positive('--limit'), 20);
    jsonOption(command);
    examples(command, [
      ['mzt list', 'what is active'],
      ['mzt list -a', 'everything'],
      ['mzt list -s failed', ''],
      ['mzt list -aq', 'only ids'],
    ]);
    action<ListOptions>(command, session, list);
  },
};

async function list(invocation: Invocation, options: ListOptions): Promise<ExitCode> {
  const { context, output } = invocation;
  const wanted = options.status === undefined ? null : jobStatusSchema.safeParse(options.status);
  if (wanted?.success === false) {
    throw usageError(
      `no such state: ${options.status ?? ''}`,
      `One of: ${jobStatusSchema.options.join(', ')}`,
    );
  }
  return withConductor(invocation, async ({ client }) => {
    const jobs = (await allJobs((method, params) => client.call(method, params)))
      .filter((job) =>
        wanted === null ? options.all === true || !isOver(job.status) : job.status === wanted.data,
      )
      .sort((a, b) => b.submitted_at - a.submitted_at)
      .slice(0, options.limit);
    if (output.json) output.document(jobs);
    else if (output.options.quiet) output.lines(jobs.map(({ job_id: id }) => id));
    else if (jobs.length > 0) output.lines(jobTable(jobs, jobStyle(context, output)));
    else output.line(options.all === true ? 'No jobs.' : 'No such jobs. All of them: mzt list --all');
    return Exit.ok;
  });
}
