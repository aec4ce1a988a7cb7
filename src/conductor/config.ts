import { isMap, isScalar, LineCounter, parseDocument, type Node } from 'yaml';
import { z } from 'zod';
import { keyringSchema } from '../instruments/keyring';
import { mcpServersSchema } from '../instruments/mcp-servers';
import { diskFiles } from '../score/disk-files';

/** `conductor.yaml`: the Python system's daemon file. What we obey is here; what we do not is accepted and said, with its line. */
const configSchema = z.object({
  socket: z
    .object({
      /** File mode of the socket. YAML 1.1 octal (`0600`) arrives as a number. */
      permissions: z.int().min(0).max(0o777).default(0o600),
      /** Also listen here, where the Python clients look; nobody else may own it. */
      compat_path: z.string().nullable().default(null),
      max_connections: z.int().min(1).max(10_000).default(500),
      max_concurrent_requests: z.int().min(1).max(10_000).default(50),
    })
    .prefault({}),
  max_concurrent_jobs: z.int().min(1).max(50).default(15),
  max_concurrent_sheets: z.int().min(1).max(100).default(25),
  max_job_history: z.int().min(10).default(1000),
  log_level: z.enum(['debug', 'info', 'warning', 'error']).default('info'),
  /** Minutes without work, timers and clients after which the conductor ends by itself; 0 = never. */
  idle_exit_minutes: z.number().min(0).default(30),
  /** Record what an attempt changes in a workspace that is a git repository. */
  record_changes: z.boolean().default(true),
  /** Where a program is, by its name: beats every search. */
  executables: z.record(z.string(), z.string()).default({}),
  /** Address of an HTTP instrument, by its profile's name: beats environment and profile. */
  base_urls: z.record(z.string(), z.url({ protocol: /^https?$/ })).default({}),
  /** MCP servers that scores may choose, by name. */
  mcp_servers: mcpServersSchema.default({}),
  /** Files with several keys of one vendor, by instrument. */
  keyring: keyringSchema.prefault({}),
});
export type ConductorConfig = z.infer<typeof configSchema>;

/** Keys of the Python file that this build accepts without acting on them. */
const notObeyed = new Set([
  'socket.path',
  'socket.backlog',
  'pid_file',
  'resource_limits',
  'state_backend_type',
  'state_db_path',
  'log_file',
  'default_thinking_method',
  'job_timeout_seconds',
  'shutdown_timeout_seconds',
  'monitor_interval_seconds',
  'observer',
  'learning',
  'profiler',
  'preflight',
  'mcp_pool',
  'config_file',
  'use_baton',
]);

export interface ConfigNotice {
  readonly severity: 'warning' | 'error';
  /** Dotted path of the key; empty for the file. */
  readonly key: string;
  readonly line: number | null;
  readonly message: string;
}

export interface LoadedConfig {
  readonly config: ConductorConfig;
  readonly notices: readonly ConfigNotice[];
}

/**
 * Reads the file; a missing one means defaults. A file with an error is not used at all, since half a configuration is worse than none: the
 * defaults hold and the notices say why.
 */
export function loadConfig(path: string): LoadedConfig {
  let text: string;
  try {
    text = diskFiles.readText(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { config: configSchema.parse({}), notices: [] };
    return refused(`cannot be read: ${(error as Error).message}`, null);
  }
  return parseConfig(text);
}

export function parseConfig(text: string): LoadedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    lineCounter: lines,
  });
  const broken = document.errors[0];
  if (broken) return refused(broken.message.split('\n')[0] ?? 'not YAML', lines.linePos(broken.pos[0]).line);
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null))
    return { config: configSchema.parse({}), notices: [] };
  if (!isMap(root)) return refused('must be a mapping of settings', 1);
  const notices: ConfigNotice[] = [];
  const obeyed: Record<string, unknown> = {};
  let data: Record<string, unknown>;
  try {
    data = document.toJS({ maxAliasCount: 100 }) as Record<string, unknown>;
  } catch (error) {
    // Aliases that multiply without end, or that name no anchor.
    return refused(error instanceof Error ? error.message : String(error), null);
  }
  for (const [key, value] of Object.entries(data)) {
    if (key === 'socket' && value !== null && typeof value === 'object') {
      const socket: Record<string, unknown> = {};
      for (const [inner, innerValue] of Object.entries(value)) {
        const path = `socket.${inner}`;
        if (Object.hasOwn(configSchema.shape.socket.unwrap().shape, inner)) socket[inner] = innerValue;
        else notices.push(unused(path, lineOf(root, ['socket', inner], lines)));
      }
      obeyed['socket'] = socket;
    } else if (Object.hasOwn(configSchema.shape, key)) {
      obeyed[key] = value;
    } else {
      notices.push(unused(key, lineOf(root, [key], lines)));
    }
  }
  const parsed = configSchema.safeParse(obeyed);
  if (parsed.success) return { config: parsed.data, notices };
  const errors = parsed.error.issues.map((issue): ConfigNotice => {
    const path = issue.path.map(String);
    return {
      severity: 'error',
      key: path.join('.'),
      line: lineOf(root, path, lines),
      message: issue.message,
    };
  });
  return { config: configSchema.parse({}), notices: [...errors, ...notices] };
}

function unused(key: string, line: number | null): ConfigNotice {
  const message = notObeyed.has(key)
    ? 'accepted, not obeyed yet: this setting of the Python system has no effect here'
    : 'unknown setting, ignored';
  return { severity: 'warning', key, line, message };
}

function refused(message: string, line: number | null): LoadedConfig {
  return { config: configSchema.parse({}), notices: [{ severity: 'error', key: '', line, message }] };
}

function lineOf(root: Node, path: readonly string[], lines: LineCounter): number | null {
  let node: unknown = root;
  let offset: number | null = null;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    if (!pair) break;
    if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
    node = pair.value;
  }
  return offset === null ? null : lines.linePos(offset).line;
}
