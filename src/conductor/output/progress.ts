/** Time as progress needs it; injected by tests. */
export interface ProgressClock {
  /** Milliseconds; only differences count. */
  now(): number;
  /** Calls once after that many milliseconds; returns what takes it back. */
  after(milliseconds: number, call: () => void): () => void;
}

/** The machine's own time. A pending call does not keep the process alive. */
export const systemProgressClock: ProgressClock = {
  now: () => performance.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** How much an agent has said so far, over both of its outputs. */
export interface OutputProgress {
  /** Raw bytes. */
  readonly bytes: number;
  readonly lines: number;
  /** Last line with something in it: redacted, without terminal sequences, at most 200 characters; '' = none yet. */
  readonly lastLine: string;
}

/** Least time between two reports, milliseconds. */
const REPORT_EVERY_MS = 250;
const LONGEST_LINE = 200;
/** As much of an unfinished line as is kept: more than is shown, since sequences are taken out. */
const KEPT_OF_LINE = 2000;
/** The same of a line that is an event: all of it is needed. A longer one is not described. */
const KEPT_OF_EVENT = 256 * 1024;
/** Events of one piece of output that are looked at for words, from the last. */
const LOOKED_AT = 20;

// CSI, OSC (up to BEL or ST) and two-character sequences of ECMA-48; then what is left of control characters.
const sequences = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)?|[@-_a-z0-9=>])/g;
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** A line as a person reads it: no terminal sequences, no control characters, trimmed. */
export function plainLine(line: string): string {
  return line.replace(sequences, '').replace(controls, '').trim();
}

/** Counts output and reports it, at most every 250 ms and always the latest. */
export class ProgressMeter {
  #bytes = 0;
  #lines = 0;
  #lastLine = '';
  readonly #open = new Map<string, string>();
  #reportedAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;
  readonly #report: (progress: OutputProgress) => void;
  readonly #clock: ProgressClock;
  readonly #describe: ((line: string) => string | null) | null;

  /** @param describe tells a whole line in words, null = nothing worth telling; without it lines are shown as they are, also unfinished ones */
  constructor(
    report: (progress: OutputProgress) => void,
    describe: ((line: string) => string | null) | null = null,
    clock: ProgressClock = systemProgressClock,
  ) {
    this.#report = report;
    this.#describe = describe;
    this.#clock = clock;
  }

  /** Raw bytes that came, and the redacted text they gave (which may lag behind). */
  add(stream: string, bytes: number, text: string): void {
    this.#bytes += bytes;
    this.#take(stream, text);
    if (bytes === 0 && text === '') return;
    const wait = this.#reportedAt + REPORT_EVERY_MS - this.#clock.now();
    if (wait <= 0) this.#send();
    else this.#cancel ??= this.#clock.after(wait, () => this.#send());
  }

  /** What is known by now. */
  current(): OutputProgress {
    return { bytes: this.#bytes, lines: this.#lines, lastLine: this.#lastLine };
  }

  /** Reports what has not been reported, and never again. */
  close(): void {
    if (this.#cancel !== null) this.#send();
  }

  #send(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#reportedAt = this.#clock.now();
    this.#report(this.current());
  }

  #inWords(line: string): string | null {
    if (!this.#describe) return line;
    return line.length < KEPT_OF_EVENT ? this.#describe(line) : null;
  }

  #take(stream: string, text: string): void {
    const kept = this.#describe ? KEPT_OF_EVENT : KEPT_OF_LINE;
    const whole: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.#lines += 1;
      const from = Math.max(start, end - kept);
      const line =
        start === 0 ? (this.#open.get(stream) ?? '') + text.slice(from, end) : text.slice(from, end);
      // Blank lines are seen by a cheap test; only the last lines are worth the sequences.
      if (line.trim() !== '') {
        whole.push(line);
        if (whole.length > LOOKED_AT) whole.shift();
      }
      if (start === 0) this.#open.delete(stream);
      start = end + 1;
    }
    const end = text.slice(Math.max(start, text.length - kept));
    const rest = ((this.#open.get(stream) ?? '') + end).slice(-kept);
    if (rest !== '') this.#open.set(stream, rest);
    for (const line of this.#describe ? whole.toReversed() : [rest, whole.at(-1) ?? '']) {
      const words = this.#inWords(line);
      if (words === null) continue;
      // A bar that redraws itself: what is after the last carriage return is what is seen.
      const seen = plainLine(words.trimEnd().split('\r').at(-1) ?? '');
      if (seen === '') continue;
      this.#lastLine = shorten(seen);
      return;
    }
  }
}

function shorten(line: string): string {
  const cut = line.length > LONGEST_LINE ? line.slice(0, LONGEST_LINE - 1) + '…' : line;
  return cut.replace(/[\ud800-\udbff](?=…$)/, '');
}
