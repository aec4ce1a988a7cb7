import { open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Log } from './clock';
import { privateFileMode, syncFolder, temporaryName } from './durable-file';
import { readLines } from './line-reader';
import { decodeLine, encodeRecord } from './record';
import type { JournalRecord } from './record';

const archiveSuffix = '.jsonl';

/** Lines are gathered up to about this size for one write. */
const writeBytes = 256 * 1024;

/** The records of finished runs, a file each: `<run>.jsonl`, lines as in the journal. */
export class ArchiveFolder {
  /** Run → highest archived seq. Filled as runs are asked for. */
  readonly #lastSeq = new Map<string, number>();

  constructor(
    private readonly dir: string,
    private readonly log: Log,
  ) {}

  /** Archived runs, in name order. @throws what listing reports, other than a missing folder. */
  async list(): Promise<string[]> {
    let names: string[];
    try {
      names = await readdir(this.dir);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
    return names
      .filter((name) => name.endsWith(archiveSuffix) && !name.startsWith('.'))
      .map((name) => name.slice(0, -archiveSuffix.length))
      .sort();
  }

  /** Records of one archive in order; none when there is no archive. Damaged lines are logged and left out. */
  async *read(run: string): AsyncGenerator<JournalRecord> {
    const file = this.#file(run);
    let last = 0;
    try {
      for await (const lines of readLines(file)) {
        for (const { offset, bytes } of lines) {
          const decoded = decodeLine(bytes);
          if (!decoded.ok)
            this.log.warn({ file, offset, reason: decoded.reason }, 'damaged line in an archive');
          else if (decoded.record.seq > last) {
            last = decoded.record.seq;
            yield decoded.record;
          }
        }
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Highest seq in a run's archive; 0 = no archive. */
  async lastSeq(run: string): Promise<number> {
    const known = this.#lastSeq.get(run);
    if (known !== undefined) return known;
    const last = await readLastSeq(this.#file(run));
    if (last > 0) this.#lastSeq.set(run, last);
    return last;
  }

  /** Highest seq in any archive; 0 = none. */
  async highestSeq(): Promise<number> {
    let highest = 0;
    for (const run of await this.list()) highest = Math.max(highest, await this.lastSeq(run));
    return highest;
  }

  /**
   * Puts `records` behind what the archive already holds; at every instant there is the old archive or the whole new one.
   * @returns how many were added; with none, nothing is written.
   * @throws what the system reports, the old archive is then untouched; RangeError for a run that cannot be a file name.
   */
  async extend(run: string, records: AsyncIterable<JournalRecord>): Promise<number> {
    const file = this.#file(run);
    const temporary = temporaryName(file);
    const lines: Buffer[] = [];
    let gathered = 0;
    let added = 0;
    let last = await this.lastSeq(run);
    let handle: FileHandle | undefined;
    try {
      for await (const record of records) {
        if (record.seq <= last) continue;
        if (handle === undefined) {
          handle = await open(temporary, 'w', privateFileMode);
          await copyLines(file, handle);
        }
        lines.push(encodeRecord(record));
        gathered += lines.at(-1)?.length ?? 0;
        if (gathered >= writeBytes) {
          await handle.appendFile(Buffer.concat(lines.splice(0)));
          gathered = 0;
        }
        last = record.seq;
        added += 1;
      }
      if (handle === undefined) return 0;
      await handle.appendFile(Buffer.concat(lines));
      await handle.sync();
      await handle.close();
      handle = undefined;
      await rename(temporary, file);
    } catch (error) {
      await handle?.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(file));
    this.#lastSeq.set(run, last);
    return added;
  }

  /** Removes a run's archive; fine when there is none. @throws what the system reports. */
  async remove(run: string): Promise<void> {
    this.#lastSeq.delete(run);
    await rm(this.#file(run), { force: true });
  }

  #file(run: string): string {
    if (run === '' || run.startsWith('.') || /[/\\\0]/.test(run)) {
      throw new RangeError(`a run named ${JSON.stringify(run)} cannot have an archive`);
    }
    return join(this.dir, run + archiveSuffix);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function copyLines(from: string, to: FileHandle): Promise<void> {
  try {
    for await (const lines of readLines(from)) {
      await to.appendFile(Buffer.concat(lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')])));
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** The seq of the last readable line, looked for from the end: archives can be large and there can be a thousand. */
async function readLastSeq(file: string): Promise<number> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    for (let block = 64 * 1024; ; block *= 4) {
      const start = Math.max(0, size - block);
      const tail = Buffer.alloc(size - start);
      await handle.read(tail, 0, tail.length, start);
      const found = lastSeqIn(tail, start === 0);
      if (found > 0 || start === 0) return found;
    }
  } finally {
    await handle.close();
  }
}

function lastSeqIn(tail: Buffer, fromStart: boolean): number {
  let end = tail.length;
  while (end > 0) {
    const lineEnd = tail[end - 1] === 10 ? end - 1 : end;
    const lineStart = lineEnd === 0 ? 0 : tail.lastIndexOf(10, lineEnd - 1) + 1;
    if (lineStart === 0 && !fromStart) return 0;
    const decoded = decodeLine(tail.subarray(lineStart, lineEnd));
    if (decoded.ok) return decoded.record.seq;
    end = lineStart;
  }
  return 0;
}
