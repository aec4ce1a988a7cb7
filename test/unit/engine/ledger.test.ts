import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionResult } from '../../../src/backends/result';
import { Accounts, accountSalt } from '../../../src/conductor/accounts';
import { EngineCore } from '../../../src/conductor/engine/core';
import type { KeyOffer } from '../../../src/conductor/engine/key-choice';
import { Flights } from '../../../src/conductor/engine/flight';
import { Ledger, type OtherKeys } from '../../../src/conductor/engine/ledger';
import { emptyState, type AttemptState } from '../../../src/conductor/engine/state';
import type { RecordDraft } from '../../../src/conductor/records';
import { builtIn } from '../../support/backends-runner';
import { failedResult } from '../../support/failed-result';
import { planOf, Story } from '../../support/fold-story';

const good = failedResult({ success: true });

/** A ledger over one account "cli" with records applied as they are decided. */
function setUp(widest = 25) {
  const story = new Story(planOf([[], []]));
  const core = new EngineCore(story.state, emptyState(), new Map());
  const flights = new Flights();
  const ledger = new Ledger(core, flights, (_, { profile }) => profile, widest);
  const instrument = story.plan.sheets[0]?.instrument;
  assert.ok(instrument);
  const end = (
    startedAt: number,
    what: ExecutionResult,
    until: number | null,
    now: number,
  ): RecordDraft[] => {
    const limited = until === null ? null : { until, spread_ms: 0, stated: true, message: 'slow down' };
    const attempt = { account: 'cli', instrument: 'cli', started_at: startedAt };
    const drafts = ledger.ended(attempt, what, limited, now);
    for (const draft of drafts) story.apply(draft);
    return drafts;
  };
  return {
    ledger,
    flights,
    end,
    limit: () => ledger.limitOf('cli'),
    holds: (now: number) => ledger.holds(story.job, instrument, now)?.kind ?? null,
  };
}

describe('keys that take turns', () => {
  const key = (label: string) => ({
    label,
    account: `cli#${label}`,
    variable: 'K',
    value: `value of ${label}`,
  });
  const left = ({ free, until }: OtherKeys) => ({ free, until });
  function ringOf(rotation: KeyOffer['rotation'], keys = [key('a'), key('b'), key('c')]) {
    const story = new Story(planOf([[]]));
    const flights = new Flights();
    const offer = { current: { rotation, keys, problems: [] as string[] } };
    const told: string[] = [];
    const core = new EngineCore(story.state, emptyState(), new Map());
    const ledger = new Ledger(
      core,
      flights,
      () => 'cli',
      25,
      () => offer.current,
      ({ label }) => told.push(label),
    );
    const instrument = story.plan.sheets[0]?.instrument;
    assert.ok(instrument);
    const { job } = story;
    return {
      ledger,
      offer,
      flights,
      told,
      job,
      instrument,
      take: (now: number) => ledger.take(job, instrument, now).key?.label,
      holds: (now: number) => ledger.holds(job, instrument, now),
      others: (account: string, now: number) => ledger.others(job, instrument, account, now),
      keyOf: (account: string) => ledger.keyOf(job, instrument, account)?.value,
      limit: (label: string, until: number, now: number) => {
        const attempt = { account: `cli#${label}`, instrument: 'cli', started_at: now - 1, key_label: label };
        const limited = { until, spread_ms: 0, stated: true, message: 'slow down' };
        for (const draft of ledger.ended(attempt, failedResult({ errorType: 'rate_limit' }), limited, now))
          story.apply(draft);
      },
      refuse: (label: string, now: number) => {
        const attempt = { account: `cli#${label}`, instrument: 'cli', started_at: now - 1, key_label: label };
        const refused = failedResult({ errorType: 'authentication', errorMessage: '401' });
        assert.deepEqual(ledger.ended(attempt, refused, null, now), [], 'nothing of it is journalled');
      },
      succeed: (label: string, startedAt: number, now: number) => {
        const attempt = { account: `cli#${label}`, instrument: 'cli', started_at: startedAt };
        for (const draft of ledger.ended(attempt, good, null, now)) story.apply(draft);
      },
    };
  }

  it('stays with one key until it is limited, then takes the one whose limit is longest ago', () => {
    const ring = ringOf('least-recently-rate-limited');
    assert.deepEqual([ring.take(1), ring.take(2)], ['a', 'a']);
    ring.limit('a', 1000, 10);
    assert.deepEqual(left(ring.others('cli#a', 11)), { free: 'b', until: 11 });
    assert.equal(ring.take(12), 'b');
    ring.limit('b', 900, 20);
    assert.equal(ring.take(21), 'c');
    ring.limit('c', 800, 30);
    assert.deepEqual(left(ring.others('cli#c', 31)), { free: null, until: 900 });
    const hold = ring.holds(32);
    assert.deepEqual([hold?.kind, hold?.limit?.until, hold?.limit?.key_label], ['limited', 800, 'c']);
    // Over for all: the least recently limited is tried first, alone; its success counts.
    assert.equal(ring.take(2000), 'a');
    ring.succeed('a', 2000, 2001);
    ring.succeed('c', 2000, 2001);
    ring.limit('a', 3000, 2100);
    assert.equal(ring.take(2200), 'b', 'limited at 20, c at 30, a at 2100');
  });

  it('lets one sheet probe a key while others go on with the rest', () => {
    const ring = ringOf('least-recently-rate-limited', [key('a'), key('b')]);
    ring.limit('a', 50, 10);
    ring.limit('b', 60, 20);
    assert.equal(ring.take(100), 'a');
    ring.flights.enter('r', 1, 'cli:', 'cli#a', true);
    assert.equal(ring.take(101), 'b');
    ring.flights.enter('r', 2, 'cli:', 'cli#b', true);
    assert.equal(ring.holds(102)?.kind, 'probing');
  });

  it('goes round, and passes over what is limited', () => {
    const ring = ringOf('round-robin');
    assert.deepEqual([1, 2, 3, 4].map(ring.take), ['a', 'b', 'c', 'a']);
    ring.limit('b', 1000, 5);
    assert.deepEqual([6, 7, 8].map(ring.take), ['c', 'a', 'c']);
  });

  it('sets aside what the vendor refuses, tells it once, and tries it again after an hour or when a person acts', () => {
    const ring = ringOf('round-robin');
    const hour = 60 * 60_000;
    assert.equal(ring.take(1), 'a');
    ring.refuse('a', 2);
    ring.refuse('a', 3);
    assert.deepEqual(ring.told, ['a'], 'two attempts had it');
    assert.deepEqual([4, 5, 6].map(ring.take), ['b', 'c', 'b'], 'and the turns go on');
    const others = ring.others('cli#b', 7);
    assert.deepEqual([others.usable, others.refused], ['c', ['a']]);
    ring.succeed('a', 1, 8);
    assert.notEqual(ring.take(9), 'a', 'what began before it was refused says nothing');
    assert.ok([hour + 3, hour + 4, hour + 5].map(ring.take).includes('a'));
    ring.refuse('a', hour + 6);
    ring.ledger.retryRefused('another');
    assert.ok(![1, 2, 3].map((n) => ring.take(hour + 6 + n)).includes('a'));
    ring.ledger.retryRefused('cli');
    assert.ok([4, 5, 6].map((n) => ring.take(hour + 6 + n)).includes('a'));
    assert.deepEqual(ring.told, ['a', 'a']);
  });

  it('asks another refused key each time when all are refused, and believes one that is taken', () => {
    const ring = ringOf('least-recently-rate-limited');
    for (const [i, label] of ['b', 'c', 'a'].entries()) ring.refuse(label, i + 1);
    const { usable, free, until, refused } = ring.others('cli#a', 5);
    assert.deepEqual([usable, free, until, refused], [null, null, null, ['b', 'c']]);
    assert.equal(ring.take(6), 'b');
    ring.refuse('b', 7);
    assert.equal(ring.take(8), 'c');
    ring.succeed('c', 8, 9);
    assert.deepEqual([10, 11].map(ring.take), ['c', 'c']);
    assert.equal(ring.others('cli#a', 12).usable, 'c');
  });

  it('does not wait for the limit of a key that is refused', () => {
    const ring = ringOf('round-robin');
    ring.limit('a', 1000, 10);
    ring.refuse('b', 20);
    ring.limit('c', 2000, 30);
    assert.deepEqual(left(ring.others('cli#c', 31)), { free: null, until: 1000 });
    assert.equal(ring.others('cli#b', 31).usable, 'a', 'a limited key is a good one');
    const hold = ring.holds(40);
    assert.deepEqual([hold?.kind, hold?.limit?.until], ['limited', 1000]);
  });

  it('lets a sheet go round the keys once, whatever is forgotten meanwhile', () => {
    const ring = ringOf('round-robin');
    const attempt = (account: string, next: 'pending' | 'failed') =>
      ({ account, ended_at: 1, error_type: 'authentication', next_status: next }) as AttemptState;
    const attempts = [attempt('cli#c', 'failed'), attempt('cli#a', 'pending')];
    const others = ring.ledger.others(ring.job, ring.instrument, 'cli#b', 5, { attempts });
    assert.deepEqual([others.usable, others.refused], ['c', ['a']], 'the round before a resume is over');
  });

  it('looks at the keys anew at each instant, and says what is wrong when there is none', () => {
    const ring = ringOf('round-robin');
    assert.equal(ring.keyOf('cli#b'), 'value of b');
    ring.offer.current = {
      ...ring.offer.current,
      keys: [],
      problems: ['a: /k is empty. Put the key into it.'],
    };
    assert.deepEqual(ring.holds(2)?.problems, ['a: /k is empty. Put the key into it.']);
    assert.equal(ring.take(2), undefined);
    assert.equal(ring.keyOf('cli#b'), undefined);
  });
});

describe('the ledger of rate limits', () => {
  it('holds everybody until the end, then all but one until that one has an answer', () => {
    const { flights, end, holds, limit } = setUp();
    assert.equal(holds(0), null);
    end(0, failedResult({ errorType: 'rate_limit' }), 1000, 100);
    assert.equal(holds(999), 'limited');
    assert.equal(holds(1000), null, 'the probe may go');
    const probe = flights.enter('r', 1, 'cli:', 'cli', true);
    assert.equal(holds(1001), 'probing');
    flights.leave(probe);
    end(1000, good, null, 1500);
    assert.equal(limit(), null);
    assert.equal(holds(1501), null);
  });

  it('takes several attempts that met one limit for one hit, and the longest of their waits', () => {
    const { end, limit } = setUp();
    end(0, failedResult({}), 1000, 100);
    end(10, failedResult({}), 1200, 120);
    assert.deepEqual([limit()?.hits, limit()?.until, limit()?.since], [1, 1200, 100]);
    // The probe meets it again: a second window.
    end(1200, failedResult({}), 3000, 1300);
    assert.deepEqual([limit()?.hits, limit()?.since], [2, 1300]);
  });

  it('is not fooled by what began before the limit', () => {
    const { end, limit } = setUp();
    end(0, failedResult({}), 1000, 100);
    assert.deepEqual(end(50, good, null, 900), []);
    assert.deepEqual(end(50, good, null, 1100), [], 'also when it ends after it');
    assert.notEqual(limit(), null);
  });

  it('opens a new window after a probe without an answer, and ends it with any other answer', () => {
    const { end, limit, holds } = setUp();
    end(0, failedResult({}), 1000, 100);
    end(1000, failedResult({ errorType: 'network' }), null, 1500);
    assert.equal(limit()?.until, 61_500);
    assert.equal(limit()?.hits, 1);
    assert.equal(holds(2000), 'limited');
    // The next conductor took it up: neither yes nor no.
    assert.deepEqual(end(61_500, failedResult({ errorType: 'interrupted' }), null, 62_000), []);
    end(62_000, failedResult({ errorType: 'nonzero_exit' }), null, 62_500);
    assert.equal(limit(), null);
  });

  it('halves how many may fly when a limit begins, and adds one with each success', () => {
    const { flights, end, holds } = setUp(8);
    for (let sheet = 1; sheet <= 6; sheet += 1) flights.enter('r', sheet, 'cli:', 'cli', false);
    end(0, failedResult({}), 1000, 100);
    end(1000, good, null, 1500);
    // Six fly: three were allowed, four after the success of the probe.
    assert.equal(holds(1600), 'narrowed');
    for (const now of [1700, 1800]) end(1500, good, null, now);
    assert.equal(holds(1900), 'narrowed', 'six of six');
    end(1500, good, null, 2000);
    assert.equal(holds(2100), null, 'seven is the bound of all: no bound any more');
  });

  it('asks again when a check finds the instrument unusable, and lets the probe tell after three', () => {
    const { ledger, end, limit } = setUp();
    end(0, failedResult({}), 1000, 100);
    const story: (number | null)[] = [];
    for (let now = 1000, round = 0; round < 4; round += 1, now += 30_000) {
      const draft = ledger.unusable('cli', 'no route', now);
      story.push(draft?.type === 'limit.set' ? draft.body.until : null);
      const known = limit();
      if (draft?.type === 'limit.set' && known) Object.assign(known, draft.body);
    }
    assert.deepEqual(story, [31_000, 61_000, 91_000, null]);
    assert.match(limit()?.message ?? '', /no route/);
  });
});

describe('accounts', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'mzt-accounts-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps one private salt, and makes it again when it is torn', () => {
    const path = join(folder, 'salt');
    const salt = accountSalt(path);
    assert.deepEqual(accountSalt(path), salt);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 7));
    assert.notDeepEqual(accountSalt(path), salt);
    assert.deepEqual(accountSalt(path), accountSalt(path));
  });

  it('tells keys, logins and vendors apart without telling the key', async () => {
    const profile = await builtIn('claude-code');
    const accounts = new Accounts(Buffer.alloc(16, 7));
    const of = (secrets: Record<string, string>, env: Record<string, string> = {}) =>
      accounts.of(profile, null, { secrets, env });
    assert.equal(of({}), 'claude-code');
    assert.match(of({ ANTHROPIC_API_KEY: 'sk-1' }), /^claude-code#[0-9a-f]{8}$/);
    const all = [
      of({}),
      of({ ANTHROPIC_API_KEY: 'sk-1' }),
      of({ ANTHROPIC_API_KEY: 'sk-2' }),
      of({}, { CLAUDE_CONFIG_DIR: '/home/me/second-login' }),
      of({}, { ANTHROPIC_BASE_URL: 'http://127.0.0.1:1' }),
    ];
    assert.equal(new Set(all).size, all.length);
    // Neither other variables nor other instruments' keys make another account.
    assert.equal(of({ OPENAI_API_KEY: 'x' }, { PATH: '/bin', ANTHROPIC_MODEL: 'm' }), 'claude-code');
    assert.notEqual(
      of({ ANTHROPIC_API_KEY: 'sk-1' }),
      new Accounts(Buffer.alloc(16, 8)).of(profile, null, {
        secrets: { ANTHROPIC_API_KEY: 'sk-1' },
        env: {},
      }),
    );
  });
});
