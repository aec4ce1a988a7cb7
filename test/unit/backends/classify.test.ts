import assert from 'node:assert/strict';
import { classify, withDetectionPatterns, type Classification } from '../../../src/backends/classify';
import { interpretClaude } from '../../../src/backends/claude/interpret';
import { executionResult, type ExecutionResult } from '../../../src/backends/result';
import { failedResult } from '../../support/failed-result';
import { builtIn, outcomeOf } from '../../support/backends-runner';

describe('classify', () => {
  type Row = readonly [
    Partial<ExecutionResult>,
    Classification['code'],
    Classification['category'],
    Classification['action'],
  ];
  const rows: readonly Row[] = [
    [{ errorType: 'rate_limit' }, 'E102', 'rate_limit', 'wait'],
    [{ errorType: 'usage_limit' }, 'E104', 'rate_limit', 'wait'],
    [{ errorType: 'quota_exhausted' }, 'E104', 'rate_limit', 'wait'],
    [{ errorType: 'overloaded' }, 'E103', 'rate_limit', 'wait'],
    [{ errorType: 'authentication' }, 'E502', 'auth', 'fallback'],
    [{ errorType: 'network', errorMessage: 'ECONNREFUSED' }, 'E901', 'network', 'retry'],
    [{ errorType: 'network', errorMessage: 'getaddrinfo ENOTFOUND x' }, 'E902', 'network', 'retry'],
    [{ errorType: 'network', errorMessage: 'TLS handshake' }, 'E903', 'network', 'retry'],
    [{ errorType: 'network', errorMessage: 'Request timed out.' }, 'E904', 'network', 'retry'],
    [{ errorType: 'context_too_long' }, 'E602', 'preflight', 'fallback'],
    [{ errorType: 'permission_denied' }, 'E301', 'configuration', 'stop'],
    [{ errorType: 'configuration' }, 'E301', 'configuration', 'fallback'],
    [{ errorType: 'not_found' }, 'E505', 'configuration', 'fallback'],
    [{ errorType: 'failed_to_start', errorMessage: 'EACCES: no' }, 'E505', 'configuration', 'fallback'],
    [{ errorType: 'failed_to_start', errorMessage: 'EAGAIN: later' }, 'E009', 'transient', 'retry'],
    [{ errorType: 'empty_answer' }, 'E503', 'transient', 'retry'],
    [{ errorType: 'interrupted' }, 'E004', 'signal', 'retry'],
    [{ errorType: 'timeout', exitReason: 'timeout' }, 'E001', 'timeout', 'retry'],
    [{ errorType: 'stale', exitReason: 'timeout' }, 'E006', 'timeout', 'retry'],
    [{ errorType: 'first_output_timeout' }, 'E006', 'timeout', 'retry'],
    [{ errorType: 'cancelled', exitReason: 'killed' }, 'E002', 'signal', 'stop'],
    [{ errorType: 'crash', exitSignal: 11 }, 'E003', 'signal', 'fallback'],
    [{ errorType: 'crash', exitSignal: 9 }, 'E002', 'signal', 'retry'],
    [
      { errorType: 'crash', exitSignal: 9, stderr: 'JavaScript heap out of memory' },
      'E005',
      'signal',
      'fallback',
    ],
    [{ errorType: 'crash', exitSignal: 15 }, 'E002', 'signal', 'retry'],
    [{ errorType: 'nonzero_exit', exitCode: 1 }, 'E009', 'transient', 'retry'],
    [
      { errorType: 'nonzero_exit', exitCode: 2, errorMessage: 'syntax error near x' },
      'E009',
      'fatal',
      'fallback',
    ],
    [{ errorType: 'nonzero_exit', exitCode: 124 }, 'E001', 'timeout', 'retry'],
    [{ errorType: 'nonzero_exit', exitCode: 127 }, 'E505', 'configuration', 'fallback'],
    [{ errorType: 'nonzero_exit', exitCode: 7 }, 'E999', 'transient', 'retry'],
    [{ errorType: null }, 'E999', 'transient', 'retry'],
    [{ errorType: null, stderr: 'out of memory' }, 'E999', 'transient', 'retry'],
  ];
  for (const [facts, code, category, action] of rows) {
    it(`${JSON.stringify(facts)} → ${code} ${action}`, () => {
      const found = classify(failedResult(facts), { kind: 'cli' });
      const retriable = action === 'retry' || action === 'wait';
      assert.deepEqual(
        { ...found, message: '' },
        { code, category, action, retriable, quota: code === 'E104', waitSeconds: null, message: '' },
      );
      assert.notEqual(found.message, '');
    });
  }

  it('counts limits of an HTTP API as E101, and hands a stated wait on', () => {
    const found = classify(failedResult({ errorType: 'rate_limit', rateLimitWaitSeconds: 5 }), {
      kind: 'http',
    });
    assert.deepEqual([found.code, found.waitSeconds], ['E101', 5]);
  });

  it('refuses a success', () => {
    const result = executionResult({
      success: true,
      stdout: '',
      stderr: '',
      durationSeconds: 0,
      startedAt: new Date(),
    });
    assert.throws(() => classify(result, { kind: 'cli' }), RangeError);
  });

  it('turns what Claude Code really prints into a decision', async () => {
    const profile = await builtIn('claude-code');
    const decided = (text: string): string => {
      const outcome = outcomeOf({ rawStatus: 1, stdout: `${text}\n` });
      const { code, action, waitSeconds } = classify(interpretClaude(profile, outcome, 'text', null), {
        kind: 'cli',
      });
      return [code, action, waitSeconds].join(' ');
    };
    assert.equal(decided("You've hit your 5-hour limit · resets 12:55am (UTC)"), 'E104 wait 3290');
    assert.equal(decided('API Error: Request rejected (429) · slow down'), 'E102 wait ');
    assert.equal(decided('API Error: 529 Overloaded. x'), 'E103 wait ');
    assert.equal(decided('Not logged in · Please run /login'), 'E502 fallback ');
    assert.equal(decided('Credit balance is too low'), 'E104 wait ');
    assert.equal(decided('API Error: Connection refused — x (ECONNREFUSED)'), 'E901 retry ');
    assert.equal(decided('Prompt is too long'), 'E602 fallback ');
  });
});

describe('detection patterns of a score', () => {
  const at = new Date('2026-11-21T00:00:00Z');
  const read = (result: ExecutionResult, patterns: string[]) => withDetectionPatterns(result, patterns, at);

  it('make a limit of a vague failure, with the wait it states, and survive a broken expression', () => {
    const result = failedResult({
      errorType: 'nonzero_exit',
      stderr: 'Custom THROTTLE now, retry after 3 s',
    });
    const found = classify(read(result, ['(', 'throttle']), { kind: 'cli' });
    assert.deepEqual([found.code, found.action, found.waitSeconds], ['E102', 'wait', 3]);
    assert.equal(read(result, ['(']).errorType, 'nonzero_exit');
  });

  it('are not looked for in an answer, nor in a failure that is known', () => {
    const answer = { stdout: 'throttle', stderr: '', durationSeconds: 0, startedAt: at };
    const success = executionResult({ ...answer, success: true });
    assert.equal(read(success, ['throttle']), success);
    const vague = failedResult({ errorType: 'nonzero_exit', stdout: 'throttle' });
    assert.equal(read(vague, ['throttle']).errorType, 'nonzero_exit');
    const known = failedResult({ errorType: 'authentication', stderr: 'throttle' });
    assert.equal(read(known, ['throttle']).errorType, 'authentication');
  });
});
