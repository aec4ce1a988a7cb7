import { Option } from 'commander';
import type { DaemonClient } from '../../client/daemon-client';
import type { LogPage } from '../../protocol/job-methods';
import type { CliCommand, Invocation } from '../command';
import { action, examples, positive, refused, subcommand } from '../command';
import { withConductor } from '../connection';
import type { ExitCode } from '../failure';
import { CliFailure, Exit, usageError } from '../failure';
import { isOver, sheetsOf } from '../text/job';
import { bytes } from '../text/amounts';
import { printableLog } from '../text/printable';

interface LogOptions {
  readonly follow?: true;
  readonly F?: true;
  readonly lines: number;
  readonly stderr?: true;
  readonly attempt?: number;
  readonly path?: true;
}

export const logsCommand: CliCommand = {
  name: 'logs',
  configure(program, session) {
    const command = subcommand(
      program,
      'logs [job] [sheet]',
      'output of a sheet, or the log of the conductor',
    )
      .description(
        'Show what an agent wrote: of the sheet that plays, else of the one that ended last. Without a job: the log of\n' +
          'the conductor, one JSON object a line. Keys are redacted.',
      )
      .option('-f, --follow', 'go on as more is written; over all sheets of the job, if none is named')
      .option('-n, --lines <n>', 'the last lines; 0 = everything', lineCount, 50)
      .option('--stderr', 'stderr instead of stdout')
      .option('--attempt <n>', 'an earlier attempt', positive('--attempt'))
      .option('--path', 'print the name of the file instead')
      .addOption(new Option('-F', 'the same as --follow').hideHelp());
    refused(command, '--file <path>', 'mzt logs JOB --path names the file.');
    refused(command, '-l, --level <level>', "Filter the lines: mzt logs | jq 'select(.level >= 40)'");
    refused(command, '-j, --json', 'Output is text; the log of the conductor is JSON lines already.');
    examples(command, [
      ['mzt logs review -f', 'what the agents write, live'],
      ['mzt logs review 3 --stderr', 'errors of sheet 3'],
      ['less "$(mzt logs review 3 --path)"', 'the whole file'],
      ['mzt logs', 'the log of the conductor'],
    ]);
    action<LogOptions>(command, session, logs);
  },
};

function lineCount(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw usageError(`--lines must be a whole number, not "${text}"`);
  return Number(text);
}

/** What a page is asked for. */
type PageRequest = { readonly tail_bytes: number } | { readonly offset: number };
type ReadPage = (request: PageRequest) => Promise<LogPage>;

async function logs(
  invocation: Invocation,
  options: LogOptions,
  job?: string,
  sheet?: string,
): Promise<ExitCode> {
  const { output, context } = invocation;
  const follow = options.follow === true || options.F === true;
  const number = sheet === undefined ? null : positive('sheet')(sheet);
  if (options.attempt !== undefined && number === null) {
    throw usageError('--attempt needs the number of a sheet', 'mzt logs JOB SHEET --attempt N');
  }
  return withConductor(invocation, async ({ client }) => {
    const stopped = new AbortController();
    const stopListening = follow ? context.onInterrupt(() => stopped.abort()) : () => undefined;
    try {
      if (job === undefined) {
        await show(
          invocation,
          (request) => client.call('daemon.log', request),
          options,
          follow,
          stopped.signal,
        );
      } else if (number !== null || options.path === true || !follow) {
        const shown = number ?? (await currentSheet(client, job));
        if (shown === null) throw nothingYet(job);
        await show(invocation, reader(client, job, shown, options), options, follow, stopped.signal);
      } else {
        await followSheets(invocation, client, job, options, stopped.signal);
      }
    } finally {
      stopListening();
    }
    if (stopped.signal.aborted && job !== undefined) output.detail(`${job} goes on`);
    return stopped.signal.aborted ? Exit.interrupted : Exit.ok;
  });
}

function nothingYet(job: string): CliFailure {
  return new CliFailure(Exit.failed, `${job} has not played a sheet yet`, {
    hints: [`mzt status ${job}`],
    errorCode: 'no_output',
  });
}

function reader(client: DaemonClient, job: string, sheet: number, options: LogOptions): ReadPage {
  return (request) =>
    client.call('log.read', {
      job_id: job,
      sheet,
      stream: options.stderr === true ? 'stderr' : 'stdout',
      ...(options.attempt === undefined ? {} : { attempt: options.attempt }),
      ...request,
    });
}

/** The sheet that plays, else the one that played last; null before any has. */
async function currentSheet(client: DaemonClient, job: string): Promise<number | null> {
  const record = await client.call('job.status', { job_id: job });
  const played = sheetsOf(record).filter(({ attempt_count: count }) => count > 0);
  const begun = (sheet: (typeof played)[number]) => Date.parse(sheet.attempts.at(-1)?.started_at ?? '') || 0;
  const latest = [...played].sort((a, b) => begun(b) - begun(a));
  return (latest.find(({ status }) => status === 'dispatched') ?? latest[0])?.sheet_num ?? null;
}

const POLL_MS = 300;
/** Bytes looked at for the last lines: enough for 50 long ones. */
const TAIL_BYTES = 256 * 1024;

/** Shows the end of one log, and goes on with it. */
async function show(
  invocation: Invocation,
  read: ReadPage,
  options: LogOptions,
  follow: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { output } = invocation;
  if (options.path === true) {
    output.line((await read({ tail_bytes: 0 })).path);
    return;
  }
  let page = await read(options.lines === 0 ? { offset: 0 } : { tail_bytes: TAIL_BYTES });
  if (options.lines > 0) {
    const { text, cut } = lastLines(page.data, options.lines);
    if (cut || page.next_offset - Buffer.byteLength(page.data) > 0) {
      output.detail(`the last lines of ${bytes(page.size)}; all of it: --lines 0, or --path`);
    }
    write(invocation, text);
  } else write(invocation, page.data);
  let endsLine = page.data === '' || page.data.endsWith('\n');
  // An attempt that ends while its last page is read: `running` was told with that page, so one more is asked for after it.
  while (!page.eof || (follow && page.running && !signal.aborted)) {
    if (page.eof) await invocation.context.pause(POLL_MS, signal);
    page = await read({ offset: page.next_offset });
    write(invocation, page.data);
    if (page.data !== '') endsLine = page.data.endsWith('\n');
  }
  if (!endsLine && invocation.context.stdout.isTTY) output.raw('\n');
}

/** Log text: as it is for a pipe, without what would command the terminal for a terminal. */
function write({ context, output }: Invocation, text: string): void {
  if (text !== '') output.raw(context.stdout.isTTY ? printableLog(text) : text);
}

/** The last lines of a text. */
export function lastLines(text: string, count: number): { readonly text: string; readonly cut: boolean } {
  let at = text.endsWith('\n') ? text.length - 1 : text.length;
  for (let found = 0; found < count; found += 1) {
    at = at <= 0 ? -1 : text.lastIndexOf('\n', at - 1);
    if (at < 0) return { text, cut: false };
  }
  return { text: text.slice(at + 1), cut: true };
}

/** Follows whatever sheet plays, with a heading for each, until the job is over. */
async function followSheets(
  invocation: Invocation,
  client: DaemonClient,
  job: string,
  options: LogOptions,
  signal: AbortSignal,
): Promise<void> {
  const { context, output } = invocation;
  /** `sheet.attempt` → where to read on. */
  const offsets = new Map<string, number>();
  let last = '';
  let first = true;
  for (;;) {
    // The record is looked at before the logs are read: what is over then has its whole log written.
    const record = await client.call('job.status', { job_id: job });
    for (const sheet of sheetsOf(record)) {
      const attempt = sheet.attempts.at(-1)?.attempt;
      if (attempt === undefined) continue;
      const key = `${sheet.sheet_num}.${attempt}`;
      const plays = sheet.status === 'dispatched';
      if (first && !plays) offsets.set(key, -1);
      let offset = offsets.get(key) ?? 0;
      if (offset < 0) continue;
      const read = reader(client, job, sheet.sheet_num, { ...options, attempt });
      for (let more = true; more;) {
        const page = await read({ offset });
        if (page.data !== '') {
          if (last !== key) output.line(output.out.dim(`── sheet ${sheet.sheet_num}, attempt ${attempt}`));
          last = key;
          write(invocation, page.data);
        }
        offset = page.next_offset;
        more = !page.eof;
      }
      offsets.set(key, plays ? offset : -1);
    }
    first = false;
    if (isOver(record.status) || signal.aborted) return;
    await context.pause(POLL_MS, signal);
  }
}
