import assert from 'node:assert/strict';
import type { LimitState } from '../../../src/conductor/records';
import { backoffSeconds, decide, type DecisionInput } from '../../../src/conductor/engine/decide';

const base: DecisionInput = {
  outcome: 'failed',
  mode: 'normal',
  verdict: {
    code: 'E009',
    category: 'transient',
    action: 'retry',
    waitSeconds: null,
    quota: false,
    message: 'exit code 1',
  },
  passPercent: null,
  failureSummary: null,
  counters: { normalAttempts: 0, completionAttempts: 0, rateLimitWaits: 0, quotaWaits: 0, interruptions: 0 },
  fallbackIndex: 0,
  fallbackCount: 0,
  policy: {
    maxRetries: 3,
    baseDelaySeconds: 10,
    maxDelaySeconds: 3600,
    exponentialBase: 2,
    jitter: false,
    maxCompletionAttempts: 5,
    completionDelaySeconds: 5,
    completionThresholdPercent: 50,
  },
  maxWaits: 24,
  maxQuotaWaits: 48,
  known: null,
  startedAt: 999_000,
  maxUnstatedWaitSeconds: 3600,
  now: 1_000_000,
  random: 0.5,
};
const counters = (change: Partial<DecisionInput['counters']>) => ({ ...base.counters, ...change });

describe('what a sheet does after an attempt', () => {
  const table: [string, Partial<DecisionInput>, string, number | null][] = [
    ['cancelled', { outcome: 'cancelled', verdict: null }, 'cancelled', null],
    ['success', { outcome: 'success', verdict: null, passPercent: 100 }, 'completed', null],
    ['interrupted', { outcome: 'interrupted', verdict: null }, 'pending', null],
    ['first failure', {}, 'retry_scheduled', 1_010_000],
    ['third failure', { counters: counters({ normalAttempts: 2 }) }, 'retry_scheduled', 1_040_000],
    ['retries used up', { counters: counters({ normalAttempts: 3 }) }, 'failed', null],
    ['no retries wanted', { policy: { ...base.policy, maxRetries: 0 } }, 'failed', null],
    [
      'partial above the threshold',
      { outcome: 'invalid', verdict: null, passPercent: 67 },
      'retry_scheduled',
      1_005_000,
    ],
    [
      'partial at the threshold',
      { outcome: 'invalid', verdict: null, passPercent: 50 },
      'retry_scheduled',
      1_010_000,
    ],
    [
      'completion used up, no second round through the retries',
      { outcome: 'invalid', verdict: null, passPercent: 67, counters: counters({ completionAttempts: 5 }) },
      'failed',
      null,
    ],
    [
      'a person must decide',
      { verdict: { ...base.verdict!, action: 'stop' }, fallbackCount: 1 },
      'failed',
      null,
    ],
    ['authentication', { verdict: { ...base.verdict!, action: 'fallback' } }, 'failed', null],
    [
      'authentication with a fallback',
      { verdict: { ...base.verdict!, action: 'fallback' }, fallbackCount: 1 },
      'pending',
      null,
    ],
    [
      'exhausted with a fallback',
      { counters: counters({ normalAttempts: 3 }), fallbackCount: 1 },
      'pending',
      null,
    ],
    [
      'last fallback exhausted',
      { counters: counters({ normalAttempts: 3 }), fallbackCount: 1, fallbackIndex: 1 },
      'failed',
      null,
    ],
  ];
  for (const [name, change, status, due] of table) {
    it(`${name} → ${status}`, () => {
      const { next } = decide({ ...base, ...change });
      assert.equal(next.status, status);
      assert.equal(next.due_at, due);
    });
  }

  it('names completion mode and keeps the two budgets apart', () => {
    const { next } = decide({
      ...base,
      outcome: 'invalid',
      verdict: null,
      passPercent: 80,
      counters: counters({ normalAttempts: 2 }),
    });
    assert.deepEqual([next.mode, next.completion_attempts, next.normal_attempts], ['completion', 1, 2]);
  });

  it('gives a fallback fresh budgets', () => {
    const { next } = decide({
      ...base,
      counters: counters({ normalAttempts: 3, completionAttempts: 4 }),
      fallbackCount: 2,
    });
    assert.deepEqual([next.fallback_index, next.normal_attempts, next.completion_attempts], [1, 0, 0]);
  });

  it('waits as long as stated, without a floor, and costs no retry', () => {
    const verdict = { ...base.verdict!, action: 'wait' as const, waitSeconds: 7.2 };
    const { next, limit } = decide({ ...base, outcome: 'rate_limited', verdict });
    assert.equal(next.status, 'waiting');
    assert.equal(next.due_at, 1_007_200);
    assert.equal(next.normal_attempts, 0);
    // Tried a little later, by half of a twentieth of the wait.
    assert.deepEqual(limit, { until: 1_007_200, spread_ms: 180, stated: true });
  });

  it('doubles an unstated wait up to the score’s own bound', () => {
    const waits = [0, 1, 2, 10].map((rateLimitWaits) => {
      const { limit } = decide({ ...base, outcome: 'rate_limited', counters: counters({ rateLimitWaits }) });
      return ((limit?.until ?? 0) - base.now) / 1000;
    });
    assert.deepEqual(waits, [60, 120, 240, 3600]);
  });

  const known: LimitState = {
    account: 'a',
    instrument: 'a',
    key_label: null,
    until: 1_050_000,
    spread_ms: 40,
    message: 'm',
    stated: false,
    hits: 3,
    since: 999_500,
    width: null,
    checks: 0,
  };

  it('goes on with another key at once, uncounted, and else waits for the key that is free first', () => {
    const verdict = { ...base.verdict!, action: 'wait' as const, waitSeconds: 600, quota: false };
    const limited = { ...base, outcome: 'rate_limited' as const, verdict, fallbackCount: 1 };
    const free = { usable: 'second', free: 'second', until: base.now };
    const other = decide({ ...limited, maxWaits: 0, others: free });
    assert.deepEqual(
      [other.next.status, other.next.due_at, other.next.rate_limit_waits],
      ['pending', null, 0],
    );
    assert.equal(other.next.fallback_index, 0, 'a key comes before a fallback');
    assert.equal(other.limit?.until, 1_600_000, 'the first key is limited as long as it was told');
    const all = decide({ ...limited, others: { usable: 'second', free: null, until: 1_200_000 } });
    assert.deepEqual(
      [all.next.status, all.next.due_at, all.next.rate_limit_waits],
      ['waiting', 1_200_000, 1],
    );
    assert.equal(all.limit?.until, 1_600_000);
    // Credit that is spent: the other key may have some, and the first is not asked again at once.
    const spent = { ...limited, verdict: { ...verdict, waitSeconds: null, quota: true } };
    const paid = decide({ ...spent, others: free });
    assert.deepEqual(
      [paid.next.status, paid.next.fallback_index, paid.limit?.until],
      ['pending', 0, 1_060_000],
    );
    assert.equal(
      decide({ ...spent, others: { usable: null, free: null, until: null } }).next.fallback_index,
      1,
    );
  });

  it('goes on with another key at once when one was refused, uncounted and before a fallback; without one it falls back or fails', () => {
    const verdict = { ...base.verdict!, action: 'fallback' as const, category: 'auth', message: '401' };
    const refused = {
      ...base,
      outcome: 'failed' as const,
      verdict,
      fallbackCount: 1,
      mode: 'completion' as const,
    };
    const none = { usable: null, free: null, until: null };
    // One that is limited is good, too: the ledger holds the sheet until it is free.
    const { next } = decide({ ...refused, others: { usable: 'second', free: null, until: 2_000_000 } });
    assert.deepEqual(
      [next.status, next.reason?.code, next.mode, next.fallback_index, next.due_at],
      ['pending', 'another_key', 'completion', 0, null],
    );
    assert.deepEqual(
      [next.normal_attempts, next.completion_attempts],
      [base.counters.normalAttempts, base.counters.completionAttempts],
    );
    assert.match(next.reason?.message ?? '', /goes on with the key "second": 401/);
    assert.equal(decide({ ...refused, others: none }).next.fallback_index, 1);
    assert.equal(decide({ ...refused, others: none, fallbackCount: 0 }).next.status, 'failed');
    // What another key would not mend.
    const stays = { ...refused, verdict: { ...verdict, category: 'configuration' } };
    assert.equal(decide({ ...stays, others: { ...none, usable: 'second' } }).next.fallback_index, 1);
  });

  it('goes on with the window that a sibling found, and lengthens it only by a longer stated wait', () => {
    const limited = { ...base, outcome: 'rate_limited' as const, known };
    assert.equal(decide(limited).limit?.until, 1_050_000);
    const stated = (waitSeconds: number) =>
      decide({ ...limited, verdict: { ...base.verdict!, action: 'wait', waitSeconds } }).limit?.until;
    assert.equal(stated(10), 1_050_000);
    assert.equal(stated(90), 1_090_000);
    assert.equal(decide(limited).next.due_at, 1_050_000);
  });

  it('doubles by the windows of the account, not only by the waits of the sheet', () => {
    const probe = { ...base, outcome: 'rate_limited' as const, known: { ...known, until: 998_000 } };
    assert.equal(decide(probe).limit?.until, base.now + 480_000);
    const longAgo = { ...probe, known: { ...known, until: base.now - 5_000_000 } };
    assert.equal(decide(longAgo).limit?.until, base.now + 60_000);
  });

  it('counts waits for a quota apart, and leaves a spent quota for the next instrument', () => {
    const verdict = { ...base.verdict!, action: 'wait' as const, quota: true };
    const spent = { ...base, outcome: 'rate_limited' as const, verdict };
    const waits = decide({ ...spent, counters: counters({ rateLimitWaits: 24, quotaWaits: 2 }) }).next;
    assert.deepEqual([waits.status, waits.rate_limit_waits, waits.quota_waits], ['waiting', 24, 3]);
    assert.equal(decide({ ...spent, counters: counters({ quotaWaits: 48 }) }).next.status, 'failed');
    const elsewhere = decide({ ...spent, fallbackCount: 1 });
    assert.deepEqual(
      [elsewhere.next.status, elsewhere.next.fallback_index, elsewhere.limit],
      ['pending', 1, null],
    );
    // One that says when it comes back is waited for.
    const stated = { ...verdict, waitSeconds: 60 };
    assert.equal(decide({ ...spent, verdict: stated, fallbackCount: 1 }).next.status, 'waiting');
  });

  it('gives up after max_waits waits', () => {
    const { next } = decide({ ...base, outcome: 'rate_limited', counters: counters({ rateLimitWaits: 24 }) });
    assert.equal(next.status, 'failed');
    assert.match(next.reason?.message ?? '', /24 waits/);
  });

  it('stops calling it an interruption when it never ends', () => {
    const { next } = decide({
      ...base,
      outcome: 'interrupted',
      verdict: null,
      counters: counters({ interruptions: 4 }),
    });
    assert.deepEqual([next.status, next.normal_attempts, next.interruptions], ['retry_scheduled', 1, 0]);
  });
});

describe('back-off', () => {
  it('spreads by a quarter and never exceeds the cap', () => {
    const policy = { ...base.policy, jitter: true };
    assert.equal(backoffSeconds(policy, 1, 0), 7.5);
    assert.equal(backoffSeconds(policy, 2, 1), 25);
    assert.equal(backoffSeconds(policy, 20, 1), 3600);
  });
});
