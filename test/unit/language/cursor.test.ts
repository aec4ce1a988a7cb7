import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { Cursor } from '../../../src/views/language/cursor';
import { cursorAt } from '../../../src/views/language/cursor';
import { marked, orchestra } from './kit';

function at(source: string): Cursor | null {
  const { text, offset } = marked(source);
  return cursorAt(text, offset);
}

function shortly(source: string): string {
  const cursor = at(source);
  return cursor === null ? 'nothing' : `${cursor.kind} ${cursor.path.join('.')}`;
}

describe('the place of a cursor in YAML', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['an empty text', '¦', 'entry '],
    ['a word at the top', 'na¦', 'entry '],
    ['a blank line in a block', 'sheet:\n  size: 1\n  ¦\nprompt:\n', 'entry sheet'],
    ['a blank line at the left', 'sheet:\n  size: 1\n¦', 'entry '],
    ['a deeper blank line', 'sheet:\n  fan_out:\n    ¦', 'entry sheet.fan_out'],
    ['a value', 'sheet:\n  size: ¦1\n', 'value sheet.size'],
    ['an empty value', 'instrument: ¦', 'value instrument'],
    ['a list of blocks', 'validations:\n  - type: x\n    ¦', 'entry validations.0'],
    ['the second of a list', 'validations:\n  - type: x\n  - pa¦', 'entry validations.1'],
    ['a list without indentation', 'validations:\n- type: x\n- type: y\n  ¦', 'entry validations.1'],
    ['a list of texts', 'instrument_fallbacks:\n  - a\n  - cl¦', 'entry instrument_fallbacks.1'],
    ['a key in braces', 'sheet: { si¦ }', 'entry sheet'],
    ['a second key in braces', 'sheet: { size: 1, ¦ }', 'entry sheet'],
    ['a value in braces', 'sheet: { size: ¦ }', 'value sheet.size'],
    ['a list in braces', 'sheet:\n  dependencies: { 2: [1], 3: [¦] }', 'value sheet.dependencies.3.0'],
    ['the second of a list in brackets', 'instrument_fallbacks: [a, ¦]', 'value instrument_fallbacks.1'],
    ['a block text', 'prompt:\n  template: |\n    Hello ¦\n', 'block prompt.template'],
    [
      'a blank line in a block text',
      'prompt:\n  template: |\n    Hello\n    ¦\n    there\n',
      'block prompt.template',
    ],
    ['after a block text', 'prompt:\n  template: |\n    Hello\n  ¦\n', 'entry prompt'],
    ['a key-like line in a block text', 'prompt:\n  template: |\n    a: ¦\n', 'block prompt.template'],
    [
      'a block text in a list',
      'validations:\n  - command: >-\n      echo ¦\n    stage: 1\n',
      'block validations.0.command',
    ],
    [
      'behind a block text in a list',
      'validations:\n  - command: |\n      echo\n    ¦\n',
      'entry validations.0',
    ],
    ['a comment', 'name: x # nothing ¦', 'nothing'],
    ['a hash in a text', 'name: "a # b ¦"', 'value name'],
    ['a quoted key', '"sheet":\n  ¦', 'entry sheet'],
    ['braces of a template in a value', "prompt:\n  template: 'x {{ ¦ }}'", 'value prompt.template'],
  ];
  for (const [title, source, expected] of cases)
    it(`knows ${title}`, () => assert.equal(shortly(source), expected));

  it('tells which keys are there already, also behind the cursor', () => {
    const cursor = at('sheet:\n  size: 1\n  ¦\n  total_items: 2\nname: x\n');
    assert.ok(cursor?.kind === 'entry');
    assert.deepEqual(cursor.siblings, ['size', 'total_items']);
  });

  it('leaves out the key that is being changed', () => {
    const cursor = at('sheet:\n  si¦ze: 1\n  total_items: 2\n');
    assert.ok(cursor?.kind === 'entry');
    assert.deepEqual(cursor.siblings, ['total_items']);
    assert.equal('sheet:\n  size: 1'.slice(cursor.from, cursor.end), 'size');
  });

  it('knows the text of a block, and where it stands', () => {
    const source = 'prompt:\n  template: |\n    one\n      two ¦three\n';
    const cursor = at(source);
    assert.ok(cursor?.kind === 'block');
    assert.equal(cursor.embedded.text.trimEnd(), 'one\n  two three');
    const { text, offset } = marked(source);
    const inside = cursor.embedded.fromDocument(offset) ?? -1;
    assert.equal(cursor.embedded.text.slice(inside, inside + 5), 'three');
    assert.equal(text.slice(cursor.embedded.toDocument(inside)).trim(), 'three');
  });

  it('works with Windows line ends', () => {
    assert.equal(shortly('sheet:\r\n  size: 1\r\n  ¦\r\n'), 'entry sheet');
    assert.equal(shortly('prompt:\r\n  template: |\r\n    Hello ¦\r\n'), 'block prompt.template');
  });

  it('never throws, wherever the text is cut', () => {
    fc.assert(
      fc.property(fc.nat(orchestra.length), fc.nat(orchestra.length), (cut, offset) => {
        cursorAt(orchestra.slice(0, cut), Math.min(cut, offset));
        cursorAt(orchestra.slice(cut), Math.min(orchestra.length - cut, offset));
      }),
      { numRuns: 200 },
    );
  });
});
