import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Repair } from '../../../src/views/language/fixes';
import { keysOf, repairsOf } from '../../../src/views/language/fixes';
import { folder, scoreText } from '../score/kit';
import { analysisOf, catalogue } from './kit';

function repairs(text: string, code: string, path?: string): Repair[] {
  const analysis = analysisOf(text, path);
  const found = analysis.diagnostics.filter((diagnostic) => diagnostic.code === code);
  assert.ok(found.length > 0, `no ${code}: ${analysis.diagnostics.map((each) => each.code).join(' ')}`);
  return found.flatMap((diagnostic) => repairsOf(diagnostic, analysis, catalogue));
}

function applied(text: string, repair: Repair | undefined): string {
  assert.ok(repair);
  return [...repair.edits]
    .sort((a, b) => b.from - a.from)
    .reduce((result, edit) => result.slice(0, edit.from) + edit.text + result.slice(edit.end), text);
}

function codes(text: string): string[] {
  return analysisOf(text).diagnostics.map(({ code }) => code);
}

describe('quick fixes', () => {
  it('read the path of a diagnostic', () => {
    assert.deepEqual(keysOf('validations[0].path'), ['validations', '0', 'path']);
    assert.deepEqual(keysOf('sheet.cadenzas.2[1].file'), ['sheet', 'cadenzas', '2', '1', 'file']);
    assert.deepEqual(keysOf(null), []);
  });

  it('rename an unknown field', () => {
    const text = scoreText({ more: 'paralel: {enabled: true}' });
    const [first] = repairs(text, 'P012');
    assert.equal(first?.preferred, true);
    assert.ok(applied(text, first).includes('\nparallel: {enabled: true}'));
  });

  it('offer several fields that may be meant, but none that is there', () => {
    const text = scoreText({ sheet: '  size: 1\n  total_items: 1\n  sise: 2' });
    assert.ok(!repairs(text, 'P012').some(({ edits }) => edits[0]?.text === 'size'));
  });

  it('replace an unknown instrument, in lists and in quotes', () => {
    const text = scoreText().replace('instrument: claude-code', 'instrument: "claude-cod"');
    assert.ok(applied(text, repairs(text, 'V210')[0]).includes('instrument: "claude-code"'));
    const list = scoreText({ more: 'instrument_fallbacks: [codex-cly]' });
    assert.ok(applied(list, repairs(list, 'V211')[0]).includes('[codex-cli]'));
  });

  it('replace a value that is not in the list', () => {
    const text = scoreText({ more: 'validations:\n  - {type: file_exist, path: a}' });
    assert.ok(applied(text, repairs(text, 'P015')[0]).includes('type: file_exists,'));
  });

  it('add what is missing, so that the score holds together', () => {
    const fixed = (text: string): string => {
      const analysis = analysisOf(text);
      const missing = analysis.diagnostics.find(({ code }) => code === 'P013');
      if (missing === undefined) return text;
      return fixed(applied(text, repairsOf(missing, analysis, catalogue)[0]));
    };
    for (const text of [
      'workspace: /tmp\n',
      'name: x',
      'name: x\nsheet:\n  size: 1\n',
      'name: x\nsheet: { size: 1 }\n',
      'name: x\nsheet: {}\n',
    ]) {
      const result = fixed(text);
      assert.ok(analysisOf(result).score, result);
    }
  });

  it('put quotes around what YAML takes for something else', () => {
    const text = scoreText().replace('name: test', 'name: 2024');
    assert.ok(applied(text, repairs(text, 'P011')[0]).startsWith('name: "2024"\n'));
  });

  it('correct or define a variable', () => {
    const text = scoreText({ prompt: '  variables:\n    goal: x\n  template: |\n    {{ goall }}' });
    const [near, ...rest] = repairs(text, 'V101');
    assert.ok(applied(text, near).includes('{{ goal }}'));
    const added = applied(text, rest.at(-1));
    assert.ok(added.includes('    goall: ""\n    goal: x'), added);
    assert.ok(!codes(added).includes('V101'));
    const without = scoreText({ prompt: '  template: |\n    {{ unheard }}' });
    const defined = applied(without, repairs(without, 'V101').at(-1));
    assert.ok(
      !codes(defined).includes('V101') && codes(defined).every((code) => !code.startsWith('P')),
      defined,
    );
  });

  it('take the one fix that a diagnostic brings', () => {
    const text = scoreText({ prompt: '  template: |\n    Sheet {sheet_num}' });
    assert.ok(applied(text, repairs(text, 'V202')[0]).includes('Sheet {{ sheet_num }}'));
  });

  it('create a template file that is missing', () => {
    const place = folder();
    try {
      const text = scoreText({ prompt: '  template_file: prompts/a.j2' });
      const path = join(place.path, 'x.score.yaml');
      const [repair] = repairs(text, 'V003', path);
      assert.equal(repair?.create?.path, join(place.path, 'prompts/a.j2'));
      assert.match(repair?.create?.text ?? '', /sheet_num/);
      assert.ok(!existsSync(join(place.path, 'prompts')), 'only offered, not made');
    } finally {
      place.remove();
    }
  });

  it('add a template to a prompt without one', () => {
    const text = scoreText({ prompt: '  stakes: much' });
    const added = applied(text, repairs(text, 'V412')[0]);
    assert.ok(!codes(added).includes('V412') && analysisOf(added).score, added);
  });
});
