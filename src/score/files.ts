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
