// The same suites in a desktop VS Code, where one can be had: MZT_VSCODE=desktop. @vscode/test-electron fetches it (or
// MZT_VSCODE_PATH names one that is installed); started here, so that a run that hangs can be cut together with its whole tree.
import { downloadAndUnzipVSCode } from '@vscode/test-electron';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SetupError, cacheFolder } from './cache.mjs';
import { Folders } from './environment.mjs';
import { endGroup, endSession } from './processes.mjs';
import { editions } from './server.mjs';
import { onPath } from './system.mjs';

/** VS Code's program file. Throws a SetupError that says what helps. */
async function ensureDesktop(version) {
  const installed = process.env.MZT_VSCODE_PATH;
  if (installed) {
    if (!existsSync(installed)) throw new SetupError(`MZT_VSCODE_PATH: there is no ${installed}`);
    return installed;
  }
  const cachePath = join(cacheFolder(), 'desktop');
  await mkdir(cachePath, { recursive: true });
  return downloadAndUnzipVSCode({ version: editions[version].vscode, cachePath }).catch((error) => {
    throw new SetupError(
      `cannot fetch VS Code ${editions[version].vscode} for the desktop: ${error.message}\n` +
        '  set MZT_VSCODE_PATH to an installed one, or unset MZT_VSCODE to test in the server build',
    );
  });
}

/** What VS Code is started through: nothing, or xvfb-run where there is no screen. */
function screenPrefix() {
  if (process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY) return [];
  const xvfb = onPath('xvfb-run');
  if (xvfb) return [xvfb, '-a'];
  throw new SetupError('MZT_VSCODE=desktop needs a display.\n  sudo apt-get install -y xvfb');
}

const screenVariables = ['DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY', 'DBUS_SESSION_BUS_ADDRESS'];

/** One run: its exit code (undefined = cut by the limit). Takes and gives what the server's way does, see run-suites.mjs. */
export async function runDesktop({ version, extension, folder, settings, env, index, limitSeconds }) {
  const [command, ...prefix] = [...screenPrefix(), await ensureDesktop(version)];
  const folders = await Folders.make({ 'security.workspace.trust.enabled': false, ...settings });
  const args = [
    ...[...prefix, folder ?? folders.workspace],
    ...['--no-sandbox', '--disable-gpu', '--disable-gpu-sandbox', '--disable-updates', '--disable-telemetry'],
    ...['--skip-welcome', '--skip-release-notes', '--disable-workspace-trust'],
    ...[`--extensionDevelopmentPath=${extension}`, `--extensionTestsPath=${index}`],
    ...[`--user-data-dir=${folders.userData}`, `--extensions-dir=${folders.extensions}`],
  ];
  const screen = screenVariables.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  const child = spawn(command, args, {
    cwd: folders.base,
    env: folders.environment({ ...Object.fromEntries(screen), ...env }),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log += chunk));
  let timer;
  try {
    const exitCode = await new Promise((settle, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => settle(code ?? 1));
      timer = setTimeout(() => settle(undefined), limitSeconds * 1000);
    });
    await endGroup(child, 3_000);
    const { leftovers } = await endSession(folders.base, folders.state);
    const logs = resolve('out', 'vscode-logs', `suites-desktop-${version}`);
    await mkdir(logs, { recursive: true });
    await writeFile(join(logs, 'vscode.log'), log);
    const faults =
      leftovers.length > 0 ? [`left running after everything was closed: ${leftovers.join('; ')}`] : [];
    return { exitCode, serverLog: log, logs, faults };
  } finally {
    clearTimeout(timer);
    await rm(folders.base, { recursive: true, force: true });
  }
}
