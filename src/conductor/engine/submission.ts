import { randomUUID } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname } from 'node:path';
import { CancelledError, JobSubmissionError } from '../../protocol/errors';
import { makeBundle } from '../../score/bundle';
import type { Diagnostic } from '../../score/diagnostic';
import type { Plan } from '../../score/plan';
import { leftOut, playProblem, unknownInstrument } from '../../score/selection';
import type { PlayProblem, Selection } from '../../score/selection';
import type { Consents } from '../consents';
import type { AgentState, RecordDraft, SheetSkeleton } from '../records';
import { storeBundle, type StoredBundle } from './bundles';
import { refuseChangedSheets } from './changed-sheets';
import type { EngineCore } from './core';
import type { Jobs } from './jobs';
import { PlanNeeds, type GivenEnvironment, type KeySettings } from './plan-needs';
import { runNumber } from './run-ids';
import { hasErrors, takeIn, type Intake, type LoadCatalogue } from './score-intake';
import { terminalJob, type JobState } from './state';
import { prepareWorkspace } from './workspace-folder';

/** What a client submits. */
export interface SubmitRequest extends Selection, GivenEnvironment {
  readonly configPath: string;
  readonly workspace: string | null;
  readonly clientCwd: string;
  readonly submitKey: string | null;
  /** Start one more run although one of this score is active in this workspace. */
  readonly again: boolean;
  readonly autoContinue: boolean;
  /** `ask`: refuse agents that act without asking, unless a person agreed to that in the workspace; `given`: a person does now. */
  readonly consent: 'ask' | 'given' | null;
  readonly secrets: Readonly<Record<string, string>>;
  /** True once the client has taken it back: until its record is written, nothing then comes of it. */
  isCancelled?(): boolean;
}

export type SubmitOutcome =
  | {
      readonly kind: 'accepted';
      readonly run: string;
      readonly workspace: string;
      readonly diagnostics: readonly Diagnostic[];
      readonly agents: readonly AgentState[];
    }
  | Rejection;

interface Rejection {
  readonly kind: 'rejected';
  readonly jobId: string;
  readonly message: string;
  readonly diagnostics: readonly Diagnostic[];
  /** Set where asking the same again can never help. */
  readonly errorCode?: PlayProblem['code'];
  /** A folder whose instruments nobody has approved: one of them may be what is missing. */
  readonly unapproved?: string;
  readonly consentNeeded?: { readonly workspace: string; readonly instruments: readonly string[] };
}

export interface SubmissionOptions extends KeySettings {
  readonly scoresDir: string;
  readonly productVersion: string;
  readonly loadCatalogue: LoadCatalogue;
  readonly consents: Consents;
  now(): number;
  keepSecrets(run: string, values: Readonly<Record<string, string>>): void;
  /** `executables` of conductor.yaml. */
  readonly executables: Readonly<Record<string, string>>;
  adoptBundle(run: string, bundle: StoredBundle): Promise<void>;
}

/** Takes scores in: the way from a file to a live job, and from a changed file to a changed job. */
export class Submissions {
  /** Submits are one after another: run ids and "already running" must not race. */
  private queue: Promise<unknown> = Promise.resolve();
  /** Answers by idempotency key, for a client that asks again after a lost answer; the live jobs know theirs over restarts. */
  private readonly answered = new Map<string, SubmitOutcome>();

  constructor(
    private readonly core: EngineCore,
    private readonly jobs: Jobs,
    private readonly options: SubmissionOptions,
  ) {}

  /** Reads, checks, plans and renders; starts nothing. */
  examine(request: {
    configPath: string;
    text?: string | null;
    workspace: string | null;
    cwd: string;
    /** The plain environment that a submit would bring. */
    environment?: Readonly<Record<string, string>>;
    /** The sheet whose prompt somebody wants to see. */
    sheet?: number;
  }): Promise<Intake> {
    return takeIn(
      {
        path: request.configPath,
        text: request.text ?? null,
        workspace: request.workspace,
        cwd: request.cwd,
        ...(request.sheet === undefined ? {} : { sheet: request.sheet }),
      },
      this.options.loadCatalogue,
      this.options.productVersion,
      {
        userUrls: this.options.userUrls,
        environment: request.environment ?? {},
        programs: {
          path: request.environment?.['PATH'] ?? process.env['PATH'] ?? '',
          home: homedir(),
          executables: this.options.executables,
        },
      },
    );
  }

  /** @throws CancelledError when it was taken back in time */
  submit(request: SubmitRequest): Promise<SubmitOutcome> {
    const result = this.queue.then(() => this.submitNow(request));
    this.queue = result.catch(() => undefined);
    return result;
  }

  /** The run that a submit with this key made; null = none, and none will come of a submit that was sent before this question. */
  async find(submitKey: string): Promise<string | null> {
    await this.queue;
    const answer = this.answered.get(submitKey);
    if (answer?.kind === 'accepted') return answer.run;
    return this.bySubmitKey(submitKey)?.run ?? null;
  }

  private async submitNow(request: SubmitRequest): Promise<SubmitOutcome> {
    const { submitKey } = request;
    if (submitKey !== null) {
      const answer = this.answered.get(submitKey);
      if (answer) return answer;
      const known = this.bySubmitKey(submitKey);
      if (known)
        return {
          kind: 'accepted',
          run: known.run,
          workspace: known.workspace,
          diagnostics: [],
          agents: known.agents,
        };
    }
    const outcome = await this.take(request);
    if (submitKey !== null && outcome.kind === 'accepted') {
      this.answered.set(submitKey, outcome);
      const oldest = this.answered.keys().next();
      if (this.answered.size > 1000 && !oldest.done) this.answered.delete(oldest.value);
    }
    return outcome;
  }

  private async take(request: SubmitRequest): Promise<SubmitOutcome> {
    const stem = stemOf(request.configPath);
    if (!stem) {
      const message = `"${basename(request.configPath)}" cannot name a job: it must begin with a letter or digit and hold only letters, digits, ".", "_" and "-"`;
      return { kind: 'rejected', jobId: '', message, diagnostics: [] };
    }
    refuseCancelled(request);
    const intake = await this.examine({
      configPath: request.configPath,
      workspace: request.workspace,
      cwd: request.clientCwd,
      environment: request.env,
    });
    const { diagnostics, ready } = intake;
    const rejected = (message: string, jobId = stem): Rejection => ({
      kind: 'rejected',
      jobId,
      message,
      diagnostics,
    });
    if (!ready || hasErrors(diagnostics)) return rejected(firstError(diagnostics));
    const { plan } = ready;
    const problem = await this.playProblem(plan, request);
    if (problem) {
      const { code, message, unapproved } = problem;
      return { ...rejected(message), errorCode: code, ...(unapproved ? { unapproved } : {}) };
    }
    const trouble = await prepareWorkspace(plan.workspace);
    if (trouble) return rejected(trouble);
    const active = request.again ? undefined : await this.activeRun(intake.path, plan.workspace);
    if (active) {
      return rejected(
        `this score is ${active.status} in ${active.workspace} as ${active.run}; watch it with "mzt status ${active.run}", or submit with --again`,
        active.run,
      );
    }
    const needs = await this.needs(plan);
    const agents = needs.agents(request);
    const unasked = agents.filter((agent) => agent.acts_unasked).map(({ instrument }) => instrument);
    if (
      unasked.length > 0 &&
      request.consent === 'ask' &&
      !(await this.options.consents.has(plan.workspace))
    ) {
      const message = `${unasked.join(', ')} would act without asking (skip_permissions), and nobody has agreed to that in ${plan.workspace}`;
      return {
        kind: 'rejected',
        jobId: stem,
        message,
        diagnostics,
        consentNeeded: { workspace: plan.workspace, instruments: unasked },
      };
    }
    if (unasked.length > 0 && request.consent === 'given')
      await this.options.consents.give(plan.workspace, this.options.now());
    const bundle = makeBundle(ready.score, plan, ready.template);
    const digest = await storeBundle(this.options.scoresDir, bundle);
    refuseCancelled(request);
    const run = this.nextRun(stem);
    await this.options.adoptBundle(run, { digest, score: ready.score, plan, template: ready.template });
    this.options.keepSecrets(run, request.secrets);
    const drafts: RecordDraft[] = [
      {
        type: 'job.submitted',
        run,
        body: {
          job: {
            stem,
            name: plan.name,
            description: plan.description,
            score_path: intake.path,
            bundle: digest,
            workspace: plan.workspace,
            client_cwd: request.clientCwd,
            total_sheets: plan.totalSheets,
            total_stages: plan.totalStages,
            submit_key: request.submitKey ?? randomUUID(),
            env: { ...request.env },
            secret_names: needs.secretNames(Object.keys(request.secrets), request.env),
            stored_secret_names: [...request.storedSecrets],
            agents,
            auto_continue: request.autoContinue,
            sheets: skeletons(plan),
            skips: leftOut(plan, request),
          },
        },
      },
    ];
    await this.core.commit(drafts);
    return { kind: 'accepted', run, workspace: plan.workspace, diagnostics, agents };
  }

  /**
   * Works out what a changed score would replace in a job.
   * @throws ModifyRefusedError when a finished sheet would have been another one; JobSubmissionError when the score has errors.
   */
  async modification(
    job: JobState,
    before: StoredBundle,
    configPath: string,
  ): Promise<Extract<RecordDraft, { type: 'job.replanned' }>['body']> {
    const intake = await this.examine({
      configPath,
      workspace: job.workspace,
      cwd: job.client_cwd ?? dirname(job.score_path),
      environment: job.env,
    });
    const { ready, diagnostics } = intake;
    if (!ready || hasErrors(diagnostics))
      throw new JobSubmissionError(firstError(diagnostics), { remedy: `mzt validate ${configPath}` });
    const unknown = unknownInstrument(ready.plan, await this.options.loadCatalogue(ready.plan.workspace));
    if (unknown) throw new JobSubmissionError(unknown.message);
    const digest = await storeBundle(
      this.options.scoresDir,
      makeBundle(ready.score, ready.plan, ready.template),
    );
    const after: StoredBundle = { digest, score: ready.score, plan: ready.plan, template: ready.template };
    refuseChangedSheets(job, before, after, this.options.productVersion);
    const needs = await this.needs(ready.plan);
    const secretNames = needs.secretNames(job.secret_names, job.env);
    await this.options.adoptBundle(job.run, after);
    return {
      bundle: digest,
      score_path: intake.path,
      name: ready.plan.name,
      description: ready.plan.description,
      total_stages: ready.plan.totalStages,
      sheets: skeletons(ready.plan),
      secret_names: secretNames,
      agents: needs.agents({
        env: job.env,
        secrets: Object.fromEntries(secretNames.map((name) => [name, true])),
        storedSecrets: job.stored_secret_names,
      }),
    };
  }

  private async needs(plan: Plan): Promise<PlanNeeds> {
    return new PlanNeeds(plan, await this.options.loadCatalogue(plan.workspace), this.options);
  }

  private bySubmitKey(key: string): JobState | undefined {
    return [...this.core.state.jobs.values()].find((job) => job.submit_key === key);
  }

  private nextRun(stem: string): string {
    // Numbers of deleted runs count too: an id is never used again.
    const given = this.core.state.numbers.get(stem) ?? 0;
    const highest = Math.max(given, ...this.jobs.allRuns().map((run) => runNumber(stem, run)));
    return highest === 0 ? stem : `${stem}-${highest + 1}`;
  }

  private async activeRun(scorePath: string, workspace: string): Promise<JobState | undefined> {
    const real = await realpath(scorePath).catch(() => scorePath);
    for (const job of this.core.state.jobs.values()) {
      if (terminalJob.has(job.status) || job.workspace !== workspace) continue;
      if ((await realpath(job.score_path).catch(() => job.score_path)) === real) return job;
    }
    return undefined;
  }

  /** Why a plan cannot be played as asked; null = it can. */
  async playProblem(plan: Plan, selection: Selection): Promise<PlayProblem | null> {
    return playProblem(plan, await this.options.loadCatalogue(plan.workspace), selection);
  }
}

/** @throws CancelledError */
function refuseCancelled(request: SubmitRequest): void {
  if (request.isCancelled?.() === true) throw new CancelledError();
}

/** The file's name without its endings; null when that cannot be a job's id. */
export function stemOf(path: string): string | null {
  const stem = basename(path)
    .replace(/\.ya?ml$/i, '')
    .replace(/\.score$/i, '');
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(stem) ? stem : null;
}

function skeletons(plan: Plan): SheetSkeleton[] {
  return plan.sheets.map((sheet) => ({
    num: sheet.num,
    movement: sheet.stage,
    voice: sheet.instance,
    description: sheet.description,
    instrument: sheet.instrument.profile,
    model: sheet.instrument.config.model,
  }));
}

function firstError(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (!first) return 'the score cannot be planned';
  const place = first.range ? `line ${first.range.line}: ` : '';
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return `${place}${first.code} ${first.message}${more}`;
}
