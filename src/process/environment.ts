import { readFileSync } from 'node:fs';
import { isSameProcess } from './identity';

/**
 * The variables a process of ours was started with; empty when it is gone, is another one, or the system does not tell (macOS shows them only
 * together with the arguments, where they cannot be told apart).
 */
export function readProcessEnvironment(pid: number, startTime: string): Record<string, string> {
  if (process.platform !== 'linux' || !isSameProcess(pid, startTime)) return {};
  try {
    const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return Object.fromEntries(
      pairs.flatMap((pair): [string, string][] => {
        const at = pair.indexOf('=');
        return at > 0 ? [[pair.slice(0, at), pair.slice(at + 1)]] : [];
      }),
    );
  } catch {
    return {};
  }
}
