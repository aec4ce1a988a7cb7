import type { ServerResponse } from 'node:http';
import { errorBody, streamMessage } from './anthropic-server';
import { json, LoopbackServer, sse, type SeenRequest } from './loopback-server';
import { chatEvents } from './openai-server';

/** What the model behind an agent does: says something, has a shell command or a file written first, or fails. */
export type Turn =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'write'; readonly path: string; readonly content: string; readonly text: string }
  | {
      readonly kind: 'fail';
      readonly status: number;
      readonly message: string;
      /** `error.type` of the Messages API; by the status unless given. */
      readonly type?: string;
    };

/** docs.anthropic.com, "Errors". */
const errorTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

const USED = { input: 120, output: 30 };

/**
 * The four protocols that agents speak, on one loopback address: Anthropic Messages (docs.anthropic.com, "Streaming messages"), OpenAI Responses
 * (platform.openai.com, "Streaming API responses"), Chat Completions (same, "Streaming") and Gemini (ai.google.dev, "streamGenerateContent").
 */
export class AgentVendors {
  turn: Turn = { kind: 'say', text: 'PONG' };
  readonly server = new LoopbackServer((request, response) => this.answer(request, response));

  private answer(request: SeenRequest, response: ServerResponse): void {
    const { path } = request;
    if (path.includes('/messages')) this.messages(request, response);
    else if (path.includes('/responses')) this.responses(request, response);
    else if (path.includes('/chat/completions')) this.chat(request, response);
    else if (path.includes('GenerateContent') || path.includes('generateContent'))
      this.gemini(request, response);
    else json(response, 404, { error: { message: `no such path ${path}` } });
  }

  /** Has the model's request for a tool been answered already? */
  private isAnswered(request: SeenRequest): boolean {
    return /"tool_result"|"function_call_output"|"role":"tool"|"functionResponse"/.test(
      JSON.stringify(request.body),
    );
  }

  private messages(request: SeenRequest, response: ServerResponse): void {
    const { turn } = this;
    if (turn.kind === 'fail') {
      const type = turn.type ?? errorTypes[turn.status] ?? 'api_error';
      json(response, turn.status, errorBody(type, turn.message));
      return;
    }
    const usage = { input_tokens: USED.input };
    if (turn.kind === 'write' && !this.isAnswered(request)) {
      const input = { file_path: turn.path, content: turn.content };
      const tools = [{ id: 'toolu_01', name: 'Write', input }];
      streamMessage(response, { texts: [], tools, stopReason: 'tool_use', usage, outputTokens: USED.output });
      return;
    }
    streamMessage(response, { texts: [turn.text], usage, outputTokens: USED.output });
  }

  private responses(request: SeenRequest, response: ServerResponse): void {
    const { turn } = this;
    if (turn.kind === 'fail') {
      json(response, turn.status, { error: { message: turn.message, type: 'error', code: null } });
      return;
    }
    const item =
      turn.kind === 'write' && !this.isAnswered(request)
        ? {
            type: 'function_call',
            id: 'fc_1',
            call_id: 'call_1',
            name: 'exec_command',
            arguments: JSON.stringify({ cmd: `printf %s '${turn.content}' > '${turn.path}'` }),
            status: 'completed',
          }
        : {
            type: 'message',
            id: 'msg_1',
            role: 'assistant',
            status: 'completed',
            content: [{ type: 'output_text', text: turn.text, annotations: [] }],
          };
    const usage = {
      input_tokens: USED.input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: USED.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: USED.input + USED.output,
    };
    const whole = { id: 'resp_1', object: 'response', status: 'completed', output: [item], usage };
    this.events(response, [
      [
        'response.created',
        { type: 'response.created', response: { ...whole, status: 'in_progress', output: [] } },
      ],
      ['response.output_item.added', { type: 'response.output_item.added', output_index: 0, item }],
      ['response.output_item.done', { type: 'response.output_item.done', output_index: 0, item }],
      ['response.completed', { type: 'response.completed', response: whole }],
    ]);
  }

  private chat(request: SeenRequest, response: ServerResponse): void {
    const { turn } = this;
    if (turn.kind === 'fail') {
      json(response, turn.status, { error: { message: turn.message, type: 'error', code: turn.status } });
      return;
    }
    const usage = {
      prompt_tokens: USED.input,
      completion_tokens: USED.output,
      total_tokens: USED.input + USED.output,
    };
    const offered = JSON.stringify(request.body?.['tools'] ?? []);
    // A title for the session is asked for without tools.
    const write = turn.kind === 'write' && !this.isAnswered(request) && offered.includes('"write"');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const args = turn.kind === 'write' ? JSON.stringify({ filePath: turn.path, content: turn.content }) : '';
    const events = write
      ? chatEvents({ texts: [], finish: 'tool_calls', usage, tools: [{ id: 'call_1', name: 'write', args }] })
      : chatEvents({ texts: [turn.text], usage });
    response.end(events.join(''));
  }

  private gemini(request: SeenRequest, response: ServerResponse): void {
    const { turn } = this;
    if (turn.kind === 'fail') {
      json(response, turn.status, { error: { code: turn.status, message: turn.message, status: 'ERROR' } });
      return;
    }
    const part =
      turn.kind === 'write' && !this.isAnswered(request)
        ? { functionCall: { name: 'write_file', args: { file_path: turn.path, content: turn.content } } }
        : { text: turn.text };
    const answer = {
      candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: {
        promptTokenCount: USED.input,
        candidatesTokenCount: USED.output,
        totalTokenCount: USED.input + USED.output,
      },
      modelVersion: 'gemini-test',
    };
    if (!request.path.includes('stream')) json(response, 200, answer);
    else this.events(response, [[null, answer]]);
  }

  private events(response: ServerResponse, events: readonly (readonly [string | null, unknown])[]): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(events.map(([name, data]) => sse(name, data)).join(''));
  }
}
