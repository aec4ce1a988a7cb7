/** Characters of a token, where nobody told the number of tokens. */
export const CHARACTERS_PER_TOKEN = 4;

/** How much an attempt has said so far. */
export interface OutputSeen {
  readonly bytes: number;
  readonly lines: number;
  /** Redacted; '' = none yet. */
  readonly lastLine: string;
}

/** The logs of one attempt while it runs; what is written is redacted there. Never throws: a log in trouble must not end an answer. */
export interface OutputLog {
  /** Resolves when it has been taken; the order of calls is kept anyway. */
  write(stream: 'stdout' | 'stderr', text: string): Promise<void>;
  /** Everything is written and closed when it resolves. */
  end(): Promise<void>;
}

/** Opens `<base>.stdout.log` and `<base>.stderr.log`. The conductor's, so that its redactor is the only way to a file. */
export type OpenOutputLog = (base: string, report: (seen: OutputSeen) => void) => Promise<OutputLog>;

/** No files: counts only, and tells no line, since nothing redacts it. */
export function countingLog(report: (seen: OutputSeen) => void): OutputLog {
  let bytes = 0;
  let lines = 0;
  return {
    write(_stream, text) {
      bytes += Buffer.byteLength(text);
      lines += text.split('\n').length - 1;
      report({ bytes, lines, lastLine: '' });
      return Promise.resolve();
    },
    end: () => Promise.resolve(),
  };
}
