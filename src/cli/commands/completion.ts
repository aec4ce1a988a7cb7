import type { Command } from 'commander';
import type { CliCommand } from '../command';
import { action, examples, subcommand } from '../command';
import { Exit, usageError } from '../failure';
import type { CompletedCommand } from '../text/completion';
import { completionScript, shells } from '../text/completion';

export const completionCommand: CliCommand = {
  name: 'completion',
  configure(program, session) {
    const command = subcommand(program, 'completion <shell>', 'completion for bash, zsh or fish').description(
      'Print a completion script for bash, zsh or fish.',
    );
    examples(command, [
      ['mzt completion bash > ~/.local/share/bash-completion/completions/mzt', ''],
      ['mzt completion zsh > "${fpath[1]}/_mzt"', ''],
      ['mzt completion fish > ~/.config/fish/completions/mzt.fish', ''],
    ]);
    action(command, session, ({ output }, _options, name = '') => {
      const shell = shells.find((one) => one === name);
      if (shell === undefined)
        throw usageError(`no completion for "${name}"`, `One of: ${shells.join(', ')}`);
      output.raw(completionScript(shell, completed(program)));
      return Promise.resolve(Exit.ok);
    });
  },
};

/** The commands and those of their groups. */
function completed(program: Command): CompletedCommand[] {
  return program.commands.flatMap((command): CompletedCommand[] => {
    const own = describe(command, command.name());
    return command.commands.length === 0
      ? [own]
      : [own, ...command.commands.map((inner) => describe(inner, `${command.name()} ${inner.name()}`))];
  });
}

function describe(command: Command, name: string): CompletedCommand {
  const first = command.registeredArguments[0]?.name();
  return {
    name,
    summary: command.summary(),
    argument: first === 'job' ? 'job' : first === 'score' || first === 'dir' ? 'file' : 'none',
    options: [
      ...command.options,
      ...command
        .createHelp()
        .visibleOptions(command)
        .filter((option) => option.long === '--help'),
    ]
      .filter((option) => !option.hidden)
      .map((option) => ({
        flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
        meaning: option.description,
        takesValue: option.required,
      })),
  };
}
