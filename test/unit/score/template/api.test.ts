import assert from 'node:assert/strict';
import {
  findUndeclared,
  parseTemplate,
  PyFloat,
  pythonFormat,
  pythonRepr,
  pythonStr,
  renderLenient,
  renderTemplate,
  templateFilters,
  TemplateError,
  templateGlobals,
  templateTests,
} from '../../../../src/score/template';
import { nearestNames } from '../../../../src/score/nearest';

function failure(run: () => unknown): TemplateError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof TemplateError, String(error));
    return error;
  }
  return assert.fail('no error was thrown');
}

describe('template errors', () => {
  it('name the undefined variable, its place and the name that was meant', () => {
    const source = 'a\n  {{ workspce }}';
    const error = failure(() => renderTemplate(source, { workspace: '/w' }));
    assert.deepEqual(
      [error.kind, error.pythonClass, error.message, error.undefinedName, error.line, error.column],
      ['undefined', 'UndefinedError', "'workspce' is undefined", 'workspce', 2, 6],
    );
    assert.equal(source.slice(error.offset, error.end), 'workspce');
    assert.match(error.hint ?? '', /'workspace'/);
  });

  it('point at the origin of an undefined value, not at its use', () => {
    const source = '{% set x = d.nmae %}\n{{ x }}';
    const error = failure(() => renderTemplate(source, { d: { name: 1 } }));
    assert.equal(source.slice(error.offset, error.end), 'd.nmae');
    assert.match(error.hint ?? '', /'name'/);
  });

  it('point at the operation that failed', () => {
    const source = '{{ 1 }}{{ "a" ~ ("b" + n) }}';
    const error = failure(() => renderTemplate(source, { n: 1 }));
    assert.equal(error.kind, 'type');
    assert.equal(source.slice(error.offset, error.end), '("b" + n)');
  });

  it('count lines over all line ends and columns in UTF-16 units', () => {
    const error = failure(() => parseTemplate('a\r\nb\rc\n😀{{ ) }}'));
    assert.deepEqual([error.kind, error.line, error.column], ['syntax', 4, 6]);
  });

  it('say that loading other templates is not possible', () => {
    for (const tag of ['include "x"', 'import "x" as y', 'from "x" import y', 'extends "x"']) {
      const error = failure(() => parseTemplate(`{% ${tag} %}`));
      assert.equal(error.kind, 'syntax');
      assert.match(error.message, /not available/);
    }
  });

  it('suggest filters and tests', () => {
    assert.match(failure(() => parseTemplate('{{ x|uper }}')).hint ?? '', /'upper'/);
    assert.match(failure(() => parseTemplate('{{ x is defind }}')).hint ?? '', /'defined'/);
  });
});

describe('the context', () => {
  it('keeps int and str keys, ints and floats apart', () => {
    const m = new Map<unknown, unknown>([
      [1, 'int'],
      ['1', 'str'],
    ]);
    assert.equal(renderTemplate('{{ m[1] }} {{ m["1"] }} {{ m }}', { m }), "int str {1: 'int', '1': 'str'}");
    assert.equal(
      renderTemplate('{{ a }} {{ b }} {{ c }}', { a: new PyFloat(384), b: 384, c: 5n }),
      '384.0 384 5',
    );
  });

  it('takes a Map, dates and undefined as missing', () => {
    const context = new Map<string, unknown>([
      ['day', new Date('2024-02-03T00:00:00Z')],
      ['time', new Date('2024-02-03T04:05:06Z')],
      ['gone', undefined],
    ]);
    const template = '{{ day }} {{ time }} {{ gone is defined }}';
    assert.equal(renderTemplate(template, context), '2024-02-03 2024-02-03 04:05:06 False');
  });

  it('lets its variables hide globals, and set hide both, with none as a value', () => {
    assert.equal(renderTemplate('{{ range }}', { range: 1 }), '1');
    assert.equal(renderTemplate('{% set a = none %}{{ a }}', { a: 1 }), 'None');
  });

  it('keeps line ends as Jinja2 does', () => {
    assert.equal(renderTemplate('a\r\n{{ 1 }}\r\n', {}), 'a\n1\n');
  });
});

describe('lenient rendering', () => {
  it('renders undefined as empty and still refuses its attributes', () => {
    assert.equal(
      renderLenient('[{{ a }}{% for x in a %}{% endfor %}{{ a ~ "b" }}{{ "y" if a else "n" }}]', {}),
      '[bn]',
    );
    assert.equal(failure(() => renderLenient('{{ a.b }}', {})).kind, 'undefined');
    assert.equal(failure(() => renderLenient('{{ a + 1 }}', {})).kind, 'undefined');
  });
});

describe('findUndeclared', () => {
  const names = (source: string): string[] =>
    findUndeclared(parseTemplate(source)).map((use) => {
      assert.equal(source.slice(use.offset, use.end), use.name);
      return use.guarded ? `${use.name}?` : use.name;
    });

  const cases: [string, string[]][] = [
    ['{{ a }}{{ b.c[d] }}{{ a }}', ['a', 'b', 'd', 'a']],
    ['{% set a = b %}{{ a }}{% for i in c %}{{ i }}{{ loop.index }}{% endfor %}{{ i }}', ['b', 'c', 'i']],
    ['{{ a }}{% set a = 1 %}', ['a']],
    ['{{ range(3) }}{{ dict(a=1) }}', []],
    ['{{ a is defined }}{{ b|default(c) }}{{ d|d|upper }}', ['a?', 'b?', 'c', 'd?']],
    ['{% if a is defined %}{{ a }}{% else %}{{ a }}{% endif %}', ['a?', 'a?', 'a']],
    ['{{ a if a is defined else b }}{{ c is defined and c > 1 }}', ['a?', 'a?', 'b', 'c?', 'c?']],
    ['{% if x is undefined or x %}{% elif x %}{% endif %}', ['x?', 'x?', 'x?']],
    ['{% if t %}{% set a = 1 %}{% endif %}{{ a }}', ['t', 'a?']],
    ['{% if t %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }}', ['t']],
    ['{% macro m(x, y=z) %}{{ x }}{{ y }}{{ q }}{{ varargs }}{% endmacro %}{% set q = 1 %}{{ m(1) }}', ['z']],
    ['{% with a = b %}{{ a }}{% endwith %}{{ a }}', ['b', 'a']],
    ['{% call(u) m(v) %}{{ u }}{{ w }}{% endcall %}', ['m', 'v', 'w']],
    ['{% set ns.x = 1 %}{% set b %}{{ c }}{% endset %}{{ b }}', ['ns', 'c']],
    ['{% for a, b in c if a > d %}{{ b }}{% else %}{{ a }}{% endfor %}', ['c', 'd', 'a']],
    ['{% raw %}{{ a }}{% endraw %}{# {{ b }} #}', []],
  ];
  for (const [source, expected] of cases) it(source, () => assert.deepEqual(names(source), expected));
});

describe('Python text', () => {
  it('prints data as Python does', () => {
    assert.equal(pythonRepr({ a: [1, 1.5, null, true, "it's"] }), `{'a': [1, 1.5, None, True, "it's"]}`);
    assert.deepEqual([pythonStr('x'), pythonStr(null), pythonStr(new PyFloat(2))], ['x', 'None', '2.0']);
  });

  it('formats with str.format', () => {
    const values = { workspace: '/w', sheet_num: 3, d: { key: 'v' }, m: new Map([[1, 'one']]) };
    const text = '{workspace}/{sheet_num:02d}-{d[key]}-{m[1]}-{{x}}-{sheet_num!r:>3}';
    assert.equal(pythonFormat(text, values), '/w/03-v-one-{x}-  3');
  });

  it('fails with the class, place and hint of the field', () => {
    const error = failure(() => pythonFormat('a{{}}/{workspce}', { workspace: 1 }));
    assert.deepEqual(
      [error.pythonClass, error.undefinedName, error.offset, error.end],
      ['KeyError', 'workspce', 6, 16],
    );
    assert.match(error.hint ?? '', /workspace/);
    assert.equal(failure(() => pythonFormat('{}', {})).pythonClass, 'IndexError');
    assert.equal(failure(() => pythonFormat('x}', {})).pythonClass, 'ValueError');
    assert.equal(failure(() => pythonFormat('{x', { x: 1 })).pythonClass, 'ValueError');
    assert.equal(failure(() => pythonFormat('{toString}', {})).pythonClass, 'KeyError');
    assert.equal(failure(() => pythonFormat('{x.constructor}', { x: {} })).pythonClass, 'AttributeError');
  });
});

describe('completion lists', () => {
  it('name all builtins of Jinja2 with a signature and a text', () => {
    assert.deepEqual([templateFilters.length, templateTests.length, templateGlobals.length], [54, 39, 6]);
    for (const builtin of [...templateFilters, ...templateTests, ...templateGlobals]) {
      assert.ok(builtin.signature.startsWith(builtin.name) && builtin.doc.endsWith('.'), builtin.name);
    }
  });
});

describe('nearestNames', () => {
  it('finds typing errors, best first, and nothing far away', () => {
    const names = ['workspace', 'worksapce2', 'stage', 'total_stages'];
    assert.deepEqual(nearestNames('wrokspace', names), ['workspace', 'worksapce2']);
    assert.deepEqual(nearestNames('Stage', names), ['stage']);
    assert.deepEqual(nearestNames('total-stages', names), ['total_stages']);
    assert.deepEqual(nearestNames('zzz', names), []);
    assert.deepEqual(nearestNames('stage', ['stage']), []);
    assert.deepEqual(nearestNames('stagf', ['stagd', 'stage', 'stagc'], 2), ['stagc', 'stagd']);
  });
});
