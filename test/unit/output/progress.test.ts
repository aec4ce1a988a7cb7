import assert from 'node:assert/strict';
import { ProgressMeter, plainLine, type OutputProgress } from '../../../src/conductor/output/progress';

class ManualClock {
  time = 1000;
  #pending: { at: number; call: () => void }[] = [];
  now = () => this.time;
  after = (milliseconds: number, call: () => void) => {
    const entry = { at: this.time + milliseconds, call };
    this.#pending.push(entry);
    return () => {
      this.#pending = this.#pending.filter((other) => other !== entry);
    };
  };
  advance(milliseconds: number) {
    this.time += milliseconds;
    const due = this.#pending.filter(({ at }) => at <= this.time);
    this.#pending = this.#pending.filter(({ at }) => at > this.time);
    for (const { call } of due) call();
  }
}

describe('output progress', () => {
  const setUp = (words: ((line: string) => string | null) | null = null) => {
    const reports: OutputProgress[] = [];
    const clock = new ManualClock();
    return { reports, clock, meter: new ProgressMeter((progress) => reports.push(progress), words, clock) };
  };

  it('tells events in words, whole ones only, and keeps the last that says something', () => {
    const { meter } = setUp((line) => (line.startsWith('{"say":') ? line.slice(7, -1) : null));
    meter.add('stdout', 1, `{"say":${'long '.repeat(100)}end}\n{"other":1}\n{"say":not yet`);
    assert.match(meter.current().lastLine, /^long long .*…$/);
    meter.add('stdout', 1, ' but now}\n');
    assert.equal(meter.current().lastLine, 'not yet but now');
    meter.add('stdout', 1, `{"say":${'x'.repeat(300_000)}}\n`);
    assert.equal(meter.current().lastLine, 'not yet but now');
  });

  it('counts bytes and lines and keeps the last line that says something', () => {
    const { meter } = setUp();
    meter.add('stdout', 20, 'one\ntwo\n\n  \nthr');
    assert.deepEqual(meter.current(), { bytes: 20, lines: 4, lastLine: 'thr' });
    meter.add('stderr', 4, 'err\n');
    assert.equal(meter.current().lastLine, 'err');
    meter.add('stdout', 3, 'ee\n');
    assert.deepEqual(meter.current(), { bytes: 27, lines: 6, lastLine: 'three' });
    meter.add('stdout', 2, '\n\n');
    assert.equal(meter.current().lastLine, 'three');
  });

  it('strips terminal sequences, shows the last state of a bar, and at most 200 characters', () => {
    const { meter } = setUp();
    meter.add(
      'stdout',
      1,
      '\u001b[32m\u001b[1mgreen\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u001b\\\n',
    );
    assert.equal(meter.current().lastLine, 'green link');
    meter.add('stdout', 1, '10%\r20%\r30%\r\n');
    assert.equal(meter.current().lastLine, '30%');
    meter.add('stdout', 1, 'x'.repeat(5000));
    assert.equal(meter.current().lastLine, 'x'.repeat(199) + '…');
    assert.equal(plainLine('\u001b[2K\u0000\u009b \t'), '');
  });

  it('reports at once, then at most every 250 ms, always the latest', () => {
    const { meter, clock, reports } = setUp();
    meter.add('stdout', 1, 'a');
    for (let i = 0; i < 100; i++) {
      clock.advance(10);
      meter.add('stdout', 1, 'a');
    }
    assert.deepEqual(
      reports.map(({ bytes }) => bytes),
      [1, 25, 50, 75, 100],
    );
    assert.equal(reports.length, 5);
    clock.advance(250);
    assert.equal(reports.at(-1)?.bytes, 101);
    meter.close();
    assert.equal(reports.length, 6);
  });

  it('reports what is outstanding when closed', () => {
    const { meter, clock, reports } = setUp();
    meter.add('stdout', 1, 'a');
    meter.add('stdout', 1, 'b');
    meter.close();
    assert.deepEqual(reports.at(-1), { bytes: 2, lines: 0, lastLine: 'ab' });
    clock.advance(1000);
    assert.equal(reports.length, 2);
  });
});
