import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CodePage } from '../../../src/views/code-pages';

describe('the page of diagnostic codes', () => {
  it('has a line for every code that the sources say', () => {
    const page = new CodePage('.');
    const lines = readFileSync(page.path, 'utf8').split('\n');
    const sources = readdirSync('src/score', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join('src/score', name), 'utf8'));
    const codes = new Set(sources.flatMap((text) => text.match(/(?<=')[PV]\d{3}(?=')/g) ?? []));
    assert.ok(codes.size > 40, `${codes.size} codes`);
    for (const code of codes) {
      const line = page.lineOf(code);
      assert.ok(line !== null, `${code} is not in ${page.path}`);
      assert.ok(lines[line - 1]?.startsWith(`| ${code} |`));
    }
  });

  it('gives no link for what it does not know, or without the file', () => {
    assert.equal(new CodePage('.').lineOf('X999'), null);
    assert.equal(new CodePage('/nowhere').lineOf('P001'), null);
  });
});
