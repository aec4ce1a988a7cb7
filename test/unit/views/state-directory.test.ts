import assert from 'node:assert/strict';
import { windowStateDirectory } from '../../../src/views/state-directory';

describe('the state directory of a window', () => {
  it('is absolute, whatever was written, so that a terminal means the same one', () => {
    const of = (setting: string, env = {}) => windowStateDirectory(setting, env, '/home/me');
    assert.equal(of('/var/marianne'), '/var/marianne');
    assert.equal(of('~/work/marianne/'), '/home/me/work/marianne');
    assert.equal(of('~'), '/home/me');
    assert.equal(of('marianne'), '/home/me/marianne');
    assert.equal(of(''), '/home/me/.marianne');
    assert.equal(of('', { MARIANNE_HOME: '/elsewhere' }), '/elsewhere');
  });
});
