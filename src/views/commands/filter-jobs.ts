import * as vscode from 'vscode';
import { l10n } from '../l10n';
import { filterLabel, jobFilters, passes } from '../trees/job-filter';
import type { Command } from './command';

/** Marianne: Filter Jobs. Which jobs the view shows; it says so beside its title. */
export const filterJobs: Command = {
  id: 'marianne.filterJobs',
  async run({ jobsView, store }) {
    const jobs = store.list();
    const picked = await vscode.window.showQuickPick(
      jobFilters.map((filter) => ({
        label: filterLabel(filter),
        description: String(jobs.filter((job) => passes(filter, job)).length),
        filter,
      })),
      { placeHolder: l10n.t('Which jobs should the view show?') },
    );
    if (picked !== undefined) jobsView.show(picked.filter);
  },
};
