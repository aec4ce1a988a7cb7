import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkScore } from '../../../src/score/check';
import { diskFiles } from '../../../src/score/disk-files';
import { parseScore } from '../../../src/score/parse';
import { planScore } from '../../../src/score/plan-score';
import { renderAll } from '../../../src/score/render-all';
import { catalogue, fixtures } from './kit';

const texts = readdirSync(fixtures)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => readFileSync(join(fixtures, file), 'utf8'));

const pieces = [
  '',
  '{{',
  '}}',
  '{%',
  '{',
  '}',
  '[',
  ']',
  ': ',
  '- ',
  '"',
  "'",
  '\n',
  '  ',
  '~',
  '-1',
  '0',
  '1e99',
  '.nan',
  '.inf',
  '99999999999999999999',
  'null',
  '*x',
  '&x ',
  '|',
  '\t',
  'é',
  '\u{1F600}',
  '__proto__',
  'constructor',
  '{x',
  '(?P<',
  '%s',
];

/** A fixture with pieces put in the place of stretches of it. */
const mutated = fc
  .tuple(
    fc.constantFrom(...texts),
    fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(12), fc.constantFrom(...pieces)), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([text, edits]) =>
    edits.reduce((whole, [where, length, piece]) => {
      const at = Math.floor(where * whole.length);
      return whole.slice(0, at) + piece + whole.slice(at + length);
    }, text),
  );

describe('score: whatever a score says', () => {
  it('is answered with diagnostics inside the text, never with an exception', () => {
    fc.assert(
      fc.property(mutated, (text) => {
        const path = join(fixtures, 'mutated.yaml');
        const { score, diagnostics } = parseScore({ text, path });
        const found = [...diagnostics];
        if (score !== null) {
          const plan = planScore(score, { cwd: fixtures });
          assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
          found.push(...checkScore(score, { plan, files: diskFiles, catalogue }));
          if (plan.totalSheets < 50) {
            found.push(
              ...renderAll(score, plan, { files: diskFiles, catalogue, productVersion: '0' }).diagnostics,
            );
          }
        } else assert.ok(diagnostics.some((each) => each.severity === 'error'));
        for (const { range, message } of found) {
          assert.ok(message.length > 0);
          if (range !== null)
            assert.ok(range.offset >= 0 && range.offset <= range.end && range.end <= text.length);
        }
      }),
      { numRuns: 600 },
    );
  });
});
