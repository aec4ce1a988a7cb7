import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { until } from '../../scripts/vscode/processes.mjs';
import { waiting } from './scores.mjs';

const root = resolve(import.meta.dirname, '../..');

const brief = (name, script) => `name: ${name}
instrument: cli
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 0, max_completion_attempts: 0 }
prompt: { template: '${script}' }
validations: []
`;

/** `mzt` as in a terminal of that folder. */
function mzt(session, folder, ...args) {
  return execFileSync(process.execPath, [join(root, 'dist/cli.js'), ...args], {
    cwd: folder,
    env: session.folders.environment(),
    encoding: 'utf8',
  });
}

journey(
  'two windows and a terminal',
  {
    files: { 'bad.yaml': brief('bad', 'exit 3') },
    openFile: 'bad.yaml',
    settings: { 'marianne.submit.ask': false },
    timeoutSeconds: 150,
  },
  async ({ window, session, folder, screenshot }) => {
    const other = join(session.folders.base, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'there.yaml'), brief('there', 'echo done'));
    await window.showContainer('Marianne');
    await window.command('Marianne: Start Conductor');
    const second = await session.openWindow({ folder: other });
    await second.showContainer('Marianne');

    // A job of the terminal is in both windows at once, each has its own first.
    mzt(session, other, 'run', 'there.yaml', '--workspace', '.');
    const there = second.row(second.pane('Jobs'), 'there').filter({ hasText: '1/1' });
    await there.waitFor({ timeout: 30_000 });
    await window.row(window.pane('Jobs'), 'there').waitFor();
    await window.command('Marianne: Submit Score');
    const bad = window.row(window.pane('Jobs'), 'bad').filter({ hasText: 'failed' });
    await bad.waitFor({ timeout: 30_000 });
    const top = async (one) =>
      (await one.rows(one.pane('Jobs'))).filter(({ level }) => level === 1).map(({ label }) => label);
    assert.ok(await until(async () => (await top(second)).length === 2, 10_000));
    assert.deepEqual(await top(window), ['bad', 'Other folders']);
    assert.deepEqual(await top(second), ['there', 'Other folders']);
    await second.expand(second.row(second.pane('Jobs'), 'Other folders'));
    await second.row(second.pane('Jobs'), 'bad').filter({ hasText: 'failed' }).waitFor();

    // Only the window that submitted it speaks of it.
    const told = await window.notifications(/bad failed/);
    await told.first().waitFor();
    assert.equal(await told.count(), 1);
    assert.equal(await (await second.notifications(/bad failed/)).count(), 0);
    await screenshot('the one that speaks', ['light']);
    await second.close();

    // What ends while no window watches is told by the next one of that folder, once.
    writeFileSync(join(folder, 'long.yaml'), waiting('long'));
    mzt(session, folder, 'run', 'long.yaml', '--workspace', '.');
    await window.row(window.pane('Jobs'), 'long').waitFor();
    await window.close();
    writeFileSync(join(folder, 'go-on'), '');
    const isDone = () => mzt(session, folder, 'list', '-a', '-s', 'completed', '-q').includes('long');
    assert.ok(await until(isDone, 30_000, 300), 'it ends with no window open');
    const back = await session.openWindow();
    const summary = await back.notifications(/While you were away: done: long/);
    await summary.first().waitFor({ timeout: 20_000 });
    assert.equal(await summary.count(), 1);
    await summary.first().hover();
    await summary.first().getByRole('button', { name: 'Show Job' }).click();
    const rows = async () => (await back.rows(back.pane('Jobs'))).filter(({ selected }) => selected);
    assert.ok(await until(async () => (await rows())[0]?.label === 'long', 15_000), 'its row is selected');
    await back.reload();
    await back.row(back.pane('Jobs'), 'long').waitFor({ timeout: 30_000 });
    assert.equal(await (await back.notifications(/While you were away/)).count(), 0, 'it is said once');
  },
);
