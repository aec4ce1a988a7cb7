/** The live picture of a job, as lines that fit a terminal. Pure. */
import type { SheetState } from '../../protocol/checkpoint';
import { duration } from '../text/amounts';
import type { JobStyle } from '../text/job';
import { jobHeadline, skippedCount, reasonText, sheetRemark, sheetTokens } from '../text/job';
import { spent } from '../text/amounts';
import { displayWidth, pad, printable, truncate } from '../text/printable';
import { statusWord } from '../text/symbols';
import type { JobTracker } from './tracker';

export interface ViewSize {
  readonly columns: number;
  readonly rows: number;
}

const running = new Set(['dispatched', 'in_progress']);
const over = new Set(['completed', 'skipped', 'cancelled']);

/** Which sheets to show when not all fit: what plays and waits, what failed, what comes next, what ended last. */
export function chooseSheets(sheets: readonly SheetState[], room: number): SheetState[] {
  if (sheets.length <= room) return [...sheets];
  const rank = (sheet: SheetState) =>
    running.has(sheet.status)
      ? 0
      : sheet.status === 'failed'
        ? 1
        : over.has(sheet.status)
          ? 4
          : sheet.status === 'pending'
            ? 3
            : 2;
  const chosen = [...sheets].sort((a, b) => {
    const order = rank(a) - rank(b);
    if (order !== 0) return order;
    // Of what is over the latest, of the rest the first.
    return rank(a) === 4 ? b.sheet_num - a.sheet_num : a.sheet_num - b.sheet_num;
  });
  return chosen.slice(0, Math.max(0, room)).sort((a, b) => a.sheet_num - b.sheet_num);
}

/** At most `rows - 1` lines of at most `columns - 1` columns: the cursor's line stays free, and nothing wraps. */
export function liveLines(tracker: JobTracker, style: JobStyle, size: ViewSize): string[] {
  const { job } = tracker;
  if (job === null) return ['waiting for the conductor …'];
  const sheets = tracker.list();
  const done = sheets.filter((sheet) => sheet.status === 'completed').length;
  const reason = reasonText(job.status_reason, style.now);
  const head = [
    jobHeadline({ ...job, last_completed_sheet: done }, style, skippedCount(sheets)),
    ...(reason === '' ? [] : [`  ${style.colors.yellow(reason)}`]),
  ];
  const most = Math.max(1, size.rows - 1 - head.length);
  const all = sheets.length <= most;
  const chosen = all ? sheets : chooseSheets(sheets, most - 1);
  const numberWidth = String(job.total_sheets).length;
  const titles = chosen.map((sheet) => printable(sheet.description ?? `sheet ${sheet.sheet_num}`));
  const titleWidth = Math.min(
    Math.max(...titles.map(displayWidth), 0),
    Math.max(12, Math.floor(size.columns / 3)),
  );
  const lines = chosen.map((sheet, at) =>
    sheetLine(sheet, pad(truncate(titles[at] ?? '', titleWidth), titleWidth), numberWidth, tracker, style),
  );
  const rest = sheets.length - chosen.length;
  if (!all) lines.push(style.colors.dim(`  … ${rest} more: ${countStates(sheets, chosen)}`));
  return [...head, ...lines]
    .slice(0, Math.max(1, size.rows - 1))
    .map((line) => truncate(line, size.columns - 1));
}

function sheetLine(
  sheet: SheetState,
  title: string,
  numberWidth: number,
  tracker: JobTracker,
  style: JobStyle,
): string {
  const { colors, symbols, now } = style;
  const progress = tracker.progressOf(sheet.sheet_num);
  const plays = running.has(sheet.status);
  const started = sheet.attempts.at(-1)?.started_at ?? sheet.started_at;
  const seconds =
    plays && started !== null
      ? Math.max(0, (now - Date.parse(started)) / 1000)
      : sheet.total_duration_seconds;
  const attempt = Math.max(sheet.attempt_count, progress?.attempt ?? 0);
  const used = sheetTokens(sheet);
  const cost = spent(sheet.estimated_cost === 0 ? null : sheet.estimated_cost, sheet.unpriced);
  const facts = [
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(used === '' ? [] : [`${used} tokens`]),
    ...(cost === '' ? [] : [cost]),
  ].join('  ');
  const said = plays ? printable(progress?.lastLine ?? '') : sheetRemark(sheet, now);
  return [
    ` ${symbols.mark(sheet.status)} ${pad(String(sheet.sheet_num), numberWidth, 'right')} ${title}`,
    pad(statusWord(sheet.status), 9),
    pad(sheet.attempt_count === 0 && !plays ? '' : duration(seconds), 7, 'right'),
    ...(facts === '' ? [] : [facts]),
    ...(said === '' ? [] : [sheet.status === 'failed' ? colors.red(said) : colors.dim(said)]),
  ]
    .join('  ')
    .trimEnd();
}

function countStates(sheets: readonly SheetState[], shown: readonly SheetState[]): string {
  const counts = new Map<string, number>();
  for (const sheet of sheets) {
    if (shown.includes(sheet)) continue;
    const word = statusWord(sheet.status);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
}
