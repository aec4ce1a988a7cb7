import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import { Watched } from '../../../src/views/watched';

describe('until when a window watched', () => {
  function memory(known?: number) {
    const writes: number[] = [];
    const memento: vscode.Memento = {
      keys: () => [],
      get: <T>(): T | undefined => known as T | undefined,
      update: (_key: string, value: number) => {
        known = value;
        writes.push(value);
        return Promise.resolve();
      },
    };
    return { memento, writes };
  }

  it('is what earlier windows saw, whatever this one has seen before it is asked', () => {
    const { memento } = memory(1_000);
    const watched = new Watched(memento);
    watched.until(9_000, true);
    assert.equal(watched.before, 1_000);
    assert.equal(new Watched(memory().memento).before, undefined);
  });

  it('is written down at once for what was told, and now and then for the rest', () => {
    const { memento, writes } = memory(1_000);
    const watched = new Watched(memento);
    for (let instant = 1_001; instant <= 12_000; instant += 1) watched.until(instant, false);
    assert.deepEqual(writes, [6_000, 11_000]);
    watched.until(12_500, true);
    watched.until(2_000, true);
    assert.deepEqual(writes, [6_000, 11_000, 12_500], 'it never goes back');
    watched.now();
    assert.equal(writes.length, 4);
  });
});
