import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, readFile, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { environmentNames } from './environment-names';
import { describeServer, mcpServersSchema, type McpServerDefinitions } from './mcp-servers';
import { MAX_PROFILE_BYTES, parseProfile, parseYaml, type ModelLists, type ProfileProblem } from './parse';

/**
 * What a workspace folder brings counts only after a person approved exactly this content at exactly this place. `trust.json` holds the approvals.
 */
const trustSchema = z.object({
  version: z.literal(1),
  folders: z.array(
    z.object({
      /** Real path of the workspace folder. */
      path: z.string(),
      /** `folderDigest` of what was approved. */
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      /** Milliseconds since the epoch. */
      approved_at: z.number(),
    }),
  ),
  /** Origins (`https://host:port`) that a score may name as `base_url`; a key never goes there. */
  origins: z.array(z.object({ origin: z.string(), approved_at: z.number() })).default([]),
});

export type TrustRecords = z.infer<typeof trustSchema>;

export const NO_TRUST: TrustRecords = { version: 1, folders: [], origins: [] };

/** Reads the text of `trust.json`. @throws Error when it is not such a file: a broken one approves nothing and must not be overwritten unseen. */
export function parseTrust(text: string): TrustRecords {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error('trust.json is not JSON');
  }
  const result = trustSchema.safeParse(data);
  if (!result.success)
    throw new Error(`trust.json is not valid: ${result.error.issues[0]?.message ?? 'unknown reason'}`);
  return result.data;
}

/** Is this content at this real path approved? */
export function isApproved(records: TrustRecords, path: string, sha256: string): boolean {
  return records.folders.some((folder) => folder.path === path && folder.sha256 === sha256);
}

/** Approves this content there; an earlier approval of other content at the same path ends. */
export function approve(records: TrustRecords, path: string, sha256: string, now: number): TrustRecords {
  const { folders } = revoke(records, path);
  return { ...records, folders: [...folders, { path, sha256, approved_at: now }] };
}

/** Takes every approval of this path back. */
export function revoke(records: TrustRecords, path: string): TrustRecords {
  return { ...records, folders: records.folders.filter((folder) => folder.path !== path) };
}

/** Lets scores name this address, or takes that back. @throws Error for what is no http(s) address. */
export function approveOrigin(records: TrustRecords, url: string, now: number): TrustRecords {
  const origin = originOf(url);
  const { origins } = revokeOrigin(records, url);
  return { ...records, origins: [...origins, { origin, approved_at: now }] };
}

export function revokeOrigin(records: TrustRecords, url: string): TrustRecords {
  const origin = originOf(url);
  return { ...records, origins: records.origins.filter((entry) => entry.origin !== origin) };
}

/** `https://host:port` of an address. @throws Error for what is no http(s) address. */
export function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:')
    throw new Error(`${url} is no http:// or https:// address`);
  return parsed.origin;
}

/** @throws Error when the file is there and is not a trust file, or cannot be read. A missing file approves nothing. */
export async function readTrustFile(file: string): Promise<TrustRecords> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NO_TRUST;
    throw error;
  }
  return parseTrust(text);
}

/** Replaces the file whole (temp, fsync, rename), mode 0600: a crash leaves the old one or the new one. */
export async function writeTrustFile(file: string, records: TrustRecords): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temp = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temp, 'wx', 0o600);
    try {
      await handle.writeFile(JSON.stringify(records, null, 2) + '\n');
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(temp, 0o600);
    await rename(temp, file);
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
}

/** One file of a folder, as read once: the bytes that were digested are the bytes that are parsed. */
export interface FolderFile {
  readonly name: string;
  readonly text: string;
}

/** SHA-256 over names and contents, lengths included, so that no two folders share one by shifting bytes between files. */
export function folderDigest(files: readonly FolderFile[]): string {
  const hash = createHash('sha256');
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = Buffer.from(file.name);
    const body = Buffer.from(file.text);
    hash.update(`${name.length} ${body.length}\n`).update(name).update(body);
  }
  return hash.digest('hex');
}

const MAX_FILES = 200;

/**
 * Profile files of a folder (`*.yaml`, `*.yml`, not recursive), by name. Only plain files: a link, pipe or device is a problem. A missing
 * folder has none.
 */
export async function readProfileFiles(
  folder: string,
  options: { readonly followLinks: boolean },
): Promise<{ files: FolderFile[]; problems: ProfileProblem[] }> {
  const problems: ProfileProblem[] = [];
  const files: FolderFile[] = [];
  let names: string[];
  try {
    names = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).sort();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') problems.push({ file: folder, line: null, severity: 'error', message });
    return { files, problems };
  }
  for (const [index, name] of names.entries()) {
    const file = join(folder, name);
    const refuse = (message: string): void => {
      problems.push({ file, line: null, severity: 'error', message });
    };
    if (index >= MAX_FILES) {
      refuse(`more than ${MAX_FILES} profiles in one folder`);
      break;
    }
    const read = await readPlainFile(file, options);
    if ('refusal' in read) refuse(read.refusal);
    else files.push({ name, text: read.text });
  }
  return { files, problems };
}

async function readPlainFile(
  file: string,
  options: { readonly followLinks: boolean },
): Promise<{ text: string } | { refusal: string; missing: boolean }> {
  const refused = (refusal: string, missing = false) => ({ refusal, missing });
  try {
    // One descriptor for check and read, so that nothing can be swapped between; non-blocking, so that a pipe cannot hang us.
    const links = options.followLinks ? 0 : constants.O_NOFOLLOW;
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | links);
    try {
      const status = await handle.stat();
      if (!status.isFile()) return refused('not a plain file');
      if (status.size > MAX_PROFILE_BYTES) return refused(`larger than ${MAX_PROFILE_BYTES} bytes`);
      return { text: await handle.readFile('utf8') };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return refused(code === 'ELOOP' ? 'a link; only plain files count here' : message, code === 'ENOENT');
  }
}

/** What a person is shown before approving. */
export interface FolderItem {
  readonly kind: 'instrument' | 'mcp_server';
  readonly file: string;
  readonly name: string;
  /** What would run, or the address that would be called. */
  readonly runs: string;
  /** Environment variables that it would see beyond the system's. Secrets never go to a workspace's profile. */
  readonly environment: readonly string[];
}

export interface FolderInspection {
  /** Real path of the workspace. */
  readonly path: string;
  readonly sha256: string;
  readonly approved: boolean;
  readonly items: readonly FolderItem[];
  /** Its profiles. */
  readonly files: readonly FolderFile[];
  /** Its MCP servers, by name. */
  readonly servers: McpServerDefinitions;
  readonly problems: readonly ProfileProblem[];
}

/** Where a workspace keeps its profiles. */
export function workspaceProfileFolder(workspace: string): string {
  return join(workspace, '.marianne', 'instruments');
}

/** Where a workspace names MCP servers: the block `mcp_servers`, as in `conductor.yaml`. */
export function workspaceServerFile(workspace: string): string {
  return join(workspace, '.marianne', 'mcp_servers.yaml');
}

const serverFileSchema = z.strictObject({ mcp_servers: mcpServersSchema });

/**
 * Says what a workspace brings, with its digest and whether that was approved. Null when it brings nothing. A `.marianne` folder that is a link
 * out of the workspace is followed: the digest, not the place of the bytes, is what was approved.
 */
export async function inspectFolder(
  workspace: string,
  records: TrustRecords,
  modelLists: ModelLists,
): Promise<FolderInspection | null> {
  let path: string;
  try {
    path = await realpath(workspace);
  } catch {
    return null;
  }
  const folder = workspaceProfileFolder(path);
  const { files, problems } = await readProfileFiles(folder, { followLinks: false });
  const brought = await readServers(path, problems);
  if (files.length === 0 && brought.file === null && problems.length === 0) return null;
  const items: FolderItem[] = [];
  for (const { name: file, text } of files) {
    const parsed = parseProfile(text, join(folder, file), modelLists);
    problems.push(...parsed.problems);
    const profile = parsed.profile;
    if (profile === null) continue;
    const command = profile.cli?.command;
    items.push({
      kind: 'instrument',
      file,
      name: profile.name,
      runs: command
        ? [command.executable, command.subcommand, ...command.extra_flags]
            .filter((part) => part !== null)
            .join(' ')
        : (profile.http?.base_url ?? ''),
      environment: command?.inherit_env
        ? ['(everything submitted that is no secret)']
        : environmentNames(profile).plain,
    });
  }
  for (const [name, server] of Object.entries(brought.servers)) {
    items.push({
      kind: 'mcp_server',
      file: '../mcp_servers.yaml',
      name,
      runs: describeServer(server),
      environment: Object.keys(server.env),
    });
  }
  const sha256 = folderDigest(brought.file === null ? files : [...files, brought.file]);
  const approved = isApproved(records, path, sha256);
  return { path, sha256, approved, items, files, servers: brought.servers, problems };
}

async function readServers(
  workspace: string,
  problems: ProfileProblem[],
): Promise<{ file: FolderFile | null; servers: McpServerDefinitions }> {
  const file = workspaceServerFile(workspace);
  const read = await readPlainFile(file, { followLinks: false });
  if ('refusal' in read) {
    if (!read.missing) problems.push({ file, line: null, severity: 'error', message: read.refusal });
    return { file: null, servers: {} };
  }
  const parsed = parseYaml(read.text, file, serverFileSchema);
  problems.push(...parsed.problems);
  // No profile can have this name: it names no file in its folder.
  return {
    file: { name: '../mcp_servers.yaml', text: read.text },
    servers: parsed.value?.mcp_servers ?? {},
  };
}
