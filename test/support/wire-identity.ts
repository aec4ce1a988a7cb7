/** Process identity by /proc, for tests of ownership alone; the product uses `process/identity`. */
import { readFileSync } from 'node:fs';
import type { ProcessIdentity } from '../../src/conductor/ownership/ownership';

function fields(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

export const identity: ProcessIdentity = {
  // Field 22 of the whole line is the 20th after the name.
  processStartTime: (pid) => fields(pid)?.[19] ?? null,
  isSameProcess: (pid, startTime) => {
    const found = fields(pid);
    return found !== null && found[0] !== 'Z' && found[19] === startTime;
  },
  bootId: () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
};
