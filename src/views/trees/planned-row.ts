/** A sheet of a score, before and after it ran. Pure. */
import { l10n } from '../l10n';
import type { PlannedSheetSummary } from '../scores/score-room';
import type { JobModel, SheetModel } from '../store/model';
import { ago, parts } from './format';
import { stateIcons } from './row';
import type { Row } from './row';
import { sheetContext, sheetIcon, sheetLabel, sheetOutcome, sheetState, spokenLabel } from './sheet-row';

/** `last`: the same sheet in the latest run of the score, if there is one. */
export function plannedRow(
  scorePath: string,
  planned: PlannedSheetSummary,
  last: { readonly job: JobModel; readonly sheet: SheetModel } | null,
  now: number,
): Row {
  const label = sheetLabel(planned.num, planned.description ?? planned.movementName);
  const spoken = spokenLabel(planned.num, planned.description ?? planned.movementName);
  const base = { id: `score/${scorePath}/sheet/${planned.num}`, label, collapsible: 'none' as const };
  const waits = planned.dependsOn.length > 0 && l10n.t('after {0}', planned.dependsOn.join(', '));
  const words = ['planned', ...(planned.dependsOn.length > 0 ? ['dependent'] : [])];
  if (last === null || last.sheet.attempts.length === 0) {
    return {
      ...base,
      description: parts(planned.instrument, waits),
      icon: stateIcons.pending,
      context: words,
      spoken: l10n.t('{0}, not run yet', spoken),
    };
  }
  const { job, sheet } = last;
  const when = sheet.endedAt === null ? '' : ago(sheet.endedAt, now);
  return {
    ...base,
    description: parts(
      sheetOutcome(sheet, now) || sheetState(sheet.status),
      when,
      job.id,
      planned.instrument,
    ),
    icon: sheetIcon(sheet),
    context: [...words, ...sheetContext(sheet).filter((word) => word !== 'sheet')],
    spoken: l10n.t('{0}, {1} in {2}', spoken, sheetState(sheet.status), job.id),
  };
}
