/** V416: instruments whose program is not on this machine. A warning only: the score may be meant for another one. */
import type { CheckContext } from './context';

export function checkPrograms(context: CheckContext): void {
  const { plan, catalogue, findings } = context;
  const told = new Set<string>();
  for (const sheet of plan.sheets) {
    for (const { profile, label } of [sheet.instrument, ...sheet.fallbacks]) {
      const missing = catalogue.get(profile)?.missingProgram ?? null;
      if (missing === null || told.has(profile)) continue;
      told.add(profile);
      const { executable, installHint } = missing;
      findings.warning(
        'V416',
        placeOf(context, label),
        `\`${profile}\` is not on this machine: its program \`${executable}\` was not found.`,
        installHint ?? `Install it, or give its path: mzt config set executables.${executable} PATH`,
      );
    }
  }
}

/** Where a score first names an instrument. */
function placeOf({ score }: CheckContext, label: string): readonly PropertyKey[] {
  const { fields } = score;
  const { sheet } = fields;
  if (fields.instrument === label) return ['instrument'];
  const listed = (names: readonly string[], path: readonly PropertyKey[]): PropertyKey[] | null => {
    const at = names.indexOf(label);
    return at < 0 ? null : [...path, at];
  };
  for (const [num, name] of Object.entries(sheet.per_sheet_instruments))
    if (name === label) return ['sheet', 'per_sheet_instruments', num];
  if (Object.hasOwn(sheet.instrument_map, label)) return ['sheet', 'instrument_map', label];
  for (const [stage, movement] of Object.entries(fields.movements)) {
    if (movement.instrument === label) return ['movements', stage, 'instrument'];
    const place = listed(movement.instrument_fallbacks, ['movements', stage, 'instrument_fallbacks']);
    if (place !== null) return place;
  }
  for (const [num, names] of Object.entries(sheet.per_sheet_fallbacks)) {
    const place = listed(names, ['sheet', 'per_sheet_fallbacks', num]);
    if (place !== null) return place;
  }
  return listed(fields.instrument_fallbacks, ['instrument_fallbacks']) ?? ['backend', 'type'];
}
