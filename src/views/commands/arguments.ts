/** What a command is about: the node, link or lens it was started from, or what the person picks. */
import * as vscode from 'vscode';
import { l10n } from '../l10n';
import { longWork } from '../long-work';
import { isScore } from '../scores/score-document';
import { workspaceScores } from '../scores/workspace-scores';
import type { Services } from '../services';
import type { JobModel, SheetModel } from '../store/model';
import { attemptContext } from '../trees/attempt-row';
import { sheetCount } from '../trees/format';
import { jobContext, jobRow } from '../trees/job-row';
import { sheetContext, sheetLabel, sheetState } from '../trees/sheet-row';

export interface ScoreSheet {
  readonly uri: vscode.Uri;
  readonly sheet: number;
}

export interface JobSheet {
  readonly job: string;
  readonly sheet: number;
  readonly attempt: number | null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function uriOf(value: unknown): vscode.Uri | null {
  if (value instanceof vscode.Uri) return value;
  if (typeof value === 'string' && value !== '')
    return value.startsWith('/') ? vscode.Uri.file(value) : vscode.Uri.parse(value);
  return null;
}

/** The job a command was started on, or the one that is picked among those whose row has `word`. Null: nothing was picked. */
export async function jobArgument(
  services: Services,
  given: unknown,
  word: string,
): Promise<JobModel | null> {
  const { store } = services;
  const id =
    typeof given === 'string'
      ? given
      : isObject(given) && typeof given['job'] === 'string'
        ? given['job']
        : null;
  if (id !== null) {
    if (store.job(id) === undefined) {
      await services.connection.ensure();
      await services.feed.openSheets(id);
    }
    const job = store.job(id);
    if (job !== undefined) return job;
  }
  const [selected] = services.jobsView.view.selection;
  const fits = (job: JobModel) => word === 'job' || jobContext(job).includes(word);
  if (given === undefined && selected !== undefined && 'job' in selected && services.jobsView.view.visible) {
    const job = store.job(selected.job);
    if (job !== undefined && fits(job)) return job;
  }
  await services.connection.ensure();
  const jobs = store.list().filter(fits);
  if (jobs.length === 0) {
    void vscode.window.showInformationMessage(noJob(word));
    return null;
  }
  const now = Date.now();
  const picked = await vscode.window.showQuickPick(
    jobs.map((job) => ({
      label: job.id,
      description: jobRow(job, now).description,
      detail: job.workspace,
      job,
    })),
    { placeHolder: l10n.t('Which job?'), matchOnDetail: true },
  );
  return picked?.job ?? null;
}

/** The sheet of a job that a command was started on, or that is picked. `word`: what its row must have. */
export async function sheetArgument(
  services: Services,
  given: unknown,
  word: string,
): Promise<JobSheet | null> {
  if (isObject(given) && typeof given['sheet'] === 'number') {
    const attempt = typeof given['attempt'] === 'number' ? given['attempt'] : null;
    if (typeof given['job'] === 'string') return { job: given['job'], sheet: given['sheet'], attempt };
    if (given['kind'] === 'planned' && given['uri'] instanceof vscode.Uri) {
      const job = services.sheetsView.jobOf({ kind: 'planned', uri: given['uri'], sheet: given['sheet'] });
      if (job !== null) return { job, sheet: given['sheet'], attempt };
    }
  }
  const fits = (sheet: SheetModel) => word === 'sheet' || sheetContext(sheet).includes(word);
  const { view } = services.jobsView;
  const [selected] = view.selection;
  // What is selected in a view that nobody sees is not what a person means.
  if (given === undefined && view.visible && selected !== undefined && 'sheet' in selected) {
    const sheet = services.store.sheet(selected.job, selected.sheet);
    const attempt = 'attempt' in selected ? selected.attempt : null;
    const row = sheet?.attempts.find((each) => each.attempt === attempt);
    const offers = row !== undefined && attemptContext(row).includes(word);
    if (sheet !== undefined && (offers || fits(sheet)))
      return { job: selected.job, sheet: selected.sheet, attempt };
  }
  const job = await jobArgument(services, given, 'job');
  if (job === null) return null;
  const loading = l10n.t('Loading the sheets of {0}', job.id);
  await longWork(loading, () => services.feed.openSheets(job.id));
  const sheets = (services.store.sheets(job.id) ?? []).filter(fits);
  if (sheets.length === 0) {
    void vscode.window.showInformationMessage(noSheet(word, job.id));
    return null;
  }
  const picked = await vscode.window.showQuickPick(
    sheets.map((sheet) => ({
      label: sheetLabel(sheet.num, sheet.description),
      description: sheetState(sheet.status),
      sheet: sheet.num,
    })),
    { placeHolder: l10n.t('Which sheet of {0}?', job.id) },
  );
  return picked === undefined ? null : { job: job.id, sheet: picked.sheet, attempt: null };
}

/** Why there is no job to choose from. */
function noJob(word: string): string {
  switch (word) {
    case 'pausable':
    case 'cancelable':
      return l10n.t('No job is running.');
    case 'resumable':
      return l10n.t('No job is paused.');
    case 'retryable':
      return l10n.t('No job failed or was cancelled.');
    case 'deletable':
      return l10n.t('There are no finished jobs.');
    default:
      return l10n.t('There are no jobs yet.');
  }
}

/** Why a job has no sheet to choose from. */
function noSheet(word: string, job: string): string {
  switch (word) {
    case 'hasLog':
      return l10n.t('No sheet of {0} has run yet.', job);
    case 'hasChanges':
    case 'undoable':
      return l10n.t(
        'No changes of {0} are recorded: it changed no files, or works outside a git repository.',
        job,
      );
    case 'resumableSession':
      return l10n.t('No sheet of {0} was played by Claude Code.', job);
    case 'rerunnable':
      return l10n.t('All sheets of {0} are running.', job);
    default:
      return l10n.t('{0} has no sheets.', job);
  }
}

/** The score a command is about: what it was started on, the active editor's, or one that is picked. */
export async function scoreArgument(services: Services, given: unknown): Promise<vscode.Uri | null> {
  const uri = uriOf(isObject(given) && 'uri' in given ? given['uri'] : given);
  if (uri !== null) return uri;
  const active = vscode.window.activeTextEditor?.document;
  if (active !== undefined && isScore(active)) return active.isUntitled ? saved(active) : active.uri;
  return pickScore(services);
}

/** The conductor reads a file. Null: it was not saved. */
async function saved(document: vscode.TextDocument): Promise<vscode.Uri | null> {
  const save = l10n.t('Save…');
  const text = l10n.t('This score is in no file yet. Save it first.');
  if ((await vscode.window.showInformationMessage(text, save)) !== save) return null;
  return (await vscode.workspace.save(document.uri)) ?? null;
}

/** A sheet of a score: what a lens or row names, or what is picked. */
export async function scoreSheetArgument(services: Services, given: unknown): Promise<ScoreSheet | null> {
  if (isObject(given) && typeof given['sheet'] === 'number') {
    const uri = uriOf(given['uri']);
    if (uri !== null) return oneOf(uri, given['sheet'], given['sheets']);
    const path = typeof given['job'] === 'string' ? services.store.job(given['job'])?.scorePath : undefined;
    if (path !== undefined && path !== '') return { uri: vscode.Uri.file(path), sheet: given['sheet'] };
  }
  const uri = await scoreArgument(services, given);
  if (uri === null) return null;
  const document = await vscode.workspace.openTextDocument(uri);
  const { score, problems } = (await services.scoreRoom()).summarise(document.getText(), uri.fsPath);
  if (score === null) {
    const why = problems[0]?.message ?? l10n.t('it has errors');
    void vscode.window.showErrorMessage(l10n.t('The score cannot be played: {0}', why));
    return null;
  }
  const picked = await vscode.window.showQuickPick(
    score.sheets.map((sheet) => ({
      label: sheetLabel(sheet.num, sheet.description ?? sheet.movementName),
      description: sheet.instrument,
      sheet: sheet.num,
    })),
    { placeHolder: l10n.t('Which sheet of {0}?', score.name) },
  );
  return picked === undefined ? null : { uri, sheet: picked.sheet };
}

/** A place in a score that stands for several sheets asks which. */
async function oneOf(uri: vscode.Uri, sheet: number, several: unknown): Promise<ScoreSheet | null> {
  const sheets = Array.isArray(several) ? several.filter((num) => typeof num === 'number') : [];
  if (sheets.length < 2) return { uri, sheet };
  const picked = await vscode.window.showQuickPick(
    sheets.map((num) => ({ label: l10n.t('Sheet {0}', num), sheet: num })),
    { placeHolder: l10n.t('This place stands for several sheets. Which one?') },
  );
  return picked === undefined ? null : { uri, sheet: picked.sheet };
}

async function pickScore(services: Services): Promise<vscode.Uri | null> {
  const found = await longWork(l10n.t('Looking for scores'), (signal) =>
    workspaceScores(services.scoreRoom, signal),
  );
  if (found.length === 0) {
    const create = l10n.t('New Score');
    const answer = await vscode.window.showInformationMessage(
      l10n.t('There is no score in this workspace.'),
      create,
    );
    if (answer === create) await vscode.commands.executeCommand('marianne.newScore');
    return null;
  }
  const rows = found.map(({ uri, name, description, sheets }) => ({
    label: name ?? vscode.workspace.asRelativePath(uri),
    description: name === null ? l10n.t('has errors') : sheetCount(sheets),
    detail: [vscode.workspace.asRelativePath(uri), description].filter((part) => part !== '').join(' — '),
    uri,
  }));
  const picked = await vscode.window.showQuickPick(rows, {
    placeHolder: l10n.t('Which score?'),
    matchOnDetail: true,
  });
  return picked?.uri ?? null;
}
