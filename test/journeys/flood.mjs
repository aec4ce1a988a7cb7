import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { until } from '../../scripts/vscode/processes.mjs';

const score = (name, script) => `name: ${name}
instrument: cli
sheet: { size: 1, total_items: 2 }
pause_between_sheets_seconds: 0
prompt:
  template: |
    {% if sheet_num == 1 %}
    ${script}
    {% else %}
    echo "second sheet speaks"
    {% endif %}
validations: []
`;

/** Resident memory of a process, megabytes. */
const memory = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

journey(
  'a flood of output',
  {
    files: {
      // 120 MB, with a last word right at the end.
      'flood.yaml': score(
        'flood',
        'echo "it begins"; sleep 3; yes "$(printf %099d 7)" | head -n 1200000; echo "the last word"',
      ),
    },
    openFile: 'flood.yaml',
    settings: { 'marianne.submit.ask': false, 'marianne.output.limitMegabytes': 1 },
    timeoutSeconds: 180,
  },
  async ({ window, session, screenshot }) => {
    await window.showContainer('Marianne');
    await window.command('Marianne: Submit Score');
    const jobs = window.pane('Jobs');
    const job = window.row(jobs, 'flood');
    await window.expand(job);
    assert.ok(!(await window.page.locator('.part.panel').isVisible()), 'the panel does not open by itself');
    await window.inlineAction(job, 'Show Sheet Output');
    const shown = window.page.locator('.part.panel .view-lines');
    await shown.filter({ hasText: 'it begins' }).waitFor();
    const [host] = session.extensionHosts().slice(-1);
    const before = memory(host);
    await shown.filter({ hasText: 'second sheet speaks' }).waitFor({ timeout: 120_000 });
    await job.filter({ hasText: '2/2' }).waitFor({ timeout: 30_000 });
    const text = await session.output('Marianne Sheet Output');
    assert.equal(
      text.match(/the last word/g)?.length,
      1,
      'the end of the first sheet comes before the second',
    );
    assert.ok(text.indexOf('the last word') < text.indexOf('second sheet speaks'));
    assert.match(text, /… \d+ bytes are not shown; the whole log: \/\S+\.stdout\.log/);
    assert.ok(text.length < 4 * 1024 * 1024, String(text.length));
    const grown = memory(host) - before;
    assert.ok(grown < 150, `the extension host grew by ${grown.toFixed(0)} MB`);
    await screenshot('shown', ['light']);
    // The document of a log of 120 MB has its end, and says where the rest is.
    await window.contextMenu(window.row(jobs, 'Sheet 1'), 'Open Attempt');
    const document = window.page.locator('.editor-instance .view-lines');
    await document.filter({ hasText: 'Prompt' }).first().waitFor({ timeout: 30_000 });
    assert.ok(memory(host) - before < 200);
  },
);

journey(
  'output over the death of the conductor',
  {
    files: {
      'steady.yaml': score(
        'steady',
        'i=0; while [ ! -e go-on ]; do i=$((i+1)); printf "\\033[3%dmline é %d\\033[0m.\\n" 1 $i; sleep 0.05; done; echo "it ends after $i"',
      ),
    },
    openFile: 'steady.yaml',
    settings: { 'marianne.submit.ask': false },
    timeoutSeconds: 120,
  },
  async ({ window, session, folder }) => {
    await window.showContainer('Marianne');
    await window.command('Marianne: Submit Score');
    const jobs = window.pane('Jobs');
    const job = window.row(jobs, 'steady');
    await window.expand(job);
    const sheet = window.row(jobs, 'Sheet 1');
    await window.inlineAction(sheet, 'Show Sheet Output');
    await window.contextMenu(sheet, 'Pin Sheet Output');
    // VS Code names the file of a channel without the colon.
    const channels = ['Marianne Sheet Output', 'Marianne steady 1'];
    const has = (word) => async () =>
      (await Promise.all(channels.map((name) => session.output(name)))).every((text) => text.includes(word));
    assert.ok(await until(has('line é 10.'), 30_000), 'both channels follow');
    const owners = join(session.folders.state, 'owner');
    const owner = () => readdirSync(owners).sort().at(-1);
    const first = owner();
    process.kill(JSON.parse(readFileSync(join(owners, first), 'utf8')).pid, 'SIGKILL');
    assert.ok(await until(() => owner() !== first, 40_000), 'another conductor is in force');
    const count = Number(/(\d+)\.\s*$/.exec((await session.output(channels[0])).trimEnd())?.[1] ?? 10);
    assert.ok(await until(has(`line é ${count + 20}.`), 40_000), 'both go on');
    writeFileSync(join(folder, 'go-on'), '');
    assert.ok(await until(has('it ends after'), 30_000), 'both come to the end');
    for (const name of channels) {
      const text = await session.output(name);
      const last = Number(/it ends after (\d+)/.exec(text)?.[1]);
      const numbers = [...text.matchAll(/^line é (\d+)\.$/gm)].map((match) => Number(match[1]));
      assert.deepEqual(
        numbers,
        Array.from({ length: last }, (_, index) => index + 1),
        `${name}: no gap, no repeat`,
      );
    }
  },
);
