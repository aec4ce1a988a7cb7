/** What a task of type `marianne` says, in tasks.json or from the provider. */

export const TASK_TYPE = 'marianne';

export interface ScoreTask {
  /** Absolute, or relative to the workspace folder. */
  readonly score: string;
  /** Null: all of them. */
  readonly sheet: number | null;
  /** Cancel the job when the task is ended; else it goes on. */
  readonly cancelOnTerminate: boolean;
}

/** Reads a definition; what is wrong with it is a sentence. People write tasks.json by hand. */
export function readDefinition(definition: Readonly<Record<string, unknown>>): ScoreTask | string {
  const { score, sheet, cancelOnTerminate } = definition;
  if (typeof score !== 'string' || score.trim() === '') return '“score” must be the path of a score';
  if (sheet !== undefined && !(typeof sheet === 'number' && Number.isInteger(sheet) && sheet >= 1))
    return '“sheet” must be a number from 1';
  if (cancelOnTerminate !== undefined && typeof cancelOnTerminate !== 'boolean')
    return '“cancelOnTerminate” must be true or false';
  return { score, sheet: sheet ?? null, cancelOnTerminate: cancelOnTerminate ?? false };
}
