/** What of this shell's environment travels with a submit. */
import type { InstrumentCatalogue } from '../instruments/catalogue';
import { environmentNames, isBannedName, isSystemName } from '../instruments/environment-names';
import type { Environment } from '../protocol/paths';

export interface SubmitEnvironment {
  /** PATH, HOME, locale, proxies and what profiles list: journalled. */
  readonly env: Record<string, string>;
  /** Keys that profiles list: memory only. */
  readonly secrets: Record<string, string>;
}

/** The two parts. A name that any profile calls a secret is never sent as plain. */
export function submitEnvironment(env: Environment, catalogue: InstrumentCatalogue): SubmitEnvironment {
  const plain = new Set(Object.keys(env).filter(isSystemName));
  const secret = new Set<string>();
  for (const { profile } of catalogue.list()) {
    const names = environmentNames(profile);
    for (const name of names.plain) plain.add(name);
    for (const name of names.secret) secret.add(name);
  }
  const pick = (names: Iterable<string>) => {
    const values: Record<string, string> = {};
    for (const name of [...names].sort()) {
      const value = env[name];
      // The wire takes names of shells only; others could not be used by an agent's script anyway.
      if (value === undefined || isBannedName(name) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
      values[name] = value;
    }
    return values;
  };
  return { env: pick([...plain].filter((name) => !secret.has(name))), secrets: pick(secret) };
}
