/** Where programs are on this machine: what is asked of it both to start one and to tell beforehand that one is missing. */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Is it a regular file (links followed) that may be executed? */
export function isExecutableFile(path: string): boolean {
  try {
    // Most places have no such file, and an error costs far more than a look.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Absolute folders of a PATH. */
export function pathFolders(path: string): string[] {
  return path.split(delimiter).filter((folder) => isAbsolute(folder));
}

/** Where installers of agents put programs, the user's own folders first. */
export function knownFolders(home: string): string[] {
  return [
    join(home, '.local/bin'),
    join(home, '.claude/local'),
    join(home, '.npm-global/bin'),
    ...nvmFolders(home),
    join(home, '.volta/bin'),
    join(home, '.bun/bin'),
    join(home, '.deno/bin'),
    join(home, '.cargo/bin'),
    join(home, 'go/bin'),
    join(home, '.opencode/bin'),
    join(home, 'bin'),
    '/opt/homebrew/bin',
    '/home/linuxbrew/.linuxbrew/bin',
    '/usr/local/bin',
    '/usr/bin',
    '/bin',
  ];
}

/** `bin` folders of nvm's Node versions, newest first. */
function nvmFolders(home: string): string[] {
  const root = join(home, '.nvm/versions/node');
  let names: string[];
  try {
    names = readdirSync(root);
  } catch {
    return [];
  }
  return names
    .filter((name) => /^v\d+\.\d+\.\d+$/.test(name))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(root, name, 'bin'));
}
