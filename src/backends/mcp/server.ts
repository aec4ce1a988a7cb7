import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ErrorCode, McpError, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { isBannedName, isSystemName } from '../../instruments/environment-names';
import {
  expandVariables,
  MissingVariable,
  secretsOfServer,
  type McpServerDefinition,
} from '../../instruments/mcp-servers';
import type { ToolResult } from '../tools/contract';
import { callResultSchema, readResult, readTool, toolPageSchema, type RemoteTool } from './results';
import { McpUnavailable, ownMarkerPrefix } from './names';
import { StdioTransport } from './stdio-transport';

/** What servers need of the conductor. */
export interface McpServices {
  /** Version of the product, told in the handshake. */
  readonly version: string;
  /** Eight hex digits of the state directory: first part of every marker. */
  readonly stateHash: string;
  /** Tells this conductor from earlier ones of the same state directory. */
  readonly instance: string;
  readonly home: string;
  /** The conductor's own variables; of these a server gets the system's. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Null = there is no such program. */
  resolveExecutable(command: string): Promise<string | null>;
  /** Where what a server says goes; it redacts these values. */
  openLog(name: string, secrets: readonly string[]): ServerLog;
  /** Takes these values, and what looks like a key, out of a text. */
  redactor(secrets: readonly string[]): (text: string) => string;
  readonly clock: McpClock;
}

export interface McpClock {
  /** Milliseconds; only differences count. */
  now(): number;
  delay(milliseconds: number): Promise<void>;
}

export interface ServerLog {
  /** For a person. */
  readonly path: string;
  /** Never blocks, never throws; drops what is too much. */
  write(chunk: Uint8Array | string): void;
  close(): Promise<void>;
}

interface Connection {
  readonly client: Client;
  readonly transport: Transport;
  readonly since: number;
  closed: boolean;
  tools: Promise<readonly RemoteTool[]> | null;
}

/** Wait before a start after one crash, milliseconds; doubled with each. */
const FIRST_BACK_OFF_MS = 500;
const LONGEST_BACK_OFF_MS = 30_000;
/** A server that was up for so long did not crash at its start, milliseconds. */
const STEADY_MS = 60_000;
/** Starts that one caller waits for. */
const STARTS = 3;
const PING_MS = 5000;
const MAX_PAGES = 100;
const MAX_TOOLS = 500;
/** However much progress a server reports, one call may take so many times its limit. */
const MOST_EXTENSIONS = 20;

let instances = 0;

/** One MCP server, shared by all attempts: started when first needed, again after a crash, ended when nobody has used it for a while. */
export class McpServer {
  private connection: Connection | null = null;
  private connecting: Promise<Connection> | null = null;
  private failures = 0;
  private notBefore = -Infinity;
  private leases = 0;
  private idle: NodeJS.Timeout | null = null;
  private readonly stopping = new AbortController();
  private readonly log: ServerLog;
  private readonly redact: (text: string) => string;
  private readonly endings = new Set<Promise<void>>();

  constructor(
    readonly name: string,
    private readonly definition: McpServerDefinition,
    /** Where a program runs that has no `working_dir`. */
    private readonly folder: string,
    private readonly services: McpServices,
  ) {
    const secrets = secretsOfServer(definition);
    this.log = services.openLog(name, secrets);
    this.redact = services.redactor(secrets);
  }

  /** Keeps the server up until the returned function is called. */
  lease(): () => void {
    this.leases += 1;
    if (this.idle) clearTimeout(this.idle);
    this.idle = null;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.leases -= 1;
      if (this.leases > 0 || this.stopping.signal.aborted) return;
      this.idle = setTimeout(() => void this.disconnect(), this.definition.idle_minutes * 60_000).unref();
    };
  }

  /** What it offers, all pages. @throws McpUnavailable; what `signal` was aborted with */
  async tools(signal: AbortSignal): Promise<readonly RemoteTool[]> {
    for (let start = 1; ; start += 1) {
      const connection = await this.connected(signal);
      try {
        connection.tools ??= this.allTools(connection);
        return await unlessAborted(connection.tools, signal);
      } catch (error) {
        signal.throwIfAborted();
        connection.tools = null;
        // An error that the server itself answers with comes again.
        if (error instanceof McpError && !isTimeout(error) && !isClosed(error))
          throw this.unavailable(reasonOf(error));
        this.drop(connection);
        if (start >= STARTS) throw this.unavailable(reasonOf(error));
      }
    }
  }

  /** Never throws for a failure of the server: each is a result. @throws what `signal` was aborted with */
  async call(tool: string, args: Record<string, unknown>, signal: AbortSignal): Promise<ToolResult> {
    signal.throwIfAborted();
    for (let again = false; ; again = true) {
      let connection: Connection;
      try {
        connection = await this.connected(signal);
      } catch (error) {
        signal.throwIfAborted();
        return failed(error instanceof Error ? error.message : String(error));
      }
      const limit = this.definition.timeout_seconds * 1000;
      try {
        const answer = await connection.client.request(
          { method: 'tools/call', params: { name: tool, arguments: args } },
          callResultSchema,
          {
            signal,
            timeout: limit,
            resetTimeoutOnProgress: true,
            maxTotalTimeout: limit * MOST_EXTENSIONS,
            onprogress: () => undefined,
          },
        );
        return readResult(answer, this.redact);
      } catch (error) {
        signal.throwIfAborted();
        if (isTimeout(error)) {
          void this.lookWhetherItHangs(connection);
          return failed(
            `${tool} of the MCP server "${this.name}" did not answer within ${this.definition.timeout_seconds} s.`,
          );
        }
        // The protocol says that a session which has ended is answered with 404: the call was not taken.
        const sessionEnded = this.definition.url !== null && statusOf(error) === 404;
        const lost = connection.closed || isClosed(error) || !(error instanceof McpError);
        if (lost || sessionEnded) this.drop(connection);
        if (sessionEnded && !again) continue;
        const why = this.redact(reasonOf(error));
        return failed(
          lost
            ? `The MCP server "${this.name}" was lost during ${tool} (${why}). Whether it did the work is not known: look before you call again.`
            : `${tool} of the MCP server "${this.name}" failed: ${why}`,
        );
      }
    }
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.stopping.abort(new Error('the conductor is stopping'));
    if (this.idle) clearTimeout(this.idle);
    await this.connecting?.catch(() => undefined);
    await this.disconnect();
    await Promise.all(this.endings);
    await this.log.close();
  }

  private async connected(signal: AbortSignal): Promise<Connection> {
    for (let start = 1; ; start += 1) {
      signal.throwIfAborted();
      if (this.stopping.signal.aborted) throw this.unavailable('the conductor is stopping');
      if (this.connection && !this.connection.closed) return this.connection;
      this.connecting ??= this.start().finally(() => (this.connecting = null));
      try {
        return await unlessAborted(this.connecting, signal);
      } catch (error) {
        signal.throwIfAborted();
        // What no second try can mend is told at once.
        if (error instanceof McpUnavailable || start >= STARTS)
          throw error instanceof McpUnavailable ? error : this.unavailable(reasonOf(error));
      }
    }
  }

  private async start(): Promise<Connection> {
    const wait = this.notBefore - this.services.clock.now();
    if (wait > 0) await unlessAborted(this.services.clock.delay(wait), this.stopping.signal);
    const transport = await this.transport();
    const client = new Client({ name: 'marianne', version: this.services.version }, { capabilities: {} });
    const connection: Connection = {
      client,
      transport,
      since: this.services.clock.now(),
      closed: false,
      tools: null,
    };
    client.onclose = () => this.drop(connection);
    client.onerror = (error) => this.log.write(`[marianne] ${reasonOf(error)}\n`);
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      connection.tools = null;
    });
    try {
      await client.connect(transport, {
        timeout: this.definition.start_timeout_seconds * 1000,
        signal: this.stopping.signal,
      });
    } catch (error) {
      this.drop(connection);
      const how = transport instanceof StdioTransport ? transport.ending : null;
      throw how === null ? error : new Error(how);
    }
    if (connection.closed) throw new Error('it ended at once');
    this.connection = connection;
    return connection;
  }

  private async transport(): Promise<Transport> {
    const { command, url, args, env, headers, working_dir: folder } = this.definition;
    const variables = this.systemVariables();
    const filled = (values: Readonly<Record<string, string>>) =>
      Object.fromEntries(
        Object.entries(values).map(([name, text]) => [name, expandVariables(text, variables)]),
      );
    try {
      if (url !== null) {
        const transport = new StreamableHTTPClientTransport(new URL(url), {
          requestInit: { headers: filled(headers) },
        });
        return transport;
      }
      const executable = await this.services.resolveExecutable(command ?? '');
      if (executable === null)
        throw this.unavailable(
          `its program "${command}" was not found`,
          'Install it, or write its absolute path.',
        );
      return new StdioTransport({
        executable,
        args,
        env: { ...variables, ...filled(env) },
        cwd: folder ?? this.folder,
        marker: `${ownMarkerPrefix(this.services)}${this.name}.${(instances += 1)}`,
        onNoise: (chunk) => this.log.write(chunk),
      });
    } catch (error) {
      if (error instanceof MissingVariable) throw this.unavailable(error.message, 'Write the value itself.');
      throw error;
    }
  }

  private systemVariables(): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.services.environment).filter(
        (entry): entry is [string, string] =>
          entry[1] !== undefined && isSystemName(entry[0]) && !isBannedName(entry[0]),
      ),
    );
  }

  private async allTools(connection: Connection): Promise<readonly RemoteTool[]> {
    const tools: RemoteTool[] = [];
    if (!connection.client.getServerCapabilities()?.tools) return tools;
    let cursor: string | undefined;
    const seen = new Set<string>();
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await connection.client.request(
        { method: 'tools/list', params: cursor === undefined ? {} : { cursor } },
        toolPageSchema,
        { timeout: this.definition.start_timeout_seconds * 1000 },
      );
      for (const entry of answer.tools) {
        const tool = readTool(entry);
        if (typeof tool === 'string') this.log.write(`[marianne] ${tool}\n`);
        else if (tools.length < MAX_TOOLS) tools.push(tool);
      }
      cursor = answer.nextCursor;
      // A cursor that comes again would lead round for ever.
      if (cursor === undefined || seen.has(cursor)) return tools;
      seen.add(cursor);
    }
    return tools;
  }

  /** Ends a server that does not answer at all, so that the next call gets a new one. */
  private async lookWhetherItHangs(connection: Connection): Promise<void> {
    try {
      await connection.client.ping({ timeout: PING_MS });
    } catch {
      if (connection.closed) return;
      this.log.write('[marianne] it answers no more: it is ended\n');
      this.drop(connection);
    }
  }

  /** Takes a connection out of use, by whatever it ended, and counts the failure. */
  private drop(connection: Connection): void {
    if (connection.closed) return;
    connection.closed = true;
    if (this.connection === connection) this.connection = null;
    const now = this.services.clock.now();
    this.failures = now - connection.since >= STEADY_MS ? 1 : this.failures + 1;
    this.notBefore = now + Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** (this.failures - 1));
    if (!this.stopping.signal.aborted) {
      const how = connection.transport instanceof StdioTransport ? connection.transport.ending : null;
      this.log.write(`[marianne] connection lost${how === null ? '' : `: ${how}`}\n`);
    }
    void this.endLater(connection);
  }

  private async disconnect(): Promise<void> {
    const connection = this.connection;
    this.connection = null;
    if (!connection || connection.closed) return;
    connection.closed = true;
    await this.endLater(connection);
  }

  private endLater(connection: Connection): Promise<void> {
    const { transport } = connection;
    const ending = (async () => {
      if (transport instanceof StreamableHTTPClientTransport)
        await Promise.race([transport.terminateSession(), this.services.clock.delay(PING_MS)]);
    })()
      .catch(() => undefined)
      .then(() => connection.client.close())
      .then(() => transport.close())
      .catch((error: unknown) => this.log.write(`[marianne] ${reasonOf(error)}\n`));
    this.endings.add(ending);
    return ending.finally(() => this.endings.delete(ending));
  }

  private unavailable(reason: string, remedy?: string): McpUnavailable {
    const next = remedy ?? `What it said is in ${this.log.path}.`;
    return new McpUnavailable(
      this.redact(`the MCP server "${this.name}" cannot be used: ${reason}. ${next}`),
    );
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function isTimeout(error: unknown): boolean {
  return error instanceof McpError && error.code === Number(ErrorCode.RequestTimeout);
}

function isClosed(error: unknown): boolean {
  return error instanceof McpError && error.code === Number(ErrorCode.ConnectionClosed);
}

function statusOf(error: unknown): number | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;
}

/** With the cause: "fetch failed" alone says nothing. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const more = cause instanceof Error ? ` (${cause.message || cause.name})` : '';
  return `${error.message}${more}`.replace(/\.$/, '');
}

function failed(message: string): ToolResult {
  return { isError: true, content: [{ type: 'text', text: message }] };
}
