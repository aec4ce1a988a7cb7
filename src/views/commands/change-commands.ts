import * as vscode from 'vscode';
import type { Unrecorded } from '../../protocol/change-methods';
import type { ResultOf } from '../../protocol/methods';
import { versionUri } from '../changes/changed-files';
import { l10n } from '../l10n';
import { LONGEST_MS, longCall } from '../long-work';
import type { Services } from '../services';
import { sheetArgument } from './arguments';
import type { JobSheet } from './arguments';
import type { Command } from './command';

type Changes = ResultOf<'job.changes'>;

/** VS Code draws an editor for each; beyond that the terminal's list is the better view. */
const MOST_FILES = 300;
/** Named in a question. */
const NAMED = 12;

/** Marianne: Show Changes. All files that an attempt changed, in one diff editor. */
export const showChanges: Command = {
  id: 'marianne.showChanges',
  async run(services, given) {
    const target = await sheetArgument(services, given, 'hasChanges');
    if (target === null) return;
    const changes = await changesOf(services, target);
    const { sheet, attempt, workspace, total, mixed } = changes;
    if (changes.unrecorded !== null) {
      void vscode.window.showInformationMessage(unrecordedText(changes.unrecorded));
      return;
    }
    if (total === 0) {
      void vscode.window.showInformationMessage(
        l10n.t('Attempt {0} of sheet {1} changed no files.', attempt, sheet),
      );
      return;
    }
    const of = { job: changes.job_id, sheet, attempt };
    const rows = changes.files.map(({ path, before, after }) => {
      const file = vscode.Uri.joinPath(vscode.Uri.file(workspace), path);
      const recorded = after && versionUri(workspace, { ...of, side: 'after', file: path });
      return [
        file,
        before ? versionUri(workspace, { ...of, side: 'before', file: path }) : undefined,
        // What still runs has no other after than the file itself.
        changes.running && after ? file : (recorded ?? undefined),
      ];
    });
    await vscode.commands.executeCommand('vscode.changes', title(changes), rows);
    if (mixed) {
      void vscode.window.showInformationMessage(
        l10n.t('Other sheets ran in {0} at the same time: what they changed is shown too.', workspace),
      );
    }
    if (total > rows.length) {
      void vscode.window.showInformationMessage(
        l10n.t(
          '{0} of {1} changed files are shown. In a terminal: {2}',
          rows.length,
          total,
          `mzt changes ${of.job} ${sheet}`,
        ),
      );
    }
  },
};

/** Marianne: Undo This Sheet. The files that an attempt changed become what they were before it. */
export const undoSheet: Command = {
  id: 'marianne.undoSheet',
  async run(services, given) {
    const target = await sheetArgument(services, given, 'undoable');
    if (target === null) return;
    const { connection } = services;
    const title = l10n.t('Comparing what sheet {0} of {1} changed', target.sheet, target.job);
    const which = { job_id: target.job, sheet: target.sheet, attempt: target.attempt };
    let mixed = false;
    let plan = await longCall(connection, title, 'job.undo', { ...which, dry_run: true });
    if (plan.refused === 'mixed') {
      mixed = true;
      plan = await longCall(connection, title, 'job.undo', { ...which, dry_run: true, mixed });
    }
    if (plan.status !== 'would_undo') {
      await tellRefusal(services, target, plan);
      return;
    }
    const { workspace } = await changesOf(services, { ...target, attempt: plan.attempt });
    const unsaved = vscode.workspace.textDocuments.filter(
      ({ isDirty, uri }) =>
        isDirty &&
        plan.files.some(
          ({ path }) => vscode.Uri.joinPath(vscode.Uri.file(workspace), path).fsPath === uri.fsPath,
        ),
    );
    if (unsaved.length > 0) {
      const names = unsaved.map(({ uri }) => vscode.workspace.asRelativePath(uri)).join(', ');
      void vscode.window.showWarningMessage(l10n.t('Save or revert first: {0}', names));
      return;
    }
    const yes = l10n.t('Undo');
    const answer = await vscode.window.showWarningMessage(
      l10n.t('Undo what attempt {0} of sheet {1} of {2} changed?', plan.attempt, plan.sheet, plan.job_id),
      { modal: true, detail: question(plan, mixed) },
      yes,
    );
    if (answer !== yes) return;
    const done = await connection.call(
      'job.undo',
      { ...which, attempt: plan.attempt, mixed },
      // Begun, it is brought to its end.
      { timeoutMs: LONGEST_MS },
    );
    if (done.status !== 'undone') {
      await tellRefusal(services, target, done);
      return;
    }
    const rerun = l10n.t('Rerun Sheet');
    const next = await vscode.window.showInformationMessage(
      done.files.length === 1
        ? l10n.t('One file is as it was before sheet {0} of {1}.', done.sheet, done.job_id)
        : l10n.t(
            '{0} files are as they were before sheet {1} of {2}.',
            done.files.length,
            done.sheet,
            done.job_id,
          ),
      rerun,
    );
    if (next === rerun)
      await vscode.commands.executeCommand('marianne.rerunSheet', { job: done.job_id, sheet: done.sheet });
  },
};

type Undo = ResultOf<'job.undo'>;

function question({ files }: Undo, mixed: boolean): string {
  const lines = files
    .slice(0, NAMED)
    .map(({ path, action }) =>
      action === 'deleted' ? l10n.t('delete {0}', path) : l10n.t('restore {0}', path),
    );
  if (files.length > NAMED) lines.push(l10n.t('… and {0} more', files.length - NAMED));
  const warning = mixed
    ? [l10n.t('Other sheets ran there at the same time: what they did to these files goes too.'), '']
    : [];
  const note = l10n.t('The record of the job stays as it is. This cannot be undone itself.');
  return [...warning, ...lines, '', note].join('\n');
}

async function tellRefusal(services: Services, target: JobSheet, refusal: Undo): Promise<void> {
  if (refusal.status === 'nothing') {
    void vscode.window.showInformationMessage(
      l10n.t('There is nothing to undo: the files are as they were before sheet {0}.', refusal.sheet),
    );
    return;
  }
  const show = l10n.t('Show Changes');
  const changed = refusal.conflicts.slice(0, NAMED).join(', ');
  const text =
    refusal.refused === 'changed_since'
      ? l10n.t('Not undone: these files were changed since, by somebody else: {0}', changed)
      : l10n.t('Not undone: {0}', refusal.message);
  if ((await vscode.window.showWarningMessage(text, show)) === show)
    await showChanges.run(services, { ...target, attempt: refusal.attempt });
}

async function changesOf(services: Services, target: JobSheet): Promise<Changes> {
  const title = l10n.t('Comparing what sheet {0} of {1} changed', target.sheet, target.job);
  return longCall(services.connection, title, 'job.changes', {
    job_id: target.job,
    sheet: target.sheet,
    attempt: target.attempt,
    limit: MOST_FILES,
  });
}

function title({ job_id: job, sheet, attempt, running, mixed }: Changes): string {
  const name = l10n.t('{0} · sheet {1} · attempt {2}', job, sheet, attempt);
  if (mixed) return l10n.t('{0} (mixed with other sheets)', name);
  return running ? l10n.t('{0} (so far)', name) : name;
}

function unrecordedText(reason: Unrecorded): string {
  const texts: Record<Unrecorded, string> = {
    off: l10n.t('Changes of this attempt were not recorded.'),
    not_git: l10n.t('Changes are recorded only where the job works in a git repository.'),
    no_git: l10n.t('Changes were not recorded: the conductor found no git on its PATH.'),
    ignored: l10n.t('Changes were not recorded: the repository ignores the folder in which the job works.'),
    too_large: l10n.t('Changes were not recorded: the folder in which the job works is too large.'),
    too_slow: l10n.t('Changes were not recorded: git took too long over the folder in which the job works.'),
    failed: l10n.t('Changes were not recorded: git failed. The log of the conductor says why.'),
    lost: l10n.t('What was recorded is not there any more.'),
  };
  return texts[reason];
}
