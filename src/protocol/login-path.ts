/** What a login shell has on its PATH: an editor that was started from a desktop does not know it. */
import { spawn } from 'node:child_process';
import { isAbsolute } from 'node:path';
import { isExecutableFile } from './program-places';

/** What a login shell begins with by itself: this process's PATH may come from the terminal that it was started from. */
export const LOGIN_START_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin';

/** PATH as the user's login shell has it, or why it is not known. */
export type LoginPath = { readonly path: string } | { readonly failure: string };

const before = '__marianne_path__';
const after = '__marianne_end__';
/** A shell's start files may print whatever they like; more than this is not kept. */
const outputLimit = 1024 * 1024;

/**
 * Asks a login shell for its PATH, in a session of its own that is killed as a whole when the time is up.
 * @param startPath PATH that the shell begins with; default: this process's
 */
export function readLoginPath(
  shell: string,
  home: string,
  timeoutMs: number,
  startPath?: string,
): Promise<LoginPath> {
  if (!isAbsolute(shell) || !isExecutableFile(shell)) {
    return Promise.resolve({ failure: `the login shell ${shell} is not an executable file` });
  }
  return new Promise((resolve) => {
    const child = spawn(shell, ['-ilc', `printf '${before}%s${after}' "$PATH"`], {
      cwd: home,
      detached: true,
      env: { ...shellEnvironment(home), ...(startPath === undefined ? {} : { PATH: startPath }) },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    const timer = setTimeout(() => {
      // Its whole group: start files run programs. Only now: what a shell left behind on purpose (an ssh-agent) is not ours to end.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        killGroup(child.pid);
      finish({ failure: `the login shell ${shell} did not answer within ${timeoutMs} ms` });
    }, timeoutMs);
    const finish = (result: LoginPath) => {
      child.stdout.destroy();
      resolve(result);
    };
    child.once('exit', () => clearTimeout(timer));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-outputLimit);
      const path = textBetween(output);
      if (path !== null) finish({ path });
    });
    child.once('error', (error) =>
      finish({ failure: `the login shell ${shell} did not start: ${error.message}` }),
    );
    // What it printed comes before its end; somebody else may hold the pipe open for ever, so "close" is not waited for.
    child.once('exit', () =>
      setTimeout(() => finish({ failure: `the login shell ${shell} told no PATH` }), 100).unref(),
    );
  });
}

function textBetween(output: string): string | null {
  const start = output.lastIndexOf(before);
  const end = output.indexOf(after, start);
  return start < 0 || end < 0 ? null : output.slice(start + before.length, end);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended, and nobody is left in its group.
  }
}

/** What a shell started by hand would have, without what VS Code or Electron added for themselves. */
function shellEnvironment(home: string): Record<string, string> {
  const env: Record<string, string> = { HOME: home, TERM: 'dumb' };
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined || name in env) continue;
    if (/^(ELECTRON_|VSCODE_|NODE_OPTIONS$|CLAUDECODE$|MARIANNE_)/.test(name)) continue;
    env[name] = value;
  }
  // zsh frameworks offer updates and wait for an answer.
  env['DISABLE_AUTO_UPDATE'] = 'true';
  return env;
}
