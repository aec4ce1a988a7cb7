import assert from 'node:assert/strict';
import { describeStatus, signalName, trueStatus } from '../../../src/backends/process-status';

describe('trueStatus', () => {
  const cases: readonly (readonly [
    string,
    number | null,
    number | null,
    number[],
    number | null,
    number | null,
  ])[] = [
    ['an exit code', 3, null, [], 3, null],
    ['an exit code although a signal was on its way', 0, 15, [], 0, null],
    ['a common signal', 137, null, [], null, 9],
    ['a claimed code', 143, null, [143], 143, null],
    ['a claimed code that the conductor caused', 143, 15, [143], null, 15],
    ['a claimed code while another signal was sent', 143, 9, [143], 143, null],
    ['no common signal', 173, null, [], 173, null],
    ['no common signal, but sent', 162, 34, [], null, 34],
    ['128 itself', 128, null, [], 128, null],
    ['nothing recorded', null, null, [], null, null],
    ['nothing recorded after a signal', null, 9, [], null, 9],
  ];
  for (const [what, raw, sent, claimed, exitCode, exitSignal] of cases) {
    it(`tells ${what}`, () => {
      assert.deepEqual(trueStatus(raw, sent, claimed), { exitCode, exitSignal });
    });
  }

  it('has words for all of them', () => {
    assert.equal(describeStatus({ exitCode: 3, exitSignal: null }), 'exit code 3');
    assert.equal(describeStatus({ exitCode: null, exitSignal: 9 }), 'ended by SIGKILL');
    assert.equal(describeStatus({ exitCode: null, exitSignal: null }), 'no exit status recorded');
    assert.equal(signalName(99), 'signal 99');
  });
});
