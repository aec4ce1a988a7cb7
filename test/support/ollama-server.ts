import type { ServerResponse } from 'node:http';
import { json, LoopbackServer, type SeenRequest } from './loopback-server';

export interface OllamaTurn {
  readonly texts?: readonly string[];
  readonly thinking?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: unknown }[];
  /** Fields of the last object. */
  readonly end?: Record<string, unknown>;
}

/** Lines of one streamed answer, as docs/api.md of ollama/ollama has them ("Generate a chat completion"). */
export function chatLines({ texts = ['Hello', ', world'], thinking, calls, end }: OllamaTurn = {}): string[] {
  const part = (message: object) => ({
    model: 'llama3.1:8b',
    created_at: '2026-01-01T00:00:00Z',
    message: { role: 'assistant', content: '', ...message },
    done: false,
  });
  return [
    ...(thinking === undefined ? [] : [part({ thinking })]),
    ...texts.map((content) => part({ content })),
    ...(calls === undefined ? [] : [part({ tool_calls: calls.map((call) => ({ function: call })) })]),
    {
      model: 'llama3.1:8b',
      created_at: '2026-01-01T00:00:01Z',
      message: { role: 'assistant', content: '' },
      done_reason: 'stop',
      done: true,
      total_duration: 4883583458,
      load_duration: 1334875,
      prompt_eval_count: 26,
      prompt_eval_duration: 342546000,
      eval_count: 12,
      eval_duration: 4535599000,
      ...end,
    },
  ].map((line) => `${JSON.stringify(line)}\n`);
}

export function stream(response: ServerResponse, turn: OllamaTurn = {}): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  for (const line of chatLines(turn)) response.write(line);
  response.end();
}

export type Chat = (
  request: SeenRequest,
  response: ServerResponse,
  /** Counts /api/chat only, from 1. */
  number: number,
) => void | Promise<void>;

/** An Ollama on 127.0.0.1 with these models. */
export class OllamaLoopback extends LoopbackServer {
  readonly chats: SeenRequest[] = [];
  chat: Chat = (_request, response) => stream(response);
  models = ['llama3.1:8b', 'mistral:latest'];
  capabilities = ['completion', 'tools'];

  constructor() {
    super((request, response) => this.route(request, response));
  }

  /** As a fresh one. */
  reset(): void {
    this.chats.length = 0;
    this.requests.length = 0;
    this.chat = (_request, response) => stream(response);
    this.models = ['llama3.1:8b', 'mistral:latest'];
    this.capabilities = ['completion', 'tools'];
  }

  private route(request: SeenRequest, response: ServerResponse): void | Promise<void> {
    switch (request.path) {
      case '/api/tags':
        return json(response, 200, {
          models: this.models.map((name) => ({ name, model: name, size: 1, digest: 'x' })),
        });
      case '/api/show':
        return json(response, 200, { capabilities: this.capabilities, details: {} });
      case '/api/chat': {
        this.chats.push(request);
        const model = String(request.body?.['model']);
        if (!this.models.includes(model) && !this.models.includes(`${model}:latest`))
          return json(response, 404, { error: `model '${model}' not found` });
        return this.chat(request, response, this.chats.length);
      }
      default:
        response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
    }
  }
}
