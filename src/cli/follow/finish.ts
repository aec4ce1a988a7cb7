/** What the commands that start work share: follow it if asked, show the end, choose the exit code. */
import { offerSecrets } from '../connection';
import type { Conductor } from '../connection';
import type { Invocation } from '../command';
import type { ExitCode } from '../failure';
import { Exit } from '../failure';
import { jobLines, nextSteps } from '../text/job';
import { jobStyle } from '../text/job-style';
import { followJob } from './follow';
import type { FollowRenderer } from './renderers';
import { jsonRenderer, liveRenderer, plainRenderer, silentRenderer } from './renderers';

export interface FollowFlags {
  /** Show what happens. */
  readonly follow?: true;
  /** Only wait for the end. */
  readonly wait?: true;
}

/** Follows the job and ends by its result: 0 completed, 1 failed or cancelled, 130 after Ctrl-C. */
export async function followToEnd(
  invocation: Invocation,
  conductor: Conductor,
  jobId: string,
  flags: FollowFlags,
): Promise<ExitCode> {
  const { context, output } = invocation;
  const end = await followJob({
    context,
    jobId,
    connect: () => conductor.connect(),
    renderer: rendererFor(invocation, flags),
    onConnected: () => void offerSecrets(conductor.client, context),
  });
  if (end.kind === 'interrupted') {
    output.aside(`\n${jobId} goes on in the background.`);
    output.aside(`  mzt status ${jobId} -W    watch it again\n  mzt cancel ${jobId}       end it`);
    return Exit.interrupted;
  }
  const { record } = end;
  if (output.json) {
    if (flags.follow === true) output.record(record);
    else output.document(record);
  } else {
    output.lines(jobLines(record, jobStyle(context, output)));
    output.info('');
    for (const step of nextSteps(record)) output.info(`  ${output.out.dim(step)}`);
  }
  return record.status === 'completed' ? Exit.ok : Exit.failed;
}

function rendererFor({ context, output }: Invocation, flags: FollowFlags): FollowRenderer {
  if (flags.follow !== true) return silentRenderer(output);
  if (output.json) return jsonRenderer(output);
  return context.stdout.isTTY && context.env['TERM'] !== 'dumb'
    ? liveRenderer(context, output)
    : plainRenderer(output);
}
