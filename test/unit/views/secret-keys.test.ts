import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type * as vscode from 'vscode';
import { SecretKeys } from '../../../src/views/connection/secret-keys';

/** VS Code's secret storage: one for all windows, and every window hears of a change. */
class Storage {
  private readonly values = new Map<string, string>();
  private readonly events = new EventEmitter();

  get = (key: string) => Promise.resolve(this.values.get(key));
  store = (key: string, value: string) => {
    this.values.set(key, value);
    this.events.emit('change', { key });
    return Promise.resolve();
  };
  delete = (key: string) => {
    this.values.delete(key);
    this.events.emit('change', { key });
    return Promise.resolve();
  };
  keys = () => Promise.resolve([...this.values.keys()]);
  onDidChange = (listener: (event: vscode.SecretStorageChangeEvent) => unknown): vscode.Disposable => {
    this.events.on('change', listener);
    return { dispose: () => this.events.off('change', listener) };
  };
  listeners = () => this.events.listenerCount('change');
}

/** VS Code's globalState: a copy of its own in each window. */
function memento(): vscode.Memento {
  const values = new Map<string, unknown>();
  return {
    keys: () => [...values.keys()],
    get: <T>(key: string, byDefault?: T) => (values.has(key) ? (values.get(key) as T) : byDefault),
    update: (key: string, value: unknown) => {
      values.set(key, value);
      return Promise.resolve();
    },
  };
}

describe('stored keys', () => {
  it('are known in every window, whichever stored or forgot them', async () => {
    const storage = new Storage();
    const [here, there] = [new SecretKeys(storage, memento()), new SecretKeys(storage, memento())];
    const heard = () => {
      const news = new EventEmitter();
      const listening = there.onChange((name) => {
        listening.dispose();
        news.emit('name', name);
      });
      return once(news, 'name');
    };
    let news = heard();
    await here.set('OPENAI_API_KEY', 'sk-1');
    assert.deepEqual(await news, ['OPENAI_API_KEY']);
    assert.deepEqual(there.names(), ['OPENAI_API_KEY']);
    assert.deepEqual(there.storedOnly(['OPENAI_API_KEY', 'OTHER'], {}), ['OPENAI_API_KEY']);
    assert.deepEqual(there.storedOnly(['OPENAI_API_KEY'], { OPENAI_API_KEY: 'env' }), []);
    news = heard();
    await there.set('SECOND', 'x');
    await news;
    assert.deepEqual(here.names(), ['OPENAI_API_KEY', 'SECOND']);
    news = heard();
    await here.set('OPENAI_API_KEY', null);
    await news;
    assert.deepEqual(there.names(), ['SECOND']);
    here.dispose();
    there.dispose();
    assert.equal(storage.listeners(), 0);
  });

  it('hear nothing of what others store', async () => {
    const storage = new Storage();
    const keys = new SecretKeys(storage, memento());
    await storage.store('some.other.thing', 'x');
    assert.deepEqual(keys.names(), []);
  });
});
