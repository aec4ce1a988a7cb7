/** What is said of work that lasts, and what is not. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { longWork } from '../../src/views/long-work';

/** Notifications of progress that came while `work` was done; the first is cancelled if `cancel`. */
async function progressOf(cancel: boolean, work: () => Promise<unknown>) {
  const shown: { title: string; cancellable: boolean; open: boolean }[] = [];
  const { withProgress } = vscode.window;
  const stub: typeof vscode.window.withProgress = (options, task) => {
    const seen = { title: options.title ?? '', cancellable: options.cancellable ?? false, open: true };
    shown.push(seen);
    const source = new vscode.CancellationTokenSource();
    const done = task({ report: () => undefined }, source.token);
    if (cancel) setImmediate(() => source.cancel());
    return Promise.resolve(done).finally(() => {
      seen.open = false;
      source.dispose();
    });
  };
  Object.assign(vscode.window, { withProgress: stub });
  try {
    const outcome = await work().then(
      (value) => ({ value }),
      (error: unknown) => ({ error: error instanceof Error ? error.name : String(error) }),
    );
    return { shown, outcome };
  } finally {
    Object.assign(vscode.window, { withProgress });
  }
}

const lasting = (milliseconds: number) =>
  new Promise<string>((resolve) => setTimeout(resolve, milliseconds, 'done'));

describe('work that may last', () => {
  it('is not said when it is over soon', async () => {
    const { shown, outcome } = await progressOf(false, async () => {
      const result = await longWork('Counting', () => lasting(100));
      await lasting(900);
      return result;
    });
    assert.deepEqual([shown, outcome], [[], { value: 'done' }]);
  });

  it('is said while it lasts', async () => {
    const { shown, outcome } = await progressOf(false, () => longWork('Counting', () => lasting(1_200)));
    assert.deepEqual(outcome, { value: 'done' });
    assert.deepEqual(shown, [{ title: 'Counting', cancellable: true, open: false }]);
  });

  it('ends at once when it is cancelled, and is told so', async () => {
    let told = false;
    const { shown, outcome } = await progressOf(true, () =>
      longWork('Counting', (signal) => {
        signal.addEventListener('abort', () => (told = true));
        return new Promise(() => undefined);
      }),
    );
    assert.deepEqual([outcome, told, shown[0]?.open], [{ error: 'CancelledError' }, true, false]);
  });
});
