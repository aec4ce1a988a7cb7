/** The program `mzt`: its commands, and how a call of it ends. */
import { Command, CommanderError } from 'commander';
import { versionOf } from './build-info';
import type { Session } from './command';
import { addCommonOptions, refused } from './command';
import { allCommands, elsewhere } from './commands';
import type { CliContext } from './context';
import type { ExitCode } from './failure';
import { Exit, tellFailure, usageError } from './failure';
import { Output } from './output';

/** All of `mzt`, ready to parse. */
export function buildProgram(session: Session): Command {
  const { context } = session;
  const { version, build } = versionOf(context);
  const program = new Command('mzt')
    .description('Marianne conducts AI agents from a score: durable, resumable, validated, within budget.')
    .usage('<command> [options]')
    .version(`mzt ${version} (build ${build})`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({
      sortSubcommands: false,
      subcommandTerm: (command) => command.name(),
      commandDescription,
    })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      // Told once, below, in the form that was asked for.
      outputError: () => undefined,
      getOutHelpWidth: () => context.stdout.columns ?? 100,
      getErrHelpWidth: () => context.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addCommonOptions(program);
  refused(
    program,
    '--conductor-clone [name]',
    'Set MARIANNE_HOME to another folder: it has a conductor of its own.',
  );
  refused(program, '-L, --log-level <level>', 'Set log_level: mzt config set log_level debug');
  refused(program, '--log-file <path>', 'The log is <state>/log/conductor.log: mzt logs');
  refused(program, '--log-format <format>', 'The log has one JSON object a line: mzt logs');
  for (const { title, commands } of allCommands) {
    program.commandsGroup(title);
    for (const command of commands) command.configure(program, session);
  }
  program.addHelpText(
    'after',
    `
Start here:
  mzt init                     write a first score
  mzt run my-score.yaml -f     play it and watch
  mzt help run                 learn about one command

State is in ~/.marianne (MARIANNE_HOME). Exit codes: 0 success, 1 the job or check failed,
2 bad usage or invalid score, 3 no conductor, 130 Ctrl-C.`,
  );
  return program;
}

/** One paragraph is wrapped to the terminal, wherever the source breaks its lines. */
function commandDescription(command: Command): string {
  return command.description().replaceAll(/(?<!\n)\n(?!\n)/g, ' ');
}

/** Runs one command line (without node and script). Never throws. @returns the exit code */
export async function runCli(args: readonly string[], context: CliContext): Promise<ExitCode> {
  const session: Session = { context, exitCode: Exit.ok, output: null };
  try {
    if (context.platform === 'win32') {
      throw usageError(
        'native Windows is not supported',
        'Use it in WSL: https://learn.microsoft.com/windows/wsl/install',
      );
    }
    const name = args.find((arg) => !arg.startsWith('-'));
    const instead = name === undefined ? undefined : elsewhere.get(name);
    if (instead !== undefined) throw usageError(`mzt ${name ?? ''} is not part of this version`, instead);
    const program = buildProgram(session);
    if (args.length === 0) {
      program.outputHelp();
      return Exit.ok;
    }
    const topic = args.filter((arg) => !arg.startsWith('-'))[1];
    // Commander would print the help of everything as an error, without a word of what was wrong.
    if (name === 'help' && topic !== undefined && !isCommand(program, topic)) {
      throw usageError(`unknown command '${topic}'`, 'mzt help lists them.');
    }
    await program.parseAsync([...args], { from: 'user' });
    return session.exitCode;
  } catch (error) {
    return end(error, args, session);
  }
}

function isCommand(program: Command, name: string): boolean {
  return name === 'help' || program.commands.some((command) => command.name() === name);
}

function end(error: unknown, args: readonly string[], session: Session): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return Exit.ok;
  const before = args.indexOf('--');
  const options = before < 0 ? args : args.slice(0, before);
  const output =
    session.output ??
    new Output(session.context, {
      quiet: false,
      verbose: options.some((arg) => arg === '--verbose' || arg === '-v'),
      json: options.includes('--json'),
      color: !options.includes('--no-color'),
    });
  const shown = error instanceof CommanderError ? fromCommander(error) : error;
  const told = tellFailure(shown);
  output.failure(told, error);
  return told.exitCode;
}

/** Commander's errors are all of the command line's. `(outputHelp)` is what it calls a command without its subcommand. */
function fromCommander(error: CommanderError): unknown {
  if (error.code === 'commander.help') return usageError('a command is missing', 'mzt help lists them.');
  const [first = '', ...more] = error.message.split('\n');
  const hints = more.map((line) => line.replace(/^\((.*)\)$/, '$1')).filter((line) => line !== '');
  return usageError(first.replace(/^error: /, ''), ...hints, 'mzt help COMMAND shows how it is used.');
}
