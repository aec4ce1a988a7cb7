import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { cached } from '../../../scripts/vscode/cache.mjs';
import { ensureBrowser, ensureBuildTools } from '../../../scripts/vscode/system.mjs';

describe('the cache', () => {
  const kept = process.env.MZT_CACHE;
  let folder;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mzt-cache-'));
    process.env.MZT_CACHE = folder;
  });
  afterEach(async () => {
    if (kept === undefined) delete process.env.MZT_CACHE;
    else process.env.MZT_CACHE = kept;
    await rm(folder, { recursive: true });
  });

  it('fills once for two that come at the same time', async () => {
    let fills = 0;
    const fill = async (temp) => {
      fills += 1;
      await writeFile(join(temp, 'part'), 'whole');
    };
    const [one, two] = await Promise.all([cached('thing-1', fill), cached('thing-1', fill)]);
    assert.equal(one, two);
    assert.equal(fills, 1);
    assert.equal(await readFile(join(one, 'part'), 'utf8'), 'whole');
    assert.deepEqual(await readdir(folder), ['thing-1']);
  });

  it('keeps nothing of a fill that fails, and tries again', async () => {
    const half = async (temp) => {
      await writeFile(join(temp, 'part'), 'half');
      throw new Error('no network');
    };
    await assert.rejects(cached('thing-1', half), /no network/);
    assert.deepEqual(await readdir(folder), []);
    await cached('thing-1', async () => undefined);
    assert.deepEqual(await readdir(folder), ['thing-1']);
  });

  it('takes over from one that was killed, and clears its half away', async () => {
    const { pid } = spawnSync('true');
    await writeFile(join(folder, 'thing-1.lock'), String(pid));
    await mkdir(join(folder, `thing-1.tmp-${pid}`));
    await cached('thing-1', async () => undefined);
    assert.deepEqual(await readdir(folder), ['thing-1']);
  });

  it('takes over a lock whose maker died before it wrote its number', async () => {
    await writeFile(join(folder, 'thing-1.lock'), '');
    await cached('thing-1', async () => undefined);
    assert.deepEqual(await readdir(folder), ['thing-1']);
  }).timeout(8_000);
});

describe('what a machine lacks', () => {
  const { PATH, MZT_CHROME } = process.env;
  beforeEach(() => {
    process.env.PATH = '/nowhere';
    delete process.env.MZT_CHROME;
  });
  afterEach(() => {
    process.env.PATH = PATH;
    if (MZT_CHROME !== undefined) process.env.MZT_CHROME = MZT_CHROME;
  });

  it('is told by name, with what helps', async () => {
    await assert.rejects(
      ensureBuildTools(),
      /g\+\+, make, python3 missing.*\n {2}install g\+\+, make and python3/,
    );
    if (!existsSync('/Applications'))
      await assert.rejects(ensureBrowser(), /no Chrome or Chromium found[^]*MZT_CHROME/);
    process.env.MZT_CHROME = '/nowhere/chrome';
    await assert.rejects(ensureBrowser(), /MZT_CHROME: there is no \/nowhere\/chrome/);
  });
});
