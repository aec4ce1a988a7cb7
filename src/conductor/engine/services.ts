import { open, readFile, rename } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { glob } from 'tinyglobby';
import { agentEnvironment } from '../../backends/environment';
import { classify, withDetectionPatterns } from '../../backends/classify';
import type { BackendProgress } from '../../backends/contract';
import type { ExecutionResult } from '../../backends/result';
import { paidBy, stronger, withheldFrom, type PaidBy } from '../../instruments/agent-facts';
import type { InstrumentCatalogue } from '../../instruments/catalogue';
import { reachOf } from '../../instruments/reach';
import { isCliProfile, type InstrumentProfile } from '../../instruments/schema';
import { readProcess } from '../../process/identity';
import { endProcessTree } from '../../process/tree';
import { addUsd } from '../../protocol/usd';
import { renderFromBundle } from '../../score/bundle';
import { capturePatterns, cutCaptured, lookback, skippedOutput } from '../../score/cross-sheet';
import { diskFiles } from '../../score/disk-files';
import { environmentOf, expandRuleCommand, expandRulePath } from '../../score/placeholders';
import type { Plan, PlannedInstrument, PlannedSheet } from '../../score/plan';
import { sheetContext } from '../../score/prompt';
import type { CompletionFacts } from '../../score/prompt-text';
import { compilePythonRegex } from '../../score/regex';
import { evaluateSkipWhen } from '../../score/skip-when';
import { PrepareError } from '../attempts/runner';
import { Redaction } from '../output/redact';
import type { AttemptStarted } from '../records';
import { runCommand } from '../validations/command';
import { runValidations } from '../validations/run';
import { takeSnapshot } from '../validations/snapshot';
import { describeFailure } from '../validations/summary';
import type {
  AttemptChanges,
  AttemptServices,
  PromptRequest,
  SheetPrompt,
  ValidationReport,
} from './attempt-services';
import type { StoredBundle } from './bundles';
import type { Verdict } from './decide';
import type { OfferedKey } from './key-choice';
import { skippedOnPurpose, type JobState } from './state';

/** What the services are built over. */
export interface ServiceSources {
  readonly productVersion: string;
  /** The instruments that a job may use; loaded when it became live. */
  catalogueOf(job: JobState): InstrumentCatalogue;
  secretsFor(run: string): Record<string, string>;
  /** Keys of the keyring, to be redacted. */
  keyringValues(): readonly string[];
  attemptBase(run: string, sheet: number, attempt: number): string;
  progress(run: string, sheet: number, attempt: number, progress: BackendProgress): void;
  readonly changes: AttemptChanges;
  /** First part of every marker: validations run under one too, so that what they leave is found. */
  readonly stateHash: string;
}

/** Everything around an attempt that is not bookkeeping: prompts, file marks, validations, prices. */
export class Services implements AttemptServices {
  readonly changes: AttemptChanges;

  constructor(private readonly sources: ServiceSources) {
    this.changes = sources.changes;
  }

  async renderPrompt(request: PromptRequest): Promise<SheetPrompt> {
    const { job, bundle, planned, instrument } = request;
    const profile = this.profile(job, instrument);
    const captured = await this.captured(job, bundle, planned);
    const rendered = renderFromBundle(bundle, {
      sheetNum: planned.num,
      files: diskFiles,
      instrument: {
        profile: instrument.profile,
        rawPrompt: profile?.raw_prompt ?? false,
        reach: profile ? reachOf(profile, instrument.config) : 'program',
      },
      attempt: request.attempt,
      previousOutputs: captured.outputs,
      previousFiles: captured.files,
      skippedUpstream: planned.dependsOn.filter((num) => job.sheets[num - 1]?.status === 'skipped'),
      completion: completionFacts(request),
      hint: request.hint,
      productVersion: this.sources.productVersion,
    });
    if (rendered.ok) return { preamble: rendered.preamble, prompt: rendered.prompt };
    const problem = rendered.diagnostics.find(({ severity }) => severity === 'error');
    const place = problem?.range ? ` (line ${problem.range.line} of the score)` : '';
    throw new PrepareError(
      'E304',
      'configuration',
      `${problem?.message ?? 'The prompt cannot be rendered.'}${place}`,
      false,
    );
  }

  variables(
    job: JobState,
    planned: PlannedSheet,
    bundle: StoredBundle,
    instrument: PlannedInstrument,
  ): Record<string, string> {
    const sheet = job.sheets[planned.num - 1];
    return {
      ...environmentOf(sheetContext(bundle.score, bundle.plan, planned, instrument.profile)),
      MARIANNE_WORKSPACE: job.workspace,
      MARIANNE_SCORE_DIR: bundle.plan.scoreDir,
      MARIANNE_JOB: job.run,
      MARIANNE_ATTEMPT: String(
        (sheet?.attempts.at(-1)?.attempt ?? 0) + (sheet?.status === 'dispatched' ? 0 : 1),
      ),
      ...(sheet?.hint ? { MARIANNE_HINT: sheet.hint } : {}),
    };
  }

  markFiles(
    _job: JobState,
    bundle: StoredBundle,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
  ): Promise<AttemptStarted['file_marks']> {
    if (!planned.validations.some((rule) => rule.type === 'file_modified')) return Promise.resolve({});
    const context = sheetContext(bundle.score, bundle.plan, planned, instrument.profile);
    return takeSnapshot(planned.validations, (path) => expandRulePath(path, context));
  }

  async validate(
    job: JobState,
    bundle: StoredBundle,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
    marks: AttemptStarted['file_marks'],
    signal: AbortSignal,
  ): Promise<ValidationReport> {
    if (planned.validations.length === 0) return { rules: [], passPercent: 100, summary: null };
    const context = sheetContext(bundle.score, bundle.plan, planned, instrument.profile);
    const outcome = await runValidations({
      rules: planned.validations,
      texts: {
        expandPath: (path) => expandRulePath(path, context),
        expandCommand: (command) => expandRuleCommand(command, context),
        compileRegex: compilePythonRegex,
      },
      workspace: job.workspace,
      snapshot: marks,
      env: this.commandEnvironment(job, planned, bundle, instrument),
      redaction: this.redaction(job),
      endTree: (pid) => this.endCommand(pid, job, planned),
      clock: { now: () => performance.now(), sleep: abortableSleep },
      signal,
    });
    return { rules: outcome.results, passPercent: outcome.pass_percent, summary: describeFailure(outcome) };
  }

  async skipReason(
    job: JobState,
    bundle: StoredBundle,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
    signal: AbortSignal,
  ): Promise<string | null> {
    if (planned.skipWhen !== null) {
      const facts = {
        sheets: new Map(
          job.sheets.map((sheet) => [
            sheet.num,
            { status: sheet.status, validationPassed: judged(sheet.attempts.at(-1)?.pass_percent ?? null) },
          ]),
        ),
        totalRetryCount: job.sheets.reduce((sum, sheet) => sum + Math.max(0, sheet.attempts.length - 1), 0),
      };
      if (evaluateSkipWhen(planned.skipWhen, facts).skip) return `skip_when: ${planned.skipWhen}`;
    }
    const skip = planned.skipWhenCommand;
    if (!skip) return null;
    const context = sheetContext(bundle.score, bundle.plan, planned, instrument.profile);
    const end = await runCommand({
      command: expandRuleCommand(skip.command, context),
      cwd: job.workspace,
      env: this.commandEnvironment(job, planned, bundle, instrument),
      timeoutSeconds: skip.timeoutSeconds,
      redaction: new Redaction(),
      endTree: (pid) => this.endCommand(pid, job, planned),
      signal,
    });
    return end.kind === 'exited' && end.code === 0
      ? (skip.description ?? 'skip_when_command exited 0')
      : null;
  }

  classify(result: ExecutionResult, job: JobState, plan: Plan, instrument: PlannedInstrument): Verdict {
    const profile = this.profile(job, instrument);
    // What a script prints may be anything.
    const patterns = profile?.cli?.errors.common_patterns === false ? [] : plan.rateLimit.detectionPatterns;
    const read = withDetectionPatterns(result, patterns, new Date());
    return classify(read, { kind: profile?.kind ?? 'cli' });
  }

  price(job: JobState, plan: Plan, instrument: PlannedInstrument, result: ExecutionResult): number | null {
    const { inputTokens, outputTokens } = result;
    if (inputTokens === null && outputTokens === null) return null;
    const profile = this.profile(job, instrument);
    const name = result.model ?? instrument.config.model ?? profile?.default_model;
    const model = profile?.models.find((candidate) => candidate.name === name);
    // What the author wrote beats the list: a contract may have its own prices.
    const input = plan.prices?.per1kInput ?? model?.cost_per_1k_input ?? null;
    const output = plan.prices?.per1kOutput ?? model?.cost_per_1k_output ?? null;
    if (input === null || output === null) return null;
    return addUsd(((inputTokens ?? 0) * input + (outputTokens ?? 0) * output) / 1000);
  }

  paidBy(job: JobState, instrument: PlannedInstrument, envNames: readonly string[]): PaidBy | null {
    const profile = this.profile(job, instrument);
    return profile && paidBy(profile, new Set(envNames));
  }

  secretsFor(job: JobState, instrument: PlannedInstrument, key: OfferedKey | null): Record<string, string> {
    const secrets = this.sources.secretsFor(job.run);
    const profile = this.profile(job, instrument);
    const withheld = profile ? withheldFrom(profile, job.stored_secret_names) : [];
    const beaten = profile && key ? stronger(profile, key.variable) : [];
    const given = Object.entries(secrets).filter(
      ([name]) => !withheld.includes(name) && !beaten.includes(name),
    );
    return { ...Object.fromEntries(given), ...(key ? { [key.variable]: key.value } : {}) };
  }

  redacted(): readonly string[] {
    return this.sources.keyringValues();
  }

  attemptBase(run: string, sheet: number, attempt: number): string {
    return this.sources.attemptBase(run, sheet, attempt);
  }

  async keepAnswer(base: string, answer: string): Promise<void> {
    const path = answerPath(base);
    const temporary = `${path}.tmp`;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(answer);
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch {
      // Storage must not undo work that is done: later sheets then see the part that the record keeps.
    }
  }

  progress(run: string, sheet: number, attempt: number, progress: BackendProgress): void {
    this.sources.progress(run, sheet, attempt, progress);
  }

  profile(job: JobState, instrument: PlannedInstrument): InstrumentProfile | null {
    return this.sources.catalogueOf(job).get(instrument.profile);
  }

  /** Whole answers of earlier sheets and captured files, cut as the score says. */
  private async captured(
    job: JobState,
    bundle: StoredBundle,
    planned: PlannedSheet,
  ): Promise<{ outputs: Map<number, string>; files: Map<string, string> }> {
    const policy = bundle.plan.crossSheet;
    const outputs = new Map<number, string>();
    const files = new Map<string, string>();
    if (!policy) return { outputs, files };
    if (policy.autoCaptureStdout) {
      for (const num of lookback(planned.num, policy)) {
        const sheet = job.sheets[num - 1];
        if (!sheet) continue;
        if (skippedOnPurpose(sheet)) outputs.set(num, skippedOutput);
        const last = [...sheet.attempts].reverse().find((attempt) => attempt.outcome === 'success');
        if (sheet.status !== 'completed' || !last) continue;
        const answer = await readFile(answerPath(last.base), 'utf8').catch(() => last.output_tail);
        outputs.set(num, cutCaptured(answer, policy.maxOutputChars));
      }
    }
    const context = sheetContext(bundle.score, bundle.plan, planned);
    // An agent may have written its key into a file: it must not come back in a stored prompt.
    const redaction = this.redaction(job);
    const { patterns } = capturePatterns(policy, context);
    for (const pattern of patterns) {
      const absolute = isAbsolute(pattern) ? pattern : join(job.workspace, pattern);
      // As the format has it: not recursive, files only, UTF-8 only.
      const found = await glob(absolute.replaceAll('**', '*'), {
        absolute: true,
        onlyFiles: true,
        dot: false,
        expandDirectories: false,
      });
      for (const path of found.sort()) {
        if (diskFiles.size(path) > largestCapture) continue;
        try {
          files.set(path, cutCaptured(redaction.text(diskFiles.readText(path)), policy.maxOutputChars));
        } catch {
          continue;
        }
      }
    }
    return { outputs, files };
  }

  private redaction(job: JobState): Redaction {
    return new Redaction({
      secrets: [...Object.values(this.sources.secretsFor(job.run)), ...this.sources.keyringValues()],
    });
  }

  private commandEnvironment(
    job: JobState,
    planned: PlannedSheet,
    bundle: StoredBundle,
    instrument: PlannedInstrument,
  ): Record<string, string> {
    const shell = this.sources.catalogueOf(job).get('cli');
    const own = {
      ...this.variables(job, planned, bundle, instrument),
      MARIANNE_MARKER: this.commandMarker(job, planned),
    };
    if (!shell || !isCliProfile(shell)) return { PATH: '/usr/local/bin:/usr/bin:/bin', ...job.env, ...own };
    return agentEnvironment(shell, { plain: job.env, secret: {}, own });
  }

  private commandMarker(job: JobState, planned: PlannedSheet): string {
    return `${this.sources.stateHash}:${job.run}:${planned.num}.check`;
  }

  private async endCommand(pid: number, job: JobState, planned: PlannedSheet): Promise<void> {
    const row = readProcess(pid);
    const shim = row ? { pid, startTime: row.startTime } : null;
    await endProcessTree({ shim, marker: this.commandMarker(job, planned), graceMs: 2000 });
  }
}

/** The redacted answer of an attempt, as much as is kept. */
export function answerPath(base: string): string {
  return `${base}.answer.txt`;
}

/** Files larger than this are not captured, bytes. */
const largestCapture = 16 * 1024 * 1024;

function judged(passPercent: number | null): boolean | null {
  return passPercent === null ? null : passPercent === 100;
}

function completionFacts(request: PromptRequest): CompletionFacts | null {
  const { previous, mode, bundle, job, planned } = request;
  if (mode !== 'completion' || !previous) return null;
  return {
    attempt: job.sheets[planned.num - 1]?.completion_attempts ?? 1,
    maxAttempts: bundle.plan.retry.maxCompletionAttempts,
    outcomes: previous.rules.map((rule) => ({
      index: rule.index,
      passed: rule.passed,
      message: rule.message,
      category: rule.failure_category,
      suggestedFix: rule.suggested_fix,
    })),
  };
}

function abortableSleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
