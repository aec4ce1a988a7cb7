/** What is said without being asked: only about jobs of this window, only when nobody sees it anyway, and once. */
import * as vscode from 'vscode';
import type { WireEvent } from '../protocol/events';
import { l10n } from './l10n';
import { settings } from './settings';
import { endedSince } from './store/summary';
import type { JobStore } from './store/job-store';
import type { JobModel } from './store/model';
import type { SheetOutput } from './output/sheet-output';
import type { SubmittedJobs } from './submit/submitted-jobs';
import { brief, clock, cost, parts } from './trees/format';
import type { Watched } from './watched';

export interface NotificationOptions {
  readonly store: JobStore;
  readonly submitted: SubmittedJobs;
  readonly output: SheetOutput;
  readonly watched: Watched;
  readonly isHere: (job: JobModel) => boolean;
  /** True while the rows of jobs are on the screen. */
  readonly jobsVisible: () => boolean;
}

export class Notifications {
  constructor(private readonly options: NotificationOptions) {}

  /** The first snapshot of this window: says what ended while no window of this folder watched. */
  onFirstSnapshot(): void {
    const { store, watched, isHere } = this.options;
    const since = watched.before;
    watched.now();
    if (since === undefined || settings.notifications() === 'off') return;
    const here = store.list().filter(isHere);
    const work = endedSince(here, since);
    if (work === null) return;
    const names = (jobs: readonly JobModel[]) =>
      jobs
        .slice(0, 3)
        .map((job) => job.id)
        .join(', ') + (jobs.length > 3 ? ', …' : '');
    const now = Date.now();
    const text = parts(
      work.completed.length > 0 && l10n.t('done: {0}', names(work.completed)),
      work.failed.length > 0 && l10n.t('failed: {0}', names(work.failed)),
      work.waiting.length > 0 &&
        l10n.t(
          'waiting: {0}',
          work.waiting
            .map((job) => {
              const until = job.reason?.until ?? null;
              return until === null ? job.id : l10n.t('{0} until {1}', job.id, clock(until, now));
            })
            .join(', '),
        ),
      (work.costUsd > 0 || work.unpriced) && l10n.t('spent {0}', cost(work.costUsd, work.unpriced)),
    );
    const subject = work.failed[0] ?? work.completed[0];
    if (subject !== undefined) {
      this.say(
        work.failed.length > 0 ? 'warning' : 'info',
        l10n.t('While no window watched: {0}', text),
        subject.id,
        work.failed.length > 0,
      );
    }
  }

  onEvent(event: WireEvent): void {
    const isEnd = event.type === 'job.completed' || event.type === 'job.failed';
    if (event.seq !== undefined) this.options.watched.until(event.t, isEnd);
    if (event.job_id === null || !this.options.submitted.has(event.job_id)) return;
    const setting = settings.notifications();
    if (setting === 'off') return;
    const job = event.job_id;
    if (event.type === 'job.failed') {
      const why =
        typeof event.data['error_message'] === 'string' ? `: ${brief(event.data['error_message'])}` : '';
      if (settings.revealOutput() === 'onFailure') this.options.output.show();
      this.say('error', l10n.t('{0} failed{1}', job, why), job, true);
    } else if (event.type === 'job.completed' && setting === 'all' && !this.isSeen()) {
      this.say('info', l10n.t('{0} is done.', job), job, false);
    } else if (event.type === 'job.paused' && setting === 'all' && !this.isSeen() && !isOwnPause(event)) {
      const why = reasonOf(event);
      this.say(
        'warning',
        why === '' ? l10n.t('{0} is paused.', job) : l10n.t('{0} is paused: {1}', job, why),
        job,
        false,
      );
    }
  }

  /** Somebody who works in this window with the rows before them needs no message. */
  private isSeen(): boolean {
    return vscode.window.state.focused && this.options.jobsVisible();
  }

  private say(severity: 'info' | 'warning' | 'error', text: string, job: string, failed: boolean): void {
    const show = l10n.t('Show Job');
    const output = l10n.t('Show Output');
    const retry = l10n.t('Retry');
    const report = l10n.t('Open Report');
    const mute = l10n.t('Mute This Job');
    const actions = failed ? [show, output, retry, mute] : [show, report];
    const message = l10n.t('Marianne: {0}', text);
    const shown =
      severity === 'error'
        ? vscode.window.showErrorMessage(message, ...actions)
        : severity === 'warning'
          ? vscode.window.showWarningMessage(message, ...actions)
          : vscode.window.showInformationMessage(message, ...actions);
    void shown.then((answer) => {
      if (answer === mute) this.options.submitted.mute(job);
      const command = {
        [show]: 'showJob',
        [output]: 'showSheetOutput',
        [retry]: 'retryJob',
        [report]: 'openReport',
      }[answer ?? ''];
      return command === undefined ? undefined : vscode.commands.executeCommand(`marianne.${command}`, job);
    });
  }
}

function reasonOf(event: WireEvent): string {
  const reason = event.data['reason'];
  return typeof reason === 'object' &&
    reason !== null &&
    'message' in reason &&
    typeof reason.message === 'string'
    ? brief(reason.message)
    : '';
}

/** A pause that somebody asked for is no news to them. */
function isOwnPause(event: WireEvent): boolean {
  const reason = event.data['reason'];
  return typeof reason === 'object' && reason !== null && 'code' in reason && reason.code === 'user_paused';
}
