/** What a changed score must leave as it was. */
import { ModifyRefusedError } from '../../protocol/errors';
import { diskFiles } from '../../score/disk-files';
import { renderSheetPrompt, sheetContext } from '../../score/prompt';
import type { StoredBundle } from './bundles';
import type { JobState } from './state';

/** @throws ModifyRefusedError when a finished or running sheet would have been another one. */
export function refuseChangedSheets(
  job: JobState,
  before: StoredBundle,
  after: StoredBundle,
  productVersion: string,
): void {
  const sheets = job.sheets
    .filter(({ status }) => status === 'completed' || status === 'dispatched')
    .map(({ num }) => num)
    .filter((num) => definition(before, num, productVersion) !== definition(after, num, productVersion));
  if (sheets.length === 0) return;
  throw new ModifyRefusedError(`finished or running sheets would change: ${sheets.join(', ')}`, {
    remedy: 'Keep them as they were, or submit the score as a new run.',
    data: { sheets },
  });
}

/** What identifies a sheet's work: its prompt as first rendered, its instrument and its rules. */
function definition(bundle: StoredBundle, num: number, productVersion: string): string {
  const planned = bundle.plan.sheets[num - 1];
  if (!planned) return 'gone';
  const rendered = renderSheetPrompt({
    ...bundle,
    sheetNum: num,
    files: diskFiles,
    // The bare template says what is asked for; what stands around it is ours.
    instrument: { profile: planned.instrument.profile, rawPrompt: true, reach: 'message' },
    attempt: 1,
    // Stand-ins: what earlier sheets said is no part of what is asked for.
    previousOutputs: new Map(bundle.plan.sheets.slice(0, num - 1).map((sheet) => [sheet.num, 'output'])),
    productVersion,
  });
  const { instrument, validations } = planned;
  // A prompt that still cannot be rendered ahead (it reads captured files) is compared by what it is made from.
  const prompt = rendered.ok
    ? rendered.prompt
    : [bundle.template.text, sheetContext(bundle.score, bundle.plan, planned, instrument.profile)];
  return JSON.stringify([prompt, instrument, validations]);
}
