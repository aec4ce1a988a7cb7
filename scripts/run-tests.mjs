// Runs one layer of mocha suites from out/: unit | integration [mocha arguments]. Builds first unless MZT_TEST_NO_BUILD=1.
import { spawnSync } from 'node:child_process';
import { globSync } from 'tinyglobby';

const [layer = 'unit', ...rest] = process.argv.slice(2);
if (process.env.MZT_TEST_NO_BUILD !== '1') {
  const build = spawnSync(process.execPath, ['esbuild.mjs', '--tests'], { stdio: 'inherit' });
  if (build.status !== 0) process.exit(build.status ?? 1);
}
const files = globSync(`out/test/${layer}/**/*.test.js`).sort();
if (files.length === 0) {
  console.error(`no ${layer} tests found`);
  process.exit(1);
}
/** A second try for tests that start dozens of processes: a machine that stood still for seconds is no fault of theirs. Told in the output. */
const retries = layer === 'unit' ? '0' : '1';
/** Milliseconds for one test: a unit test waits for nothing, an integration test for real processes on a busy machine. */
const timeout = layer === 'unit' ? '20000' : '90000';
const run = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    'node_modules/mocha/bin/mocha.js',
    '--reporter',
    'scripts/counting-reporter.cjs',
    '--timeout',
    timeout,
    '--retries',
    retries,
    '--forbid-only',
    '--forbid-pending',
    '--exit',
    ...rest,
    ...files,
  ],
  { stdio: 'inherit' },
);
process.exit(run.status ?? 1);
