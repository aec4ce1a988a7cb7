/** Agents that act without asking: one consent a workspace, asked of a person or given with --yes. */
import type { DaemonClient } from '../client/daemon-client';
import type { JobResponse } from '../protocol/job-methods';
import type { ParamsOf } from '../protocol/methods';
import type { AgentRow } from '../protocol/states';
import type { Invocation } from './command';
import type { Colors } from './output';
import { CliFailure, Exit } from './failure';

/**
 * Submits, and asks first if nobody has agreed yet.
 * @throws CliFailure (usage, `consent_needed`) when the answer is no, or nobody is there to ask
 */
export async function submitWithConsent(
  { context, output }: Invocation,
  client: DaemonClient,
  params: ParamsOf<'job.submit'>,
  yes: boolean,
): Promise<JobResponse> {
  const answer = await client.call('job.submit', { ...params, consent: yes ? 'given' : 'ask' });
  const needed = answer.consent_needed;
  if (needed === undefined) return answer;
  const agents = needed.instruments.join(' and ');
  const asked = output.json
    ? null
    : await context.ask(
        `${output.err.red(`${agents} will write files and run commands without asking`)} in ${needed.workspace}\n` +
          'and wherever this user may. Agree, for this workspace and from now on? [y/N] ',
      );
  if (asked !== null && /^y(es)?$/i.test(asked.trim()))
    return client.call('job.submit', { ...params, consent: 'given' });
  throw new CliFailure(
    Exit.usage,
    asked === null ? answer.message : 'not started: nobody agreed to agents that act without asking',
    {
      errorCode: 'consent_needed',
      hints: [
        'To agree, once for this workspace: run it with --yes',
        'To have the agent ask for less: skip_permissions: false with allowed_tools, in instrument_config',
      ],
    },
  );
}

const payers: Readonly<Record<NonNullable<AgentRow['paid_by']>, string>> = {
  subscription: 'the subscription of its login (no API key is passed on)',
  key: 'an API key',
  cloud: 'a cloud account',
};

/** What a person should see of a job's agents when it starts. */
export function agentLines(agents: readonly AgentRow[], colors: Colors): string[] {
  return agents.flatMap(({ instrument, acts_unasked: unasked, paid_by: payer }) => [
    ...(unasked
      ? [`  ${colors.red('unasked  ')} ${colors.red(`${instrument} acts without asking (skip_permissions)`)}`]
      : []),
    ...(payer === null ? [] : [`  ${colors.dim('paid by  ')} ${instrument}: ${payers[payer]}`]),
  ]);
}
