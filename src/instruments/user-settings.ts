import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseYaml } from './parse';

const texts = z.record(z.string(), z.string()).default({});
const schema = z.looseObject({ base_urls: texts, executables: texts });

/** What conductor.yaml says of instruments. */
export interface UserSettings {
  readonly baseUrls: Readonly<Record<string, string>>;
  /** Name of a program → its path. */
  readonly executables: Readonly<Record<string, string>>;
}

/**
 * `base_urls` and `executables` of conductor.yaml, for those who judge a score without a conductor. A file that cannot be used has none: the
 * conductor says what is wrong with it, and does not use it either.
 */
export async function readUserSettings(configFile: string): Promise<UserSettings> {
  const nothing = { base_urls: {}, executables: {} };
  const read = async () => parseYaml(await readFile(configFile, 'utf8'), configFile, schema).value ?? nothing;
  const { base_urls: baseUrls, executables } = await read().catch(() => nothing);
  return { baseUrls, executables };
}
