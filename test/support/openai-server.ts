import type { ServerResponse } from 'node:http';
import { sse } from './loopback-server';

/** Chunks of one streamed answer, as platform.openai.com ("Streaming") and openrouter.ai ("API reference") have them. */
export interface ChatStream {
  readonly texts?: readonly string[];
  readonly finish?: string | null;
  readonly model?: string;
  readonly usage?: Readonly<Record<string, unknown>> | null;
  readonly tools?: readonly { readonly id: string; readonly name: string; readonly args: string }[];
  readonly reasoning?: string;
  /** Written after the finish, before `[DONE]`. */
  readonly last?: readonly unknown[];
}

export const USAGE = { prompt_tokens: 120, completion_tokens: 30, total_tokens: 150 };

export function chatEvents(options: ChatStream = {}): string[] {
  const { texts = ['Hello', ', world'], finish = 'stop', model = 'model-1', usage = USAGE } = options;
  const chunk = (choices: unknown[], more: object = {}) =>
    sse(null, { id: 'gen-1', object: 'chat.completion.chunk', created: 1, model, choices, ...more });
  const delta = (said: object) => chunk([{ index: 0, delta: said, finish_reason: null }]);
  const pieces = (options.tools ?? []).flatMap(({ id, name, args }, index) => [
    delta({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }),
    delta({ tool_calls: [{ index, function: { arguments: args.slice(0, 4) } }] }),
    delta({ tool_calls: [{ index, function: { arguments: args.slice(4) } }] }),
  ]);
  return [
    // OpenRouter keeps the connection alive with comments ("Streaming", "SSE comments").
    ': OPENROUTER PROCESSING\n\n',
    delta({ role: 'assistant', content: '' }),
    ...(options.reasoning === undefined ? [] : [delta({ content: '', reasoning: options.reasoning })]),
    ...texts.map((content) => delta({ content })),
    ...pieces,
    ...(finish === null ? [] : [chunk([{ index: 0, delta: {}, finish_reason: finish }])]),
    ...(usage === null ? [] : [chunk([], { usage })]),
    ...(options.last ?? []).map((data) => sse(null, data)),
    sse(null, '[DONE]'),
  ];
}

export function streamChat(response: ServerResponse, options: ChatStream = {}): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of chatEvents(options)) response.write(event);
  response.end();
}
