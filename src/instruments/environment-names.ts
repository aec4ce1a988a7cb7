import type { InstrumentProfile } from './schema';

/**
 * Variables that every agent may see: who and where it runs, its language, and how it reaches the network. None is a secret, but a proxy URL may
 * carry a password; the redactor knows that form.
 */
const SYSTEM_NAMES: ReadonlySet<string> = new Set(
  [
    'PATH HOME USER LOGNAME SHELL TERM LANG LANGUAGE TZ TMPDIR TMP TEMP',
    'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy',
    'SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE CURL_CA_BUNDLE',
  ]
    .join(' ')
    .split(' '),
);

const SYSTEM_PREFIXES = ['LC_', 'XDG_'];

/**
 * Never given to an agent: they would make it (or a Node program that it starts) part of this editor, debug session or Claude Code session.
 */
const BANNED = /^(ELECTRON_.*|VSCODE_.*|NODE_OPTIONS|CLAUDECODE|CLAUDE_CODE_ENTRYPOINT)$/;

/** Names that look like keys are treated as secrets even when a profile (one of the Python system's, say) does not say so. */
const LOOKS_SECRET = /(^|_)(KEY|APIKEY|TOKEN|SECRET|PASSWORD|PASSWD)(_|$)/i;

export function isSystemName(name: string): boolean {
  return SYSTEM_NAMES.has(name) || SYSTEM_PREFIXES.some((prefix) => name.startsWith(prefix));
}

export function isBannedName(name: string): boolean {
  return BANNED.test(name);
}

export function looksSecret(name: string): boolean {
  return LOOKS_SECRET.test(name);
}

export interface EnvironmentNames {
  /** Sent with a submit in its plain part, beside the system's names. */
  readonly plain: readonly string[];
  /** Sent in its secret part: memory only. */
  readonly secret: readonly string[];
}

/** The variables that an instrument's agent may see beyond the system's, by how they travel. Sorted, without duplicates. */
export function environmentNames(profile: InstrumentProfile): EnvironmentNames {
  const command = profile.cli?.command;
  const listed = new Set([...(command?.required_env ?? []), ...(command?.secret_env ?? [])]);
  if (profile.http?.auth_env_var) listed.add(profile.http.auth_env_var);
  if (profile.http?.base_url_env_var) listed.add(profile.http.base_url_env_var);
  const declared = new Set([...(command?.secret_env ?? []), profile.http?.auth_env_var]);
  const secret: string[] = [];
  const plain: string[] = [];
  for (const name of [...listed].sort()) {
    if (isBannedName(name)) continue;
    (declared.has(name) || looksSecret(name) ? secret : plain).push(name);
  }
  return { plain, secret };
}

/** `${NAME}` and `$NAME`, as in a shell without its further forms. */
export const VARIABLE_REFERENCE = /\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g;

/** Names that a text refers to. */
export function referencedNames(value: string): string[] {
  return [...value.matchAll(VARIABLE_REFERENCE)].map((match) => match[1] ?? match[2] ?? '');
}
