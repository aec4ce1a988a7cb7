import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { fanOut } from './scores.mjs';

const tasks = {
  version: '2.0.0',
  tasks: [{ label: 'Sing the duet', type: 'marianne', score: 'duet.yaml' }],
};

journey(
  'a task that plays a score',
  { files: { 'duet.yaml': fanOut, '.vscode/tasks.json': JSON.stringify(tasks) } },
  async ({ window, screenshot }) => {
    await window.showContainer('Marianne');
    // VS Code lists the tasks that it has read by then, and adds none later: who comes too early asks again.
    const offer = window.quickInput.locator('.monaco-list-row .label-name', { hasText: 'marianne' });
    for (let round = 0; round < 8 && (await offer.count()) === 0; round += 1) {
      await window.page.keyboard.press('Escape');
      await window.command('Tasks: Run Task');
      await offer.waitFor({ timeout: 2_500 }).catch(() => undefined);
    }
    await window.pick('marianne');
    await screenshot('offered');
    await window.pick('Sing the duet');
    // Nothing more is asked, not even which compiler's errors to look for.
    const terminal = window.page.locator('.terminal-wrapper.active .xterm-rows');
    await terminal
      .filter({ hasText: 'Ending this task leaves the job running.' })
      .waitFor({ timeout: 30_000 });
    await terminal.filter({ hasText: 'duet: completed' }).waitFor({ timeout: 40_000 });
    await screenshot();
    const text = (await terminal.innerText()).replaceAll('\u00a0', ' ');
    for (const line of ['✓ 3 Third voice', '✓ 4 Chorus', '4.1.stdout.log'])
      assert.ok(text.includes(line), `${line} in\n${text}`);
    const [path] = /\/\S+\.stdout\.log/.exec(text.replaceAll('\n', '')) ?? [];
    assert.ok(path !== undefined && existsSync(path), `${path} in\n${text}`);
    assert.match(readFileSync(path, 'utf8'), /sings|all together/);
  },
);
