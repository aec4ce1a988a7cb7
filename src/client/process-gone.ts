/** Whether the process of an owner record has ended. */
import { readFile } from 'node:fs/promises';

/** True when there is no such process, or only what its parent has not reaped yet. False when that cannot be told. */
export async function isGone(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's process lives there.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
  try {
    // proc(5): the state follows the name, which stands in parentheses and may hold any.
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return /^ [ZXx]/.test(text.slice(text.lastIndexOf(')') + 1));
  } catch {
    // macOS has no /proc: there launchd reaps at once.
    return false;
  }
}
