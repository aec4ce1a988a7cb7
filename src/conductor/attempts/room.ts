import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** A state that passes when there is room again. `EFBIG` is a limit of this process, set with `ulimit`. */
const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Wait before what did not fit is written again, milliseconds. */
export const diskFullMs = 2000;

/** Does this errno say that there is no room? */
export function isDiskFull(code: string | undefined): boolean {
  return code !== undefined && fullCodes.has(code);
}

/** With less room than this a program that says so was right: the disk was full, bytes. */
const littleRoom = 256 * 1024;

/** Is there hardly any room beside a file? False where the system does not say. */
export function isLittleRoom(path: string): boolean {
  try {
    const { blocks, bfree, bavail, bsize } = statfsSync(dirname(path));
    return blocks !== 0 && (process.getuid?.() === 0 ? bfree : bavail) * bsize < littleRoom;
  } catch {
    return false;
  }
}
