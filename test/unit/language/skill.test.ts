import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import YAML from 'yaml';
import { z } from 'zod';
import { diskFiles } from '../../../src/score/disk-files';
import { renderAll } from '../../../src/score/render-all';
import { allCommands } from '../../../src/cli/commands';
import { catalogue, diagnose, planned } from '../score/kit';

const root = join(__dirname, '../../../..');
const manifest = z
  .object({ contributes: z.object({ chatSkills: z.array(z.object({ path: z.string() })) }) })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));

for (const { path } of manifest.contributes.chatSkills) {
  describe(`the skill ${path}`, () => {
    const text = readFileSync(join(root, path), 'utf8');
    const blocks = (language: string): string[] =>
      [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(
        ([, body = '']) => body,
      );

    it('has the name of its folder, and says when to use it, as agents’ readers of skills want (agentskills.io)', () => {
      const [, head = ''] = /^---\n([^]*?)\n---\n/.exec(text) ?? [];
      const about = z.object({ name: z.string(), description: z.string() }).parse(YAML.parse(head));
      assert.equal(about.name, basename(dirname(path)));
      assert.match(about.name, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
      assert.ok(about.description.length <= 1024 && about.description.includes('Use when'));
      assert.ok(text.split('\n').length < 200, 'an agent reads it whole');
    });

    it('shows scores that are valid without a warning, and whose every prompt renders', () => {
      const scores = blocks('yaml');
      assert.ok(scores.length > 0);
      for (const score of scores) {
        const { score: parsed, plan } = planned(`workspace: /tmp\n${score}`);
        const { diagnostics, sheets } = renderAll(parsed, plan, {
          files: diskFiles,
          catalogue,
          productVersion: '0',
        });
        const said = [...diagnose(`workspace: /tmp\n${score}`), ...diagnostics];
        assert.deepEqual(
          said.filter(({ severity }) => severity !== 'info').map(({ code, message }) => `${code} ${message}`),
          [],
        );
        assert.ok(sheets.length > 0 && sheets.every(({ result }) => result.ok));
      }
    });

    it('names commands that mzt has', () => {
      const known = new Set(allCommands.flatMap(({ commands }) => commands.map(({ name }) => name)));
      const used = [...text.matchAll(/\bmzt ([a-z]+)/g)].map(([, name = '']) => name);
      assert.ok(used.length > 10);
      assert.deepEqual(
        used.filter((name) => !known.has(name)),
        [],
      );
    });
  });
}
