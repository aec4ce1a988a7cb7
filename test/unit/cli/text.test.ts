import assert from 'node:assert/strict';
import fc from 'fast-check';
import pc from 'picocolors';
import { bytes, counted, duration, instant, money, tokens } from '../../../src/cli/text/amounts';
import { commandText, exitText } from '../../../src/cli/text/attempt';
import { diagnosticLines } from '../../../src/cli/text/diagnostics';
import { dependencyLevels, numberRanges } from '../../../src/cli/text/plan';
import { displayWidth, pad, printable, printableLog, truncate } from '../../../src/cli/text/printable';
import { showsUnicode, statusWord, Symbols } from '../../../src/cli/text/symbols';
import { table } from '../../../src/cli/text/table';
import { plainLine } from '../../../src/cli/follow/plain';
import { lastLines } from '../../../src/cli/commands/logs';
import { sheetStatusSchema, jobStatusSchema } from '../../../src/protocol/states';
import { TextIndex } from '../../../src/score/text-index';
import type { PlannedSheet } from '../../../src/score/plan';

const plain = pc.createColors(false);
const ESC = '\u001b';

describe('cli text', () => {
  it('says amounts as people do', () => {
    assert.deepEqual([0, 0.44, 9.96, 59.6, 185, 7380, 360_000, NaN, -1].map(duration), [
      '0.0s',
      '0.4s',
      '10s',
      '1m 00s',
      '3m 05s',
      '2h 03m',
      '4d 04h',
      '–',
      '–',
    ]);
    assert.deepEqual([0, 0.0012, 0.5, 12.345].map(money), ['$0', '$0.0012', '$0.50', '$12.35']);
    assert.deepEqual([950, 12_345, 999_949, 999_950].map(tokens), ['950', '12.3k', '999.9k', '1.0M']);
    assert.deepEqual([512, 2048, 1_048_575, 1e18].map(bytes), [
      '512 B',
      '2.0 KiB',
      '1.0 MiB',
      '909494.7 TiB',
    ]);
    assert.equal(counted(1, 'sheet'), '1 sheet');
    assert.equal(counted(0, 'sheet'), '0 sheets');
  });

  it('gives the day only of another day', () => {
    const at = new Date(2026, 0, 2, 3, 4, 5).getTime();
    assert.equal(instant(at, at), '03:04:05');
    assert.equal(instant(at, at + 86_400_000), '2026-01-02 03:04:05');
    assert.equal(instant(NaN, at), '–');
  });

  it('lets no text command the terminal', () => {
    const hostile = `a${ESC}]52;c;aGk=\u0007b${ESC}[2Jc\u009b31md\u202ee\rf\ng`;
    assert.equal(printable(hostile), 'abcde f g');
    assert.equal(printableLog(`${ESC}[31mred${ESC}[0m${ESC}[2J\tx\r\ny`), `${ESC}[31mred${ESC}[0m\tx\ny`);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        return [...printable(text)].every((one) => one >= ' ' && !(one >= '\u007f' && one <= '\u009f'));
      }),
    );
  });

  it('measures and cuts by columns, not by characters', () => {
    assert.equal(displayWidth('日本'), 4);
    assert.equal(displayWidth(`${ESC}[31mab${ESC}[39m`), 2);
    assert.equal(displayWidth('e\u0301'), 1);
    assert.equal(truncate('日本語', 5), '日本…');
    assert.equal(truncate(`${ESC}[31mabcdef${ESC}[39m`, 4), `${ESC}[31mabc…${ESC}[0m`);
    assert.equal(pad('日', 4), '日  ');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, width) => {
        assert.ok(displayWidth(truncate(printable(text), width)) <= width);
      }),
    );
  });

  it('fits a table to the terminal and leaves empty columns out', () => {
    const columns = [{ title: 'A' }, { title: 'EMPTY' }, { title: 'LONG', flexible: true }];
    const lines = table(columns, [['1', '', 'x'.repeat(60)]], 30);
    assert.deepEqual(lines, ['A  LONG', `1  ${'x'.repeat(26)}…`]);
    assert.deepEqual(table(columns, [['1', '', 'yy']], undefined), ['A  LONG', '1  yy']);
  });

  it('has a symbol and a word for every state', () => {
    for (const unicode of [true, false]) {
      const symbols = new Symbols(plain, unicode);
      for (const status of [...sheetStatusSchema.options, ...jobStatusSchema.options]) {
        assert.equal(displayWidth(symbols.mark(status)), 1, status);
        assert.notEqual(statusWord(status), '');
      }
    }
    assert.equal(new Symbols(plain, false).bar(1, 2, 10), '#####-----');
    assert.equal(new Symbols(plain, false).bar(0, 0, 4), '####');
  });

  it('believes a locale that says what it cannot show', () => {
    assert.equal(showsUnicode({ LANG: 'de_DE.UTF-8' }), true);
    assert.equal(showsUnicode({}), true);
    assert.equal(showsUnicode({ LANG: 'C' }), false);
    assert.equal(showsUnicode({ LC_ALL: 'en_US.ISO-8859-1', LANG: 'en_US.UTF-8' }), false);
    assert.equal(showsUnicode({ LANG: 'en_US.UTF-8', TERM: 'linux' }), false);
  });

  it('shows a diagnostic with its line and a caret', () => {
    const source = new TextIndex('name: x\n\tsheet: {{ a }}\n');
    const range = { line: 2, column: 9, end_line: 2, end_column: 16, offset: 16, end: 23 };
    const one = {
      code: 'V101',
      severity: 'warning' as const,
      message: 'unknown a',
      remedy: 'Define it.',
      range,
      path: null,
    };
    const style = { file: 's.yaml', source, colors: plain, width: 80 };
    assert.deepEqual(diagnosticLines(one, style), [
      's.yaml:2:9: warning V101: unknown a',
      '   2 |  sheet: {{ a }}',
      '     |         ^^^^^^^',
      '  help: Define it.',
    ]);
    assert.deepEqual(diagnosticLines({ ...one, range: null, remedy: null }, style), [
      's.yaml: warning V101: unknown a',
    ]);
    const narrow = diagnosticLines(one, { ...style, width: 20 });
    assert.ok(
      narrow.slice(1, 3).every((line) => line.length <= 20),
      narrow.join('\n'),
    );
  });

  it('writes numbers as ranges and sheets as levels', () => {
    assert.equal(numberRanges([1, 2, 3, 5, 6, 9]), '1-3, 5, 6, 9');
    const sheet = (num: number, dependsOn: number[]) => ({ num, dependsOn }) as unknown as PlannedSheet;
    assert.deepEqual(dependencyLevels([sheet(1, [3]), sheet(2, []), sheet(3, [2]), sheet(4, [])]), [
      [2, 4],
      [3],
      [1],
    ]);
  });

  it('tells an event in a line, or nothing', () => {
    const t = new Date(2026, 0, 2, 3, 4, 5).getTime();
    const event = (type: string, data: Record<string, unknown> = {}) =>
      plainLine({ seq: 1, type, job_id: 'j', sheet: 2, attempt: 1, t, data }, () => 'Build');
    assert.equal(
      event('sheet.started', { instrument: 'cli' }),
      '03:04:05  sheet 2 (Build): started, attempt 1, cli',
    );
    assert.equal(
      event('sheet.retrying', {
        error_code: 'E009',
        error_message: 'boom',
        duration_seconds: 2,
        due_at: t + 5000,
      }),
      '03:04:05  sheet 2 (Build): attempt 1 failed in 2.0s: E009 boom, again in 5.0s',
    );
    assert.equal(
      event('sheet.completed', { duration_seconds: 12, cost_usd: 0.5 }),
      '03:04:05  sheet 2 (Build): completed in 12s, $0.50',
    );
    assert.equal(event('attempt.progress'), null);
    assert.equal(event('sheet.from_the_future'), '03:04:05  sheet 2 (Build): from_the_future');
    const paused = {
      seq: 1,
      type: 'job.paused',
      job_id: 'j',
      t,
      data: { reason: { code: 'x', message: 'by you' } },
    };
    assert.equal(
      plainLine(paused, () => null),
      '03:04:05  job paused: by you',
    );
  });

  it('says how an attempt ended, and quotes its command', () => {
    const attempt = { exit_code: null, exit_signal: 9, exit_reason: 'timeout' } as Parameters<
      typeof exitText
    >[0];
    assert.equal(exitText(attempt), 'SIGKILL (9), timeout');
    assert.equal(commandText(['bash', '-c', "echo 'hi'"]), `bash -c 'echo '\\''hi'\\'''`);
  });

  it('takes the last lines of a text', () => {
    assert.deepEqual(lastLines('a\nb\nc\n', 2), { text: 'b\nc\n', cut: true });
    assert.deepEqual(lastLines('a\nb\nc', 2), { text: 'b\nc', cut: true });
    assert.deepEqual(lastLines('a\nb\n', 2), { text: 'a\nb\n', cut: false });
    assert.deepEqual(lastLines('', 3), { text: '', cut: false });
  });
});
