import type { Tool, ToolBox, ToolResult } from '../tools/contract';
import { HttpFailure } from './failure';
import type { CallTimers } from './call-timers';
import { CHARACTERS_PER_TOKEN, type OutputLog } from './output-log';

/** What a request cost, as the server told it; given piece by piece, added up. Null or absent = not told. */
export interface Usage {
  readonly inputTokens?: number | null;
  readonly outputTokens?: number | null;
  /** US dollars. */
  readonly costUsd?: number | null;
  /** The model that answered. */
  readonly model?: string | null;
}

/** What one vendor's code needs to talk for one attempt. Made by `HttpBackend.execute`. */
export interface Conversation {
  /** Our preamble; null = none. For the system prompt where the vendor has one. */
  readonly preamble: string | null;
  /** The text of the score's `system_prompt_file`; null = none. */
  readonly system: string | null;
  /** The prompt with its extensions, without the preamble. */
  readonly prompt: string;
  /** Preamble, prompt and extensions in one text, for vendors without a system prompt. */
  readonly wholePrompt: string;
  /** Aborted when the attempt must end. To be handed to every request and wait. */
  readonly signal: AbortSignal;
  /** To be handed to the vendor's library: all requests must go through it, since timers and limits watch it. */
  readonly fetch: typeof fetch;
  /** Headers of the latest answer; null = none yet. */
  readonly headers: () => Headers | null;
  /** A piece of the answer: goes to the log at once and is part of the result. */
  emit(text: string): void;
  /** Begins a new line of the answer, for the next round; does nothing at its very beginning. */
  breakLine(): void;
  /** A piece of what is said beside the answer (thinking): goes to the stderr log as it comes. */
  aside(text: string): void;
  /** A line about the call, for the stderr log. */
  note(line: string): void;
  /** Adds to what the attempt has used; kept when it fails later. */
  used(usage: Usage): void;
  /** Facts about the answer that are kept with the result; later ones over earlier ones of the same name. Small: they are journalled. */
  keep(metadata: Readonly<Record<string, unknown>>): void;
  /** Tools that may be offered; empty = none. */
  readonly tools: readonly Tool[];
  /** Calls a tool, with a line in the log; only the total time limit counts meanwhile. Throws only when `signal` is aborted. */
  callTool(name: string, args: unknown): Promise<ToolResult>;
}

/** What was used, over all requests. */
export interface Spent {
  inputTokens: number | null;
  outputTokens: number | null;
  costUsd: number | null;
  model: string | null;
}

/** Largest answer that is kept, characters. */
const MAX_ANSWER_CHARACTERS = 32 * 1024 * 1024;
const SHOWN_ARGUMENT_CHARACTERS = 200;

/** What has been said and used in an attempt, and the way into its logs. */
export class Transcript {
  readonly spent: Spent = { inputTokens: null, outputTokens: null, costUsd: null, model: null };
  toolCalls = 0;
  metadata: Readonly<Record<string, unknown>> | null = null;
  private readonly answer: string[] = [];
  private readonly notes: string[] = [];
  private characters = 0;
  /** Said since the server last told a number of tokens. */
  private uncounted = 0;
  private open = true;
  private asideOpen = false;

  constructor(
    private readonly log: OutputLog,
    private readonly timers: CallTimers,
    private readonly harmless: (text: string) => string,
  ) {}

  get stdout(): string {
    return this.answer.join('');
  }

  get stderr(): string {
    return this.notes.join('');
  }

  emit(text: string): void {
    if (text === '' || !this.open) return;
    this.timers.content();
    this.uncounted += text.length;
    this.characters += text.length;
    if (this.characters > MAX_ANSWER_CHARACTERS)
      throw new HttpFailure('bad_response', 'the answer is larger than 32 MiB');
    this.answer.push(text);
    void this.log.write('stdout', text);
  }

  breakLine(): void {
    if (this.answer.length > 0 && !this.answer.at(-1)?.endsWith('\n')) this.emit('\n');
  }

  aside(text: string): void {
    if (text === '' || !this.open) return;
    this.timers.content();
    this.uncounted += text.length;
    this.asideOpen = !text.endsWith('\n');
    void this.log.write('stderr', text);
  }

  note(line: string): void {
    if (!this.open) return;
    const text = `${this.asideOpen ? '\n' : ''}${this.harmless(line).replaceAll('\n', ' ')}\n`;
    this.asideOpen = false;
    this.notes.push(text);
    void this.log.write('stderr', text);
  }

  used({ inputTokens, outputTokens, costUsd, model }: Usage): void {
    const { spent } = this;
    if (outputTokens !== null && outputTokens !== undefined) this.uncounted = 0;
    const plus = (have: number | null, more: number | null | undefined) =>
      more === null || more === undefined || !Number.isFinite(more) || more < 0 ? have : (have ?? 0) + more;
    spent.inputTokens = plus(spent.inputTokens, inputTokens);
    spent.outputTokens = plus(spent.outputTokens, outputTokens);
    spent.costUsd = plus(spent.costUsd, costUsd);
    if (model) spent.model = model;
  }

  /**
   * Fills in what the server did not come to tell. Only for an answer of which something came: a refused request costs nothing.
   * @returns whether something was estimated
   */
  estimate(promptCharacters: number): boolean {
    const { spent } = this;
    if (this.uncounted === 0) return false;
    const tokens = (characters: number) => Math.ceil(characters / CHARACTERS_PER_TOKEN);
    spent.inputTokens ??= tokens(promptCharacters);
    spent.outputTokens = (spent.outputTokens ?? 0) + tokens(this.uncounted);
    this.uncounted = 0;
    return true;
  }

  keep(metadata: Readonly<Record<string, unknown>>): void {
    if (this.open && Object.keys(metadata).length > 0) this.metadata = { ...this.metadata, ...metadata };
  }

  async callTool(box: ToolBox, name: string, args: unknown, signal: AbortSignal): Promise<ToolResult> {
    signal.throwIfAborted();
    this.timers.content();
    this.toolCalls += 1;
    const shown = JSON.stringify(args ?? {});
    const cut =
      shown.length > SHOWN_ARGUMENT_CHARACTERS ? `${shown.slice(0, SHOWN_ARGUMENT_CHARACTERS)}…` : shown;
    this.note(`[tool] ${name} ${cut}`);
    const result = await box.call(name, args, signal);
    if (result.isError) {
      const first = result.content.find((content) => content.type === 'text');
      this.note(`[tool] ${name} failed${first ? `: ${first.text.slice(0, SHOWN_ARGUMENT_CHARACTERS)}` : ''}`);
    }
    return result;
  }

  /** Nothing is taken any more: whoever still talks does so for an attempt that is over. */
  async close(): Promise<void> {
    this.open = false;
    await this.log.end();
  }
}
