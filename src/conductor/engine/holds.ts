import type { Reason } from '../records';
import { openCircuit } from './breaker';
import type { EngineCore } from './core';
import type { Dispatcher } from './dispatcher';
import type { Flights } from './flight';
import type { Ledger } from './ledger';
import { instrumentFor, isDue } from './ready';
import type { JobState, SheetState } from './state';

/** Why a sheet that could start does not: facts that are not state, told in `status`. */
export class HoldReasons {
  constructor(
    private readonly core: EngineCore,
    private readonly dispatcher: Dispatcher,
    private readonly flights: Flights,
    private readonly ledger: Ledger,
    private readonly now: () => number,
    private readonly storageFailed: () => boolean,
  ) {}

  of(job: JobState, sheet: SheetState): Reason | null {
    if (job.status !== 'running') return null;
    // A wait that grew while it lasted is told as it is now.
    if (sheet.status === 'waiting' && (sheet.due_at ?? 0) > this.now()) return this.limitOf(job, sheet);
    if (!isDue(sheet, this.now())) return null;
    if (this.storageFailed())
      return { code: 'storage_failed', message: 'the state directory cannot be written', until: null };
    const trouble = this.flights.troubleOf(job.run, sheet.num);
    if (trouble !== null)
      return { code: 'storage_failed', message: `cannot be started: ${trouble}`, until: null };
    const key = this.dispatcher.waitingForKey.get(`${job.run}/${sheet.num}`);
    if (key !== undefined) {
      return {
        code: 'waiting_for_key',
        message: `waits for ${key}: set it in VS Code (Marianne: Set API Key), or run any mzt command that has it in its environment`,
        until: null,
      };
    }
    const limited = this.circuitOf(job, sheet) ?? this.limitOf(job, sheet);
    if (limited) return limited;
    if (job.pacing_until !== null && job.pacing_until > this.now()) {
      return { code: 'pacing', message: 'the pause between sheets', until: job.pacing_until };
    }
    return null;
  }

  /** An instrument with a fallback is passed over: who waits has come to its last. */
  private circuitOf(job: JobState, sheet: SheetState): Reason | null {
    const plan = this.core.bundles.get(job.bundle)?.plan;
    const planned = plan?.sheets[sheet.num - 1];
    if (!plan || !planned) return null;
    const circuits = [planned.instrument, ...planned.fallbacks]
      .slice(sheet.fallback_index)
      .map(({ profile }) => ({ profile, open: openCircuit(job, plan, profile) }));
    const [first] = circuits;
    if (!first?.open || circuits.some(({ open }) => open === null)) return null;
    const ends = circuits.map(({ open }) => open?.until ?? 0);
    const until = Math.min(...ends);
    const message = `${first.profile} failed ${first.open.failures} times in a row (circuit_breaker): one sheet tries it again`;
    return { code: 'circuit_open', message, until: until > this.now() ? until : null };
  }

  private limitOf(job: JobState, sheet: SheetState): Reason | null {
    const planned = this.core.bundles.get(job.bundle)?.plan.sheets[sheet.num - 1];
    if (!planned) return null;
    const instrument = instrumentFor(planned, sheet.fallback_index);
    const hold = this.ledger.holds(job, instrument, this.now());
    if (!hold) return null;
    const code = 'rate_limit';
    switch (hold.kind) {
      case 'limited':
        return { code, message: hold.limit?.message ?? 'rate limited', until: hold.limit?.until ?? null };
      case 'probing':
        return {
          code,
          message: `${instrument.profile} was limited: one sheet tries whether it is over`,
          until: null,
        };
      case 'no_key':
        return {
          code: 'waiting_for_key',
          message: `no key of the keyring can be used for ${instrument.profile}: ${(hold.problems ?? []).join('; ')}`,
          until: null,
        };
      case 'narrowed':
        return {
          code: 'slowed',
          message: `${instrument.profile} was limited: ${hold.width} at a time until that goes well`,
          until: null,
        };
    }
  }
}
