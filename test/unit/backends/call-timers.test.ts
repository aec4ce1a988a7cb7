import assert from 'node:assert/strict';
import { CallTimers, type CallLimits, type TimedOut } from '../../../src/backends/http/call-timers';

/** Time that passes when a test says so. */
class FakeClock {
  private time = 1_000_000;
  private timers: { readonly at: number; readonly fire: () => void }[] = [];

  now(): number {
    return this.time;
  }

  schedule(milliseconds: number, fire: () => void): () => void {
    const timer = { at: this.time + milliseconds, fire };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  pass(seconds: number): void {
    const end = this.time + seconds * 1000;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((other) => other !== next);
      this.time = next.at;
      next.fire();
    }
    this.time = end;
  }
}

describe('timers of a call', () => {
  const begin = (limits: Partial<CallLimits> = {}) => {
    const clock = new FakeClock();
    const ended: TimedOut[] = [];
    const timers = new CallTimers(
      clock,
      clock.now(),
      { totalSeconds: 1000, firstOutputSeconds: 60, idleSeconds: 30, ...limits },
      (which) => ended.push(which),
    );
    return { clock, ended, timers };
  };

  it('ends a server that says nothing, also one that only keeps the line open', () => {
    const silent = begin();
    silent.timers.sent();
    silent.clock.pass(59);
    assert.deepEqual(silent.ended, []);
    silent.clock.pass(1);
    assert.deepEqual(silent.ended, ['first_output']);
    const pinging = begin();
    pinging.timers.sent();
    for (let second = 0; second < 59; second += 1) {
      pinging.clock.pass(1);
      pinging.timers.received();
    }
    assert.deepEqual(pinging.ended, []);
    pinging.clock.pass(1);
    assert.deepEqual(pinging.ended, ['first_output'], 'no word was said');
  });

  it('restarts idle with every piece, however small, and tells it once', () => {
    const { clock, ended, timers } = begin();
    timers.sent();
    timers.received();
    timers.content();
    for (let piece = 0; piece < 20; piece += 1) {
      clock.pass(29);
      timers.received();
    }
    assert.deepEqual(ended, []);
    clock.pass(500);
    assert.deepEqual(ended, ['idle']);
  });

  it('lets a tool take its time, and asks the next answer to begin in time', () => {
    const { clock, ended, timers } = begin();
    timers.sent();
    timers.received();
    timers.content();
    timers.ended();
    clock.pass(300);
    assert.deepEqual(ended, [], 'a tool was running');
    timers.sent();
    clock.pass(59);
    assert.deepEqual(ended, []);
    clock.pass(1);
    assert.deepEqual(ended, ['first_output']);
  });

  it('covers the whole call with the total limit, whatever comes', () => {
    const { clock, ended, timers } = begin({ totalSeconds: 100 });
    timers.sent();
    for (let second = 0; second < 99; second += 1) {
      clock.pass(1);
      timers.received();
      timers.content();
    }
    assert.deepEqual(ended, []);
    clock.pass(1);
    assert.deepEqual(ended, ['total']);
  });

  it('is silent when a limit is off, and after its end', () => {
    const off = begin({ firstOutputSeconds: null, idleSeconds: null });
    off.timers.sent();
    off.clock.pass(999);
    assert.deepEqual(off.ended, []);
    const stopped = begin();
    stopped.timers.sent();
    stopped.timers.stop();
    stopped.clock.pass(5000);
    assert.deepEqual(stopped.ended, []);
  });
});
