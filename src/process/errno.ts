/** The system's code of a failed call, such as `ENOENT`; `UNKNOWN` when the error carries none. */
export function errnoOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'UNKNOWN';
}
