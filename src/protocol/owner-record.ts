/** Reading `owner/`: which record is in force. Used by the conductor to become the owner, and by clients to find it. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { epochOfName, ownerRecordName, ownerRecordSchema, statePaths } from './paths';
import type { OwnerRecord } from './paths';
import { errorCode } from './private-folder';

/** Number of the record in force; 0 when there is none. */
export async function highestEpoch(ownerFolder: string): Promise<number> {
  let names: string[];
  try {
    names = await readdir(ownerFolder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0;
    throw error;
  }
  return names.reduce((highest, name) => Math.max(highest, epochOfName(name) ?? 0), 0);
}

/** One record. `garbage`: it is no record, its owner counts as dead. `moved`: it was removed meanwhile, because there is a higher one. */
export async function readOwnerRecord(
  ownerFolder: string,
  epoch: number,
): Promise<OwnerRecord | 'garbage' | 'moved'> {
  let text: string;
  try {
    text = await readFile(join(ownerFolder, ownerRecordName(epoch)), 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'moved';
    // A folder in the record's place is garbage. An I/O error is not a dead owner: it is thrown.
    if (errorCode(error) === 'EISDIR') return 'garbage';
    throw error;
  }
  try {
    const parsed = ownerRecordSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : 'garbage';
  } catch {
    return 'garbage';
  }
}

/** The record in force, whether its owner lives or not; null when there is none that can be read. */
export async function readOwner(stateDir: string): Promise<{ epoch: number; record: OwnerRecord } | null> {
  const folder = statePaths(stateDir).owner;
  for (;;) {
    const epoch = await highestEpoch(folder);
    if (epoch === 0) return null;
    const record = await readOwnerRecord(folder, epoch);
    if (record === 'moved') continue;
    return record === 'garbage' ? null : { epoch, record };
  }
}
