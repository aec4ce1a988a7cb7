import { open } from 'node:fs/promises';

/** A line of a file, without its line end. */
export interface FileLine {
  /** Where it starts, bytes. */
  readonly offset: number;
  readonly bytes: Buffer;
  /** False for a last line without a line end: it was never written completely. */
  readonly ended: boolean;
}

const chunkBytes = 256 * 1024;

/**
 * The lines of a file in order, in groups (one group per read), so that a large file costs neither its size in memory
 * nor a promise per line. @throws what opening or reading reports.
 */
export async function* readLines(file: string): AsyncGenerator<FileLine[]> {
  const handle = await open(file, 'r');
  try {
    let rest: Buffer[] = [];
    let offset = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const { bytesRead } = await handle.read(chunk, 0, chunkBytes);
      if (bytesRead === 0) break;
      const read = chunk.subarray(0, bytesRead);
      const lines: FileLine[] = [];
      let from = 0;
      for (let end = read.indexOf(10); end >= 0; end = read.indexOf(10, from)) {
        rest.push(read.subarray(from, end));
        const bytes = rest.length === 1 ? (rest[0] ?? read) : Buffer.concat(rest);
        rest = [];
        lines.push({ offset, bytes, ended: true });
        offset += bytes.length + 1;
        from = end + 1;
      }
      if (from < read.length) rest.push(read.subarray(from));
      if (lines.length > 0) yield lines;
    }
    if (rest.length > 0) yield [{ offset, bytes: Buffer.concat(rest), ended: false }];
  } finally {
    await handle.close();
  }
}
