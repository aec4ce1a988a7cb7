import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { executionResult, type ExecutionResult } from '../../../src/backends/result';
import { Accounts, accountSalt } from '../../../src/conductor/accounts';
import { EngineCore } from '../../../src/conductor/engine/core';
import { Flights } from '../../../src/conductor/engine/flight';
import { Ledger } from '../../../src/conductor/engine/ledger';
import { emptyState } from '../../../src/conductor/engine/state';
import type { RecordDraft } from '../../../src/conductor/records';
import { builtIn } from '../../support/backends-runner';
import { planOf, Story } from '../../support/fold-story';

function result(facts: Partial<ExecutionResult>): ExecutionResult {
  return executionResult({
    success: false,
    stdout: '',
    stderr: '',
    durationSeconds: 1,
    startedAt: new Date(0),
    ...facts,
  });
}
const good = result({ success: true });

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

describe('the ledger of rate limits', () => {
  it('holds everybody until the end, then all but one until that one has an answer', () => {
    const { flights, end, holds, limit } = setUp();
    assert.equal(holds(0), null);
    end(0, result({ errorType: 'rate_limit' }), 1000, 100);
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
    end(0, result({}), 1000, 100);
    end(10, result({}), 1200, 120);
    assert.deepEqual([limit()?.hits, limit()?.until, limit()?.since], [1, 1200, 100]);
    // The probe meets it again: a second window.
    end(1200, result({}), 3000, 1300);
    assert.deepEqual([limit()?.hits, limit()?.since], [2, 1300]);
  });

  it('is not fooled by what began before the limit', () => {
    const { end, limit } = setUp();
    end(0, result({}), 1000, 100);
    assert.deepEqual(end(50, good, null, 900), []);
    assert.deepEqual(end(50, good, null, 1100), [], 'also when it ends after it');
    assert.notEqual(limit(), null);
  });

  it('opens a new window after a probe without an answer, and ends it with any other answer', () => {
    const { end, limit, holds } = setUp();
    end(0, result({}), 1000, 100);
    end(1000, result({ errorType: 'network' }), null, 1500);
    assert.equal(limit()?.until, 61_500);
    assert.equal(limit()?.hits, 1);
    assert.equal(holds(2000), 'limited');
    // The next conductor took it up: neither yes nor no.
    assert.deepEqual(end(61_500, result({ errorType: 'interrupted' }), null, 62_000), []);
    end(62_000, result({ errorType: 'nonzero_exit' }), null, 62_500);
    assert.equal(limit(), null);
  });

  it('halves how many may fly when a limit begins, and adds one with each success', () => {
    const { flights, end, holds } = setUp(8);
    for (let sheet = 1; sheet <= 6; sheet += 1) flights.enter('r', sheet, 'cli:', 'cli', false);
    end(0, result({}), 1000, 100);
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
    end(0, result({}), 1000, 100);
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
