import { z } from 'zod';
import { HttpFailure } from '../failure';

const count = z.number().min(0).nullish();
const usage = z.object({
  input_tokens: count,
  output_tokens: count,
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  cache_creation: z.object({ ephemeral_5m_input_tokens: count, ephemeral_1h_input_tokens: count }).nullish(),
});

/** The events that matter; others are passed over, as the page "Streaming messages" asks. */
const events = {
  message_start: z.object({ message: z.object({ model: z.string().nullish(), usage: usage.nullish() }) }),
  content_block_start: z.object({
    index: z.number(),
    content_block: z.looseObject({ type: z.string(), id: z.string().nullish(), name: z.string().nullish() }),
  }),
  content_block_delta: z.object({
    index: z.number(),
    delta: z.object({
      type: z.string(),
      text: z.string().nullish(),
      thinking: z.string().nullish(),
      signature: z.string().nullish(),
      partial_json: z.string().nullish(),
    }),
  }),
  message_delta: z.object({
    delta: z.object({
      stop_reason: z.string().nullish(),
      stop_details: z.looseObject({ category: z.string().nullish() }).nullish(),
    }),
    usage: usage.nullish(),
  }),
} as const;

/** A block of an answer, as it must be given back in the next round. */
export type Block =
  | { readonly type: 'text'; text: string }
  | { readonly type: 'thinking'; thinking: string; signature: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; input: unknown; json: string }
  /** Anything else (redacted thinking, server tools): given back as it came. */
  | { readonly type: 'other'; readonly raw: Readonly<Record<string, unknown>> };

export interface TokenCounts {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
}

/** What is told while a message comes. */
export interface MessageListener {
  text(piece: string): void;
  thinking(piece: string): void;
  started(model: string | null, counts: TokenCounts): void;
  /** Cumulative. */
  output(tokens: number): void;
}

export interface MessageEnd {
  readonly blocks: readonly Block[];
  /** Null when the stream ended without saying. */
  readonly stopReason: string | null;
  readonly refusalCategory: string | null;
}

/** Reads one streamed message. Frames are checked, not believed. @throws HttpFailure for one that is not as documented, or whatever the stream throws */
export async function readMessage(
  stream: AsyncIterable<unknown>,
  listener: MessageListener,
): Promise<MessageEnd> {
  const blocks = new Map<number, Block>();
  let stopReason: string | null = null;
  let refusalCategory: string | null = null;
  for await (const frame of stream) {
    const type = typeof frame === 'object' && frame !== null && 'type' in frame ? frame.type : null;
    switch (type) {
      case 'message_start': {
        const { message } = parsed('message_start', frame);
        listener.started(message.model ?? null, countsOf(message.usage ?? {}));
        break;
      }
      case 'content_block_start': {
        const { index, content_block: block } = parsed('content_block_start', frame);
        blocks.set(index, blockOf(block));
        break;
      }
      case 'content_block_delta': {
        const { index, delta } = parsed('content_block_delta', frame);
        const block = blocks.get(index);
        if (!block) throw unlike('content_block_delta');
        grow(block, delta, listener);
        break;
      }
      case 'message_delta': {
        const { delta, usage: told } = parsed('message_delta', frame);
        stopReason = delta.stop_reason ?? stopReason;
        refusalCategory = delta.stop_details?.category ?? refusalCategory;
        if (told?.output_tokens !== null && told?.output_tokens !== undefined)
          listener.output(told.output_tokens);
        break;
      }
      default:
        break;
    }
  }
  const inOrder = [...blocks].sort(([a], [b]) => a - b).map(([, block]) => block);
  return { blocks: inOrder, stopReason, refusalCategory };
}

function parsed<Type extends keyof typeof events>(
  type: Type,
  frame: unknown,
): z.infer<(typeof events)[Type]> {
  const result = events[type].safeParse(frame);
  if (!result.success) throw unlike(type);
  return result.data as z.infer<(typeof events)[Type]>;
}

function unlike(type: string): HttpFailure {
  return new HttpFailure('bad_response', `the answer cannot be used: a "${type}" event is not as documented`);
}

function countsOf(told: z.infer<typeof usage>): TokenCounts {
  const written = told.cache_creation_input_tokens ?? 0;
  const oneHour = told.cache_creation?.ephemeral_1h_input_tokens ?? 0;
  return {
    input: told.input_tokens ?? 0,
    cacheRead: told.cache_read_input_tokens ?? 0,
    cacheWrite5m: Math.max(0, written - oneHour),
    cacheWrite1h: oneHour,
  };
}

function blockOf(start: z.infer<typeof events.content_block_start>['content_block']): Block {
  const { type, id, name } = start;
  if (type === 'text') return { type, text: typeof start['text'] === 'string' ? start['text'] : '' };
  if (type === 'thinking') return { type, thinking: '', signature: '' };
  if (type === 'tool_use') {
    if (!id || !name) throw unlike('content_block_start');
    return { type, id, name, input: start['input'] ?? {}, json: '' };
  }
  return { type: 'other', raw: start };
}

function grow(
  block: Block,
  delta: z.infer<typeof events.content_block_delta>['delta'],
  listener: MessageListener,
): void {
  if (block.type === 'text' && delta.type === 'text_delta') {
    block.text += delta.text ?? '';
    listener.text(delta.text ?? '');
  } else if (block.type === 'thinking' && delta.type === 'thinking_delta') {
    block.thinking += delta.thinking ?? '';
    listener.thinking(delta.thinking ?? '');
  } else if (block.type === 'thinking' && delta.type === 'signature_delta') {
    block.signature += delta.signature ?? '';
  } else if (block.type === 'tool_use' && delta.type === 'input_json_delta') {
    block.json += delta.partial_json ?? '';
  }
}
