/** Submitting a score: read it here first, so that a mistake is told without a conductor. */
import { randomUUID } from 'node:crypto';
import type { ParamsOf } from '../protocol/methods';
import type { Invocation } from './command';
import { CliFailure, Exit } from './failure';
import { reportDiagnostics } from './report-diagnostics';
import type { Inspection } from './score-inspection';
import { hasErrors, inspectScore } from './score-inspection';
import { submitEnvironment } from '../instruments/submit-environment';
import { wireDiagnostic } from '../score/wire-plan';
import { diagnosticCounts } from './text/diagnostics';

export interface SubmitRequest {
  readonly file: string;
  readonly workspace?: string | undefined;
  readonly again?: boolean;
  readonly startSheet?: number | undefined;
  readonly only?: readonly number[] | undefined;
  readonly autoContinue?: boolean;
}

/** Params of `job.submit` for a score that was looked at. */
export function submitParams(
  { context }: Pick<Invocation, 'context'>,
  inspection: Inspection,
  request: SubmitRequest,
): ParamsOf<'job.submit'> {
  const { env, secrets } = submitEnvironment(context.env, inspection.catalogue);
  return {
    config_path: inspection.path,
    client_cwd: context.cwd(),
    submit_key: randomUUID(),
    fresh: true,
    again: request.again ?? false,
    auto_continue: request.autoContinue ?? true,
    env,
    secrets,
    ...(request.workspace === undefined ? {} : { workspace: request.workspace }),
    ...(request.startSheet === undefined ? {} : { start_sheet: request.startSheet }),
    ...(request.only === undefined ? {} : { only_sheets: [...request.only] }),
  };
}

/** Reads a score that is to be used. @throws CliFailure (usage) after its errors were shown */
export async function readScore(
  invocation: Invocation,
  request: { readonly file: string; readonly workspace?: string | undefined; readonly render: boolean },
): Promise<Inspection> {
  const inspection = await inspectScore(invocation.context, {
    file: request.file,
    workspace: request.workspace,
    render: request.render,
  });
  if (hasErrors(inspection.diagnostics)) {
    await reportDiagnostics(
      invocation,
      inspection.path,
      inspection.text,
      inspection.diagnostics.map(wireDiagnostic),
    );
    throw new CliFailure(
      Exit.usage,
      `the score cannot be played: ${diagnosticCounts(inspection.diagnostics)}`,
      {
        errorCode: 'invalid_score',
        // On a terminal they were shown above, with their lines.
        hints: invocation.output.json
          ? inspection.diagnostics
              .filter(({ severity }) => severity === 'error')
              .map(({ message }) => message)
          : [],
      },
    );
  }
  return inspection;
}
