import type { AttemptHandle } from '../attempts/runner';
import type { OfferedKey } from './key-choice';
import type { InFlight } from './ready';

/** One attempt on its way. */
export interface Flight {
  readonly run: string;
  readonly sheet: number;
  readonly instrumentKey: string;
  readonly account: string;
  /** Of the keyring; null = what the submit brought. */
  readonly key: OfferedKey | null;
  /** It goes ahead of the others to see whether a limit is over. */
  readonly probe: boolean;
  /** Null while the attempt is being prepared. */
  handle: AttemptHandle | null;
  cancelled: boolean;
  /** Why it could not be started; it is tried again when the flight has left. */
  trouble: string | null;
}

/** Attempts that are being prepared or are running: what limits are counted over. Not state: after a crash it is empty, and adoption fills it. */
export class Flights implements InFlight {
  private readonly flights = new Map<string, Flight>();

  get total(): number {
    return this.flights.size;
  }

  enter(
    run: string,
    sheet: number,
    instrumentKey: string,
    account: string,
    probe: boolean,
    key: OfferedKey | null = null,
  ): Flight {
    const flight: Flight = {
      run,
      sheet,
      instrumentKey,
      account,
      key,
      probe,
      handle: null,
      cancelled: false,
      trouble: null,
    };
    this.flights.set(keyOf(run, sheet), flight);
    return flight;
  }

  /** False when it had left already; a later attempt of the same sheet is not touched. */
  leave(flight: Flight): boolean {
    const key = keyOf(flight.run, flight.sheet);
    return this.flights.get(key) === flight && this.flights.delete(key);
  }

  has(run: string, sheet: number): boolean {
    return this.flights.has(keyOf(run, sheet));
  }

  troubleOf(run: string, sheet: number): string | null {
    return this.flights.get(keyOf(run, sheet))?.trouble ?? null;
  }

  perJob(run: string): number {
    return this.count((flight) => flight.run === run);
  }

  /** Of a run, with an instrument whatever its model. */
  perJobAndInstrument(run: string, profile: string): number {
    return this.count((flight) => flight.run === run && flight.instrumentKey.startsWith(`${profile}:`));
  }

  perInstrument(key: string): number {
    return this.count((flight) => flight.instrumentKey === key);
  }

  perAccount(account: string): number {
    return this.count((flight) => flight.account === account);
  }

  isProbed(account: string): boolean {
    return this.count((flight) => flight.account === account && flight.probe) > 0;
  }

  /** Ends the attempts of a run (or one sheet of it), also those that are still being prepared. */
  cancel(run: string, sheet?: number): void {
    for (const flight of this.flights.values()) {
      if (flight.run !== run || (sheet !== undefined && flight.sheet !== sheet)) continue;
      flight.cancelled = true;
      flight.handle?.cancel();
    }
  }

  detachAll(): void {
    for (const flight of this.flights.values()) flight.handle?.detach();
  }

  private count(test: (flight: Flight) => boolean): number {
    let count = 0;
    for (const flight of this.flights.values()) if (test(flight)) count += 1;
    return count;
  }
}

function keyOf(run: string, sheet: number): string {
  return `${run}/${sheet}`;
}
