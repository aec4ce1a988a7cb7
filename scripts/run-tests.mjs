// Runs one layer of mocha suites from out/: unit | integration [mocha arguments]. Builds first unless MZT_TEST_NO_BUILD=1.
import { globSync } from 'tinyglobby';
import { buildTests, playTests } from './mocha.mjs';

const [layer = 'unit', ...more] = process.argv.slice(2);
buildTests();
const files = globSync(`out/test/${layer}/**/*.test.js`).sort();
if (files.length === 0) {
  console.error(`no ${layer} tests found`);
  process.exit(1);
}
/** A second try for tests that start dozens of processes: a machine that stood still for seconds is no fault of theirs. Told in the output. */
const retries = layer === 'unit' ? 0 : 1;
/** A unit test waits for nothing, an integration test for real processes on a busy machine. */
const timeoutMs = layer === 'unit' ? 20_000 : 90_000;
playTests(files, { timeoutMs, retries, more });
