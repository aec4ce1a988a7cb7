import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { parseProcStat, parsePsRows, psEnvironment, type ProcessRow } from './identity';
import { markerName } from './launch';

const run = promisify(execFile);
const onLinux = process.platform === 'linux';

/** How a marker is compared: this very attempt, or every attempt whose marker begins so (all of a run, all of a state directory). */
export type MarkerMatch = 'exact' | 'prefix';

/** All processes of this user, zombies left out; by pid. */
export async function listProcesses(): Promise<Map<number, ProcessRow>> {
  const rows = new Map<number, ProcessRow>();
  const add = (row: ProcessRow | null) => {
    if (row && !row.zombie) rows.set(row.pid, row);
  };
  if (onLinux) {
    const uid = process.getuid?.();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        if (statSync(`/proc/${name}`).uid === uid)
          add(parseProcStat(readFileSync(`/proc/${name}/stat`, 'latin1')));
      } catch {
        // It ended meanwhile, or may not be looked at: not ours.
      }
    }
    return rows;
  }
  const uid = process.getuid?.() ?? 0;
  const { stdout } = await run('ps', ['-U', String(uid), '-o', 'pid=,ppid=,pgid=,stat=,lstart='], {
    env: { ...psEnvironment },
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const row of parsePsRows(stdout)) add(row);
  return rows;
}

/** Does a NUL-separated environment hold this marker, as a whole variable? */
export function environmentHolds(environment: Buffer, marker: string, match: MarkerMatch): boolean {
  const wanted = Buffer.from(`${markerName}=${marker}${match === 'exact' ? '\0' : ''}`);
  for (let at = environment.indexOf(wanted); at >= 0; at = environment.indexOf(wanted, at + 1)) {
    if (at === 0 || environment[at - 1] === 0) return true;
  }
  return false;
}

/** The same in a line of `ps -E`, where blanks separate the variables. */
export function psLineHolds(line: string, marker: string, match: MarkerMatch): boolean {
  const wanted = ` ${markerName}=${marker}${match === 'exact' ? ' ' : ''}`;
  return `${line} `.includes(wanted);
}

/** Does this process carry the marker? On macOS always true: there the start time is a date, and needs no second witness. */
export function isMarked(pid: number, marker: string, match: MarkerMatch = 'exact'): boolean {
  return onLinux ? carries(pid, marker, match) : true;
}

function carries(pid: number, marker: string, match: MarkerMatch): boolean {
  try {
    return environmentHolds(readFileSync(`/proc/${pid}/environ`), marker, match);
  } catch {
    return false;
  }
}

/**
 * Living processes of this user that carry the marker, this process left out. Environments that cannot be read are passed over.
 * @param rows processes already listed; default: listed now.
 */
export async function findMarked(
  marker: string,
  rows?: ReadonlyMap<number, ProcessRow>,
  match: MarkerMatch = 'exact',
): Promise<ProcessRow[]> {
  const living = rows ?? (await listProcesses());
  if (onLinux)
    return [...living.values()].filter((row) => row.pid !== process.pid && carries(row.pid, marker, match));
  const { stdout } = await run(
    'ps',
    ['-U', String(process.getuid?.() ?? 0), '-E', '-ww', '-o', 'pid=,command='],
    {
      env: { ...psEnvironment },
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const found: ProcessRow[] = [];
  for (const line of stdout.split('\n')) {
    const pid = Number(/^\s*(\d+) /.exec(line)?.[1]);
    const row = living.get(pid);
    if (row && pid !== process.pid && psLineHolds(line, marker, match)) found.push(row);
  }
  return found;
}
