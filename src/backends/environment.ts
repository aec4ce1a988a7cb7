import {
  isBannedName,
  isSystemName,
  environmentNames,
  VARIABLE_REFERENCE,
} from '../instruments/environment-names';
import type { CliProfile } from '../instruments/schema';

/** Where an agent's variables come from. Nothing of the conductor's own environment is used. */
export interface EnvironmentSources {
  /** The plain part of the submit: PATH, HOME, locale, proxies, listed names. For shells all of it. */
  readonly plain: Readonly<Record<string, string>>;
  /** The secret part, as far as it is in memory. An agent gets a secret only if its profile lists it. */
  readonly secret: Readonly<Record<string, string>>;
  /** Ours: MARIANNE_MARKER, MARIANNE_WORKSPACE, … Every agent gets all of it, and nothing replaces it. */
  readonly own: Readonly<Record<string, string>>;
}

/** Of an outer Marianne only what finds it: its marker and sheet numbers would be lies in here. */
const INHERITED_OWN = new Set(['MARIANNE_HOME', 'MARIANNE_SOCKET']);

/** Used when the submit brought no PATH: what POSIX systems have. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** The complete environment of an agent. Pure. */
export function agentEnvironment(profile: CliProfile, sources: EnvironmentSources): Record<string, string> {
  const { command } = profile.cli;
  const names = environmentNames(profile);
  const env = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  const listed = new Set(names.plain);
  for (const [name, value] of Object.entries(sources.plain)) {
    if (isBannedName(name)) continue;
    if (name.startsWith('MARIANNE_') && !INHERITED_OWN.has(name)) continue;
    if (command.inherit_env || isSystemName(name) || listed.has(name)) env.set(name, value);
  }
  for (const name of names.secret) {
    const value = Object.hasOwn(sources.secret, name) ? sources.secret[name] : undefined;
    // A key in the plain part was put there by the user's own profile or client; the agent may have it all the same.
    const given = value ?? (Object.hasOwn(sources.plain, name) ? sources.plain[name] : undefined);
    if (given !== undefined) env.set(name, given);
  }
  for (const [name, text] of Object.entries(command.env)) {
    if (isBannedName(name)) continue;
    const value = expand(text, env);
    if (value !== null) env.set(name, value);
  }
  for (const [name, value] of Object.entries(sources.own)) env.set(name, value);
  return Object.fromEntries(env);
}

/** Fills `${NAME}` and `$NAME` from what the agent may see; null when one is not set, so that no program is given a literal `${KEY}` as its key. */
function expand(text: string, env: ReadonlyMap<string, string>): string | null {
  let missing = false;
  const value = text.replace(
    VARIABLE_REFERENCE,
    (_, braced: string | undefined, bare: string | undefined) => {
      const found = env.get(braced ?? bare ?? '');
      if (found === undefined) missing = true;
      return found ?? '';
    },
  );
  return missing ? null : value;
}
