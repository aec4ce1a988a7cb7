import { constants } from 'node:fs';
import { access, realpath, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LOGIN_START_PATH, readLoginPath } from '../../protocol/login-path';
import { statePaths } from '../../protocol/paths';
import { isExecutableFile, pathFolders } from '../../protocol/program-places';
import { versionOf } from '../build-info';
import { loadInstruments } from '../catalogue';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, subcommand } from '../command';
import { findRunning } from '../connection';
import type { CliContext } from '../context';
import type { ExitCode } from '../failure';
import { Exit, tellFailure } from '../failure';
import { instrumentRows } from '../instrument-rows';
import { keyringFindings } from '../keyring-findings';
import { stateDirOf } from '../state-directory';
import { bytes, duration } from '../text/amounts';
import { printable } from '../text/printable';
import { showsUnicode } from '../text/symbols';

/** What one look at the machine found. */
export interface Finding {
  readonly name: string;
  /** `info`: neither good nor bad, for example a conductor that is not needed now. */
  readonly level: 'ok' | 'warning' | 'error' | 'info';
  readonly message: string;
  readonly remedy: string | null;
}

export const doctorCommand: CliCommand = {
  name: 'doctor',
  configure(program, session) {
    const command = subcommand(program, 'doctor', 'whether everything is there that is needed').description(
      'Look at Node, the state directory, the conductor and the instruments, and say what to do. Starts nothing.\n' +
        'Exit code 1 when something is broken, or no instrument is usable.',
    );
    jsonOption(command);
    examples(command, [['mzt doctor', '']]);
    action(command, session, doctor);
  },
};

async function doctor({ context, output }: Invocation): Promise<ExitCode> {
  const catalogue = await loadInstruments(context, null);
  const keyring = await keyringFindings(context, catalogue);
  const rows = instrumentRows(catalogue, context).map((row) =>
    row.status === 'needs_key' && keyring.usable.has(row.name)
      ? { ...row, status: 'ready' as const, detail: 'its keys are in the keyring' }
      : row,
  );
  const ready = rows.filter(({ status }) => status === 'ready');
  const findings: Finding[] = [
    nodeFinding(context.nodeVersion),
    await stateFinding(context),
    await spaceFinding(context),
    await conductorFinding(context),
    ...(await commandFindings(context)),
    ...keyring.findings,
    ...catalogue.problems.map((problem): Finding => ({
      name: 'profile',
      level: problem.severity,
      message: `${problem.file}${problem.line === null ? '' : `:${problem.line}`}: ${problem.message}`,
      remedy: null,
    })),
    ready.length === 0
      ? {
          name: 'instruments',
          level: 'error',
          message: 'none is usable',
          remedy: 'Install one of those below; bash is enough for the instrument cli.',
        }
      : {
          name: 'instruments',
          level: ready.some(({ name }) => name !== 'cli') ? 'ok' : 'warning',
          message: `usable: ${ready.map(({ name }) => name).join(', ')}`,
          remedy: ready.some(({ name }) => name !== 'cli') ? null : 'No agent is installed yet: see below.',
        },
  ];
  const broken = findings.some(({ level, name }) => level === 'error' && name !== 'profile');
  if (output.json) {
    output.document({ ok: !broken, version: versionOf(context), checks: findings, instruments: rows });
    return broken ? Exit.failed : Exit.ok;
  }
  const { out } = output;
  const unicode = showsUnicode(context.env);
  const marks = {
    ok: out.green(unicode ? '✓' : '+'),
    warning: out.yellow('!'),
    error: out.red(unicode ? '✗' : 'x'),
    info: out.dim('-'),
  };
  for (const { name, level, message, remedy } of findings) {
    output.line(`${marks[level]} ${name.padEnd(12)} ${message}`);
    if (remedy !== null) output.line(`  ${''.padEnd(12)} ${out.cyan('help:')} ${remedy}`);
  }
  output.line();
  for (const row of rows) {
    const mark = row.status === 'ready' ? marks.ok : row.status === 'needs_key' ? marks.warning : marks.info;
    output.line(`  ${mark} ${row.name.padEnd(16)} ${printable(row.detail ?? '')}`);
  }
  const agent = ready.find(({ name }) => name !== 'cli')?.name ?? 'claude-code';
  output.info(`\nWhether an agent is logged in: mzt instruments check ${agent}`);
  return broken ? Exit.failed : Exit.ok;
}

/** Node 20.19 is the oldest that this is built and tested for (package.json, engines). */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fine = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'node',
    level: fine ? 'ok' : 'error',
    message: version,
    remedy: fine ? null : 'Node 20.19 or newer is needed.',
  };
}

async function stateFinding(context: CliContext): Promise<Finding> {
  const name = 'state';
  try {
    const { root } = statePaths(stateDirOf(context));
    const found = await stat(root).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (found === null) {
      await access(await existingParent(root), constants.W_OK);
      return { name, level: 'ok', message: `${root} (made at the first start)`, remedy: null };
    }
    if (!found.isDirectory()) {
      return {
        name,
        level: 'error',
        message: `${root} is not a folder`,
        remedy: 'Move it away, or set MARIANNE_HOME.',
      };
    }
    await access(root, constants.R_OK | constants.W_OK | constants.X_OK);
    return { name, level: 'ok', message: root, remedy: null };
  } catch (error) {
    const told = tellFailure(error);
    const remedy = told.hints[0] ?? 'Make it writable for you, or set MARIANNE_HOME to another folder.';
    return { name, level: 'error', message: told.message, remedy };
  }
}

async function existingParent(path: string): Promise<string> {
  for (let at = dirname(path); ; at = dirname(at)) {
    if ((await stat(at).catch(() => null)) !== null || at === dirname(at)) return at;
  }
}

/** Start files may take their time, milliseconds. */
const SHELL_TIMEOUT_MS = 5_000;

/** Which `mzt` a login shell runs: another one than this explains a lot. Nothing where no shell is known. */
async function commandFindings({ env, home }: CliContext): Promise<Finding[]> {
  const name = 'mzt';
  const { SHELL: shell } = env;
  if (shell === undefined || shell === '' || home === '') return [];
  const login = await readLoginPath(shell, home, SHELL_TIMEOUT_MS, LOGIN_START_PATH);
  if ('failure' in login) return [{ name, level: 'info', message: login.failure, remedy: null }];
  const path = pathFolders(login.path)
    .map((folder) => join(folder, 'mzt'))
    .find(isExecutableFile);
  if (path === undefined) {
    const remedy = 'For it to: “Marianne: Install mzt Command” in VS Code.';
    return [{ name, level: 'info', message: 'the login shell finds none', remedy }];
  }
  const real = await realpath(path);
  const message = `the login shell runs ${path}${real === path ? '' : ` (${real})`}`;
  return [{ name, level: 'ok', message, remedy: null }];
}

/** Below this a long job may not end well: journal, prompts and logs need room. */
const LITTLE_SPACE = 500 * 1024 * 1024;

async function spaceFinding(context: CliContext): Promise<Finding> {
  const name = 'disk';
  try {
    const root = stateDirOf(context);
    const { bavail, bsize } = await statfs(await existingParent(`${root}/.`));
    const free = bavail * bsize;
    const little = free < LITTLE_SPACE;
    return {
      name,
      level: little ? 'warning' : 'ok',
      message: `${bytes(free)} free`,
      remedy: little ? 'Free some space: logs and the journal need it.' : null,
    };
  } catch (error) {
    return {
      name,
      level: 'info',
      message: `free space is not known (${tellFailure(error).message})`,
      remedy: null,
    };
  }
}

async function conductorFinding(context: CliContext): Promise<Finding> {
  const name = 'conductor';
  try {
    const found = await findRunning(context);
    if (found === null)
      return { name, level: 'info', message: 'not running; started when it is needed', remedy: null };
    const { info } = found;
    const { build } = versionOf(context);
    const up = info.built_at === 0 ? '' : `, built ${duration((context.now() - info.built_at) / 1000)} ago`;
    const other = info.build !== build;
    return {
      name,
      level: other ? 'warning' : 'ok',
      message: `running, pid ${info.pid}, ${info.version} (build ${info.build}${up})`,
      remedy: other ? `This mzt is build ${build}. To use it: mzt restart` : null,
    };
  } catch (error) {
    const told = tellFailure(error);
    return { name, level: 'error', message: told.message, remedy: told.hints[0] ?? null };
  }
}
