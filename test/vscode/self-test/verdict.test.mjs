import assert from 'node:assert/strict';
import { badExits, faults } from '../../../scripts/vscode/verdict.mjs';

const orderly =
  '[02:47:35] [127.0.0.1][7de9][ExtensionHostConnection] <13205> Extension Host Process exited with code: 0, signal: null.\n';
const good = {
  exitCode: 0,
  limitSeconds: 9,
  serverLog: orderly,
  report: { stats: { tests: 2, failures: 0, unhandledRejections: 0 } },
};

describe('the verdict on a run', () => {
  it('is "passed" only for an orderly end with a good report', () => assert.deepEqual(faults(good), []));
  const bad = {
    'an exit code': { exitCode: 1 },
    'no end in time': { exitCode: undefined },
    'no report': { report: null },
    'a report without tests': { report: { stats: { tests: 0, failures: 0, unhandledRejections: 0 } } },
    'a failure in the report': { report: { stats: { tests: 2, failures: 1, unhandledRejections: 0 } } },
    'a report that lacks a number': { report: { stats: { tests: 2 } } },
    'a rejection': { report: { stats: { tests: 2, failures: 0, unhandledRejections: 1 } } },
    'a host that ended with a code': { serverLog: orderly.replace('code: 0', 'code: 3') },
    'a host that was killed': {
      serverLog: orderly.replace('code: 0, signal: null', 'code: null, signal: SIGKILL'),
    },
  };
  for (const [what, change] of Object.entries(bad))
    it(`is not "passed" for ${what}`, () => assert.notDeepEqual(faults({ ...good, ...change }), []));
  it('names the test in which a run was cut', () =>
    assert.match(
      faults({ ...good, exitCode: undefined, lastTest: 'x y' })[0],
      /not finished after 9 s .*"x y"/,
    ));
  it('takes no orderly end for a bad one', () => assert.deepEqual(badExits(orderly + orderly), []));
});
