import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and its missing parents, as `mkdir -p`. Node's own `recursive` mode never returns, and keeps a thread of its pool busy for ever,
 * where the system answers ENOENT although the parent exists: in /proc, in a folder that was removed under us, on some network file systems.
 * @param mode of each folder that is made, before the umask
 * @throws the system's error: ENOTDIR when the path or a part of it is no folder, ENOENT where nothing can be made, EACCES, EROFS, ENOSPC …
 */
export async function makeFolders(path: string, mode = 0o777): Promise<void> {
  const first = await make(path, mode);
  if (first === null) return;
  const parent = dirname(path);
  if (first.code !== 'ENOENT' || parent === path) throw first;
  await makeFolders(parent, mode);
  const second = await make(path, mode);
  if (second !== null) throw second;
}

/** Null: the folder is there. */
async function make(path: string, mode: number): Promise<NodeJS.ErrnoException | null> {
  try {
    await mkdir(path, { mode });
    return null;
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    // Not only EEXIST: a read-only system may say EROFS of a folder that is there, a volume's root EISDIR.
    const found = await stat(path).catch(() => null);
    if (found === null) return error;
    if (found.isDirectory()) return null;
    return Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${path}'`), {
      code: 'ENOTDIR',
      syscall: 'mkdir',
      path,
    });
  }
}
