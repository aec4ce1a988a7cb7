import assert from 'node:assert/strict';
import fc from 'fast-check';
import { failureFromText } from '../../../src/backends/failure-texts';
import {
  jsonLines,
  numbersAt,
  textAt,
  trailingJsonObject,
  valuesAt,
} from '../../../src/backends/json-output';

describe('valuesAt', () => {
  const root = { a: { b: [10, { c: 'x' }], n: null }, m: { one: { t: 1 }, two: { t: 2 } }, flag: true };
  it('walks names, indexes and wildcards', () => {
    assert.deepEqual(valuesAt(root, 'a.b[0]'), [10]);
    assert.deepEqual(valuesAt(root, 'a.b[1].c'), ['x']);
    assert.deepEqual(valuesAt(root, 'm.*.t'), [1, 2]);
    assert.deepEqual(valuesAt(root, 'a.b[*]'), [10, { c: 'x' }]);
    assert.deepEqual(valuesAt(root, 'a.n'), []);
    assert.deepEqual(valuesAt(root, 'a.missing.deep'), []);
    assert.equal(textAt(root, 'flag'), 'true');
    assert.equal(textAt(root, 'a.b[1]'), '{"c":"x"}');
    assert.deepEqual(numbersAt({ n: ['1', 2, NaN] }, 'n[*]'), [2]);
  });

  it('reaches nothing inherited', () => {
    assert.deepEqual(valuesAt(root, 'constructor.name'), []);
    assert.deepEqual(valuesAt(root, '__proto__.toString'), []);
    assert.deepEqual(valuesAt('text', 'length'), []);
  });
});

describe('reading JSON from output', () => {
  it('skips every line that is no object', () => {
    assert.deepEqual(jsonLines('{"a":1}\n[1]\n5\nnull\n"x"\n{"torn\nlog {"b":2}\n  {"c":3}\r\n'), [
      { a: 1 },
      { c: 3 },
    ]);
  });

  it('finds the object at the end', () => {
    assert.deepEqual(trailingJsonObject('{"a":1}'), { a: 1 });
    assert.deepEqual(trailingJsonObject('warn {x}\n{\n  "error": {\n    "code": 1\n  }\n}\n trailing'), {
      error: { code: 1 },
    });
    assert.equal(trailingJsonObject('[1]'), null);
    assert.equal(trailingJsonObject('no'), null);
    assert.equal(trailingJsonObject('{'.repeat(1000) + '\n{x'.repeat(5000) + '}'), null);
  });

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        jsonLines(text);
        trailingJsonObject(text);
        failureFromText(text);
      }),
    );
  });
});

describe('failureFromText', () => {
  it('does not take talk for trouble', () => {
    for (const text of [
      'done: 429 files changed',
      'added a quota column to the table',
      'capacity planning finished',
      'see section 401 of the standard',
      'the overload resolution picks f(int)',
      'limit of 5 reached in loop',
      'exit status 3',
    ]) {
      assert.equal(failureFromText(text), null, text);
    }
  });

  it('reads long hostile text quickly', () => {
    const started = process.hrtime.bigint();
    for (const piece of ['limit ', 'resets ', 'used all ', "you've hit your ", 'usage ', 'error: ', 'a ']) {
      failureFromText(piece.repeat(Math.ceil(16_384 / piece.length)));
    }
    assert(Number(process.hrtime.bigint() - started) < 1e9);
  });
});
