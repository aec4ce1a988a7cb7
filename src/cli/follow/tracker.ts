/** What a follower knows of a job: the record as it was loaded, kept up by events. */
import { eventDataSchemas } from '../../protocol/events';
import type { WireEvent } from '../../protocol/events';
import { sheetStatusSchema } from '../../protocol/states';
import type { Checkpoint, SheetState } from '../../protocol/checkpoint';

/** The newest sign of life of an attempt. */
export interface SheetProgress {
  readonly attempt: number | null;
  readonly lastLine: string;
  readonly bytes: number;
}

export class JobTracker {
  private record: Checkpoint | null = null;
  private readonly sheets = new Map<number, SheetState>();
  private readonly progress = new Map<number, SheetProgress>();
  /** Sheets whose state changed since it was asked for. */
  private readonly stale = new Set<number>();

  /** Null until the first record came. */
  get job(): Checkpoint | null {
    return this.record;
  }

  /** Sheets in order. */
  list(): SheetState[] {
    return [...this.sheets.values()].sort((a, b) => a.sheet_num - b.sheet_num);
  }

  progressOf(sheet: number): SheetProgress | null {
    return this.progress.get(sheet) ?? null;
  }

  /** Takes the whole record in place of what was known. */
  load(record: Checkpoint): void {
    this.record = record;
    this.sheets.clear();
    for (const sheet of Object.values(record.sheets)) this.sheets.set(sheet.sheet_num, sheet);
    this.stale.clear();
  }

  /** Takes newer states of some sheets. */
  update(sheets: readonly SheetState[]): void {
    for (const sheet of sheets) {
      this.sheets.set(sheet.sheet_num, sheet);
      if (sheet.status !== 'dispatched') this.progress.delete(sheet.sheet_num);
    }
  }

  /** Takes an event: progress at once; for all else the sheet is marked to be asked for. */
  apply(event: WireEvent): void {
    const sheet = event.sheet ?? null;
    if (event.type === 'attempt.progress' && sheet !== null) {
      const data = eventDataSchemas.progress.safeParse(event.data).data;
      if (data === undefined) return;
      this.progress.set(sheet, {
        attempt: event.attempt ?? null,
        lastLine: data.last_line ?? '',
        bytes: data.bytes ?? 0,
      });
      return;
    }
    if (event.seq === undefined || sheet === null) {
      const cost =
        event.type === 'job.cost_update' ? eventDataSchemas.cost.safeParse(event.data).data : undefined;
      if (this.record !== null && typeof cost?.total_cost_usd === 'number') {
        this.record = {
          ...this.record,
          total_estimated_cost: cost.total_cost_usd,
          unpriced: cost.unpriced ?? this.record.unpriced,
        };
      }
      return;
    }
    this.stale.add(sheet);
    const known = this.sheets.get(sheet);
    const status = sheetStatusSchema.safeParse(
      event.type === 'sheet.started' ? 'dispatched' : event.data['status'],
    );
    if (known !== undefined && status.success) this.sheets.set(sheet, { ...known, status: status.data });
  }

  /** A stretch of sheets to ask for, at most `limit` long, now counted as asked; null when all are fresh. */
  takeStale(limit: number): { readonly offset: number; readonly limit: number } | null {
    if (this.stale.size === 0) return null;
    const first = Math.min(...this.stale);
    let last = first;
    for (const sheet of this.stale) {
      if (sheet >= first + limit) continue;
      last = Math.max(last, sheet);
      this.stale.delete(sheet);
    }
    return { offset: first - 1, limit: last - first + 1 };
  }
}
