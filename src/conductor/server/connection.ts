/** One client: reads its messages, writes replies and notifications, and keeps both within bounds. What a message means is not its business. */
import type { Socket } from 'node:net';
import { ErrorCode, MessageTooLargeError, toWire } from '../../protocol/errors';
import type { DaemonError } from '../../protocol/errors';
import { FrameDecoder, encodeFrame } from '../../protocol/framing';
import type { Frame } from '../../protocol/framing';
import type { EventQueue } from './event-queue';
import type { ServerLimits } from './limits';

export type RequestId = string | number;

/** The server, as one connection sees it. */
export interface ConnectionHost {
  readonly limits: ServerLimits;
  onMessage(connection: Connection, value: unknown): void;
  /** A connection holds more or fewer bytes than before, either way. */
  onHeldBytes(inboundChange: number, outboundChange: number): void;
  onClosed(connection: Connection): void;
}

/** A peer that does not take its last words in this time is cut off. */
const LAST_WORDS_MS = 5_000;

export class Connection {
  /** Requests that are being worked on, by id. */
  readonly requests = new Map<RequestId, AbortController>();
  /** Aborted when the connection ends. */
  readonly ended = new AbortController();
  clientKind: string | null = null;
  capabilities: ReadonlySet<string> = new Set();
  private readonly decoder: FrameDecoder;
  private frames: Generator<Frame, void, undefined> | null = null;
  private inputEnded = false;
  private leaving = false;
  private unread = 0;
  private running = 0;
  private readonly queues = new Set<EventQueue>();
  /** What the host was last told of. */
  private reportedInbound = 0;
  private reportedOutbound = 0;

  constructor(
    readonly id: number,
    private readonly socket: Socket,
    private readonly host: ConnectionHost,
  ) {
    this.decoder = new FrameDecoder(host.limits.maxMessageBytes);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('end', () => this.inputEnd());
    // What went wrong with a socket says nothing that 'close' does not.
    socket.on('error', () => undefined);
    socket.on('close', () => this.closed());
  }

  /** Bytes of an incomplete message. */
  get inboundBytes(): number {
    return this.leaving ? 0 : this.decoder.pendingBytes;
  }

  /** Bytes written or queued that the peer has not taken. */
  get outboundBytes(): number {
    let bytes = this.unread;
    for (const queue of this.queues) bytes += queue.bytes;
    return bytes;
  }

  /** No request in work, nothing half received. */
  get isQuiet(): boolean {
    return this.running === 0 && this.frames === null && this.decoder.pendingBytes === 0;
  }

  /** Counts work that must be over before an ended input ends the connection. */
  beginWork(): void {
    this.running += 1;
  }

  endWork(): void {
    this.running -= 1;
    this.leaveIfDone();
  }

  /** Answers a request. A result that does not fit is replaced by an error that says how to ask. */
  reply(id: RequestId, result: unknown, method: string): void {
    try {
      this.write(
        encodeFrame(
          { jsonrpc: '2.0', id, result: result ?? null },
          this.framing,
          this.host.limits.maxMessageBytes,
        ),
      );
    } catch (error) {
      if (!(error instanceof MessageTooLargeError)) throw error;
      const remedy = pagedBy.get(method) ?? 'Ask for less in one call.';
      this.replyError(
        id,
        new MessageTooLargeError(`the reply to ${method} does not fit a message; page it`, {
          data: error.data,
          remedy,
        }),
      );
    }
  }

  replyError(id: RequestId | null, error: unknown): void {
    this.write(encodeFrame({ jsonrpc: '2.0', id, error: toWire(error) }, this.framing));
  }

  /** Adds a queue of notifications. Remove it by the returned function. */
  attach(queue: EventQueue): () => void {
    this.queues.add(queue);
    return () => {
      this.queues.delete(queue);
      this.report();
    };
  }

  /** The bytes of a notification, to be put into a queue; null when they do not fit a message. */
  encodeNotification(method: string, params: unknown): Buffer | null {
    try {
      return encodeFrame({ jsonrpc: '2.0', method, params }, this.framing, this.host.limits.maxMessageBytes);
    } catch (error) {
      if (error instanceof MessageTooLargeError) return null;
      throw error;
    }
  }

  /** Writes queued notifications as far as the peer takes them. */
  pump(): void {
    for (const queue of this.queues) {
      while (this.unread < this.host.limits.holdEventsBytes) {
        const frame = queue.shift();
        if (frame === undefined) break;
        this.write(frame);
      }
    }
    this.report();
  }

  /** Says why, then ends; input that still comes is thrown away. */
  leave(reason?: DaemonError): void {
    if (this.leaving) return;
    const lastWords =
      reason === undefined
        ? ''
        : encodeFrame({ jsonrpc: '2.0', id: null, error: toWire(reason) }, this.framing);
    // Before anything is written: writing reports, and a report can ask this very connection to leave.
    this.leaving = true;
    this.frames = null;
    this.report();
    this.socket.resume();
    const timer = setTimeout(() => this.socket.destroy(), LAST_WORDS_MS);
    timer.unref();
    this.socket.once('close', () => clearTimeout(timer));
    this.socket.end(lastWords, () => this.socket.destroy());
  }

  /** Ends without a word: for a peer that does not read. */
  destroy(): void {
    this.socket.destroy();
  }

  private report(): void {
    const inbound = this.inboundBytes;
    const outbound = this.outboundBytes;
    const inboundChange = inbound - this.reportedInbound;
    const outboundChange = outbound - this.reportedOutbound;
    if (inboundChange === 0 && outboundChange === 0) return;
    this.reportedInbound = inbound;
    this.reportedOutbound = outbound;
    this.host.onHeldBytes(inboundChange, outboundChange);
  }

  private get framing() {
    return this.decoder.framing ?? 'line';
  }

  private write(frame: Buffer): void {
    if (this.leaving || this.socket.destroyed || !this.socket.writable) return;
    this.unread += frame.length;
    this.socket.write(frame, () => {
      if (this.socket.destroyed) return;
      this.unread -= frame.length;
      this.pump();
      if (this.frames !== null) this.readFrames();
    });
    this.report();
  }

  private receive(chunk: Buffer): void {
    if (this.leaving) return;
    this.frames = this.decoder.push(chunk);
    this.readFrames();
    this.report();
  }

  /** Handles what is whole, unless the peer does not take its answers: then its requests wait in the kernel's buffer. */
  private readFrames(): void {
    while (this.frames !== null && this.unread <= this.host.limits.pauseInputBytes) {
      const next = this.frames.next();
      if (next.done === true) this.frames = null;
      else this.handle(next.value);
    }
    if (this.frames !== null) {
      this.socket.pause();
      return;
    }
    this.socket.resume();
    this.leaveIfDone();
  }

  private handle(frame: Frame): void {
    if (this.leaving) return;
    if (frame.kind === 'message') this.host.onMessage(this, frame.value);
    else if (frame.fatal) this.leave(frame.error);
    else this.replyError(null, frame.error);
  }

  private inputEnd(): void {
    if (this.leaving) return;
    for (const frame of this.decoder.end()) this.handle(frame);
    this.inputEnded = true;
    this.leaveIfDone();
    if (this.leaving) return;
    const timer = setTimeout(() => this.destroy(), this.host.limits.halfOpenMs);
    timer.unref();
    this.socket.once('close', () => clearTimeout(timer));
  }

  /**
   * A peer that ended its side gets its pending answers, if they come soon. Streams end then: nothing tells a peer that is gone from one that only
   * stopped writing, before something is written to it.
   */
  private leaveIfDone(): void {
    if (this.inputEnded && this.running === 0 && this.frames === null) this.leave();
  }

  private closed(): void {
    this.leaving = true;
    this.frames = null;
    this.queues.clear();
    this.unread = 0;
    this.report();
    this.ended.abort();
    for (const controller of this.requests.values()) controller.abort();
    this.host.onClosed(this);
  }
}

/** Methods whose results can outgrow a message, and what to call instead. */
const pagedBy: ReadonlyMap<string, string> = new Map([
  ['job.status', 'Call job.status with sheets=false, then job.sheets page by page.'],
  ['job.errors', 'Call job.sheets page by page.'],
  ['job.diagnose', 'Call job.sheets page by page.'],
  ['job.history', 'Give sheet_num, or a smaller limit.'],
  ['job.sheets', 'Give a smaller limit.'],
  ['log.read', 'Give a smaller max_bytes.'],
  ['daemon.log', 'Give a smaller max_bytes.'],
]);

/** The last words to a client that found the server full: in line framing, since it has not spoken yet. */
export function turnAway(socket: Socket, error: DaemonError): void {
  socket.on('error', () => undefined);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LAST_WORDS_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  socket.end(encodeFrame({ jsonrpc: '2.0', id: null, error: toWire(error) }, 'line'), () => socket.destroy());
}

/** True for what the conductor's log should hear about: our own faults, not the caller's. */
export function isFault(error: unknown): boolean {
  return toWire(error).code === ErrorCode.internal;
}
