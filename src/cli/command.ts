/** How commands are declared: one file each, every one with the common options and one way to end. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { CliContext } from './context';
import type { ExitCode } from './failure';
import { usageError } from './failure';
import { Output } from './output';

/** One command of `mzt`. */
export interface CliCommand {
  readonly name: string;
  configure(program: Command, session: Session): void;
}

/** One call of `mzt`. */
export interface Session {
  readonly context: CliContext;
  exitCode: ExitCode;
  /** The output of the command that runs, as soon as its options are known. */
  output: Output | null;
}

/** What the body of a command gets. */
export interface Invocation {
  readonly context: CliContext;
  readonly output: Output;
  /** False: --no-start. */
  readonly mayStart: boolean;
}

interface CommonOptions {
  readonly verbose?: true;
  readonly quiet?: true;
  readonly color?: boolean;
  readonly start?: boolean;
  readonly json?: true;
}

/** Adds the options that every command takes, before or behind its name. */
export function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('-v, --verbose', 'say more; show the cause of errors').helpGroup(COMMON))
    .addOption(new Option('-q, --quiet', 'only results and errors').helpGroup(COMMON))
    .addOption(new Option('--no-color', 'no colours (also: NO_COLOR=1)').helpGroup(COMMON))
    .addOption(new Option('--no-start', 'do not start the conductor').helpGroup(COMMON));
}

const COMMON = 'Common options:';

/** A new command with the common options. */
export function subcommand(parent: Command, usage: string, summary: string): Command {
  return addCommonOptions(parent.command(usage).summary(summary).description(summary));
}

export function jsonOption(command: Command, flags = '-j, --json'): Command {
  return command.option(flags, 'print JSON, and only that, on stdout');
}

/** Examples at the end of the help. */
export function examples(command: Command, lines: readonly (readonly [string, string])[]): Command {
  const width = Math.max(...lines.map(([example]) => example.length));
  const text = lines
    .map(([example, meaning]) => `  ${example.padEnd(width)}  ${meaning}`.trimEnd())
    .join('\n');
  return command.addHelpText('after', `\nExamples:\n${text}`);
}

/** An option of the Python system that is not here: giving it is an error that names what to use. */
export function refused(command: Command, flags: string, replacement: string): Command {
  const option = new Option(flags).hideHelp();
  command.on(`option:${option.name()}`, () => {
    throw usageError(`${option.long ?? option.short ?? flags} is not supported here`, replacement);
  });
  return command.addOption(option);
}

/** Options of a command as commander gives them, read by the body with its own type. */
export type Options = Readonly<Record<string, unknown>>;

/** Gives a command its body. The body returns the exit code, or throws. */
export function action<O extends object>(
  command: Command,
  session: Session,
  body: (invocation: Invocation, options: O, ...args: (string | undefined)[]) => Promise<ExitCode>,
): Command {
  return command.action(async (...passed: unknown[]) => {
    const common = commonOptions(command);
    const output = new Output(session.context, {
      verbose: common.some((options) => options.verbose === true),
      quiet: common.some((options) => options.quiet === true),
      color: common.every((options) => options.color !== false),
      json: common.some((options) => options.json === true),
    });
    session.output = output;
    const args = passed.slice(0, -2).map((value) => (typeof value === 'string' ? value : undefined));
    const mayStart = common.every((options) => options.start !== false);
    // Commander builds it from the options declared on this command; each body names those.
    const own = command.opts<O>();
    session.exitCode = await body({ context: session.context, output, mayStart }, own, ...args);
  });
}

function commonOptions(command: Command): CommonOptions[] {
  const all: CommonOptions[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) all.push(at.opts<CommonOptions>());
  return all;
}

/** A whole number from 1. @throws CliFailure (usage) */
export function positive(what: string): (text: string) => number {
  return (text) => {
    if (!/^[0-9]{1,9}$/.test(text) || Number(text) < 1) {
      throw usageError(`${what} must be a whole number from 1, not "${text}"`);
    }
    return Number(text);
  };
}

/** Seconds, fractions allowed. @throws CliFailure (usage) */
export function seconds(what: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
      throw usageError(`${what} must be a number of seconds, not "${text}"`);
    }
    return value;
  };
}

/** `1,3,5-7` as numbers, ascending, without duplicates. @throws CliFailure (usage) */
export function sheetList(text: string, earlier: readonly number[] = []): number[] {
  const numbers = new Set(earlier);
  for (const part of text.split(',')) {
    const range = /^\s*([0-9]{1,6})(?:\s*-\s*([0-9]{1,6}))?\s*$/.exec(part);
    const from = Number(range?.[1]);
    const to = Number(range?.[2] ?? range?.[1]);
    if (range === null || from < 1 || to < from || to - from > 10_000) {
      throw usageError(`not a list of sheets: "${text}"`, 'Write it as 2,5 or 3-6.');
    }
    for (let number = from; number <= to; number += 1) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** An option that may be given several times. */
export function repeatable(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}
