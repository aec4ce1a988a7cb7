import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sweepAgeMs } from './sweep';
import { openBundle, type OpenedBundle, type ScoreBundle } from '../../score/bundle';

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * Stores a text under its own digest, once. Synchronous: it is small, and on the way of every attempt. A crash leaves at most a temporary file; what
 * must be there after a power cut goes through {@link storeDurably}.
 */
export function storeByDigest(dir: string, data: string): string {
  const digest = sha256(data);
  const path = join(dir, digest);
  const found = statSync(path, { throwIfNoEntry: false });
  // A power cut may have left the name without all of the text.
  if (found?.size === Buffer.byteLength(data) && staysFresh(path, found.mtimeMs)) return digest;
  const temporary = `${path}.${randomUUID()}.tmp`;
  const write = () => writeFileSync(temporary, data, { flag: 'wx', mode: 0o600 });
  try {
    try {
      write();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      write();
    }
    renameSync(temporary, path);
  } catch (error) {
    // On a full disk the half-written file would take the last of the room.
    rmSync(temporary, { force: true });
    throw error;
  }
  return digest;
}

/** Makes a file that is used again young, so that no sweep takes it (`sweep.ts`). False when that failed: then it is written anew. */
function staysFresh(path: string, modified: number): boolean {
  const now = Date.now();
  if (Math.abs(now - modified) < sweepAgeMs / 4) return true;
  try {
    utimesSync(path, now / 1000, now / 1000);
    return true;
  } catch {
    return false;
  }
}

/** As {@link storeByDigest}, with file and folder synced before it resolves. */
async function storeDurably(dir: string, data: string): Promise<string> {
  const digest = storeByDigest(dir, data);
  const file = await open(join(dir, digest), 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dir);
  return digest;
}

/** Makes a rename or a new file in the folder durable. */
async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A run's own copy of its score, opened: what its prompts are rendered from, and the plan that the engine reads. */
export interface StoredBundle extends OpenedBundle {
  /** SHA-256 of the stored text; its name in `scores/`. */
  readonly digest: string;
}

/** Stores a bundle durably, under the digest of its text. */
export async function storeBundle(dir: string, bundle: ScoreBundle): Promise<string> {
  return storeDurably(dir, JSON.stringify(bundle));
}

/** Reads a stored bundle back. @throws Error when it is missing, damaged, or of a newer format. */
export async function loadBundle(dir: string, digest: string): Promise<StoredBundle> {
  const text = await readFile(join(dir, digest), 'utf8');
  if (sha256(text) !== digest) throw new Error(`the stored score ${digest.slice(0, 12)}… is damaged`);
  // Our own text, proven by its digest: what remains to be asked is whether this build knows the format.
  const bundle = JSON.parse(text) as ScoreBundle;
  if ((bundle.format as number) !== 1)
    throw new Error(`the stored score ${digest.slice(0, 12)}… has a format of a newer build`);
  const result = openBundle(bundle);
  if (!result.ok) {
    const first = result.diagnostics.find(({ severity }) => severity === 'error');
    throw new Error(
      `the stored score is no longer accepted by this build: ${first?.message ?? 'unknown reason'}`,
    );
  }
  return { digest, ...result.opened };
}
