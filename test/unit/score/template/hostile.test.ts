import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  findUndeclared,
  parseTemplate,
  renderLenient,
  renderTemplate,
  TemplateError,
  TemplateLimitError,
} from '../../../../src/score/template';

const context = { s: 'text', n: 3, l: [1, 2], d: { a: 1 }, f: 1.5, none: null };

function outcome(template: string): string {
  try {
    return renderTemplate(template, context, { maxSteps: 100_000, maxOutput: 1_000_000 });
  } catch (error) {
    assert.ok(error instanceof TemplateError, `not a template error: ${String(error)} from ${template}`);
    assert.ok(error.offset <= error.end && error.line >= 1 && error.column >= 1);
    return `!${error.kind}`;
  }
}

const secretNames = [
  'constructor',
  '__proto__',
  'prototype',
  '__class__',
  '__mro__',
  '__globals__',
  '__init__',
  '__builtins__',
  'hasOwnProperty',
  'toString',
  'valueOf',
  'call',
  'apply',
  'bind',
  'items_',
  'parent',
  'variables',
];
const hosts = [
  's',
  'n',
  'l',
  'd',
  'f',
  '(1, 2)',
  'd.items',
  'd.items()',
  'range',
  'range(3)',
  '[]',
  '{}',
  '""',
];
const engineHosts = [
  'self',
  'namespace()',
  'cycler(1)',
  'joiner()',
  'dict',
  'l|map("upper")',
  'none',
  'true',
];

describe('hostile templates', () => {
  for (const host of [...hosts, ...engineHosts]) {
    it(`reach nothing through ${host}`, () => {
      for (const name of secretNames) {
        assert.equal(outcome(`{{ (${host}).${name} is defined }}`), 'False', `${host}.${name}`);
        assert.equal(outcome(`{{ (${host})["${name}"] is defined }}`), 'False', `${host}[${name}]`);
        assert.equal(outcome(`{{ (${host})|attr("${name}") is defined }}`), 'False', `${host}|attr(${name})`);
        assert.match(outcome(`{{ (${host}).${name}.constructor("return process")() }}`), /^!undefined$/);
      }
    });
  }

  it('treat names of Object.prototype as ordinary missing variables', () => {
    for (const name of secretNames) {
      assert.equal(outcome(`{{ ${name} }}`), '!undefined');
      assert.equal(outcome(`{{ "x"|${name} }}`), '!syntax');
      assert.equal(outcome(`{{ "x" is ${name} }}`), '!syntax');
      assert.equal(outcome(`{{ l|map("${name}")|list }}`), '!value');
      assert.equal(outcome(`{{ "{0.${name}}".format(s) }}`), '!value');
    }
  });

  it('can use such names as their own keys without touching anything', () => {
    const template =
      '{% set d = {"__proto__": {"x": 1}, "constructor": 2} %}{{ d.__proto__.x }}{{ d.constructor }}';
    assert.equal(outcome(template), '12');
    assert.equal(outcome('{% set ns = namespace() %}{% set ns.__proto__ = 5 %}{{ ns.__proto__ }}'), '5');
    assert.equal(({} as { x?: number }).x, undefined);
    assert.equal(renderTemplate('{{ d.__proto__ }}', { d: JSON.parse('{"__proto__": 7}') as unknown }), '7');
  });

  const limited: Record<string, string> = {
    'a long range': '{{ range(1000000000000) }}',
    'nested loops':
      '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}',
    'a loop over a growing list':
      '{% set l = [1] %}{% for i in l %}{% if l.append(i) %}{% endif %}{% endfor %}',
    'a repeated text': '{{ "x" * 10000000000 }}',
    'a repeated list': '{{ [0] * 10000000000 }}',
    'a doubled text':
      '{% set ns = namespace(s="x") %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}',
    'a doubled list':
      '{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
    'a doubled structure printed':
      '{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}',
    'a doubled tuple as key':
      '{% set ns = namespace(s=(1,)) %}{% for i in range(99) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ {ns.s: 1} }}',
    'a doubled structure compared':
      '{% set a = namespace(s=[1], t=[1]) %}{% for i in range(60) %}{% set a.s = [a.s, a.s] %}{% set a.t = [a.t, a.t] %}{% endfor %}{{ a.s == a.t }}',
    'a wide field': '{{ "x".center(10000000000) }}',
    'a wide zero fill': '{{ "1".zfill(10000000000) }}',
    'a wide format': '{{ "{:>9999999999}".format(1) }}',
    'a wide percent format': '{{ "%9999999999d" % 1 }}',
    'a precise format': '{{ "%.99999f" % 1.5 }}',
    'a huge power': '{{ 9 ** 999999999 }}',
    'a huge product':
      '{% set ns = namespace(x=7) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}',
    'endless macro calls': '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
    'endless loop recursion': '{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}',
    'a block that calls itself': '{% block a %}{{ self.a() }}{% endblock %}',
    'deep brackets': `{{ ${'['.repeat(5000)}${']'.repeat(5000)} }}`,
    'deep negation': `{{ ${'not '.repeat(5000)}1 }}`,
    'deep blocks': `${'{% if 1 %}'.repeat(5000)}${'{% endif %}'.repeat(5000)}`,
    'a long chain': `{{ 1${' + 1'.repeat(5000)} }}`,
    'nested iterators':
      '{% set ns = namespace(g=[1]) %}{% for i in range(9000) %}{% set ns.g = ns.g|map("string") %}{% endfor %}{{ ns.g|list }}',
    'much output': '{% for i in range(9999) %}{{ "x" * 999 }}{% endfor %}',
    'long replacements': '{{ ("a" * 999999)|replace("a", "b" * 999999) }}',
    'wide indentation': '{{ ("\\n" * 99999)|indent(99999) }}',
  };
  for (const [what, template] of Object.entries(limited)) {
    it(`stop at ${what}`, function () {
      this.timeout(2000);
      assert.equal(outcome(template), '!limit');
    });
  }

  it('stop within the default limits in bounded time', function () {
    this.timeout(5000);
    assert.throws(
      () =>
        renderTemplate(
          '{% for i in range(99999) %}{% for j in range(99999) %}{{ i * j }}{% endfor %}{% endfor %}',
          {},
        ),
      TemplateLimitError,
    );
  });

  it('print a list that contains itself', () => {
    assert.equal(outcome('{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}'), '[1, [...]]');
    assert.equal(outcome('{% set l = [1] %}{% set _ = l.append(l) %}{{ l|tojson }}'), '!value');
  });

  it('allow recursion that ends', () => {
    const template =
      '{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% else %}done{% endif %}{% endmacro %}{{ m(150) }}';
    assert.equal(outcome(template), 'done');
  });

  it('cannot change the values they were given', () => {
    const l = [1, 2];
    const d = { a: 1 };
    renderTemplate('{% set _ = l.append(3) %}{% set _ = d.update(b=2) %}{% set _ = l.clear() %}', { l, d });
    assert.deepEqual([l, d], [[1, 2], { a: 1 }]);
  });

  it('are refused values that are not data', () => {
    assert.throws(() => renderTemplate('{{ x }}', { x: () => 1 }), TemplateError);
    assert.throws(() => renderTemplate('{{ x }}', { x: process }), TemplateError);
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    assert.throws(() => renderTemplate('{{ x }}', { x: cyclic }), TemplateError);
  });
});

const pieces = [
  '{{',
  '}}',
  '{%',
  '%}',
  '{#',
  '#}',
  '-',
  ' ',
  '\n',
  'if',
  'elif',
  'else',
  'endif',
  'for',
  'endfor',
  'in',
  'set',
  'endset',
  'macro',
  'endmacro',
  'm(',
  'call',
  'filter',
  'raw',
  'endraw',
  'with',
  'endwith',
  'block',
  'is',
  'not',
  'and',
  'or',
  's',
  'n',
  'l',
  'd',
  'none',
  'zzz',
  'loop',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '.',
  ',',
  ':',
  '|',
  '~',
  '+',
  '*',
  '**',
  '//',
  '%',
  '==',
  '<',
  '=',
  '0',
  '1',
  '7',
  '1.5',
  '"a"',
  "'%s'",
  '"{}"',
  '\\',
  '😀',
  'upper',
  'map',
  'join',
  'sort',
  'items',
  'format',
  'range(5)',
  'truncate(3)',
  'default',
  'defined',
  'odd',
  'int',
  'list',
  'batch(2)',
  'tojson',
  'groupby("a")',
  'indent',
  'pprint',
  'round',
];
const wrapped = fc
  .array(fc.constantFrom(...pieces), { maxLength: 12 })
  .map((parts) => `{{ ${parts.join(' ')} }}`);
const loose = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(' '));
const value = fc.constantFrom(
  's',
  'n',
  'l',
  'd',
  'f',
  'none',
  'zzz',
  '[l, l]',
  '-1',
  '"a b"',
  '{1: 2}',
  'range(3)',
);
const filter = fc.constantFrom(
  'upper',
  'list',
  'join(",")',
  'sort',
  'unique',
  'first',
  'last',
  'length',
  'map("string")',
  'select',
  'sum',
  'max',
  'int',
  'float',
  'round(1)',
  'tojson',
  'pprint',
  'batch(2)',
  'slice(2)',
  'groupby(0)',
  'reverse',
  'truncate(4)',
  'wordwrap(3)',
  'urlize',
  'urlencode',
  'xmlattr',
  'dictsort',
  'items',
  'indent',
  'center(9)',
  'format(1)',
  'title',
  'striptags',
  'replace("a", 1)',
  'filesizeformat',
  'attr("items")',
  'default(1)',
  'abs',
  'string',
  'wordcount',
  'random',
  'trim',
  'e',
  'sort(attribute="a")',
);
const operator = fc.constantFrom(
  '+',
  '-',
  '*',
  '/',
  '//',
  '%',
  '**',
  '~',
  '<',
  '==',
  'in',
  'and',
  'or',
  'is sameas',
);
const valid = fc
  .tuple(value, fc.array(filter, { maxLength: 4 }), operator, value, fc.array(filter, { maxLength: 2 }))
  .map(([a, f, op, b, g]) => `{{ (${[a, ...f].join('|')}) ${op} (${[b, ...g].join('|')}) }}`);

describe('random templates', () => {
  it('give text or a template error, strict and lenient, in bounded time', function () {
    this.timeout(20_000);
    fc.assert(
      fc.property(fc.oneof(wrapped, loose, valid, fc.string({ maxLength: 60 })), (template) => {
        outcome(template);
        try {
          renderLenient(template, context, { maxSteps: 20_000 });
          findUndeclared(parseTemplate(template));
        } catch (error) {
          if (!(error instanceof TemplateError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});
