import { z } from 'zod';
import type { PlannedRule } from '../../score/plan';
import { digestFile, statOrNull } from './files';

/** A file before an attempt; null = it was not there. */
const fileStateSchema = z
  .object({
    /** Nanoseconds since the epoch, as text: they do not fit a number. */
    mtime_ns: z.string(),
    size: z.number(),
    /** Hex; null for a file of more than 16 MiB, or one that could not be read. */
    sha256: z.string().nullable(),
  })
  .nullable();
export type FileState = z.infer<typeof fileStateSchema>;

/**
 * What the files of `file_modified` rules were before an attempt, by absolute path. Journalled with the start of the attempt, so that a
 * conductor that adopts it knows what "modified" means.
 */
export const snapshotSchema = z.record(z.string(), fileStateSchema);
export type FileSnapshot = z.infer<typeof snapshotSchema>;

const LARGEST_DIGESTED = 16 * 1024 * 1024;

/**
 * Looks at the files of all `file_modified` rules. Never rejects: a path that cannot be expanded or looked at is left out, and its rule
 * then fails with the reason.
 */
export async function takeSnapshot(
  rules: readonly PlannedRule[],
  /** As `expandRulePath`, context bound. */
  expandPath: (path: string) => string,
): Promise<FileSnapshot> {
  const entries: [string, FileState][] = [];
  for (const rule of rules) {
    if (rule.type !== 'file_modified' || rule.path === null) continue;
    try {
      const path = expandPath(rule.path);
      entries.push([path, await fileState(path)]);
    } catch {
      continue;
    }
  }
  return Object.fromEntries(entries);
}

async function fileState(path: string): Promise<FileState> {
  const info = await statOrNull(path);
  if (info === null || !info.isFile()) return null;
  return {
    mtime_ns: String(info.mtimeNs),
    size: Number(info.size),
    sha256: info.size > LARGEST_DIGESTED ? null : await digestFile(path, LARGEST_DIGESTED).catch(() => null),
  };
}

/** Is a regular file other than it was: new, touched, or with other content? */
export async function isModified(path: string, before: FileState): Promise<boolean> {
  const info = await statOrNull(path);
  if (info === null || !info.isFile()) return false;
  if (before === null || String(info.mtimeNs) !== before.mtime_ns || Number(info.size) !== before.size)
    return true;
  // Same time and size: written within the clock's grain, or the time was put back.
  return before.sha256 !== null && (await digestFile(path, LARGEST_DIGESTED)) !== before.sha256;
}
