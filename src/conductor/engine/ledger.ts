import type { PlannedInstrument } from '../../score/plan';
import type { ExecutionResult } from '../../backends/result';
import type { LimitState, RecordDraft } from '../records';
import type { EngineCore } from './core';
import type { Decision } from './decide';
import type { Flights } from './flight';
import { KeyOrder, type KeyOffer, type OfferedKey } from './key-choice';
import { refusedInARow, RefusedKeys, type RefusedKey } from './refused-keys';
import type { AttemptState, JobState, SheetState } from './state';

/** Checks of a limited instrument that may find it unusable, one after another, before an attempt is let through to tell the truth. */
const mostChecks = 3;
/** Pause after such a check, milliseconds. */
const recheckMs = 30_000;
/** Pause after a probe that came to no answer (no network, no time), milliseconds. */
const unansweredMs = 60_000;

/** Names the account that an attempt of this job on this instrument would use. */
export type AccountOf = (job: JobState, instrument: PlannedInstrument) => string;

/** The keys of the user's keyring for such an attempt, as they are now; null = the keyring says nothing about it. */
export type KeysOf = (job: JobState, instrument: PlannedInstrument) => KeyOffer | null;

/** Why a sheet whose turn it would be must not start on its account. */
export interface AccountHold {
  /** `no_key`: the keyring has keys for it, and none can be used. */
  readonly kind: 'limited' | 'probing' | 'narrowed' | 'no_key';
  readonly limit: LimitState | null;
  readonly width: number | null;
  /** What is wrong with the key files, for `no_key`. */
  readonly problems?: readonly string[];
}

/** What an attempt that began now would work with. */
export interface AccountChoice {
  readonly account: string;
  /** Null = what the submit brought. */
  readonly key: OfferedKey | null;
  /** Null = it may begin. Else the account is the one that is free first. */
  readonly hold: AccountHold | null;
}

/** What the other keys of a keyring promise to a sheet that met a limit, or a refusal, with one of them. */
export interface OtherKeys {
  /** Label of one that the vendor does not refuse, limited or not; null = there is none. */
  readonly usable: string | null;
  /** Labels of those that the vendor refuses. */
  readonly refused: readonly string[];
  /** What is wrong with the files of the rest. */
  readonly problems: readonly string[];
  /** Label of one that is not limited at all; null = all are. */
  readonly free: string | null;
  /** When the first of them is not limited any more; null = there is none. */
  readonly until: number | null;
}

/**
 * The rate-limit ledger: limits by account, over all jobs. What is limited until when is state (journalled, so it survives restarts); how many
 * attempts an account takes after a limit is not: it is halved when a limit begins, grows by one with each success, and starts unbounded in a new process.
 *
 * A limit outlasts its end: then one sheet goes ahead as the probe, and the others start when that has an answer.
 */
export class Ledger {
  private readonly widths = new Map<string, number>();
  /** Accounts by job and instrument, as of one look: a wide job asks for the same one for each of its sheets. */
  private readonly seen = new Map<string, string>();
  private readonly offers = new Map<string, KeyOffer | null>();
  private readonly order = new KeyOrder();
  private readonly refused = new RefusedKeys();
  private seenAt = NaN;

  constructor(
    private readonly core: EngineCore,
    private readonly flights: Flights,
    readonly accountOf: AccountOf,
    /** No account is ever worth more at once. */
    private readonly widest: number,
    private readonly keysOf: KeysOf = () => null,
    /** Told once of each key that is set aside. */
    private readonly onRefused: (key: RefusedKey) => void = () => undefined,
  ) {}

  /** Null = an account of the instrument may take one more attempt now. */
  holds(job: JobState, instrument: PlannedInstrument, now: number): AccountHold | null {
    const offer = this.offerAt(job, instrument, now);
    if (offer) return this.choose(instrument, offer, now).hold;
    if (this.core.state.limits.size === 0 && this.widths.size === 0) return null;
    return this.holdOf(this.accountAt(job, instrument, now), now);
  }

  /** The account, and the key, that an attempt gets which begins now. */
  take(job: JobState, instrument: PlannedInstrument, now: number): AccountChoice {
    const offer = this.offerAt(job, instrument, now);
    if (!offer) return { account: this.accountOf(job, instrument), key: null, hold: null };
    const choice = this.choose(instrument, offer, now);
    if (choice.key) this.order.taken(instrument.profile, choice.key);
    return choice;
  }

  /** The key of an attempt that an earlier conductor began, if the keyring still has it. */
  keyOf(job: JobState, instrument: PlannedInstrument, account: string): OfferedKey | null {
    return this.keysOf(job, instrument)?.keys.find((key) => key.account === account) ?? null;
  }

  /** What is left to a sheet when this account has just been limited, or refused. */
  others(
    job: JobState,
    instrument: PlannedInstrument,
    account: string,
    now: number,
    sheet: Pick<SheetState, 'attempts'> = { attempts: [] },
  ): OtherKeys {
    const inVain = refusedInARow(sheet);
    const offer = this.keysOf(job, instrument);
    const { keys, problems } = offer ?? { keys: [], problems: [] };
    const others = (offer ? this.sorted(instrument, offer) : []).filter((key) => key.account !== account);
    const usable = others.filter((key) => !inVain.has(key.account) && !this.refused.has(key.account, now));
    const free = usable.find((key) => this.limitOf(key.account) === null);
    const ends = usable.map((key) => this.limitOf(key.account)?.until ?? now);
    return {
      usable: (free ?? usable[0])?.label ?? null,
      refused: keys.filter((key) => others.includes(key) && !usable.includes(key)).map(({ label }) => label),
      problems,
      free: free?.label ?? null,
      until: ends.length === 0 ? null : Math.min(...ends),
    };
  }

  /** Keys of the instrument that are set aside because the vendor refuses them. */
  refusedKeys(instrument: string, now: number): readonly RefusedKey[] {
    return this.refused.of(instrument, now);
  }

  /** Keys that were refused are tried again: a person acts, and may have put them right. @param instrument null = all */
  retryRefused(instrument: string | null = null): void {
    this.refused.forget(instrument);
  }

  private choose(instrument: PlannedInstrument, offer: KeyOffer, now: number): AccountChoice {
    let best: AccountChoice | null = null;
    for (const key of this.acceptable(instrument, offer, now)) {
      const choice = { account: key.account, key, hold: this.holdOf(key.account, now) };
      if (choice.hold === null) return choice;
      if (best === null || freeAt(choice.hold) < freeAt(best.hold)) best = choice;
    }
    const hold = { kind: 'no_key', limit: null, width: null, problems: offer.problems } as const;
    return best ?? { account: instrument.profile, key: null, hold };
  }

  /** Those that the vendor does not refuse. If it refuses all, one of them has to find out whether it still does: another one each time. */
  private acceptable(instrument: PlannedInstrument, offer: KeyOffer, now: number): readonly OfferedKey[] {
    const keys = this.sorted(instrument, offer);
    const usable = keys.filter((key) => !this.refused.has(key.account, now));
    const since = (key: OfferedKey) => this.refused.at(key.account, now) ?? 0;
    return usable.length > 0 ? usable : [...keys].sort((a, b) => since(a) - since(b));
  }

  private sorted(instrument: PlannedInstrument, offer: KeyOffer): readonly OfferedKey[] {
    return this.order.sorted(instrument.profile, offer, (account) => this.limitOf(account)?.since ?? null);
  }

  private holdOf(account: string, now: number): AccountHold | null {
    const limit = this.limitOf(account);
    if (limit && limit.until + limit.spread_ms > now) return { kind: 'limited', limit, width: null };
    if (limit && this.flights.isProbed(account)) return { kind: 'probing', limit, width: null };
    const width = this.widths.get(account) ?? limit?.width ?? null;
    if (!limit && width !== null && this.flights.perAccount(account) >= width)
      return { kind: 'narrowed', limit: null, width };
    return null;
  }

  /** The account's limit, as decisions see it. */
  limitOf(account: string): LimitState | null {
    return this.core.state.limits.get(account) ?? null;
  }

  /**
   * Records that follow from the end of an attempt: a limit begins, goes on or is over.
   * @param limited until when the account is limited now; null = this attempt met no limit
   */
  ended(
    attempt: {
      readonly account: string;
      readonly instrument: string;
      readonly started_at: number;
      readonly key_label?: string | null;
    },
    result: ExecutionResult,
    limited: (Decision['limit'] & { readonly message: string }) | null,
    now: number,
  ): RecordDraft[] {
    const { account, instrument } = attempt;
    this.judgeKey(attempt, result, now);
    const known = this.limitOf(account);
    if (limited) {
      const same = known !== null && isSameWindow(known, attempt.started_at, now);
      if (!same) this.narrow(account);
      this.order.limited(account, now);
      const body = {
        account,
        instrument,
        key_label: attempt.key_label ?? null,
        ...limited,
        hits: (known?.hits ?? 0) + (same ? 0 : 1),
        since: same ? known.since : now,
        width: this.widths.get(account) ?? null,
      };
      return [{ type: 'limit.set', body }];
    }
    if (result.success) this.widen(account);
    // What began before the limit ended says nothing about it.
    if (!known || attempt.started_at < known.until) return [];
    if (isAnswer(result)) {
      if (known.width !== null && !this.widths.has(account)) this.widths.set(account, known.width);
      return [{ type: 'limit.cleared', body: { account, instrument } }];
    }
    if (result.errorType === 'interrupted' || result.errorType === 'cancelled') return [];
    const message = `no answer after the limit: ${result.errorMessage ?? 'the probe failed'}`;
    return [
      {
        type: 'limit.set',
        body: { ...known, until: now + unansweredMs, spread_ms: 0, stated: false, message, checks: 0 },
      },
    ];
  }

  /** A limit is an answer to a good key, too. */
  private judgeKey(
    attempt: Pick<AttemptState, 'account' | 'instrument' | 'started_at'> & { key_label?: string | null },
    result: ExecutionResult,
    now: number,
  ): void {
    const { account, instrument, key_label: label = null } = attempt;
    if (result.success || result.errorType === 'rate_limit' || result.errorType === 'usage_limit')
      this.refused.taken(account, attempt.started_at);
    if (label === null || result.errorType !== 'authentication') return;
    const key = { account, instrument, label, at: now, message: result.errorMessage ?? 'no reason given' };
    if (this.refused.add(key)) this.onRefused(key);
  }

  /** What a check found that the limited instrument cannot be used now: it is asked again a little later. Null = let the probe tell. */
  unusable(account: string, why: string, now: number): RecordDraft | null {
    const known = this.limitOf(account);
    if (!known || known.checks >= mostChecks) return null;
    const message = `cannot be used yet: ${why}`;
    const until = now + recheckMs;
    return {
      type: 'limit.set',
      body: { ...known, until, spread_ms: 0, stated: false, message, checks: known.checks + 1 },
    };
  }

  /** A person takes a limit back: nothing of it is left. */
  forget(account: string): void {
    this.widths.delete(account);
    this.order.forget(account);
  }

  /** The files are read once a look. */
  private offerAt(job: JobState, instrument: PlannedInstrument, now: number): KeyOffer | null {
    this.lookAt(now);
    const key = instrumentIn(job, instrument);
    let offer = this.offers.get(key);
    if (offer === undefined) this.offers.set(key, (offer = this.keysOf(job, instrument)));
    return offer;
  }

  private accountAt(job: JobState, instrument: PlannedInstrument, now: number): string {
    this.lookAt(now);
    const key = instrumentIn(job, instrument);
    let account = this.seen.get(key);
    if (account === undefined) this.seen.set(key, (account = this.accountOf(job, instrument)));
    return account;
  }

  private lookAt(now: number): void {
    if (this.seenAt === now) return;
    this.seen.clear();
    this.offers.clear();
    this.seenAt = now;
  }

  private narrow(account: string): void {
    const flying = this.flights.perAccount(account);
    // A probe that met the limit again flew alone: that says nothing about how many may fly.
    if (flying > 1) this.widths.set(account, Math.max(1, Math.floor(flying / 2)));
  }

  private widen(account: string): void {
    const width = this.widths.get(account);
    if (width === undefined) return;
    if (width + 1 >= this.widest) this.widths.delete(account);
    else this.widths.set(account, width + 1);
  }
}

function instrumentIn({ run }: JobState, { profile, config }: PlannedInstrument): string {
  const { base_url: url } = config.other;
  return `${run}/${profile}/${config.apiKeyEnv ?? ''}/${typeof url === 'string' ? url : ''}`;
}

/** Instants to compare holds by: an attempt that ends frees an account at any time, a limit is over when it is over. */
function freeAt(hold: AccountHold | null): number {
  return hold?.kind === 'limited' && hold.limit ? hold.limit.until + hold.limit.spread_ms : -Infinity;
}

/** Did an attempt meet a limit that was known when it ended, and that it could not know of when it began? */
export function isSameWindow(known: LimitState, startedAt: number, now: number): boolean {
  return startedAt < known.until && now < known.until;
}

const unanswered: ReadonlySet<string> = new Set([
  'network',
  'timeout',
  'first_output_timeout',
  'stale',
  'cancelled',
  'interrupted',
  'failed_to_start',
  'not_found',
]);

/** Did the vendor, or at least the program, answer something that is no limit? */
function isAnswer(result: ExecutionResult): boolean {
  return result.success || (result.outputTokens ?? 0) > 0 || !unanswered.has(result.errorType ?? '');
}
