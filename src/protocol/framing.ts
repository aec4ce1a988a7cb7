/**
 * The two framings of the socket, told apart by the first byte of a connection: one JSON object a line, or `Content-Length` headers as in the
 * Language Server Protocol. Sizes are checked before anything is allocated.
 */
import { MessageTooLargeError, ParseError } from './errors';
import type { DaemonError } from './errors';

/** Most bytes of one message, in either direction. The Python system's limit. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Most bytes of a header block. */
const MAX_HEADER_BYTES = 8 * 1024;

export type Framing = 'line' | 'header';

/** What a decoder found. After a fatal error it finds nothing more: the boundary of the next message is unknown. */
export type Frame =
  | { readonly kind: 'message'; readonly value: unknown; readonly bytes: number }
  | { readonly kind: 'error'; readonly error: DaemonError; readonly fatal: boolean };

const NEWLINE = 0x0a;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** The bytes of one message on the wire. @throws MessageTooLargeError when it does not fit. */
export function encodeFrame(message: unknown, framing: Framing, maxBytes = MAX_MESSAGE_BYTES): Buffer {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  if (body.length > maxBytes) {
    throw new MessageTooLargeError(`message of ${body.length} bytes exceeds the limit of ${maxBytes}`, {
      data: { bytes: body.length, limit: maxBytes },
    });
  }
  return framing === 'line'
    ? Buffer.concat([body, Buffer.from('\n')])
    : Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`, 'ascii'), body]);
}

/** Incremental decoder of one direction of one connection. */
export class FrameDecoder {
  private chosen: Framing | null = null;
  private chunks: Buffer[] = [];
  private buffered = 0;
  /** Header framing: bytes of the body that is awaited; null while its headers are. */
  private bodyLength: number | null = null;
  private dead = false;

  constructor(private readonly maxBytes = MAX_MESSAGE_BYTES) {}

  /** The framing in use; null before the first byte. */
  get framing(): Framing | null {
    return this.chosen;
  }

  /** Bytes held that are not a whole message yet. */
  get pendingBytes(): number {
    return this.buffered;
  }

  /** Takes what arrived; gives the messages that are whole now, one by one. Every frame must be consumed before the next push. */
  *push(chunk: Buffer): Generator<Frame, void, undefined> {
    if (this.dead || chunk.length === 0) return;
    this.chosen ??= chunk[0] === 0x43 || chunk[0] === 0x63 ? 'header' : 'line';
    if (this.chosen === 'line') yield* this.pushLines(chunk);
    else yield* this.pushHeaders(chunk);
  }

  /** The stream ended: a last line without its newline still counts, as in the Python system. */
  *end(): Generator<Frame, void, undefined> {
    if (this.dead || this.chosen !== 'line' || this.buffered === 0) return;
    const line = this.take();
    const frame = decodeLine(line);
    if (frame !== null) yield frame;
  }

  private *pushLines(chunk: Buffer): Generator<Frame, void, undefined> {
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      const part = chunk.subarray(start, newline === -1 ? chunk.length : newline);
      if (this.buffered + part.length > this.maxBytes) {
        yield this.fail(tooLarge(this.maxBytes));
        return;
      }
      if (newline === -1) {
        this.hold(part);
        return;
      }
      this.hold(part);
      const frame = decodeLine(this.take());
      if (frame !== null) yield frame;
      start = newline + 1;
    }
  }

  private *pushHeaders(chunk: Buffer): Generator<Frame, void, undefined> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.bodyLength === null) {
        // Headers are small: joining what is held is bounded by MAX_HEADER_BYTES.
        const joined = this.buffered === 0 ? rest : Buffer.concat([this.take(), rest]);
        const end = joined.indexOf('\r\n\r\n');
        if (end > MAX_HEADER_BYTES || (end === -1 && joined.length > MAX_HEADER_BYTES)) {
          yield this.fail(new ParseError('header block too long'));
          return;
        }
        if (end === -1) {
          this.hold(joined);
          return;
        }
        const length = contentLength(joined.toString('latin1', 0, end));
        if (length === null) {
          yield this.fail(new ParseError('no valid Content-Length header'));
          return;
        }
        if (length > this.maxBytes) {
          yield this.fail(tooLarge(this.maxBytes, length));
          return;
        }
        this.bodyLength = length;
        rest = joined.subarray(end + 4);
      }
      const needed = this.bodyLength - this.buffered;
      this.hold(rest.subarray(0, needed));
      rest = rest.subarray(needed);
      if (this.buffered === this.bodyLength) {
        this.bodyLength = null;
        yield decodeBody(this.take());
      }
    }
  }

  private hold(part: Buffer): void {
    if (part.length === 0) return;
    this.chunks.push(part);
    this.buffered += part.length;
  }

  private take(): Buffer {
    const [first] = this.chunks;
    const whole = this.chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.chunks);
    this.chunks = [];
    this.buffered = 0;
    return whole;
  }

  private fail(error: DaemonError): Frame {
    this.dead = true;
    this.chunks = [];
    this.buffered = 0;
    return { kind: 'error', error, fatal: true };
  }
}

function tooLarge(limit: number, bytes?: number): MessageTooLargeError {
  return new MessageTooLargeError(`message exceeds the limit of ${limit} bytes`, {
    data: bytes === undefined ? { limit } : { limit, bytes },
    remedy: 'Send less in one message: ask for pages.',
  });
}

/** Null for a blank line. */
function decodeLine(line: Buffer): Frame | null {
  if (line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)) return null;
  return decodeBody(line);
}

function decodeBody(body: Buffer): Frame {
  try {
    return { kind: 'message', value: JSON.parse(utf8.decode(body)) as unknown, bytes: body.length };
  } catch {
    return { kind: 'error', error: new ParseError('message is not JSON in UTF-8'), fatal: false };
  }
}

/** Null when it is missing, malformed, or given twice with different values. */
function contentLength(headers: string): number | null {
  let length: number | null = null;
  for (const line of headers.split('\r\n')) {
    const match = /^content-length:[ \t]*([0-9]{1,10})[ \t]*$/i.exec(line);
    if (match?.[1] === undefined) {
      if (/^content-length:/i.test(line) || !/^[!#$%&'*+.^_`|~0-9a-z-]+:/i.test(line)) return null;
      continue;
    }
    const value = Number(match[1]);
    if (length !== null && length !== value) return null;
    length = value;
  }
  return length;
}
