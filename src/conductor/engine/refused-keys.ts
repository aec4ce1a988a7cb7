/** Keys of the user's keyring that a vendor does not take. */
import type { OtherKeys } from './ledger';
import type { SheetState } from './state';

/** A refusal this old is forgotten: a vendor may have been wrong, or have been put right by somebody. Milliseconds. */
const asideMs = 60 * 60_000;

/** A key that is set aside. */
export interface RefusedKey {
  readonly account: string;
  readonly instrument: string;
  readonly label: string;
  /** When, milliseconds. */
  readonly at: number;
  /** What the vendor said. */
  readonly message: string;
}

/**
 * Who is set aside. In memory: a restart asks each such key once more, which costs a request that is refused and nothing else. By account, so a key
 * file with another key in it is another account, and used at once.
 */
export class RefusedKeys {
  private readonly keys = new Map<string, RefusedKey>();

  /** False: it was set aside already, several attempts had it. */
  add(key: RefusedKey): boolean {
    const news = !this.has(key.account, key.at);
    this.keys.set(key.account, key);
    return news;
  }

  has(account: string, now: number): boolean {
    return this.at(account, now) !== null;
  }

  /** When it was refused; null = it is not set aside. */
  at(account: string, now: number): number | null {
    const key = this.keys.get(account);
    return key && now - key.at < asideMs ? key.at : null;
  }

  of(instrument: string, now: number): readonly RefusedKey[] {
    return [...this.keys.values()].filter(
      (key) => key.instrument === instrument && this.has(key.account, now),
    );
  }

  /** The vendor took it, for an attempt that began then. */
  taken(account: string, startedAt: number): void {
    const key = this.keys.get(account);
    if (key && startedAt > key.at) this.keys.delete(account);
  }

  /** A person acts, and may have put things right. @param instrument null = all */
  forget(instrument: string | null): void {
    for (const key of [...this.keys.values()])
      if (instrument === null || key.instrument === instrument) this.keys.delete(key.account);
  }
}

/** Accounts that a sheet was refused with, one after another: it goes once round the keys, whatever is forgotten meanwhile. */
export function refusedInARow({ attempts }: Pick<SheetState, 'attempts'>): ReadonlySet<string> {
  const begin = attempts.findLastIndex(
    (attempt) =>
      attempt.ended_at !== null &&
      !(attempt.error_type === 'authentication' && attempt.next_status === 'pending'),
  );
  return new Set(attempts.slice(begin + 1).map(({ account }) => account));
}

/** What is told of an attempt whose key was refused: whose it was, and when no other is left, why not. */
export function refusalInWords(message: string, label: string, others: OtherKeys): string {
  const { usable, refused, problems } = others;
  if (usable !== null || (refused.length === 0 && problems.length === 0))
    return `the vendor refuses the key "${label}": ${message}`;
  const labels = [label, ...refused].map((name) => `"${name}"`);
  const why = [`the vendor refuses ${labels.join(', ')}`, ...problems].join('; ');
  return `no key of the keyring is left (${why}): ${message}`;
}
