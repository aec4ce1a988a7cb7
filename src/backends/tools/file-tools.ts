import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { ConfinedFolder, PathRefusal, type ConfinedOptions } from './confined';
import type { Tool, ToolResult } from './contract';

/** Most of a file that one call gives, bytes: about 16,000 tokens. */
export const MAX_PAGE_BYTES = 64 * 1024;
const DEFAULT_PAGE_BYTES = 32 * 1024;
/** Largest file that is written, bytes. */
export const MAX_FILE_BYTES = 10 * 1024 * 1024;
/** Entries that one call of `list_dir` gives. */
const PAGE_ENTRIES = 500;
/** Names that are held in memory of one folder. */
const MAX_ENTRIES = 50_000;

const path = z
  .string()
  .min(1)
  .describe('Path of a file or folder in the workspace; relative to the workspace, or absolute.');

const readArgs = z.object({
  path,
  offset: z.int().min(0).default(0).describe('First byte to read. Default: 0.'),
  max_bytes: z
    .int()
    .min(1)
    .max(MAX_PAGE_BYTES)
    .default(DEFAULT_PAGE_BYTES)
    .describe(`Most bytes to read. Default: ${DEFAULT_PAGE_BYTES}.`),
});
const writeArgs = z.object({
  path,
  content: z.string().describe('The text of the file.'),
  append: z
    .boolean()
    .default(false)
    .describe('Add to the end of the file instead of replacing it. Default: false.'),
});
const listArgs = z.object({
  path: path.default('.'),
  offset: z.int().min(0).default(0).describe('First entry to give. Default: 0.'),
});

export interface FileToolOptions extends ConfinedOptions {
  /** Absolute. */
  readonly workspace: string;
  /** The user's umask: the files are the user's. */
  readonly umask: number;
}

type FileToolName = 'read_file' | 'write_file' | 'list_dir';

/** What a model without hands needs to work in a workspace. Every failure is a result that says what to do else. */
export class FileTools {
  /** Writes happen one after another: two that append to one file must both be in it. */
  private writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: FileToolOptions) {}

  static readonly tools: readonly (Tool & { readonly name: FileToolName })[] = [
    {
      name: 'read_file',
      description:
        'Reads a text file of the workspace. A large file comes in pages: the answer then says with which `offset` to go on.',
      inputSchema: schemaOf(readArgs),
    },
    {
      name: 'write_file',
      description:
        'Writes a text file in the workspace, whole: an existing file is replaced unless `append` is true. Folders are made as needed.',
      inputSchema: schemaOf(writeArgs),
    },
    {
      name: 'list_dir',
      description:
        'Lists a folder of the workspace: its folders (with a slash at the end) and files with their sizes.',
      inputSchema: schemaOf(listArgs),
    },
  ];

  /** Never throws for a failure of the tool. */
  async call(name: FileToolName, args: unknown): Promise<ToolResult> {
    let folder: ConfinedFolder;
    try {
      folder = await ConfinedFolder.at(this.options.workspace, this.options);
    } catch (error) {
      return failed(`the workspace cannot be used: ${(error as Error).message}`);
    }
    try {
      switch (name) {
        case 'read_file':
          return await read(folder, parsed(readArgs, args));
        case 'list_dir':
          return await list(folder, parsed(listArgs, args));
        case 'write_file': {
          const wanted = parsed(writeArgs, args);
          const writing = this.writing.then(() => write(folder, wanted, this.options.umask));
          this.writing = writing.catch(() => undefined);
          return await writing;
        }
      }
    } catch (error) {
      if (error instanceof PathRefusal) return failed(error.message);
      return failed(folder.told(error, 'the file').message);
    }
  }
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}

function parsed<Schema extends z.ZodType>(schema: Schema, args: unknown): z.output<Schema> {
  const result = schema.safeParse(args);
  if (result.success) return result.data;
  const told = result.error.issues.map(({ path: at, message }) =>
    at.length === 0 ? message : `${at.join('.')}: ${message}`,
  );
  throw new PathRefusal(`wrong arguments: ${told.join('; ')}`);
}

async function read(
  folder: ConfinedFolder,
  { path: wanted, offset, max_bytes: limit }: z.output<typeof readArgs>,
): Promise<ToolResult> {
  const checked = await folder.check(wanted);
  const parent = await folder.parent(checked, null);
  let handle: FileHandle;
  try {
    handle = await parent.folder.read(parent.name, checked.shown);
  } catch (error) {
    throw folder.told(error, checked.shown);
  } finally {
    await parent.folder.close();
  }
  try {
    const { size } = await handle.stat();
    if (offset > size) throw new PathRefusal(`${checked.shown}: the file ends at byte ${size}`);
    const head = await bytesAt(handle, 0, 8192);
    const page = await bytesAt(handle, offset, limit);
    const whole = offset + page.length >= size;
    const { text, used } = decode(page, offset > 0, whole);
    if (head.includes(0) || page.includes(0) || text === null) {
      throw new PathRefusal(`${checked.shown}: a binary file of ${size} bytes; only text can be read`);
    }
    const end = offset + used;
    if (size === 0) return said('(The file is empty.)');
    if (end >= size && offset === 0) return said(text);
    const rest = end >= size ? 'This is the end.' : `Go on with offset ${end}.`;
    return said(text, `(Bytes ${offset} to ${end} of ${size}. ${rest})`);
  } finally {
    await handle.close();
  }
}

async function bytesAt(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** UTF-8, cut before a character or a line that the page does not hold whole. Null = not text. */
function decode(page: Uint8Array, isLater: boolean, isEnd: boolean): { text: string | null; used: number } {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  // An offset may point into a character.
  let start = 0;
  while (isLater && start < 3 && start < page.length && ((page[start] ?? 0) & 0xc0) === 0x80) start += 1;
  const ends = [page.length];
  if (!isEnd) {
    const line = page.lastIndexOf(0x0a) + 1;
    if (line > page.length / 2) ends.unshift(line);
    for (let back = 1; back <= 3; back += 1) ends.push(page.length - back);
  }
  for (const end of ends) {
    if (end <= start) continue;
    try {
      return { text: strict.decode(page.subarray(start, end)), used: end };
    } catch {
      // Cut elsewhere.
    }
  }
  return { text: page.length === 0 ? '' : null, used: page.length };
}

async function write(
  folder: ConfinedFolder,
  { path: wanted, content, append }: z.output<typeof writeArgs>,
  umask: number,
): Promise<ToolResult> {
  const checked = await folder.check(wanted);
  // What git runs by itself would be a way out of the workspace.
  if (checked.parts.some((part) => part.toLowerCase() === '.git'))
    throw new PathRefusal(`${checked.shown}: the folder .git is not written to`);
  let data = Buffer.from(content, 'utf8');
  if (data.length > MAX_FILE_BYTES) throw tooLarge(checked.shown);
  const parent = await folder.parent(checked, 0o777 & ~umask);
  try {
    const there = await parent.folder.look(parent.name);
    if (there?.kind === 'folder') throw new PathRefusal(`${checked.shown}: is a folder, not a file`);
    if (there !== null && there.kind !== 'file') throw new PathRefusal(`${checked.shown}: not a plain file`);
    // A rename would go round it.
    if (there !== null && (there.mode & 0o200) === 0)
      throw new PathRefusal(`${checked.shown}: the file is read-only`);
    if (append && there !== null) {
      const handle = await parent.folder.read(parent.name, checked.shown);
      try {
        const { size } = await handle.stat();
        if (size + data.length > MAX_FILE_BYTES) throw tooLarge(checked.shown);
        data = Buffer.concat([await bytesAt(handle, 0, size), data]);
      } finally {
        await handle.close();
      }
    }
    await parent.folder.replace(parent.name, data, there?.mode ?? 0o666 & ~umask);
    const done = append && there !== null ? 'Appended' : there === null ? 'Written' : 'Replaced';
    return said(`${done}: ${checked.shown}, now ${data.length} bytes.`);
  } catch (error) {
    throw folder.told(error, checked.shown);
  } finally {
    await parent.folder.close();
  }
}

async function list(
  folder: ConfinedFolder,
  { path: wanted, offset }: z.output<typeof listArgs>,
): Promise<ToolResult> {
  const checked = await folder.check(wanted);
  const open = await folder.folder(checked, checked.parts, null);
  try {
    const all = (await open.entries())
      .slice(0, MAX_ENTRIES)
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    if (all.length === 0) return said('(The folder is empty.)');
    const lines = await Promise.all(
      all.slice(offset, offset + PAGE_ENTRIES).map(async ({ name, kind }) => {
        // A name is data: a line break in it must not look like another entry.
        const shown = /[\p{Cc}\p{Zl}\p{Zp}]/u.test(name) ? JSON.stringify(name) : name;
        if (kind === 'folder') return `${shown}/`;
        if (kind === 'link') return `${shown} (link)`;
        const size = await open.sizeOf(name);
        return size === null ? `${shown} (not a plain file)` : `${shown} (${size} bytes)`;
      }),
    );
    const end = offset + lines.length;
    if (end >= all.length) return said(lines.join('\n') || `(The folder has ${all.length} entries.)`);
    return said(lines.join('\n'), `(${end} of ${all.length} entries. Go on with offset ${end}.)`);
  } catch (error) {
    throw folder.told(error, checked.shown);
  } finally {
    await open.close();
  }
}

function tooLarge(shown: string): PathRefusal {
  return new PathRefusal(`${shown}: a file may have at most ${MAX_FILE_BYTES} bytes`);
}

function said(...texts: string[]): ToolResult {
  return { isError: false, content: texts.map((text) => ({ type: 'text', text })) };
}

function failed(message: string): ToolResult {
  return { isError: true, content: [{ type: 'text', text: message }] };
}
