import { strict as assert } from 'node:assert';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkScore } from '../../../src/score/check';
import { diskFiles } from '../../../src/score/disk-files';
import { parseScore } from '../../../src/score/parse';
import { planScore } from '../../../src/score/plan-score';
import { renderAll } from '../../../src/score/render-all';
import { catalogue, fixtures } from './kit';

/** File → what is said of it. The prompts are in `<name>.prompts.txt`; their template parts were compared with Jinja2 3.1. */
const verdicts: Readonly<Record<string, readonly string[]>> = {
  'api-summaries': ['V405@5'],
  book: [],
  'broken-cycle': ['P026@9'],
  'broken-names': ['P012@2', 'P013@3', 'P012@5', 'P011@6', 'P011@7', 'P012@9', 'P015@11'],
  'broken-template': ['V404@14', 'V205@13', 'V430@11'],
  fleet: ['P009@1'],
  hello: ['V207@15'],
  invoice: [],
  'issue-solver': ['V400@6', 'V400@7', 'V400@10', 'V400@11', 'V400@13', 'V400@15', 'V402@19', 'V401@26'],
  'legacy-backend': [],
  'research-fan-out': [],
  review: [],
  'shell-steps': [],
  voices: [],
};

/** Everything that is sent, as one text; `$DIR` stands for the folder of the scores. */
function sent(sheets: ReturnType<typeof renderAll>['sheets']): string {
  return sheets
    .map(({ sheet, result }) => {
      const head = `=== sheet ${sheet.num} (${sheet.instrument.label}) ===\n`;
      if (!result.ok) return `${head}FAILED\n`;
      return `${head}${result.preamble === null ? '' : `${result.preamble}\n---8<---\n`}${result.prompt}`;
    })
    .join('\n')
    .replaceAll(fixtures, '$DIR');
}

describe('score: whole scores', () => {
  it('has an expectation for every fixture', () => {
    const names = readdirSync(fixtures).flatMap((file) =>
      file.endsWith('.yaml') ? [file.slice(0, -5)] : [],
    );
    assert.deepEqual(names.sort(), Object.keys(verdicts).sort());
  });

  for (const [name, expected] of Object.entries(verdicts)) {
    it(name, () => {
      const path = join(fixtures, `${name}.yaml`);
      const { score, diagnostics } = parseScore({ text: readFileSync(path, 'utf8'), path });
      const found = [...diagnostics];
      if (score !== null) {
        const plan = planScore(score, { cwd: fixtures });
        assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan, 'a plan is plain JSON');
        found.push(...checkScore(score, { plan, files: diskFiles, catalogue }));
        const all = renderAll(score, plan, { files: diskFiles, catalogue, productVersion: '0.0.0' });
        found.push(...all.diagnostics);
        const golden = join(fixtures, `${name}.prompts.txt`);
        if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(golden, sent(all.sheets));
        assert.ok(existsSync(golden), `${golden} is missing: run with UPDATE_GOLDENS=1 and read it`);
        assert.equal(sent(all.sheets), readFileSync(golden, 'utf8'));
      }
      assert.deepEqual(
        found.map((each) => `${each.code}@${each.range?.line ?? '-'}`),
        expected,
      );
    });
  }
});
