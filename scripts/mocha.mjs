// Builds the tests and plays some of them: what every layer but the editor's has in common.
import { spawnSync } from 'node:child_process';

/** Builds into out/, unless MZT_TEST_NO_BUILD=1; ends this process when that fails. */
export function buildTests() {
  if (process.env.MZT_TEST_NO_BUILD === '1') return;
  const build = spawnSync(process.execPath, ['esbuild.mjs', '--tests'], { stdio: 'inherit' });
  if (build.status !== 0) process.exit(build.status ?? 1);
}

/** Ends this process as mocha ends. `timeoutMs` is for one test; a test that skips itself, or is the only one, fails the run. */
export function playTests(files, { timeoutMs, retries, env = process.env, more = [] }) {
  const { status } = spawnSync(
    process.execPath,
    [
      '--enable-source-maps',
      'node_modules/mocha/bin/mocha.js',
      '--reporter',
      'scripts/counting-reporter.cjs',
      '--timeout',
      String(timeoutMs),
      '--retries',
      String(retries),
      '--forbid-only',
      '--forbid-pending',
      '--exit',
      ...more,
      ...files,
    ],
    { stdio: 'inherit', env },
  );
  process.exit(status ?? 1);
}
