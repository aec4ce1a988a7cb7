import { dirname } from 'node:path';
import { looksSecret } from '../../instruments/environment-names';
import {
  CancelledError,
  JobSubmissionError,
  ModifyRefusedError,
  NotResumableError,
} from '../../protocol/errors';
import type { JobResponse } from '../../protocol/job-methods';
import type { Diagnostic } from '../../score/diagnostic';
import { loadBundle } from '../engine/bundles';
import { UnknownJobError } from '../engine/jobs';
import { hasErrors } from '../engine/score-intake';
import type { Handlers } from '../server/handlers';
import type { JobApiOptions, JobLookup } from './job-lookup';
import { recoverFromArtifacts } from './recover';
import { wireDiagnostic, wirePlan, wireRendering } from '../../score/wire-plan';

/** What changes jobs. */
export function jobCommands(options: JobApiOptions, lookup: JobLookup): Handlers {
  const { engine } = options;
  const { jobs, commands, submissions } = engine;
  const { named, status } = lookup;

  const reply = (jobId: string, message: string): JobResponse => ({
    job_id: jobId,
    status: 'accepted',
    message,
    run: jobId,
  });

  const resume = async (params: {
    job_id: string;
    config_path: string | null;
    no_reload: boolean;
  }): Promise<JobResponse> => {
    options.assertAccepting();
    const run = await named(params.job_id);
    try {
      if (params.config_path !== null) await modify(run, params.config_path, true);
      else await commands.resume(run);
      return reply(run, `${run} goes on`);
    } catch (error) {
      const refused =
        error instanceof JobSubmissionError ||
        error instanceof NotResumableError ||
        error instanceof ModifyRefusedError;
      if (!refused) throw error;
      return { job_id: run, status: 'rejected', message: withRemedy(error) };
    }
  };

  const modify = async (run: string, configPath: string, andResume: boolean): Promise<void> => {
    const job = await jobs.get(run);
    const before = await loadBundle(options.scoresDir, job.bundle);
    const body = await submissions.modification(job, before, configPath);
    await commands.replan(run, body, andResume);
  };

  return {
    'job.submit': async (params, context) => {
      const cwd = params.client_cwd ?? dirname(params.config_path);
      if (params.dry_run) {
        const intake = await submissions.examine({
          configPath: params.config_path,
          workspace: params.workspace,
          cwd,
        });
        const diagnostics = intake.diagnostics.map(wireDiagnostic);
        // As the submit itself would answer.
        const problem = intake.ready
          ? await submissions.playProblem(intake.ready.plan, {
              startSheet: params.start_sheet,
              onlySheets: params.only_sheets,
            })
          : null;
        const bad = !intake.ready || hasErrors(intake.diagnostics) || problem !== null;
        return {
          job_id: '',
          status: bad ? 'rejected' : 'dry_run',
          message: bad
            ? (problem?.message ?? summary(intake.diagnostics))
            : 'the score is valid; nothing was started',
          diagnostics,
          ...(problem ? { error_code: problem.code } : {}),
          ...(intake.ready ? { plan: wirePlan(intake.ready.plan) } : {}),
          ...(intake.rendered ? { rendering: wireRendering(intake.rendered) } : {}),
        };
      }
      options.assertAccepting();
      const outcome = await submissions.submit({
        configPath: params.config_path,
        workspace: params.workspace,
        clientCwd: cwd,
        startSheet: params.start_sheet,
        onlySheets: params.only_sheets,
        submitKey: params.submit_key,
        again: params.again,
        autoContinue: params.auto_continue,
        consent: params.consent,
        storedSecrets: params.stored_secrets ?? [],
        ...parts(params.env ?? {}, params.secrets ?? {}),
        // A connection that ends takes nothing back: a client may ask again with its key.
        isCancelled: () => context.signal.reason instanceof CancelledError,
      });
      if (outcome.kind === 'rejected') {
        return {
          job_id: outcome.jobId,
          status: 'rejected',
          message: outcome.message,
          diagnostics: outcome.diagnostics.map(wireDiagnostic),
          ...(outcome.errorCode ? { error_code: outcome.errorCode } : {}),
          ...(outcome.unapproved ? { trust_needed: outcome.unapproved } : {}),
          ...(outcome.consentNeeded
            ? {
                consent_needed: {
                  workspace: outcome.consentNeeded.workspace,
                  instruments: [...outcome.consentNeeded.instruments],
                },
              }
            : {}),
        };
      }
      const notes = [
        ...outcome.diagnostics.filter(({ severity }) => severity !== 'info'),
        ...notObeyed(params),
      ];
      return {
        job_id: outcome.run,
        run: outcome.run,
        status: 'accepted',
        message: `accepted as ${outcome.run}, working in ${outcome.workspace}`,
        warnings: notes.map(wireDiagnostic),
        agents: [...outcome.agents],
      };
    },
    'job.submission': async (params) => ({ run: await submissions.find(params.submit_key) }),
    'job.pause': async (params) => {
      const run = await named(params.job_id);
      try {
        await commands.pause(run);
        return { paused: true };
      } catch (error) {
        if (error instanceof JobSubmissionError) return { paused: false, error: withRemedy(error) };
        throw error;
      }
    },
    'job.resume': resume,
    'job.retry': resume,
    'job.modify': async (params) => {
      options.assertAccepting();
      const run = await named(params.job_id);
      if (params.config_path === null)
        return { job_id: run, status: 'rejected', message: 'config_path required' };
      await modify(run, params.config_path, true);
      return reply(run, `${run} goes on with ${params.config_path}`);
    },
    'job.cancel': async (params) => {
      try {
        return { cancelled: await commands.cancel(await named(params.job_id)) };
      } catch (error) {
        // As the Python system answers: there is nothing of that name to cancel.
        if (error instanceof UnknownJobError) return { cancelled: false };
        throw error;
      }
    },
    'job.clear': async (params) => {
      const runs = await jobs.finishedRuns({
        statuses: params.statuses,
        olderThanSeconds: params.older_than_seconds,
        runs: params.job_ids,
        now: Date.now(),
      });
      return { deleted: (await engine.clear(runs)).length };
    },
    'job.recover': async (params) => {
      const run = await named(params.job_id);
      const recovered =
        params.from_artifacts === null
          ? []
          : await recoverFromArtifacts({
              ...options,
              run,
              pattern: params.from_artifacts,
              only: params.sheet_num,
              dryRun: params.dry_run,
            });
      const state = await status(run);
      return {
        state,
        workspace: state.workspace,
        dry_run: params.dry_run,
        sheet_num: params.sheet_num,
        recovered,
      };
    },
    'job.rerun': async (params) => {
      options.assertAccepting();
      const run = await named(params.job_id);
      try {
        const sheets = await commands.rerun(run, params.sheet, {
          hint: params.hint,
          cascade: params.cascade,
        });
        return {
          job_id: run,
          status: 'accepted',
          message: `sheet ${sheets.join(', ')} of ${run} runs again`,
          sheets,
        };
      } catch (error) {
        if (!(error instanceof JobSubmissionError)) throw error;
        return { job_id: run, status: 'rejected', message: withRemedy(error), sheets: [] };
      }
    },
  };
}

/** A client that is not ours may put a key among the plain values, which are journalled: what looks like one travels as a secret. */
function parts(
  plain: Readonly<Record<string, string>>,
  secret: Readonly<Record<string, string>>,
): { env: Record<string, string>; secrets: Record<string, string> } {
  const entries = Object.entries(plain);
  return {
    env: Object.fromEntries(entries.filter(([name]) => !looksSecret(name))),
    secrets: { ...Object.fromEntries(entries.filter(([name]) => looksSecret(name))), ...secret },
  };
}

/** What a submit asks for that the conductor does not do yet: said, never ignored without a word. */
function notObeyed(params: {
  readonly self_healing: boolean;
  readonly self_healing_auto_confirm: boolean;
  readonly chain_depth: number | null;
}): Diagnostic[] {
  const note = (message: string): Diagnostic => ({
    code: 'V400',
    severity: 'warning',
    message,
    remedy: null,
    range: null,
    path: null,
  });
  return [
    ...(params.self_healing || params.self_healing_auto_confirm
      ? [
          note(
            'self_healing is accepted, not obeyed yet: retries and completion mode heal as the score says.',
          ),
        ]
      : []),
    ...((params.chain_depth ?? 0) > 0
      ? [note('chain_depth is accepted, not obeyed yet: the run is recorded as one of its own.')]
      : []),
  ];
}

function withRemedy(error: { readonly message: string; readonly remedy: string | null }): string {
  return error.remedy === null ? error.message : `${error.message}. ${error.remedy}`;
}

function summary(diagnostics: readonly Diagnostic[]): string {
  const count = diagnostics.filter(({ severity }) => severity === 'error').length;
  return `the score has ${count} error${count === 1 ? '' : 's'}`;
}
