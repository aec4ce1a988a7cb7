import assert from 'node:assert/strict';
import { TreeNews } from '../../../src/views/trees/tree-news';

describe('news of a tree', () => {
  /** VS Code draws what was told at least this long after what was told before, milliseconds. */
  const debounce = 200;

  it('that never end are all drawn: each is told after a silence', async () => {
    const told: { at: number; nodes: readonly string[] | undefined }[] = [];
    const news = new TreeNews<string>((nodes) => told.push({ at: performance.now(), nodes }));
    const fired: string[] = [];
    for (let number = 0; number < 30; number += 1) {
      fired.push(`n${number}`);
      news.fire([`n${number}`, 'always']);
      await new Promise((later) => setTimeout(later, 25));
    }
    while (!told.flatMap(({ nodes }) => nodes ?? []).includes('n29'))
      await new Promise((later) => setTimeout(later, 10));
    news.dispose();
    assert.deepEqual(told[0]?.nodes, ['n0', 'always'], 'the first at once');
    const names = told.flatMap(({ nodes }) => nodes ?? []).filter((name) => name !== 'always');
    assert.deepEqual(names, fired, 'each once');
    for (const [index, { at }] of told.entries()) {
      const before = told[index - 1]?.at;
      if (before !== undefined) assert.ok(at - before > debounce, `${at - before} ms of silence`);
    }
  });

  it('of everything stand for all others', async () => {
    const told: (readonly string[] | undefined)[] = [];
    const news = new TreeNews<string>((nodes) => told.push(nodes));
    news.fire(['first']);
    news.fire(['second']);
    news.fire(undefined);
    while (told.length < 2) await new Promise((later) => setTimeout(later, 10));
    news.dispose();
    assert.deepEqual(told, [['first'], undefined]);
  });
});
