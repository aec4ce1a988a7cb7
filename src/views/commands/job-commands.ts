import * as vscode from 'vscode';
import { l10n } from '../l10n';
import type { Services } from '../services';
import { hasEnded } from '../store/model';
import type { JobModel } from '../store/model';
import { isHere } from '../here';
import { jobState } from '../trees/job-row';
import { jobArgument, sheetArgument } from './arguments';
import type { Command } from './command';
import { jobsArgument, namesOf, withEach } from './many-jobs';

/** Marianne: Pause Job, or all that are selected. */
export const pauseJob: Command = {
  id: 'marianne.pauseJob',
  async run(services, given, selected) {
    await withEach(await jobsArgument(services, given, selected, 'pausable'), async (job) => {
      const answer = await services.connection.call('job.pause', { job_id: job.id });
      if (!answer.paused) throw new Error(answer.error ?? l10n.t('{0} cannot be paused.', job.id));
    });
  },
};

/** Marianne: Resume Job, or all that are selected. */
export const resumeJob: Command = {
  id: 'marianne.resumeJob',
  async run(services, given, selected) {
    const jobs = await jobsArgument(services, given, selected, 'resumable');
    await withEach(jobs, (job) => goOn(services, job));
  },
};

/** Marianne: Retry Job. What failed or was cancelled is tried again; what is done stays done. */
export const retryJob: Command = {
  id: 'marianne.retryJob',
  run: (services, given) => withJob(services, given, 'retryable', (job) => goOn(services, job)),
};

async function goOn(services: Services, job: JobModel): Promise<void> {
  const answer = await services.connection.call('job.resume', { job_id: job.id });
  if (answer.status === 'rejected') throw new Error(answer.message);
  await offerKeys(services);
  services.submitted.add(job.id);
  services.output.followJob(job.id);
}

/** A job that was over wanted no keys when this window connected, and its own are forgotten. */
async function offerKeys({ connection, secrets, log }: Services): Promise<void> {
  if (!vscode.workspace.isTrusted) return;
  // The job goes on in any case: a failure here is none of the command's.
  await secrets.offer(connection, process.env).catch((error: unknown) => log.warn(String(error)));
}

/** Marianne: Cancel Job, or all that are selected. Asks once: their agents are ended. */
export const cancelJob: Command = {
  id: 'marianne.cancelJob',
  async run(services, given, selected) {
    const jobs = await jobsArgument(services, given, selected, 'cancelable');
    const sure = await isSure(
      jobs,
      [l10n.t('Cancel Job'), (job) => l10n.t('Cancel {0}?', job)],
      [l10n.t('Cancel Jobs'), (count) => l10n.t('Cancel {0} jobs?', count)],
      l10n.t('Running agents are ended. What is done stays, and the rest can be retried later.'),
      l10n.t('Keep Running'),
    );
    if (!sure) return;
    await withEach(jobs, async (job) => {
      await services.connection.call('job.cancel', { job_id: job.id });
    });
  },
};

/** Marianne: Delete Job, or all that are selected. */
export const deleteJob: Command = {
  id: 'marianne.deleteJob',
  async run(services, given, selected) {
    const jobs = await jobsArgument(services, given, selected, 'deletable');
    const sure = await isSure(
      jobs,
      [l10n.t('Delete'), (job) => l10n.t('Delete {0}?', job)],
      [l10n.t('Delete'), (count) => l10n.t('Delete {0} jobs?', count)],
      l10n.t('Records and logs are removed. Files in the workspaces stay.'),
    );
    if (!sure) return;
    const { deleted } = await services.connection.call('job.clear', { job_ids: jobs.map(({ id }) => id) });
    if (deleted === jobs.length) for (const { id } of jobs) services.store.removeJob(id);
  },
};

/** One question, however many jobs there are; false when there is none. `no`: where VS Code's own button, "Cancel", could be taken for ours. */
async function isSure(
  jobs: readonly JobModel[],
  one: readonly [yes: string, question: (job: string) => string],
  many: readonly [yes: string, question: (count: number) => string],
  detail: string,
  no?: string,
): Promise<boolean> {
  const [first] = jobs;
  if (first === undefined) return false;
  const [title, question] = jobs.length === 1 ? [one[0], one[1](first.id)] : [many[0], many[1](jobs.length)];
  const names = jobs.length === 1 ? '' : `${namesOf(jobs)}\n\n`;
  const yes: vscode.MessageItem = { title };
  const answer = await vscode.window.showWarningMessage(
    question,
    { modal: true, detail: `${names}${detail}` },
    yes,
    ...(no === undefined ? [] : [{ title: no, isCloseAffordance: true }]),
  );
  return answer === yes;
}

/** Marianne: Clear Finished Jobs. Those of other folders are offered, and not chosen beforehand. */
export const clearFinished: Command = {
  id: 'marianne.clearFinished',
  async run(services) {
    await services.connection.ensure();
    const jobs = services.store.list().filter(hasEnded);
    if (jobs.length === 0) {
      void vscode.window.showInformationMessage(l10n.t('There are no finished jobs.'));
      return;
    }
    const picked = await vscode.window.showQuickPick(
      jobs.map((job) => ({
        label: job.id,
        description: jobState(job),
        detail: job.workspace,
        picked: job.status !== 'failed' && isHere(job),
      })),
      {
        canPickMany: true,
        placeHolder: l10n.t('Remove the records and logs of these jobs; files in their workspaces stay'),
      },
    );
    if (picked === undefined || picked.length === 0) return;
    await services.connection.call('job.clear', { job_ids: picked.map(({ label }) => label) });
    for (const { label } of picked) services.store.removeJob(label);
  },
};

/** Marianne: Retry With a Hint. The hint is added to the prompt of the sheet that failed. */
export const retryWithHint: Command = {
  id: 'marianne.retryWithHint',
  async run(services, given) {
    const target = await failedSheet(services, given);
    if (target === null) return;
    const hint = await vscode.window.showInputBox({
      title: l10n.t('Retry sheet {0} of {1} with a hint', target.sheet, target.job),
      prompt: l10n.t('What should the agent know? It is added to the prompt.'),
      ignoreFocusOut: true,
      validateInput: (text) => (text.trim() === '' ? l10n.t('Write a hint, or press Escape.') : null),
    });
    if (hint !== undefined) await rerun(services, target.job, target.sheet, { hint });
  },
};

async function failedSheet(services: Services, given: unknown) {
  const job =
    typeof given === 'object' && given !== null && 'job' in given && !('sheet' in given) ? given.job : given;
  if (typeof job !== 'string') return sheetArgument(services, given, 'rerunnable');
  await services.feed.openSheets(job);
  const failed = services.store
    .sheets(job)
    ?.find((sheet) => sheet.status === 'failed' || sheet.status === 'cancelled');
  return failed === undefined ? sheetArgument(services, { job }, 'rerunnable') : { job, sheet: failed.num };
}

/** Marianne: Rerun Sheet. */
export const rerunSheet: Command = {
  id: 'marianne.rerunSheet',
  async run(services, given) {
    const target = await sheetArgument(services, given, 'rerunnable');
    if (target === null) return;
    const dependents = (services.store.sheets(target.job) ?? []).filter((sheet) =>
      sheet.dependsOn.includes(target.sheet),
    );
    let cascade = false;
    if (dependents.some((sheet) => sheet.attempts.length > 0)) {
      const only = l10n.t('Only sheet {0}', target.sheet);
      const picked = await vscode.window.showQuickPick(
        [only, l10n.t('Sheet {0} and all that depends on it', target.sheet)],
        {
          placeHolder: l10n.t('Other sheets used what sheet {0} made', target.sheet),
        },
      );
      if (picked === undefined) return;
      cascade = picked !== only;
    }
    await rerun(services, target.job, target.sheet, { cascade });
  },
};

async function rerun(
  services: Services,
  job: string,
  sheet: number,
  options: { readonly hint?: string; readonly cascade?: boolean },
): Promise<void> {
  const answer = await services.connection.call('job.rerun', { job_id: job, sheet, ...options });
  if (answer.status === 'rejected') throw new Error(answer.message);
  await offerKeys(services);
  services.submitted.add(job);
  services.output.followJob(job);
}

/** Marianne: Show Job. */
export const showJob: Command = {
  id: 'marianne.showJob',
  run: (services, given) =>
    withJob(services, given, 'job', async (job) => {
      await vscode.commands.executeCommand('marianne.jobs.focus');
      await services.jobsView.reveal(job.id, { focus: true });
    }),
};

/** Marianne: Open Workspace Folder of a job. */
export const openWorkspaceFolder: Command = {
  id: 'marianne.openWorkspaceFolder',
  run: (services, given) =>
    withJob(services, given, 'job', async (job) => {
      const uri = vscode.Uri.file(job.workspace);
      if (vscode.workspace.getWorkspaceFolder(uri) !== undefined)
        await vscode.commands.executeCommand('revealInExplorer', uri);
      else await vscode.commands.executeCommand('vscode.openFolder', uri, { forceNewWindow: true });
    }),
};

async function withJob(
  services: Services,
  given: unknown,
  word: string,
  work: (job: JobModel) => Promise<void>,
): Promise<void> {
  const job = await jobArgument(services, given, word);
  if (job !== null) await work(job);
}
