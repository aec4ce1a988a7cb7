import assert from 'node:assert/strict';
import type { AttemptServices } from '../../../src/conductor/engine/attempt-services';
import { AttemptConductor } from '../../../src/conductor/engine/attempts';
import type { AttemptRunner } from '../../../src/conductor/attempts/runner';
import type { Clock } from '../../../src/conductor/clock';
import { EngineCore } from '../../../src/conductor/engine/core';
import { Dispatcher } from '../../../src/conductor/engine/dispatcher';
import { Flights } from '../../../src/conductor/engine/flight';
import { Ledger } from '../../../src/conductor/engine/ledger';
import { emptyState } from '../../../src/conductor/engine/state';
import { parseScore } from '../../../src/score/parse';
import { planOf, Story } from '../../support/fold-story';

/** No attempt begins in these tests: whatever is asked of the seam is a fault. */
function unused(): never {
  throw new Error('an attempt was begun');
}
const runner: AttemptRunner = {
  prepare: unused,
  attach: unused,
  describe: unused,
  discard: unused,
  ask: unused,
  check: unused,
  models: unused,
  close: unused,
  available: unused,
};
const services: AttemptServices = {
  changes: { enter: unused, leave: unused, isMixed: unused, record: unused },
  renderPrompt: unused,
  variables: unused,
  markFiles: unused,
  validate: unused,
  skipReason: unused,
  classify: unused,
  price: unused,
  paidBy: unused,
  secretsFor: unused,
  redacted: unused,
  attemptBase: unused,
  keepAnswer: unused,
  progress: unused,
};

describe('dispatch', () => {
  it('sets its timer for whatever was not due when it looked', () => {
    const story = new Story(planOf([[]]));
    const due = 10_000;
    const sheet = story.job.sheets[0];
    assert.ok(sheet);
    Object.assign(sheet, { status: 'retry_scheduled', due_at: due });
    const { score } = parseScore({
      path: '/s/r.yaml',
      text: 'name: r\nsheet: { size: 1, total_items: 1 }\nprompt: { template: x }\n',
    });
    assert.ok(score);
    const template = { kind: 'inline', text: 'x', path: null } as const;
    const bundles = new Map([['b', { digest: 'b', score, plan: story.plan, template }]]);
    const core = new EngineCore(story.state, emptyState(), bundles);
    // Time goes on between any two looks at the clock; the sheet becomes due between the first and the second.
    let now = due - 1;
    const timers: number[] = [];
    const clock: Clock = {
      now: () => now++,
      monotonic: () => 0,
      schedule: (ms) => {
        timers.push(ms);
        return () => undefined;
      },
    };
    const flights = new Flights();
    const ledger = new Ledger(core, flights, (_, { profile }) => profile, 1);
    const hooks = { changed: () => undefined, report: () => undefined };
    const attempts = new AttemptConductor(core, flights, runner, services, clock, () => 0, hooks, ledger);
    const limits = { maxConcurrentJobs: 1, maxConcurrentSheets: 1, perInstrument: () => 1 };
    new Dispatcher(core, flights, attempts, clock, limits, () => null, ledger).start();
    assert.deepEqual(timers, [1]);
  });
});
