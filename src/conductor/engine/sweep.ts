import { statSync, unlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobState } from './state';

/**
 * A file younger than this is never removed, milliseconds: between its making (or its being found useful again, which touches it) and the record that
 * refers to it lie some moments.
 */
export const sweepAgeMs = 10 * 60_000;
/** Files removed in one turn. */
const batch = 100;

export interface SweepSources {
  /** Folders of files named by digest. */
  readonly folders: readonly string[];
  /** Jobs that are live now, what is not durable yet included. */
  live(): Iterable<JobState>;
  /** The bodies of all records of all archived runs. @throws what reading reports; then nothing is removed. */
  archived(): AsyncIterable<unknown>;
  /** Milliseconds since the epoch, as file times are. */
  now(): number;
  /** True when there is no more time for this. */
  stopped(): boolean;
}

/**
 * Removes stored scores and prompts that no job refers to any more, and what a crash left half-written. A death in between leaves some for the next
 * time; a submit meanwhile is safe, because what it stores is young and what it finds stored is touched. @returns how many files were removed.
 */
export async function sweepStored(sources: SweepSources): Promise<number> {
  const old: string[] = [];
  for (const folder of sources.folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      if (/^[0-9a-f]{64}(\.[0-9a-f-]+\.tmp)?$/.test(name) && isOld(path, sources.now())) old.push(path);
    }
  }
  if (old.length === 0) return 0;
  // Those that are live now may be archived while the archives are read.
  const needed = referredTo(sources.live());
  for await (const body of sources.archived()) {
    if (sources.stopped()) return 0;
    for (const [, digest = ''] of JSON.stringify(body).matchAll(/"([0-9a-f]{64})"/g)) needed.add(digest);
  }
  let removed = 0;
  for (let from = 0; from < old.length && !sources.stopped(); from += batch) {
    // In one turn: nobody can refer to a file between the look and its end.
    const live = referredTo(sources.live());
    for (const path of old.slice(from, from + batch)) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (needed.has(name) || live.has(name) || !isOld(path, sources.now())) continue;
      unlinkSync(path);
      removed += 1;
    }
    await new Promise((later) => setImmediate(later));
  }
  return removed;
}

function referredTo(jobs: Iterable<JobState>): Set<string> {
  const digests = new Set<string>();
  for (const job of jobs) {
    digests.add(job.bundle);
    for (const sheet of job.sheets)
      for (const { prompt_sha256: prompt } of sheet.attempts) if (prompt !== null) digests.add(prompt);
  }
  return digests;
}

/** A clock that was set back makes all files young, which only keeps them. */
function isOld(path: string, now: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.isFile() && now - found.mtimeMs > sweepAgeMs;
}
