/** Which account of a vendor an attempt uses: what rate limits are kept by. */
import { createHmac, randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { environmentNames, type EnvironmentNames } from '../instruments/environment-names';
import type { InstrumentProfile } from '../instruments/schema';

const saltBytes = 16;

/** Hex digits of a print: enough to tell a person's keys apart, too few to find one by. */
const printDigits = 8;

/** Plain variables that lead to another account (a second login, another vendor), by the end of their names. */
const leadsElsewhere = /_(BASE_URL|CONFIG_DIR|PROFILE)$/;

/**
 * Reads the salt of a state directory, or makes it: prints must be the same after a restart, or a limit would be forgotten. Private, and of no use
 * without the keys. @throws the system's error.
 */
export function accountSalt(path: string): Buffer {
  const known = readSalt(path);
  if (known) return known;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, randomBytes(saltBytes).toString('hex'), { mode: 0o600 });
  try {
    // A torn file (a power cut while it was written) gives way; a good one that another process made meanwhile stays.
    if (!readSalt(path)) rmSync(path, { force: true });
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  const made = readSalt(path);
  if (!made) throw new Error(`${path} cannot be read back`);
  return made;
}

function readSalt(path: string): Buffer | null {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^[0-9a-f]{32}$/.test(text) ? Buffer.from(text, 'hex') : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Names accounts: `claude-code` for a login, `claude-code#1f0c9a3e` for a key. */
export class Accounts {
  private readonly names = new WeakMap<InstrumentProfile, EnvironmentNames>();
  private readonly prints = new Map<string, string>();

  constructor(private readonly salt: Buffer) {}

  /**
   * @param endpoint of an HTTP instrument: the variable with its key, and where it is; null = all variables that the profile lists
   * @param values what the attempt would be given
   */
  of(
    profile: InstrumentProfile,
    endpoint: { readonly key: string | null; readonly baseUrl: string } | null,
    values: {
      readonly secrets: Readonly<Record<string, string>>;
      readonly env: Readonly<Record<string, string>>;
    },
  ): string {
    const { plain, secret } = this.namesOf(profile);
    const parts: string[] = [];
    const keys = endpoint === null ? secret : endpoint.key === null ? [] : [endpoint.key];
    for (const name of keys) {
      const value = values.secrets[name] ?? values.env[name];
      if (value !== undefined && value !== '') parts.push(`${name}=${value}`);
    }
    if (endpoint !== null && endpoint.baseUrl !== profile.http?.base_url.replace(/\/+$/, ''))
      parts.push(endpoint.baseUrl);
    for (const name of endpoint === null ? plain : []) {
      const value = leadsElsewhere.test(name) ? values.env[name] : undefined;
      if (value !== undefined && value !== '') parts.push(`${name}=${value}`);
    }
    return parts.length === 0 ? profile.name : `${profile.name}#${this.print(parts.join('\0'))}`;
  }

  private namesOf(profile: InstrumentProfile): EnvironmentNames {
    let names = this.names.get(profile);
    if (!names) this.names.set(profile, (names = environmentNames(profile)));
    return names;
  }

  private print(text: string): string {
    let print = this.prints.get(text);
    if (print === undefined) {
      print = createHmac('sha256', this.salt).update(text).digest('hex').slice(0, printDigits);
      if (this.prints.size >= 1000) this.prints.clear();
      this.prints.set(text, print);
    }
    return print;
  }
}
