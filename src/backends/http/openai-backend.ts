import OpenAI from 'openai';
import { Stream } from 'openai/core/streaming';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import type { CheckResult } from '../contract';
import type { ToolResult } from '../tools/contract';
import type { Conversation } from './conversation';
import { HttpFailure } from './failure';
import { HttpBackend } from './http-backend';
import { answerFrom, readChunks, type ModelAnswer, type ToolRequest } from './openai-answer';
import { openAiFailure } from './openai-failure';

/** Longest answer when neither score nor price list says less, tokens. The Python system's default. */
const DEFAULT_MAX_TOKENS = 16_384;
/** The attempt's own timers cover a call; the library's must never be first, milliseconds. */
const LIBRARY_TIMEOUT_MS = 2_147_483_647;
/** Time limit of a health check, milliseconds. */
const CHECK_TIMEOUT_MS = 10_000;
/** What the library puts after the base URL. */
const CHAT_PATH = '/chat/completions';

/** Chat Completions as OpenRouter and most other vendors and local servers speak it. */
export class OpenAiBackend extends HttpBackend {
  override problem(): string | null {
    const { profile } = this.options;
    if (this.model === null)
      return `${profile.display_name} needs a model: set "model" in instrument_config, or default_model in its profile`;
    if (!profile.http.endpoint.endsWith(CHAT_PATH))
      return `the endpoint of ${profile.display_name} (${profile.http.endpoint}) does not end with ${CHAT_PATH}`;
    return null;
  }

  protected override async converse(talk: Conversation): Promise<void> {
    const client = this.client(talk.fetch);
    const system = [talk.system, talk.preamble].filter((text) => text !== null && text !== '').join('\n\n');
    const messages: ChatCompletionMessageParam[] = [
      ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user', content: talk.prompt },
    ];
    for (let round = 0; ; round += 1) {
      const answer = await this.ask(client, talk, messages);
      if (answer.tools.length === 0) return;
      if (round >= this.maxToolIterations) throw this.iterationLimitFailure();
      messages.push({
        role: 'assistant',
        content: answer.text === '' ? null : answer.text,
        tool_calls: answer.tools.map(({ id, name, args }) => ({
          id,
          type: 'function',
          function: { name, arguments: args },
        })),
      });
      const results = await Promise.all(answer.tools.map((request) => this.run(talk, request)));
      answer.tools.forEach(({ id }, index) =>
        messages.push({ role: 'tool', tool_call_id: id, content: results[index] ?? '' }),
      );
      // What follows is a new paragraph of the same answer.
      if (answer.text !== '' && !answer.text.endsWith('\n')) talk.emit('\n');
    }
  }

  protected override explain(error: unknown): HttpFailure | null {
    if (error instanceof OpenAI.APIConnectionError || !(error instanceof OpenAI.APIError)) return null;
    const { status, headers } = error as { status: unknown; headers: unknown };
    return openAiFailure(
      typeof status === 'number' ? status : null,
      error.error ?? error.message.replace(/^\d{3} (?:status code \(no body\))?/, ''),
      headers instanceof Headers ? headers : null,
    );
  }

  /** Asks for the list of models with the key: it costs nothing. OpenRouter's list is public, so its key is asked about too. */
  override async healthCheck(): Promise<CheckResult> {
    const available = await this.availabilityCheck();
    if (!available.ok) return available;
    const client = this.client(this.checkFetch());
    const options = { signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) };
    try {
      const listed = await client.models.list(options);
      const { model } = this;
      const names = Array.isArray(listed.data) ? listed.data.map(({ id }) => id) : [];
      if (this.isOpenRouter && this.options.endpoint.key !== null) {
        try {
          await client.get('/key', options);
        } catch (error) {
          // Older copies of the service, and what imitates it, do not have this path.
          if (!(error instanceof OpenAI.NotFoundError)) throw error;
        }
      }
      if (model !== null && names.length > 0 && !names.includes(model))
        return { ok: false, message: `the server answers, but does not list the model "${model}"` };
      return { ok: true, message: `the server answers and takes the key; ${names.length} models` };
    } catch (error) {
      if (options.signal.aborted)
        return { ok: false, message: `the server said nothing within ${CHECK_TIMEOUT_MS / 1000} s` };
      return { ok: false, message: this.failureOf(error).message };
    }
  }

  private async ask(
    client: OpenAI,
    talk: Conversation,
    messages: ChatCompletionMessageParam[],
  ): Promise<ModelAnswer> {
    const { temperature } = this;
    const longest = Math.min(DEFAULT_MAX_TOKENS, this.modelFacts?.max_output_tokens ?? Infinity);
    const params: ChatCompletionCreateParamsStreaming = {
      model: this.model ?? '',
      messages,
      max_tokens: this.maxTokens ?? longest,
      stream: true,
      stream_options: { include_usage: true },
      ...(temperature === null ? {} : { temperature }),
      ...(talk.tools.length === 0
        ? {}
        : {
            tools: talk.tools.map(({ name, description, inputSchema }) => ({
              type: 'function' as const,
              function: { name, description, parameters: { ...inputSchema } },
            })),
          }),
      // OpenRouter, "Usage accounting": the cost comes with the last chunk. Others would refuse the key.
      ...(this.isOpenRouter ? { usage: { include: true } } : {}),
    };
    const response = await client.chat.completions.create(params, { signal: talk.signal }).asResponse();
    const type = response.headers.get('content-type') ?? '';
    if (/\bjson\b/i.test(type)) {
      // An error with status 200, or a server that does not stream.
      const body = (await response.json()) as ChatCompletion;
      return answerFrom(body, response.headers, talk);
    }
    if (/text\/html/i.test(type))
      throw new HttpFailure(
        'configuration',
        'the server answered with a web page: is its base URL that of an API?',
      );
    const abort = new AbortController();
    const stream: AsyncIterable<ChatCompletionChunk> = Stream.fromSSEResponse<ChatCompletionChunk>(
      response,
      abort,
      client,
    );
    return readChunks(stream, talk);
  }

  private async run(talk: Conversation, { name, args }: ToolRequest): Promise<string> {
    let parsed: unknown;
    try {
      parsed = args.trim() === '' ? {} : (JSON.parse(args) as unknown);
    } catch {
      talk.note(`[tool] ${name} was called with arguments that are not JSON`);
      return 'Error: the arguments are not valid JSON.';
    }
    return toolText(await talk.callTool(name, parsed));
  }

  private get isOpenRouter(): boolean {
    const { profile, endpoint } = this.options;
    const { hostname } = new URL(endpoint.baseUrl);
    return (
      profile.name === 'openrouter' || hostname === 'openrouter.ai' || hostname.endsWith('.openrouter.ai')
    );
  }

  /** Nothing of the conductor's own environment counts. */
  private client(fetch: Conversation['fetch']): OpenAI {
    const { baseUrl, key } = this.options.endpoint;
    const prefix = this.options.profile.http.endpoint.slice(0, -CHAT_PATH.length);
    return new OpenAI({
      // A base URL that has the endpoint's folder already is taken as it is.
      baseURL: baseUrl.endsWith(prefix) ? baseUrl : `${baseUrl}${prefix}`,
      apiKey: key ?? 'none',
      adminAPIKey: null,
      organization: null,
      project: null,
      webhookSecret: null,
      maxRetries: 0,
      timeout: LIBRARY_TIMEOUT_MS,
      logLevel: 'off',
      fetch,
      defaultHeaders: {
        ...(key === null ? { Authorization: null } : {}),
        // OpenRouter, "App attribution".
        ...(this.isOpenRouter
          ? {
              'HTTP-Referer': 'https://github.com/Mzzkc/marianne-ai-compose',
              'X-Title': 'Marianne AI Compose',
            }
          : {}),
      },
    });
  }
}

/** A tool's result as the text that this protocol has room for. */
function toolText(result: ToolResult): string {
  const texts = result.content.map((content) => {
    switch (content.type) {
      case 'text':
        return content.text;
      case 'image':
        return `[Image: ${content.mimeType}]`;
      case 'resource':
        return content.text ?? `[Resource: ${content.uri}]`;
    }
  });
  return `${result.isError ? 'Error: ' : ''}${texts.join('\n')}`;
}
