// The desktop's way as far as it goes without a desktop: arguments, environment, verdict, time limit.
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { runSuites } from '../../../scripts/vscode/run-suites.mjs';

const suites = resolve('test/fixtures/probe-extension/suites');
const settings = {
  MZT_VSCODE: 'desktop',
  MZT_VSCODE_PATH: resolve('test/fixtures/desktop-stand-in.cjs'),
  DISPLAY: process.env.DISPLAY ?? ':0',
};

describe('suites in a desktop VS Code (a stand-in)', function () {
  this.timeout(30_000);
  const before_ = { ...process.env };
  before(() => Object.assign(process.env, settings));
  after(() => {
    for (const name of Object.keys(settings)) {
      if (before_[name] === undefined) delete process.env[name];
      else process.env[name] = before_[name];
    }
  });
  const run = (name, limitSeconds = 20) =>
    runSuites({
      version: '1.139',
      files: [join(suites, `${name}.cjs`)],
      limitSeconds,
      output: () => undefined,
    });

  it('pass and fail by their report and exit code', async () => {
    const result = await run('holds');
    assert.deepEqual(result.reasons, []);
    assert.equal(result.host, 'desktop');
    assert.deepEqual((await run('fail')).reasons, ['exit code 1', '1 failed']);
    assert.match((await run('exit')).reasons[0], /there is no report/);
  });

  it('are cut when they hang', async () => {
    assert.match((await run('hang', 2)).reasons[0], /not finished after 2 s .*"a suite never ends"/);
  });

  it('say what helps when there is no such VS Code', async () => {
    process.env.MZT_VSCODE_PATH = '/nowhere/code';
    await assert.rejects(run('holds'), /MZT_VSCODE_PATH: there is no \/nowhere\/code/);
    process.env.MZT_VSCODE_PATH = settings.MZT_VSCODE_PATH;
  });
});
