import { createHash } from 'node:crypto';
import type { McpServerDefinition, McpServerDefinitions } from '../../instruments/mcp-servers';
import { isSameProcess } from '../../process/identity';
import { findMarked, listProcesses } from '../../process/table';
import { McpUnavailable, ownMarkerPrefix, serverMarkerPrefix } from './names';
import type { McpServer, McpServices } from './server';

/** Servers that an approved workspace brings. */
export interface WorkspaceServers {
  /** Real path. */
  readonly workspace: string;
  readonly servers: McpServerDefinitions;
}

/** All MCP servers of a conductor. Attempts share them; whoever names one gets the same. */
export class McpProxy implements AsyncDisposable {
  private readonly running = new Map<string, McpServer>();
  private closed = false;

  constructor(
    private readonly services: McpServices,
    /** The user's own, by name. */
    private readonly servers: McpServerDefinitions,
  ) {}

  /** The server of this name: the user's own, else the workspace's. Nothing is started. @throws McpUnavailable */
  async server(name: string, brought: WorkspaceServers | null): Promise<McpServer> {
    if (this.closed) throw stopping(name);
    const own = this.servers[name];
    if (Object.hasOwn(this.servers, name) && own) return this.shared(name, own, this.services.home);
    const theirs = brought?.servers[name];
    if (brought && Object.hasOwn(brought.servers, name) && theirs)
      return this.shared(name, theirs, brought.workspace);
    const known = [...Object.keys(this.servers), ...Object.keys(brought?.servers ?? {})];
    throw new McpUnavailable(
      `there is no MCP server "${name}". ` +
        (known.length > 0 ? `Known are: ${known.join(', ')}. ` : '') +
        'Name it under mcp_servers in conductor.yaml; one that a workspace brings has to be approved: mzt trust',
    );
  }

  /**
   * Ends servers that an earlier conductor left behind: a killed one ends nothing, and a server may take no notice of its closed stdin. For the owner of
   * the state directory only. @returns how many processes there were
   */
  async endStrays(): Promise<number> {
    const rows = await listProcesses();
    const own = await findMarked(ownMarkerPrefix(this.services), rows, 'prefix');
    const ours = new Set(own.map(({ pid }) => pid));
    const all = await findMarked(serverMarkerPrefix(this.services.stateHash), rows, 'prefix');
    const strays = all.filter(({ pid, startTime }) => !ours.has(pid) && isSameProcess(pid, startTime));
    for (const { pid } of strays) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended in this instant.
      }
    }
    return strays.length;
  }

  /** Ends all servers and everything that they started. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.running.values()].map((server) => server.close()));
    this.running.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** By content: a workspace's server that was changed and approved again is another one. */
  private async shared(name: string, definition: McpServerDefinition, folder: string): Promise<McpServer> {
    const room = await import('./mcp-room');
    if (this.closed) throw stopping(name);
    const key = createHash('sha256')
      .update(JSON.stringify([name, definition, folder]))
      .digest('hex');
    let server = this.running.get(key);
    if (!server) {
      server = new room.McpServer(name, definition, folder, this.services);
      this.running.set(key, server);
    }
    return server;
  }
}

function stopping(name: string): McpUnavailable {
  return new McpUnavailable(`the MCP server "${name}" cannot be used: the conductor is stopping`);
}
