import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseYaml } from './parse';

const schema = z.looseObject({ base_urls: z.record(z.string(), z.string()).default({}) });

/**
 * `base_urls` of conductor.yaml, for those who judge a score without a conductor. A file that cannot be used has none: the conductor says what is
 * wrong with it, and does not use it either.
 */
export async function readUserAddresses(configFile: string): Promise<Record<string, string>> {
  try {
    return parseYaml(await readFile(configFile, 'utf8'), configFile, schema).value?.base_urls ?? {};
  } catch {
    return {};
  }
}
