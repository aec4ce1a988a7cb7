/** Completion scripts, made from the commands themselves. */

/** A command as completion sees it. */
export interface CompletedCommand {
  /** `config set` for one within a group. */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly {
    readonly flags: readonly string[];
    readonly meaning: string;
    readonly takesValue: boolean;
  }[];
  /** What its first argument is. */
  readonly argument: 'job' | 'file' | 'none';
}

/** Shells without a script here get none. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** Prints run ids, one a line; starts nothing. */
const LIST_JOBS = 'mzt list --all --quiet --no-start 2>/dev/null';

export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      // zsh understands bash's completions, and one script has one set of mistakes.
      return `#compdef mzt\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
    case 'fish':
      return fish(commands);
  }
}

function topNames(commands: readonly CompletedCommand[]): string[] {
  return [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? name))];
}

function bash(commands: readonly CompletedCommand[]): string {
  const top = topNames(commands);
  const groups = top
    .map((name) => [name, commands.filter((one) => one.name.startsWith(`${name} `))] as const)
    .filter(([, inner]) => inner.length > 0);
  const words = (list: readonly string[]) => `'${list.join(' ')}'`;
  const cases = commands.map((command) => {
    const options = words(command.options.flatMap(({ flags }) => flags));
    const argument =
      command.argument === 'job'
        ? `words="$(${LIST_JOBS})"`
        : command.argument === 'file'
          ? 'COMPREPLY=($(compgen -f -- "$current")); return'
          : 'words=';
    return `    '${command.name}') options=${options}; [[ $current == -* ]] || { ${argument}; } ;;`;
  });
  const inner = groups.map(
    ([name, list]) =>
      `    ${name}) [[ -n $second ]] || words=${words(list.map((one) => one.name.slice(name.length + 1)))}; command="$first $second" ;;`,
  );
  return `# Completion of mzt. bash: mzt completion bash > ~/.local/share/bash-completion/completions/mzt
_mzt() {
  local current="\${COMP_WORDS[COMP_CWORD]}" first='' second='' words='' options='' command word at
  for ((at = 1; at < COMP_CWORD; at++)); do
    word="\${COMP_WORDS[at]}"
    [[ $word == -* ]] && continue
    if [[ -z $first ]]; then first="$word"; elif [[ -z $second ]]; then second="$word"; fi
  done
  command="$first"
  case "$first" in
    '') words=${words(top)}; options='--help --version' ;;
${inner.join('\n')}
  esac
  case "$command" in
${cases.join('\n')}
  esac
  [[ $current == -* ]] && words="$options"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _mzt mzt
`;
}

function fish(commands: readonly CompletedCommand[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const top = topNames(commands);
  const lines = [
    '# Completion of mzt. fish: mzt completion fish > ~/.config/fish/completions/mzt.fish',
    'complete -c mzt -f',
  ];
  for (const name of top) {
    const summary = commands.find((one) => one.name === name)?.summary ?? '';
    lines.push(`complete -c mzt -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`);
  }
  for (const command of commands) {
    const [first = '', second] = command.name.split(' ');
    const when =
      second === undefined
        ? quote(`__fish_seen_subcommand_from ${first}`)
        : quote(`__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`);
    if (second !== undefined) {
      lines.push(
        `complete -c mzt -n ${quote(`__fish_seen_subcommand_from ${first}`)} -a ${second} -d ${quote(command.summary)}`,
      );
    }
    if (command.argument === 'job') lines.push(`complete -c mzt -n ${when} -a ${quote(`(${LIST_JOBS})`)}`);
    if (command.argument === 'file') lines.push(`complete -c mzt -n ${when} -F`);
    for (const { flags, meaning, takesValue } of command.options) {
      const forms = flags.map((flag) =>
        flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      );
      lines.push(
        `complete -c mzt -n ${when} ${forms.join(' ')}${takesValue ? ' -r' : ''} -d ${quote(meaning)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
