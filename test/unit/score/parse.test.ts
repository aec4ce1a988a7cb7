import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseScore } from '../../../src/score/parse';
import { planScore } from '../../../src/score/plan-score';

const fixtures = join(__dirname, '../../../../test/fixtures/scores');

describe('score: parse and plan', () => {
  it('plans a score with fan-out, aliases and conditions', () => {
    const path = join(fixtures, 'hello.yaml');
    const { score, diagnostics } = parseScore({ text: readFileSync(path, 'utf8'), path });
    assert.deepEqual(diagnostics, []);
    assert.ok(score);
    const plan = planScore(score, { cwd: '/tmp' });
    assert.equal(plan.workspace, join(fixtures, 'out'));
    assert.equal(plan.totalSheets, 5);
    assert.equal(plan.totalStages, 3);
    assert.deepEqual(
      plan.sheets.map((sheet) => [sheet.num, sheet.stage, sheet.instance, sheet.fanCount, sheet.dependsOn]),
      [
        [1, 1, 1, 1, []],
        [2, 2, 1, 3, [1]],
        [3, 2, 2, 3, [1]],
        [4, 2, 3, 3, [1]],
        [5, 3, 1, 1, [2, 3, 4]],
      ],
    );
    assert.deepEqual(
      plan.sheets.map((sheet) => sheet.validations.map((rule) => rule.index)),
      [[1], [], [2], [2], [3]],
    );
    assert.equal(plan.sheets[0]?.instrument.config.timeoutSeconds, 600);
    assert.deepEqual(
      plan.sheets[0]?.fallbacks.map((fallback) => fallback.profile),
      ['codex-cli'],
    );
    assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan, 'a plan is plain JSON');
  });
});
