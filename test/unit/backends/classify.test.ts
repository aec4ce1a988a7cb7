import assert from 'node:assert/strict';
import { classify, matchesDetectionPatterns, type Classification } from '../../../src/backends/classify';
import { interpretClaude } from '../../../src/backends/claude/interpret';
import { executionResult, type ExecutionResult } from '../../../src/backends/result';
import { builtIn, outcomeOf } from '../../support/backends-runner';

function failed(more: Partial<ExecutionResult>): ExecutionResult {
  return executionResult({
    success: false,
    stdout: '',
    stderr: '',
    durationSeconds: 1,
    startedAt: new Date(0),
    ...more,
  });
}

describe('classify', () => {
  type Row = readonly [
    Partial<ExecutionResult>,
    Classification['code'],
    Classification['category'],
    Classification['action'],
    number,
  ];
  const rows: readonly Row[] = [
    [{ errorType: 'rate_limit' }, 'E102', 'rate_limit', 'wait', 900],
    [{ errorType: 'usage_limit' }, 'E104', 'rate_limit', 'wait', 3600],
    [{ errorType: 'quota_exhausted' }, 'E104', 'rate_limit', 'wait', 3600],
    [{ errorType: 'overloaded' }, 'E103', 'rate_limit', 'wait', 300],
    [{ errorType: 'authentication' }, 'E502', 'auth', 'fallback', 0],
    [{ errorType: 'network', errorMessage: 'ECONNREFUSED' }, 'E901', 'network', 'retry', 30],
    [{ errorType: 'network', errorMessage: 'getaddrinfo ENOTFOUND x' }, 'E902', 'network', 'retry', 30],
    [{ errorType: 'network', errorMessage: 'TLS handshake' }, 'E903', 'network', 'retry', 30],
    [{ errorType: 'network', errorMessage: 'Request timed out.' }, 'E904', 'network', 'retry', 60],
    [{ errorType: 'context_too_long' }, 'E602', 'preflight', 'fallback', 0],
    [{ errorType: 'permission_denied' }, 'E301', 'configuration', 'stop', 0],
    [{ errorType: 'configuration' }, 'E301', 'configuration', 'fallback', 0],
    [{ errorType: 'not_found' }, 'E505', 'configuration', 'fallback', 0],
    [{ errorType: 'failed_to_start', errorMessage: 'EACCES: no' }, 'E505', 'configuration', 'fallback', 0],
    [{ errorType: 'failed_to_start', errorMessage: 'EAGAIN: later' }, 'E009', 'transient', 'retry', 10],
    [{ errorType: 'empty_answer' }, 'E503', 'transient', 'retry', 15],
    [{ errorType: 'interrupted' }, 'E004', 'signal', 'retry', 10],
    [{ errorType: 'timeout', exitReason: 'timeout' }, 'E001', 'timeout', 'retry', 60],
    [{ errorType: 'stale', exitReason: 'timeout' }, 'E006', 'timeout', 'retry', 120],
    [{ errorType: 'first_output_timeout' }, 'E006', 'timeout', 'retry', 120],
    [{ errorType: 'cancelled', exitReason: 'killed' }, 'E002', 'signal', 'stop', 0],
    [{ errorType: 'crash', exitSignal: 11 }, 'E003', 'signal', 'fallback', 0],
    [{ errorType: 'crash', exitSignal: 9 }, 'E002', 'signal', 'retry', 30],
    [
      { errorType: 'crash', exitSignal: 9, stderr: 'JavaScript heap out of memory' },
      'E005',
      'signal',
      'fallback',
      0,
    ],
    [{ errorType: 'crash', exitSignal: 15 }, 'E002', 'signal', 'retry', 10],
    [{ errorType: 'nonzero_exit', exitCode: 1 }, 'E009', 'transient', 'retry', 10],
    [
      { errorType: 'nonzero_exit', exitCode: 2, errorMessage: 'syntax error near x' },
      'E009',
      'fatal',
      'fallback',
      0,
    ],
    [{ errorType: 'nonzero_exit', exitCode: 124 }, 'E001', 'timeout', 'retry', 60],
    [{ errorType: 'nonzero_exit', exitCode: 127 }, 'E505', 'configuration', 'fallback', 0],
    [{ errorType: 'nonzero_exit', exitCode: 7 }, 'E999', 'transient', 'retry', 30],
    [{ errorType: null }, 'E999', 'transient', 'retry', 10],
    [{ errorType: null, stderr: 'out of memory' }, 'E999', 'transient', 'retry', 60],
  ];
  for (const [facts, code, category, action, baseDelaySeconds] of rows) {
    it(`${JSON.stringify(facts)} → ${code} ${action}`, () => {
      const found = classify(failed(facts), { kind: 'cli' });
      const retriable = action === 'retry' || action === 'wait';
      assert.deepEqual(
        { ...found, message: '' },
        { code, category, action, baseDelaySeconds, retriable, waitSeconds: null, message: '' },
      );
      assert.notEqual(found.message, '');
    });
  }

  it('counts limits of an HTTP API as E101, and hands a stated wait on', () => {
    const found = classify(failed({ errorType: 'rate_limit', rateLimitWaitSeconds: 5 }), { kind: 'http' });
    assert.deepEqual([found.code, found.baseDelaySeconds, found.waitSeconds], ['E101', 3600, 5]);
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

describe('matchesDetectionPatterns', () => {
  it('looks at failed runs only, and survives a broken expression', () => {
    const result = failed({ stderr: 'Custom THROTTLE now' });
    assert(matchesDetectionPatterns(result, ['(', 'throttle']));
    assert(!matchesDetectionPatterns(result, ['(']));
    const success = executionResult({
      success: true,
      stdout: '',
      stderr: 'throttle',
      durationSeconds: 0,
      startedAt: new Date(),
    });
    assert(!matchesDetectionPatterns(success, ['throttle']));
  });
});
