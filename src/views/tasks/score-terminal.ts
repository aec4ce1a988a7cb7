/** The terminal of a task: submits a score, follows its job, ends with 0 if it completed, else with 1. */
import * as vscode from 'vscode';
import { attemptBase, attemptFiles } from '../../protocol/paths';
import type { JobResponse } from '../../protocol/job-methods';
import { l10n } from '../l10n';
import type { PlannedScore } from '../scores/score-room';
import { Scope } from '../scope';
import type { Services } from '../services';
import { hasEnded } from '../store/model';
import { readDefinition } from './definition';
import type { ScoreTask } from './definition';
import { JobLines, plain } from './job-lines';
import type { Submitting } from './score-tasks';

const CTRL_C = '\x03';
/** So long the last words of sheets are waited for when their job has ended, milliseconds. */
const SETTLE_MS = 3_000;

export function scoreTerminal(
  services: Services,
  submitting: Submitting,
  definition: Readonly<Record<string, unknown>>,
  uriOf: (score: string) => vscode.Uri,
): vscode.Pseudoterminal {
  return new ScoreTerminal(services, submitting, definition, uriOf);
}

class ScoreTerminal implements vscode.Pseudoterminal {
  private readonly scope = new Scope();
  /** What follows the job, until it has ended. */
  private readonly following = this.scope.add(new Scope());
  private readonly written = this.scope.add(new vscode.EventEmitter<string>());
  private readonly closed = this.scope.add(new vscode.EventEmitter<number>());
  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.closed.event;
  private readonly given = new AbortController();
  private run: string | null = null;
  private task: ScoreTask | null = null;
  private isOver = false;

  constructor(
    private readonly services: Services,
    private readonly submitting: Submitting,
    private readonly definition: Readonly<Record<string, unknown>>,
    private readonly uriOf: (score: string) => vscode.Uri,
  ) {}

  open(): void {
    this.play().catch((error: unknown) => {
      if (this.given.signal.aborted) return;
      this.services.log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
      const remedy = error instanceof Error && 'remedy' in error ? error.remedy : null;
      this.fail(
        error instanceof Error ? error.message : String(error),
        typeof remedy === 'string' ? remedy : '',
      );
    });
  }

  /** The task was ended, or its terminal was closed. Nothing is asked; the job goes on unless the task says otherwise. */
  close(): void {
    if (!this.isOver) this.leave();
    this.scope.dispose();
  }

  handleInput(data: string): void {
    if (!data.includes(CTRL_C) || this.isOver) return;
    this.leave();
    this.say(this.cancels ? l10n.t('The job is cancelled.') : l10n.t('The job goes on in the background.'));
    this.end(1);
  }

  private get cancels(): boolean {
    return this.task?.cancelOnTerminate === true;
  }

  private leave(): void {
    this.isOver = true;
    // A submit that is on its way is taken back; `submit` deals with one that was accepted all the same.
    this.given.abort();
    if (this.run !== null) this.leaveJob(this.run);
  }

  private leaveJob(run: string): void {
    const { connection, log } = this.services;
    if (this.cancels) {
      connection.call('job.cancel', { job_id: run }).catch((error: unknown) => log.warn(String(error)));
      return;
    }
    void vscode.window.setStatusBarMessage(l10n.t('{0} goes on in the background', run), 6_000);
  }

  private async play(): Promise<void> {
    const task = readDefinition(this.definition);
    if (typeof task === 'string') return this.fail(task, '');
    this.task = task;
    const uri = this.uriOf(task.score);
    const text = await readText(uri);
    if (text === null) return this.fail(l10n.t('{0} cannot be read.', uri.fsPath), '');
    const { score, problems } = (await this.services.scoreRoom()).summarise(text, uri.fsPath);
    if (score === null) {
      for (const { line, code, message } of problems)
        this.say(`${uri.fsPath}${line === null ? '' : `:${line}`}: ${code} ${plain(message)}`);
      return this.fail(l10n.t('The score cannot be played.'), '');
    }
    const answer = await this.submit(uri, task, score);
    if (answer === null) return;
    if (answer.status !== 'accepted') {
      for (const { severity, range, code, message } of answer.diagnostics ?? [])
        this.say(
          `${uri.fsPath}${range === null ? '' : `:${range.line}`}: ${severity} ${code}: ${plain(message)}`,
        );
      return this.fail(l10n.t('{0} was not submitted: {1}', score.name, plain(answer.message)), '');
    }
    await this.follow(answer.run ?? answer.job_id);
  }

  /** Null: the task was ended meanwhile. */
  private async submit(uri: vscode.Uri, task: ScoreTask, score: PlannedScore): Promise<JobResponse | null> {
    const { connection } = this.services;
    const { signal } = this.given;
    const { submitParams, sendSubmit, fateOf, agreesToAct } = this.submitting;
    const only = task.sheet === null ? {} : { onlySheets: [task.sheet] };
    await connection.ensure();
    for (const consent of [undefined, 'given'] as const) {
      const request = { uri, ...only, ...(consent === undefined ? {} : { consent }) };
      const params = await submitParams(this.services, request, score);
      let answer: JobResponse;
      try {
        answer = await sendSubmit(connection, params, { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
        const fate = await fateOf(
          { call: (method, given) => connection.ask(method, given) },
          params.submit_key,
        );
        if (fate.kind === 'accepted') this.leaveJob(fate.run);
        return null;
      }
      const needed = answer.consent_needed;
      if (needed === undefined || consent === 'given' || !(await agreesToAct(needed))) return answer;
    }
    return null;
  }

  private async follow(run: string): Promise<void> {
    const { store, feed, submitted, connection } = this.services;
    this.run = run;
    submitted.add(run);
    const lines = new JobLines(
      store,
      run,
      (sheet, attempt) => attemptFiles(attemptBase(connection.stateDir, run, sheet, attempt)).stdoutLog,
    );
    await feed.openSheets(run);
    // Ended while it was submitted.
    if (this.isOver) return;
    this.say(l10n.t('{0} works in {1}.', run, store.job(run)?.workspace ?? ''));
    this.say(
      this.cancels
        ? l10n.t('Ending this task cancels the job.')
        : l10n.t('Ending this task leaves the job running.'),
    );
    let timer: NodeJS.Timeout | null = null;
    let late = false;
    this.following.add({ dispose: () => timer !== null && clearTimeout(timer) });
    const look = () => {
      if (this.isOver) return;
      for (const line of lines.next(Date.now())) this.say(line);
      const job = store.job(run);
      if (job !== undefined && !hasEnded(job)) return;
      if (job !== undefined && !lines.isWhole() && !late) {
        timer ??= setTimeout(() => {
          late = true;
          look();
        }, SETTLE_MS);
        return;
      }
      this.say(lines.ending());
      this.end(job?.status === 'completed' ? 0 : 1);
    };
    this.following.add(store.onChange(look));
    this.following.add(
      connection.onState((state) => {
        if (state === 'stopped')
          this.say(l10n.t('The conductor stopped. The job goes on once it is started again.'));
      }),
    );
    look();
  }

  private fail(message: string, remedy: string): void {
    this.say(`\x1b[31m${plain(message)}\x1b[0m`);
    if (remedy !== '') this.say(plain(remedy));
    this.end(1);
  }

  private say(line: string): void {
    this.written.fire(`${line}\r\n`);
  }

  private end(code: number): void {
    this.isOver = true;
    this.following.dispose();
    this.closed.fire(code);
  }
}

/** As it is on disk, where the conductor reads it. */
async function readText(uri: vscode.Uri): Promise<string | null> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  } catch {
    return null;
  }
}
