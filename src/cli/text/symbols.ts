/** One character and colour for each state. */
import type { Environment } from '../../protocol/paths';
import type { JobStatus, SheetStatus } from '../../protocol/states';
import type { Colors } from '../output';

type Status = JobStatus | SheetStatus;
type Paint = (colors: Colors) => (text: string) => string;

const green: Paint = (colors) => colors.green;
const red: Paint = (colors) => colors.red;
const yellow: Paint = (colors) => colors.yellow;
const cyan: Paint = (colors) => colors.cyan;
const dim: Paint = (colors) => colors.dim;

const looks: Readonly<Record<Status, readonly [string, string, Paint]>> = {
  queued: ['·', '.', dim],
  pending: ['·', '.', dim],
  ready: ['·', '.', dim],
  running: ['▶', '>', cyan],
  dispatched: ['▶', '>', cyan],
  in_progress: ['▶', '>', cyan],
  waiting: ['◷', '~', yellow],
  retry_scheduled: ['↻', 'r', yellow],
  fermata: ['◆', '?', yellow],
  paused: ['‖', '=', yellow],
  paused_at_chain: ['‖', '=', yellow],
  completed: ['✓', '+', green],
  failed: ['✗', 'x', red],
  skipped: ['↷', '-', dim],
  cancelled: ['⊘', '/', dim],
};

/** True for the states of jobs and sheets that this build knows. */
export function isStatus(value: unknown): value is Status {
  return typeof value === 'string' && Object.hasOwn(looks, value);
}

/** How states are shown. */
export class Symbols {
  constructor(
    private readonly colors: Colors,
    readonly unicode: boolean,
  ) {}

  mark(status: Status): string {
    const [symbol, ascii, paint] = looks[status];
    return paint(this.colors)(this.unicode ? symbol : ascii);
  }

  /** The state's name in its colour, as people say it. */
  word(status: Status): string {
    return looks[status][2](this.colors)(statusWord(status));
  }

  /** A bar of so many columns. */
  bar(done: number, total: number, columns: number): string {
    const filled = total === 0 ? columns : Math.round((columns * done) / total);
    const [full, empty] = this.unicode ? ['█', '░'] : ['#', '-'];
    return this.colors.green(full.repeat(filled)) + this.colors.dim(empty.repeat(columns - filled));
  }
}

/** A state's name as people say it. */
export function statusWord(status: Status): string {
  switch (status) {
    case 'dispatched':
    case 'in_progress':
      return 'playing';
    case 'retry_scheduled':
      return 'retrying';
    case 'paused_at_chain':
      return 'paused (chain)';
    default:
      return status;
  }
}

/** False where the terminal or the locale says that it shows other characters. */
export function showsUnicode(env: Environment): boolean {
  if (env['TERM'] === 'linux' || env['TERM'] === 'dumb') return false;
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find(
    (value) => value !== undefined && value !== '',
  );
  if (locale === undefined || /utf-?8/i.test(locale)) return true;
  return !/^(C|POSIX)$|\./.test(locale);
}
