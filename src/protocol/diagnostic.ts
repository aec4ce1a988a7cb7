import { z } from 'zod';

/** A place in a score text: lines and columns 1-based, offsets in characters. */
export const wireRangeSchema = z.object({
  line: z.number(),
  column: z.number(),
  end_line: z.number(),
  end_column: z.number(),
  offset: z.number(),
  end: z.number(),
});

/** Something to say about a score; the codes are listed in docs/diagnostics.md. */
export const wireDiagnosticSchema = z.object({
  code: z.string(),
  severity: z.enum(['error', 'warning', 'info']),
  message: z.string(),
  remedy: z.string().nullable(),
  /** Null for what has no place in the text. */
  range: wireRangeSchema.nullable(),
  /** Path of keys in the document, for example `retry.max_retries`. */
  path: z.string().nullable(),
  /** A replacement that would mend it, when there is exactly one. */
  fix: z.object({ title: z.string(), range: wireRangeSchema, new_text: z.string() }).optional(),
  /** Other places that explain it; `file` is another file's absolute path, null = the score itself. */
  related: z
    .array(z.object({ message: z.string(), file: z.string().nullable(), range: wireRangeSchema }))
    .optional(),
  /** `unnecessary`: what is written there has no effect. */
  tags: z.array(z.string()).optional(),
});

export type WireRange = z.infer<typeof wireRangeSchema>;
export type WireDiagnostic = z.infer<typeof wireDiagnosticSchema>;
