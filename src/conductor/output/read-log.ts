import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** A page of a log. `offset` is where the text begins: it differs from the one asked for when that lay inside a character or behind the end. */
export interface LogPage {
  readonly offset: number;
  /** Where to go on reading. A page without text is the end for now, even if `size` is larger (a character is not complete yet). */
  readonly next_offset: number;
  /** Size of the log at the time of reading, bytes. */
  readonly size: number;
  readonly text: string;
}

export interface LogPageRequest {
  /** First byte. Default 0. */
  readonly offset?: number | undefined;
  /** Most bytes to return; taken into the range 4 bytes to 4 MiB. Default 256 KiB. */
  readonly maxBytes?: number | undefined;
  /** Start this many bytes before the end instead of at `offset`. */
  readonly tailBytes?: number | undefined;
}

const DEFAULT_PAGE = 256 * 1024;
const LARGEST_PAGE = 4 * 1024 * 1024;
/** The longest UTF-8 sequence: a smaller page could hold no whole character. */
const SMALLEST_PAGE = 4;

/**
 * Reads a page of a log, never splitting a character. A log that does not exist (yet) is an empty one.
 * @throws RangeError for a number that is no byte count.
 * @throws NodeJS.ErrnoException when the log cannot be read; ELOOP when it is a link.
 */
export async function readLog(path: string, request: LogPageRequest = {}): Promise<LogPage> {
  const offset = byteCount('offset', request.offset ?? 0);
  const most = Math.min(
    LARGEST_PAGE,
    Math.max(SMALLEST_PAGE, byteCount('max_bytes', request.maxBytes ?? DEFAULT_PAGE)),
  );
  const tail = request.tailBytes === undefined ? null : byteCount('tail_bytes', request.tailBytes);
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { offset: 0, next_offset: 0, size: 0, text: '' };
    throw error;
  }
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new RangeError(`${path} is not a regular file`);
    const { size } = info;
    const from = tail === null ? Math.min(offset, size) : Math.max(0, size - tail);
    const buffer = Buffer.alloc(Math.min(most, size - from));
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, from + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    const start = skipContinuation(buffer.subarray(0, filled), from);
    const end = wholeCharacters(buffer.subarray(0, filled));
    if (end <= start) return { offset: from + start, next_offset: from + start, size, text: '' };
    return {
      offset: from + start,
      next_offset: from + end,
      size,
      text: buffer.toString('utf8', start, end),
    };
  } finally {
    await file.close();
  }
}

function byteCount(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${name} must be a count of bytes, not ${value}`);
  return value;
}

/** Number of bytes that belong to a character begun before the page. */
function skipContinuation(page: Buffer, from: number): number {
  if (from === 0) return 0;
  let skip = 0;
  while (skip < 3 && skip < page.length && ((page[skip] ?? 0) & 0xc0) === 0x80) skip++;
  return skip;
}

/** Length of the page without a character that is cut at its end. */
function wholeCharacters(page: Buffer): number {
  for (let back = 1; back <= Math.min(3, page.length); back++) {
    const byte = page[page.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? page.length - back : page.length;
  }
  return page.length;
}
