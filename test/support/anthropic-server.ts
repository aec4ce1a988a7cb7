import type { ServerResponse } from 'node:http';
import { sse } from './loopback-server';

/** Events of one streamed message, as docs.anthropic.com, "Streaming messages", has them. */
export function messageEvents(options: {
  readonly texts?: readonly string[];
  readonly stopReason?: string;
  readonly model?: string;
  readonly usage?: Record<string, number>;
  readonly outputTokens?: number;
  readonly tools?: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly thinking?: string;
}): string[] {
  const {
    texts = ['Hello', ', world'],
    stopReason = 'end_turn',
    model = 'claude-sonnet-4-5-20250929',
  } = options;
  const usage = { input_tokens: 25, output_tokens: 1, ...options.usage };
  const events = [
    sse('message_start', {
      type: 'message_start',
      message: {
        id: 'msg_01',
        type: 'message',
        role: 'assistant',
        content: [],
        model,
        stop_reason: null,
        stop_sequence: null,
        usage,
      },
    }),
    sse('ping', { type: 'ping' }),
  ];
  let index = 0;
  const block = (start: object, deltas: readonly object[]) => {
    events.push(sse('content_block_start', { type: 'content_block_start', index, content_block: start }));
    for (const delta of deltas)
      events.push(sse('content_block_delta', { type: 'content_block_delta', index, delta }));
    events.push(sse('content_block_stop', { type: 'content_block_stop', index }));
    index += 1;
  };
  if (options.thinking !== undefined) {
    block({ type: 'thinking', thinking: '', signature: '' }, [
      { type: 'thinking_delta', thinking: options.thinking },
      { type: 'signature_delta', signature: 'c2lnbmVk' },
    ]);
  }
  if (texts.length > 0)
    block(
      { type: 'text', text: '' },
      texts.map((text) => ({ type: 'text_delta', text })),
    );
  for (const tool of options.tools ?? []) {
    const input = JSON.stringify(tool.input);
    block({ type: 'tool_use', id: tool.id, name: tool.name, input: {} }, [
      { type: 'input_json_delta', partial_json: input.slice(0, 3) },
      { type: 'input_json_delta', partial_json: input.slice(3) },
    ]);
  }
  events.push(
    sse('message_delta', {
      type: 'message_delta',
      delta: { stop_reason: stopReason, stop_sequence: null },
      usage: { output_tokens: options.outputTokens ?? 15 },
    }),
    sse('message_stop', { type: 'message_stop' }),
  );
  return events;
}

/** Streams a message whole. */
export function streamMessage(
  response: ServerResponse,
  options: Parameters<typeof messageEvents>[0] = {},
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_01' });
  for (const event of messageEvents(options)) response.write(event);
  response.end();
}

/** An error body of the Messages API. */
export function errorBody(type: string, message: string): object {
  return { type: 'error', error: { type, message } };
}
