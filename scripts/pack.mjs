// Builds what ships and packs it: node scripts/pack.mjs [file.vsix]
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(import.meta.dirname, '..');

/** @returns {string} the package's file. @throws when a step fails */
export function pack(file) {
  const vsix = resolve(file);
  mkdirSync(dirname(vsix), { recursive: true });
  const options = [
    '--no-dependencies',
    '--allow-missing-repository',
    '--no-rewrite-relative-links',
    '--readme-path',
    'MARKETPLACE.md',
  ];
  for (const args of [
    ['esbuild.mjs'],
    ['node_modules/@vscode/vsce/vsce', 'package', ...options, '--out', vsix],
  ]) {
    const { status } = spawnSync(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) throw new Error(`node ${args.join(' ')} failed`);
  }
  return vsix;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(pack(process.argv[2] ?? 'out/marianne.vsix'));
