import * as fs from 'node:fs';
import { dirname } from 'node:path';

/** Mode of every file here: only the user reads and writes it. */
export const privateFileMode = 0o600;
/** Mode of every folder here. */
export const privateFolderMode = 0o700;

/** Writes all of `bytes`: a single write may be short, on a full disk for one. @throws what the system reports. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += fs.writeSync(fd, bytes, done, bytes.length - done);
}

/** Makes names in a folder (created, renamed, removed) durable. @throws what the system reports. */
export function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Where a file is put together before it gets its name. One writer per file, so that the name needs no random part. */
export function temporaryName(file: string): string {
  return `${file}.tmp`;
}

/**
 * Puts `chunks` at `file` so that at every instant, over a crash too, there is the old file or the whole new one:
 * temporary file, fsync, rename, fsync of the folder. With `keepPrevious` the replaced file stays under that name.
 * @throws what the system reports; the temporary file is then removed and the old file is untouched,
 * unless only the last step failed.
 */
export function replaceFileSync(file: string, chunks: Iterable<Uint8Array>, keepPrevious?: string): void {
  const temporary = temporaryName(file);
  let fd: number | undefined;
  try {
    fd = fs.openSync(temporary, 'w', privateFileMode);
    for (const chunk of chunks) writeFully(fd, chunk);
    fs.fsyncSync(fd);
    const written = fd;
    fd = undefined;
    fs.closeSync(written);
    if (keepPrevious !== undefined) linkPrevious(file, keepPrevious);
    fs.renameSync(temporary, file);
  } catch (error) {
    if (fd !== undefined) closeQuietly(fd);
    removeQuietly(temporary);
    throw error;
  }
  syncFolder(dirname(file));
}

/** Closes a descriptor whose close may fail and whose failure changes nothing. */
export function closeQuietly(fd: number): void {
  try {
    fs.closeSync(fd);
  } catch {
    // The descriptor is given up either way.
  }
}

/** Removes a file that nothing relies on; what stays of it is removed at the next start. */
export function removeQuietly(file: string): void {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // Its name is used again, and replaced then.
  }
}

/** A second name for the file that is about to be replaced; some file systems have no links, then there is none. */
function linkPrevious(file: string, previous: string): void {
  try {
    fs.rmSync(previous, { force: true });
    fs.linkSync(file, previous);
  } catch {
    // A convenience only: the new file does not depend on it.
  }
}
