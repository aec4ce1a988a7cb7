import { z } from 'zod';
import type { ToolContent, ToolResult } from '../tools/contract';

/** What a server says of one tool; all else of the answer is not needed. */
const toolSchema = z.object({
  name: z.string().min(1).max(256),
  description: z.string().catch('').default(''),
  inputSchema: z.looseObject({ type: z.literal('object') }),
});
export type RemoteTool = z.infer<typeof toolSchema>;

/** `tools/list`: an entry that is none is left out; it must not cost the others. */
export const toolPageSchema = z.object({
  tools: z.array(z.unknown()).catch([]),
  nextCursor: z.string().optional().catch(undefined),
});

/** Largest description and schema of a tool, characters: they are part of every request to the model. */
const MAX_DESCRIPTION = 4096;
const MAX_SCHEMA = 32_768;

/** The tool, or why it cannot be offered. */
export function readTool(entry: unknown): RemoteTool | string {
  const parsed = toolSchema.safeParse(entry);
  const name = z.object({ name: z.string() }).safeParse(entry);
  const shown = name.success ? JSON.stringify(name.data.name.slice(0, 80)) : 'a tool without a name';
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `${shown} is left out: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a tool'}`;
  }
  if (JSON.stringify(parsed.data.inputSchema).length > MAX_SCHEMA)
    return `${shown} is left out: its schema has more than ${MAX_SCHEMA} characters`;
  return { ...parsed.data, description: parsed.data.description.slice(0, MAX_DESCRIPTION) };
}

const text = z.object({ type: z.literal('text'), text: z.string() });
const media = z.object({ type: z.enum(['image', 'audio']), data: z.string(), mimeType: z.string() });
const embedded = z.object({
  type: z.literal('resource'),
  resource: z.object({
    uri: z.string(),
    mimeType: z.string().nullish(),
    text: z.string().nullish(),
    blob: z.string().nullish(),
  }),
});
const link = z.object({
  type: z.literal('resource_link'),
  uri: z.string(),
  name: z.string().nullish(),
  description: z.string().nullish(),
  mimeType: z.string().nullish(),
});
const blockSchema = z.union([text, media, embedded, link]);

/** `tools/call`, as far as it can be trusted: blocks are read one by one. */
export const callResultSchema = z.looseObject({
  content: z.array(z.unknown()).catch([]).default([]),
  isError: z.boolean().catch(false).default(false),
  structuredContent: z.unknown().optional(),
});

/** Most text of one result, characters: more would push the task out of a model's context. */
export const MAX_RESULT_CHARS = 100_000;
/** Largest image, characters of base64. */
const MAX_IMAGE_CHARS = 7_000_000;
const MAX_BLOCKS = 200;

/** A server's answer for the model, bounded, with every text run through `redact`. */
export function readResult(
  answer: z.output<typeof callResultSchema>,
  redact: (text: string) => string,
): ToolResult {
  const content: ToolContent[] = [];
  let left = MAX_RESULT_CHARS;
  const take = (whole: string): string => {
    const safe = redact(whole);
    const shown =
      safe.length <= left
        ? safe
        : `${safe.slice(0, left)}\n[${safe.length - left} more characters were cut off]`;
    left = Math.max(0, left - safe.length);
    return shown;
  };
  const put = (words: string): void => void content.push({ type: 'text', text: words });
  const say = (words: string): void => put(take(words));
  for (const block of answer.content.slice(0, MAX_BLOCKS)) {
    const parsed = blockSchema.safeParse(block);
    if (!parsed.success) {
      put('[A part of the result that could not be read]');
      continue;
    }
    const part = parsed.data;
    switch (part.type) {
      case 'text':
        say(part.text);
        break;
      case 'image':
        if (part.data.length > MAX_IMAGE_CHARS || !/^image\/[a-z0-9.+-]{1,50}$/i.test(part.mimeType))
          put(
            `[An image that cannot be shown: ${part.mimeType.slice(0, 60)}, ${part.data.length} characters]`,
          );
        else content.push({ type: 'image', mimeType: part.mimeType, data: part.data });
        break;
      case 'audio':
        put(`[Sound: ${part.mimeType.slice(0, 60)}, ${part.data.length} characters of base64]`);
        break;
      case 'resource':
        content.push({
          type: 'resource',
          uri: redact(part.resource.uri),
          mimeType: part.resource.mimeType ?? null,
          text: typeof part.resource.text === 'string' ? take(part.resource.text) : null,
        });
        break;
      case 'resource_link':
        say(`[Resource ${[part.uri, part.name, part.description].filter(Boolean).join(', ')}]`);
        break;
    }
  }
  if (answer.content.length > MAX_BLOCKS) put(`[${answer.content.length - MAX_BLOCKS} more parts]`);
  // A server need not repeat as text what it gives as data.
  if (content.length === 0 && answer.structuredContent !== undefined && answer.structuredContent !== null)
    say(JSON.stringify(answer.structuredContent));
  if (content.length === 0) put('(no result)');
  return { isError: answer.isError, content };
}
