/** The score format as one schema. Types, bounds and defaults are those of the reference; what is obeyed is told in `../obeyed.ts`. */
import { z } from 'zod';
import { aroundFields } from './around';
import { maybe } from './fields';
import { instrumentFields } from './instruments';
import { learningFields, policyFields } from './policy';
import { prompt, sheet, validation } from './sheet';

export const scoreSchema = z.strictObject({
  name: z.string().describe('Name for people. The job’s id is the file name, without `.yaml`.'),
  description: maybe(z.string()).describe('What the score is for.'),
  workspace: z
    .string()
    .default('./workspace')
    .describe('Where results go; relative to the folder of the score. Its parent folder must exist.'),
  ...instrumentFields,
  sheet: sheet.describe('How the work is divided into sheets.'),
  prompt: prompt.describe('What the agent is told.'),
  validations: z.array(validation).default([]).describe('Checks after each attempt.'),
  ...policyFields,
  ...learningFields,
  ...aroundFields,
});

/** A score's fields after coercion, with defaults filled in. */
export type ScoreFields = z.output<typeof scoreSchema>;
export type RuleFields = ScoreFields['validations'][number];
export type InjectionFields = ScoreFields['sheet']['prelude'][number];
export type ConfigFields = ScoreFields['instrument_config'];
