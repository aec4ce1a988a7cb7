/** What somebody asked to play of a score, and whether it can be played. One place, so that dry run and submit say the same. */
import type { InstrumentCatalogue as Profiles } from '../instruments/catalogue';
import type { Plan } from './plan';

/** Sheets that were asked for; null = no such wish. */
export interface Selection {
  readonly startSheet: number | null;
  readonly onlySheets: readonly number[] | null;
}

/** Why a plan cannot be played as asked. `code` is for programs. */
export interface PlayProblem {
  readonly code: 'unknown_instrument' | 'unknown_sheet';
  readonly message: string;
  /** A folder whose instruments nobody has approved: one of them may be what is missing. */
  readonly unapproved?: string;
}

/** A sheet that was not asked for, and why it is left out. */
export interface LeftOut {
  readonly sheet: number;
  readonly reason: { readonly code: 'not_selected' | 'start_sheet'; readonly message: string };
}

export function leftOut(plan: Plan, { onlySheets, startSheet }: Selection): LeftOut[] {
  return plan.sheets.flatMap(({ num }): LeftOut[] => {
    if (onlySheets && !onlySheets.includes(num)) {
      const message = 'not among the sheets that were asked for';
      return [{ sheet: num, reason: { code: 'not_selected', message } }];
    }
    if (startSheet !== null && num < startSheet) {
      return [
        { sheet: num, reason: { code: 'start_sheet', message: `before the start sheet ${startSheet}` } },
      ];
    }
    return [];
  });
}

/** The first thing that keeps a plan from being played as asked; null = nothing. */
export function playProblem(plan: Plan, catalogue: Profiles, selection: Selection): PlayProblem | null {
  return unknownInstrument(plan, catalogue) ?? selectionProblem(plan, selection);
}

/** The first sheet that no known instrument could play; null = all can be played. */
export function unknownInstrument(plan: Plan, catalogue: Profiles): PlayProblem | null {
  for (const sheet of plan.sheets) {
    if ([sheet.instrument, ...sheet.fallbacks].some(({ profile }) => catalogue.get(profile))) continue;
    const name = sheet.instrument.profile;
    const near = catalogue.nearest(name);
    const hint =
      near.length > 0
        ? `; did you mean ${near.join(' or ')}?`
        : `; known are ${catalogue.names().join(', ')}`;
    const folder = catalogue.unapproved
      ? `. The folder ${plan.workspace} brings instruments that are not approved: mzt trust ${plan.workspace}`
      : '';
    return {
      code: 'unknown_instrument',
      message: `no instrument "${name}" (sheet ${sheet.num})${hint}${folder}`,
      ...(catalogue.unapproved ? { unapproved: catalogue.unapproved.path } : {}),
    };
  }
  return null;
}

function selectionProblem(plan: Plan, selection: Selection): PlayProblem | null {
  const { onlySheets, startSheet } = selection;
  const wanted = [...(onlySheets ?? []), ...(startSheet === null ? [] : [startSheet])];
  const missing = wanted.find((num) => num > plan.totalSheets);
  const code = 'unknown_sheet';
  if (missing !== undefined)
    return { code, message: `the score has no sheet ${missing}: it has ${plan.totalSheets}` };
  return leftOut(plan, selection).length < plan.totalSheets
    ? null
    : { code, message: 'of the sheets that were asked for, none is left to play' };
}
