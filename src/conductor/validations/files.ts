import { constants, type BigIntStats } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';

/** A file is there but cannot be used for a check. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem';
}

/** Reads at once at most this much. */
const CHUNK = 1024 * 1024;

/** errno name of a failed call; '' when it is none. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Facts about the file that a path leads to (links followed); null when there is nothing. Rejects on other errors. */
export async function statOrNull(path: string): Promise<BigIntStats | null> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return null;
    throw error;
  }
}

/**
 * Reads a regular file whole. Never hangs: whatever an agent put in the file's place (a pipe, a device) is refused.
 * @throws FileProblem when it is no regular file or larger than `most` bytes.
 */
export async function readWhole(path: string, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await readChunks(path, most, (chunk) => chunks.push(Buffer.from(chunk)));
  return Buffer.concat(chunks);
}

/** SHA-256 of a regular file, hex; null when it is larger than `most` bytes. @throws FileProblem when it is no regular file. */
export async function digestFile(path: string, most: number): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    await readChunks(path, most, (chunk) => hash.update(chunk));
  } catch (error) {
    if (error instanceof TooLarge) return null;
    throw error;
  }
  return hash.digest('hex');
}

class TooLarge extends FileProblem {}

async function readChunks(path: string, most: number, take: (chunk: Buffer) => unknown): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new FileProblem(`${path} is not a regular file`);
    const buffer = Buffer.alloc(Math.min(CHUNK, Math.max(1, info.size)));
    for (let total = 0; ;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      total += bytesRead;
      if (total > most || info.size > most)
        throw new TooLarge(`${path} is larger than ${Math.floor(most / 1024 / 1024)} MiB`);
      take(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Does a path lead out of a folder, with all links resolved? What does not exist yet is judged by its nearest folder that does. */
export async function leadsOutside(path: string, folder: string): Promise<boolean> {
  const [target, root] = await Promise.all([realTarget(path), realTarget(folder)]);
  const way = relative(root, target);
  return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way);
}

async function realTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const parent = dirname(path);
    if (parent === path || !['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return path;
    return join(await realTarget(parent), basename(path));
  }
}
