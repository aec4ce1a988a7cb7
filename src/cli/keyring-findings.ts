/** What `mzt doctor` says of the keyring: for each key whether its file can be used. The keys themselves are read and forgotten. */
import { readFile } from 'node:fs/promises';
import { conductorEnvironment } from '../client/ensure';
import type { InstrumentCatalogue } from '../instruments/catalogue';
import { keyringSchema, keyVariable, readKeyFile, type KeyRing } from '../instruments/keyring';
import { statePaths } from '../protocol/paths';
import type { Finding } from './commands/doctor';
import type { CliContext } from './context';
import { stateDirOf } from './state-directory';

const name = 'keyring';

export interface KeyringFindings {
  readonly findings: readonly Finding[];
  /** Instruments that have a key there which can be used. */
  readonly usable: ReadonlySet<string>;
}

export async function keyringFindings(
  context: CliContext,
  catalogue: InstrumentCatalogue,
): Promise<KeyringFindings> {
  const usable = new Set<string>();
  const stateDir = stateDirOf(context);
  const { config: path } = statePaths(stateDir);
  const written = await writtenKeyring(path);
  if (written === undefined) return { findings: [], usable };
  const parsed = keyringSchema.safeParse(written);
  if (!parsed.success) {
    const remedy = 'mzt config check says where.';
    const message = `keyring of ${path} is not valid`;
    return { findings: [{ name, level: 'error', message, remedy }], usable };
  }
  // As the conductor would have it, not as this shell does.
  const env = conductorEnvironment(context.env, stateDir);
  const findings = Object.entries(parsed.data.instruments).flatMap(([instrument, ring]) => {
    const files = ringFindings(instrument, ring, { home: context.home, env });
    if (files.some(({ level }) => level === 'ok')) usable.add(instrument);
    return [...instrumentFinding(catalogue, instrument), ...files];
  });
  return { findings, usable };
}

/** `keyring` as it stands in the file; undefined = there is none, or the file cannot be read (`mzt config check` says that). */
async function writtenKeyring(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return undefined;
  const { parse } = await import('yaml');
  try {
    const data: unknown = parse(text, { version: '1.1', merge: true, uniqueKeys: false });
    return typeof data === 'object' && data !== null && 'keyring' in data ? data.keyring : undefined;
  } catch {
    return undefined;
  }
}

function instrumentFinding(catalogue: InstrumentCatalogue, instrument: string): Finding[] {
  const profile = catalogue.get(instrument);
  if (profile && keyVariable(profile) !== null) return [];
  const message = profile ? `${instrument} takes no key` : `there is no instrument "${instrument}"`;
  return [{ name, level: 'warning', message, remedy: 'The names are those of: mzt instruments list' }];
}

function ringFindings(
  instrument: string,
  { keys }: KeyRing,
  place: Parameters<typeof readKeyFile>[1],
): Finding[] {
  const files = keys.map(({ path, label }) => ({ label, file: readKeyFile(path, place) }));
  const level = files.some(({ file }) => file.ok) ? 'warning' : 'error';
  return files.map(({ label, file }): Finding => {
    const called = `${instrument}, key "${label}"`;
    return file.ok
      ? { name, level: 'ok', message: `${called}: its file can be used`, remedy: null }
      : { name, level, message: `${called}: ${file.path} ${file.problem}`, remedy: file.remedy };
  });
}
