import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the workspace if its parent is there, and tries whether it can be written. Null = good. */
export async function prepareWorkspace(path: string): Promise<string | null> {
  try {
    await stat(dirname(path));
  } catch {
    return `the workspace ${path} cannot be made: its parent folder does not exist`;
  }
  try {
    // Not recursive: on file systems that make no folders (/proc) Node's own loop never ends, and holds up every later submit.
    await mkdir(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    if (!(await stat(path)).isDirectory())
      return `the workspace ${path} cannot be written (it is not a folder)`;
    await access(path, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return `the workspace ${path} is a file, not a folder: choose another one`;
    const remedy = code === 'ENOSPC' ? 'free some space' : 'check its permissions, or choose another one';
    return `the workspace ${path} cannot be written (${code ?? message}): ${remedy}`;
  }
}
