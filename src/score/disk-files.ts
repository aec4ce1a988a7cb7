import { existsSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import type { ScoreFiles } from './files';
import { NotTextError } from './files';

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

/** The real file system. */
export const diskFiles: ScoreFiles = {
  readText(path) {
    const bytes = readFileSync(path);
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
