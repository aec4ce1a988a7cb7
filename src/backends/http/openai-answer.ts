import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Conversation } from './conversation';
import { HttpFailure } from './failure';
import { openAiFailure } from './openai-failure';

/** A call that the model asks for; `args` is text that should be JSON. */
export interface ToolRequest {
  readonly id: string;
  readonly name: string;
  readonly args: string;
}

export interface ModelAnswer {
  readonly text: string;
  readonly tools: readonly ToolRequest[];
}

/** Most calls that one answer may ask for: a stream that counts up for ever must not fill the memory. */
const MAX_TOOL_CALLS = 128;

const words = z.string().nullish();
const amount = z.number().nullish().catch(null);
const callSchema = z.object({
  index: z.number().int().min(0).nullish(),
  id: words,
  function: z.object({ name: words, arguments: words }).nullish(),
});
const saidSchema = z.object({
  content: words,
  refusal: words,
  /** OpenRouter's thinking. */
  reasoning: words,
  /** The same with DeepSeek, vLLM and llama.cpp. */
  reasoning_content: words,
  tool_calls: z.array(callSchema).nullish(),
});
/** One chunk of a stream, or a whole answer: what platform.openai.com, "Chat completions", and OpenRouter's "API reference" have in common. */
const answerSchema = z.object({
  model: words,
  choices: z
    .array(
      z.object({
        delta: saidSchema.nullish(),
        message: saidSchema.nullish(),
        finish_reason: words,
        error: z.unknown().optional(),
      }),
    )
    .nullish(),
  usage: z
    .object({
      prompt_tokens: amount,
      completion_tokens: amount,
      /** US dollars (OpenRouter). */
      cost: amount,
      is_byok: z.boolean().nullish().catch(null),
      cost_details: z.object({ upstream_inference_cost: amount }).nullish().catch(null),
    })
    .nullish()
    .catch(null),
  error: z.unknown().optional(),
});
type Piece = z.infer<typeof answerSchema>;

/** Reads a stream to its end; text is told as it comes. @throws HttpFailure for a cut or refused answer */
export async function readChunks(chunks: AsyncIterable<unknown>, talk: Conversation): Promise<ModelAnswer> {
  const reader = new AnswerReader(talk);
  try {
    for await (const chunk of chunks) reader.take(chunk, talk.headers());
  } finally {
    reader.account();
  }
  return reader.end();
}

/** Reads an answer that came whole. @throws HttpFailure also for an error with status 200 */
export function answerFrom(body: unknown, headers: Headers, talk: Conversation): ModelAnswer {
  const reader = new AnswerReader(talk);
  try {
    reader.take(body, headers);
  } finally {
    reader.account();
  }
  return reader.end();
}

class AnswerReader {
  private text = '';
  private finish: string | null = null;
  private refusal = '';
  private usage: NonNullable<Piece['usage']> | null = null;
  private model: string | null = null;
  private readonly calls: { index: number | null; id: string; name: string; args: string }[] = [];

  constructor(private readonly talk: Conversation) {}

  take(data: unknown, headers: Headers | null): void {
    const parsed = answerSchema.safeParse(data);
    if (!parsed.success)
      throw new HttpFailure('bad_response', 'the server does not answer as its protocol has it');
    const { model, usage, choices, error } = parsed.data;
    if (model) this.model = model;
    // Some servers tell what was used so far with every chunk: the last one counts.
    if (usage) this.usage = usage;
    const [choice] = choices ?? [];
    const failed = error ?? choice?.error;
    if (failed !== undefined && failed !== null) throw openAiFailure(null, failed, headers);
    if (!choice) return;
    const said = choice.delta ?? choice.message;
    this.talk.aside(said?.reasoning ?? said?.reasoning_content ?? '');
    const content = said?.content ?? '';
    this.text += content;
    this.talk.emit(content);
    this.refusal += said?.refusal ?? '';
    for (const call of said?.tool_calls ?? []) this.addCall(call);
    if (choice.finish_reason) this.finish = choice.finish_reason;
  }

  /** Tells what the request has used, as far as the server told it. */
  account(): void {
    const { usage } = this;
    const upstream = usage?.is_byok === true ? (usage.cost_details?.upstream_inference_cost ?? 0) : 0;
    const cost = usage?.cost ?? null;
    this.talk.used({
      inputTokens: usage?.prompt_tokens ?? null,
      outputTokens: usage?.completion_tokens ?? null,
      // With the user's own key at the provider, OpenRouter's own price is only its fee.
      costUsd: cost === null ? null : cost + upstream,
      model: this.model,
    });
  }

  /** @throws HttpFailure when the answer is not whole, or was refused */
  end(): ModelAnswer {
    if (this.finish === null) throw new HttpFailure('bad_response', 'the answer ended before it was whole');
    if (this.finish === 'length')
      // Another try would be cut off as well.
      throw new HttpFailure(
        'configuration',
        'the answer was cut off at max_tokens: raise it, or ask for less in one sheet',
      );
    if (this.finish === 'content_filter')
      throw new HttpFailure('refused', 'the answer was stopped by a content filter');
    if (this.finish === 'error') throw new HttpFailure('bad_response', 'the provider failed in mid-answer');
    if (this.refusal !== '')
      throw new HttpFailure('refused', `the model refused: ${this.refusal.slice(0, 300)}`);
    const tools = this.calls
      .filter(({ name }) => name !== '')
      .map(({ id, name, args }) => ({ id, name, args }));
    if (tools.length === 0 && (this.finish === 'tool_calls' || this.finish === 'function_call'))
      throw new HttpFailure('bad_response', 'the model asked for a tool and named none');
    return { text: this.text, tools };
  }

  private addCall(call: z.infer<typeof callSchema>): void {
    const index = call.index ?? null;
    // Without a number (some servers), a call with an id begins a new one and others go on with the last.
    let known =
      index === null
        ? call.id
          ? this.calls.find(({ id }) => id === call.id)
          : this.calls.at(-1)
        : this.calls.find((candidate) => candidate.index === index);
    if (!known) {
      if (this.calls.length >= MAX_TOOL_CALLS)
        throw new HttpFailure(
          'bad_response',
          `the model asked for more than ${MAX_TOOL_CALLS} tools at once`,
        );
      known = { index, id: call.id || `call_${randomUUID().slice(0, 8)}`, name: '', args: '' };
      this.calls.push(known);
    }
    // A name comes whole, and with some servers again in every piece.
    known.name ||= call.function?.name ?? '';
    known.args += call.function?.arguments ?? '';
  }
}
