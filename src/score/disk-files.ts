import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs';
import type { ScoreFiles } from './files';
import { LARGEST_TEXT_BYTES, NotTextError, UnusableFileError } from './files';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isKind(path: string, kind: 'isFile' | 'isDirectory'): boolean {
  return statSync(path, { throwIfNoEntry: false })?.[kind]() ?? false;
}

function quietly<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** Never waits and never reads without end: what stands in a file's place may be a pipe or a device. */
function readRegular(path: string): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const info = fstatSync(descriptor);
    if (!info.isFile() && !info.isDirectory()) throw new UnusableFileError(`${path} is not a regular file`);
    if (info.size > LARGEST_TEXT_BYTES)
      throw new UnusableFileError(
        `${path} is larger than ${LARGEST_TEXT_BYTES / 1024 / 1024} MiB (${info.size} bytes)`,
      );
    // A folder fails here, with the error that everybody knows.
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The real file system. */
export const diskFiles: ScoreFiles = {
  readText(path) {
    const bytes = readRegular(path);
    try {
      return decoder.decode(bytes);
    } catch {
      throw new NotTextError(`${path} is not UTF-8 text`);
    }
  },
  exists: (path) => existsSync(path),
  isFile: (path) => quietly(() => isKind(path, 'isFile'), false),
  isDirectory: (path) => quietly(() => isKind(path, 'isDirectory'), false),
  listDir: (path) => quietly(() => readdirSync(path).sort(), []),
  realpath: (path) => quietly(() => realpathSync(path), path),
  size: (path) => quietly(() => statSync(path).size, 0),
};
