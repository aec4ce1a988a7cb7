// Prints what the extension weighs, and fails when it is over its budget: node scripts/size.mjs [--activation]
//   extension bundle ≤ 350 KB, VSIX ≤ 3 MB; with --activation also activate() ≤ 50 ms in a real VS Code (its suites measure it).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from './pack.mjs';

const root = join(import.meta.dirname, '..');
const run = (command, args) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
};

const folder = mkdtempSync(join(tmpdir(), 'mzt-size-'));
const vsix = join(folder, 'marianne.vsix');
const rows = [];
try {
  pack(vsix);
  rows.push(['extension bundle', statSync(join(root, 'dist/extension.js')).size / 1024, 350, 'KB']);
  rows.push(['VSIX', statSync(vsix).size / 1024 / 1024, 3, 'MB']);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (process.argv.includes('--activation')) {
  run(process.execPath, ['esbuild.mjs', '--tests']);
  const { stdout } = spawnSync(
    process.execPath,
    ['scripts/vscode/run-suites.mjs', '--version', '1.139', '--grep', 'takes no time'],
    { cwd: root, encoding: 'utf8' },
  );
  const measured = /activate\(\) took ([0-9.]+) ms/.exec(stdout)?.[1];
  if (measured === undefined) throw new Error(`activation was not measured:\n${stdout}`);
  rows.push(['activate()', Number(measured), 50, 'ms']);
}
for (const [name, value, budget, unit] of rows) {
  console.log(`${name}: ${value.toFixed(unit === 'MB' ? 2 : 1)} ${unit} of ${budget} ${unit}`);
  if (value > budget) process.exitCode = 1;
}
