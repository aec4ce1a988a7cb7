import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, unlink } from 'node:fs/promises';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Gives the id of this state directory: a random UUID, made when it is first asked for. */
export class Installation {
  private known: Promise<string> | null = null;

  /** @param file where it is kept (`installation-id`), mode 0600 */
  constructor(private readonly file: string) {}

  /** @throws the file system's error when it can neither be read nor made; the next call tries again */
  id(): Promise<string> {
    this.known ??= readOrMake(this.file).catch((error: unknown) => {
      this.known = null;
      throw error;
    });
    return this.known;
  }
}

/** Complete before it has its name; of two who make one, the first wins. */
async function readOrMake(file: string): Promise<string> {
  const found = await read(file);
  if (found !== null && UUID.test(found)) return found;
  const id = randomUUID();
  const temp = `${file}.${id}.tmp`;
  const handle = await open(temp, 'w', 0o600);
  try {
    await handle.writeFile(`${id}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  // What is there and no id (torn, edited) is replaced.
  if (found !== null) {
    await rename(temp, file);
    return id;
  }
  try {
    await link(temp, file);
    return id;
  } catch (error) {
    const other = await read(file);
    if (other !== null && UUID.test(other)) return other;
    throw error;
  } finally {
    await unlink(temp).catch(() => undefined);
  }
}

async function read(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
