import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const text = (path: string) => readFileSync(path, 'utf8');

/** What `vsce` would pack; asked as a program, since it brings half a world into the process. */
function packed(): string[] {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/@vscode/vsce/vsce', 'ls', '--no-dependencies'],
    { encoding: 'utf8' },
  );
  const files = stdout.split('\n').filter((line) => line !== '');
  assert.ok(files.length > 10, stderr);
  return files.sort();
}

describe('the package', function () {
  this.timeout(30_000);
  const golden = text('test/fixtures/vsix-files.txt')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

  it('has exactly the files of test/fixtures/vsix-files.txt', () => {
    assert.deepEqual(packed(), golden);
  });

  it('has every file that its bundles and its manifest name', () => {
    const has = new Set(golden);
    for (const bundle of golden.filter((file) => /^dist\/.*\.js$/.test(file))) {
      for (const [, name = ''] of text(bundle).matchAll(/(?:import|require)\("\.\/([\w.-]+\.js)"\)/g))
        assert.ok(has.has(`dist/${name}`), `${bundle} asks for ${name}`);
    }
    const manifest = text('package.json');
    for (const [, file = ''] of manifest.matchAll(
      /"(?:\.\/)?((?:media|dist|schemas|snippets|skills)\/[^"]+)"/g,
    ))
      assert.ok(has.has(file), `package.json names ${file}`);
    for (const [, file = ''] of text('MARKETPLACE.md').matchAll(/\]\((media\/[^)]+)\)/g))
      assert.ok(has.has(file), `MARKETPLACE.md shows ${file}`);
  });

  it('has pictures of modest size', () => {
    const pictures = golden.filter((file) => file.endsWith('.png'));
    assert.ok(pictures.length >= 4);
    for (const file of pictures) assert.ok(statSync(file).size <= 150 * 1024, file);
  });

  it('has all texts for translators, as the sources say them', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/l10n.mjs', '--check'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const { l10n } = z.object({ l10n: z.string() }).parse(JSON.parse(text('package.json')));
    const bundle = z.record(z.string(), z.string()).parse(JSON.parse(text(join(l10n, 'bundle.l10n.json'))));
    // A text and its translation have the same places to fill.
    const places = (message: string) => [...message.matchAll(/\{\d+\}/g)].map(([place]) => place).sort();
    for (const [key, value] of Object.entries(bundle)) assert.deepEqual(places(value), places(key));
  });
});
