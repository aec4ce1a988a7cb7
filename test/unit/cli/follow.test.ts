import assert from 'node:assert/strict';
import pc from 'picocolors';
import { chooseSheets, liveLines } from '../../../src/cli/follow/live-view';
import { Painter } from '../../../src/cli/follow/painter';
import { plainRenderer } from '../../../src/cli/follow/renderers';
import { JobTracker } from '../../../src/cli/follow/tracker';
import { Output } from '../../../src/cli/output';
import { jobHeadline } from '../../../src/cli/text/job';
import { displayWidth } from '../../../src/cli/text/printable';
import { Symbols } from '../../../src/cli/text/symbols';
import type { Checkpoint, SheetState } from '../../../src/protocol/checkpoint';
import { CollectingSink, contextOf, NOW } from '../../support/cli-context';

function sheet(num: number, status: SheetState['status'], more: Partial<SheetState> = {}): SheetState {
  const known: Partial<SheetState> = {
    sheet_num: num,
    status,
    description: `Part ${num}`,
    started_at: null,
    attempts: [],
    attempt_count: status === 'pending' ? 0 : 1,
    total_duration_seconds: 3,
    input_tokens: null,
    output_tokens: null,
    estimated_cost: null,
    error_code: null,
    error_message: null,
    fire_at: null,
    rate_limit_expires_at: null,
    status_reason: null,
  };
  // Only what the view reads.
  return { ...known, ...more } as SheetState;
}

function job(sheets: readonly SheetState[]): Checkpoint {
  const known: Partial<Checkpoint> = {
    job_id: 'demo',
    status: 'running',
    total_sheets: sheets.length,
    last_completed_sheet: 0,
    started_at: new Date(NOW - 65_000).toISOString(),
    completed_at: null,
    total_input_tokens: 0,
    total_output_tokens: 0,
    total_estimated_cost: 0,
    status_reason: null,
    sheets: Object.fromEntries(sheets.map((one) => [String(one.sheet_num), one])),
  };
  return known as Checkpoint;
}

const colors = pc.createColors(false);
const style = { colors, symbols: new Symbols(colors, true), width: 80, now: NOW };

function trackerOf(sheets: readonly SheetState[]): JobTracker {
  const tracker = new JobTracker();
  tracker.load(job(sheets));
  return tracker;
}

describe('cli live view', () => {
  it('shows each sheet with state, time, attempt and last line', () => {
    const started = new Date(NOW - 12_000).toISOString();
    const tracker = trackerOf([
      sheet(1, 'completed', { input_tokens: 1200, output_tokens: 300, estimated_cost: 0.25 }),
      sheet(2, 'dispatched', { started_at: started }),
      sheet(3, 'pending'),
    ]);
    tracker.apply({
      key: 'p',
      type: 'attempt.progress',
      job_id: 'demo',
      sheet: 2,
      attempt: 2,
      t: NOW,
      data: { last_line: 'compiling \u001b[2Jmain', bytes: 9 },
    });
    assert.deepEqual(liveLines(tracker, style, { columns: 80, rows: 24 }), [
      '▶ demo  running  1/3 sheets  1m 05s',
      ' ✓ 1 Part 1  completed     3.0s  1.5k tokens  $0.25',
      ' ▶ 2 Part 2  playing        12s  attempt 2  compiling main',
      ' · 3 Part 3  pending',
    ]);
  });

  it('says how many sheets are skipped: they do not count as played', () => {
    const sheets = [sheet(1, 'skipped'), sheet(2, 'completed'), sheet(3, 'skipped')];
    const [live = ''] = liveLines(trackerOf(sheets), style, { columns: 80, rows: 24 });
    assert.match(live, /running {2}1\/3 sheets, 2 skipped {2}/);
    const ended = { ...job(sheets), status: 'completed' as const, last_completed_sheet: 1 };
    assert.match(jobHeadline(ended, style), /completed {2}1\/3 sheets, 2 skipped {2}/);
    assert.doesNotMatch(jobHeadline(job([sheet(1, 'pending')]), style), /skipped/);
  });

  it('never exceeds the terminal', () => {
    const many = Array.from({ length: 200 }, (_, at) =>
      sheet(at + 1, at === 150 ? 'dispatched' : at < 150 ? 'completed' : 'pending', {
        description: 'x'.repeat(90),
      }),
    );
    for (const size of [
      { columns: 80, rows: 10 },
      { columns: 20, rows: 3 },
      { columns: 1, rows: 1 },
    ]) {
      const lines = liveLines(trackerOf(many), style, size);
      assert.ok(lines.length <= Math.max(1, size.rows - 1), `${lines.length} lines in ${size.rows} rows`);
      for (const line of lines) assert.ok(displayWidth(line) < Math.max(size.columns, 1), line);
    }
    const lines = liveLines(trackerOf(many), style, { columns: 100, rows: 10 });
    assert.ok(lines.some((line) => line.includes('▶ 151')));
    assert.match(lines.at(-1) ?? '', /… 193 more: 150 completed, 43 pending/);
  });

  it('chooses what plays and failed before what waits and what is over', () => {
    const sheets = [
      sheet(1, 'completed'),
      sheet(2, 'completed'),
      sheet(3, 'failed'),
      sheet(4, 'dispatched'),
      sheet(5, 'pending'),
    ];
    assert.deepEqual(
      chooseSheets(sheets, 2).map((one) => one.sheet_num),
      [3, 4],
    );
    assert.deepEqual(
      chooseSheets(sheets, 4).map((one) => one.sheet_num),
      [2, 3, 4, 5],
    );
  });

  it('asks once for the sheets that changed', () => {
    const tracker = trackerOf([sheet(1, 'pending'), sheet(2, 'pending'), sheet(3, 'pending')]);
    const event = (num: number) => ({
      seq: num,
      type: 'sheet.started',
      job_id: 'demo',
      sheet: num,
      t: NOW,
      data: {},
    });
    tracker.apply(event(3));
    tracker.apply(event(1));
    assert.equal(tracker.list()[0]?.status, 'dispatched');
    assert.deepEqual(tracker.takeStale(2), { offset: 0, limit: 1 });
    assert.deepEqual(tracker.takeStale(2), { offset: 2, limit: 1 });
    assert.equal(tracker.takeStale(2), null);
    tracker.update([sheet(1, 'completed')]);
    assert.equal(tracker.list()[0]?.status, 'completed');
  });
});

describe('cli lines', () => {
  it('tell of what happened before, but nothing twice', () => {
    const stdout = new CollectingSink();
    const context = contextOf('/', {}, { stdout, stderr: new CollectingSink() });
    const options = { verbose: false, quiet: false, color: false, json: false };
    const renderer = plainRenderer(new Output(context, options));
    const tracker = trackerOf([sheet(1, 'completed'), sheet(2, 'dispatched'), sheet(3, 'pending')]);
    // The first event may be here before the record.
    const started = { seq: 5, type: 'sheet.started', job_id: 'demo', sheet: 2, t: NOW, data: {} };
    renderer.event(started, tracker);
    renderer.loaded(tracker);
    assert.deepEqual(stdout.text.trim().split('\n'), [
      '03:04:05  sheet 2 (Part 2): started, attempt 1',
      'sheet 1 (Part 1): completed',
    ]);
  });
});

describe('cli painter', () => {
  it('moves up exactly what it drew, also after the terminal became narrower', () => {
    const sink = new CollectingSink(true, 80, 24);
    const painter = new Painter(sink);
    painter.draw(['a'.repeat(60), 'b']);
    sink.text = '';
    painter.draw(['c']);
    assert.match(sink.text, /\r\u001b\[2A/);
    painter.draw(['a'.repeat(60)]);
    sink.columns = 20;
    sink.text = '';
    painter.draw(['d']);
    assert.match(sink.text, /\r\u001b\[3A/);
    sink.text = '';
    painter.draw(['d']);
    assert.equal(sink.text, '', 'nothing changed, nothing is written');
    painter.clear();
    assert.ok(sink.text.endsWith('\u001b[?25h'), 'the cursor comes back');
  });

  it('keeps lines that stay above the block', () => {
    const sink = new CollectingSink(true, 80, 24);
    const painter = new Painter(sink);
    painter.draw(['block']);
    sink.text = '';
    painter.above('stays');
    assert.ok(sink.text.indexOf('stays') < sink.text.indexOf('block'));
  });
});
