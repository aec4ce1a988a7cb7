import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, subcommand } from '../command';
import type { CliContext } from '../context';
import type { ExitCode } from '../failure';
import { CliFailure, Exit } from '../failure';
import {
  LAUNCHD_LABEL,
  launchdPlist,
  plistPath,
  SYSTEMD_UNIT,
  systemdUnit,
  unitPath,
} from '../service-files';
import { stateDirOf } from '../state-directory';

export const serviceCommand: CliCommand = {
  name: 'service',
  configure(program, session) {
    const group = program
      .command('service')
      .summary('start the conductor after a reboot')
      .description(
        'Start the conductor after a reboot, so that unfinished jobs go on: a systemd user unit on Linux, a launchd agent\n' +
          'on macOS. Without it the conductor is started by whoever uses it first.',
      );
    const install = subcommand(group, 'install', 'write the unit and enable it').option(
      '--print',
      'only print the unit',
    );
    jsonOption(install);
    action<{ readonly print?: true }>(install, session, installService);
    action(
      jsonOption(subcommand(group, 'uninstall', 'disable and remove the unit')),
      session,
      uninstallService,
    );
    action(jsonOption(subcommand(group, 'status', 'whether the unit is installed')), session, serviceStatus);
    examples(group, [['mzt service install', '']]);
  },
};

/** What the system of this machine needs. */
interface ServiceKind {
  readonly file: string;
  readonly enable: readonly (readonly string[])[];
  readonly disable: readonly (readonly string[])[];
  readonly query: readonly string[];
  readonly text: (facts: Parameters<typeof systemdUnit>[0]) => string;
}

function kindFor(context: CliContext): ServiceKind {
  if (context.home === '') throw new CliFailure(Exit.usage, 'no home directory is known');
  if (context.platform === 'darwin') {
    const file = plistPath(context.home);
    const domain = `gui/${process.getuid?.() ?? 0}`;
    return {
      file,
      enable: [['launchctl', 'bootstrap', domain, file]],
      disable: [['launchctl', 'bootout', `${domain}/${LAUNCHD_LABEL}`]],
      query: ['launchctl', 'print', `${domain}/${LAUNCHD_LABEL}`],
      text: launchdPlist,
    };
  }
  return {
    file: unitPath(context.home, context.env['XDG_CONFIG_HOME']),
    enable: [
      ['systemctl', '--user', 'daemon-reload'],
      ['systemctl', '--user', 'enable', '--now', SYSTEMD_UNIT],
    ],
    disable: [['systemctl', '--user', 'disable', '--now', SYSTEMD_UNIT]],
    query: ['systemctl', '--user', 'is-enabled', SYSTEMD_UNIT],
    text: systemdUnit,
  };
}

interface Ran {
  readonly ok: boolean;
  readonly output: string;
}

function run(context: CliContext, [program = '', ...args]: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(program, args, { env: { ...context.env }, timeout: 20_000 }, (error, stdout, stderr) => {
      const said = `${stdout}${stderr}`.trim();
      resolve({ ok: error === null, output: said === '' ? (error?.message ?? '') : said });
    });
  });
}

async function installService(invocation: Invocation, options: { readonly print?: true }): Promise<ExitCode> {
  const { context, output } = invocation;
  const kind = kindFor(context);
  const stateDir = stateDirOf(context);
  const { ensureRuntimeCopy } = await import('../../client/runtime-copy');
  // Not this bundle: an update of the extension deletes its folder.
  const dist = options.print === true ? context.distDir : await ensureRuntimeCopy(stateDir, context.distDir);
  const text = kind.text({
    node: context.nodePath,
    script: join(dist, 'cli.js'),
    stateDir,
    home: context.home,
    path: context.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
  });
  if (options.print === true) {
    if (output.json) output.document({ file: kind.file, text });
    else output.raw(text);
    return Exit.ok;
  }
  await mkdir(dirname(kind.file), { recursive: true });
  await writeFile(kind.file, text, { mode: 0o644 });
  const enabled = await runAll(context, kind.enable);
  if (output.json) {
    output.document({ file: kind.file, enabled: enabled === null, error: enabled?.output ?? null });
    return enabled === null ? Exit.ok : Exit.failed;
  }
  output.line(`${output.out.green('wrote')} ${kind.file}`);
  if (enabled === null) {
    output.line(`${output.out.green('enabled')}: the conductor starts when you log in`);
    if (context.platform !== 'darwin') output.info('Already at boot: loginctl enable-linger');
    return Exit.ok;
  }
  output.warn(`it could not be enabled: ${enabled.output}`);
  output.line('Enable it yourself:');
  for (const command of kind.enable) output.line(`  ${command.join(' ')}`);
  return Exit.failed;
}

/** Runs commands until one fails; that one, or null. */
async function runAll(context: CliContext, commands: readonly (readonly string[])[]): Promise<Ran | null> {
  for (const command of commands) {
    const ran = await run(context, command);
    if (!ran.ok) return ran;
  }
  return null;
}

async function uninstallService({ context, output }: Invocation): Promise<ExitCode> {
  const kind = kindFor(context);
  const installed = (await readFile(kind.file, 'utf8').catch(() => null)) !== null;
  if (!installed) {
    if (output.json) output.document({ file: kind.file, removed: false });
    else output.line(`There is no ${kind.file}.`);
    return Exit.ok;
  }
  const disabled = await runAll(context, kind.disable);
  await rm(kind.file, { force: true });
  if (disabled !== null) output.warn(`it could not be disabled: ${disabled.output}`);
  if (output.json) output.document({ file: kind.file, removed: true });
  else output.line(`removed ${kind.file}; the conductor itself goes on: mzt stop`);
  return Exit.ok;
}

async function serviceStatus({ context, output }: Invocation): Promise<ExitCode> {
  const kind = kindFor(context);
  const installed = (await readFile(kind.file, 'utf8').catch(() => null)) !== null;
  const enabled = installed && (await run(context, kind.query)).ok;
  if (output.json) output.document({ file: kind.file, installed, enabled });
  else
    output.line(
      installed
        ? `${kind.file}: installed, ${enabled ? 'enabled' : 'not enabled'}`
        : 'not installed: mzt service install',
    );
  return enabled ? Exit.ok : Exit.failed;
}
