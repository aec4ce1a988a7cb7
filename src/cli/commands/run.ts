import { resolve } from 'node:path';
import type { JobResponse } from '../../protocol/job-methods';
import { Option } from 'commander';
import { wireDiagnostic, wirePlan, wireRendering } from '../../score/wire-plan';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, positive, refused, sheetList, subcommand } from '../command';
import { withConductor } from '../connection';
import { agentLines, submitWithConsent } from '../consent';
import type { ExitCode } from '../failure';
import { CliFailure, Exit } from '../failure';
import { followToEnd } from '../follow/finish';
import { reportDiagnostics, shortPath } from '../report-diagnostics';
import type { Inspection } from '../score-inspection';
import { readScore, submitParams } from '../submit';
import { counted } from '../text/amounts';
import { renderingLines } from '../text/plan';

interface RunOptions {
  readonly dryRun?: true;
  readonly startSheet?: number;
  readonly workspace?: string;
  readonly follow?: true;
  readonly wait?: true;
  readonly again?: true;
  readonly only?: readonly number[];
  readonly sheet?: readonly number[];
  readonly autoContinue: boolean;
  readonly fresh?: true;
  readonly selfHealing?: true;
  readonly yes?: true;
}

export const runCommand: CliCommand = {
  name: 'run',
  configure(program, session) {
    const command = subcommand(program, 'run <score>', 'play a score')
      .description(
        'Play a score: a YAML file that splits a piece of work into sheets. Returns as soon as the conductor has\n' +
          'accepted it; the work goes on in the background, also when this terminal closes.',
      )
      .option('-f, --follow', 'show what happens until the job ends; exit by its result')
      .option('--wait', 'wait for the end without showing anything; exit by its result')
      .option('-n, --dry-run', 'read, check, plan and render everything; start nothing')
      .option('-w, --workspace <dir>', "where the agents work (else the score's, else ./workspace)")
      .option('--only <sheets>', 'play only these sheets, for example 2,5-7', sheetList)
      .option('-s, --start-sheet <n>', 'begin with this sheet', positive('--start-sheet'))
      .option('--again', 'play although this score is playing in that workspace already')
      .option('--no-auto-continue', 'pause at a rate limit until somebody resumes the job')
      .option('-y, --yes', 'agree to agents that act without asking, in this workspace and from now on')
      .addOption(new Option('--sheet <sheets>', 'the same as --only').argParser(sheetList).hideHelp())
      .addOption(new Option('--fresh', 'accepted: every run is a new one').hideHelp())
      .addOption(new Option('-H, --self-healing', 'accepted, not obeyed yet').hideHelp());
    jsonOption(command);
    refused(command, '-e, --escalation', 'Pause and resume by hand: mzt pause, mzt resume.');
    examples(command, [
      ['mzt run review.yaml', 'start it and get its id'],
      ['mzt run review.yaml -f', 'start it and watch'],
      ['mzt run review.yaml -n', 'see what would be run'],
      ['mzt run review.yaml --wait --json | jq .status', 'in scripts'],
    ]);
    action<RunOptions>(command, session, (invocation, options, score) =>
      options.dryRun === true
        ? dryRun(invocation, score ?? '', options)
        : run(invocation, score ?? '', options),
    );
  },
};

async function run(invocation: Invocation, file: string, options: RunOptions): Promise<ExitCode> {
  const { context, output } = invocation;
  if (options.selfHealing === true) {
    output.warn('--self-healing is not obeyed yet: failed sheets are retried as the score says');
  }
  if (options.fresh === true)
    output.note('--fresh is not needed: every run is a new one, earlier runs are kept');
  const { workspace } = options;
  const inspection = await readScore(invocation, { file, workspace, render: false });
  const params = submitParams(invocation, inspection, {
    file,
    workspace: workspace === undefined ? undefined : resolve(context.cwd(), workspace),
    again: options.again ?? false,
    startSheet: options.startSheet,
    only: options.only ?? options.sheet,
    autoContinue: options.autoContinue,
  });
  return withConductor(invocation, async (conductor) => {
    const answer = await submitWithConsent(invocation, conductor.client, params, options.yes === true);
    const refusals = answer.diagnostics ?? [];
    await reportDiagnostics(
      invocation,
      inspection.path,
      inspection.text,
      answer.status === 'rejected' && refusals.length > 0 ? refusals : (answer.warnings ?? []),
    );
    if (answer.status !== 'accepted' && answer.status !== 'pending') throw rejected(answer);
    const follows = options.follow === true || options.wait === true;
    if (output.json) {
      if (options.follow === true) output.record(answer);
      else if (!follows) output.document(answer);
    } else {
      sayAccepted(invocation, answer, inspection, follows);
    }
    if (!follows) return Exit.ok;
    return followToEnd(invocation, conductor, answer.run ?? answer.job_id, options);
  });
}

function rejected(answer: JobResponse): CliFailure {
  const invalid = (answer.diagnostics ?? []).some(({ severity }) => severity === 'error');
  const errorCode = answer.error_code ?? (invalid ? 'invalid_score' : null);
  return new CliFailure(errorCode === null ? Exit.failed : Exit.usage, answer.message, {
    errorCode: errorCode ?? 'rejected',
  });
}

function sayAccepted(
  { context, output }: Invocation,
  answer: JobResponse,
  { plan, path }: Inspection,
  follows: boolean,
): void {
  const id = answer.run ?? answer.job_id;
  const { out } = output;
  if (output.options.quiet) {
    output.line(id);
    return;
  }
  const sheets = plan === null ? '' : `, ${counted(plan.totalSheets, 'sheet')}`;
  output.line(`${out.green('accepted')} ${out.bold(id)}${sheets}`);
  output.line(`  ${out.dim('score    ')} ${shortPath(path, context.cwd())}`);
  if (plan !== null) output.line(`  ${out.dim('workspace')} ${plan.workspace}`);
  output.lines(agentLines(answer.agents ?? [], out));
  if (follows) {
    output.line();
    return;
  }
  output.line();
  output.line(`  mzt status ${id} -W    ${out.dim('watch it')}`);
  output.line(`  mzt logs ${id} -f      ${out.dim('output of the sheet that plays')}`);
  output.line(`  mzt cancel ${id}       ${out.dim('end it')}`);
}

async function dryRun(invocation: Invocation, file: string, options: RunOptions): Promise<ExitCode> {
  const { output } = invocation;
  const inspection = await readScore(invocation, { file, workspace: options.workspace, render: true });
  const diagnostics = inspection.diagnostics.map(wireDiagnostic);
  await reportDiagnostics(invocation, inspection.path, inspection.text, diagnostics);
  const { plan, rendered } = inspection;
  if (plan === null || rendered === null) throw new CliFailure(Exit.usage, 'the score cannot be planned');
  const { leftOut, playProblem } = await import('../../score/selection');
  const selection = {
    onlySheets: options.only ?? options.sheet ?? null,
    startSheet: options.startSheet ?? null,
  };
  const problem = playProblem(plan, inspection.catalogue, selection);
  if (problem !== null) throw new CliFailure(Exit.usage, problem.message, { errorCode: problem.code });
  const left = new Set(leftOut(plan, selection).map(({ sheet }) => sheet));
  const sheets = rendered.sheets.filter(({ sheet }) => !left.has(sheet.num));
  if (output.json) {
    output.document({
      job_id: '',
      status: 'dry_run',
      message: 'nothing was started',
      diagnostics,
      plan: wirePlan(plan),
      rendering: wireRendering({ ...rendered, sheets }),
    });
  } else {
    output.lines(renderingLines(plan, sheets, output.out));
    output.info('');
    output.info(`${output.out.bold('dry run:')} nothing was started. To play it: mzt run ${file}`);
  }
  return Exit.ok;
}
