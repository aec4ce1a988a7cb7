import { Ollama, type Message } from 'ollama/browser';
import { z } from 'zod';
import { isLoopback } from '../../instruments/endpoint';
import type { CheckResult } from '../contract';
import type { Tool, ToolResult } from '../tools/contract';
import type { Conversation } from './conversation';
import { HttpFailure } from './failure';
import { HttpBackend } from './http-backend';
import {
  answerPart,
  describedTools,
  parseArguments,
  parseDescribedCalls,
  resultForModel,
  type AnswerPart,
  type RequestedCall,
} from './ollama-messages';
import {
  guarded,
  installedModels,
  isInstalled,
  modelMissing,
  notOllama,
  serverOf,
  unreachable,
  type OllamaServer,
} from './ollama-server';
import { transportErrorIn } from './transport-error';

/** Context window, tokens; the Python system's default. Ollama's own is far too small for a task with tools. */
const DEFAULT_NUM_CTX = 32_768;
const DEFAULT_KEEP_ALIVE = '5m';
/** Whole time of a check, seconds. */
const CHECK_SECONDS = 10;
/** So many characters are less than a token in no language: a prompt longer than that times `num_ctx` cannot fit. */
const MOST_CHARACTERS_PER_TOKEN = 8;
/** Calls of one answer that are run. */
const MAX_CALLS = 64;

interface Round {
  readonly content: string;
  readonly thinking: string;
  readonly calls: readonly RequestedCall[];
}

/** A model of an Ollama server (docs/api.md of ollama/ollama), with tools in a loop. */
export class OllamaBackend extends HttpBackend {
  /** Loading a large model from a slow disk takes minutes, in which the server says nothing. */
  protected override readonly defaultLimits = { firstOutputSeconds: 600, idleSeconds: 120 };

  override problem(): string | null {
    if (this.model === null) return 'no model is named: set model';
    if (/[\s\p{Cc}]/u.test(this.model)) return 'model is no name of a model';
    return null;
  }

  protected override async converse(talk: Conversation): Promise<void> {
    const server = serverOf(this.options.connection, this.endpoint.baseUrl);
    const system = [talk.system, talk.preamble].filter((text) => text !== null && text !== '').join('\n\n');
    let described = talk.tools.length > 0 && server.withoutTools.has(this.model ?? '');
    const first: Message[] = [{ role: 'user', content: talk.prompt }];
    const opening = (): Message[] => {
      const texts = [system, described ? describedTools(talk.tools) : ''].filter((text) => text !== '');
      return texts.length === 0 ? first : [{ role: 'system', content: texts.join('\n\n') }, ...first];
    };
    let messages = opening();
    for (let round = 0; ; round += 1) {
      let answer: Round;
      try {
        answer = await this.ask(talk, server, messages, described);
      } catch (error) {
        // Told by the server before it has read anything: the same again, with the tools described in words.
        if (described || round > 0 || !saysNoTools(error)) throw error;
        described = true;
        server.withoutTools.add(this.model ?? '');
        talk.note(`[ollama] ${this.model ?? ''} knows no tools: they are described in the prompt`);
        messages = opening();
        round -= 1;
        continue;
      }
      if (answer.calls.length === 0) return;
      if (round >= this.maxToolIterations) throw this.iterationLimitFailure();
      if (!answer.content.endsWith('\n') && answer.content !== '') talk.emit('\n');
      messages = [...messages, ...(await this.replies(talk, answer, described))];
    }
  }

  protected override explain(error: unknown): HttpFailure | null {
    const transport = transportErrorIn(error);
    if (transport?.midAnswer === false) return unreachable(transport);
    if (transport) return null;
    if (error instanceof Error && /^Did not receive done/.test(error.message))
      return new HttpFailure('bad_response', 'the answer ended before it was whole');
    return null;
  }

  /** Is the server there, and has it exactly this model? Costs nothing: no model is run. */
  override async healthCheck(): Promise<CheckResult> {
    const problem = this.problem();
    if (problem !== null) return { ok: false, message: problem };
    const seconds = this.setting('health_check_timeout', z.number().positive()) ?? CHECK_SECONDS;
    try {
      const models = await installedModels(
        this.client(this.checkFetch(), AbortSignal.timeout(seconds * 1000)),
      );
      const model = this.model ?? '';
      return isInstalled(model, models)
        ? { ok: true, message: `the server has ${model}` }
        : { ok: false, message: modelMissing(model, models) };
    } catch (error) {
      const timedOut = error instanceof Error && error.name === 'TimeoutError';
      const message = timedOut ? `no answer within ${seconds} s` : this.failureOf(error).message;
      return { ok: false, message };
    }
  }

  override availabilityCheck(): Promise<CheckResult> {
    return this.healthCheck();
  }

  /** Models that the server has, for completing `model:`. @throws Error in words for a person */
  override async models(): Promise<readonly string[]> {
    try {
      return await installedModels(this.client(this.checkFetch(), AbortSignal.timeout(CHECK_SECONDS * 1000)));
    } catch (error) {
      throw new Error(this.failureOf(error).message);
    }
  }

  /** One request, when its turn has come. */
  private async ask(
    talk: Conversation,
    server: OllamaServer,
    messages: Message[],
    described: boolean,
  ): Promise<Round> {
    const numCtx = this.numCtx;
    const characters = JSON.stringify([messages, described ? [] : talk.tools], withoutImages).length;
    if (characters > numCtx * MOST_CHARACTERS_PER_TOKEN) throw contextFull(numCtx, characters);
    const release = await server.turn(this.parallelRequests, talk.signal);
    try {
      return await this.request(talk, messages, described, numCtx);
    } catch (error) {
      throw await this.withModels(talk, error);
    } finally {
      release();
    }
  }

  private async request(
    talk: Conversation,
    messages: Message[],
    described: boolean,
    numCtx: number,
  ): Promise<Round> {
    const { temperature, maxTokens } = this;
    const tools = described ? [] : talk.tools;
    const body = {
      model: this.model ?? '',
      messages,
      stream: true as const,
      keep_alive: this.keepAlive,
      // A server that knows these two refuses what does not fit instead of dropping the beginning without a word.
      truncate: false,
      shift: false,
      ...(tools.length === 0 ? {} : { tools: tools.map(offered) }),
      options: {
        num_ctx: numCtx,
        ...(temperature === null ? {} : { temperature }),
        ...(maxTokens === null ? {} : { num_predict: maxTokens }),
      },
    };
    const stream = await this.client(talk.fetch, talk.signal).chat(body);
    let content = '';
    let thinking = '';
    const calls: RequestedCall[] = [];
    let last: AnswerPart | null = null;
    for await (const piece of stream) {
      const part = answerPart(piece);
      if (part.thinking !== '') talk.aside(part.thinking);
      if (part.content !== '') talk.emit(part.content);
      thinking += part.thinking;
      content += part.content;
      calls.push(...part.calls);
      last = part;
    }
    if (!last?.done) throw new HttpFailure('bad_response', 'the answer ended before it was whole');
    const { promptTokens, answerTokens } = last;
    talk.used({
      inputTokens: promptTokens,
      // Servers leave it out when it is 0, and some proxies always.
      outputTokens: answerTokens ?? Math.ceil(content.length / 4),
      model: last.model,
      // What this machine computes costs nothing; what its server has computed elsewhere does.
      costUsd: this.isLocal ? 0 : null,
    });
    if (last.doneReason === 'length') {
      if (maxTokens !== null && (answerTokens ?? 0) >= maxTokens)
        // Another try would be cut off as well.
        throw new HttpFailure(
          'configuration',
          `the answer was cut off at max_tokens (${maxTokens}): raise it, or ask for less in one sheet`,
        );
      throw contextFull(numCtx, null);
    }
    if (calls.length === 0 && talk.tools.length > 0) {
      // Small models write a call into their text even where they could make one.
      calls.push(...parseDescribedCalls(content, new Set(talk.tools.map(({ name }) => name)), described));
    }
    return { content, thinking, calls };
  }

  /** Runs what the model asked for, side by side, and gives the messages for its next turn. */
  private async replies(talk: Conversation, answer: Round, described: boolean): Promise<Message[]> {
    const { content, thinking, calls } = answer;
    const results = await Promise.all(
      calls.slice(0, MAX_CALLS).map((call) => {
        const args = parseArguments(call.arguments);
        return args === null
          ? Promise.resolve(failed(`the arguments of ${call.name} are no JSON object`))
          : talk.callTool(call.name, args);
      }),
    );
    const images = results.flatMap((result) =>
      result.content.flatMap((part) => (part.type === 'image' ? [part.data] : [])),
    );
    const sees = images.length > 0 && (await this.sees(talk));
    const texts = results.map((result) => resultForModel(result, sees));
    const skipped = calls.length - results.length;
    const more = skipped > 0 ? `\n[Tool Error]\n${skipped} further calls of this answer were not run` : '';
    const assistant: Message = {
      role: 'assistant',
      content,
      ...(thinking === '' ? {} : { thinking }),
      ...(described
        ? {}
        : {
            tool_calls: calls.slice(0, MAX_CALLS).map(({ name, arguments: args }) => ({
              function: { name, arguments: parseArguments(args) ?? {} },
            })),
          }),
    };
    const last = texts.length - 1;
    const told = texts.map((text, index) => (index === last ? text + more : text));
    const replies: Message[] = described
      ? [
          {
            role: 'user',
            content: told
              .map((text, index) => `Result of ${calls[index]?.name ?? ''}:\n${text}`)
              .join('\n\n'),
          },
        ]
      : told.map((text, index) => ({ role: 'tool', content: text, tool_name: calls[index]?.name ?? '' }));
    // Templates of models take images with a user's message only.
    if (sees) replies.push({ role: 'user', content: 'The images of these results.', images });
    return [assistant, ...replies];
  }

  /** Does the model take images? A server too old to tell gets none. */
  private async sees(talk: Conversation): Promise<boolean> {
    try {
      const shown: unknown = await this.client(talk.fetch, talk.signal).show({ model: this.model ?? '' });
      const parsed = z.object({ capabilities: z.array(z.string()) }).safeParse(shown);
      return parsed.success && parsed.data.capabilities.includes('vision');
    } catch {
      talk.signal.throwIfAborted();
      return false;
    }
  }

  /** "Not found" in words that help: which models there are, or that this is no Ollama at all. */
  private async withModels(talk: Conversation, error: unknown): Promise<unknown> {
    if (!(error instanceof HttpFailure) || error.status !== 404 || talk.signal.aborted) return error;
    if (error.errorType === 'configuration') return error;
    try {
      const models = await installedModels(this.client(talk.fetch, talk.signal));
      return new HttpFailure('not_found', modelMissing(this.model ?? '', models), { status: 404 });
    } catch (other) {
      return other instanceof HttpFailure ? other : notOllama(404);
    }
  }

  private client(fetch: typeof globalThis.fetch, signal: AbortSignal): Ollama {
    const { key, baseUrl } = this.endpoint;
    return new Ollama({
      host: baseUrl,
      fetch: guarded(fetch, signal),
      ...(key === null ? {} : { headers: { authorization: `Bearer ${key}` } }),
    });
  }

  private get isLocal(): boolean {
    return isLoopback(new URL(this.endpoint.baseUrl)) && !/[:-]cloud$/.test(this.model ?? '');
  }

  private get numCtx(): number {
    return this.setting('num_ctx', z.int().positive()) ?? DEFAULT_NUM_CTX;
  }

  private get keepAlive(): string | number {
    return this.setting('keep_alive', z.union([z.string(), z.number()])) ?? DEFAULT_KEEP_ALIVE;
  }

  private get parallelRequests(): number {
    return this.setting('parallel_requests', z.int().positive()) ?? 1;
  }
}

function offered(tool: Tool) {
  return {
    type: 'function',
    function: { name: tool.name, description: tool.description, parameters: { ...tool.inputSchema } },
  };
}

function saysNoTools(error: unknown): boolean {
  return (
    error instanceof HttpFailure && error.status === 400 && /does not support tools/i.test(error.message)
  );
}

function contextFull(numCtx: number, characters: number | null): HttpFailure {
  const what = characters === null ? 'the context is full' : `the prompt has ${characters} characters`;
  return new HttpFailure(
    'context_too_long',
    `${what}: it does not fit into num_ctx (${numCtx} tokens); raise num_ctx, or ask for less in one sheet`,
  );
}

function withoutImages(key: string, value: unknown): unknown {
  return key === 'images' ? undefined : value;
}

function failed(text: string): ToolResult {
  return { isError: true, content: [{ type: 'text', text }] };
}
