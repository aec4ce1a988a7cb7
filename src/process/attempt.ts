import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './errno';
import { collapseBlanks, isSameProcess } from './identity';
import { spoolPaths } from './launch';
import { findMarked, isMarked, listProcesses } from './table';

/** Who holds an attempt. `incomplete`: the file is there, its content is not, or is no claim (its writer is at it, or died at it). */
export type Claim =
  | { readonly kind: 'none' }
  | { readonly kind: 'given-up' }
  | { readonly kind: 'shim'; readonly pid: number; readonly startTime: string }
  | { readonly kind: 'incomplete' };

/** How an agent ended, as its shim recorded it. */
export interface ExitRecord {
  readonly kind: 'ended';
  /** Raw status: 128+n when a signal ended the agent (or when it really exited so). */
  readonly status: number;
  readonly endedAt: Date;
  /** The record did not fit at first: the disk was full when the agent ended. */
  readonly late: boolean;
}

/** An exit record that no shim wrote: the status is not known. */
export interface CorruptExit {
  readonly kind: 'corrupt';
  /** Its beginning, for the report. */
  readonly text: string;
}

/** The state of an attempt, from its files and the processes alone. */
export type AttemptProbe =
  /** Nobody holds it: a shim may be about to. Whoever wants to be sure gives it up. */
  | { readonly state: 'unclaimed' }
  | { readonly state: 'given_up' }
  /** `shim` is null for the instant in which the claim is being written. */
  | { readonly state: 'running'; readonly shim: ShimIdentity | null }
  | { readonly state: 'exited'; readonly exit: ExitRecord | CorruptExit }
  /** The shim is gone without a record; `strays` tells whether processes of the attempt still live. */
  | { readonly state: 'shim_lost'; readonly shim: ShimIdentity | null; readonly strays: boolean };

/** The shim as its claim names it. */
export interface ShimIdentity {
  readonly pid: number;
  readonly startTime: string;
}

const claimPath = (base: string) => `${base}.claim`;
const exitPath = (base: string) => `${base}.exit`;
/** Far more than any record of ours: a larger file is not read whole. */
const recordLimit = 4096;

/** Reads a small file of ours, never through a link. Null: there is none. @throws the system's error for all else. */
function readRecord(path: string): { readonly text: string; readonly modified: Date } | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(recordLimit);
    const bytes = readSync(descriptor, buffer, 0, recordLimit, 0);
    // The time after the text: it belongs to a record that was complete when it was read.
    return { text: buffer.toString('latin1', 0, bytes), modified: fstatSync(descriptor).mtime };
  } finally {
    closeSync(descriptor);
  }
}

/** Who holds the attempt? @throws when the file exists and cannot be read. */
export function readClaim(base: string): Claim {
  const record = readRecord(claimPath(base));
  if (!record) return { kind: 'none' };
  if (record.text === 'given-up\n') return { kind: 'given-up' };
  const match = /^([1-9]\d{0,9}) (\S[^\n]*)\n$/.exec(record.text);
  if (!match) return { kind: 'incomplete' };
  const [, pid = '', startTime = ''] = match;
  return { kind: 'shim', pid: Number(pid), startTime: collapseBlanks(startTime) };
}

/**
 * Gives an attempt up, so that no shim can ever run its agent: takes the claim by exclusive create. `claimed` = somebody holds it
 * already (a shim, or an earlier giving up: the claim tells).
 * @param durable false when no shim can be behind it: after a power failure its absence then says the same
 * @throws when the claim can neither be made nor exists (no space for a new file, folder not writable).
 */
export function giveUp(base: string, durable = true): 'given_up' | 'claimed' {
  const folder = dirname(base);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let descriptor: number;
  try {
    descriptor = openSync(
      claimPath(base),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return 'claimed';
    throw error;
  }
  // From here on the attempt *is* given up. Content and durability serve the reader after a restart; without them (full disk) an
  // incomplete claim with no process behind it is read, or after a power failure no claim and no shim: interrupted as well.
  try {
    writeSync(descriptor, 'given-up\n');
    if (durable) {
      fsyncSync(descriptor);
      syncFolder(folder);
    }
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT', 'EIO', 'EINVAL'].includes(errnoOf(error))) throw error;
  } finally {
    closeSync(descriptor);
  }
  return 'given_up';
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * How did the agent end? Null until the record is complete. A record that was torn by a full disk is followed by a whole one on a line
 * of its own; anything else in the file makes it corrupt.
 * @throws when the file exists and cannot be read.
 */
export function readExit(base: string): ExitRecord | CorruptExit | null {
  const record = readRecord(exitPath(base));
  if (!record) return null;
  const corrupt: CorruptExit = { kind: 'corrupt', text: record.text.slice(0, 200) };
  const statuses = new Set<number>();
  for (const line of record.text.split('\n').slice(0, -1)) {
    const match = /^(\d{1,3}) end$/.exec(line);
    if (match) statuses.add(Number(match[1]));
    else if (!isTorn(line)) return corrupt;
  }
  const [status] = statuses;
  if (status === undefined)
    return isTorn(record.text.slice(record.text.lastIndexOf('\n') + 1)) ? null : corrupt;
  if (statuses.size > 1 || status > 255) return corrupt;
  // The shim begins a second try with a line end.
  const late = !/^\d{1,3} end\n/.test(record.text);
  return { kind: 'ended', status, endedAt: record.modified, late };
}

/** Could this be the beginning of a record's line? */
function isTorn(text: string): boolean {
  return /^(\d{1,3}( (e(nd?)?)?)?)?$/.test(text);
}

/**
 * What is this attempt doing? Files first, then the shim: pid, start time, not a zombie, and (Linux) the attempt's own marker, so that
 * a process of another boot is not taken for it.
 */
export async function probeAttempt(base: string, marker: string): Promise<AttemptProbe> {
  const quick = probeQuickly(base, marker);
  if (quick !== 'look_for_processes') return quick;
  const claim = readClaim(base);
  const shim = claim.kind === 'shim' ? { pid: claim.pid, startTime: claim.startTime } : null;
  const living = await listProcesses();
  const marked = await findMarked(marker, living);
  // No shim known, but somebody carries the marker: the shim that is just writing its claim, or what an unlucky one left behind.
  if (!shim && marked.length > 0) return { state: 'running', shim: null };
  return probeEnd(base) ?? { state: 'shim_lost', shim, strays: marked.length > 0 };
}

/** As much of a probe as needs no look at all processes. */
export function probeQuickly(base: string, marker: string): AttemptProbe | 'look_for_processes' {
  const exit = readExit(base);
  if (exit?.kind === 'ended') return { state: 'exited', exit };
  const claim = readClaim(base);
  switch (claim.kind) {
    case 'none':
      return { state: 'unclaimed' };
    case 'given-up':
      return { state: 'given_up' };
    case 'incomplete':
      return 'look_for_processes';
    case 'shim': {
      const shim = { pid: claim.pid, startTime: claim.startTime };
      if (isLivingShim(shim, marker)) return { state: 'running', shim };
      // It may have ended between the two looks: its record counts.
      return probeEnd(base) ?? 'look_for_processes';
    }
  }
}

function probeEnd(base: string): AttemptProbe | null {
  const exit = readExit(base);
  return exit ? { state: 'exited', exit } : null;
}

/** Does this shim live, and is it the one of this attempt? */
export function isLivingShim(shim: ShimIdentity, marker: string): boolean {
  return isSameProcess(shim.pid, shim.startTime) && isMarked(shim.pid, marker);
}

/**
 * Removes claim, exit record and spools; after the outcome is durable. Missing ones are fine. The claim goes last: a shim so late that
 * it still finds no claim looks for its spool after it has made one, and does not run the agent without.
 */
export function removeAttemptFiles(base: string): void {
  const spools = spoolPaths(base);
  for (const path of [spools.stdout, spools.stderr, `${base}.keys`, exitPath(base), claimPath(base)]) {
    try {
      unlinkSync(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
}
