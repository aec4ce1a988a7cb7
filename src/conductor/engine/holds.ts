import type { Reason } from '../records';
import type { EngineCore } from './core';
import type { Dispatcher } from './dispatcher';
import type { Flights } from './flight';
import { isDue } from './ready';
import type { JobState, SheetState } from './state';

/** Why a sheet that could start does not: facts that are not state, told in `status`. */
export class HoldReasons {
  constructor(
    private readonly core: EngineCore,
    private readonly dispatcher: Dispatcher,
    private readonly flights: Flights,
    private readonly now: () => number,
    private readonly storageFailed: () => boolean,
  ) {}

  of(job: JobState, sheet: SheetState): Reason | null {
    if (job.status !== 'running' || !isDue(sheet, this.now())) return null;
    if (this.storageFailed())
      return { code: 'storage_failed', message: 'the state directory cannot be written', until: null };
    const trouble = this.flights.troubleOf(job.run, sheet.num);
    if (trouble !== null)
      return { code: 'storage_failed', message: `cannot be started: ${trouble}`, until: null };
    const key = this.dispatcher.waitingForKey.get(`${job.run}/${sheet.num}`);
    if (key !== undefined) {
      return {
        code: 'waiting_for_key',
        message: `waits for ${key}: offer it with any mzt command that has it in its environment`,
        until: null,
      };
    }
    const limit = this.core.durable.limits.get(sheet.instrument);
    if (limit && limit.until > this.now())
      return { code: 'rate_limit', message: limit.message, until: limit.until };
    if (job.pacing_until !== null && job.pacing_until > this.now()) {
      return { code: 'pacing', message: 'the pause between sheets', until: job.pacing_until };
    }
    return null;
  }
}
