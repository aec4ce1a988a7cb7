import { l10n } from '../l10n';
import { withDependencies } from '../scores/dependencies';
import type { PlannedScore } from '../scores/score-room';
import type { Services } from '../services';
import { scoreSheetArgument } from './arguments';
import type { Command } from './command';
import { readScore, submit } from './submit';
import type { SubmitRequest } from './submit';

/** Marianne: Run Sheet. A run of this sheet alone, recorded as any other. */
export const runSheet: Command = {
  id: 'marianne.runSheet',
  run: (services, given) => start(services, given, (sheet) => ({ onlySheets: [sheet] })),
};

/** Marianne: Run From This Sheet. */
export const runFromSheet: Command = {
  id: 'marianne.runFromSheet',
  run: (services, given) => start(services, given, (sheet) => ({ startSheet: sheet })),
};

/** Marianne: Run Sheet With What It Needs. */
export const runSheetWithDependencies: Command = {
  id: 'marianne.runSheetWithDependencies',
  run: (services, given) =>
    start(services, given, (sheet, score) => ({ onlySheets: withDependencies(score, sheet) })),
};

async function start(
  services: Services,
  given: unknown,
  part: (sheet: number, score: PlannedScore) => Partial<SubmitRequest>,
): Promise<void> {
  const target = await scoreSheetArgument(services, given);
  if (target === null) return;
  const score = await readScore(services, target.uri);
  if (score === null) return;
  // A lens may be older than the text.
  if (!score.sheets.some(({ num }) => num === target.sheet)) {
    throw new Error(l10n.t('{0} has no sheet {1} any more.', score.name, target.sheet));
  }
  await submit(services, { uri: target.uri, ...part(target.sheet, score) }, score);
}
