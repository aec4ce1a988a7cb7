import { z } from 'zod';

/** An optional param: Python clients send null for what they leave out. The handler sees null. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? null);
}

/** An optional flag with the value it has when left out or null. */
export function flag(byDefault: boolean) {
  return z
    .boolean()
    .nullish()
    .transform((value) => value ?? byDefault);
}

/** An optional count with the value it has when left out or null. */
export function count(byDefault: number, max: number) {
  return z
    .int()
    .min(0)
    .max(max)
    .nullish()
    .transform((value) => value ?? byDefault);
}

/** Concrete sheet number, 1-based. */
export const sheetNumber = z.int().min(1);
/** Attempt number of a sheet, 1-based. */
export const attemptNumber = z.int().min(1);
/** A run id, a score's name or stem, or a unique prefix: the conductor resolves it. */
export const jobId = z.string().min(1).max(1024);
/** A file path of the caller's machine. A NUL byte would cut it in a system call. */
export const filePath = z
  .string()
  .min(1)
  .refine((path) => !path.includes('\0'), 'must not contain a NUL byte');
export const noParams = z.object({});

/** Environment variables: names of shells, and their values. */
export const namedValues = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string());
