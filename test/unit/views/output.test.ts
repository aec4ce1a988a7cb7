import assert from 'node:assert/strict';
import { JobSubmissionError } from '../../../src/protocol/errors';
import type { AttemptDetail, LogPage } from '../../../src/protocol/job-methods';
import { LineCutter, plainLine } from '../../../src/views/output/ansi';
import { AttemptQueue, nextSheets } from '../../../src/views/output/attempt-queue';
import { attemptText, sectionsOf } from '../../../src/views/output/attempt-text';
import { LogTail } from '../../../src/views/output/log-tail';
import type { Stream } from '../../../src/views/output/log-tail';
import { attempt, sheet } from './kit';

describe('terminal output as plain text', () => {
  it('loses colours, titles and overwritten lines', () => {
    assert.equal(plainLine('\u001b[1;31mred\u001b[0m and \u001b]0;title\u0007plain'), 'red and plain');
    assert.equal(plainLine('10%\r50%\r100%'), '100%');
    assert.equal(plainLine('line\r'), 'line');
  });

  it('comes in whole lines; half an escape is never shown', () => {
    const cutter = new LineCutter();
    assert.equal(cutter.push('one\ntw'), 'one\n');
    assert.equal(cutter.push('o\nthree \u001b[3'), 'two\n');
    assert.equal(cutter.flush(), 'three ');
    assert.equal(cutter.push('1mred\n'), 'red\n');
  });
});

describe('a line that does not end', () => {
  it('is shown in pieces, and no more than a piece is kept', () => {
    const cutter = new LineCutter();
    let shown = '';
    for (let part = 0; part < 100; part += 1) {
      shown += cutter.push('x'.repeat(10_000));
      assert.ok(cutter.held <= 16 * 1024);
    }
    shown += cutter.push('\n');
    assert.equal(shown, `${'x'.repeat(1_000_000)}\n`);
  });

  it('loses no escape at the border of two pieces or chunks, wherever that lies', () => {
    const text =
      'a\u001b[38;5;196mred\u001b[0m\u001b]8;;http://x\u001b\\link\u001b]8;;\u0007\u001b(Bz\r\nnext\n';
    for (let border = 0; border <= text.length; border += 1) {
      const cutter = new LineCutter();
      const shown = cutter.push(text.slice(0, border)) + cutter.flush() + cutter.push(text.slice(border));
      assert.equal(shown, 'aredlinkz\nnext\n', `border ${border}`);
    }
  });

  it('as a progress bar, is shown now and then, each time in a line of its own', () => {
    const cutter = new LineCutter();
    let shown = cutter.push('get it\n10%\r20%') + cutter.flush();
    shown += cutter.push('\r30%\r40%') + cutter.flush();
    shown += cutter.push('\r') + cutter.flush();
    shown += cutter.push('100%\ndone\r\n');
    assert.equal(shown, 'get it\n20%\n40%\n100%\ndone\n');
    let held = 0;
    for (let step = 0; step < 20_000; step += 1) {
      assert.equal(cutter.push(`\r${step} of 20000`), '');
      held = Math.max(held, cutter.held);
    }
    assert.ok(held < 20_000, String(held));
    assert.equal(cutter.push('\n'), '19999 of 20000\n');
  });

  it('keeps back no more than a line that a person would read', () => {
    const cutter = new LineCutter();
    for (let step = 0; step < 20_000; step += 1) assert.equal(cutter.push(`\r${step} of 20000 files`), '');
    assert.ok(cutter.held < 100_000, String(cutter.held));
    assert.equal(cutter.push('\n'), '19999 of 20000 files\n');
    let shown = '';
    for (let step = 0; step < 20; step += 1) shown += cutter.push('x'.repeat(10_000));
    shown += cutter.push('\n');
    assert.equal(shown, `${'x'.repeat(200_000)}\n`);
  });
});

/** Two log files, and a conductor that may be away. */
class Logs {
  text: Record<Stream, string> = { stdout: '', stderr: '' };
  running = true;
  away = false;
  deleted = false;
  reads = 0;

  read = (
    stream: Stream,
    from: { offset: number } | { tailBytes: number },
    maxBytes: number,
  ): Promise<LogPage> => {
    this.reads += 1;
    if (this.away) return Promise.reject(new Error('no conductor'));
    if (this.deleted) return Promise.reject(new JobSubmissionError('no job a'));
    const bytes = Buffer.from(this.text[stream]);
    const offset = 'offset' in from ? from.offset : Math.max(0, bytes.length - from.tailBytes);
    const data = bytes.subarray(offset, offset + maxBytes);
    const next = Math.min(bytes.length, offset + data.length);
    return Promise.resolve({
      path: `/logs/${stream}`,
      offset,
      next_offset: next,
      size: bytes.length,
      data: data.toString(),
      eof: next >= bytes.length,
      running: this.running,
    });
  };
}

/** Pauses that end when the test says so. */
class Clock {
  private waiting: (() => void)[] = [];

  pause = (_milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) resolve();
      else {
        this.waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      }
    });

  /** Lets the follower run until it waits, then ends its pause; so often. */
  async turn(times = 1): Promise<void> {
    for (let count = 0; count < times; count += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const resolve of this.waiting.splice(0)) resolve();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function follow(logs: Logs, limit = 1024 * 1024) {
  const clock = new Clock();
  let shown = '';
  let restarts = 0;
  const tail = new LogTail({
    read: logs.read,
    write: (text) => (shown += text),
    restart: (text) => {
      shown = text;
      restarts += 1;
    },
    limit,
    pause: clock.pause,
  });
  return { tail, clock, shown: () => shown, restarts: () => restarts };
}

describe('following a log', () => {
  it('shows everything once, over a conductor that is away for a while', async () => {
    const logs = new Logs();
    const { tail, clock, shown } = follow(logs);
    const expected: string[] = [];
    for (let line = 0; line < 200; line += 1) {
      logs.away = line % 7 === 3;
      const text = `line ${line} é\n`;
      expected.push(text);
      logs.text.stdout += text;
      await clock.turn();
    }
    logs.away = false;
    logs.running = false;
    await clock.turn(4);
    await tail.done;
    assert.equal(shown(), expected.join(''));
  });

  it('marks the lines of the error stream', async () => {
    const logs = new Logs();
    logs.text = { stdout: 'out\n', stderr: 'bad\nworse\n' };
    logs.running = false;
    const { tail, clock, shown } = follow(logs);
    await clock.turn(3);
    await tail.done;
    assert.equal(shown(), 'out\n! bad\n! worse\n');
  });

  it('shows a last line without a line end', async () => {
    const logs = new Logs();
    logs.text.stdout = 'one\ntwo';
    logs.running = false;
    const { tail, clock, shown } = follow(logs);
    await clock.turn(3);
    await tail.done;
    assert.equal(shown(), 'one\ntwo\n');
  });

  it('shows the end of a large log, and says where all of it is', async () => {
    const logs = new Logs();
    logs.text.stdout = Array.from({ length: 100_000 }, (_, line) => `line ${line}\n`).join('');
    logs.running = false;
    const { tail, clock, shown } = follow(logs, 200_000);
    await clock.turn(20);
    await tail.done;
    assert.match(shown(), /bytes before this; the whole log: \/logs\/stdout/);
    assert.ok(shown().endsWith('line 99999\n'));
    assert.ok(shown().length < 200_000);
    assert.ok(logs.reads < 20, String(logs.reads));
  });

  it('stays within its limit in a flood, and ends with its last line', async () => {
    const logs = new Logs();
    const { tail, clock, shown } = follow(logs, 300_000);
    for (let block = 0; block < 30; block += 1) {
      logs.text.stdout += `${'x'.repeat(99)}\n`.repeat(4_000);
      await clock.turn();
      assert.ok(shown().length <= 320_000, String(shown().length));
    }
    logs.text.stdout += 'the end\n';
    logs.running = false;
    await clock.turn(30);
    await tail.done;
    assert.ok(shown().endsWith('the end\n'));
  });

  it('begins anew when the file became shorter', async () => {
    const logs = new Logs();
    logs.text.stdout = 'before\n';
    const { tail, clock, shown } = follow(logs);
    await clock.turn(2);
    logs.text.stdout = 'new\n';
    await clock.turn(3);
    logs.running = false;
    await clock.turn(4);
    await tail.done;
    assert.match(shown(), /^before\n.*begins anew.*\nnew\n$/s);
  });

  it('ends with a log whose last character is not whole', async () => {
    const logs = new Logs();
    logs.text.stdout = 'all but';
    logs.running = false;
    const { read } = logs;
    logs.read = async (...given) => ({ ...(await read(...given)), size: 9, eof: false });
    const cut = follow(logs);
    await cut.clock.turn(4);
    await cut.tail.done;
    assert.equal(cut.shown(), 'all but\n');
  });

  it('ends when it is stopped', async () => {
    const { tail, clock } = follow(new Logs());
    await clock.turn();
    tail.stop();
    await clock.turn();
    await tail.done;
  });
});

describe('a channel', () => {
  const running = (num: number, started: number) =>
    sheet(num, { status: 'in_progress', attempts: [attempt(1, { startedAt: started })] });
  const over = (num: number, started: number) =>
    sheet(num, { status: 'completed', attempts: [attempt(1, { startedAt: started })] });

  it('shows the last words of a sheet before it goes on to the next', async () => {
    const clock = new Clock();
    const logs = [new Logs(), new Logs(), new Logs()];
    let shown = '';
    const queue = new AttemptQueue<number>((num) => {
      shown += `-- ${num}\n`;
      const limit = 1_000_000;
      const write = (text: string) => (shown += text);
      const read = (logs[num - 1] ?? new Logs()).read;
      return new LogTail({ read, write, restart: write, limit, pause: clock.pause });
    });
    const [first, second, third] = logs;
    assert.ok(first && second && third);
    first.text.stdout = 'begins\n';
    queue.show(1);
    await clock.turn(2);
    first.text.stdout += 'last words\n';
    first.running = false;
    second.text.stdout = 'quick\n';
    second.running = false;
    third.text.stdout = 'runs\n';
    queue.then(2);
    queue.then(3);
    await clock.turn(6);
    assert.equal(shown, '-- 1\nbegins\nlast words\n-- 2\nquick\n-- 3\nruns\n');
    queue.show(1);
    await clock.turn(4);
    assert.ok(shown.endsWith('-- 3\nruns\n-- 1\nbegins\nlast words\n'), 'what a person chose comes at once');
    queue.then(3);
    queue.stop();
    await clock.turn(4);
    assert.ok(shown.endsWith('-- 1\nbegins\nlast words\n-- 3\n'));
  });

  it('that follows a job leaves out none of its quick sheets', () => {
    assert.deepEqual(nextSheets([sheet(1)], null), []);
    assert.deepEqual(nextSheets([over(1, 1), over(2, 2)], null), [2], 'what was over is shown too');
    assert.deepEqual(nextSheets([running(1, 1), running(2, 2), over(3, 3)], null), [2]);
    assert.deepEqual(nextSheets([running(1, 1), over(2, 2)], 1), [], 'what runs is shown to its end');
    assert.deepEqual(
      nextSheets([over(1, 1), over(2, 3), running(3, 2)], 1),
      [3, 2],
      'in order of their start',
    );
    assert.deepEqual(nextSheets([running(1, 1), over(2, 2)], 2), [1], 'a sheet beside it runs still');
    assert.deepEqual(nextSheets([over(1, 1), over(2, 2)], 2), []);
  });

  it('ends when the job was deleted', async () => {
    const logs = new Logs();
    const { tail, clock } = follow(logs);
    await clock.turn();
    logs.deleted = true;
    await clock.turn(2);
    await tail.done;
  });
});

describe('an attempt as a document', () => {
  const detail: AttemptDetail = {
    attempt: 2,
    mode: 'normal',
    instrument: 'cli',
    model: null,
    started_at: '2026-11-21T12:00:00.000Z',
    completed_at: '2026-11-21T12:00:05.000Z',
    outcome: 'failed',
    decision: 'retry',
    exit_code: 1,
    exit_signal: null,
    exit_reason: null,
    error_code: 'E009',
    error_message: 'it broke',
    duration_seconds: 5,
    pass_percentage: null,
    input_tokens: null,
    output_tokens: null,
    cost_usd: null,
    cost_estimated: false,
    validations: [],
    prompt_digest: null,
    stdout_path: '/s/1.2.stdout.log',
    stderr_path: null,
    command: ['bash', '-c', "it's"],
    cwd: '/w',
    env_names: ['PATH'],
    session_id: null,
  };

  it('has a section for each of its parts, which folding and outline find', () => {
    const text = attemptText({
      job: 'demo',
      sheet: 1,
      detail,
      prompt: 'do it\n',
      stdout: 'out\n',
      stderr: 'err\n',
    });
    const sections = sectionsOf(text);
    assert.deepEqual(
      sections.map(({ title }) => title),
      ['demo, sheet 1, attempt 2', 'Prompt', 'Output', 'Error output', 'Error'],
    );
    const lines = text.split('\n');
    assert.equal(lines[(sections[1]?.first ?? 0) + 2], 'do it');
    assert.ok(text.includes("Command: bash -c 'it'\\''s'"));
    assert.equal(sections.at(-1)?.last, lines.length - 1);
  });

  it('says each thing once, in words, and lets no output pass for a heading', () => {
    const text = attemptText({
      job: 'demo',
      sheet: 1,
      detail: {
        ...detail,
        outcome: 'completed',
        decision: 'completed',
        exit_reason: 'completed',
        exit_code: 0,
        error_code: null,
        error_message: null,
        input_tokens: 12_000,
        output_tokens: 1500,
        cost_usd: 1.25,
        paid_by: 'subscription',
      },
      prompt: null,
      stdout: '==== Prompt\nforged\n',
      stderr: '',
    });
    assert.match(text, /^State: completed$/m);
    assert.match(text, /^Instrument: cli$/m);
    assert.match(text, /^Cost: \$1\.25 · list price; the subscription covered it$/m);
    assert.match(text, /^Tokens: 12.?000 in, 1.?500 out$/m);
    assert.ok(!text.includes('12:00:00.000Z'), 'an instant as people write it');
    assert.equal(sectionsOf(text).filter(({ title }) => title === 'Prompt').length, 1);
  });
});
