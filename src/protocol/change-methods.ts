/** Params and results of what asks for an attempt's changes, and undoes them. */
import { z } from 'zod';
import { attemptNumber, count, flag, jobId, optional, sheetNumber } from './schema-parts';

const text = z.string();

/** Why there is nothing to compare. */
export const unrecordedSchema = z.enum([
  /** `record_changes: false`, or an attempt of an older conductor. */
  'off',
  'not_git',
  'no_git',
  'ignored',
  'too_large',
  'too_slow',
  'failed',
  /** What was recorded is not there any more. */
  'lost',
]);
export type Unrecorded = z.infer<typeof unrecordedSchema>;

/** A file at one side of a change. */
const versionSchema = z.object({
  /** git's: `100644`, `100755` (may be run), `120000` (a link). */
  mode: text,
  /** Bytes. */
  size: z.number(),
});

export const changedFileSchema = z.object({
  /** In the workspace, with slashes. */
  path: text,
  status: z.enum(['added', 'modified', 'deleted']),
  before: versionSchema.nullable(),
  after: versionSchema.nullable(),
});
export type ChangedFile = z.infer<typeof changedFileSchema>;

export const DEFAULT_FILE_PAGE_BYTES = 256 * 1024;
/** Most bytes of a page: in base64 it still fits a message. */
export const MAX_FILE_PAGE_BYTES = 4 * 1024 * 1024;

const whichAttempt = {
  job_id: jobId,
  sheet: sheetNumber,
  /** Null: the latest. */
  attempt: optional(attemptNumber),
};

export const changeMethods = {
  'job.changes': {
    params: z.object({ ...whichAttempt, offset: count(0, 10_000_000), limit: count(500, 5_000) }),
    result: z.object({
      job_id: text,
      sheet: z.number(),
      attempt: z.number(),
      workspace: text,
      /** Null: recorded. */
      unrecorded: unrecordedSchema.nullable(),
      /** Null, or why in words. */
      message: text.nullable(),
      /** It runs: compared with the workspace as it is now, and `after` is what lies there. */
      running: z.boolean(),
      /** Others ran in the same workspace at the same time: their changes are in here too. */
      mixed: z.boolean(),
      /** Paths that were not recorded: too large, or not readable. */
      left_out: z.array(text),
      total: z.number(),
      offset: z.number(),
      /** Null at the end. */
      next_offset: z.number().nullable(),
      files: z.array(changedFileSchema),
    }),
    idempotent: true,
  },
  'job.changed_file': {
    params: z.object({
      ...whichAttempt,
      path: text.min(1).max(4096),
      /** `after` is recorded once the attempt has ended; until then the file itself is it. */
      side: z.enum(['before', 'after']),
      offset: count(0, Number.MAX_SAFE_INTEGER),
      max_bytes: count(DEFAULT_FILE_PAGE_BYTES, MAX_FILE_PAGE_BYTES),
    }),
    result: z.object({
      path: text,
      /** False: there was no such file then. */
      exists: z.boolean(),
      mode: text.nullable(),
      offset: z.number(),
      next_offset: z.number(),
      size: z.number(),
      eof: z.boolean(),
      /** The bytes in base64. Of a link: where it points. */
      data: text,
    }),
    idempotent: true,
  },
  'job.undo': {
    params: z.object({
      ...whichAttempt,
      /** Only say what would be done. */
      dry_run: flag(false),
      /** Also where others ran at the same time: what they did to the same files goes too. */
      mixed: flag(false),
    }),
    result: z.object({
      job_id: text,
      sheet: z.number(),
      attempt: z.number(),
      status: z.enum(['undone', 'would_undo', 'nothing', 'refused']),
      message: text,
      /** Why it was refused. */
      refused: z.enum(['unrecorded', 'mixed', 'moved', 'busy', 'changed_since']).nullable(),
      /** What was, or would be, put back as it was before the attempt. */
      files: z.array(z.object({ path: text, action: z.enum(['restored', 'deleted']) })),
      /** Of a refusal: files that somebody changed since. */
      conflicts: z.array(text),
    }),
    idempotent: false,
  },
} as const;
