import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { conditionHolds, parseCondition } from '../../../src/score/condition';
import { cutAnswer, cutCaptured, lookback } from '../../../src/score/cross-sheet';
import {
  environmentOf,
  expandRuleCommand,
  expandRulePath,
  formatNames,
  ruleContext,
  shellQuote,
} from '../../../src/score/placeholders';
import { compilePythonRegex } from '../../../src/score/regex';
import { evaluateSkipWhen, skipWhenProblem } from '../../../src/score/skip-when';
import { PyFloat, TemplateError } from '../../../src/score/template';

describe('score: conditions', () => {
  const values = new Map<string, unknown>([
    ['stage', 2n],
    ['instance', 1n],
    ['sheet_num', 12n],
    ['flag', true],
    ['word', 'two'],
    ['ratio', new PyFloat(2)],
  ]);
  const table: [string, boolean][] = [
    ['stage == 2', true],
    ['stage==2', true],
    ['stage == 3', false],
    ['stage != 2', false],
    ['stage >= 3', false],
    ['stage <= 2', true],
    ['stage > 1', true],
    ['stage < 2', false],
    ['stage == 2 and instance == 1', true],
    ['stage == 2 and instance == 2', false],
    ['sheet_num >= 10 and sheet_num <= 12 and stage == 2', true],
    ['flag == 1', true],
    // Fail open, as the reference does.
    ['stage == 3 or stage == 2', false],
    ['stage == 2 or stage == 3', true],
    ['unknown == 5', true],
    ['word == 5', true],
    ['ratio == 5', true],
    ['stage', true],
    ['', true],
    ['2 == stage', true],
    ['stage == two', true],
    ['stage == 3  and  unknown == 1', false],
    ['(stage == 3)', true],
  ];
  for (const [condition, applies] of table) {
    it(`"${condition}" is ${applies}`, () => assert.equal(conditionHolds(parseCondition(condition), values), applies));
  }
  it('tells what it ignores', () => {
    assert.equal(parseCondition('a == 1 or b == 2')[0]?.ignored, 'or b == 2');
    assert.equal(parseCondition('nonsense')[0]?.comparison, null);
  });
});

describe('score: Python regular expressions', () => {
  // pattern, text, found
  const table: [string, string, boolean][] = [
    ['^end$', 'a\nend\nb', true],
    ['(?i)THE end', 'the END', true],
    ['(?is)a.b', 'A\nB', true],
    ['a.b', 'a\nb', false],
    ['a.b', 'a\rb', true],
    ['(?m)^x', 'a\nx', true],
    ['\\Aend', 'a\nend', false],
    ['\\Aa', 'a\nend', true],
    ['end\\Z', 'end\nb', false],
    ['b\\Z', 'end\nb', true],
    ['(?P<year>\\d{4})-(?P=year)', '2026-2026', true],
    ['(?P<year>\\d{4})-(?P=year)', '2026-2025', false],
    ['[]a]+$', ']]a', true],
    ['[^]]', ']', false],
    ['[[]x', '[x', true],
    ['a{,2}b', 'aab', true],
    ['x{', 'x{', true],
    ['\\-\\_\\/', '-_/', true],
    ['(?#note)a', 'a', true],
    ['(?x) a b # comment\n c', 'abc', true],
    ['(?:a|b)+(?=c)(?!d)(?<=b)', 'abc', true],
    ['[.]', 'x', false],
    ['\\.', 'x', false],
    ['^## .*(?:Findings|Results)', '# x\n## Our Findings', true],
  ];
  for (const [pattern, text, found] of table) {
    it(`${JSON.stringify(pattern)} in ${JSON.stringify(text)} is ${found}`, () => {
      const compiled = compilePythonRegex(pattern);
      assert.ok(compiled.ok, compiled.ok ? '' : compiled.message);
      assert.equal(compiled.regex.test(text), found);
    });
  }
  for (const pattern of [
    '(',
    '[a',
    'a)',
    '*',
    '(?P<1>x)',
    'a(?i)b',
    '(?i:a)',
    '(?>a)',
    '(?(1)a|b)',
    'a\\',
    '(?P=x)\\',
  ]) {
    it(`refuses ${pattern}`, () => assert.equal(compilePythonRegex(pattern).ok, false));
  }
  it('never throws', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\\()[\]{}?*+|^$.a-z<>=!:#, 0-9-]*$/), (pattern) => {
        compilePythonRegex(pattern);
      }),
      { numRuns: 500 },
    );
  });
});

describe('score: placeholders', () => {
  const context = ruleContext(
    { num: 4, stage: 2, instance: 3, fanCount: 3, startItem: 4, endItem: 4 },
    { workspace: '/work space', totalSheets: 5, totalStages: 3 },
    'claude-code',
    new Map<string, never>([
      ['topic', "it's" as never],
      ['sheet_num', 99n as never],
      ['d', new Map([['k', 'v']]) as never],
      ['price', new PyFloat(2) as never],
      ['yes', true as never],
    ]),
  );
  const paths: [string, string][] = [
    ['{workspace}/a.md', '/work space/a.md'],
    ['a.md', '/work space/a.md'],
    ['/abs/{sheet_num:02d}.md', '/abs/04.md'],
    [
      '{workspace}/{stage}-{movement}-{instance}-{voice}-{fan_count}-{voice_count}',
      '/work space/2-2-3-3-3-3',
    ],
    ['{total_sheets}.{total_stages}.{total_movements}.{start_item}.{end_item}', '/work space/5.3.3.4.4'],
    ['{instrument_name}/{topic}', "/work space/claude-code/it's"],
    ['{{literal}}', '/work space/{literal}'],
    ['{d[k]}', '/work space/v'],
  ];
  for (const [written, expanded] of paths) {
    it(`${written} → ${expanded}`, () => assert.equal(expandRulePath(written, context), expanded));
  }
  for (const bad of ['{nope}', '{}', '{0}', '{', '}', '{sheet_num:zz}']) {
    it(`refuses the path ${bad}`, () => assert.throws(() => expandRulePath(bad, context), TemplateError));
  }
  const commands: [string, string][] = [
    ['test -f {workspace}/a', "test -f '/work space'/a"],
    ['echo {topic} {sheet_num}', `echo 'it'"'"'s' 4`],
    ['awk \'{print $1}\' ${HOME} {nope} {} {"a": 1}', 'awk \'{print $1}\' ${HOME} {nope} {} {"a": 1}'],
    ['{price} {yes}', '2.0 True'],
  ];
  for (const [written, expanded] of commands) {
    it(`${written} → ${expanded}`, () => assert.equal(expandRuleCommand(written, context), expanded));
  }
  it('quotes so that a shell reads the text back', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme-ascii' }).filter((text) => !text.includes('\0')),
        (text) => {
          const { stdout } = spawnSync('sh', ['-c', `printf %s ${shellQuote(text)}`], { encoding: 'utf8' });
          assert.equal(stdout, text);
        },
      ),
      { numRuns: 30 },
    );
  });
  it('finds names in format texts', () => {
    assert.deepEqual(
      formatNames('{a}/{b:02d}/{{c}}/{d[k]}/{e.f}/{g!r}').map(({ name }) => name),
      ['a', 'b', 'd', 'e', 'g'],
    );
  });
  it('exports the built-in values', () => {
    const env = environmentOf(context);
    assert.equal(env['MARIANNE_SHEET_NUM'], '4');
    assert.equal(env['MARIANNE_WORKSPACE'], '/work space');
  });
});

describe('score: skip_when', () => {
  const facts = {
    sheets: new Map([
      [1, { status: 'completed', validationPassed: true }],
      [2, { status: 'failed', validationPassed: null }],
    ]),
    totalRetryCount: 4,
  };
  const table: [string, boolean][] = [
    ['sheets[1].status == "completed"', true],
    ['sheets[2].status == "completed"', false],
    ['sheets[1].validation_passed and job.total_retry_count > 3', true],
    ["not sheets[1].validation_passed or sheets.get(2).status == 'failed'", true],
    ['job.total_retry_count', true],
    ['2 in sheets', true],
  ];
  for (const [expression, skip] of table) {
    it(expression, () => assert.deepEqual(evaluateSkipWhen(expression, facts), { skip, error: null }));
  }
  it('runs the sheet when it cannot decide', () => {
    for (const expression of [
      'sheets[9].status == "x"',
      'open("/etc/passwd")',
      '1 +',
      '',
      '{{ 1 }}',
      'x) %}{% if (1',
      'range(999999999)|list',
    ]) {
      const decision = evaluateSkipWhen(expression, facts);
      assert.equal(decision.skip, false, expression);
      assert.ok(decision.error, expression);
    }
    assert.notEqual(skipWhenProblem('1 +'), null);
    assert.equal(skipWhenProblem('sheets[1].status == "x"'), null);
  });
});

describe('score: captured texts', () => {
  it('cuts at the head, marks it, and splits no character', () => {
    assert.equal(cutCaptured('abc', 3), 'abc');
    assert.equal(cutCaptured('abcd', 3), 'abc\n... [truncated]');
    assert.equal(cutCaptured('a\u{1F600}b', 2), 'a\n... [truncated]');
  });
  it('cuts an answer by bytes, between characters', () => {
    assert.equal(cutAnswer('äöü', null), 'äöü');
    assert.equal(cutAnswer('äöü', 6), 'äöü');
    assert.equal(cutAnswer('äöü', 5), 'äö\n... [truncated]');
    assert.equal(cutAnswer('\u{1F600}', 3), '\n... [truncated]');
  });
  it('looks back over sheet numbers', () => {
    assert.deepEqual(lookback(5, { lookbackSheets: 3 }), [2, 3, 4]);
    assert.deepEqual(lookback(2, { lookbackSheets: 3 }), [1]);
    assert.deepEqual(lookback(5, { lookbackSheets: 0 }), [1, 2, 3, 4]);
  });
});
