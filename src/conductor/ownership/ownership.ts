/**
 * Who is the conductor of a state directory. A complete record is written to a temporary file and `link()`ed to the next number: the link is the
 * decision, and EEXIST means lost. Nothing is ever unlinked to win. See docs/architecture.md, "Ownership".
 */
import { randomBytes } from 'node:crypto';
import { link, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { highestEpoch, readOwnerRecord } from '../../protocol/owner-record';
import { epochOfName, ownerRecordName, statePaths } from '../../protocol/paths';
import type { OwnerRecord } from '../../protocol/paths';
import { PROTOCOL_VERSION } from '../../protocol/daemon-methods';
import { ensurePrivateDir, ensureStateDir, errorCode } from '../../protocol/private-folder';

/** What tells one process from another that has its pid later. The room `process` provides it. */
export interface ProcessIdentity {
  /** Null when there is no such process. */
  processStartTime(pid: number): string | null | Promise<string | null>;
  /** A live process (not a zombie) with that pid and that start time. */
  isSameProcess(pid: number, startTime: string): boolean | Promise<boolean>;
  bootId(): string | Promise<string>;
}

export interface OwnershipOptions {
  readonly stateDir: string;
  readonly build: string;
  readonly version: string;
  /** Milliseconds since the epoch; 0 = unknown. */
  readonly builtAt: number;
  /** Where this process will listen if it wins. */
  readonly socketPath: string;
  readonly identity: ProcessIdentity;
  readonly clock: { now(): number };
  /** Told of records that make no sense and were passed over. */
  readonly log?: (message: string) => void;
}

/** Ownership held by this process. */
export interface Ownership {
  readonly epoch: number;
  /** The random text by which a client knows that it reached the process that wrote the record. */
  readonly nonce: string;
  /** False once a higher record exists, or the folder is gone: then this process must not write state any more. */
  isInForce(): Promise<boolean>;
  /** Gives ownership back; the last act of an orderly end. Does nothing when it has moved already, or the second time. */
  release(): Promise<void>;
}

export type Acquisition =
  | { readonly kind: 'owner'; readonly ownership: Ownership }
  | { readonly kind: 'lost'; readonly epoch: number; readonly lostTo: OwnerRecord };

/** Records below the one in force that are kept: so many changes of owner would have to happen inside one folder scan to hide the newest. */
const KEPT_RECORDS = 4;
/** A temporary file older than this was left by a process that died between writing and linking. */
const STALE_TEMP_MS = 60_000;
const MAX_ROUNDS = 100;

/**
 * Tries to become the owner of the state directory.
 * @throws UnsafeFolderError when the folder is not ours; errors of the file system as they come
 */
export async function acquireOwnership(options: OwnershipOptions): Promise<Acquisition> {
  const log = options.log ?? (() => undefined);
  const folder = statePaths(options.stateDir).owner;
  await ensureStateDir(options.stateDir);
  await ensurePrivateDir(folder);
  const bootId = await options.identity.bootId();
  const startTime = await options.identity.processStartTime(process.pid);
  if (startTime === null) throw new Error('cannot tell the start time of this process');
  const record: OwnerRecord = {
    pid: process.pid,
    start_time: startTime,
    boot_id: bootId,
    build: options.build,
    version: options.version,
    built_at: options.builtAt,
    socket: options.socketPath,
    nonce: randomBytes(16).toString('hex'),
    protocol: PROTOCOL_VERSION,
    released: false,
  };

  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const highest = await highestEpoch(folder);
    if (highest > 0) {
      const found = await readOwnerRecord(folder, highest);
      if (found === 'moved') continue;
      if (found === 'garbage')
        log(`owner record ${ownerRecordName(highest)} is not readable as a record; its owner counts as dead`);
      else if (await isAlive(found, bootId, options.identity))
        return { kind: 'lost', epoch: highest, lostTo: found };
    }
    const epoch = highest + 1;
    if (!(await linkRecord(folder, epoch, record))) continue;
    // A starter that stood still between the scan and the link may have linked a number below the one in force: numbers under it were removed.
    if ((await highestEpoch(folder)) !== epoch) {
      await unlink(join(folder, ownerRecordName(epoch))).catch(ignoreMissing);
      continue;
    }
    await removeOld(folder, epoch, options.clock.now());
    return { kind: 'owner', ownership: held(folder, epoch, record) };
  }
  throw new Error(`ownership of ${options.stateDir} changed ${MAX_ROUNDS} times while trying to get it`);
}

function held(folder: string, epoch: number, record: OwnerRecord): Ownership {
  let released = false;
  const isInForce = async () => !released && (await highestEpoch(folder)) === epoch;
  return {
    epoch,
    nonce: record.nonce,
    isInForce,
    release: async () => {
      if (!(await isInForce())) return;
      released = true;
      await linkRecord(folder, epoch + 1, { ...record, released: true });
    },
  };
}

async function isAlive(record: OwnerRecord, bootId: string, identity: ProcessIdentity): Promise<boolean> {
  if (record.released || record.boot_id !== bootId) return false;
  return identity.isSameProcess(record.pid, record.start_time);
}

/** Makes the record durable, then visible under its number at once. False: that number is taken, or the folder is being cleaned. */
async function linkRecord(folder: string, epoch: number, record: OwnerRecord): Promise<boolean> {
  const temp = join(folder, `.${record.nonce}.${epoch}`);
  try {
    const file = await open(temp, 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify(record) + '\n');
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temp, join(folder, ownerRecordName(epoch)));
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) {
      throw new Error(
        `the file system of ${folder} makes no hard links; set MARIANNE_HOME to a folder on another one`,
        {
          cause: error,
        },
      );
    }
    throw error;
  } finally {
    await unlink(temp).catch(ignoreMissing);
  }
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return true;
}

async function removeOld(folder: string, epoch: number, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const number = epochOfName(name);
    const path = join(folder, name);
    if (number !== null) {
      if (number < epoch - KEPT_RECORDS) await unlink(path).catch(ignoreMissing);
      continue;
    }
    if (!name.startsWith('.')) continue;
    const facts = await stat(path).catch(ignoreMissing);
    if (facts !== undefined && now - facts.mtimeMs > STALE_TEMP_MS) await unlink(path).catch(ignoreMissing);
  }
}

function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
  return undefined;
}
