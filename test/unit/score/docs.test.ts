import { strict as assert } from 'node:assert';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../../..');

describe('score: docs', () => {
  it('list every diagnostic code, and no other', () => {
    const sources = readdirSync(join(root, 'src/score'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('template/'))
      .map((file) => readFileSync(join(root, 'src/score', file), 'utf8'));
    const used = new Set(sources.flatMap((text) => text.match(/(?<=')[PV]\d{3}(?=')/g) ?? []));
    const page = readFileSync(join(root, 'docs/diagnostics.md'), 'utf8');
    const documented = new Set(page.match(/(?<=^\| )[PV]\d{3}(?= \|)/gm));
    assert.deepEqual([...documented].sort(), [...used].sort());
  });
});
