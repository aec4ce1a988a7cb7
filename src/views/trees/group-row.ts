/** Rows that stand for many sheets or jobs. */
import { l10n } from '../l10n';
import type { SheetModel } from '../store/model';
import { parts } from './format';
import { stateIcons } from './row';
import type { Row } from './row';
import { isRunning } from './sheet-row';

/** What a number of sheets comes to: the worst first, as people look for it. */
export function groupState(sheets: readonly SheetModel[]): { icon: Row['icon']; description: string } {
  const count = (test: (sheet: SheetModel) => boolean) => sheets.filter(test).length;
  const done = count((sheet) => sheet.status === 'completed' || sheet.status === 'skipped');
  const failed = count((sheet) => sheet.status === 'failed');
  const running = count((sheet) => isRunning(sheet.status));
  const waiting = count((sheet) => sheet.status === 'waiting' || sheet.status === 'retry_scheduled');
  const cancelled = count((sheet) => sheet.status === 'cancelled');
  const icon =
    failed > 0
      ? stateIcons.failed
      : running > 0
        ? stateIcons.running
        : waiting > 0
          ? stateIcons.waiting
          : cancelled > 0
            ? stateIcons.cancelled
            : done === sheets.length
              ? stateIcons.passed
              : stateIcons.pending;
  const description = parts(
    `${done}/${sheets.length}`,
    failed > 0 && l10n.t('{0} failed', failed),
    running > 0 && l10n.t('{0} running', running),
    waiting > 0 && l10n.t('{0} waiting', waiting),
  );
  return { icon, description };
}

export function groupRow(id: string, label: string, sheets: readonly SheetModel[], word: string): Row {
  const { icon, description } = groupState(sheets);
  return {
    id,
    label,
    description,
    icon,
    context: [word],
    collapsible: 'collapsed',
    spoken: `${label}, ${description}`,
  };
}
