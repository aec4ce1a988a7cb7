import { strict as assert } from 'node:assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCatalogue } from '../../../src/instruments/catalogue';
import { NO_TRUST } from '../../../src/instruments/trust';
import { scoreCatalogue } from '../../../src/score/catalogue';
import { checkScore } from '../../../src/score/check';
import type { Diagnostic } from '../../../src/score/diagnostic';
import { diskFiles } from '../../../src/score/disk-files';
import { renderAll } from '../../../src/score/render-all';
import { wireDiagnostic } from '../../../src/score/wire-plan';
import { wireDiagnosticSchema } from '../../../src/protocol/diagnostic';
import { catalogue, diagnose, folder, planned, scoreText } from './kit';

const profiles = join(__dirname, '../../../../src/instruments/profiles');

function one(diagnostics: readonly Diagnostic[], code: string): Diagnostic {
  const found = diagnostics.find((each) => each.code === code);
  assert.ok(found, diagnostics.map((each) => `${each.code} ${each.message}`).join('\n'));
  return found;
}

/** `line: text pointed at` of the second places, in the score. */
function relatedOf(text: string, code: string): string[] {
  return (one(diagnose(text), code).related ?? []).map(({ file, range }) => {
    assert.equal(file, null);
    return `${range.line}: ${text.slice(range.offset, range.end)}`;
  });
}

describe('second places of diagnostics', () => {
  const sheet = (more: string): string => scoreText({ sheet: `  size: 1\n  total_items: 3\n${more}` });

  it('name the other edges of a cycle', () => {
    const text = sheet('  dependencies:\n    1: [3]\n    2: [1]\n    3: [2]');
    const cycle = one(diagnose(text), 'P026');
    assert.match(cycle.message, /1 → 3 → 2 → 1/);
    assert.deepEqual(relatedOf(text, 'P026'), ['8: 3', '10: 2']);
    assert.deepEqual(
      cycle.related?.map(({ message }) => message),
      ['Stage 1 waits for stage 3.', 'Stage 3 waits for stage 2.'],
    );
  });

  it('name the first of two', () => {
    assert.deepEqual(relatedOf(scoreText({ more: 'name: again' }), 'P002'), ['1: name']);
    assert.deepEqual(relatedOf(sheet('  descriptions:\n    2: a\n    2: b'), 'P002'), ['8: 2']);
    assert.deepEqual(relatedOf(sheet('  instrument_map: {claude-code: [1, 2], cli: [3, 2]}'), 'P031'), [
      '7: 2',
    ]);
    assert.deepEqual(relatedOf(scoreText({ prompt: '  template: a\n  template_file: b.j2' }), 'P032'), [
      '8: template',
    ]);
    assert.deepEqual(relatedOf(scoreText({ more: 'backend: {type: ollama}' }), 'P030'), ['3: claude-code']);
  });

  it('name what a number is compared with', () => {
    assert.deepEqual(relatedOf(sheet('  dependencies: {9: [1]}'), 'P024'), ['6: total_items']);
    assert.deepEqual(relatedOf(sheet('  fan_out: {1: 2}\n  dependencies: {2: [4]}'), 'P024'), [
      '6: total_items',
      '7: fan_out',
    ]);
    assert.deepEqual(relatedOf(sheet('  fan_out: {9: 2}'), 'P022'), ['6: 3']);
    assert.deepEqual(relatedOf(sheet('  descriptions: {9: x}'), 'V406'), ['6: 3']);
    assert.deepEqual(relatedOf(sheet('  start_item: 9'), 'P020'), ['6: 3']);
    const size = scoreText({ sheet: '  size: 2\n  total_items: 3', more: 'movements: {2: {voices: 3}}' });
    assert.deepEqual(relatedOf(size, 'P021'), ['10: 3']);
    const voices = sheet('  fan_out: {2: 2}').replace('sheet:', 'movements: {2: {voices: 3}}\nsheet:');
    assert.deepEqual(relatedOf(voices, 'V413'), ['8: 2']);
  });

  it('name the variable that was probably meant', () => {
    const prompt = '  variables: {goal: x}\n  template: |\n    {{ gaol }}';
    assert.deepEqual(relatedOf(scoreText({ prompt }), 'V101'), ['8: goal']);
    const more = 'validations:\n  - {type: file_exists, path: "{gaol}"}';
    assert.deepEqual(relatedOf(scoreText({ prompt, more }), 'V404'), ['8: goal']);
    // A built-in one is given nowhere.
    assert.deepEqual(relatedOf(scoreText({ prompt: '  template: "{{ workspce }}"' }), 'V101'), []);
  });

  it('point into a template file', () => {
    const { path, remove } = folder({
      't.j2': 'one\r\ntwo {{ nobody }}\n',
      'b.j2': 'a\n{% if x %}\n',
      'r.j2': '\n{{ 1 / 0 }}',
    });
    try {
      const score = (file: string): string => scoreText({ prompt: `  template_file: ${file}` });
      const placeOf = (diagnostic: Diagnostic) => {
        const [related] = diagnostic.related ?? [];
        return [related?.file, related?.range.line, related?.range.column];
      };
      const at = join(path, 'score.yaml');
      assert.deepEqual(placeOf(one(diagnose(score('t.j2'), at), 'V101')), [join(path, 't.j2'), 2, 8]);
      assert.equal(placeOf(one(diagnose(score('b.j2'), at), 'V001'))[0], join(path, 'b.j2'));
      const { score: sound, plan } = planned(score('r.j2'), at);
      const { diagnostics } = renderAll(sound, plan, { files: diskFiles, catalogue, productVersion: '0' });
      assert.deepEqual(placeOf(one(diagnostics, 'V430')), [join(path, 'r.j2'), 2, 4]);
    } finally {
      remove();
    }
  });

  it('point at the folder’s profile that does not count', async () => {
    const { path, remove } = folder();
    try {
      const own = join(path, '.marianne', 'instruments');
      mkdirSync(own, { recursive: true });
      writeFileSync(
        join(own, 'mine.yaml'),
        'name: house-agent\ndisplay_name: House\ndescription: x\nkind: cli\ncli:\n  command: { executable: house }\n  output: { format: text }\n',
      );
      writeFileSync(join(own, 'torn.yaml'), 'name: [torn');
      const profilesOf = await loadCatalogue({
        builtInFolder: profiles,
        userFolder: null,
        workspace: path,
        trust: NO_TRUST,
      });
      const machine = {
        userUrls: {},
        environment: {},
        programs: { path: '', home: '/', executables: {} },
      };
      const judged = (instrument: string): Diagnostic => {
        const { score, plan } = planned(scoreText().replace('claude-code', instrument));
        const context = { plan, files: diskFiles, catalogue: scoreCatalogue(profilesOf, machine) };
        return one(checkScore(score, context), 'V210');
      };
      const stranger = judged('house-agent');
      assert.equal(stranger.related?.[0]?.file, join(own, 'mine.yaml'));
      assert.match(stranger.remedy ?? '', /mzt trust/);
      assert.equal(judged('torn').related?.[0]?.file, join(own, 'torn.yaml'));
      assert.equal(judged('nobody').related, undefined);
    } finally {
      remove();
    }
  });

  it('travel over the wire', () => {
    const text = sheet('  dependencies: {1: [2], 2: [1]}');
    const wire = wireDiagnosticSchema.parse(
      JSON.parse(JSON.stringify(wireDiagnostic(one(diagnose(text), 'P026')))),
    );
    assert.deepEqual(
      wire.related?.map(({ file, range }) => [file, range.line, range.end_column]),
      [[null, 7, 23]],
    );
  });
});

describe('what has no effect', () => {
  it('is tagged, so that an editor can fade it', () => {
    const tagged = (text: string): string[] =>
      diagnose(text)
        .filter(({ tags }) => tags?.includes('unnecessary'))
        .map(({ code }) => code);
    assert.deepEqual(tagged(scoreText({ more: 'concert: {enabled: true}' })), ['V400']);
    assert.deepEqual(tagged(scoreText({ prompt: '  variables: {stage: 1}\n  template: x' })), ['V208']);
    assert.deepEqual(tagged(scoreText({ more: 'movements: {9: {name: x}}' })), ['V406']);
    // It has its effect; it is only doubtful.
    assert.deepEqual(tagged(scoreText({ more: 'instrument_fallbacks: [nobody]' })), []);
  });
});
