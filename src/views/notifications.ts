/** What is said without being asked: only about jobs of this window, only when nobody sees it anyway, and once. */
import * as vscode from 'vscode';
import type { WireEvent } from '../protocol/events';
import { l10n } from './l10n';
import { settings } from './settings';
import { endedSince, waitingJobs } from './store/summary';
import { isLimited, needsPerson } from './store/model';
import type { JobStore } from './store/job-store';
import type { JobModel } from './store/model';
import type { SheetOutput } from './output/sheet-output';
import type { SubmittedJobs } from './submit/submitted-jobs';
import { brief, clock, cost, parts } from './trees/format';
import type { Watched } from './watched';

/** Jobs of this folder that waited when it was last watched. */
const WAITING_KEY = 'marianne.waiting';

export interface NotificationOptions {
  readonly store: JobStore;
  readonly submitted: SubmittedJobs;
  readonly output: SheetOutput;
  readonly watched: Watched;
  readonly memory: vscode.Memento;
  readonly isHere: (job: JobModel) => boolean;
  /** True while the rows of jobs are on the screen. */
  readonly jobsVisible: () => boolean;
}

export class Notifications {
  /** Jobs that were said to wait for a person, and still do. */
  private readonly told = new Set<string>();
  private isWatching = false;

  constructor(private readonly options: NotificationOptions) {}

  /** The first snapshot of this window: says what ended while no window of this folder watched. */
  onFirstSnapshot(): void {
    const { store, watched, memory, isHere } = this.options;
    const since = watched.before;
    const waited = new Set(memory.get<string[]>(WAITING_KEY, []));
    watched.now();
    this.isWatching = true;
    const here = store.list().filter(isHere);
    // The summary says these, where there is one.
    for (const job of here) if (needsPerson(job)) this.told.add(job.id);
    this.onChange();
    if (since === undefined || settings.notifications() === 'off') return;
    const work = endedSince(here, since, waited);
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
              const until = isLimited(job) ? (job.reason?.until ?? job.resumeAt) : null;
              if (until !== null) return l10n.t('{0} until {1}', job.id, clock(until, now));
              return job.reason === null ? job.id : `${job.id} (${brief(job.reason.message)})`;
            })
            .join(', '),
        ),
      (work.costUsd > 0 || work.unpriced) && l10n.t('spent {0}', cost(work.costUsd, work.unpriced)),
    );
    const subject = work.failed[0] ?? work.waiting.find(needsPerson) ?? work.completed[0] ?? work.waiting[0];
    if (subject === undefined) return;
    const actions = work.failed.length > 0 ? FAILED : needsPerson(subject) ? held(subject) : DONE;
    this.say(
      work.failed.length > 0 ? 'warning' : 'info',
      l10n.t('While you were away: {0}', text),
      subject.id,
      actions,
    );
  }

  /** What the store knows has changed: says which job of this window waits for somebody now. */
  onChange(): void {
    if (!this.isWatching) return;
    const { store, memory, isHere, submitted } = this.options;
    const jobs = store.list();
    const waiting = waitingJobs(jobs.filter(isHere));
    if (waiting.join(' ') !== memory.get<string[]>(WAITING_KEY, []).join(' '))
      void memory.update(WAITING_KEY, waiting);
    for (const job of jobs) {
      if (!needsPerson(job)) {
        this.told.delete(job.id);
        continue;
      }
      // A pause has an event of its own.
      if (this.told.has(job.id) || job.status === 'paused' || !submitted.has(job.id)) continue;
      this.told.add(job.id);
      if (settings.notifications() !== 'all') continue;
      const why = job.reason === null ? '' : brief(job.reason.message);
      this.say('warning', `${job.id}: ${why}`, job.id, held(job));
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
        typeof event.data['error_message'] === 'string'
          ? `: ${brief(event.data['error_message']).replace(/^(sheet \d+) failed: /, '$1: ')}`
          : '';
      if (settings.revealOutput() === 'onFailure') this.options.output.show();
      this.say('error', l10n.t('{0} failed{1}', job, why), job, FAILED);
    } else if (event.type === 'job.completed' && setting === 'all' && !this.isSeen()) {
      this.say('info', l10n.t('{0} is done.', job), job, DONE);
    } else if (event.type === 'job.paused' && setting === 'all' && !this.isSeen() && !isOwnPause(event)) {
      const why = reasonOf(event);
      this.say(
        'warning',
        why === '' ? l10n.t('{0} is paused.', job) : l10n.t('{0} is paused: {1}', job, why),
        job,
        PAUSED,
      );
    }
  }

  /** Somebody who works in this window with the rows before them needs no message. */
  private isSeen(): boolean {
    return vscode.window.state.focused && this.options.jobsVisible();
  }

  private say(
    severity: 'info' | 'warning' | 'error',
    text: string,
    job: string,
    actions: readonly Action[],
  ): void {
    const titles: Record<Action, string> = {
      showJob: l10n.t('Show Job'),
      showSheetOutput: l10n.t('Show Output'),
      retryJob: l10n.t('Retry'),
      resumeJob: l10n.t('Resume'),
      openReport: l10n.t('Open Report'),
      setApiKey: l10n.t('Set API Key'),
      mute: l10n.t('Mute This Job'),
    };
    const message = l10n.t('Marianne: {0}', text);
    const items = actions.map((action) => titles[action]);
    const shown =
      severity === 'error'
        ? vscode.window.showErrorMessage(message, ...items)
        : severity === 'warning'
          ? vscode.window.showWarningMessage(message, ...items)
          : vscode.window.showInformationMessage(message, ...items);
    void shown.then((answer) => {
      const action = actions.find((candidate) => titles[candidate] === answer);
      if (action === undefined) return;
      if (action === 'mute') this.options.submitted.mute(job);
      else void vscode.commands.executeCommand(`marianne.${action}`, action === 'setApiKey' ? { job } : job);
    });
  }
}

type Action = 'showJob' | 'showSheetOutput' | 'retryJob' | 'resumeJob' | 'openReport' | 'setApiKey' | 'mute';

const FAILED: readonly Action[] = ['showJob', 'showSheetOutput', 'retryJob', 'mute'];
const DONE: readonly Action[] = ['showJob', 'openReport'];
const PAUSED: readonly Action[] = ['showJob', 'resumeJob'];

/** What can be done about a job that waits for a person. */
function held({ reason, status }: JobModel): readonly Action[] {
  if (reason?.code === 'waiting_for_key') return ['setApiKey', 'showJob'];
  return status === 'paused' ? PAUSED : ['showJob'];
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
