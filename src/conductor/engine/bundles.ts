import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plan } from '../../score/plan';
import { randomUUID } from 'node:crypto';

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * Stores bytes under their own digest, once. With `durable`, file and folder are synced before it returns: what a record names must be there after a
 * power cut. A crash leaves at most a temporary file.
 */
export async function storeByDigest(
  dir: string,
  data: string,
  options: { readonly durable: boolean },
): Promise<string> {
  const digest = sha256(data);
  const path = join(dir, digest);
  try {
    await readFile(path);
    return digest;
  } catch {
    // Not there yet.
  }
  const temporary = `${path}.${randomUUID()}.tmp`;
  let file;
  try {
    file = await open(temporary, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    file = await open(temporary, 'wx', 0o600);
  }
  try {
    await file.writeFile(data);
    if (options.durable) await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  if (options.durable) await syncFolder(dirname(path));
  return digest;
}

/** Makes a rename or a new file in the folder durable. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A run's own copy of its score, with the plan made from it. The engine reads only `plan`; `source` belongs to the score room. */
export interface StoredBundle {
  readonly digest: string;
  readonly plan: Plan;
  /** As `score/bundle` wrote it. */
  readonly source: unknown;
}
