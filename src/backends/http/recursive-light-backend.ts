import { z } from 'zod';
import type { CheckResult } from '../contract';
import type { Conversation } from './conversation';
import { HttpFailure, statusFailure } from './failure';
import { HttpBackend } from './http-backend';
import { TransportError } from './transport-error';

/** Where a server may say that it is well, in the order they are asked. */
const HEALTH_PATHS = ['/health', '/api/health', '/'] as const;
/** Time limit of each of them, milliseconds. */
const CHECK_TIMEOUT_MS = 10_000;

/**
 * A Recursive Light server: `POST /api/process {user_id, message}`, one answer with facts about how it came to be. Its protocol is known from the
 * Python system only; several spellings of the facts' names are in use there, and the first that is not empty counts.
 */
export class RecursiveLightBackend extends HttpBackend {
  /** It answers in one piece: silence is its way of working, and the total time limit (30 s by default) covers it. */
  protected override readonly defaultLimits = { firstOutputSeconds: null, idleSeconds: null };

  override problem(): string | null {
    return null;
  }

  protected override explain(): HttpFailure | null {
    return null;
  }

  protected override async converse(talk: Conversation): Promise<void> {
    const { baseUrl } = this.endpoint;
    const { endpoint } = this.options.profile.http;
    const userId = this.setting('user_id', z.string().min(1)) ?? (await this.options.installationId());
    const response = await talk.fetch(`${baseUrl}${endpoint}`, {
      method: 'POST',
      headers: this.headers(userId),
      body: JSON.stringify({
        user_id: userId,
        message: talk.system === null ? talk.wholePrompt : `${talk.system}\n\n${talk.wholePrompt}`,
      }),
      signal: talk.signal,
    });
    const text = await response.text();
    if (response.status !== 200) throw statusFailure(response.status, text, response.headers);
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      throw new HttpFailure('bad_response', 'the server did not answer with JSON');
    }
    const answer = answerSchema.safeParse(body);
    if (!answer.success)
      throw new HttpFailure('bad_response', 'the server did not answer with a JSON object');
    talk.keep(metadataOf(answer.data));
    const said = answer.data['response'];
    talk.emit(
      said === undefined || said === null ? '' : typeof said === 'string' ? said : JSON.stringify(said),
    );
  }

  /** The first path that answers 200 is enough; a connection that fails ends the search. */
  override async healthCheck(): Promise<CheckResult> {
    const fetch = this.checkFetch();
    const answers: string[] = [];
    for (const path of HEALTH_PATHS) {
      try {
        const response = await fetch(`${this.endpoint.baseUrl}${path}`, {
          headers: this.headers(await this.options.installationId()),
          signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
        });
        await response.body?.cancel();
        if (response.status === 200) return { ok: true, message: `the server is well (${path})` };
        answers.push(`${path}: HTTP ${response.status}`);
      } catch (error) {
        const why =
          error instanceof DOMException && error.name === 'TimeoutError'
            ? `it said nothing within ${CHECK_TIMEOUT_MS / 1000} s`
            : error instanceof TransportError
              ? error.message
              : this.failureOf(error).message;
        return { ok: false, message: `the server cannot be reached: ${why}` };
      }
    }
    return { ok: false, message: `the server does not say that it is well (${answers.join(', ')})` };
  }

  private headers(userId: string): Record<string, string> {
    const { key } = this.endpoint;
    return {
      'Content-Type': 'application/json',
      'X-Marianne-User-ID': userId,
      ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
    };
  }
}

const answerSchema = z.record(z.string(), z.unknown());
type Answer = z.infer<typeof answerSchema>;

/** Most entries of one of the maps that are kept: they go into the journal. */
const MAX_ENTRIES = 100;
/** Longest name of an entry, and longest JSON of an object in one, characters. */
const MAX_NAME = 200;
const MAX_OBJECT = 2_000;

/** Names as the Python system's result had them; what is missing or of another shape is left out. */
function metadataOf(answer: Answer): Record<string, unknown> {
  const { confidence } = answer;
  const entries: [string, unknown][] = [
    [
      'confidence_score',
      typeof confidence === 'number' && Number.isFinite(confidence)
        ? Math.min(1, Math.max(0, confidence))
        : undefined,
    ],
    ['domain_activations', mapOf(answer, ['domains', 'domain_activations', 'activations'], isNumber)],
    ['boundary_states', mapOf(answer, ['boundaries', 'boundary_states'], isSmallObject)],
    ['quality_conditions', mapOf(answer, ['quality', 'quality_conditions', 'conditions'], isNumber)],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function mapOf(
  answer: Answer,
  names: readonly string[],
  fits: (value: unknown) => boolean,
): Record<string, unknown> | undefined {
  for (const name of names) {
    const map = answer[name];
    if (typeof map !== 'object' || map === null || Array.isArray(map)) continue;
    const kept = Object.entries(map)
      .filter(([key, value]) => key.length <= MAX_NAME && fits(value))
      .slice(0, MAX_ENTRIES);
    if (kept.length > 0) return Object.fromEntries(kept);
  }
  return undefined;
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

function isSmallObject(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    JSON.stringify(value).length <= MAX_OBJECT
  );
}
