import { lstat, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { socketCandidates, stateDirectoryHash, statePaths } from '../../protocol/paths';
import type { Environment } from '../../protocol/paths';
import {
  UnsafeFolderError,
  ensurePrivateDir,
  ensureStateDir,
  errorCode,
  ownUid,
} from '../../protocol/private-folder';

/** A place to listen whose folder was checked. */
export interface SocketPlace {
  readonly path: string;
  /** Makes the folder (again) and checks it (again): call it before every listen. */
  readonly prepare: () => Promise<void>;
}

/**
 * Chooses where to listen: the first candidate that fits and whose folder can be made private. An unusable folder makes the next one try;
 * an explicit `MARIANNE_SOCKET` has no next one.
 * @throws SocketPathError, UnsafeFolderError
 */
export async function chooseSocket(
  stateDir: string,
  env: Environment,
  tmpDir = tmpdir(),
): Promise<SocketPlace> {
  await ensureStateDir(stateDir);
  const hash = stateDirectoryHash(await realpath(stateDir));
  const candidates = socketCandidates({ stateDir, hash, env, uid: ownUid(), tmpDir });
  const explicit = (env['MARIANNE_SOCKET'] ?? '') !== '';
  let refusal: unknown = null;
  for (const path of candidates) {
    const prepare = () => prepareFolder(path, stateDir, explicit);
    try {
      await prepare();
      return { path, prepare };
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal;
}

async function prepareFolder(path: string, stateDir: string, explicit: boolean): Promise<void> {
  const folder = dirname(path);
  if (explicit) return checkForeignFolder(path);
  if (path === statePaths(stateDir).socket) {
    await ensureStateDir(stateDir);
  } else {
    // `marianne/` or `marianne-<uid>/`, then the folder of this state directory.
    await ensurePrivateDir(dirname(folder));
  }
  await ensurePrivateDir(folder);
}

/** The user's own choice of folder: its mode is left alone, but others must not be able to put their socket in place of ours. */
async function checkForeignFolder(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await lstat(folder);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    await ensurePrivateDir(folder);
    return;
  }
  const facts = await stat(folder);
  if (!facts.isDirectory()) throw new UnsafeFolderError(folder, 'it is not a folder');
  if (facts.uid !== ownUid() && facts.uid !== 0) {
    throw new UnsafeFolderError(folder, `it belongs to user ${facts.uid}`);
  }
  if ((facts.mode & 0o022) !== 0 && (facts.mode & 0o1000) === 0) {
    throw new UnsafeFolderError(folder, 'others may write to it');
  }
}
