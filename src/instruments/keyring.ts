/** `keyring` of conductor.yaml: several keys of one vendor, each in a file of its own, that attempts of an instrument take turns with. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { z } from 'zod';
import { isBannedName, VARIABLE_REFERENCE } from './environment-names';
import type { InstrumentProfile } from './schema';

/** Shown wherever an attempt is: short, and no control characters. */
const label = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\p{Cc}\p{Cf}]+$/u, 'must be one line of plain text');

const ringSchema = z.strictObject({
  keys: z
    .array(
      z
        .strictObject({
          /** `~` and variables of the conductor's environment (`$SECRETS_DIR`) are expanded; then it must be absolute. */
          path: z.string().min(1).max(4096),
          /** What the key is called wherever it is told of; by default the file's name. */
          label: label.optional(),
        })
        .transform((key) => ({ path: key.path, label: key.label ?? basename(key.path).slice(0, 64) })),
    )
    .min(1)
    .max(100)
    .refine((keys) => new Set(keys.map((key) => key.label)).size === keys.length, 'two keys have one label'),
  /** Which of the keys that are not limited is next. */
  rotation: z.enum(['least-recently-rate-limited', 'round-robin']).default('least-recently-rate-limited'),
});
export type KeyRing = z.infer<typeof ringSchema>;
export type Rotation = KeyRing['rotation'];

/** The format is the Python system's; keys themselves are never in it. */
export const keyringSchema = z.strictObject({ instruments: z.record(z.string(), ringSchema).default({}) });
export type KeyringSettings = z.infer<typeof keyringSchema>;

/** The variable that a ring's key is put into; null = the instrument takes no key. */
export function keyVariable(profile: InstrumentProfile): string | null {
  const name = profile.kind === 'http' ? profile.http?.auth_env_var : profile.cli?.command.secret_env[0];
  return name === undefined || name === null || isBannedName(name) ? null : name;
}

/** More is no key, bytes. */
const largestKey = 16 * 1024;

/** What a key file holds, or why it is not used and what to do. */
export type KeyFile =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly path: string; readonly problem: string; readonly remedy: string };

/**
 * Reads a key file as it is now. It must be a regular file of this user that nobody else can read (a link is followed, the file it leads to is
 * judged); its text is trimmed and must be one line. Never throws.
 */
export function readKeyFile(
  written: string,
  { home, env }: { readonly home: string; readonly env: Readonly<Record<string, string | undefined>> },
): KeyFile {
  const { path, missing } = expanded(written, home, env);
  const bad = (problem: string, remedy: string): KeyFile => ({ ok: false, path, problem, remedy });
  if (missing !== null)
    return bad(`$${missing} is not set in the conductor's environment`, 'Write the whole path.');
  if (!isAbsolute(path)) return bad('is not an absolute path', 'Write the whole path, or begin it with ~/.');
  let file: number;
  try {
    // Not blocking: opening a named pipe would wait for somebody to write to it.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    return unreadable(error, bad);
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) return bad('is not a regular file', 'Put the key into a file of its own.');
    const user = process.getuid?.();
    if (user !== undefined && found.uid !== user)
      return bad('belongs to another user', `Make a copy of your own, readable only by you.`);
    if ((found.mode & 0o077) !== 0) return bad('can be read by others', `chmod 600 ${path}`);
    if (found.size > largestKey) return bad('is too large for a key', 'Put only the key into it.');
    const buffer = Buffer.alloc(largestKey + 1);
    const length = readSync(file, buffer, 0, buffer.length, 0);
    if (length > largestKey) return bad('is too large for a key', 'Put only the key into it.');
    const value = buffer.toString('utf8', 0, length).trim();
    if (value === '') return bad('is empty', 'Put the key into it.');
    // A key becomes a header and a variable: a second line would be another header.
    if (!/^[\x21-\x7e]+$/.test(value))
      return bad('does not hold a key', 'Put only the key into it, on one line.');
    return { ok: true, value };
  } catch (error) {
    return unreadable(error, bad);
  } finally {
    closeSync(file);
  }
}

function unreadable(error: unknown, bad: (problem: string, remedy: string) => KeyFile): KeyFile {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  return code === 'ENOENT'
    ? bad('does not exist', 'Write the key there, or take it out of the keyring.')
    : bad(`cannot be read (${code})`, 'Make it readable for you.');
}

function expanded(
  written: string,
  home: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly path: string; readonly missing: string | null } {
  let missing: string | null = null;
  const path = written.replace(VARIABLE_REFERENCE, (reference: string, braced?: string, plain?: string) => {
    const name = braced ?? plain ?? '';
    const value = env[name];
    if (value) return value;
    missing ??= name;
    return reference;
  });
  return { path: path === '~' || path.startsWith('~/') ? home + path.slice(1) : path, missing };
}
