import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFileSync } from './durable-file';

/** Version of the line and segment format that this code writes. */
export const journalFormatVersion = 1;

const formatSchema = z.object({
  version: z.int().positive(),
  /** Milliseconds since the epoch. */
  created: z.number(),
  journal_id: z.string().min(1),
});

/** Contents of `journal/FORMAT`: which format the folder is in, and which journal it is. */
export type JournalFormat = z.infer<typeof formatSchema>;

/** The folder was written by a newer program: it is refused and left as it is. */
export class NewerJournalError extends Error {
  override readonly name = 'NewerJournalError';
  constructor(readonly version: number) {
    super(`the journal has format ${version}; this program knows formats up to ${journalFormatVersion}`);
  }
}

function formatFile(dir: string): string {
  return join(dir, 'FORMAT');
}

/**
 * Reads `FORMAT`. @returns undefined when it is missing or unreadable as such (it is written anew then).
 * @throws NewerJournalError, and what reading reports other than "not there".
 */
export async function readFormat(dir: string): Promise<JournalFormat | undefined> {
  let text: string;
  try {
    text = await readFile(formatFile(dir), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const version = z.object({ version: z.int() }).safeParse(value);
  if (version.success && version.data.version > journalFormatVersion) {
    throw new NewerJournalError(version.data.version);
  }
  return formatSchema.safeParse(value).data;
}

/** A description for a journal that starts now. */
export function newFormat(created: number): JournalFormat {
  return { version: journalFormatVersion, created, journal_id: randomUUID() };
}

/** Writes `FORMAT` durably. @throws what the system reports. */
export function writeFormat(dir: string, format: JournalFormat): void {
  replaceFileSync(formatFile(dir), [Buffer.from(`${JSON.stringify(format)}\n`)]);
}
