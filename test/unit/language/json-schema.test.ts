import { strict as assert } from 'node:assert';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import YAML from 'yaml';
import { z } from 'zod';
import { parseScore } from '../../../src/score/parse';
import { fixtures, scoreText } from '../score/kit';

const root = join(__dirname, '../../../..');

/** The schema as a foreign checker reads it: from the file, by another program's rules (zod's reader of JSON Schema). */
function checker(name: string): (text: string) => boolean {
  const schema = JSON.parse(
    readFileSync(join(root, 'schemas', name), 'utf8'),
  ) as z.core.JSONSchema.JSONSchema;
  const read = z.fromJSONSchema(schema);
  // As a YAML 1.1 reader gives it, and as one of 1.2 does.
  return (text) => {
    const answers = (['1.1', '1.2'] as const).map(
      (version) => read.safeParse(YAML.parse(text, { version, merge: true, uniqueKeys: false })).success,
    );
    assert.equal(answers[0], answers[1], text);
    return answers[0] === true;
  };
}

describe('the JSON Schema of scores', () => {
  const accepts = checker('score.schema.json');
  const scores = [fixtures, join(root, 'examples')].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => join(folder, name)),
  );
  /** Faults that only a schema can know: of single fields, not between them. */
  const structural = new Set(['P011', 'P012', 'P013', 'P014', 'P015']);

  for (const path of scores) {
    it(`judges ${path.slice(root.length + 1)} as the validator does`, () => {
      const text = readFileSync(path, 'utf8');
      const { diagnostics } = parseScore({ text, path });
      const isSound = !diagnostics.some(({ code }) => structural.has(code) || code === 'P009');
      assert.equal(accepts(text), isSound);
    });
  }

  const refused: Readonly<Record<string, string>> = {
    'an unknown field': scoreText({ more: 'sheets: 3' }),
    'an unknown field deep inside': scoreText({ more: 'backend: { ollama: { nope: 1 } }' }),
    'a list for a block': scoreText({ more: 'movements: [{ name: a }]' }),
    'a text for a block': 'name: x\nsheet: { size: 1, total_items: 1 }\nprompt: do it\n',
    'a number for a name': scoreText().replace('name: test', 'name: 5'),
    'a missing block': 'name: x\nsheet: { size: 1, total_items: 1 }\n',
    'a missing field': scoreText({ sheet: '  size: 1' }),
    'an unknown kind of rule': scoreText({ more: 'validations: [{ type: nope }]' }),
    'too small a number': scoreText({ sheet: '  size: 0\n  total_items: 3' }),
    'a word for a number': scoreText({ sheet: '  size: one\n  total_items: 3' }),
    'a word for true': scoreText({ more: 'parallel: { enabled: perhaps }' }),
    'a key that is no number': scoreText({ more: 'movements: { first: { name: a } }' }),
  };
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}, as the validator does`, () => {
      assert.equal(parseScore({ text, path: '/x.yaml' }).score, null);
      assert.equal(accepts(text), false);
    });
  }

  it('takes what the validator takes from other types', () => {
    const text = scoreText({
      sheet: '  size: "1"\n  total_items: 3.0\n  fan_out: { "2": "2" }',
      more: 'parallel: { enabled: yes, max_concurrent: "4" }\ncross_sheet: { auto_capture_stdout: "on" }',
    });
    assert.ok(parseScore({ text, path: '/x.yaml' }).score);
    assert.ok(accepts(text));
  });

  it('has a form for editors that refuses nothing', () => {
    const editor = checker('score.editor.schema.json');
    for (const text of Object.values(refused)) assert.ok(editor(text), text);
  });
});
