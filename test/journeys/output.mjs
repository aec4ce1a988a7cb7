import assert from 'node:assert/strict';
import { until } from '../../scripts/vscode/processes.mjs';
import { journey } from '../../scripts/vscode/journey.mjs';
import { hasty } from './scores.mjs';

journey(
  'output of sheets that follow each other at once',
  { files: { 'hasty.yaml': hasty }, openFile: 'hasty.yaml' },
  async ({ window, session, screenshot }) => {
    await window.showContainer('Marianne');
    await window.command('Marianne: Submit Score');
    await window.pick(/Submit$/);
    const job = window.row(window.pane('Jobs'), 'hasty');
    await job.filter({ hasText: 'failed' }).waitFor({ timeout: 30_000 });
    let text = '';
    const told = async () => {
      text = await session.output('Marianne Sheet Output');
      return (text.match(/── failed: /g)?.length ?? 0) === 2;
    };
    assert.ok(await until(told, 15_000, 300), text);
    // Each attempt is read to its end before the next one comes, and says how it ended.
    for (const sheet of [1, 2, 3])
      assert.match(
        text,
        new RegExp(`sheet ${sheet} begins\\nsheet ${sheet} has the last word\\n── completed · `),
      );
    const tries = text.split('hasty, sheet 4, attempt ').slice(1);
    assert.equal(tries.length, 2, text);
    for (const one of tries) assert.match(one, /sheet 4 has the last word\n── failed: 1 of 1 checks failed/);
    await window.command('View: Toggle Output');
    await window.showOutput('Marianne Sheet Output');
    await screenshot();
  },
);
