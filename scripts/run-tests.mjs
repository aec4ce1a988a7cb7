// Runs one layer of mocha suites from out/ (built by `node esbuild.mjs --tests`): unit | integration [mocha arguments].
import { spawnSync } from 'node:child_process';
import { globSync } from 'tinyglobby';

const [layer = 'unit', ...rest] = process.argv.slice(2);
const build = process.env.MZT_TEST_NO_BUILD === '1' ? { status: 0 } : spawnSync(process.execPath, ['esbuild.mjs', '--tests'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
const files = globSync(`out/test/${layer}/**/*.test.js`).sort();
if (files.length === 0) {
  console.error(`no ${layer} tests found`);
  process.exit(1);
}
const timeout = layer === 'unit' ? '5000' : '60000';
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', 'node_modules/mocha/bin/mocha.js', '--timeout', timeout, '--forbid-only', '--forbid-pending', '--exit', ...rest, ...files],
  { stdio: 'inherit' },
);
process.exit(run.status ?? 1);
