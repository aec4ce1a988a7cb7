/** The settings of `conductor.yaml`, for `mzt config`. The conductor reads the file by its own schema; a test holds the two together. */
import { z } from 'zod';
import { keyringSchema } from '../instruments/keyring';
import { mcpServerSchema } from '../instruments/mcp-servers';

export interface Setting {
  /** Dotted. `*` stands for any name. */
  readonly key: string;
  readonly type: z.ZodType;
  /** As it would be written into the file. */
  readonly byDefault: string | null;
  readonly meaning: string;
  /** For a key with `*`: a name and a value to show. */
  readonly example?: readonly [name: string, value: string];
}

const mode = z.int().min(0).max(0o777);

export const settings: readonly Setting[] = [
  { key: 'max_concurrent_jobs', type: z.int().min(1).max(50), byDefault: '15', meaning: 'jobs at once' },
  {
    key: 'max_concurrent_sheets',
    type: z.int().min(1).max(100),
    byDefault: '25',
    meaning: 'sheets at once, over all jobs',
  },
  {
    key: 'max_job_history',
    type: z.int().min(10),
    byDefault: '1000',
    meaning: 'finished jobs that are kept',
  },
  {
    key: 'idle_exit_minutes',
    type: z.number().min(0),
    byDefault: '30',
    meaning: 'the conductor ends by itself after so long without work; 0 = never',
  },
  {
    key: 'log_level',
    type: z.enum(['debug', 'info', 'warning', 'error']),
    byDefault: 'info',
    meaning: 'of log/conductor.log: debug, info, warning, error',
  },
  { key: 'socket.permissions', type: mode, byDefault: '0o600', meaning: 'file mode of the socket' },
  {
    key: 'socket.compat_path',
    type: z.string().nullable(),
    byDefault: null,
    meaning: 'also listen where clients of the Python system look',
  },
  {
    key: 'socket.max_connections',
    type: z.int().min(1).max(10_000),
    byDefault: '500',
    meaning: 'connections at once',
  },
  {
    key: 'socket.max_concurrent_requests',
    type: z.int().min(1).max(10_000),
    byDefault: '50',
    meaning: 'requests at once',
  },
  {
    key: 'record_changes',
    type: z.boolean(),
    byDefault: 'true',
    meaning: 'record what an attempt changes, where the workspace is a git repository',
  },
  {
    key: 'executables.*',
    type: z.string(),
    byDefault: null,
    meaning: 'where a program is, by its name',
    example: ['claude', '/opt/claude/bin/claude'],
  },
  {
    key: 'base_urls.*',
    type: z.url({ protocol: /^https?$/ }),
    byDefault: null,
    meaning: 'where an HTTP instrument is called, by its name',
    example: ['ollama', 'http://127.0.0.1:11434'],
  },
  {
    key: 'mcp_servers.*',
    type: mcpServerSchema,
    byDefault: null,
    meaning: 'MCP servers that scores may choose, by name',
    example: ['files', '{ command: npx, args: [-y, "@modelcontextprotocol/server-filesystem", "."] }'],
  },
  {
    key: 'keyring',
    type: keyringSchema,
    byDefault: '{ instruments: {} }',
    meaning: 'several keys of one vendor: instruments: { NAME: { keys: [{ path, label }], rotation } }',
  },
];

/** The setting that a dotted key names. */
export function settingOf(key: string): Setting | null {
  return (
    settings.find((setting) => setting.key === key) ??
    settings.find(
      ({ key: pattern }) =>
        pattern.endsWith('.*') && key.startsWith(pattern.slice(0, -1)) && key.length >= pattern.length,
    ) ??
    null
  );
}

/** Settings whose names the user chooses stand in a mapping of this name. */
export function isNamedGroup(key: string): boolean {
  return settings.some((setting) => setting.key === `${key}.*`);
}

/** A file with every setting, commented out. */
export function configTemplate(): string {
  const lines = ['# Settings of the Marianne conductor. They take effect with: mzt restart', ''];
  let section = '';
  for (const { key, byDefault, meaning, example } of settings) {
    const [first = '', second] = key.split('.');
    if (second !== undefined && section !== first) lines.push(`# ${first}:`);
    section = second === undefined ? '' : first;
    const name = second === undefined ? first : `  ${example?.[0] ?? second}`;
    lines.push(`# ${name}: ${byDefault ?? example?.[1] ?? 'null'}    # ${meaning}`);
  }
  return `${lines.join('\n')}\n`;
}
