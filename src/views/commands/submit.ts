/** The way of a score into the conductor, shared by all commands that start one. */
import * as vscode from 'vscode';
import { CallTimeout } from '../../client/errors';
import { CancelledError } from '../../protocol/errors';
import type { JobResponse } from '../../protocol/job-methods';
import { l10n } from '../l10n';
import { LONGEST_MS, longWork } from '../long-work';
import type { Services } from '../services';
import { settings } from '../settings';
import { hasEnded } from '../store/model';
import { chooseWorkspace } from '../submit/choose-workspace';
import { fateOf, sendSubmit } from '../submit/cancellable-submit';
import type { KeyedSubmit } from '../submit/cancellable-submit';
import type { ChosenWorkspace } from '../submit/choose-workspace';
import type { PlannedScore } from '../scores/score-room';

export interface SubmitRequest {
  readonly uri: vscode.Uri;
  readonly startSheet?: number;
  readonly onlySheets?: readonly number[];
  readonly dryRun?: boolean;
  readonly again?: boolean;
  readonly autoContinue?: boolean;
  /** A person has just agreed to agents that act without asking in this workspace. */
  readonly consent?: 'given';
  /** Instead of the one that is chosen by the rules. */
  readonly workspace?: string;
}

/** The score as it is on disk after saving; null when it cannot be played, which was then said. */
export async function readScore(services: Services, uri: vscode.Uri): Promise<PlannedScore | null> {
  const document = await vscode.workspace.openTextDocument(uri);
  if (document.isDirty && !(await document.save())) return null;
  const { score, problems } = (await services.scoreRoom()).summarise(document.getText(), uri.fsPath);
  if (score !== null) return score;
  const [first] = problems;
  const open = l10n.t('Open Score');
  const text = l10n.t(
    'The score cannot be played: {0}',
    first === undefined
      ? l10n.t('it has errors')
      : first.line === null
        ? first.message
        : l10n.t('line {0}: {1}', first.line, first.message),
  );
  if ((await vscode.window.showErrorMessage(text, open)) === open) {
    const line = Math.max(0, (first?.line ?? 1) - 1);
    await vscode.window.showTextDocument(document, { selection: new vscode.Range(line, 0, line, 0) });
  }
  return null;
}

export function workspaceFor(uri: vscode.Uri, written: string | null): ChosenWorkspace {
  return chooseWorkspace({
    scorePath: uri.fsPath,
    written,
    folders: (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
    setting: settings.jobWorkspace(uri),
  });
}

/** What is sent of a request. */
export async function submitParams(
  services: Pick<Services, 'connection' | 'secrets' | 'scoreRoom'>,
  request: SubmitRequest,
  score: PlannedScore,
): Promise<KeyedSubmit> {
  const { connection, secrets } = services;
  const room = await services.scoreRoom();
  const parts = await room.submitEnvironment(process.env, connection.distDir, connection.stateDir);
  const chosen = workspaceFor(request.uri, score.writtenWorkspace);
  const workspace = request.workspace ?? (chosen.source === 'score' ? null : chosen.path);
  return {
    config_path: request.uri.fsPath,
    workspace,
    client_cwd: chosen.path,
    submit_key: room.submitKey(),
    fresh: true,
    again: request.again ?? false,
    auto_continue: request.autoContinue ?? true,
    dry_run: request.dryRun ?? false,
    env: parts.env,
    secrets: await secrets.values(parts.secretNames, process.env),
    stored_secrets: settings.storedKeyForClaude() ? [] : secrets.storedOnly(parts.secretNames, process.env),
    consent: request.consent ?? ('ask' as const),
    start_sheet: request.startSheet ?? null,
    only_sheets: request.onlySheets === undefined ? null : [...request.onlySheets],
  };
}

/** Submits and tells the outcome; shows the job, but opens no panel unless the setting says so. */
export async function submit(
  services: Services,
  request: SubmitRequest,
  known?: PlannedScore,
): Promise<void> {
  const score = known ?? (await readScore(services, request.uri));
  if (score === null) return;
  const { connection, log } = services;
  const params = await submitParams(services, request, score);
  // Until here nothing was sent: a start that is given up needs no further word.
  await connection.ensure();
  let answer: JobResponse;
  try {
    answer = await longWork(l10n.t('Submitting {0}', score.name), (signal) =>
      sendSubmit(connection, params, { signal, timeoutMs: LONGEST_MS }),
    );
  } catch (error) {
    if (!(error instanceof CancelledError) && !(error instanceof CallTimeout)) throw error;
    await unanswered(services, score, params.submit_key, error);
    return;
  }
  log.info(`submit ${request.uri.fsPath}: ${answer.status}: ${answer.message}`);
  if (answer.status === 'accepted') {
    await accepted(services, answer.run ?? answer.job_id);
    return;
  }
  await rejected(services, request, score, answer);
}

/** The answer did not come, or nobody waited for it: what became of the submit is asked, and told. */
async function unanswered(
  services: Services,
  score: PlannedScore,
  submitKey: string,
  error: CancelledError | CallTimeout,
): Promise<void> {
  const { connection, log } = services;
  const cancelled = error instanceof CancelledError;
  const fate = await fateOf({ call: (method, params) => connection.ask(method, params) }, submitKey);
  log.info(`submit of ${score.name} ${cancelled ? 'cancelled' : 'timed out'}: ${fate.kind}`);
  if (fate.kind === 'accepted') {
    await accepted(services, fate.run);
    if (!cancelled) return;
    const cancel = l10n.t('Cancel Job');
    const show = l10n.t('Show Job');
    const text = l10n.t('{0} was accepted before it could be cancelled, and runs.', fate.run);
    const picked = await vscode.window.showWarningMessage(text, cancel, show);
    if (picked === cancel) await connection.call('job.cancel', { job_id: fate.run });
    if (picked === show) await vscode.commands.executeCommand('marianne.showJob', fate.run);
    return;
  }
  if (fate.kind === 'none') {
    if (!cancelled) throw error;
    void vscode.window.setStatusBarMessage(
      l10n.t('$(circle-slash) {0} was not submitted', score.name),
      6_000,
    );
    return;
  }
  log.warn(String(fate.error));
  const jobs = l10n.t('Show Jobs');
  const text = l10n.t('Whether {0} was submitted is not known: the conductor does not say.', score.name);
  if ((await vscode.window.showWarningMessage(text, jobs)) === jobs)
    await vscode.commands.executeCommand('marianne.jobs.focus');
}

async function accepted(services: Services, run: string): Promise<void> {
  const { submitted, output, feed, jobsView, sheetsView } = services;
  submitted.add(run);
  await feed.openSheets(run);
  output.followJob(run);
  if (settings.revealOutput() === 'onSubmit') output.show();
  void vscode.window.setStatusBarMessage(l10n.t('$(check) Submitted {0}', run), 4_000);
  if (jobsView.view.visible) await jobsView.reveal(run, { focus: false });
  else sheetsView.showJob(run);
}

async function rejected(
  services: Services,
  request: SubmitRequest,
  score: PlannedScore,
  answer: JobResponse,
): Promise<void> {
  const active = services.store.job(answer.job_id);
  if (active !== undefined && !hasEnded(active)) {
    const show = l10n.t('Show Job');
    const again = l10n.t('Start Another Run');
    const text = l10n.t('{0} is already {1} in {2}.', active.id, active.status, active.workspace);
    const picked = await vscode.window.showWarningMessage(text, show, again);
    if (picked === show) await vscode.commands.executeCommand('marianne.showJob', active.id);
    if (picked === again) await submit(services, { ...request, again: true }, score);
    return;
  }
  const needed = answer.consent_needed;
  if (needed !== undefined) {
    if (await agreesToAct(needed)) await submit(services, { ...request, consent: 'given' }, score);
    return;
  }
  const trust = l10n.t('Trust This Folder’s Instruments');
  const open = l10n.t('Open Score');
  const { trust_needed: untrusted } = answer;
  const first = answer.diagnostics?.find(({ severity }) => severity === 'error');
  const line = first?.range?.line ?? null;
  const text =
    first === undefined
      ? answer.message
      : line === null
        ? first.message
        : l10n.t('line {0}: {1}', line, first.message);
  const fromSetting =
    first?.code === 'V002' && workspaceFor(request.uri, score.writtenWorkspace).source === 'setting';
  const setting = l10n.t('Open Settings');
  const picked = await vscode.window.showErrorMessage(
    fromSetting
      ? l10n.t('{0} was not submitted. Setting marianne.jobWorkspace: {1}', score.name, first.message)
      : l10n.t('{0} was not submitted: {1}', score.name, text),
    ...(fromSetting ? [setting] : []),
    ...(untrusted === undefined ? [] : [trust]),
    open,
  );
  if (picked === trust) {
    const trusted = await vscode.commands.executeCommand('marianne.trustFolder', untrusted);
    if (trusted === true) await submit(services, request, score);
  }
  if (picked === setting)
    await vscode.commands.executeCommand('workbench.action.openSettings', 'marianne.jobWorkspace');
  if (picked === open) {
    const at = Math.max(0, (line ?? 1) - 1);
    await vscode.window.showTextDocument(request.uri, { selection: new vscode.Range(at, 0, at, 0) });
  }
}

/** Asks whether agents may act without asking in a workspace. */
export async function agreesToAct(needed: NonNullable<JobResponse['consent_needed']>): Promise<boolean> {
  const agree = l10n.t('Agree for This Workspace');
  const detail = l10n.t(
    'It writes files and runs commands in {0}, and wherever you may, without asking anybody. You are asked once for each workspace. To have it ask for less: skip_permissions: false with allowed_tools.',
    needed.workspace,
  );
  const text = l10n.t('{0} will act without asking.', needed.instruments.join(', '));
  const picked = await vscode.window.showWarningMessage(text, { modal: true, detail }, agree);
  return picked === agree;
}
