/** Which of several keys an attempt gets. */
import type { Rotation } from '../../instruments/keyring';

/** A key of the user's keyring, as a check of its instrument is given it. In memory only: what is recorded is its label. */
export interface CheckedKey {
  readonly label: string;
  /** The variable that the agent finds it in. */
  readonly variable: string;
  readonly value: string;
}

/** One that an attempt may be given. */
export interface OfferedKey extends CheckedKey {
  readonly account: string;
}

/** The keys of one instrument that can be used now, in the order of the settings. */
export interface KeyOffer {
  readonly rotation: Rotation;
  readonly keys: readonly OfferedKey[];
  /** What is wrong with the others, each with its file and a remedy. */
  readonly problems: readonly string[];
}

/** The order in which keys are tried, and what decides it. Not state: after a restart the first key is first again. */
export class KeyOrder {
  private readonly limitedAt = new Map<string, number>();
  /** Label of the key that was taken last, by instrument. */
  private readonly last = new Map<string, string>();

  /** The best first: least recently limited (never limited: in the order of the settings), or the one after the last. */
  sorted(
    instrument: string,
    offer: KeyOffer,
    since: (account: string) => number | null,
  ): readonly OfferedKey[] {
    const { keys, rotation } = offer;
    if (rotation === 'round-robin') {
      const next = keys.findIndex((key) => key.label === this.last.get(instrument)) + 1;
      return [...keys.slice(next), ...keys.slice(0, next)];
    }
    const when = (key: OfferedKey) =>
      Math.max(since(key.account) ?? -Infinity, this.limitedAt.get(key.account) ?? -Infinity);
    // Not a difference: two that were never limited would make NaN.
    return [...keys].sort((a, b) => (when(a) === when(b) ? 0 : when(a) < when(b) ? -1 : 1));
  }

  taken(instrument: string, key: OfferedKey): void {
    this.last.set(instrument, key.label);
  }

  limited(account: string, now: number): void {
    this.limitedAt.set(account, now);
  }

  forget(account: string): void {
    this.limitedAt.delete(account);
  }
}
