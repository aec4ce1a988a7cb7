/** From stages to sheets: the counting formula, fan-out and voices. */
import type { Findings, RelatedFinding } from './findings';
import type { ScoreFields } from './schema/score';

/** More sheets than this in one job is taken for a mistake. */
export const maxSheets = 10_000;

/** One concrete sheet and the part of the work that it stands for. */
export interface SheetPlace {
  readonly num: number;
  readonly stage: number;
  /** 1..fanCount. */
  readonly instance: number;
  readonly fanCount: number;
  readonly startItem: number;
  readonly endItem: number;
}

export interface Expansion {
  readonly sheets: readonly SheetPlace[];
  /** Stages before fan-out; the number of sheets when there is none. */
  readonly totalStages: number;
  /** Stage → its sheet numbers, ascending. */
  readonly sheetsOfStage: ReadonlyMap<number, readonly number[]>;
  readonly hasFanOut: boolean;
}

/** Stage → instances: `sheet.fan_out`, and `movements.N.voices` where it says nothing. */
export function fanOutOf(fields: ScoreFields): Map<number, number> {
  const fanOut = new Map<number, number>();
  for (const [stage, movement] of Object.entries(fields.movements)) {
    if (movement.voices !== null && movement.voices > 1) fanOut.set(Number(stage), movement.voices);
  }
  for (const [stage, count] of Object.entries(fields.sheet.fan_out)) fanOut.set(Number(stage), count);
  return fanOut;
}

/** Counts the sheets. Null when the numbers make no sense; `findings` says why. */
export function expandSheets(fields: ScoreFields, findings: Findings): Expansion | null {
  const { size, total_items: total, start_item: start, fan_out_stage_map: stageMap } = fields.sheet;
  if (start > total) {
    findings.add({
      code: 'P020',
      severity: 'error',
      path: ['sheet', 'start_item'],
      message: `\`start_item\` (${start}) is beyond \`total_items\` (${total}), so there is no sheet.`,
      remedy: '`total_items` is the number of the last item, not how many there are.',
      related: [{ path: ['sheet', 'total_items'], message: '`total_items` is given here.' }],
    });
    return null;
  }
  const fanOut = fanOutOf(fields);
  if (fanOut.size > 0) return expandStages(fields, fanOut, findings);
  const totalSheets = Math.floor((total - start + size) / size);
  if (tooMany(totalSheets, findings)) return null;
  const sheets = Array.from({ length: totalSheets }, (_, index): SheetPlace => {
    const mapped = stageMap?.[String(index + 1)];
    const first = index * size + start;
    return {
      num: index + 1,
      stage: mapped?.stage ?? index + 1,
      instance: mapped?.instance ?? 1,
      fanCount: mapped?.fan_count ?? 1,
      startItem: first,
      endItem: Math.min(first + size - 1, total),
    };
  });
  return expansion(sheets, stageMap !== null);
}

function expandStages(
  fields: ScoreFields,
  fanOut: ReadonlyMap<number, number>,
  findings: Findings,
): Expansion | null {
  const { size, total_items: stages, start_item: start } = fields.sheet;
  const before = findings.list.length;
  const related = fanOutPlaces(fields);
  const mustBeOne = (field: 'size' | 'start_item', value: number, remedy: string): void => {
    if (value === 1) return;
    const message = `With fan-out \`${field}\` must be 1, but is ${value}.`;
    findings.add({ code: 'P021', severity: 'error', path: ['sheet', field], message, remedy, related });
  };
  mustBeOne('size', size, 'Write `size: 1`.');
  mustBeOne('start_item', start, 'Remove `start_item`.');
  for (const stage of fanOut.keys()) {
    if (stage <= stages) continue;
    const written = Object.hasOwn(fields.sheet.fan_out, String(stage));
    findings.add({
      code: 'P022',
      severity: 'error',
      path: written ? ['sheet', 'fan_out', String(stage)] : ['movements', String(stage), 'voices'],
      message: `Stage ${stage} is fanned out, but the score has ${stages} stage${stages === 1 ? '' : 's'}.`,
      remedy: `Raise \`sheet.total_items\`, or use a stage from 1 to ${stages}.`,
      related: [{ path: ['sheet', 'total_items'], message: '`total_items` is given here.' }],
    });
  }
  if (findings.list.length > before) return null;
  let totalSheets = stages;
  for (const count of fanOut.values()) totalSheets += count - 1;
  if (tooMany(totalSheets, findings)) return null;
  const sheets: SheetPlace[] = [];
  for (let stage = 1; stage <= stages; stage++) {
    const fanCount = fanOut.get(stage) ?? 1;
    for (let instance = 1; instance <= fanCount; instance++) {
      const num = sheets.length + 1;
      sheets.push({ num, stage, instance, fanCount, startItem: num, endItem: num });
    }
  }
  return expansion(sheets, true);
}

/** Where the score asks for fan-out. */
function fanOutPlaces(fields: ScoreFields): RelatedFinding[] {
  const voices = Object.keys(fields.movements).find((stage) => (fields.movements[stage]?.voices ?? 1) > 1);
  const message = 'Fan-out is asked for here.';
  return [
    { path: ['sheet', 'fan_out'], at: 'key', message },
    ...(voices === undefined ? [] : [{ path: ['movements', voices, 'voices'], message }]),
  ];
}

function tooMany(totalSheets: number, findings: Findings): boolean {
  if (totalSheets <= maxSheets) return false;
  findings.error(
    'P023',
    ['sheet', 'total_items'],
    `The score has ${totalSheets} sheets; at most ${maxSheets} are allowed.`,
    'Raise `sheet.size`, so that a sheet covers more items, or divide the score.',
  );
  return true;
}

function expansion(sheets: readonly SheetPlace[], hasFanOut: boolean): Expansion {
  const sheetsOfStage = new Map<number, number[]>();
  for (const sheet of sheets) {
    const of = sheetsOfStage.get(sheet.stage);
    if (of === undefined) sheetsOfStage.set(sheet.stage, [sheet.num]);
    else of.push(sheet.num);
  }
  return {
    sheets,
    totalStages: hasFanOut ? Math.max(...sheetsOfStage.keys()) : sheets.length,
    sheetsOfStage,
    hasFanOut,
  };
}
