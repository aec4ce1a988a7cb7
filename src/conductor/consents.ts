/** Workspaces in which a person has let agents act without asking. */
import { open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { z } from 'zod';

const fileSchema = z.object({
  /** Real path → when, milliseconds since the epoch. */
  workspaces: z.record(z.string(), z.number()),
});

/** Kept in one private file of the state directory. What cannot be read was not given: then a person is asked again. */
export class Consents {
  constructor(private readonly path: string) {}

  async has(workspace: string): Promise<boolean> {
    return Object.hasOwn(await this.read(), await real(workspace));
  }

  /** @throws the system's error when it cannot be stored. */
  async give(workspace: string, now: number): Promise<void> {
    const known = await this.read();
    const path = await real(workspace);
    if (Object.hasOwn(known, path)) return;
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify({ workspaces: { ...known, [path]: now } }, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  private async read(): Promise<Readonly<Record<string, number>>> {
    try {
      return fileSchema.parse(JSON.parse(await readFile(this.path, 'utf8'))).workspaces;
    } catch {
      return {};
    }
  }
}

/** A link to a folder is that folder. */
async function real(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
