import assert from 'node:assert/strict';
import { conductorLine, redacted, withoutScores } from '../../../src/views/rare/redaction';

describe('what a report leaves out', () => {
  const hide = (text: string) => redacted(text, { home: '/home/ada', values: ['hunter2hunter2', 'ab'] });

  it('keys that are known, and shapes of keys', () => {
    assert.equal(hide('it was hunter2hunter2, and a cab'), 'it was [key], and a cab');
    for (const key of [
      'sk-ant-api03-AbCdEfGhIjKlMnOp',
      'ghp_AbCdEfGhIjKlMnOpQrSt',
      'AKIAIOSFODNN7EXAMPLE',
      'AIzaSyA-1234567890abcdef',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
      'sk-or-v1-0123456789abcdef',
    ]) {
      assert.equal(hide(`with ${key}.`).includes(key), false, key);
    }
    assert.equal(hide('Authorization: Bearer abcdefgh12345'), 'Authorization: Bearer [key]');
    assert.equal(
      hide('MY_API_KEY=plain-words and "token": "x y"'),
      'MY_API_KEY=[key] and "token": "[key] y"',
    );
    assert.equal(hide('https://ada:pass@host/x'), 'https://[key]@host/x');
    assert.equal(hide('x'.repeat(64)), '[…]');
  });

  it('the home folder, and keeps what helps', () => {
    const kept = 'instrument cli: ready, conductor 0.1.0 (b93a1c22d001), /usr/bin/node, sheet 3, pid 4711';
    assert.equal(hide(kept), kept);
    assert.equal(hide('/home/ada/work/a.yaml'), '~/work/a.yaml');
    assert.equal(redacted('/etc/passwd', { home: '/', values: [] }), '/etc/passwd');
  });

  it('what scores say', () => {
    assert.equal(
      withoutScores('[info] ~/a.yaml:3: error V101: unknown field “our secret plan”'),
      '[info] ~/a.yaml:3: error V101',
    );
    assert.equal(
      withoutScores('[info] submit ~/a.yaml: rejected: line 2: V101 “our secret plan”'),
      '[info] submit ~/a.yaml: rejected',
    );
    assert.equal(withoutScores('[info] activated in 3.1 ms'), '[info] activated in 3.1 ms');
  });

  it('most of a line of the conductor’s log', () => {
    const time = Date.UTC(2026, 10, 21);
    const line = {
      level: 50,
      time,
      pid: 1,
      msg: 'failed',
      error: 'Error: no\n at a\n at b\n at c',
      prompt: 'do it',
    };
    assert.equal(
      conductorLine(JSON.stringify(line)),
      '2026-11-21T00:00:00.000Z error failed Error: no  at a  at b',
    );
    assert.equal(conductorLine('FATAL ERROR: heap'), 'FATAL ERROR: heap');
    assert.deepEqual([conductorLine(''), conductorLine('7')], [null, null]);
  });
});
