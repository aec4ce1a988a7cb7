/** Texts of earlier sheets on their way into later prompts. */
import type { RuleContext } from './placeholders';
import type { CrossSheetPolicy } from './plan';
import { TemplateError, renderLenient } from './template';

/** Stands for a sheet that was skipped on purpose. The format of the older system. */
export const skippedOutput = '[SKIPPED]';

/** The line that ends a text of which more was there. */
const truncationMark = '\n... [truncated]';

/** Cuts a text to `max_output_chars`, never through a surrogate pair. */
export function cutCaptured(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars) + truncationMark;
}

/** Cuts an answer to `max_output_capture_bytes` of UTF-8, never through a character; null = it is kept whole. */
export function cutAnswer(text: string, maxBytes: number | null): string {
  if (maxBytes === null || Buffer.byteLength(text) <= maxBytes) return text;
  // What an incomplete character leaves at the end is not decoded in stream mode.
  return new TextDecoder().decode(Buffer.from(text).subarray(0, maxBytes), { stream: true }) + truncationMark;
}

/** Numbers of the earlier sheets that a sheet may look back to. */
export function lookback(sheetNum: number, policy: Pick<CrossSheetPolicy, 'lookbackSheets'>): number[] {
  const first = policy.lookbackSheets === 0 ? 1 : Math.max(1, sheetNum - policy.lookbackSheets);
  return Array.from({ length: sheetNum - first }, (_, index) => first + index);
}

/** The glob patterns of `capture_files` for a sheet; relative ones are below the workspace. A pattern that cannot be rendered is left out and named. */
export function capturePatterns(
  policy: Pick<CrossSheetPolicy, 'captureFiles'>,
  context: RuleContext,
): { readonly patterns: readonly string[]; readonly problems: readonly string[] } {
  const patterns: string[] = [];
  const problems: string[] = [];
  for (const pattern of policy.captureFiles) {
    try {
      patterns.push(renderLenient(pattern, context));
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      problems.push(`${pattern}: ${error.message}`);
    }
  }
  return { patterns, problems };
}
