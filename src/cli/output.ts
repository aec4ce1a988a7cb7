/** Where a command says what: results on stdout, all else on stderr. */
import pc from 'picocolors';
import type { CliContext, TextSink } from './context';
import type { ToldFailure } from './failure';
import { printable } from './text/printable';

export type Colors = ReturnType<typeof pc.createColors>;

export interface OutputOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  /** False: --no-color. */
  readonly color: boolean;
}

/** Whether a stream gets colours: https://no-color.org, FORCE_COLOR as Node reads it, else only a terminal that is not dumb. */
export function wantsColor(sink: TextSink, env: CliContext['env'], allowed: boolean): boolean {
  if (!allowed || (env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return sink.isTTY && env['TERM'] !== 'dumb';
}

export class Output {
  /** Colours of stdout. */
  readonly out: Colors;
  /** Colours of stderr. */
  readonly err: Colors;

  constructor(
    private readonly context: CliContext,
    readonly options: OutputOptions,
  ) {
    this.out = pc.createColors(wantsColor(context.stdout, context.env, options.color));
    this.err = pc.createColors(wantsColor(context.stderr, context.env, options.color));
  }

  get json(): boolean {
    return this.options.json;
  }

  /** Width to fit into; undefined when stdout is no terminal. */
  get width(): number | undefined {
    return this.context.stdout.isTTY ? this.context.stdout.columns : undefined;
  }

  /** A line of the result. Nothing with --json: there stdout carries only data. */
  line(text = ''): void {
    if (!this.options.json) this.context.stdout.write(`${text}\n`);
  }

  lines(texts: readonly string[]): void {
    if (texts.length > 0) this.line(texts.join('\n'));
  }

  /** What a person may like to know and a script does not need: nothing with --quiet. */
  info(text: string): void {
    if (!this.options.quiet) this.line(text);
  }

  /** One JSON document. */
  document(value: unknown): void {
    this.context.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** One JSON document in one line, for streams of them. */
  record(value: unknown): void {
    this.context.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Text as it is: log pages, scripts. */
  raw(text: string): void {
    this.context.stdout.write(text);
  }

  /** A line on stderr, also with --json. */
  aside(text: string): void {
    this.context.stderr.write(`${text}\n`);
  }

  note(text: string): void {
    if (!this.options.quiet) this.aside(`${this.err.cyan('note:')} ${text}`);
  }

  warn(text: string): void {
    this.aside(`${this.err.yellow('warning:')} ${text}`);
  }

  /** Only with --verbose. */
  detail(text: string): void {
    if (this.options.verbose) this.aside(this.err.dim(text));
  }

  /** An error: one line and its hints; one JSON document with --json. */
  failure(told: ToldFailure, error: unknown): void {
    if (this.options.json) {
      this.document({
        success: false,
        message: told.message,
        ...(told.errorCode === null ? {} : { error_code: told.errorCode }),
        ...(told.hints.length === 0 ? {} : { hints: told.hints }),
      });
    } else {
      this.aside(`${this.err.red('error:')} ${printable(told.message)}`);
      for (const hint of told.hints) this.aside(`${this.err.cyan('hint:')} ${printable(hint)}`);
      for (const line of told.details) this.aside(this.err.dim(`  ${printable(line)}`));
    }
    if (this.options.verbose && error instanceof Error && error.stack !== undefined) {
      this.aside(this.err.dim(error.stack));
      if (error.cause instanceof Error)
        this.aside(this.err.dim(`caused by ${error.cause.stack ?? error.cause.message}`));
    }
  }
}
