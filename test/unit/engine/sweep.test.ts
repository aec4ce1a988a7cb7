import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256, storeByDigest } from '../../../src/conductor/engine/bundles';
import { sweepAgeMs, sweepStored, type SweepSources } from '../../../src/conductor/engine/sweep';
import { planOf, Story } from '../../support/fold-story';

describe('sweeping stored scores and prompts', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mzt-sweep-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const longAgo = Date.now() - 2 * sweepAgeMs;
  const old = (path: string) => utimesSync(path, longAgo / 1000, longAgo / 1000);
  const stored = (text: string): string => {
    const path = join(folder, storeByDigest(folder, text));
    old(path);
    return path;
  };
  const sources = (more: Partial<SweepSources> = {}): SweepSources => ({
    folders: [folder, join(folder, 'missing')],
    live: () => [],
    archived: () => bodies(),
    now: () => Date.now(),
    stopped: () => false,
    ...more,
  });

  it('keeps what live and archived runs refer to, what is young, and what is not its own', async () => {
    const story = new Story(planOf([[]]));
    const bundle = stored('a live score');
    const prompt = stored('a live prompt');
    story.job.bundle = sha256('a live score');
    story.apply({
      type: 'attempt.started',
      run: 'r',
      body: {
        sheet: 1,
        attempt: 1,
        mode: 'normal',
        instrument: 'cli',
        model: null,
        fallback_index: 0,
        prompt_sha256: sha256('a live prompt'),
        argv: [],
        cwd: null,
        env_names: [],
        base: '/b',
        file_marks: {},
      },
    });
    const archived = stored('an archived prompt');
    const foreign = join(folder, 'README');
    writeFileSync(foreign, '');
    old(foreign);
    const young = join(folder, storeByDigest(folder, 'just stored'));
    const torn = `${archived}.00000000-0000-4000-8000-000000000000.tmp`;
    writeFileSync(torn, 'half');
    old(torn);
    const forgotten = stored('of a deleted run');
    const removed = await sweepStored(
      sources({
        live: () => [story.job],
        archived: () => bodies({ attempts: [{ prompt_sha256: sha256('an archived prompt') }] }),
      }),
    );
    assert.equal(removed, 2);
    for (const path of [bundle, prompt, archived, foreign, young]) assert.ok(existsSync(path), path);
    for (const path of [torn, forgotten]) assert.ok(!existsSync(path), path);
  });

  it('leaves a file that somebody stores again, or that becomes live, while the archives are read', async () => {
    const again = stored('submitted again meanwhile');
    const live = stored('live meanwhile');
    const story = new Story(planOf([[]]));
    async function* meanwhile() {
      await Promise.resolve();
      storeByDigest(folder, 'submitted again meanwhile');
      story.job.bundle = sha256('live meanwhile');
      yield {};
    }
    assert.equal(await sweepStored(sources({ live: () => [story.job], archived: meanwhile })), 0);
    assert.ok(existsSync(again) && existsSync(live));
    assert.ok(statSync(again).mtimeMs > longAgo + sweepAgeMs);
  });

  it('removes nothing when an archive cannot be read, or when the conductor stops', async () => {
    const path = stored('unsure');
    async function* broken(): AsyncGenerator<unknown> {
      await Promise.resolve();
      yield {};
      throw new Error('EIO');
    }
    await assert.rejects(sweepStored(sources({ archived: broken })));
    assert.equal(await sweepStored(sources({ stopped: () => true })), 0);
    assert.ok(existsSync(path));
  });
});

async function* bodies(...all: unknown[]): AsyncGenerator<unknown> {
  await Promise.resolve();
  yield* all;
}
