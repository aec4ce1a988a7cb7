import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { JSONRPCMessageSchema, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { markerName } from '../../process/launch';
import { endProcessTree } from '../../process/tree';

export interface StdioServer {
  /** Absolute. */
  readonly executable: string;
  readonly args: readonly string[];
  /** Complete. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** By which every process of it is found, whatever it starts. */
  readonly marker: string;
  /** Takes what it writes to stderr, and lines of stdout that are no messages. Must not block. */
  readonly onNoise: (chunk: Uint8Array | string) => void;
}

/** Longest message, bytes; images come as base64. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Between the end of its stdin and the first signal, milliseconds: time to put things away. */
const CLOSE_GRACE_MS = 1000;
/** Between SIGTERM and SIGKILL, milliseconds. */
const TERM_GRACE_MS = 2000;

/**
 * MCP over a program's stdin and stdout: one JSON-RPC message a line (modelcontextprotocol.io, "Transports", stdio). The SDK's own transport passes
 * variables of its process on and signals one process only; here a server gets what it is given, and all that it started ends with it.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  private child: ChildProcessByStdio<Writable, Readable, Readable> | null = null;
  private exited: Promise<void> = Promise.resolve();
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private closing: Promise<void> | null = null;
  /** How the program ended, for a person; null while it runs. */
  ending: string | null = null;

  constructor(private readonly server: StdioServer) {}

  start(): Promise<void> {
    const { executable, args, env, cwd, marker } = this.server;
    return new Promise((resolve, reject) => {
      const child = spawn(executable, args, {
        env: { ...env, [markerName]: marker },
        cwd,
        // A session of its own: a signal to the conductor's group is not for it.
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      this.child = child;
      this.exited = new Promise((done) => {
        child.once('exit', (code, signal) => {
          this.ending = signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`;
          done();
          // Grandchildren may hold stdout open for ever: the end of the program is the end of the server.
          setImmediate(() => void this.close());
        });
        child.once('error', (error) => {
          this.ending ??= error.message;
          reject(error);
          done();
        });
      });
      child.once('spawn', resolve);
      child.stdin.on('error', (error) => this.onerror?.(error));
      child.stderr.on('data', (chunk: Buffer) => this.server.onNoise(chunk));
      child.stdout.on('data', (chunk: Buffer) => this.take(chunk));
    });
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.child?.stdin;
    if (!stdin?.writable) return Promise.reject(new Error('the server has ended'));
    return new Promise((resolve, reject) => {
      stdin.write(JSON.stringify(message) + '\n', (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Ends the server and everything that it started: end of input, SIGTERM, SIGKILL. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const child = this.child;
    if (child?.pid !== undefined) {
      child.stdin.end();
      if (this.ending === null) await Promise.race([this.exited, delay(CLOSE_GRACE_MS)]);
      // Told now: whoever waits for an answer need not wait for the last stray.
      this.closed();
      await endProcessTree({ shim: null, marker: this.server.marker, graceMs: TERM_GRACE_MS });
      child.stdout.destroy();
      child.stderr.destroy();
    }
    this.closed();
  }

  private closed(): void {
    const { onclose } = this;
    delete this.onclose;
    onclose?.();
  }

  private take(chunk: Buffer): void {
    let rest = chunk;
    for (let at = rest.indexOf(0x0a); at >= 0; at = rest.indexOf(0x0a)) {
      const line = Buffer.concat([...this.pending, rest.subarray(0, at)]);
      this.pending = [];
      this.pendingBytes = 0;
      rest = rest.subarray(at + 1);
      this.line(line.toString('utf8'));
    }
    if (rest.length === 0) return;
    this.pending.push(rest);
    this.pendingBytes += rest.length;
    if (this.pendingBytes <= MAX_MESSAGE_BYTES) return;
    this.pending = [];
    this.ending ??= `it sent a message of more than ${MAX_MESSAGE_BYTES} bytes`;
    void this.close();
  }

  private line(text: string): void {
    if (text.trim() === '') return;
    let message: JSONRPCMessage;
    try {
      message = JSONRPCMessageSchema.parse(JSON.parse(text));
    } catch {
      // Many a server prints something to stdout all the same.
      this.server.onNoise(`${text}\n`);
      return;
    }
    this.onmessage?.(message);
  }
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
