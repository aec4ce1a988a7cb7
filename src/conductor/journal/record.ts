import { crc32Hex } from './crc32';

/** The body of a record: plain JSON (what `JSON.parse` can give back). */
export type RecordBody = Readonly<Record<string, unknown>>;

/** What a caller hands to `append`; the journal adds seq and epoch. */
export interface RecordDraft {
  /** Dotted name, such as `attempt.started`. Names starting with `snapshot.` are for snapshots only. */
  readonly type: string;
  /** The run that the record belongs to; absent = independent of any job. */
  readonly run?: string;
  readonly body: RecordBody;
  /** Milliseconds since the epoch. Default: the journal's clock. */
  readonly t?: number;
}

/**
 * One journal record (docs/architecture.md, "Journal").
 * A snapshot record carries the seq of the last record that its snapshot covers: snapshots use up no numbers.
 */
export interface JournalRecord {
  /** Counts records, over restarts, without a gap. */
  readonly seq: number;
  /** The ownership number of the conductor that wrote it. */
  readonly epoch: number;
  /** Milliseconds since the epoch. */
  readonly t: number;
  readonly type: string;
  readonly run?: string;
  readonly body: RecordBody;
  /** The next record was decided together with this one: without it, this one does not count (a torn end is cut back to the first of them). */
  readonly more?: true;
}

/** A draft's encoded line may not be longer than this many bytes. */
export const maxRecordBytes = 8 * 1024 * 1024;

/** Prefix of the types that make up a snapshot. */
export const snapshotPrefix = 'snapshot.';

/** First and last record of a snapshot; written by the journal itself. */
export const snapshotBegin = 'snapshot.begin';
export const snapshotEnd = 'snapshot.end';

/** Journalled after a run's records have been copied to its archive; not part of the archive. */
export const archivedType = 'job.archived';

/** Last record of a run that was deleted: none of its records is needed any more. */
export const deletedType = 'job.deleted';

/** True for records that restate the state at the head of a segment. */
export function isSnapshotType(type: string): boolean {
  return type.startsWith(snapshotPrefix);
}

/** The record as JSON, without checksum and line end: what {@link sealLine} completes. */
export function recordJson(record: JournalRecord): string {
  const { seq, epoch, t, type, run, body, more } = record;
  // What is undefined is left out.
  return JSON.stringify({ seq, epoch, t, type, run, more, body });
}

const checksumKey = ',"crc":"';
/** `,"crc":"xxxxxxxx"}` */
const tailLength = checksumKey.length + 8 + 2;

/** Adds checksum and line end to the JSON of an object: the checksum covers every byte before `,"crc"`. */
export function sealLine(json: string): Buffer {
  const covered = Buffer.byteLength(json) - 1;
  const line = Buffer.allocUnsafe(covered + tailLength + 1);
  line.write(json.slice(0, -1), 0, 'utf8');
  line.write(`${checksumKey}${crc32Hex(line, 0, covered)}"}\n`, covered, 'latin1');
  return line;
}

/** One record as a complete line, line end included. */
export function encodeRecord(record: JournalRecord): Buffer {
  return sealLine(recordJson(record));
}

/** Why a line is no record: `truncated` (no complete tail), `checksum`, `json`, or `shape` (a field missing or of a wrong type). */
export type LineFailure = 'truncated' | 'checksum' | 'json' | 'shape';

/** What a line turned out to be. */
export type DecodedLine =
  | { readonly ok: true; readonly record: JournalRecord }
  | { readonly ok: false; readonly reason: LineFailure };

/** Reads one line (without its line end). Never throws. */
export function decodeLine(line: Uint8Array): DecodedLine {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const covered = bytes.length - tailLength;
  if (covered < 1) return { ok: false, reason: 'truncated' };
  const tail = bytes.toString('latin1', covered);
  const crc = tail.slice(checksumKey.length, -2);
  if (!tail.startsWith(checksumKey) || !tail.endsWith('"}') || !/^[0-9a-f]{8}$/.test(crc)) {
    return { ok: false, reason: 'truncated' };
  }
  if (crc32Hex(bytes, 0, covered) !== crc) return { ok: false, reason: 'checksum' };
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8', 0, covered) + '}');
  } catch {
    return { ok: false, reason: 'json' };
  }
  const record = asRecord(value);
  return record ? { ok: true, record } : { ok: false, reason: 'shape' };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function asRecord(value: unknown): JournalRecord | undefined {
  if (!isObject(value)) return undefined;
  const { seq, epoch, t, type, run, body, more } = value;
  if (!isCount(seq) || !isCount(epoch) || typeof t !== 'number' || !Number.isFinite(t)) return undefined;
  if (typeof type !== 'string' || type === '' || !isObject(body)) return undefined;
  const base: JournalRecord = { seq, epoch, t, type, body, ...(more === true ? { more: true } : {}) };
  if (run === undefined) return base;
  return typeof run === 'string' && run !== '' ? { ...base, run } : undefined;
}
