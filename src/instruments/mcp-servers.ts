import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { isBannedName, looksSecret, referencedNames, VARIABLE_REFERENCE } from './environment-names';

/** Names by which a program would be loaded or a key be taken: the Python system refuses them in a server's environment, and so do we. */
export const FORBIDDEN_SERVER_VARIABLES: ReadonlySet<string> = new Set([
  'PATH',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'DYLD_INSERT_LIBRARIES',
  'DYLD_LIBRARY_PATH',
  'PYTHONPATH',
  'NODE_PATH',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'ANTHROPIC_API_KEY',
  'OPENAI_API_KEY',
]);

/** Part of tool names, file names and markers. */
export const SERVER_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;

const serverFields = {
  /** A program by name or absolute path: the server speaks over its stdin and stdout. */
  command: z.string().min(1).nullable().default(null),
  args: z.array(z.string()).max(100).default([]),
  /** Added to the system's variables; `${NAME}` stands for one of those. Nothing else of any environment reaches the server. */
  env: z.record(z.string(), z.string()).default({}),
  /** Absolute. Default: the home folder; for a server that a workspace brings, the workspace. */
  working_dir: z.string().refine(isAbsolute, 'must be an absolute path').nullable().default(null),
  /** Streamable HTTP instead of a program. */
  url: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null),
  headers: z.record(z.string(), z.string()).default({}),
  /** For one tool call; a server that reports progress gets longer. */
  timeout_seconds: z.number().positive().max(86_400).default(30),
  /** Until it has answered the handshake. A server that `npx` has to download first needs a while. */
  start_timeout_seconds: z.number().positive().max(3600).default(60),
  /** Without a job that uses it; then it is ended, and started again when needed. */
  idle_minutes: z.number().positive().max(1440).default(5),
};

/** A server as `mcp_servers` of `conductor.yaml`, or a workspace's `.marianne/mcp_servers.yaml`, describes it. */
export const mcpServerSchema = z.strictObject(serverFields).superRefine((server, context) => {
  const refuse = (path: string[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  if ((server.command === null) === (server.url === null))
    refuse(['command'], 'a server has either a command or a url');
  if (server.url !== null) {
    for (const key of ['args', 'env'] as const)
      if (Object.keys(server[key]).length > 0) refuse([key], 'means nothing for a url');
    if (/^https?:\/\/[^/]*@/.test(server.url)) refuse(['url'], 'a password belongs into headers');
  } else if (Object.keys(server.headers).length > 0) {
    refuse(['headers'], 'means nothing for a command');
  }
  for (const name of Object.keys(server.headers))
    if (!/^[A-Za-z0-9-]+$/.test(name)) refuse(['headers', name], 'not a header name');
  for (const name of Object.keys(server.env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse(['env', name], 'not a variable name');
    if (FORBIDDEN_SERVER_VARIABLES.has(name.toUpperCase()) || isBannedName(name))
      refuse(['env', name], `a server’s environment must not set ${name}`);
  }
});
export type McpServerDefinition = z.infer<typeof mcpServerSchema>;

export const mcpServersSchema = z.record(z.string(), mcpServerSchema).superRefine((servers, context) => {
  for (const name of Object.keys(servers)) {
    if (SERVER_NAME.test(name)) continue;
    context.addIssue({
      code: 'custom',
      path: [name],
      message: 'a name is 1–32 letters, digits, "-" and "_"',
    });
  }
});
export type McpServerDefinitions = Readonly<Record<string, McpServerDefinition>>;

/** Definitions that came from a program: each good one counts, each other is told. */
export function readServers(servers: Readonly<Record<string, unknown>>): {
  servers: McpServerDefinitions;
  refused: { name: string; message: string }[];
} {
  const good: Record<string, McpServerDefinition> = {};
  const refused: { name: string; message: string }[] = [];
  for (const [name, value] of Object.entries(servers)) {
    const parsed = mcpServersSchema.safeParse({ [name]: value });
    if (parsed.success) Object.assign(good, parsed.data);
    else {
      const issue = parsed.error.issues[0];
      refused.push({
        name,
        message: `${issue?.path.slice(1).join('.') ?? ''}: ${issue?.message ?? 'not a server'}`,
      });
    }
  }
  return { servers: good, refused };
}

/** Thrown when a definition refers to a variable that is not there. */
export class MissingVariable extends Error {
  override readonly name = 'MissingVariable';
  constructor(readonly variable: string) {
    super(`it needs $${variable}, which is not set`);
  }
}

/** Fills `${NAME}` from these variables. @throws MissingVariable */
export function expandVariables(text: string, variables: Readonly<Record<string, string>>): string {
  for (const name of referencedNames(text)) {
    if (!Object.hasOwn(variables, name)) throw new MissingVariable(name);
  }
  return text.replace(
    VARIABLE_REFERENCE,
    (_, braced: string | undefined, bare: string | undefined) => variables[braced ?? bare ?? ''] ?? '',
  );
}

/** Values of a definition that must never be shown: headers, and variables whose names say so. */
export function secretsOfServer(server: McpServerDefinition): string[] {
  const headers = Object.values(server.headers).flatMap((value) => [
    value,
    value.replace(/^(?:Bearer|Basic|Token)\s+/i, ''),
  ]);
  const variables = Object.entries(server.env).flatMap(([name, value]) => (looksSecret(name) ? [value] : []));
  return [...new Set([...headers, ...variables])];
}

/** What a person reads before approving it: what would run, or be called. */
export function describeServer(server: McpServerDefinition): string {
  if (server.url !== null) return server.url;
  const quoted = server.args.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)));
  return [server.command ?? '', ...quoted].join(' ');
}
