import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What tells one process from every other of the same boot, and where it stands in the tree. */
export interface ProcessRow {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  /** Session id; 0 where the system does not tell (macOS). */
  readonly sid: number;
  /** Opaque start time, see {@link processStartTime}. */
  readonly startTime: string;
  /** Dead, only not yet reaped by its parent. */
  readonly zombie: boolean;
}

const onLinux = process.platform === 'linux';

/** `ps` prints local time in the words of the locale: both are fixed, so that two callers get the same text. The shim does the same. */
export const psEnvironment: Readonly<Record<string, string>> = {
  PATH: '/bin:/usr/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/** Reads one line of `/proc/<pid>/stat` (proc(5)). The name in parentheses may itself hold blanks, newlines and parentheses. */
export function parseProcStat(text: string): ProcessRow | null {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 1 || close < open) return null;
  const pid = Number(text.slice(0, open).trim());
  // Field 3 (state) is the first after the name; field 22 is the start time in clock ticks since boot.
  const fields = text
    .slice(close + 1)
    .trim()
    .split(' ');
  const [state, ppid, pgid, sid] = fields;
  const startTime = fields[19];
  if (!Number.isSafeInteger(pid) || pid <= 0 || state === undefined || startTime === undefined) return null;
  if (!/^\d+$/.test(startTime)) return null;
  return {
    pid,
    ppid: Number(ppid),
    pgid: Number(pgid),
    sid: Number(sid),
    startTime,
    zombie: state === 'Z' || state === 'X' || state === 'x',
  };
}

/** Reads lines of `ps -o pid=,ppid=,pgid=,stat=,lstart=`: the start time is all that follows the state, blanks collapsed. */
export function parsePsRows(text: string): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S.*)$/.exec(line);
    if (!match) continue;
    const [, pid = '', ppid = '', pgid = '', stat = '', lstart = ''] = match;
    rows.push({
      pid: Number(pid),
      ppid: Number(ppid),
      pgid: Number(pgid),
      sid: 0,
      startTime: collapseBlanks(lstart),
      zombie: stat.startsWith('Z'),
    });
  }
  return rows;
}

/** One blank between words, none at the ends: how start times are compared on macOS (`ps` pads the day of the month). */
export function collapseBlanks(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

/** The row of a process that exists (it may be a zombie), or null. */
export function readProcess(pid: number): ProcessRow | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  return readProcesses([pid]).get(pid) ?? null;
}

/** Rows of those of `pids` that exist. One `ps` for all of them on macOS. */
export function readProcesses(pids: readonly number[]): Map<number, ProcessRow> {
  const found = new Map<number, ProcessRow>();
  if (pids.length === 0) return found;
  if (onLinux) {
    for (const pid of pids) {
      const row = readProcStat(pid);
      if (row) found.set(pid, row);
    }
    return found;
  }
  let text: string;
  try {
    text = execFileSync('ps', ['-o', 'pid=,ppid=,pgid=,stat=,lstart=', '-p', pids.join(',')], {
      env: { ...psEnvironment },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return found; // ps exits 1 when none of them exists
  }
  for (const row of parsePsRows(text)) found.set(row.pid, row);
  return found;
}

function readProcStat(pid: number): ProcessRow | null {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return null;
  }
}

/**
 * Start time of a living process, as opaque text that is equal for the same process only; with the pid it is an identity within one
 * boot. `/proc/<pid>/stat` field 22 on Linux, `ps -o lstart=` (UTC, C locale) on macOS. Null: no such process, or a zombie.
 */
export function processStartTime(pid: number): string | null {
  const row = readProcess(pid);
  return row === null || row.zombie ? null : row.startTime;
}

/** Does the process that had this pid and start time still live? A zombie does not. */
export function isSameProcess(pid: number, startTime: string): boolean {
  const found = processStartTime(pid);
  return found !== null && found === collapseBlanks(startTime);
}

let knownBootId: string | undefined;

/** Identity of this boot of the machine: after another boot no pid of before means anything. */
export function bootId(): string {
  knownBootId ??= onLinux
    ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    : execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], {
        env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' },
        encoding: 'utf8',
      }).trim();
  return knownBootId;
}
