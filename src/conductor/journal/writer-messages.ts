import type { Fault } from './clock';

/** `workerData` of the writer thread. */
export interface WriterData {
  readonly dir: string;
  /** A segment that has grown by this many bytes since its snapshot asks for a successor. */
  readonly segmentBytes: number;
}

/** Records to write: JSON without checksum, as made by `recordJson`. */
export interface AppendMessage {
  readonly kind: 'append';
  readonly lines: readonly string[];
  /** Seq of the last line. */
  readonly last: number;
}

/**
 * Opens a segment and goes on in it. Carries *everything* that is not durable yet: whatever was sent before is forgotten,
 * so that the main thread alone knows what is pending.
 */
export interface SegmentMessage {
  readonly kind: 'segment';
  readonly first: number;
  readonly snapshot: readonly string[];
  readonly pending: readonly string[];
  /** Seq of the last pending line; first - 1 when there is none. */
  readonly last: number;
}

/** Closes the segment and ends the thread. */
export interface CloseMessage {
  readonly kind: 'close';
}

export type ToWriter = AppendMessage | SegmentMessage | CloseMessage;

export type FromWriter =
  /** All records up to `last` are durable. `roll`: nothing more is written until a segment message comes. */
  | { readonly kind: 'durable'; readonly last: number; readonly roll: boolean }
  | { readonly kind: 'opened'; readonly first: number; readonly bytes: number }
  /** The new segment could not be made, the old one goes on. */
  | { readonly kind: 'roll_refused'; readonly fault: Fault }
  /** The descriptor is closed; a segment message is needed. */
  | { readonly kind: 'failed'; readonly fault: Fault }
  | { readonly kind: 'closed' };
