import type { Stats } from 'node:fs';
import { chmod, lstat, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolders } from './make-folders';

/** A folder that we must not use: a link, somebody else's, or in a place where others can replace it. */
export class UnsafeFolderError extends Error {
  override readonly name = 'UnsafeFolderError';
  constructor(
    readonly path: string,
    reason: string,
    /** What to do about it, as a sentence. */
    readonly remedy = 'Move it away, or set MARIANNE_HOME to another folder.',
  ) {
    super(`refusing to use ${path}: ${reason}`);
  }
}

const STICKY = 0o1000;

/**
 * Makes sure that `path` is a folder of ours that nobody else can enter (0700). A folder of ours with a wider mode is repaired; anything else is
 * refused, because whoever planted it could read what we put there. Parents are made (0700) when they are missing.
 * @throws UnsafeFolderError for a link, a file, a foreign owner, or a parent that everybody may write without the sticky bit
 */
export async function ensurePrivateDir(path: string, uid = ownUid()): Promise<void> {
  await makeFolders(dirname(path), 0o700);
  const parent = await stat(dirname(path));
  if ((parent.mode & 0o002) !== 0 && (parent.mode & STICKY) === 0) {
    throw new UnsafeFolderError(
      path,
      `everybody may write to ${dirname(path)}`,
      `Take that right away: chmod go-w ${JSON.stringify(dirname(path))}`,
    );
  }
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  const facts = await lstat(path);
  requireOwnFolder(path, facts, uid);
  // The umask may have taken bits away from mkdir's mode, and an old folder may be open to others: both end as exactly 0700.
  if ((facts.mode & 0o7777) !== 0o700) await chmod(path, 0o700);
}

/** Makes sure that the state directory exists and is ours. Its mode is the user's: it may be another system's home too. */
export async function ensureStateDir(path: string, uid = ownUid()): Promise<void> {
  await makeFolders(path, 0o700);
  // stat, not lstat: a home that is a link to another disk is the user's own doing.
  const facts = await stat(path);
  requireOwnFolder(path, facts, uid);
  if ((facts.mode & 0o002) !== 0) {
    throw new UnsafeFolderError(
      path,
      'everybody may write to it',
      `Take that right away: chmod go-w ${JSON.stringify(path)}`,
    );
  }
}

function requireOwnFolder(path: string, facts: Stats, uid: number): void {
  if (facts.isSymbolicLink()) throw new UnsafeFolderError(path, 'it is a symbolic link');
  if (!facts.isDirectory()) throw new UnsafeFolderError(path, 'it is not a folder');
  if (facts.uid !== uid)
    throw new UnsafeFolderError(
      path,
      `it belongs to user ${facts.uid}, not to ${uid}`,
      `Give it back with chown, or set MARIANNE_HOME to a folder of your own.`,
    );
}

/** The effective user. Only POSIX systems run a conductor. */
export function ownUid(): number {
  if (process.geteuid === undefined) throw new Error('a conductor needs a POSIX system');
  return process.geteuid();
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
