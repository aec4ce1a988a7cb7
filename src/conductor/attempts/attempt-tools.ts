import { McpProxy } from '../../backends/mcp/proxy';
import type { ToolBox } from '../../backends/tools/contract';
import { createToolBox } from '../../backends/tools/tool-box';
import type { InstrumentCatalogue } from '../../instruments/catalogue';
import type { McpServerDefinitions } from '../../instruments/mcp-servers';
import type { HttpProfile } from '../../instruments/schema';
import { resolveExecutable } from '../../process/resolve';
import { mcpLogPath } from '../../protocol/paths';
import { Redaction } from '../output/redact';
import { ServerLog } from '../output/server-log';
import type { AttemptRequest } from './runner';

export interface McpProxyOptions {
  readonly version: string;
  readonly stateDir: string;
  readonly stateHash: string;
  /** The ownership's: tells this conductor's servers from those of an earlier one. */
  readonly epoch: number;
  readonly home: string;
  readonly executables: Readonly<Record<string, string>>;
  readonly servers: McpServerDefinitions;
}

/** The conductor's MCP servers; none is started before it is needed. */
export function openMcpProxy(options: McpProxyOptions): McpProxy {
  return new McpProxy(
    {
      version: options.version,
      stateHash: options.stateHash,
      instance: String(options.epoch),
      home: options.home,
      environment: process.env,
      resolveExecutable: async (command) => {
        const setting = options.executables[command] ?? (command.startsWith('~/') ? command : undefined);
        const found = await resolveExecutable(command, {
          path: process.env['PATH'] ?? '',
          home: options.home,
          ...(setting === undefined ? {} : { setting }),
        });
        return found.found ? found.path : null;
      },
      openLog: (name, secrets) =>
        new ServerLog(mcpLogPath(options.stateDir, name), secrets, () => performance.now()),
      redactor: (secrets) => {
        const redaction = new Redaction({ secrets });
        return (text) => redaction.text(text);
      },
      clock: {
        now: () => performance.now(),
        delay: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
      },
    },
    options.servers,
  );
}

/** What an attempt of an HTTP instrument may use: files of its workspace unless the score says no, and the servers that the score chose. */
export function attemptTools(
  request: AttemptRequest,
  profile: HttpProfile,
  sources: {
    readonly proxy: McpProxy;
    readonly umask: number;
    readonly catalogue: InstrumentCatalogue;
  },
): ToolBox | null {
  const { config } = request.instrument;
  // It has no tools in its protocol.
  if (profile.http.schema_family === 'recursive_light') return null;
  return createToolBox({
    workspace: request.workspace,
    umask: sources.umask,
    fileTools: config.fileTools ?? true,
    servers: config.mcpServers ?? [],
    proxy: sources.proxy,
    brought: sources.catalogue.workspaceServers,
  });
}
