import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestConductor } from './conductor';

/** What a scripted agent's profile says beside its name; text of YAML sections, already indented where nested. */
export interface AgentOptions {
  /** Lines below `cli.output:`; default: plain text. */
  readonly output?: string;
  /** Lines below `cli.errors:`. */
  readonly errors?: string;
  /** Further lines below `cli.command:`. */
  readonly command?: string;
  /** Further top-level lines. */
  readonly profile?: string;
  /** Default: the script of `writeAgent`. */
  readonly executable?: string;
}

/**
 * An agent of the user's own: a bash script that keeps the prompt it got as `$PROMPT` and does what the prompt's lines `RUN: …` say. So a score can tell
 * what happens, while the prompt goes the whole way of an agent's prompt (preamble, requirements, completion section).
 */
export function writeAgent(conductor: TestConductor, name: string, options: AgentOptions = {}): void {
  const folder = join(conductor.home, 'instruments');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const script = join(conductor.root, 'agent.sh');
  writeFileSync(
    script,
    [
      '#!/bin/bash',
      'PROMPT=$(cat)',
      'script=$(printf "%s\\n" "$PROMPT" | sed -n "s/^RUN: //p")',
      'eval "$script"',
      '',
    ].join('\n'),
    { mode: 0o755 },
  );
  const indent = (text: string, by: number) =>
    text
      .split('\n')
      .map((line) => ' '.repeat(by) + line)
      .join('\n');
  writeFileSync(
    join(folder, `${name}.yaml`),
    [
      `name: ${name}`,
      `display_name: Agent ${name}`,
      'kind: cli',
      ...(options.profile === undefined ? [] : [options.profile]),
      'cli:',
      '  command:',
      `    executable: ${options.executable ?? script}`,
      '    prompt_via_stdin: true',
      ...(options.command === undefined ? [] : [indent(options.command, 4)]),
      '  output:',
      indent(options.output ?? 'format: text', 4),
      ...(options.errors === undefined ? [] : ['  errors:', indent(options.errors, 4)]),
      '',
    ].join('\n'),
  );
}
