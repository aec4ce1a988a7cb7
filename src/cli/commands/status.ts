import type { Checkpoint } from '../../protocol/checkpoint';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, refused, seconds, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { Exit } from '../failure';
import { followToEnd } from '../follow/finish';
import { Painter } from '../follow/painter';
import { jobStyle } from '../text/job-style';
import { isOver, jobLines, nextSteps } from '../text/job';
import type { Overview } from '../text/overview';
import { overviewDocument, overviewLines, overviewOf } from '../text/overview';
import { truncate } from '../text/printable';

interface StatusOptions {
  readonly watch?: true;
  readonly interval: number;
}

export const statusCommand: CliCommand = {
  name: 'status',
  configure(program, session) {
    const command = subcommand(program, 'status [job]', 'what plays, or all about one job')
      .description(
        'Without a job: the conductor, what is active and what ended last. With a job (its id, its name or the\n' +
          'beginning of it): every sheet with state, attempts, checks, cost and the reason why it waits or failed.',
      )
      .option('-W, --watch', 'stay, and show changes')
      .option('-i, --interval <seconds>', 'of --watch without a job', seconds('--interval'), 5);
    jsonOption(command);
    refused(command, '-w, --workspace <dir>', 'The conductor knows the workspace of every job.');
    examples(command, [
      ['mzt status', 'an overview'],
      ['mzt status review -W', 'watch the latest run of review'],
      ["mzt status review --json | jq '.sheets[].status'", 'the full record'],
    ]);
    action<StatusOptions>(command, session, (invocation, options, job) =>
      job === undefined ? overview(invocation, options) : oneJob(invocation, job, options),
    );
  },
};

async function oneJob(invocation: Invocation, job: string, options: StatusOptions): Promise<ExitCode> {
  const { output, context } = invocation;
  return withConductor(invocation, async (conductor) => {
    const record = await conductor.client.call('job.status', { job_id: job });
    if (options.watch === true && !isOver(record.status)) {
      const code = await followToEnd(invocation, conductor, record.job_id, { follow: true });
      // Looking at a job that failed is no failure of looking.
      return code === Exit.failed ? Exit.ok : code;
    }
    if (output.json) output.document(record);
    else {
      output.lines(jobLines(record, jobStyle(context, output)));
      sayNext(invocation, record);
    }
    return Exit.ok;
  });
}

function sayNext({ output }: Invocation, record: Checkpoint): void {
  output.info('');
  for (const step of nextSteps(record)) output.info(`  ${output.out.dim(step)}`);
}

async function overview(invocation: Invocation, options: StatusOptions): Promise<ExitCode> {
  const { context, output } = invocation;
  return withConductor(invocation, async ({ client }) => {
    const look = async () => {
      const [jobs, status] = await Promise.all([
        client.call('job.list', {}),
        client.call('daemon.status', {}),
      ]);
      return overviewOf(jobs, status);
    };
    const lines = (seen: Overview) => overviewLines(seen, jobStyle(context, output));
    if (options.watch !== true) {
      const seen = await look();
      if (output.json) {
        output.document(overviewDocument(seen));
      } else output.lines(lines(seen));
      return Exit.ok;
    }
    const stopped = new AbortController();
    const stopListening = context.onInterrupt(() => stopped.abort());
    const painter = context.stdout.isTTY && !output.json ? new Painter(context.stdout) : null;
    try {
      while (!stopped.signal.aborted) {
        const seen = await look();
        if (output.json) output.record(overviewDocument(seen));
        else if (painter === null) output.lines(lines(seen));
        else {
          const columns = context.stdout.columns ?? 80;
          const fitting = lines(seen).slice(0, Math.max(1, (context.stdout.rows ?? 24) - 1));
          painter.draw(fitting.map((line) => truncate(line, columns - 1)));
        }
        await context.pause(Math.max(200, options.interval * 1000), stopped.signal);
      }
    } finally {
      painter?.clear();
      stopListening();
    }
    return Exit.interrupted;
  });
}
