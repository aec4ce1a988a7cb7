import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { Agent, EnvHttpProxyAgent, fetch as undiciFetch, type Dispatcher } from 'undici';
import { isLoopback } from '../../instruments/endpoint';
import { TransportError, transportError } from './transport-error';

/** Longest wait for a connection (DNS, TCP, TLS), milliseconds. The rest of a call is timed by the attempt. */
const CONNECT_MS = 20_000;
/** Largest answer to one request, bytes after decompression. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Told of every request that goes through a `fetch`. */
export interface HttpObserver {
  /** A request goes out. */
  sent(): void;
  /** Status and headers of an answer. */
  answered(status: number, headers: Headers): void;
  /** Bytes of an answer's body. */
  received(bytes: number): void;
  /** The answer is at its end, however it ended. */
  ended(): void;
}

export interface HttpFetchOptions {
  /** The attempt's plain environment: proxies and certificates are taken from it, never from the conductor's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly observer?: HttpObserver;
  readonly maxBytes?: number;
}

/**
 * The connections of all HTTP instruments: one pool of sockets for each set of proxies and certificates, made when it is first needed. The conductor
 * owns it. Answers are capped, redirects are never followed (a key must not travel on), and failures are `TransportError`s.
 */
export class HttpConnection {
  private readonly pools = new Map<string, Dispatcher>();
  private closed = false;

  /** A `fetch` for one attempt, to be handed to a vendor's library. Bodies are text or bytes. */
  fetchFor(options: HttpFetchOptions): typeof fetch {
    const { environment, observer, maxBytes = MAX_ANSWER_BYTES } = options;
    return async (input, init) => {
      if (this.closed) throw new TransportError('other', 'the conductor is stopping');
      const request = partsOf(input, init);
      const dispatcher = this.poolFor(request.url, environment);
      observer?.sent();
      let response;
      try {
        response = await undiciFetch(request.url, {
          method: request.method,
          headers: request.headers,
          body: request.body,
          signal: request.signal,
          redirect: 'manual',
          dispatcher,
        });
      } catch (error) {
        observer?.ended();
        if (request.signal?.aborted) throw error;
        throw transportError(error, false);
      }
      const headers = new Headers([...response.headers]);
      observer?.answered(response.status, headers);
      if (response.status >= 300 && response.status < 400) {
        await response.body?.cancel().catch(() => undefined);
        observer?.ended();
        throw new TransportError(
          'redirect',
          `the server redirects elsewhere (HTTP ${response.status}), which is not followed: set the final address as its base URL`,
        );
      }
      const facts = { status: response.status, statusText: response.statusText, headers };
      if (response.body === null || response.status === 204 || response.status === 205) {
        observer?.ended();
        return new Response(null, facts);
      }
      return new Response(watched(response.body, maxBytes, observer, request.signal), facts);
    };
  }

  /** Ends every connection. Idempotent. */
  async close(): Promise<void> {
    this.closed = true;
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.allSettled(pools.map((pool) => pool.destroy()));
  }

  private poolFor(url: URL, environment: Readonly<Record<string, string>>): Dispatcher {
    const proxies = isLoopback(url) ? noProxies : proxiesOf(environment);
    const caFile = environment['NODE_EXTRA_CA_CERTS'] ?? environment['SSL_CERT_FILE'] ?? '';
    const key = JSON.stringify([proxies, url.protocol === 'https:' ? caFile : '']);
    let pool = this.pools.get(key);
    if (!pool) {
      const tls = url.protocol === 'https:' ? certificates(caFile) : {};
      // The attempt's own timers cover the whole call.
      const options = { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: CONNECT_MS, ...tls } };
      pool =
        proxies === noProxies
          ? new Agent(options)
          : new EnvHttpProxyAgent({ ...options, ...proxies, requestTls: tls, proxyTls: tls });
      this.pools.set(key, pool);
    }
    return pool;
  }
}

interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
}

const noProxies: Proxies = { httpProxy: '', httpsProxy: '', noProxy: '' };

/** As curl and most programs read them: lower case first. Empty = none; undici must not fall back to the conductor's own environment. */
function proxiesOf(environment: Readonly<Record<string, string>>): Proxies {
  const read = (name: string) => environment[name] ?? environment[name.toUpperCase()] ?? '';
  const all = read('all_proxy');
  const httpProxy = usable(read('http_proxy') || all);
  const httpsProxy = usable(read('https_proxy') || all);
  if (httpProxy === '' && httpsProxy === '') return noProxies;
  return { httpProxy, httpsProxy, noProxy: read('no_proxy') };
}

function usable(proxy: string): string {
  if (proxy === '') return '';
  const address = proxy.includes('://') ? proxy : `http://${proxy}`;
  if (/^https?:\/\//i.test(address) && URL.canParse(address)) return address;
  throw new TransportError(
    'proxy',
    'the proxy in the environment is no HTTP proxy: only http:// and https:// are known',
  );
}

/** Certificates of the user's own, beside the public ones. */
function certificates(file: string): { ca?: string[] } {
  if (file === '') return {};
  try {
    return { ca: [...rootCertificates, readFileSync(file, 'utf8')] };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new TransportError('tls', `TLS: the certificates in ${file} cannot be read (${code})`, code);
  }
}

interface RequestParts {
  readonly url: URL;
  readonly method: string;
  readonly headers: [string, string][];
  readonly body: string | Uint8Array | null;
  readonly signal: AbortSignal | null;
}

/** What vendors' libraries hand to `fetch`, without a cast between two libraries' types. */
function partsOf(input: string | URL | Request, init: RequestInit = {}): RequestParts {
  if (input instanceof Request) throw new TypeError('a Request object is not taken here');
  const body = init.body ?? null;
  if (body !== null && typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new TypeError('only text and bytes can be sent');
  return {
    url: new URL(input),
    method: init.method ?? 'GET',
    headers: [...new Headers(init.headers)],
    body,
    signal: init.signal ?? null,
  };
}

/** The body with its bytes counted, capped, and its failures in our words. */
function watched(
  body: AsyncIterable<Uint8Array> & { cancel(): Promise<void> },
  maxBytes: number,
  observer: HttpObserver | undefined,
  signal: AbortSignal | null,
): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  let total = 0;
  const leave = async (): Promise<void> => {
    observer?.ended();
    await pieces.return?.(undefined).catch(() => undefined);
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = await pieces.next();
          if (piece.done === true) {
            observer?.ended();
            controller.close();
            return;
          }
          const { value } = piece;
          total += value.length;
          if (total > maxBytes) {
            await leave();
            const limit = Math.round(maxBytes / 1024 / 1024);
            throw new TransportError('too_large', `the answer is larger than ${limit} MiB`, null, true);
          }
          observer?.received(value.length);
          controller.enqueue(value);
        } catch (error) {
          observer?.ended();
          controller.error(signal?.aborted === true ? error : transportError(error, true));
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}
