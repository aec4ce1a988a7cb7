import { resolve } from 'node:path';
import type { Environment } from '../protocol/paths';
import { stateDirectory } from '../protocol/paths';

/** The state directory of a window: the setting's (absolute, `~/…`, or relative to the home folder), else everybody's. */
export function windowStateDirectory(setting: string, env: Environment, home: string): string {
  return setting === '' ? stateDirectory(env, home) : resolve(home, setting.replace(/^~(?:\/|$)/, ''));
}
