import { randomBytes } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/** A path that may not be used, or cannot; the message is for the model. */
export class PathRefusal extends Error {
  override readonly name = 'PathRefusal';
}

/** A path as checked at this moment: real, inside the root, links resolved. What is not there yet is at its end. */
export interface CheckedPath {
  /** Components below the root; empty for the root itself. */
  readonly parts: readonly string[];
  /** As the model should see it: relative to the root. */
  readonly shown: string;
}

export interface ConfinedOptions {
  /** Go by paths and checks, as where the system has no names for what is open. Default: what the system has. */
  readonly byPath?: boolean;
}

const O_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const MAX_PATH_BYTES = 4096;

/** How a file in an open folder is named: by the folder's descriptor (Linux), by its inode (macOS), or by its path, which somebody may change. */
type Access = 'descriptor' | 'inode' | 'path';

/**
 * Access to one folder and nothing outside it, also while somebody in it swaps folders for links. A path is resolved first; then it is walked from
 * the root, one descriptor per component and no link followed, so that what was checked is what is used. Linux has `openat` in the
 * form of `/proc/self/fd/N/name`, macOS in the form of `/.vol/device/inode/name`. Where neither is there, paths are opened and compared before and
 * after: a swap at the very moments can then go unseen.
 */
export class ConfinedFolder {
  private constructor(
    readonly root: string,
    /** The root as it was named, which may lead through links. */
    private readonly named: string,
    private readonly access: Access,
  ) {}

  /** @throws Error when the folder is not there */
  static async at(folder: string, options: ConfinedOptions = {}): Promise<ConfinedFolder> {
    const root = await realpath(folder);
    const access = options.byPath === true ? 'path' : await accessFor(root);
    return new ConfinedFolder(root, resolve(folder), access);
  }

  /** @throws PathRefusal for what is outside, or cannot be a path */
  async check(path: string): Promise<CheckedPath> {
    if (path.includes('\0') || Buffer.byteLength(path) > MAX_PATH_BYTES) throw new PathRefusal('not a path');
    let place = resolve(this.root, path);
    if (isAbsolute(path) && isWithin(this.named, place)) place = join(this.root, relative(this.named, place));
    const missing: string[] = [];
    let real: string | null = null;
    for (let at = place; real === null; at = dirname(at)) {
      try {
        real = await realpath(at);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ELOOP') throw new PathRefusal(`${path}: links lead in a circle`);
        if (code === 'ENOTDIR') throw new PathRefusal(`${path}: a part of the path is no folder`);
        if (code !== 'ENOENT') throw this.told(error, path);
        if (await isThere(at)) throw new PathRefusal(`${path}: a link that leads nowhere`);
        if (dirname(at) === at) throw new PathRefusal(`${path}: not found`);
        missing.unshift(at.slice(dirname(at).length).replace(/^[/\\]/, ''));
      }
    }
    const whole = join(real, ...missing);
    if (!isWithin(this.root, whole)) {
      throw new PathRefusal(
        `${path} is outside the workspace; only paths in it can be used, relative to it or absolute`,
      );
    }
    const inside = relative(this.root, whole);
    return { parts: inside === '' ? [] : inside.split(sep), shown: inside === '' ? '.' : inside };
  }

  /** Opens the folder at these components. @throws PathRefusal */
  async folder(checked: CheckedPath, parts: readonly string[], make: number | null): Promise<OpenFolder> {
    let current = await OpenFolder.of(await open(this.root, O_FOLDER), this.root, this.access);
    for (const part of parts) {
      try {
        const next = await current.child(part, make);
        await current.close();
        current = next;
      } catch (error) {
        await current.close();
        throw this.told(error, checked.shown);
      }
    }
    return current;
  }

  /** Opens the folder that holds the last component. @throws PathRefusal for the root itself */
  async parent(checked: CheckedPath, make: number | null): Promise<{ folder: OpenFolder; name: string }> {
    const name = checked.parts.at(-1);
    if (name === undefined) throw new PathRefusal('this is the workspace itself, a folder');
    return { folder: await this.folder(checked, checked.parts.slice(0, -1), make), name };
  }

  /** An error of the system, in words for the model. */
  told(error: unknown, path: string): PathRefusal {
    if (error instanceof PathRefusal) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const known: Readonly<Record<string, string>> = {
      ENOENT: 'not found',
      EACCES: 'permission denied',
      EPERM: 'not permitted',
      EISDIR: 'is a folder, not a file',
      ENOTDIR: 'is not a folder, or a part of its path is not',
      ELOOP: 'has become a link; links that appear meanwhile are not followed',
      ENAMETOOLONG: 'the name is too long',
      ENOSPC: 'the disk is full; nothing was written',
      EDQUOT: 'the quota of the disk is used up; nothing was written',
      EROFS: 'the disk is read-only',
      ENXIO: 'not a plain file',
    };
    return new PathRefusal(`${path}: ${known[code ?? ''] ?? message}`);
  }
}

/** A folder held by its descriptor. To be closed. */
export class OpenFolder {
  private constructor(
    private readonly handle: FileHandle,
    private readonly path: string,
    private readonly access: Access,
    /** Names the folder, whatever happens to its path. */
    private readonly prefix: string,
  ) {}

  static async of(handle: FileHandle, path: string, access: Access): Promise<OpenFolder> {
    if (access === 'descriptor') return new OpenFolder(handle, path, access, `/proc/self/fd/${handle.fd}`);
    if (access === 'path') return new OpenFolder(handle, path, access, path);
    const { dev, ino } = await handle.stat({ bigint: true });
    return new OpenFolder(handle, path, access, `/.vol/${dev}/${ino}`);
  }

  private get byPath(): boolean {
    return this.access === 'path';
  }

  private at(name: string): string {
    return `${this.prefix}/${name}`;
  }

  /** @param make mode of the folder if it has to be made; null = it has to be there */
  async child(name: string, make: number | null): Promise<OpenFolder> {
    let made = false;
    if (make !== null) {
      try {
        await mkdir(this.at(name), make);
        made = true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    const handle = await open(this.at(name), O_FOLDER);
    const child = await OpenFolder.of(handle, join(this.path, name), this.access);
    try {
      await child.stillThere();
      // The conductor's own umask is strict; the folder is the user's.
      if (made && make !== null) await handle.chmod(make);
      return child;
    } catch (error) {
      await child.close();
      throw error;
    }
  }

  /** Opens a plain file for reading. @throws PathRefusal for what is none */
  async read(name: string, shown: string): Promise<FileHandle> {
    const handle = await open(
      this.at(name),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      const facts = await handle.stat();
      if (facts.isDirectory()) throw new PathRefusal(`${shown}: is a folder; list it instead`);
      if (!facts.isFile()) throw new PathRefusal(`${shown}: not a plain file`);
      await this.stillThere();
      if (this.byPath && !(await isSameFile(handle, this.at(name)))) throw changed();
      await this.stillThere();
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** What lies there, links not followed; null = nothing. */
  async look(name: string): Promise<{ readonly kind: EntryKind; readonly mode: number } | null> {
    try {
      const facts = await lstat(this.at(name));
      return { kind: kindOf(facts), mode: facts.mode & 0o777 };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** Replaces a file whole: a reader, and a crash, find the old one or the new one. */
  async replace(name: string, data: Uint8Array, mode: number): Promise<void> {
    const temp = `.${randomBytes(6).toString('hex')}.part`;
    await this.stillThere();
    const handle = await open(
      this.at(temp),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      try {
        await this.stillThere();
        if (this.byPath && !(await isSameFile(handle, this.at(temp)))) throw changed();
        await this.stillThere();
        await handle.writeFile(data);
        await handle.chmod(mode);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await this.stillThere();
      await rename(this.at(temp), this.at(name));
    } catch (error) {
      await rm(this.at(temp), { force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** Names and kinds, unsorted. */
  async entries(): Promise<{ readonly name: string; readonly kind: EntryKind }[]> {
    const found = await readdir(this.at('.'), { withFileTypes: true });
    await this.stillThere();
    return found.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  }

  /** Size of a plain file in it, bytes; null when it is none, or gone. */
  async sizeOf(name: string): Promise<number | null> {
    const facts = await lstat(this.at(name)).catch(() => null);
    return facts?.isFile() ? facts.size : null;
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** By path only: the folder that is held is the one that lies at its path, and no link leads there. */
  private async stillThere(): Promise<void> {
    if (!this.byPath) return;
    if (!(await isSameFile(this.handle, this.path)) || (await realpath(this.path)) !== this.path)
      throw changed();
  }
}

export type EntryKind = 'file' | 'folder' | 'link' | 'other';

function kindOf(facts: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): EntryKind {
  if (facts.isSymbolicLink()) return 'link';
  if (facts.isDirectory()) return 'folder';
  return facts.isFile() ? 'file' : 'other';
}

function changed(): PathRefusal {
  return new PathRefusal('the folder changed while it was used; try again');
}

function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

async function accessFor(root: string): Promise<Access> {
  if (existsSync('/proc/self/fd')) return 'descriptor';
  try {
    const { dev, ino } = await lstat(root, { bigint: true });
    const named = await lstat(`/.vol/${dev}/${ino}`, { bigint: true });
    return named.ino === ino && named.dev === dev ? 'inode' : 'path';
  } catch {
    return 'path';
  }
}

async function isSameFile(handle: FileHandle, path: string): Promise<boolean> {
  const [held, there] = await Promise.all([handle.stat(), lstat(path)]);
  return held.ino === there.ino && held.dev === there.dev;
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
