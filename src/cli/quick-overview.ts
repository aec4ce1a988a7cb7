/**
 * `mzt status` in its plainest form, asked over one connection without the client and its schemas: loading those takes longer than the answer.
 * Whatever is out of the ordinary (no conductor, another build, an error, a key that is wanted) is left to the full way.
 */
import { readFile, readdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { ResultOf } from '../protocol/methods';
import type { JobRow } from '../protocol/states';
import { versionOf } from './build-info';
import type { CliContext } from './context';
import type { ExitCode } from './failure';
import { Exit } from './failure';
import { Output } from './output';
import { jobStyle } from './text/job-style';
import { overviewDocument, overviewLines, overviewOf } from './text/overview';
import { isStatus } from './text/symbols';

const understood = new Set(['-j', '--json', '-q', '--quiet', '--no-color', '--no-start']);

/** Does it, or returns null when the full way has to. Never throws. */
export async function quickOverview(args: readonly string[], context: CliContext): Promise<ExitCode | null> {
  const [command, ...options] = args;
  if (command !== 'status' || !options.every((option) => understood.has(option))) return null;
  if (context.platform === 'win32') return null;
  const answers = await ask(context).catch(() => null);
  if (answers === null) return null;
  const { info, jobs, status, wanted } = answers;
  if (!isObject(info) || info['build'] !== versionOf(context).build || info['epoch'] !== answers.epoch)
    return null;
  if (!isJobList(jobs) || !isConductorStatus(status) || !isObject(wanted)) return null;
  const names: unknown = wanted['names'];
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string' || context.env[name]))
    return null;

  const output = new Output(context, {
    verbose: false,
    quiet: options.some((option) => option === '-q' || option === '--quiet'),
    json: options.some((option) => option === '-j' || option === '--json'),
    color: !options.includes('--no-color'),
  });
  const overview = overviewOf(jobs, status);
  if (output.json) output.document(overviewDocument(overview));
  else output.lines(overviewLines(overview, jobStyle(context, output)));
  return Exit.ok;
}

interface Answers {
  readonly epoch: number;
  readonly info: unknown;
  readonly jobs: unknown;
  readonly status: unknown;
  readonly wanted: unknown;
}

/** Asks everything at once. Null when there is no conductor, or it does not answer all of it. */
async function ask(context: CliContext): Promise<Answers | null> {
  const [{ stateDirOf }, { epochOfName, ownerRecordPath, statePaths }] = await Promise.all([
    import('./state-directory'),
    import('../protocol/paths'),
  ]);
  const stateDir = stateDirOf(context);
  const names = await readdir(statePaths(stateDir).owner);
  const epoch = names.reduce((highest, name) => Math.max(highest, epochOfName(name) ?? 0), 0);
  const record: unknown = JSON.parse(await readFile(ownerRecordPath(stateDir, epoch), 'utf8'));
  if (!isObject(record) || record['released'] === true || typeof record['socket'] !== 'string') return null;
  const client = { name: 'mzt', version: versionOf(context).version, kind: 'cli' };
  const answers = await exchange(record['socket'], [
    ['initialize', { client }],
    ['job.list', {}],
    ['daemon.status', {}],
    ['secrets.wanted', {}],
  ]);
  if (answers === null) return null;
  const [info, jobs, status, wanted] = answers;
  return { epoch, info, jobs, status, wanted };
}

/** After this the full way tries with more patience, milliseconds. */
const TIMEOUT_MS = 2_000;
/** A longer answer is left to the client that pages and bounds. */
const MOST_CHARACTERS = 8 * 1024 * 1024;

/** One request a line, the results in the order of the requests; null when anything else comes. */
function exchange(
  socketPath: string,
  requests: readonly (readonly [method: string, params: object])[],
): Promise<unknown[] | null> {
  return new Promise((resolve) => {
    const results = new Map<unknown, unknown>();
    const socket = createConnection(socketPath);
    const finish = (value: unknown[] | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(value);
    };
    const timer = setTimeout(() => finish(null), TIMEOUT_MS);
    socket.on('error', () => finish(null));
    socket.on('close', () => finish(null));
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      rest += text;
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const message = parsed(line);
        if (!isObject(message) || !('result' in message)) {
          finish(null);
          return;
        }
        results.set(message['id'], message['result']);
      }
      if (rest.length > MOST_CHARACTERS) finish(null);
      else if (results.size === requests.length) finish(requests.map((_, at) => results.get(at + 1)));
    });
    const frames = requests.map(
      ([method, params], at) => `${JSON.stringify({ jsonrpc: '2.0', id: at + 1, method, params })}\n`,
    );
    socket.write(frames.join(''));
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const absent = (value: unknown) => value === undefined || value === null;

/** Checks what the overview reads; all else is only passed through to --json. */
function isJobList(value: unknown): value is JobRow[] {
  return (
    Array.isArray(value) &&
    value.every(
      (row) =>
        isObject(row) &&
        typeof row['job_id'] === 'string' &&
        isStatus(row['status']) &&
        typeof row['submitted_at'] === 'number' &&
        ['completed_at', 'progress_completed', 'progress_skipped', 'progress_total', 'total_cost_usd'].every(
          (key) => absent(row[key]) || typeof row[key] === 'number',
        ) &&
        (absent(row['error_message']) || typeof row['error_message'] === 'string') &&
        isReason(row['status_reason']),
    )
  );
}

function isConductorStatus(value: unknown): value is ResultOf<'daemon.status'> {
  return (
    isObject(value) &&
    typeof value['pid'] === 'number' &&
    typeof value['uptime_seconds'] === 'number' &&
    isReason(value['status_reason'])
  );
}

function isReason(value: unknown): boolean {
  return (
    absent(value) ||
    (isObject(value) &&
      typeof value['message'] === 'string' &&
      (absent(value['until']) || typeof value['until'] === 'string'))
  );
}
