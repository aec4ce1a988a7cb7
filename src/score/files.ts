/** The files that scores refer to, handed in so that the room stays pure. Paths are absolute; nothing throws but `readText` and `readBytes`. */
export interface ScoreFiles {
  /** UTF-8. @throws when unreadable or no valid UTF-8. */
  readText(path: string): string;
  exists(path: string): boolean;
  isFile(path: string): boolean;
  isDirectory(path: string): boolean;
  /** Names in a folder, sorted by code unit; empty when it cannot be read. */
  listDir(path: string): readonly string[];
  /** With links resolved; the path itself when it does not exist. */
  realpath(path: string): string;
  /** Size in bytes; 0 when it does not exist. */
  size(path: string): number;
}

/** Raised by `readText` for bytes that are no text. */
export class NotTextError extends Error {}

/** Raised by `readText` for what must not be read: a pipe, a device, or more than {@link LARGEST_TEXT_BYTES}. */
export class UnusableFileError extends Error {}

/** Most bytes of a file that a score refers to. Room for a captured file of 16 MiB; the score's own text has a smaller limit. */
export const LARGEST_TEXT_BYTES = 16 * 1024 * 1024;
