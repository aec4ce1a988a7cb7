import assert from 'node:assert/strict';
import { KeptFiles } from '../../../src/views/changes/kept-files';

describe('files of changes that are kept', () => {
  function kept(files: number, bytes: number) {
    const cache = new KeptFiles(files, bytes);
    const loads: string[] = [];
    const read = (name: string, size: number) =>
      cache.get(name, () => {
        loads.push(name);
        return Promise.resolve(new Uint8Array(size));
      });
    return { cache, loads, read };
  }

  it('are asked for once, and at most so many bytes of them are held', async () => {
    const { loads, read } = kept(10, 100);
    await Promise.all([read('a', 40), read('a', 40)]);
    await read('b', 40);
    await read('a', 40);
    await read('c', 40);
    assert.deepEqual(loads, ['a', 'b', 'c']);
    await read('a', 40);
    await read('c', 40);
    assert.deepEqual(loads, ['a', 'b', 'c'], 'what was looked at last is there still');
    await read('b', 40);
    assert.deepEqual(loads, ['a', 'b', 'c', 'b']);
  });

  it('are at most so many', async () => {
    const { loads, read } = kept(2, 1_000);
    for (const name of ['a', 'b', 'c', 'c', 'b', 'a']) await read(name, 0);
    assert.deepEqual(loads, ['a', 'b', 'c', 'a']);
  });

  it('are asked for again after a failure', async () => {
    const { cache, read } = kept(2, 10);
    await assert.rejects(cache.get('a', () => Promise.reject(new Error('away'))));
    assert.equal((await read('a', 3)).length, 3);
  });
});
