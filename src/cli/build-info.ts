/** What `mzt --version` says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CliContext } from './context';

export interface CliVersion {
  readonly version: string;
  readonly build: string;
}

/** From `build.json` beside the bundle. A tree that was not built has none: both are `unknown` then. */
export function versionOf(context: Pick<CliContext, 'distDir'>): CliVersion {
  try {
    const data: unknown = JSON.parse(readFileSync(join(context.distDir, 'build.json'), 'utf8'));
    if (typeof data === 'object' && data !== null && 'version' in data && 'build' in data) {
      if (typeof data.version === 'string' && typeof data.build === 'string') {
        return { version: data.version, build: data.build };
      }
    }
  } catch {
    // Said below.
  }
  return { version: 'unknown', build: 'unknown' };
}
