import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { RestartBudget } from '../../../src/views/connection/restart-budget';
import { Scope } from '../../../src/views/scope';
import { withDependencies } from '../../../src/views/scores/dependencies';
import { looksLikeScore } from '../../../src/views/scores/recognise';
import { scoreTemplates } from '../../../src/views/scores/templates';
import { chooseWorkspace, contains, folderOf } from '../../../src/views/submit/choose-workspace';
import { scoreRoom } from '../../../src/views/scores/score-reader';
import { diskFiles } from '../../../src/score/disk-files';
import { analyse } from '../../../src/views/language/analysis';
import { catalogue } from '../language/kit';

describe('where a job works', () => {
  const facts = {
    scorePath: '/a/b/scores/x.yaml',
    written: null,
    folders: ['/a', '/a/b', '/other'],
    setting: '',
  };

  it('is what the score says, else the setting, else the innermost open folder, else beside the score', () => {
    assert.deepEqual(chooseWorkspace({ ...facts, written: '/w' }), { path: '/w', source: 'score' });
    assert.deepEqual(chooseWorkspace({ ...facts, setting: 'out' }), { path: '/a/b/out', source: 'setting' });
    assert.deepEqual(chooseWorkspace(facts), { path: '/a/b', source: 'folder' });
    assert.deepEqual(chooseWorkspace({ ...facts, folders: [] }), {
      path: '/a/b/scores',
      source: 'score-folder',
    });
  });

  it('follows variables of the setting', () => {
    assert.equal(chooseWorkspace({ ...facts, setting: '${fileDirname}/w' }).path, '/a/b/scores/w');
    assert.equal(chooseWorkspace({ ...facts, setting: '${workspaceFolder}/w' }).path, '/a/b/w');
    assert.equal(chooseWorkspace({ ...facts, setting: '/abs' }).path, '/abs');
  });

  it('does not take a folder for another with a longer name', () => {
    assert.equal(contains('/a/b', '/a/bc/x'), false);
    assert.equal(contains('/a/b', '/a/b'), true);
    assert.equal(contains('/a', '/a/..x/y'), true);
    assert.equal(folderOf('/x', ['/a']), null);
  });
});

describe('sheets and scores', () => {
  it('knows what a sheet needs', () => {
    const sheets = [[], [1], [], [2, 3]].map((dependsOn, index) => ({
      num: index + 1,
      stage: 1,
      movementName: null,
      description: null,
      instrument: 'cli',
      dependsOn,
    }));
    assert.deepEqual(withDependencies({ sheets }, 4), [1, 2, 3, 4]);
    assert.deepEqual(withDependencies({ sheets }, 3), [3]);
  });

  it('recognises scores by name or by their top level', () => {
    assert.ok(looksLikeScore('/a.score.yaml', ''));
    assert.ok(looksLikeScore('/a.yaml', 'name: x\nsheet:\n  size: 1\nprompt: {}\n'));
    assert.ok(!looksLikeScore('/a.yaml', 'jobs:\n  sheet: 1\n  prompt: x\n'));
    assert.ok(!looksLikeScore('/a.txt', 'sheet: 1\nprompt: 1\n'));
  });

  it('offers only templates that can be played', () => {
    for (const template of scoreTemplates()) {
      const { score, problems } = scoreRoom.summarise(
        template.text('my-score', 'claude-code'),
        '/w/my-score.yaml',
      );
      assert.deepEqual(problems, [], template.title);
      // A first score that begins with a remark is no help.
      for (const instrument of ['cli', 'claude-code']) {
        const { diagnostics } = analyse({
          text: template.text('my-score', instrument),
          path: resolve('my-score.score.yaml'),
          cwd: resolve('.'),
          files: diskFiles,
          catalogue,
        });
        const found = diagnostics.map(({ code, message }) => `${code} ${message}`);
        assert.deepEqual(found, [], `${template.title} with ${instrument}`);
      }
      assert.equal(score?.name, 'my-score');
      for (const name of ['2026', '1e3', 'true', 'Null', '2026-11-21', '0x1f', 'a.b-c'])
        assert.equal(
          scoreRoom.summarise(template.text(name, 'cli'), '/w/x.yaml').score?.name,
          name,
          template.title,
        );
      assert.equal(score.sheets[0]?.instrument, template.script ? 'cli' : 'claude-code');
    }
  });

  it('says the line of what is wrong with a score', () => {
    const { score, problems } = scoreRoom.summarise('name: x\nsheet:\n  size: no\nprompt: {}\n', '/w/x.yaml');
    assert.equal(score, null);
    assert.ok(problems.some(({ line }) => line === 3));
  });
});

describe('what outlives what', () => {
  it('starts a crashed conductor four times in three minutes and no more', () => {
    const budget = new RestartBudget();
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((second) => budget.take(second * 1000)),
      [true, true, true, true, false],
    );
    assert.equal(budget.take(180_000), true);
    assert.equal(budget.take(180_500), false);
  });

  it('disposes at once what is added too late', () => {
    const scope = new Scope();
    const disposed: number[] = [];
    scope.add({ dispose: () => disposed.push(1) });
    scope.add({ dispose: () => disposed.push(2) });
    scope.dispose();
    scope.add({ dispose: () => disposed.push(3) });
    assert.deepEqual(disposed, [2, 1, 3]);
  });
});
