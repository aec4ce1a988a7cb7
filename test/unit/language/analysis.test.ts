import { strict as assert } from 'node:assert';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../../../src/score/diagnostic';
import { diskFiles } from '../../../src/score/disk-files';
import { sortDiagnostics } from '../../../src/score/findings';
import { renderAll } from '../../../src/score/render-all';
import { renderedDiagnostics } from '../../../src/views/language/analysis';
import { isDoubled } from '../../../src/views/language/doubles';
import { durationText } from '../../../src/views/language/duration';
import { permissiveSchema, schemaFiles } from '../../../src/views/language/editor-schema';
import { catalogue, fixtures } from '../score/kit';
import { analysisOf, orchestra } from './kit';

const root = join(__dirname, '../../../..');

function finish(
  text: string,
  path: string,
  most = Infinity,
): { readonly diagnostics: readonly Diagnostic[]; readonly steps: number } {
  const rendering = renderedDiagnostics(analysisOf(text, path), '0.0.0');
  let steps = 0;
  for (;;) {
    const step = rendering.next(steps >= most);
    if (step.done === true) return { diagnostics: step.value, steps };
    steps += 1;
  }
}

describe('diagnostics of the editor', () => {
  for (const name of readdirSync(fixtures).filter((file) => file.endsWith('.yaml'))) {
    it(`are those of validation: ${name}`, () => {
      const path = join(fixtures, name);
      const text = readFileSync(path, 'utf8');
      const { score, plan, diagnostics } = analysisOf(text, path);
      const sound =
        score !== null && plan !== null && !diagnostics.some(({ severity }) => severity === 'error');
      const rendered = sound
        ? renderAll(score, plan, { files: diskFiles, catalogue, productVersion: '0.0.0' }).diagnostics
        : [];
      assert.deepEqual(finish(text, path).diagnostics, sortDiagnostics([...diagnostics, ...rendered]));
    });
  }

  it('find what only rendering tells, a prompt a step', () => {
    const text = orchestra.replace('Clap.', '{{ parts[9].name }}');
    const { diagnostics, steps } = finish(text, '/scores/a.score.yaml');
    assert.deepEqual(
      diagnostics
        .filter(({ severity }) => severity === 'error')
        .map(({ code, range }) => [code, text.split('\n')[(range?.line ?? 0) - 1]?.trim()]),
      [['V430', '{{ parts[9].name }}']],
    );
    assert.equal(steps, 5);
  });

  it('keep what was found when rendering ends early', () => {
    const text = orchestra.replace('Plan {{ goal | upper }}', '{{ parts[9].name }}');
    const { diagnostics, steps } = finish(text, '/scores/a.score.yaml', 2);
    assert.equal(steps, 2);
    assert.ok(diagnostics.some(({ code }) => code === 'V430'));
  });

  it('leave YAML grammar to another extension that tells it in the same line', () => {
    const [grammar] = analysisOf('name: x\nsheet: [').diagnostics;
    assert.ok(grammar?.range);
    const { line } = grammar.range;
    assert.ok(isDoubled(grammar, [{ source: 'YAML', line }]));
    assert.ok(!isDoubled(grammar, [{ source: 'YAML', line: line + 1 }]), 'another line');
    assert.ok(!isDoubled(grammar, [{ source: 'spelling', line }]), 'not about YAML');
    assert.ok(!isDoubled({ ...grammar, code: 'P012' }, [{ source: 'YAML', line }]), 'our own rule');
  });
});

describe('JSON Schema files', () => {
  for (const [name, schema] of Object.entries(schemaFiles())) {
    it(`${name} is up to date (else run node scripts/schema.mjs)`, () => {
      assert.deepEqual(
        JSON.parse(readFileSync(join(root, 'schemas', name), 'utf8')),
        JSON.parse(JSON.stringify(schema)),
      );
    });
  }

  it('the one for editors refuses nothing, and keeps names and words', () => {
    const text = JSON.stringify(schemaFiles()['score.editor.schema.json']);
    for (const word of [
      '"type":"',
      '"required":[',
      '"additionalProperties":false',
      '"minimum":',
      '"pattern":"^',
      '"propertyNames"',
    ])
      assert.ok(!text.includes(word), word);
    assert.ok(text.includes('content_regex') && text.includes('Accepted, not obeyed yet'));
    assert.deepEqual(permissiveSchema({ anyOf: [{ enum: ['a'] }, { type: 'null' }], description: 'd' }), {
      anyOf: [{ enum: ['a'] }, {}],
      description: 'd',
    });
  });
});

describe('snippets', () => {
  const snippets = JSON.parse(readFileSync(join(root, 'snippets', 'score.json'), 'utf8')) as Readonly<
    Record<string, { readonly prefix: string; readonly body: readonly string[] }>
  >;
  /** The text as inserted, with every stop at its default. */
  const expanded = (name: string): string =>
    (snippets[name]?.body ?? [])
      .join('\n')
      .replace(
        /\$\{\d+\|([^,|]*)[^}]*\}|\$\{\d+:((?:[^{}]|\{[^}]*\})*)\}|\$\d/g,
        (_, first?: string, text?: string) => first ?? text ?? '',
      );

  it('carry the name of the program, for they are offered in all YAML files', () => {
    for (const { prefix } of Object.values(snippets)) assert.match(prefix, /^mzt-/);
  });

  it('make a sound score', () => {
    const { diagnostics } = finish(expanded('Score'), join(fixtures, 'a.score.yaml'));
    assert.deepEqual(
      diagnostics.filter(({ severity }) => severity !== 'info'),
      [],
    );
  });

  it('make rules, fan-out and aliases that a score takes', () => {
    const rules = ['file exists', 'file contains', 'command succeeds']
      .map((kind) => expanded(`Validation: ${kind}`))
      .join('');
    const text = `name: x\nworkspace: /tmp\n${expanded('Instrument alias')}instrument: writer\n${expanded('Fan-out')}prompt:\n  template: |\n    ${expanded('Stage branches').replaceAll('\n', '\n    ')}\nvalidations:\n${rules}`;
    const { diagnostics } = finish(text, join(fixtures, 'a.score.yaml'));
    assert.deepEqual(
      diagnostics.filter(({ severity }) => severity === 'error'),
      [],
      text,
    );
    assert.equal(analysisOf(text).plan?.totalSheets, 4);
  });
});

describe('durations', () => {
  it('are told in words', () => {
    assert.deepEqual([0.4, 41, 59.7, 190, 7500].map(durationText), [
      '0 s',
      '41 s',
      '1 min 0 s',
      '3 min 10 s',
      '2 h 5 min',
    ]);
  });
});
