import { createHash } from 'node:crypto';
import type { McpProxy, WorkspaceServers } from '../mcp/proxy';
import type { McpServer } from '../mcp/server';
import type { Tool, ToolBox, ToolResult } from './contract';
import { FileTools } from './file-tools';

/** A server that a score has chosen. */
export interface ChosenServer {
  readonly name: string;
  /** Tools by the server's own names, `*` for any characters; null = all. */
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[];
}

export interface ToolBoxOptions {
  /** Absolute. */
  readonly workspace: string;
  /** The user's umask. */
  readonly umask: number;
  /** Are `read_file`, `write_file` and `list_dir` offered? */
  readonly fileTools: boolean;
  readonly servers: readonly ChosenServer[];
  readonly proxy: McpProxy | null;
  readonly brought: WorkspaceServers | null;
}

interface Entry {
  readonly tool: Tool;
  call(args: Record<string, unknown>, signal: AbortSignal): Promise<ToolResult>;
}

/** The tools of one attempt; null when the score chose none. */
export function createToolBox(options: ToolBoxOptions): ToolBox | null {
  return options.fileTools || options.servers.length > 0 ? new AttemptToolBox(options) : null;
}

class AttemptToolBox implements ToolBox {
  private readonly closing = new AbortController();
  private readonly releases: (() => void)[] = [];
  private readonly files: FileTools | null;
  private entries: Promise<ReadonlyMap<string, Entry>> | null = null;

  constructor(private readonly options: ToolBoxOptions) {
    this.files = options.fileTools ? new FileTools(options) : null;
  }

  async list(): Promise<readonly Tool[]> {
    return [...(await this.loaded()).values()].map(({ tool }) => tool);
  }

  async call(name: string, args: unknown, signal: AbortSignal): Promise<ToolResult> {
    signal.throwIfAborted();
    let entries: ReadonlyMap<string, Entry>;
    try {
      entries = await this.loaded();
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
    const entry = entries.get(name);
    if (!entry) {
      const names = [...entries.keys()];
      return failed(
        `there is no tool "${name.slice(0, 100)}"; ${names.length > 0 ? `there are: ${names.join(', ')}` : 'there are none'}`,
      );
    }
    const given = args ?? {};
    if (typeof given !== 'object' || Array.isArray(given))
      return failed(`the arguments of ${name} must be an object, as its schema says`);
    return entry.call(given as Record<string, unknown>, AbortSignal.any([signal, this.closing.signal]));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort(new Error('the attempt has ended'));
    for (const release of this.releases.splice(0)) release();
    return Promise.resolve();
  }

  private loaded(): Promise<ReadonlyMap<string, Entry>> {
    this.entries ??= this.load().catch((error: unknown) => {
      this.entries = null;
      throw error;
    });
    return this.entries;
  }

  private async load(): Promise<ReadonlyMap<string, Entry>> {
    const { proxy, servers, brought } = this.options;
    const entries = new Map<string, Entry>();
    const { files } = this;
    if (files) {
      for (const tool of FileTools.tools)
        entries.set(tool.name, { tool, call: (args) => files.call(tool.name, args) });
    }
    if (servers.length === 0) return entries;
    if (!proxy) throw new Error('MCP servers are not available here');
    // All are looked up before one is started: a name that does not exist is told at once.
    const found = await Promise.all(
      servers.map(async (choice) => ({ choice, server: await proxy.server(choice.name, brought) })),
    );
    this.closing.signal.throwIfAborted();
    const offered = await Promise.all(
      found.map(async ({ choice, server }) => {
        this.releases.push(server.lease());
        const tools = await server.tools(this.closing.signal);
        return tools.filter(({ name }) => isChosen(choice, name)).map((tool) => ({ server, tool }));
      }),
    );
    const all = offered.flat();
    const uses = new Map<string, number>();
    for (const name of [...entries.keys(), ...all.map(({ tool }) => plainName(tool.name))])
      uses.set(name, (uses.get(name) ?? 0) + 1);
    for (const { server, tool } of all) {
      const plain = plainName(tool.name);
      const name = freeName((uses.get(plain) ?? 0) > 1 ? `${server.name}__${plain}` : plain, entries);
      entries.set(
        name,
        remote(server, tool.name, {
          name,
          description: tool.description,
          inputSchema: tool.inputSchema,
        }),
      );
    }
    return entries;
  }
}

function remote(server: McpServer, itsName: string, tool: Tool): Entry {
  return { tool, call: (args, signal) => server.call(itsName, args, signal) };
}

function isChosen({ allow, deny }: ChosenServer, name: string): boolean {
  const isIn = (list: readonly string[]) => list.some((pattern) => matches(pattern, name));
  return (allow === null || isIn(allow)) && !isIn(deny);
}

/** `*` stands for any characters. Without a regular expression, which a stranger's pattern could make slow. */
function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = name.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return name.length - from >= last.length && name.endsWith(last);
}

const MAX_NAME = 64;

/** A name that every vendor takes. */
function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_');
}

/** At most 64 characters, and not taken. The end tells apart what is cut off, the same way each time. */
function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  const digest = createHash('sha256').update(name).digest('hex');
  let free = name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME - 9)}_${digest.slice(0, 8)}`;
  for (let number = 2; taken.has(free); number += 1) free = `${name.slice(0, MAX_NAME - 4)}_${number}`;
  return free;
}

function failed(message: string): ToolResult {
  return { isError: true, content: [{ type: 'text', text: message }] };
}
