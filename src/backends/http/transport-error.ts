/** What went wrong between us and a server, before or while an answer came. */
export type TransportKind =
  | 'refused'
  | 'dns'
  | 'tls'
  | 'reset'
  | 'timeout'
  | 'unreachable'
  | 'proxy'
  | 'redirect'
  | 'too_large'
  | 'other';

/** A failure of the connection, in words that name neither address nor key. `code` is the system's or undici's. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  constructor(
    readonly kind: TransportKind,
    message: string,
    readonly code: string | null = null,
    /** Bytes of an answer had come when it broke. */
    readonly midAnswer = false,
  ) {
    super(message);
  }
}

/** Code → kind and words. Codes are Node's (errno, OpenSSL) and undici's; the classifier reads some of the words ("DNS", "TLS", "timed out"). */
const known: readonly (readonly [RegExp, TransportKind, string])[] = [
  [/^ECONNREFUSED$/, 'refused', 'connection refused: nothing listens at the address'],
  [/^(ENOTFOUND|EAI_.*)$/, 'dns', 'DNS: the name of the server cannot be resolved'],
  [
    /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|ENETDOWN)$/,
    'unreachable',
    'the network does not reach the server',
  ],
  [/^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/, 'timeout', 'the connection timed out'],
  [/^(UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/, 'timeout', 'the server timed out'],
  [/^UND_ERR_PRX_TLS$/, 'proxy', 'TLS to the proxy failed'],
  [
    /^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_OSSL|EPROTO)/,
    'tls',
    'TLS: the server’s certificate or handshake is not accepted',
  ],
  [
    /^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/,
    'reset',
    'connection reset: the server closed it',
  ],
  [/^(HPE_|UND_ERR_HEADERS_OVERFLOW)/, 'other', 'the server does not speak proper HTTP'],
];

/** What an error of `fetch` or of reading a body means. */
export function transportError(error: unknown, midAnswer: boolean): TransportError {
  if (error instanceof TransportError) return error;
  for (const link of chain(error)) {
    const { code, message } = link;
    if (typeof message === 'string' && /^Proxy response \((\d+)\)/.test(message)) {
      const status = /\((\d+)\)/.exec(message)?.[1] ?? '';
      const hint = status === '407' ? ': it wants a user name and password' : '';
      return new TransportError(
        'proxy',
        `the proxy refused the connection (HTTP ${status})${hint}`,
        null,
        midAnswer,
      );
    }
    if (typeof code !== 'string') continue;
    for (const [pattern, kind, words] of known) {
      if (!pattern.test(code)) continue;
      const when = midAnswer ? ' in the middle of its answer' : '';
      return new TransportError(kind, `${words}${when} (${code})`, code, midAnswer);
    }
  }
  const code = chain(error).find((link) => typeof link.code === 'string')?.code;
  const detail = typeof code === 'string' ? ` (${code})` : '';
  return new TransportError('other', `the connection failed${detail}`, null, midAnswer);
}

/** The transport failure behind an error that a vendor's library has wrapped; null = it was something else. */
export function transportErrorIn(error: unknown): TransportError | null {
  return chain(error).find((link) => link instanceof TransportError) ?? null;
}

interface Link {
  readonly code?: unknown;
  readonly message?: unknown;
}

/** The error, its causes, and the members of aggregated ones (a name with several addresses). */
function chain(error: unknown): (Link & object)[] {
  const links: (Link & object)[] = [];
  const open: unknown[] = [error];
  while (open.length > 0 && links.length < 20) {
    const next = open.shift();
    if (typeof next !== 'object' || next === null || links.includes(next)) continue;
    links.push(next);
    if ('cause' in next) open.push(next.cause);
    if (next instanceof AggregateError) open.push(...(next.errors as unknown[]));
  }
  return links;
}
