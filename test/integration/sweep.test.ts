import assert from 'node:assert/strict';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';

const score = (prompt: string) => `
name: kept
instrument: cli
sheet: { size: 1, total_items: 1 }
prompt: { template: '${prompt}' }
`;

describe('stored scores and prompts', () => {
  it('go with the last run that needs them, at clear and at the next start', async function () {
    this.timeout(60_000);
    const conductor = new TestConductor();
    try {
      await conductor.start();
      const stored = () =>
        ['scores', 'prompts'].map((folder) =>
          readdirSync(join(conductor.home, folder)).map((name) => join(conductor.home, folder, name)),
        );
      const age = () => {
        for (const path of stored().flat()) utimesSync(path, 1, 1);
      };
      const left = async (expected: number[]) => {
        const deadline = Date.now() + 20_000;
        while (stored().some((paths, i) => paths.length !== expected[i]) && Date.now() < deadline)
          await new Promise((later) => setTimeout(later, 20));
        assert.deepEqual(
          stored().map((paths) => paths.length),
          expected,
        );
      };
      await conductor.until(await conductor.submit('one', score('echo one')));
      await conductor.until(await conductor.submit('two', score('echo two')));
      await conductor.until(await conductor.submit('three', score('echo three')));
      await left([3, 3]);
      age();
      assert.deepEqual(await conductor.call('job.clear', { job_ids: ['one'] }), { deleted: 1 });
      await left([2, 2]);
      const running = await conductor.submit('four', score('sleep 300'));
      await conductor.until(running, new Set(['running']));
      assert.deepEqual(await conductor.call('job.clear', { job_ids: ['two'] }), { deleted: 1 });
      age();
      await conductor.kill();
      await conductor.start();
      // Of "three", which is archived, and of "four", which is live.
      await left([2, 2]);
      await conductor.call('job.cancel', { job_id: running });
      await conductor.until(running);
    } finally {
      await conductor.dispose();
    }
  });
});
