import type { Environment } from '../protocol/paths';
import type { InstrumentCatalogue } from './catalogue';
import { environmentNames, isBannedName, isSystemName } from './environment-names';

/** What of a client's environment travels with a submit. */
export interface SubmitEnvironment {
  /** PATH, HOME, locale, proxies and what profiles list: journalled. */
  readonly env: Record<string, string>;
  /** Keys that profiles list: memory only. */
  readonly secrets: Record<string, string>;
  /** Every name that some profile calls a key, set or not. Sorted. */
  readonly secretNames: readonly string[];
}

/** Names for which the wire has a place: those of shells. */
const SENDABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

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
      if (value !== undefined && !isBannedName(name) && SENDABLE.test(name)) values[name] = value;
    }
    return values;
  };
  return {
    env: pick([...plain].filter((name) => !secret.has(name))),
    secrets: pick(secret),
    secretNames: [...secret].sort(),
  };
}
