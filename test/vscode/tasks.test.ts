/** Tasks of type `marianne`. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { cliScore, eventually, extensionApi, scoreFile } from './kit';

/** The task that the extension offers for a score. */
async function taskFor(score: string): Promise<vscode.Task> {
  const all = await vscode.tasks.fetchTasks({ type: 'marianne' });
  const task = all.find(({ definition }) => definition['score'] === score);
  assert.ok(task, `a task for ${score}, not only for ${all.map(({ name }) => name).join(', ')}`);
  return task;
}

/** The task that a person has written into tasks.json. */
async function writtenTask(label: string, definition: object): Promise<vscode.Task> {
  const task = { label, type: 'marianne', ...definition };
  mkdirSync(dirname(tasksFile()), { recursive: true });
  writeFileSync(tasksFile(), JSON.stringify({ version: '2.0.0', tasks: [task] }));
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    const all = await vscode.tasks.fetchTasks({ type: 'marianne' });
    const found = all.find(({ name }) => name === label);
    if (found !== undefined) return found;
  }
  throw new Error(`VS Code did not read ${label}`);
}

const tasksFile = () => join(vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '', '.vscode/tasks.json');

/** Runs a task; resolves with its exit code. */
async function exitCodeOf(task: vscode.Task): Promise<number | undefined> {
  let execution: vscode.TaskExecution | undefined;
  let listening: vscode.Disposable | undefined;
  try {
    return await new Promise((resolve, reject) => {
      listening = vscode.tasks.onDidEndTaskProcess((event) => {
        if (event.execution === execution || event.execution.task.name === task.name) resolve(event.exitCode);
      });
      vscode.tasks.executeTask(task).then((begun) => (execution = begun), reject);
    });
  } finally {
    listening?.dispose();
  }
}

describe('a task of type marianne', function () {
  this.timeout(60_000);
  const jobNow = async (id: string) => (await extensionApi()).jobs().find((job) => job.id === id);
  after(() => {
    rmSync(dirname(tasksFile()), { recursive: true, force: true });
    return vscode.commands.executeCommand('workbench.action.terminal.killAll');
  });

  it('is there for each score that can be played, and for no other file', async () => {
    await extensionApi();
    await scoreFile('task-good.score.yaml', cliScore('task-good', 'echo good {{ sheet_num }}', 2));
    await scoreFile('task-broken.score.yaml', 'name: task-broken\nsheet: { size: 0 }\n');
    await scoreFile('values.yaml', 'replicas: 3\n');
    const tasks = await vscode.tasks.fetchTasks({ type: 'marianne' });
    const scores = tasks.map(({ definition }) => String(definition['score']));
    assert.ok(scores.includes('task-good.score.yaml'));
    assert.ok(!scores.includes('task-broken.score.yaml') && !scores.includes('values.yaml'));
    assert.ok(tasks.every(({ problemMatchers }) => problemMatchers.length === 0));
  });

  it('follows its job, and ends with 0', async () => {
    const code = await exitCodeOf(await taskFor('task-good.score.yaml'));
    assert.equal(code, 0);
    assert.deepEqual(
      [(await jobNow('task-good'))?.status, (await jobNow('task-good'))?.completed],
      ['completed', 2],
    );
  });

  it('ends with 1 when the job fails, and when nothing can be submitted', async () => {
    await scoreFile('task-bad.score.yaml', cliScore('task-bad', 'exit 3'));
    assert.equal(await exitCodeOf(await taskFor('task-bad.score.yaml')), 1);
    assert.equal((await jobNow('task-bad'))?.status, 'failed');
    assert.equal(await exitCodeOf(await writtenTask('task-gone', { score: 'gone.yaml' })), 1);
  });

  it('plays one sheet alone', async () => {
    const api = await extensionApi();
    await scoreFile('task-one.score.yaml', cliScore('task-one', 'echo {{ sheet_num }}', 3));
    assert.equal(
      await exitCodeOf(await writtenTask('only two', { score: 'task-one.score.yaml', sheet: 2 })),
      0,
    );
    assert.deepEqual(
      api.sheets('task-one').map(({ attempts }) => attempts.length),
      [0, 1, 0],
    );
  });

  for (const cancelOnTerminate of [false, true]) {
    it(`that is terminated ${cancelOnTerminate ? 'cancels its job, if told so' : 'leaves its job running'}`, async () => {
      const api = await extensionApi();
      const name = `task-long-${cancelOnTerminate ? 'tied' : 'free'}`;
      await scoreFile(`${name}.score.yaml`, cliScore(name, 'echo begun; sleep 600'));
      const task = await writtenTask(name, {
        score: `${name}.score.yaml`,
        ...(cancelOnTerminate ? { cancelOnTerminate } : {}),
      });
      const execution = await vscode.tasks.executeTask(task);
      await eventually('it runs', () => api.sheets(name)[0]?.status === 'dispatched');
      const ended = new Promise<void>((resolve) => {
        const listening = vscode.tasks.onDidEndTask((event) => {
          if (event.execution.task.name !== task.name) return;
          listening.dispose();
          resolve();
        });
      });
      execution.terminate();
      await ended;
      if (cancelOnTerminate) {
        await eventually(
          'it is cancelled',
          () => api.jobs().find(({ id }) => id === name)?.status === 'cancelled',
        );
        return;
      }
      const job = await jobNow(name);
      assert.equal(job?.status, 'running');
      assert.equal(api.sheets(name)[0]?.status, 'dispatched');
      const { showWarningMessage } = vscode.window;
      Object.assign(vscode.window, {
        showWarningMessage: (_text: string, _options: object, yes: string) => Promise.resolve(yes),
      });
      try {
        await vscode.commands.executeCommand('marianne.cancelJob', { job: name });
      } finally {
        Object.assign(vscode.window, { showWarningMessage });
      }
      await eventually(
        'it is cancelled',
        () => api.jobs().find(({ id }) => id === name)?.status === 'cancelled',
      );
    });
  }
});
