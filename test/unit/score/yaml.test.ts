import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { parseScore } from '../../../src/score/parse';
import { readYaml } from '../../../src/score/yaml';
import { findNode, pathAt, plainData } from '../../../src/score/yaml-node';
import { parsed, placesOf, pointedAt, scoreText } from './kit';

const read = (text: string): unknown => {
  const { root, diagnostics } = readYaml(text);
  assert.ok(root, JSON.stringify(diagnostics));
  return JSON.parse(JSON.stringify(plainData(root)));
};

describe('score: YAML', () => {
  it('reads values as PyYAML does', () => {
    assert.deepEqual(
      read(
        'a: yes\nb: y\nc: off\nd: 010\ne: 1:30\nf: 1e3\ng: 1.5e+3\nh: "5"\ni: ~\nj: 0x1F\nk: .\nl: .5\nm: 2.\n',
      ),
      {
        a: true,
        b: 'y',
        c: false,
        d: 8,
        e: 90,
        f: '1e3',
        g: 1500,
        h: '5',
        i: null,
        j: 31,
        k: '.',
        l: 0.5,
        m: 2,
      },
    );
  });

  it('merges maps: own keys win, then the earlier map', () => {
    const text = 'x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  c: 3\n  <<: [*x, *y]\n';
    assert.deepEqual((read(text) as { z: unknown }).z, { a: 1, b: 1, c: 3 });
  });

  it('keeps integers and floats apart', () => {
    const { root } = readYaml('a: 384\nb: 384.0\n');
    assert.ok(root);
    const a = findNode(root, ['a']).node;
    const b = findNode(root, ['b']).node;
    assert.equal(a.kind === 'scalar' && a.value, 384n);
    assert.equal(b.kind === 'scalar' && b.value, 384);
  });

  it('reads a byte order mark, CRLF and a document end', () => {
    assert.deepEqual(read('\uFEFFname: x\r\nt: |\r\n  a\r\n  b\r\n'), { name: 'x', t: 'a\nb\n' });
    assert.deepEqual(read('---\na: 1\n...\n'), { a: 1 });
    const { root } = readYaml('\uFEFFname: x\n');
    const { column, endColumn, offset } = root?.entries[0]?.key.range ?? {};
    // An editor shows the text without the mark.
    assert.deepEqual({ column, endColumn, offset }, { column: 1, endColumn: 5, offset: 1 });
  });

  const refused: [string, string, string][] = [
    ['an empty file', '', 'P007@1'],
    ['only a comment', '# nothing\n', 'P007@1'],
    ['a list', '- a\n- b\n', 'P006@1'],
    ['a scalar', 'hello\n', 'P006@1'],
    ['an open bracket', 'a: [1,\nb: 2\n', 'P001@'],
    ['a tab as indentation', 'a:\n\tb: 1\n', 'P001@2'],
    ['a NUL', 'a: 1\nb: \0\n', 'P001@2'],
    ['two documents', 'a: 1\n---\nb: 2\n', 'P001@'],
    ['a tag of Python', 'a: !!python/object/apply:os.system [ls]\n', 'P001@1'],
    ['a tag of one’s own', 'a: 1\nb: !include x.yaml\n', 'P001@2'],
    ['binary', 'a: !!binary aGk=\n', 'P001@1'],
    ['a map as key', '{a: 1}: 2\n', 'P001@1'],
    ['an alias without anchor', 'a: *b\n', 'P00'],
    ['an anchor that contains itself', 'a: &a [*a]\n', 'P005@1'],
    ['more than 1 MiB', `a: ${'x'.repeat(10_000_000)}`, 'P003@-'],
    ['deep flow nesting', `a: ${'['.repeat(50_000)}`, 'P004@1'],
    ['deep block nesting', `${'- '.repeat(20_000)}x`, 'P004@1'],
    ['200 levels', `a: ${'['.repeat(200)}${']'.repeat(200)}`, 'P004@1'],
    [
      'a billion laughs',
      ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
        .concat(Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}*a${i}]`))
        .join('\n'),
      'P005@',
    ],
  ];
  for (const [what, text, place] of refused) {
    it(`refuses ${what}`, () => {
      const { score, diagnostics } = parseScore({ text, path: '/x.yaml' });
      assert.equal(score, null);
      assert.ok(placesOf(diagnostics)[0]?.startsWith(place), placesOf(diagnostics).join());
    });
  }

  it('takes the last of duplicate keys and says where', () => {
    const text = scoreText().replace('name: test', 'name: one\nname: two');
    const { score, diagnostics } = parseScore({ text, path: '/x.yaml' });
    assert.equal(score?.fields.name, 'two');
    assert.deepEqual(placesOf(diagnostics), ['P002@2']);
    assert.equal(pointedAt(text, diagnostics[0]), 'name');
  });

  it('says no more than 500 things', () => {
    const { diagnostics } = parseScore({ text: 'a: b\n'.repeat(2000), path: '/x.yaml' });
    assert.equal(diagnostics.length, 500);
    assert.equal(diagnostics[0]?.severity, 'error');
  });

  it('tells an editor what stands at an offset', () => {
    const text =
      'name: x\nsheet:\n  size: 1\nvalidations:\n  - type: file_exists\n    path: "{workspace}/a"\n';
    const { root } = readYaml(text);
    assert.ok(root);
    const at = (word: string): unknown => pathAt(root, text.indexOf(word) + 1);
    assert.deepEqual(at('size'), { path: ['sheet', 'size'], part: 'key' });
    assert.deepEqual(at('1'), { path: ['sheet', 'size'], part: 'value' });
    assert.deepEqual(at('file_exists'), { path: ['validations', 0, 'type'], part: 'value' });
    assert.deepEqual(at('{workspace}'), { path: ['validations', 0, 'path'], part: 'value' });
    assert.deepEqual(at('path'), { path: ['validations', 0, 'path'], part: 'key' });
  });

  it('has no special keys', () => {
    const text = scoreText({
      prompt:
        '  template: "{{ v.__proto__ }}"\n  variables: {v: {__proto__: {polluted: 1}}, __proto__: {x: 2}}',
    });
    const score = parsed(text);
    assert.equal(score.variables.size, 2);
    assert.equal(({} as { polluted?: number }).polluted, undefined);
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const { diagnostics } = parseScore({ text: `${scoreText()}${key}: {a: 1}\n`, path: '/x.yaml' });
      assert.deepEqual(placesOf(diagnostics), ['P012@12'], key);
    }
    const nested = parseScore({
      text: scoreText({ more: 'instruments: {__proto__: {profile: claude-code}}' }),
      path: '/x',
    });
    assert.ok(nested.score === null || Object.keys(nested.score.fields.instruments).length <= 1);
  });

  it('never throws, whatever the text', () => {
    const word = fc.constantFrom(
      ...[
        'name',
        'sheet',
        'size',
        'total_items',
        'prompt',
        'template',
        'validations',
        'type',
        'fan_out',
        '1',
        '-',
        '- ',
        ':',
        ': ',
        '\n',
        '\n  ',
        '\n    ',
        '{',
        '}',
        '[',
        ']',
        ',',
        '|',
        '>',
        '&a',
        '*a',
        '<<',
        '"',
        "'",
        '!!str',
        '#',
        '\t',
        '{{ x',
        '%}',
        '\u{1F600}',
        '\uD800',
        '0x',
        '1e9',
        '.inf',
        '~',
        '__proto__',
      ],
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
        ),
        (text) => {
          const { score, diagnostics } = parseScore({ text, path: '/x.yaml' });
          assert.ok(score !== null || diagnostics.some((each) => each.severity === 'error'));
        },
      ),
      { numRuns: 400 },
    );
  });
});
