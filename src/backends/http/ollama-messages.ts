import { z } from 'zod';
import type { Tool, ToolResult } from '../tools/contract';
import { HttpFailure } from './failure';

/** A call as the model asked for it; whether its arguments are any is seen later. */
export interface RequestedCall {
  readonly name: string;
  readonly arguments: unknown;
}

/** One line of a streamed answer. */
export interface AnswerPart {
  readonly content: string;
  readonly thinking: string;
  readonly calls: readonly RequestedCall[];
  readonly done: boolean;
  readonly doneReason: string | null;
  readonly promptTokens: number | null;
  readonly answerTokens: number | null;
  readonly model: string | null;
}

const count = z.number().int().min(0).nullish().catch(null);
const partSchema = z.object({
  model: z.string().nullish(),
  message: z
    .object({
      content: z.string().nullish(),
      thinking: z.string().nullish(),
      tool_calls: z
        .array(z.object({ function: z.object({ name: z.string().min(1), arguments: z.unknown() }) }))
        .nullish(),
    })
    .nullish(),
  done: z.boolean().default(false),
  done_reason: z.string().nullish(),
  prompt_eval_count: count,
  eval_count: count,
});

/** @throws HttpFailure when it is no part of an answer */
export function answerPart(piece: unknown): AnswerPart {
  const parsed = partSchema.safeParse(piece);
  if (!parsed.success) throw new HttpFailure('bad_response', 'the answer is not as Ollama’s API has it');
  const { message, done, model } = parsed.data;
  return {
    content: message?.content ?? '',
    thinking: message?.thinking ?? '',
    calls: (message?.tool_calls ?? []).map((call) => ({
      name: call.function.name,
      arguments: call.function.arguments,
    })),
    done,
    doneReason: parsed.data.done_reason ?? null,
    promptTokens: parsed.data.prompt_eval_count ?? null,
    answerTokens: parsed.data.eval_count ?? null,
    model: model ?? null,
  };
}

/** An object, or the JSON of one: plain, in a fence, or with words around it. Null = none can be found. */
export function parseArguments(args: unknown): Record<string, unknown> | null {
  if (args === undefined || args === null || args === '') return {};
  if (typeof args === 'object') return Array.isArray(args) ? null : (args as Record<string, unknown>);
  if (typeof args !== 'string') return null;
  const fenced = /```[a-z]*\s*\n([\s\S]*?)```/i.exec(args)?.[1];
  const braces = args.slice(args.indexOf('{'), args.lastIndexOf('}') + 1);
  for (const text of [args, fenced, braces]) {
    const data = text === undefined ? undefined : json(text);
    if (typeof data === 'object' && data !== null && !Array.isArray(data))
      return data as Record<string, unknown>;
  }
  return null;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How a model without tools of its own is told what it can do. */
export function describedTools(tools: readonly Tool[]): string {
  const list = tools.map(
    ({ name, description, inputSchema }) =>
      `- ${name}: ${description}\n  Arguments (JSON Schema): ${JSON.stringify(inputSchema)}`,
  );
  return [
    'You can use tools. To use one, write a block like this, and nothing after it; you then get its result:',
    '```tool\n{"name": "the_tool", "arguments": {"an_argument": "its value"}}\n```',
    'Several blocks in one answer are run together. When the task is done, answer without such a block.',
    `The tools:\n${list.join('\n')}`,
  ].join('\n\n');
}

const callSchema = z
  .object({ name: z.string(), arguments: z.unknown().optional(), parameters: z.unknown().optional() })
  .refine((call) => call.arguments !== undefined || call.parameters !== undefined);

/**
 * Calls that a model has written into its text. Where tools were described in words, every ```tool or ```json block with a known name counts; else only an
 * answer that is nothing but such a call, so that an answer *about* a call is not taken for one.
 */
export function parseDescribedCalls(
  content: string,
  names: ReadonlySet<string>,
  described: boolean,
): RequestedCall[] {
  const blocks = [...content.matchAll(/```(?:tool|tool_call|json)?\s*\n([\s\S]*?)```/g)].map(
    (match) => match[1] ?? '',
  );
  const whole = content
    .trim()
    .replace(/^```[a-z_]*\s*\n([\s\S]*?)```$/, '$1')
    .trim();
  const texts = described && blocks.length > 0 ? blocks : [whole];
  return texts.flatMap((text) => {
    const parsed = callSchema.safeParse(json(text));
    if (!parsed.success || !names.has(parsed.data.name)) return [];
    return [{ name: parsed.data.name, arguments: parsed.data.arguments ?? parsed.data.parameters }];
  });
}

/** A result as text. Images follow in a message of their own if the model sees them. */
export function resultForModel(result: ToolResult, seesImages: boolean): string {
  const parts = result.content.map((part) => {
    switch (part.type) {
      case 'text':
        return part.text;
      case 'image':
        return seesImages ? `[Image: ${part.mimeType}]` : `[Image: ${part.mimeType}; this model sees none]`;
      case 'resource':
        return part.text === null
          ? `[Resource: ${part.uri}, binary${part.mimeType === null ? '' : `, ${part.mimeType}`}]`
          : `[Resource: ${part.uri}]\n${part.text}`;
    }
  });
  return [...(result.isError ? ['[Tool Error]'] : []), ...parts].join('\n');
}
