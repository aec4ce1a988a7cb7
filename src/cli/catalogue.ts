/** The instruments as this machine has them, read without a conductor. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { InstrumentCatalogue } from '../instruments/catalogue';
import type { InstrumentProfile } from '../instruments/schema';
import { statePaths } from '../protocol/paths';
import type { CliContext } from './context';
import { stateDirOf } from './state-directory';

/** Built-in and user profiles, and the workspace's if they are approved. */
export async function loadInstruments(
  context: CliContext,
  workspace: string | null,
): Promise<InstrumentCatalogue> {
  const paths = statePaths(stateDirOf(context));
  const [{ loadCatalogue }, { readTrustFile, NO_TRUST }] = await Promise.all([
    import('../instruments/catalogue'),
    import('../instruments/trust'),
  ]);
  return loadCatalogue({
    builtInFolder: join(context.distDir, 'profiles'),
    userFolder: paths.instruments,
    workspace,
    // A trust file that cannot be read approves nothing; `mzt trust` and the conductor say what is wrong with it.
    trust: await readTrustFile(paths.trust).catch(() => NO_TRUST),
  });
}

/** Where a profile's program is; null when neither PATH nor the profile's known places have it. */
export function locateExecutable(profile: InstrumentProfile, context: CliContext): string | null {
  const command = profile.cli?.command;
  if (command === undefined) return null;
  if (isAbsolute(command.executable)) return isExecutable(command.executable) ? command.executable : null;
  const known = command.known_places.map((place) =>
    place === '~' || place.startsWith('~/') ? context.home + place.slice(1) : place,
  );
  // Empty and relative entries are passed over: the current folder is never searched.
  const folders = [...(context.env['PATH'] ?? '').split(delimiter), ...known].filter((folder) =>
    isAbsolute(folder),
  );
  return folders.map((folder) => join(folder, command.executable)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    if (!statSync(path).isFile()) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
