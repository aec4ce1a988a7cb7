import Anthropic from '@anthropic-ai/sdk';
import { z } from 'zod';
import type { CheckResult } from '../../contract';
import type { ToolContent, ToolResult } from '../../tools/contract';
import type { Conversation } from '../conversation';
import { HttpFailure } from '../failure';
import { HttpBackend } from '../http-backend';
import { anthropicFailure } from './errors';
import { readMessage, type Block, type MessageEnd, type TokenCounts } from './message-stream';
import { modelRules } from './model-rules';

/** Longest answer when neither score nor model says otherwise, tokens. The Python system's default. */
const DEFAULT_MAX_TOKENS = 16_384;
/** Version whose requests may carry `temperature`; the SDK's own (2026-10-21) refuses it, also at its default. */
const VERSION_WITH_SAMPLING = '2023-06-01';
/** Names of price lists for a long context window, which the API takes as a header. */
const LONG_CONTEXT = '[1m]';
const LONG_CONTEXT_BETA = 'context-1m-2025-08-07';
/** Prices of cached input as parts of the input price (page "Prompt caching"). */
const CACHE_PRICE = { read: 0.1, write5m: 1.25, write1h: 2 } as const;
const MIN_THINKING_TOKENS = 1024;

/** `thinking` of a score: `adaptive`, a budget in tokens, or false. */
const thinkingSchema = z.union([z.literal('adaptive'), z.boolean(), z.number().int()]);

type Params = Anthropic.MessageCreateParamsStreaming & { temperature?: number };

/** The Messages API of Anthropic, and servers that speak it. */
export class AnthropicApiBackend extends HttpBackend {
  override problem(): string | null {
    const { model } = this;
    if (model === null) return 'no model is chosen: write `model:` in instrument_config';
    const rules = modelRules(model);
    const { temperature, thinking } = this;
    if (temperature !== null) {
      if (!rules.takesTemperature)
        return `\`temperature\` is not taken by ${model}: the API refuses it since Claude 4.7. Leave it out`;
      if (temperature > 1)
        return `\`temperature: ${temperature}\` is not taken by the Anthropic API: it goes from 0 to 1`;
      if (thinking !== null && thinking !== false)
        return '`temperature` is not taken together with `thinking`';
    }
    if (this.options.config.other['thinking'] !== undefined && thinking === null)
      return '`thinking` is `adaptive`, a budget in tokens, or false';
    if (thinking === 'adaptive' && !rules.adaptiveThinking) {
      return rules.thinkingBudget
        ? `\`thinking: adaptive\` is not taken by ${model}: give it a budget in tokens`
        : `${model} has no thinking`;
    }
    if (typeof thinking === 'number') {
      if (!rules.thinkingBudget) return `${model} takes no thinking budget: write \`thinking: adaptive\``;
      if (thinking < MIN_THINKING_TOKENS)
        return `a thinking budget is at least ${MIN_THINKING_TOKENS} tokens`;
      if (thinking >= this.answerTokens)
        return `the thinking budget of ${thinking} tokens must be below max_tokens (${this.answerTokens})`;
    }
    return null;
  }

  /** Asks for the model by name: no quota is used, and the key is tried. */
  override async healthCheck(): Promise<CheckResult> {
    const available = await this.availabilityCheck();
    if (!available.ok) return available;
    const model = this.bareModel;
    try {
      await this.client(this.checkFetch()).models.retrieve(model, {}, { timeout: 20_000 });
      return { ok: true, message: `answers, takes the key and has the model ${model}` };
    } catch (error) {
      const failure = this.failureOf(error);
      if (failure.status === 404)
        return {
          ok: false,
          message: `answers and takes the key, but has no model ${model} (${failure.message})`,
        };
      return { ok: false, message: failure.message };
    }
  }

  protected override async converse(talk: Conversation): Promise<void> {
    const client = this.client(talk.fetch);
    const messages: Anthropic.MessageParam[] = [
      { role: 'user', content: [{ type: 'text', text: talk.prompt }] },
    ];
    for (let round = 0; ; round += 1) {
      const end = await this.ask(client, talk, messages);
      const again = end.stopReason === 'tool_use' || end.stopReason === 'pause_turn';
      if (again && round >= this.maxToolIterations) throw this.iterationLimitFailure();
      switch (end.stopReason) {
        case 'end_turn':
        case 'stop_sequence':
          return;
        case 'tool_use':
          messages.push(answerOf(end), { role: 'user', content: await runTools(talk, end) });
          break;
        case 'pause_turn':
          messages.push(answerOf(end));
          break;
        default:
          throw this.unfinished(end);
      }
      talk.breakLine();
    }
  }

  protected override explain(error: unknown): HttpFailure | null {
    return anthropicFailure(error);
  }

  private async ask(
    client: Anthropic,
    talk: Conversation,
    messages: readonly Anthropic.MessageParam[],
  ): Promise<MessageEnd> {
    const { temperature, thinking } = this;
    const system = [talk.system, talk.preamble].filter((text) => text !== null && text !== '').join('\n\n');
    const hasTools = talk.tools.length > 0;
    const body: Params = {
      model: this.bareModel,
      max_tokens: this.answerTokens,
      messages: hasTools ? cached(messages) : [...messages],
      stream: true,
      ...(system === '' ? {} : { system }),
      ...(temperature === null ? {} : { temperature }),
      ...(thinking === null ? {} : { thinking: thinkingOf(thinking) }),
      ...(hasTools
        ? {
            tools: talk.tools.map(({ name, description, inputSchema }) => ({
              name,
              description,
              input_schema: { ...inputSchema, type: 'object' as const },
            })),
          }
        : {}),
    };
    // Not `messages.create`: that one writes warnings to the conductor's stderr.
    const stream = await client.post<AsyncIterable<unknown>>('/v1/messages', {
      body,
      stream: true,
      signal: talk.signal,
      ...(temperature === null ? {} : { headers: { 'anthropic-version': VERSION_WITH_SAMPLING } }),
    });
    const type = talk.headers()?.get('content-type') ?? '';
    if (/\bjson\b/.test(type)) {
      throw new HttpFailure(
        'bad_response',
        `the answer is no event stream, but ${type}: does the server know streaming?`,
      );
    }
    let counts: TokenCounts = { input: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0 };
    let answeredBy: string | null = null;
    let told = 0;
    const end = await readMessage(stream, {
      text: (piece) => talk.emit(piece),
      thinking: (piece) => talk.aside(piece),
      started: (model, tokens) => {
        counts = tokens;
        answeredBy = model;
        const inputTokens = tokens.input + tokens.cacheRead + tokens.cacheWrite5m + tokens.cacheWrite1h;
        talk.used({ inputTokens, model, costUsd: this.price(model, tokens, 0) });
      },
      output: (tokens) => {
        const outputTokens = Math.max(0, tokens - told);
        told = Math.max(told, tokens);
        talk.used({ outputTokens, costUsd: this.price(answeredBy, { ...counts, ...nothing }, outputTokens) });
      },
    });
    return end;
  }

  /** Dollars; null = unpriced. */
  private price(answeredBy: string | null, tokens: TokenCounts, output: number): number | null {
    const { models } = this.options.profile;
    const facts = models.find(({ name }) => name === answeredBy) ?? this.modelFacts;
    if (!facts || facts.cost_per_1k_input === null || facts.cost_per_1k_output === null) return null;
    const input =
      tokens.input +
      tokens.cacheRead * CACHE_PRICE.read +
      tokens.cacheWrite5m * CACHE_PRICE.write5m +
      tokens.cacheWrite1h * CACHE_PRICE.write1h;
    return (input * facts.cost_per_1k_input + output * facts.cost_per_1k_output) / 1000;
  }

  /** A message that ended without being done. */
  private unfinished(end: MessageEnd): HttpFailure {
    switch (end.stopReason) {
      case null:
        return new HttpFailure('bad_response', 'the answer ended before it was whole');
      case 'max_tokens':
        return new HttpFailure(
          'configuration',
          `the answer was cut off at max_tokens (${this.answerTokens}): raise max_tokens, or ask for less in one sheet`,
        );
      case 'model_context_window_exceeded':
        return new HttpFailure(
          'context_too_long',
          'the answer was cut off: the context window of the model is full',
        );
      case 'refusal': {
        const category = end.refusalCategory === null ? '' : ` (${end.refusalCategory})`;
        return new HttpFailure('refused', `the model refused to answer${category}`);
      }
      default:
        return new HttpFailure(
          'bad_response',
          `the answer ended for a reason that is not known: ${end.stopReason}`,
        );
    }
  }

  private get thinking(): z.infer<typeof thinkingSchema> | null {
    const said = this.setting('thinking', thinkingSchema);
    return said === true ? 'adaptive' : said;
  }

  private get answerTokens(): number {
    const most = this.modelFacts?.max_output_tokens ?? DEFAULT_MAX_TOKENS;
    return this.maxTokens ?? Math.min(DEFAULT_MAX_TOKENS, most);
  }

  private get bareModel(): string {
    const model = this.model ?? '';
    return model.endsWith(LONG_CONTEXT) ? model.slice(0, -LONG_CONTEXT.length) : model;
  }

  /** Nothing of the conductor's own environment counts, and nothing that lies in the home folder. */
  private client(fetch: typeof globalThis.fetch): Anthropic {
    const { key, baseUrl } = this.endpoint;
    return new Anthropic({
      baseURL: baseUrl,
      // Without one the SDK would look for credentials on the disk.
      apiKey: key ?? 'none',
      authToken: null,
      maxRetries: 0,
      // Ours covers the whole call; the SDK's would end at the first byte.
      timeout: 2 ** 31 - 1,
      logLevel: 'off',
      openTelemetry: false,
      fetch,
      defaultHeaders: {
        // The SDK sends `Authorization` since 1.0; servers that only speak the protocol may know the older header alone.
        'X-Api-Key': key,
        ...(key === null ? { Authorization: null } : {}),
        ...(this.model?.endsWith(LONG_CONTEXT) ? { 'anthropic-beta': LONG_CONTEXT_BETA } : {}),
      },
    });
  }
}

const nothing = { input: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0 } as const;

function thinkingOf(thinking: 'adaptive' | boolean | number): Anthropic.ThinkingConfigParam {
  if (typeof thinking === 'number') return { type: 'enabled', budget_tokens: thinking };
  return thinking === false ? { type: 'disabled' } : { type: 'adaptive', display: 'summarized' };
}

/** Marks the end of what is sent as worth caching: with tools the same beginning is sent in every round, at a tenth of the price from the second on. */
function cached(messages: readonly Anthropic.MessageParam[]): Anthropic.MessageParam[] {
  const at = messages.findLastIndex(({ role }) => role === 'user');
  return messages.map((message, index) => {
    if (index !== at || message.role !== 'user' || typeof message.content === 'string') return message;
    const content = message.content.map((block, place) =>
      place === message.content.length - 1 && (block.type === 'text' || block.type === 'tool_result')
        ? { ...block, cache_control: { type: 'ephemeral' as const } }
        : block,
    );
    return { ...message, content };
  });
}

/** What the model said, to be given back to it; an empty text block would be refused. */
function answerOf(end: MessageEnd): Anthropic.MessageParam {
  const content = end.blocks.flatMap((block): Anthropic.ContentBlockParam[] => {
    switch (block.type) {
      case 'text':
        return block.text === '' ? [] : [{ type: 'text', text: block.text }];
      case 'thinking':
        return [{ type: 'thinking', thinking: block.thinking, signature: block.signature }];
      case 'tool_use':
        return [{ type: 'tool_use', id: block.id, name: block.name, input: argumentsOf(block) ?? {} }];
      case 'other':
        return [block.raw as unknown as Anthropic.ContentBlockParam];
    }
  });
  return { role: 'assistant', content };
}

/** All that the model asked for, side by side, answered in its order. */
async function runTools(talk: Conversation, end: MessageEnd): Promise<Anthropic.ToolResultBlockParam[]> {
  const calls = end.blocks.filter((block) => block.type === 'tool_use');
  if (calls.length === 0)
    throw new HttpFailure('bad_response', 'the model stopped for a tool and named none');
  return Promise.all(
    calls.map(async (call): Promise<Anthropic.ToolResultBlockParam> => {
      const args = argumentsOf(call);
      const result: ToolResult =
        args === null
          ? { isError: true, content: [{ type: 'text', text: 'The arguments are not a JSON object.' }] }
          : await talk.callTool(call.name, args);
      return {
        type: 'tool_result',
        tool_use_id: call.id,
        is_error: result.isError,
        content: result.content.map(partOf),
      };
    }),
  );
}

/** Null when what came is no JSON object. */
function argumentsOf(call: Extract<Block, { type: 'tool_use' }>): Record<string, unknown> | null {
  let value: unknown = call.input;
  if (call.json !== '') {
    try {
      value = JSON.parse(call.json);
    } catch {
      return null;
    }
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** Image types that the API takes. */
const imageTypes = z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

function partOf(content: ToolContent): Anthropic.TextBlockParam | Anthropic.ImageBlockParam {
  switch (content.type) {
    case 'text':
      return { type: 'text', text: content.text === '' ? '(empty)' : content.text };
    case 'image': {
      const type = imageTypes.safeParse(content.mimeType);
      if (!type.success) return { type: 'text', text: `[Image: ${content.mimeType}]` };
      return { type: 'image', source: { type: 'base64', media_type: type.data, data: content.data } };
    }
    case 'resource':
      return { type: 'text', text: content.text ?? `[Resource: ${content.uri}]` };
  }
}
