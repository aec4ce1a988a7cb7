// The harness tests itself: what it must call passed, and above all what it must not.
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { editionNames } from '../../../scripts/vscode/server.mjs';
import { runSuites } from '../../../scripts/vscode/run-suites.mjs';

const extension = resolve('test/fixtures/probe-extension');
const quick = { extension, limitSeconds: 60, output: () => undefined };
const suite = (name) => join(extension, 'suites', `${name}.cjs`);

describe('suites in an extension host', function () {
  this.timeout(90_000);

  for (const version of editionNames(process.env.MZT_SELF_TEST_VERSIONS ?? '1.139')) {
    const run = (name, options) => runSuites({ ...quick, ...options, version, files: [suite(name)] });
    describe(`VS Code ${version}`, () => {
      it('passes when every test passes, in an environment of its own', async () => {
        process.env.PROBE_SECRET_KEY = 'must not arrive';
        let printed = '';
        const result = await run('pass', { output: (chunk) => (printed += chunk) });
        assert.deepEqual(result.reasons, []);
        assert.equal(result.passed, true);
        assert.deepEqual([result.tests, result.passes, result.failures], [2, 2, 0]);
        assert.ok(result.vscode.startsWith(version), result.vscode);
        assert.match(printed, /2 passing/);
      });
      it('fails when a test fails', async () => {
        const result = await run('fail');
        assert.equal(result.passed, false);
        assert.deepEqual(result.reasons, ['exit code 1', '1 failed']);
      });
      it('fails when a test ends the extension host with process.exit(0)', async () => {
        const result = await run('exit');
        assert.equal(result.passed, false);
        assert.match(
          result.reasons[0],
          /there is no report \(last test started: "a suite ends the extension host"\)/,
        );
      });
      it('fails when the extension host is killed', async () => {
        const result = await run('kill');
        assert.equal(result.passed, false);
        assert.match(
          result.reasons.join('\n'),
          /Extension Host Process exited with code: (null|undefined), signal: SIGKILL|SIGKILL/,
        );
      });
      it('cuts a run that hangs, and says in which test', async () => {
        const result = await run('hang', { limitSeconds: 10 });
        assert.equal(result.passed, false);
        assert.equal(result.reasons[0], 'not finished after 10 s (last test started: "a suite never ends")');
      });
      it('fails on a rejection that nobody handles', async () => {
        const result = await run('rejection');
        assert.equal(result.passed, false);
        assert.ok(result.reasons.includes('1 unhandled rejections'), result.reasons.join());
      });
      it('fails when a suite cannot be loaded', async () => {
        const result = await run('import');
        assert.equal(result.passed, false);
        assert.match(result.reasons.join(), /exit code 1/);
      });
    });
  }
});
