import type { Ollama } from 'ollama/browser';
import { z } from 'zod';
import { failureFromStatus } from '../failure-texts';
import type { HttpConnection } from './connection';
import { HttpFailure, statusFailure } from './failure';
import { transportFailure } from './failure';
import type { TransportError } from './transport-error';

/** What is known of one server, as long as the connections live. */
export class OllamaServer {
  /** Models that have refused tools. */
  readonly withoutTools = new Set<string>();
  private busy = 0;
  private readonly waiting: (() => void)[] = [];

  /**
   * Waits for a turn; the returned function gives it back. One model at a time is what most machines can hold, and a server that is asked for more
   * loads and unloads in turns. @throws what `signal` was aborted with
   */
  async turn(width: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    while (this.busy >= width) {
      await new Promise<void>((resolve, reject) => {
        const go = (): void => {
          signal.removeEventListener('abort', leave);
          resolve();
        };
        const leave = (): void => {
          this.waiting.splice(this.waiting.indexOf(go), 1);
          reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
        };
        this.waiting.push(go);
        signal.addEventListener('abort', leave, { once: true });
      });
    }
    this.busy += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.busy -= 1;
      this.waiting.shift()?.();
    };
  }
}

const servers = new WeakMap<HttpConnection, Map<string, OllamaServer>>();

/** The server at an address; the same for all attempts that share the connections. */
export function serverOf(connection: HttpConnection, baseUrl: string): OllamaServer {
  let known = servers.get(connection);
  if (!known) {
    known = new Map();
    servers.set(connection, known);
  }
  let server = known.get(baseUrl);
  if (!server) {
    server = new OllamaServer();
    known.set(baseUrl, server);
  }
  return server;
}

/** Longest error that is read, bytes. */
const MAX_ERROR_BYTES = 64 * 1024;
const errorBody = z.object({ error: z.string() });

/**
 * A `fetch` for the ollama package that puts right what it leaves open: its first request cannot be aborted, it prints what it cannot read to the
 * console and goes on, and it takes any server for an Ollama.
 */
export function guarded(fetch: typeof globalThis.fetch, signal: AbortSignal): typeof globalThis.fetch {
  return async (input, init) => {
    const signals = [signal, ...(init?.signal ? [init.signal] : [])];
    const response = await fetch(input, { ...init, signal: AbortSignal.any(signals) });
    const type = response.headers.get('content-type') ?? '';
    if (!response.ok) throw await failureOf(response);
    if (!/json/i.test(type) || response.body === null) {
      await response.body?.cancel();
      throw notOllama(response.status);
    }
    return new Response(response.body.pipeThrough(checkedLines()), {
      status: response.status,
      headers: response.headers,
    });
  };
}

/** Lets whole lines of JSON pass; an error that the server reports in the middle of its answer ends it. */
function checkedLines(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder('utf-8');
  const encoder = new TextEncoder();
  let pending = '';
  const check = (line: string): void => {
    if (line.trim() === '') return;
    let data: unknown;
    try {
      data = JSON.parse(line);
    } catch {
      throw new HttpFailure('bad_response', 'the answer has a line that is no JSON');
    }
    const parsed = errorBody.safeParse(data);
    if (parsed.success) throw serverError(null, parsed.data.error);
  };
  return new TransformStream({
    transform(chunk, controller) {
      pending += decoder.decode(chunk, { stream: true });
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        check(line);
        controller.enqueue(encoder.encode(`${line}\n`));
      }
    },
    flush(controller) {
      pending += decoder.decode();
      if (pending.trim() === '') return;
      // A line without its end may be half of one: then the answer was cut, which is told as such.
      try {
        check(pending);
      } catch (error) {
        if (error instanceof HttpFailure && error.status === null && isHalf(pending)) return;
        throw error;
      }
      controller.enqueue(encoder.encode(`${pending}\n`));
    },
  });
}

function isHalf(line: string): boolean {
  return !line.trimEnd().endsWith('}');
}

async function failureOf(response: Response): Promise<HttpFailure> {
  const text = await headOf(response);
  let said: string | null = null;
  try {
    const parsed = errorBody.safeParse(JSON.parse(text));
    if (parsed.success) said = parsed.data.error;
  } catch {
    // Not Ollama's way to tell an error.
  }
  const { status, headers } = response;
  if (said !== null) return serverError(status, said, headers);
  // A proxy before the server has errors of its own; a 404 or 405 that says nothing comes from something else.
  if (status === 404 || status === 405 || status === 501) return notOllama(status);
  return statusFailure(status, text.startsWith('<') ? '' : text, headers);
}

async function headOf(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece as Uint8Array);
    size += (piece as Uint8Array).length;
    if (size > MAX_ERROR_BYTES) break;
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** What the server itself says went wrong. `status` null = in the middle of an answer. */
function serverError(status: number | null, said: string, headers: Headers | null = null): HttpFailure {
  const words = said.replaceAll(/\s+/g, ' ').slice(0, 300);
  if (/exceeds? the (?:available )?context|context (?:length|window|size)|input length/i.test(said))
    return new HttpFailure('context_too_long', `${words}; raise num_ctx, or ask for less in one sheet`, {
      status,
    });
  if (/requires more system memory|out of memory|cudaMalloc/i.test(said))
    return new HttpFailure('configuration', `${words}; take a smaller model or a smaller num_ctx`, {
      status,
    });
  if (/not found/i.test(said) && (status === 404 || status === null))
    return new HttpFailure('not_found', words, { status });
  if (status === null) return new HttpFailure('bad_response', `the server broke off its answer: ${words}`);
  return statusFailure(status, said, headers, failureFromStatus(status) ?? 'bad_response');
}

/** Nothing answers at the address. */
export function unreachable(error: TransportError): HttpFailure {
  const failure = transportFailure(error);
  if (error.kind === 'refused')
    return new HttpFailure(
      'network',
      `${failure.message}. Ollama does not run there: start it with "ollama serve"`,
    );
  if (error.kind === 'dns')
    return new HttpFailure(
      'network',
      `${failure.message}. Set the address: base_url, or base_urls in conductor.yaml`,
    );
  return failure;
}

/** Something answers that is no Ollama. */
export function notOllama(status: number): HttpFailure {
  return new HttpFailure(
    'configuration',
    `what answers at the address is no Ollama server (HTTP ${status}): set base_url to the server itself, without a path; ` +
      '"curl <base_url>/api/version" must tell a version',
    { status: status === 200 ? null : status },
  );
}

/** The model is not on the server. */
export function modelMissing(model: string, models: readonly string[]): string {
  const quoted = /^[\w./:@-]+$/.test(model) ? model : `'${model.replaceAll("'", "'\\''")}'`;
  const there = models.length === 0 ? 'It has no models at all' : `It has: ${models.slice(0, 20).join(', ')}`;
  return `the model ${model} is not on the server: get it with "ollama pull ${quoted}". ${there}`;
}

const tagsSchema = z.object({ models: z.array(z.object({ name: z.string() })).nullable() });

/** GET /api/tags: the names, sorted. @throws HttpFailure, TransportError */
export async function installedModels(client: Ollama): Promise<readonly string[]> {
  const answer: unknown = await client.list();
  const parsed = tagsSchema.safeParse(answer);
  if (!parsed.success) throw notOllama(200);
  return (parsed.data.models ?? []).map(({ name }) => name).sort();
}

/** Exactly this model; without a tag `latest` is meant (docs/api.md, "Model names"). */
export function isInstalled(model: string, models: readonly string[]): boolean {
  const whole = /:[^/]*$/.test(model) ? model : `${model}:latest`;
  return models.includes(model) || models.includes(whole);
}
