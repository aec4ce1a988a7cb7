import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeFolders } from '../../protocol/make-folders';
import { PREFERRED_INSTRUMENTS } from '../../instruments/preferred';
import { loadInstruments, locateExecutable } from '../catalogue';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, subcommand } from '../command';
import type { ExitCode } from '../failure';
import { CliFailure, Exit, usageError } from '../failure';
import { shortPath } from '../report-diagnostics';
import { agentScore, shellScore } from '../text/score-templates';

interface InitOptions {
  readonly path: string;
  readonly name?: string;
  readonly instrument?: string;
  readonly force?: true;
}

export const initCommand: CliCommand = {
  name: 'init',
  configure(program, session) {
    const command = subcommand(program, 'init [name]', 'write a first score')
      .description(
        'Write NAME.yaml, a score to begin with: for the first agent that is installed, else for plain shell scripts.',
      )
      .option('-p, --path <dir>', 'folder', '.')
      .option('-n, --name <name>', 'the same as the argument')
      .option('-i, --instrument <name>', 'for this instrument')
      .option('-f, --force', 'replace a file that is there');
    jsonOption(command);
    examples(command, [
      ['mzt init', 'my-score.yaml'],
      ['mzt init review', 'review.yaml'],
    ]);
    action<InitOptions>(command, session, init);
  },
};

async function init(invocation: Invocation, options: InitOptions, argument?: string): Promise<ExitCode> {
  const { context, output } = invocation;
  const name = (argument ?? options.name ?? 'my-score').replace(/\.ya?ml$/, '');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) {
    throw usageError(`"${name}" is no name of a score`, 'Use letters, digits, dots, dashes and underscores.');
  }
  const choice = await chooseInstrument(invocation, options.instrument);
  const folder = resolve(context.cwd(), options.path);
  const file = join(folder, `${name}.yaml`);
  await makeFolders(folder);
  const text = choice.shell ? shellScore(name, choice.instrument) : agentScore(name, choice.instrument);
  await writeFile(file, text, { flag: options.force === true ? 'w' : 'wx' }).catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST'
        ? new CliFailure(Exit.failed, `${file} is there already`, {
            hints: ['Choose another name, or replace it with --force.'],
            errorCode: 'exists',
          })
        : error;
    },
  );
  if (output.json) {
    output.document({
      success: true,
      name,
      path: file,
      instrument: choice.instrument,
      reason: choice.reason,
    });
    return Exit.ok;
  }
  const short = shortPath(file, context.cwd());
  output.line(`${output.out.green('wrote')} ${short}`);
  output.info(`  instrument ${output.out.bold(choice.instrument)}: ${choice.reason}`);
  output.info('');
  output.info(`  mzt validate ${short}    ${output.out.dim('check it')}`);
  output.info(`  mzt run ${short} -f      ${output.out.dim('play it and watch')}`);
  return Exit.ok;
}

interface Choice {
  readonly instrument: string;
  /** The prompt is a script. */
  readonly shell: boolean;
  readonly reason: string;
}

async function chooseInstrument(invocation: Invocation, wanted: string | undefined): Promise<Choice> {
  const { context } = invocation;
  const catalogue = await loadInstruments(context, null);
  if (wanted !== undefined) {
    const profile = catalogue.get(wanted);
    if (profile === null) {
      const nearest = catalogue.nearest(wanted);
      throw usageError(
        `no instrument "${wanted}"`,
        nearest.length === 0 ? 'mzt instruments list' : `Did you mean ${nearest.join(' or ')}?`,
      );
    }
    return { instrument: wanted, shell: profile.raw_prompt, reason: 'as you asked' };
  }
  for (const name of PREFERRED_INSTRUMENTS) {
    const profile = catalogue.get(name);
    const place = profile === null ? null : locateExecutable(profile, context);
    if (place !== null) return { instrument: name, shell: false, reason: `the first agent found, ${place}` };
  }
  return {
    instrument: 'cli',
    shell: true,
    reason: `no agent is installed (looked for ${PREFERRED_INSTRUMENTS.join(', ')}), so the prompts are shell scripts`,
  };
}
