import assert from 'node:assert/strict';
import { AttemptTimers, type TimeLimit } from '../../../src/conductor/attempts/attempt-timers';
import type { Clock } from '../../../src/conductor/clock';

/** A wall clock and a clock that nobody sets, which a test moves apart; timers go by the latter, as the runtime's do. */
class TwoClocks implements Clock {
  wall = 1_000_000_000;
  private steady = 0;
  private timer: { at: number; fire: () => void } | null = null;

  now = () => this.wall;
  monotonic = () => this.steady;

  schedule(ms: number, fire: () => void): () => void {
    const timer = { at: this.steady + ms, fire };
    this.timer = timer;
    return () => {
      if (this.timer === timer) this.timer = null;
    };
  }

  pass(seconds: number): void {
    const until = this.steady + seconds * 1000;
    this.wall += seconds * 1000;
    while (this.timer !== null && this.timer.at <= until) {
      const { at, fire } = this.timer;
      this.timer = null;
      this.steady = at;
      fire();
    }
    this.steady = until;
  }
}

function timed(
  clock: TwoClocks,
  limits: { total?: number; first?: number; idle?: number },
  startedAt = clock.wall,
): { timers: AttemptTimers; reached: TimeLimit[] } {
  const reached: TimeLimit[] = [];
  const timers = new AttemptTimers(
    {
      totalSeconds: limits.total ?? 1000,
      firstOutputSeconds: limits.first ?? null,
      idleSeconds: limits.idle ?? null,
    },
    startedAt,
    clock,
    (limit) => reached.push(limit),
  );
  timers.start();
  return { timers, reached };
}

describe('time limits of an attempt', () => {
  it('do not end it because the clock was set forward or the machine slept', () => {
    const clock = new TwoClocks();
    const { timers, reached } = timed(clock, { total: 100, idle: 50, first: 60 });
    clock.wall += 86_400_000;
    clock.pass(40);
    timers.output();
    clock.pass(49);
    assert.deepEqual(reached, []);
    assert.equal(timers.elapsedSeconds, 89);
    clock.pass(1.5);
    assert.deepEqual(reached, ['idle_timeout']);
  });

  it('do not give it more time because the clock was set back', () => {
    const clock = new TwoClocks();
    const { reached } = timed(clock, { total: 100 });
    clock.wall -= 86_400_000;
    clock.pass(99);
    assert.deepEqual(reached, []);
    clock.pass(1);
    assert.deepEqual(reached, ['total_timeout']);
  });

  it('count what went by before a restart, but nothing when the clock now says that it has not begun', () => {
    const clock = new TwoClocks();
    const adopted = timed(clock, { total: 100 }, clock.wall - 90_000);
    clock.pass(9);
    assert.deepEqual(adopted.reached, []);
    clock.pass(1);
    assert.deepEqual(adopted.reached, ['total_timeout']);
    const early = timed(clock, { total: 100 }, clock.wall + 3_600_000);
    clock.pass(100);
    assert.deepEqual(early.reached, ['total_timeout']);
  });

  it('tell the first that is reached, once, and nothing after a stop', () => {
    const clock = new TwoClocks();
    const first = timed(clock, { total: 100, idle: 50, first: 10 });
    clock.pass(500);
    assert.deepEqual(first.reached, ['first_output_timeout']);
    const idle = timed(clock, { total: 100, idle: 50, first: 10 });
    clock.pass(5);
    idle.timers.output();
    clock.pass(500);
    assert.deepEqual(idle.reached, ['idle_timeout']);
    const stopped = timed(clock, { total: 1 });
    stopped.timers.stop();
    clock.pass(500);
    assert.deepEqual(stopped.reached, []);
  });
});
