import type { ErrorType } from './result';

/**
 * What failing agents say, and what it means. Measured on the programs of docs/instruments.md. Only looked for in error texts of failed runs, and
 * nowhere is a bare number or a bare word like "quota" enough: answers talk about such things. The order is the precedence.
 */
const FAMILIES: readonly (readonly [ErrorType, readonly RegExp[]])[] = [
  [
    'permission_denied',
    [/cannot be used with root\/sudo privileges/i, /requires? approval but (?:no|the) /i],
  ],
  [
    'usage_limit',
    [
      /you[’']ve hit your\b.{0,40}\blimit/i,
      /\b(?:5-hour|weekly|daily|monthly|hourly|session|usage) limit (?:reached|exceeded|hit)/i,
      /usage_limit_reached/,
      /\blimit\b.{0,20}\bresets?\b.{0,30}(?:\d\s*[ap]m|\d:\d\d|in \d)/i,
      /\b(?:token|usage)s?\b.{0,10}\bexhausted\b/i,
      /usage.{0,10}(?:will\s+)?reset.{0,10}(?:at|in)\b/i,
      /(?:used|consumed) all .{0,15}(?:tokens?|credits?)\b/i,
      /\bno (?:more )?(?:tokens?|credits?) (?:left|remaining)/i,
    ],
  ],
  [
    'quota_exhausted',
    [
      /credit balance is too low/i,
      /insufficient[_ ](?:quota|credits?|funds|balance)/i,
      /exceeded your current quota/i,
      /(?:status|error|code)[^\w]{0,4}402\b/i,
      /payment required/i,
    ],
  ],
  [
    'overloaded',
    [
      /\boverloaded(?:_error)?\b/i,
      /service[ _]?unavailable/i,
      /experiencing high demand/i,
      /(?:status|error|code)[^\w]{0,4}(?:502|503|504|529)\b/i,
      /\bat capacity\b|capacity constraints/i,
    ],
  ],
  [
    'rate_limit',
    [
      /rate[ _-]?limit/i,
      /temporarily limiting requests/i,
      /too many requests/i,
      /request rejected \(429\)/i,
      /(?:status|error|code)[^\w]{0,4}429\b/i,
      /resource_exhausted/i,
    ],
  ],
  [
    'authentication',
    [
      /not logged in/i,
      /please run \/login/i,
      /not authenticated|login required/i,
      /invalid (?:x-)?api[ _-]?key|api[ _]key not valid|incorrect api key/i,
      /invalid_api_key|authentication_error|permission_error/,
      /failed to authenticate|authentication (?:failed|required)/i,
      /(?:status|error|code)[^\w]{0,4}(?:401|403)\b/i,
      /\b401 unauthorized\b/i,
      /(?:missing|no) (?:api key|credentials)/i,
      /missing environment variable:? .{0,4}[A-Z_]*(?:KEY|TOKEN)/i,
      /oauth token (?:has )?expired/i,
    ],
  ],
  [
    'context_too_long',
    [
      /prompt is too long/i,
      /request too large/i,
      /exceed_context_size|context_length_exceeded/,
      /(?:maximum|exceeds?(?: the)?(?: model'?s?)?(?: available)?) context (?:length|window|size)/i,
      /piped stdin input exceeds/i,
    ],
  ],
  [
    'network',
    [
      /\b(?:ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|EPIPE)\b/,
      /connection (?:refused|reset|timed out|error|closed)/i,
      /network is unreachable|could not resolve host|name resolution|getaddrinfo/i,
      /(?:ssl|tls).{0,20}(?:error|handshake)|certificate (?:verify|has expired|is not)|self[- ]signed certificate/i,
      /request timed out|fetch failed|stream disconnected/i,
      /connection_failed/,
    ],
  ],
  [
    'configuration',
    [
      /\bunknown option\b|unexpected argument|unrecognized arguments?|no such option/i,
      /argument '[^']*' is invalid|invalid value .{0,40} for '/i,
      /requires --verbose/i,
      /mcp config(?:uration)? (?:file not found|is invalid)|invalid mcp config/i,
      /issue with the selected model|model .{0,60}(?:not found|does not exist)|unknown model/i,
      /system prompt file not found/i,
      /native binary not installed/i,
    ],
  ],
  ['bad_response', [/(?:status|error|code)[^\w]{0,4}500\b/i, /server-side issue/i, /internal server error/i]],
  ['refused', [/stop_reason:? ?"?refusal|unable to respond to this request/i]],
  [
    'bad_request',
    [/(?:status|error|code)[^\w]{0,4}(?:400|422)\b/i, /invalid_request_error/, /input must be provided/i],
  ],
];

/** The kind of failure that an error text tells of; null when it tells none. */
export function failureFromText(text: string): ErrorType | null {
  for (const [type, patterns] of FAMILIES) {
    if (patterns.some((pattern) => pattern.test(text))) return type;
  }
  return null;
}

/** The kind of failure behind an HTTP status of an error. */
export function failureFromStatus(status: number): ErrorType | null {
  if (status === 401 || status === 403) return 'authentication';
  if (status === 402) return 'quota_exhausted';
  if (status === 404) return 'configuration';
  if (status === 408) return 'network';
  if (status === 413) return 'context_too_long';
  if (status === 429) return 'rate_limit';
  // A 500 is a fault of the server with this request, perhaps for ever: it costs a retry. The others tell of a server that has too much to do.
  if (status === 502 || status === 503 || status === 504 || status === 529) return 'overloaded';
  if (status >= 500 && status < 600) return 'bad_response';
  if (status >= 400 && status < 500) return 'bad_request';
  return null;
}

/** Kinds that mean "not now": the sheet waits instead of spending a retry. */
export function isLimit(type: ErrorType): boolean {
  return type === 'rate_limit' || type === 'usage_limit' || type === 'quota_exhausted';
}

/** The end of a text: error messages stand there. */
export function tailOf(text: string, characters: number): string {
  return text.length <= characters ? text : text.slice(-characters);
}

// Spelled by its code point: a control character in a pattern is easily lost.
const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');

/** The text without colours. */
export function withoutAnsi(text: string): string {
  return text.replace(ANSI, '');
}
