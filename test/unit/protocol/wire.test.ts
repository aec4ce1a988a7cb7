import assert from 'node:assert/strict';
import * as errors from '../../../src/protocol/errors';
import { DaemonError, ErrorCode, fromWire, toWire } from '../../../src/protocol/errors';
import { isMethodName, methodNames, methodSpec, methods } from '../../../src/protocol/methods';
import {
  MAX_SOCKET_PATH_BYTES,
  attemptBase,
  epochOfName,
  ownerRecordName,
  promptPath,
  runtimePath,
  socketCandidates,
  stateDirectory,
} from '../../../src/protocol/paths';

describe('errors on the wire', () => {
  it('come back as the class that was sent, with data and remedy', () => {
    type ErrorClass = new (message: string, details?: errors.ErrorDetails) => DaemonError;
    const exported: unknown[] = Object.values(errors);
    const classes = exported.filter(
      (one): one is ErrorClass => typeof one === 'function' && one.prototype instanceof DaemonError,
    );
    const codes = new Set<number>();
    for (const Class of classes) {
      const sent = new Class('what', { data: { a: 1 }, remedy: 'do that' });
      codes.add(sent.code);
      if (sent.code === ErrorCode.socketPath) continue;
      const got = fromWire(JSON.parse(JSON.stringify(toWire(sent))));
      assert.equal(got.constructor, Class, sent.name);
      assert.deepEqual([got.message, got.data, got.remedy], ['what', { a: 1 }, 'do that']);
    }
    assert.equal(codes.size, classes.length, 'one class a code');
  });

  it('always have data, and never the text of an error that is not ours', () => {
    assert.deepEqual(toWire(new Error('/secret')), { code: -32603, message: 'internal error', data: null });
    assert.deepEqual(toWire('text'), { code: -32603, message: 'internal error', data: null });
    assert.deepEqual(toWire(new errors.CancelledError()).data, null);
    const full = Object.assign(new Error("ENOSPC: write '/secret'"), { code: 'ENOSPC' });
    assert.deepEqual(toWire(full), {
      code: errors.ErrorCode.storageFailed,
      message: 'the disk of the state directory is full (ENOSPC)',
      data: { errno: 'ENOSPC', remedy: 'Make room or repair it, and ask again.' },
    });
  });

  it('are read from whatever comes', () => {
    for (const wire of [null, 7, 'x', [], {}, { code: 'x', message: 7, data: [] }]) {
      assert.ok(fromWire(wire) instanceof DaemonError);
    }
    assert.deepEqual(
      [fromWire({ code: 5, message: 'm' }).code, fromWire({ code: 5, message: 'm' }).name],
      [5, 'DaemonError'],
    );
  });
});

describe('the table of methods', () => {
  it('has the 25 methods of the Python clients', () => {
    const theirs =
      'job.submit job.status job.pause job.resume job.modify job.cancel job.list job.clear job.errors job.diagnose job.history job.recover ' +
      'daemon.health daemon.ready daemon.status daemon.config daemon.shutdown daemon.rate_limits daemon.clear_rate_limits ' +
      'daemon.learning.patterns daemon.top daemon.top.stream daemon.events daemon.observer_events daemon.monitor.stream';
    const names = theirs.split(' ');
    assert.equal(names.length, 25);
    for (const name of names) assert.ok(isMethodName(name), name);
    assert.equal(isMethodName('constructor'), false);
  });

  it('takes what the Python clients send: nulls for what is left out, unknown keys', () => {
    const parsed = methods['job.submit'].params.parse({
      config_path: '/a.yaml',
      workspace: null,
      fresh: null,
      start_sheet: null,
      chain_depth: null,
      client_cwd: '/',
      unknown: 1,
    });
    assert.deepEqual(parsed, {
      config_path: '/a.yaml',
      workspace: null,
      fresh: false,
      self_healing: false,
      self_healing_auto_confirm: false,
      start_sheet: null,
      dry_run: false,
      chain_depth: null,
      client_cwd: '/',
      submit_key: null,
      again: false,
      env: null,
      secrets: null,
      consent: null,
      stored_secrets: null,
      only_sheets: null,
      auto_continue: true,
    });
    assert.deepEqual(methods['job.history'].params.parse({ job_id: 'j' }).limit, 50);
    assert.equal(methods['daemon.shutdown'].params.parse({}).graceful, true);
  });

  it('refuses hostile params', () => {
    const bad: [string, unknown][] = [
      ['job.status', {}],
      ['job.status', { job_id: '' }],
      ['job.status', { job_id: 7 }],
      ['job.submit', { config_path: '/a\0b' }],
      ['job.submit', { config_path: '/a', env: { 'A=B': 'x' } }],
      ['job.submit', { config_path: '/a', start_sheet: 0 }],
      ['log.read', { job_id: 'j', sheet: 1.5, stream: 'stdout' }],
      ['log.read', { job_id: 'j', sheet: 1, stream: 'stdin' }],
      ['log.read', { job_id: 'j', sheet: 1, stream: 'stdout', max_bytes: 1e9 }],
      ['log.read', { job_id: 'j', sheet: 1, stream: 'stdout', offset: -1 }],
      ['trust.approve', { dir: '/', digests: ['../x'] }],
      ['job.preview', { sheet: 1 }],
    ];
    for (const [method, params] of bad) {
      assert.ok(isMethodName(method));
      assert.equal(
        methodSpec(method).params.safeParse(params).success,
        false,
        `${method} ${JSON.stringify(params)}`,
      );
    }
  });

  it('has only streams that never answer and everything else that does', () => {
    assert.deepEqual(
      methodNames.filter((name) => methodSpec(name).streaming),
      ['daemon.monitor.stream'],
    );
  });
});

describe('paths of the state directory', () => {
  it('come from MARIANNE_HOME, else from the home folder', () => {
    assert.equal(stateDirectory({ MARIANNE_HOME: '/x/y/' }, '/home/u'), '/x/y');
    assert.equal(stateDirectory({ MARIANNE_HOME: '' }, '/home/u'), '/home/u/.marianne');
    assert.throws(() => stateDirectory({}, ''), RangeError);
  });

  it('never leave it, whatever a name says', () => {
    for (const name of ['..', '.', '', 'a/b', '../x', 'a\0', '-', '.hidden', 'x'.repeat(300)]) {
      assert.throws(() => attemptBase('/s', name, 1, 1), RangeError, name);
      assert.throws(() => runtimePath('/s', name), RangeError);
      assert.throws(() => promptPath('/s', name), RangeError);
    }
    assert.throws(() => attemptBase('/s', 'run', 0, 1), RangeError);
    assert.throws(() => attemptBase('/s', 'run', 1, 1.5), RangeError);
    assert.equal(attemptBase('/s', 'run-2', 3, 4), '/s/jobs/run-2/3.4');
  });

  it('number the owner records', () => {
    assert.equal(ownerRecordName(12), 'epoch-000000000012');
    assert.deepEqual(['epoch-000000000012', 'epoch-12', 'x', '.abc.1'].map(epochOfName), [
      12,
      null,
      null,
      null,
    ]);
  });

  it('give only sockets that fit in bytes', () => {
    const places = { hash: '01234567', env: { XDG_RUNTIME_DIR: '/run/user/1' }, uid: 1, tmpDir: '/tmp' };
    assert.deepEqual(socketCandidates({ ...places, stateDir: '/home/u/.marianne' }), [
      '/home/u/.marianne/run/s',
      '/run/user/1/marianne/01234567/s',
      '/tmp/marianne-1/01234567/s',
    ]);
    const wide = `/${'é'.repeat(48)}`;
    assert.deepEqual(socketCandidates({ ...places, stateDir: wide, env: { XDG_RUNTIME_DIR: 'relative' } }), [
      '/tmp/marianne-1/01234567/s',
    ]);
    assert.throws(
      () => socketCandidates({ ...places, stateDir: wide, env: {}, tmpDir: wide }),
      errors.SocketPathError,
    );
    const exact = `/${'x'.repeat(MAX_SOCKET_PATH_BYTES - 1)}`;
    assert.deepEqual(socketCandidates({ ...places, stateDir: wide, env: { MARIANNE_SOCKET: exact } }), [
      exact,
    ]);
    assert.throws(
      () => socketCandidates({ ...places, stateDir: '/s', env: { MARIANNE_SOCKET: `${exact}x` } }),
      (error) => {
        assert.ok(error instanceof errors.SocketPathError);
        assert.match(error.message, /101 bytes/);
        assert.match(error.remedy ?? '', /MARIANNE_SOCKET/);
        return true;
      },
    );
  });
});
