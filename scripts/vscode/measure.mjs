// What a real VS Code costs with many jobs and much output. Prints one line of JSON a number; nothing is asserted here.
//   node esbuild.mjs --tests && node scripts/vscode/measure.mjs crowd [jobs] [sheets]     default 1000 10000
//   node esbuild.mjs --tests && node scripts/vscode/measure.mjs flood [megabytes]         default 100
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Session } from './session.mjs';

const root = resolve(import.meta.dirname, '../..');
const [what = 'crowd', ...numbers] = process.argv.slice(2);
const print = (name, value) => console.log(JSON.stringify({ [name]: value }));

/** CPU milliseconds, bytes read and written by system calls, resident kilobytes of a process. Linux only. */
function usage(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const number = (text, name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]);
  return {
    cpu: (Number(stat[11]) + Number(stat[12])) * 10,
    read: number(io, 'rchar'),
    written: number(io, 'wchar'),
    rss: number(status, 'VmRSS'),
    peak: number(status, 'VmHWM'),
  };
}

/** What the processes use in so many seconds, as rates. */
async function during(name, seconds, pids) {
  const before = Object.entries(pids).map(([who, pid]) => [who, pid, usage(pid)]);
  const began = performance.now();
  await delay(seconds * 1000);
  const past = (performance.now() - began) / 1000;
  for (const [who, pid, first] of before) {
    const last = usage(pid);
    print(`${name}: ${who}`, {
      cpuPercent: Number(((last.cpu - first.cpu) / past / 10).toFixed(1)),
      readKBps: Math.round((last.read - first.read) / 1024 / past),
      writtenKBps: Math.round((last.written - first.written) / 1024 / past),
      rssMB: Math.round(last.rss / 1024),
      peakMB: Math.round(last.peak / 1024),
    });
  }
}

function conductorPid(session) {
  const folder = join(session.folders.state, 'owner');
  const name = execFileSync('ls', [folder], { encoding: 'utf8' }).trim().split('\n').sort().at(-1);
  return JSON.parse(readFileSync(join(folder, name), 'utf8')).pid;
}

/** `mzt` with the session's conductor. */
function mzt(session, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'dist/cli.js'), ...args], {
    cwd: session.folder,
    env: session.folders.environment(),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mzt ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

function submit(session, name, text) {
  writeFileSync(join(session.folder, `${name}.yaml`), text);
  mzt(session, 'run', `${name}.yaml`, '--workspace', session.folder);
}

const score = (name, sheets, script, parallel = 1) => `name: ${name}
instrument: cli
sheet: { size: 1, total_items: ${sheets} }
parallel: { enabled: ${parallel > 1}, max_concurrent: ${parallel} }
pause_between_sheets_seconds: 0
prompt:
  template: |
    ${script}
validations: []
`;

async function timed(name, work) {
  const began = performance.now();
  await work();
  print(`${name}, ms`, Math.round(performance.now() - began));
}

async function crowd(session, jobs = 1000, sheets = 10_000) {
  const { state } = session.folders;
  await timed(`a state directory of ${jobs} jobs`, () =>
    execFileSync(
      process.execPath,
      [join(root, 'out/test/support/crowd.js'), state, session.folder, String(jobs)],
      {
        cwd: root,
      },
    ),
  );
  writeFileSync(join(state, 'conductor.yaml'), 'max_concurrent_jobs: 40\nmax_concurrent_sheets: 60\n');
  mzt(session, 'start');
  const window = await session.openWindow();
  const pane = window.pane('Jobs');
  const newest = `night-${String(jobs).padStart(4, '0')}`;
  await timed('container clicked to first row', async () => {
    await window.showContainer('Marianne');
    await window.row(pane, newest).waitFor({ timeout: 30_000 });
  });
  await timed('window reloaded to first row', async () => {
    await window.reload();
    await window.row(pane, newest).waitFor({ timeout: 30_000 });
  });
  // VS Code's own extensions have their work at the start.
  await delay(15_000);
  for (const name of ['Sheets', 'Instruments']) await window.pane(name).locator('.pane-header').click();
  const host = session.extensionHosts().at(-1);
  const pids = { 'extension host': host, conductor: conductorPid(session) };
  await during('nothing runs', 8, pids);

  submit(session, 'huge', score('huge', sheets, 'sleep 0.3'));
  for (let number = 1; number <= 30; number += 1)
    submit(session, `busy-${number}`, score(`busy-${number}`, 500, 'sleep 0.8; echo {{ sheet_num }}'));
  await delay(3_000);
  await during('30 jobs change, view visible', 15, pids);

  const huge = window.row(pane, 'huge');
  await window.page.keyboard.press('Home');
  for (let end = Date.now() + 20_000; !(await huge.isVisible()) && Date.now() < end;) {
    await pane.locator('.monaco-list').first().hover();
    await window.page.mouse.wheel(0, 200);
    await delay(100);
  }
  await timed(`${sheets} sheets opened`, async () => {
    await window.expand(huge);
    // Its children are below the edge of the view.
    const first = window.row(pane, /^Sheets 1 to /);
    for (const end = Date.now() + 60_000; !(await first.isVisible()) && Date.now() < end; await delay(100)) {
      await pane.locator('.monaco-list').first().hover();
      await window.page.mouse.wheel(0, 100);
    }
  });
  await window.expand(window.row(pane, /^Sheets 1 to /));
  await window.row(pane, 'Sheet 1').waitFor();
  await during(`and ${sheets} sheets are open`, 15, pids);
  await window.page.screenshot({ path: join(root, 'out/measure-crowd.png') });
  await window.row(pane, 'Sheet 2').click();
  const look = async () => ({
    selected: (await window.rows(pane)).filter((row) => row.selected).map(({ label }) => label),
    top: await pane
      .locator('.monaco-scrollable-element .monaco-list-rows')
      .first()
      .evaluate((e) => e.style.top),
  });
  const before = await look();
  await delay(5_000);
  print('selection and scroll before and after 5 s', [before, await look()]);
  await window.command('View: Show Explorer').catch(() => undefined);
  await during('30 jobs change, no view visible', 10, pids);
}

async function flood(session, megabytes = 100) {
  const window = await session.openWindow();
  await window.showContainer('Marianne');
  await window.command('Marianne: Start Conductor');
  const pane = window.pane('Jobs');
  await window.statusItem('marianne.marianne.marianne.status').waitFor({ timeout: 30_000 });
  const host = session.extensionHosts().at(-1);
  const line = 'x'.repeat(99);
  const lines = Math.round((megabytes * 1024 * 1024) / 100);
  submit(
    session,
    'flood',
    score('flood', 1, `echo begins; sleep 6; yes ${line} | head -n ${lines}; echo ends; sleep 5`),
  );
  const job = window.row(pane, 'flood');
  await job.waitFor();
  await window.expand(job);
  await window.inlineAction(window.row(pane, 'Sheet 1'), 'Show Sheet Output');
  await window.page.locator('.part.panel .view-lines', { hasText: 'begins' }).waitFor();
  const pids = { 'extension host': host, conductor: conductorPid(session) };
  const before = usage(host);
  const began = performance.now();
  await during(`${megabytes} MB are written`, 12, pids);
  await window.page.locator('.part.panel .view-lines', { hasText: 'ends' }).waitFor({ timeout: 120_000 });
  print('shown to its end, ms after the start of the measure', Math.round(performance.now() - began));
  print('extension host, CPU ms for all of it', usage(host).cpu - before.cpu);
  const text = await session.output('Marianne Sheet Output');
  print('characters in the file of the channel', text.length);
  print(
    'lines that say what is not shown',
    text.split('\n').filter((one) => one.startsWith('…')),
  );
  await job.filter({ hasText: '1/1' }).waitFor({ timeout: 60_000 });
  await timed('the attempt of that log opened as a document', async () => {
    await window.contextMenu(window.row(pane, 'Sheet 1'), 'Open Attempt');
    await window.page.locator('.editor-instance .view-lines', { hasText: 'Prompt' }).first().waitFor();
  });
  print('extension host afterwards', usage(host));
}

const session = await Session.start({ version: '1.139', extension: root });
try {
  await { crowd, flood }[what](session, ...numbers.map(Number));
} finally {
  await session.close();
}
