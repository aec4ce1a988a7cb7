/** The copy of a build that a conductor runs from: an update deletes the extension's folder under a conductor that outlives it. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { runtimePath, statePaths } from '../protocol/paths';
import { ensurePrivateDir, ensureStateDir, errorCode } from '../protocol/private-folder';

/** `build.json` of a dist folder, as the build writes it. */
export const buildInfoSchema = z.object({
  version: z.string(),
  build: z.string().min(1),
  /** Milliseconds since the epoch. */
  built_at: z.number(),
});
export type BuildInfo = z.infer<typeof buildInfoSchema>;

/** A temporary copy older than this was left by a process that died while copying. */
const STALE_COPY_MS = 3_600_000;

/** Reads `build.json`; null when it is missing or torn. */
export async function readBuildInfo(folder: string): Promise<BuildInfo | null> {
  try {
    const parsed = buildInfoSchema.safeParse(JSON.parse(await readFile(join(folder, 'build.json'), 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/**
 * Makes sure that `<state>/runtime/<build>/` is a whole copy of `dist`, and gives its path. The copy is made beside it, synced, and renamed: it is
 * there whole or not at all, also when two clients make it at once.
 * @throws Error when `dist` has no build.json; errors of the file system (no space) as they come
 */
export async function ensureRuntimeCopy(stateDir: string, dist: string): Promise<string> {
  const wanted = await readBuildInfo(dist);
  if (wanted === null) throw new Error(`${dist} is no build: build.json is missing or damaged`);
  const target = runtimePath(stateDir, wanted.build);
  await ensureStateDir(stateDir);
  // Code is run from here: nobody else may write it.
  await ensurePrivateDir(statePaths(stateDir).runtime);
  const isWhole = async () => (await readBuildInfo(target))?.build === wanted.build;
  if (await isWhole()) return target;

  await removeStaleCopies(statePaths(stateDir).runtime);
  const temp = join(statePaths(stateDir).runtime, `.copy-${randomBytes(6).toString('hex')}`);
  try {
    await copyFolder(dist, temp);
    try {
      await rename(temp, target);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error;
      // Another client was first, or what is there is damaged. It is mended in place and never moved away: a conductor may run from it.
      if (!(await isWhole())) await mend(temp, target);
    }
    await syncFolder(dirname(target));
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
  return target;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    if (entry.isDirectory()) await copyFolder(source, join(to, entry.name));
    else if (!entry.name.endsWith('.map') && entry.name !== 'meta.json')
      await copyFile(source, join(to, entry.name));
  }
  await syncFolder(to);
}

/** Puts every file in its place, `build.json` last, because it is what says that the copy is whole. */
async function mend(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const entries = await readdir(from, { withFileTypes: true });
  entries.sort((a, b) => Number(a.name === 'build.json') - Number(b.name === 'build.json'));
  for (const entry of entries) {
    if (entry.isDirectory()) await mend(join(from, entry.name), join(to, entry.name));
    else await rename(join(from, entry.name), join(to, entry.name));
  }
  await syncFolder(to);
}

async function copyFile(from: string, to: string): Promise<void> {
  const file = await open(to, 'wx', 0o600);
  try {
    await file.writeFile(await readFile(from));
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function removeStaleCopies(runtime: string): Promise<void> {
  for (const name of await readdir(runtime)) {
    if (!name.startsWith('.copy-')) continue;
    const path = join(runtime, name);
    const facts = await stat(path).catch(ignoreMissing);
    if (facts !== undefined && Date.now() - facts.mtimeMs > STALE_COPY_MS)
      await rm(path, { recursive: true, force: true });
  }
}

function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
  return undefined;
}
