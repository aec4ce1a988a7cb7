/** Whether an instrument's program is on this machine, without asking a login shell: quick enough for every check of a score. */
import { isAbsolute, join } from 'node:path';
import { isExecutableFile, knownFolders, pathFolders } from '../protocol/program-places';
import { expandKnownPlaces } from './catalogue';
import type { InstrumentProfile } from './schema';

/** Where to look for programs. */
export interface ProgramPlaces {
  /** PATH of whoever asks. */
  readonly path: string;
  readonly home: string;
  /** `executables` of conductor.yaml: name → path. */
  readonly executables: Readonly<Record<string, string>>;
}

/** Where a profile's program is; null when no place has it, or when the profile is of a service. */
export function locateProgram(profile: InstrumentProfile, places: ProgramPlaces): string | null {
  const command = profile.cli?.command;
  if (command === undefined) return null;
  const { executable } = command;
  const exact = places.executables[executable] ?? (isAbsolute(executable) ? executable : null);
  if (exact !== null) {
    const path = exact.startsWith('~/') ? join(places.home, exact.slice(2)) : exact;
    return isAbsolute(path) && isExecutableFile(path) ? path : null;
  }
  const folders = [
    ...pathFolders(places.path),
    ...expandKnownPlaces(command.known_places, places.home).filter((place) => isAbsolute(place)),
    ...knownFolders(places.home),
  ];
  return folders.map((folder) => join(folder, executable)).find(isExecutableFile) ?? null;
}
