import Anthropic from '@anthropic-ai/sdk';
import type { Conversation } from './conversation';
import { HttpFailure, statusFailure } from './failure';
import { HttpBackend } from './http-backend';

/** Longest answer when neither score nor model says otherwise, tokens. The Python system's default. */
const DEFAULT_MAX_TOKENS = 16_384;

/** The Messages API of Anthropic, and servers that speak it. */
export class AnthropicApiBackend extends HttpBackend {
  override problem(): string | null {
    return null;
  }

  protected override async converse(talk: Conversation): Promise<void> {
    const client = this.client(talk.fetch);
    const system = [talk.system, talk.preamble].filter((text) => text !== null && text !== '').join('\n\n');
    const stream = await client.messages.create(
      {
        model: this.model ?? '',
        max_tokens: this.maxTokens ?? DEFAULT_MAX_TOKENS,
        messages: [{ role: 'user', content: talk.prompt }],
        ...(system === '' ? {} : { system }),
        stream: true,
      },
      { signal: talk.signal },
    );
    let stopReason: string | null = null;
    for await (const event of stream) {
      if (event.type === 'message_start') {
        talk.used({ inputTokens: event.message.usage.input_tokens, model: event.message.model });
      } else if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
        talk.emit(event.delta.text);
      } else if (event.type === 'message_delta') {
        stopReason = event.delta.stop_reason;
        talk.used({ outputTokens: event.usage.output_tokens });
      }
    }
    if (stopReason === null) throw new HttpFailure('bad_response', 'the answer ended before it was whole');
    if (stopReason === 'max_tokens')
      throw new HttpFailure('bad_response', 'the answer was cut off at max_tokens');
  }

  protected override explain(error: unknown): HttpFailure | null {
    if (error instanceof Anthropic.APIConnectionError || !(error instanceof Anthropic.APIError)) return null;
    const status: unknown = error.status;
    const headers: unknown = error.headers;
    if (typeof status === 'number')
      return statusFailure(
        status,
        error.apiMessage ?? error.message,
        headers instanceof Headers ? headers : null,
      );
    return new HttpFailure('bad_response', error.apiMessage ?? error.message);
  }

  /** Nothing of the conductor's own environment counts, and nothing that lies in the home folder. */
  private client(fetch: Conversation['fetch']): Anthropic {
    return new Anthropic({
      baseURL: this.endpoint.baseUrl,
      apiKey: this.endpoint.key ?? 'none',
      authToken: null,
      maxRetries: 0,
      logLevel: 'off',
      openTelemetry: false,
      fetch,
    });
  }
}
