import { statfs } from 'node:fs/promises';
import { errorCode } from '../protocol/private-folder';

/** With less room than this in the state directory nothing is started, bytes. */
export const LEAST_ROOM = 256 * 1024;

/** Bytes that this user can still write there. Infinite where the file system does not say. */
export async function roomIn(folder: string): Promise<number> {
  const { blocks, bfree, bavail, bsize } = await statfs(folder);
  return blocks === 0 ? Infinity : (process.getuid?.() === 0 ? bfree : bavail) * bsize;
}

/** A full disk, a used up quota, or a limit of this process on the size of its files. */
export function isNoRoom(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(errorCode(error) ?? '');
}

/** Who waits for room on the disk now. */
export class DiskRoom {
  private readonly waiting = new Set<string>();

  /** @param changed told after somebody began or ceased to wait */
  constructor(private readonly changed: (waits: boolean) => void) {}

  get isShort(): boolean {
    return this.waiting.size > 0;
  }

  /** Somebody waits, or does no longer; said again, nothing happens. */
  note(who: string, waits: boolean): void {
    if (waits === this.waiting.has(who)) return;
    if (waits) this.waiting.add(who);
    else this.waiting.delete(who);
    this.changed(waits);
  }
}
