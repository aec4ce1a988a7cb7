import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openBundle, type OpenedBundle, type ScoreBundle } from '../../score/bundle';
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

/** A run's own copy of its score, opened: what its prompts are rendered from, and the plan that the engine reads. */
export interface StoredBundle extends OpenedBundle {
  /** SHA-256 of the stored text; its name in `scores/`. */
  readonly digest: string;
}

/** Stores a bundle durably, under the digest of its text. */
export async function storeBundle(dir: string, bundle: ScoreBundle): Promise<string> {
  return storeByDigest(dir, JSON.stringify(bundle), { durable: true });
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
