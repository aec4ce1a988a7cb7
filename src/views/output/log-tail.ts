/** Follows the two logs of one attempt by offset: no gap and no repeat, whatever happens to the connection. Pure but for its clock. */
import { JobSubmissionError, UnknownSheetError } from '../../protocol/errors';
import type { LogPage } from '../../protocol/job-methods';
import { l10n } from '../l10n';
import { LineCutter } from './ansi';

export type Stream = 'stdout' | 'stderr';

export interface TailOptions {
  /** Reads a page from an offset, or the last bytes. Rejects while there is no conductor. */
  readonly read: (
    stream: Stream,
    from: { readonly offset: number } | { readonly tailBytes: number },
    maxBytes: number,
  ) => Promise<LogPage>;
  readonly write: (text: string) => void;
  /** Most characters that are shown of one attempt before the oldest are dropped. */
  readonly limit: number;
  /** Drops what was shown and begins with this text. */
  readonly restart: (text: string) => void;
  /** Waits; resolves early when `signal` says so. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const PAGE_BYTES = 64 * 1024;
/** Two reads of a running attempt are at least so far apart: a flood is shown in blocks. */
const BLOCK_MS = 100;
const IDLE_MS = 1_000;
const RETRY_MS = 1_000;

interface Follow {
  readonly stream: Stream;
  offset: number;
  readonly cutter: LineCutter;
  ended: boolean;
}

export class LogTail {
  private readonly stopped = new AbortController();
  private hint = new AbortController();
  private shown = 0;
  /** Settles when all was shown, or it was stopped. */
  readonly done: Promise<void>;

  constructor(private readonly options: TailOptions) {
    this.done = this.run();
  }

  stop(): void {
    this.stopped.abort();
    this.hint.abort();
  }

  /** More has been written: look now. */
  wake(): void {
    this.hint.abort();
  }

  private async run(): Promise<void> {
    const follows: Follow[] = (['stdout', 'stderr'] as const).map((stream) => ({
      stream,
      offset: -1,
      cutter: new LineCutter(),
      ended: false,
    }));
    while (!this.stopped.signal.aborted) {
      this.hint = new AbortController();
      let more = false;
      let failed = false;
      for (const follow of follows) {
        if (follow.ended) continue;
        try {
          more = (await this.step(follow)) || more;
        } catch (error) {
          // The job was deleted with its logs. Else there is no conductor just now: the offset is kept, and it goes on from there.
          if (error instanceof JobSubmissionError || error instanceof UnknownSheetError) follow.ended = true;
          else failed = true;
        }
        if (this.stopped.signal.aborted) return;
      }
      if (follows.every((follow) => follow.ended)) return;
      if (failed) await this.options.pause(RETRY_MS, this.stopped.signal);
      else if (more) await this.options.pause(BLOCK_MS, this.stopped.signal);
      else {
        for (const follow of follows) this.emit(follow, follow.cutter.flush());
        await this.options.pause(IDLE_MS, this.hint.signal);
        // A hint may come at once after another.
        if (this.hint.signal.aborted) await this.options.pause(BLOCK_MS, this.stopped.signal);
      }
    }
  }

  /** Reads one page. True when something came. */
  private async step(follow: Follow): Promise<boolean> {
    const { read, limit } = this.options;
    const page =
      follow.offset < 0
        ? await this.first(follow)
        : await read(follow.stream, { offset: follow.offset }, PAGE_BYTES);
    if (page.size < follow.offset) {
      // The file is shorter than what was read of it: it was made anew.
      follow.offset = 0;
      this.emit(follow, `${l10n.t('… the log begins anew')}\n`);
      return true;
    }
    if (page.size - page.next_offset > limit) {
      // Too far behind to show it all: the end matters, and the file has the rest.
      const skipped = page.size - Math.floor(limit / 2) - page.next_offset;
      follow.offset = page.next_offset + skipped;
      this.emit(follow, follow.cutter.push(`${page.data}\n`), page.path);
      this.emit(follow, `${l10n.t('… {0} bytes are not shown; the whole log: {1}', skipped, page.path)}\n`);
      return true;
    }
    follow.offset = page.next_offset;
    this.emit(follow, follow.cutter.push(page.data), page.path);
    // A log may end with half a character: then there is nothing more to come either.
    if (!page.running && (page.eof || page.data === '')) {
      this.emit(follow, follow.cutter.held > 0 ? `${follow.cutter.flush()}\n` : '');
      follow.ended = true;
    }
    return page.data !== '';
  }

  private async first(follow: Follow): Promise<LogPage> {
    const { read, limit } = this.options;
    const probe = await read(follow.stream, { offset: 0 }, PAGE_BYTES);
    if (probe.size <= limit) return probe;
    const page = await read(
      follow.stream,
      { tailBytes: Math.min(PAGE_BYTES * 8, Math.floor(limit / 2)) },
      PAGE_BYTES * 8,
    );
    this.emit(follow, `${l10n.t('… {0} bytes before this; the whole log: {1}', page.offset, page.path)}\n`);
    return page;
  }

  private emit(follow: Follow, text: string, path?: string): void {
    // What was asked for before it was stopped must not come under another attempt's name.
    if (text === '' || this.stopped.signal.aborted) return;
    const shown = follow.stream === 'stderr' ? marked(text) : text;
    this.shown += shown.length;
    if (this.shown > this.options.limit && path !== undefined) {
      const note = `${l10n.t('… earlier output is not shown any more; the whole log: {0}', path)}\n`;
      this.options.restart(note + shown);
      this.shown = note.length + shown.length;
      return;
    }
    this.options.write(shown);
  }
}

/** Lines of the error stream are told from the others by a mark. */
function marked(text: string): string {
  return text.replaceAll(/^(?=[^\n])/gm, '! ');
}
