/** The conductor's log in a channel of its own: read from its file by offset, while somebody may look at it. */
import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import * as vscode from 'vscode';
import { statePaths } from '../../protocol/paths';
import { l10n } from '../l10n';
import type { Disposable } from '../scope';
import { LineCutter } from './ansi';

const READ_MS = 1_000;
const FIRST_BYTES = 64 * 1024;
const PAGE_BYTES = 256 * 1024;

export class ConductorLog implements Disposable {
  private channel: vscode.LogOutputChannel | null = null;
  private timer: NodeJS.Timeout | null = null;
  private offset = -1;
  private inode = 0;
  private cutter = new LineCutter();
  /** A page may end inside a character. */
  private decoder = new StringDecoder('utf8');
  private reading = false;

  constructor(private readonly stateDir: string) {}

  /** Opens the panel at it. Begins to follow the file at the first time. */
  show(): void {
    this.start();
    this.channel?.show(true);
  }

  /** Follows the file from now on. */
  start(): void {
    this.channel ??= vscode.window.createOutputChannel('Marianne Conductor', { log: true });
    this.timer ??= setInterval(() => void this.read(), READ_MS);
    void this.read();
  }

  dispose(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.channel?.dispose();
  }

  private async read(): Promise<void> {
    if (this.reading) return;
    this.reading = true;
    try {
      const file = await open(statePaths(this.stateDir).conductorLog, 'r');
      try {
        const { size, ino } = await file.stat();
        if (ino !== this.inode || size < this.offset) {
          // Rotated: the new file is read from its beginning, but the first one only from near its end.
          this.offset = this.inode === 0 ? Math.max(0, size - FIRST_BYTES) : 0;
          this.inode = ino;
          this.cutter = new LineCutter();
          this.decoder = new StringDecoder('utf8');
        }
        if (size - this.offset > PAGE_BYTES * 4) {
          this.channel?.warn(l10n.t('{0} bytes of the log are not shown', size - this.offset - PAGE_BYTES));
          this.offset = size - PAGE_BYTES;
        }
        const { buffer, bytesRead } = await file.read(
          Buffer.alloc(Math.min(PAGE_BYTES, size - this.offset)),
          0,
          null,
          this.offset,
        );
        this.offset += bytesRead;
        for (const line of this.cutter.push(this.decoder.write(buffer.subarray(0, bytesRead))).split('\n'))
          this.write(line);
      } finally {
        await file.close();
      }
    } catch {
      // No log yet, or it is being rotated just now: looked at again in a second.
    } finally {
      this.reading = false;
    }
  }

  /** The conductor writes pino's JSON lines; what is none (a crash of Node itself) is an error. */
  private write(line: string): void {
    if (line.trim() === '' || this.channel === null) return;
    let record: unknown;
    try {
      record = JSON.parse(line);
    } catch {
      this.channel.error(line);
      return;
    }
    if (typeof record !== 'object' || record === null) return;
    const {
      level,
      msg,
      time: _time,
      pid: _pid,
      hostname: _host,
      ...rest
    } = record as Record<string, unknown>;
    const facts = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
    const text = `${typeof msg === 'string' ? msg : ''}${facts}`;
    const severity = typeof level === 'number' ? level : 30;
    if (severity >= 50) this.channel.error(text);
    else if (severity >= 40) this.channel.warn(text);
    else if (severity >= 30) this.channel.info(text);
    else if (severity >= 20) this.channel.debug(text);
    else this.channel.trace(text);
  }
}
