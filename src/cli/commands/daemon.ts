/** `start`, `stop`, `restart`, `conductor-status`, `rate-limits`, `clear-rate-limits`: the conductor itself. */
import { statePaths } from '../../protocol/paths';
import type { FoundConductor } from '../../client/find';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, refused, subcommand } from '../command';
import { ensureRunning, findRunning, withConductor, withFound } from '../connection';
import type { ExitCode } from '../failure';
import { CliFailure, Exit, usageError } from '../failure';
import { stateDirOf } from '../state-directory';
import { counted, duration, instant } from '../text/amounts';
import { printable } from '../text/printable';
import { table } from '../text/table';

const NOT_ASKED = () => Promise.reject(new CliFailure(Exit.unreachable, 'the conductor has gone'));

function notRunning(context: Invocation['context']): CliFailure {
  return new CliFailure(Exit.unreachable, `no conductor runs for ${stateDirOf(context)}`, {
    hints: ['Start it with: mzt start'],
    errorCode: 'not_running',
  });
}

export const startCommand: CliCommand = {
  name: 'start',
  configure(program, session) {
    const command = subcommand(program, 'start', 'start the conductor').description(
      'Start the conductor if it does not run. Other commands do that by themselves; it ends by itself when there is\n' +
        'nothing to do for a while (idle_exit_minutes in conductor.yaml).',
    );
    jsonOption(command);
    refused(command, '-f, --foreground', 'Its log: mzt logs -f');
    refused(command, '-c, --config <file>', 'Its configuration is <state>/conductor.yaml: mzt config path');
    refused(command, '-l, --log-level <level>', 'mzt config set log_level debug');
    refused(command, '-p, --profile <name>', 'Set the values themselves: mzt config set');
    action(command, session, (invocation) => start(invocation));
  },
};

async function start(invocation: Invocation): Promise<ExitCode> {
  const { context, output, mayStart } = invocation;
  if (!mayStart) throw usageError('start --no-start makes no sense');
  const before = await findRunning(context);
  const found = await ensureRunning(context, true);
  const fresh = before?.info.pid !== found.info.pid;
  if (output.json) output.document({ running: true, started: fresh, ...found.info });
  else output.line(`${fresh ? output.out.green('started') : 'runs already'}: ${conductorText(found)}`);
  return Exit.ok;
}

function conductorText({ info }: FoundConductor): string {
  return `conductor ${info.version}, pid ${info.pid}, ${info.state_dir}`;
}

interface StopOptions {
  readonly cancel?: true;
  readonly force?: true;
}

export const stopCommand: CliCommand = {
  name: 'stop',
  configure(program, session) {
    const command = subcommand(program, 'stop', 'stop the conductor; agents run on')
      .description(
        'Stop the conductor. Agents that play run on, and the next conductor takes them over: nothing is lost.\n' +
          'With --cancel they are ended first. Starts nothing; exit code 3 when no conductor runs.',
      )
      .option('--cancel', 'cancel all jobs first')
      .option('--force', 'kill the conductor if it does not end within 5 seconds');
    jsonOption(command);
    refused(command, '--pid-file <path>', 'MARIANNE_HOME says which conductor is meant.');
    examples(command, [
      ['mzt stop', 'jobs go on as far as their agents are'],
      ['mzt stop --cancel', 'end everything'],
    ]);
    action<StopOptions>(command, session, async (invocation, options) => {
      const { context, output } = invocation;
      const found = await findRunning(context);
      if (found === null) throw notRunning(context);
      const running = await stop(invocation, found, options);
      if (output.json) output.document({ stopped: true, pid: found.info.pid, running_sheets: running });
      else {
        output.line(`${output.out.yellow('stopped')}: ${conductorText(found)}`);
        if (running > 0 && options.cancel !== true) {
          output.line(`  ${counted(running, 'sheet')} of it plays on; the next start takes over: mzt start`);
        }
      }
      return Exit.ok;
    });
  },
};

const STOP_TIMEOUT_MS = 30_000;
const FORCE_AFTER_MS = 5_000;
/** Longest wait for one that answers no more. On a full disk it cannot give its ownership back. */
const LEAVE_TIMEOUT_MS = 3_000;

/** Asks a conductor to end and waits until it has. @returns the sheets that were playing */
async function stop({ context }: Invocation, found: FoundConductor, options: StopOptions): Promise<number> {
  const playing = await withFound(context, found, NOT_ASKED, async ({ client }) => {
    const { running_sheets: sheets } = await client.call('daemon.status', {});
    await client.call('daemon.shutdown', { graceful: true, cancel: options.cancel ?? false });
    return sheets ?? 0;
  });
  const began = context.now();
  let killed = false;
  for (;;) {
    const now = await findRunning(context);
    const waited = context.now() - began;
    if (now !== null && now.info.pid !== found.info.pid) return playing;
    // It answers no more before it has ended: who removes its folder next must not meet it there.
    if (now === null && ((await hasLeft(context, found)) || waited > LEAVE_TIMEOUT_MS)) return playing;
    if (options.force === true && waited > FORCE_AFTER_MS && !killed) {
      killed = true;
      endProcess(found.info.pid);
    }
    if (waited > STOP_TIMEOUT_MS) {
      throw new CliFailure(Exit.failed, `the conductor (pid ${found.info.pid}) has not ended within 30 s`, {
        hints: ['mzt stop --force kills it; agents run on all the same.'],
        errorCode: 'timeout',
      });
    }
    await context.pause(50);
  }
}

/** True when it has given its ownership back, or lives no more. */
async function hasLeft(context: Invocation['context'], { epoch, info }: FoundConductor): Promise<boolean> {
  const { readOwner } = await import('../../protocol/owner-record');
  const owner = await readOwner(stateDirOf(context));
  if (owner === null || owner.epoch !== epoch) return true;
  try {
    process.kill(info.pid, 0);
    return false;
  } catch {
    return true;
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

export const restartCommand: CliCommand = {
  name: 'restart',
  configure(program, session) {
    const command = subcommand(program, 'restart', 'stop and start the conductor; agents run on').option(
      '--force',
      'kill it if it does not end within 5 seconds',
    );
    jsonOption(command);
    action<{ readonly force?: true }>(command, session, async (invocation, options) => {
      // Before anything is stopped.
      if (!invocation.mayStart)
        throw usageError('restart --no-start makes no sense', 'To stop it only: mzt stop');
      const found = await findRunning(invocation.context);
      if (found !== null) await stop(invocation, found, options);
      return start(invocation);
    });
  },
};

export const conductorStatusCommand: CliCommand = {
  name: 'conductor-status',
  configure(program, session) {
    const command = subcommand(program, 'conductor-status', 'whether the conductor runs').description(
      'Tell whether the conductor runs, and how it is. Starts nothing; exit code 3 when it does not run.',
    );
    jsonOption(command);
    refused(command, '--pid-file <path>', 'MARIANNE_HOME says which conductor is meant.');
    refused(command, '--socket <path>', 'MARIANNE_HOME says which conductor is meant.');
    action(command, session, conductorStatus);
  },
};

async function conductorStatus({ context, output }: Invocation): Promise<ExitCode> {
  const found = await findRunning(context);
  if (found === null) {
    if (!output.json) throw notRunning(context);
    output.document({ running: false, state_dir: stateDirOf(context) });
    return Exit.unreachable;
  }
  return withFound(context, found, NOT_ASKED, async ({ client }) => {
    const [status, ready] = await Promise.all([
      client.call('daemon.status', {}),
      client.call('daemon.ready', {}),
    ]);
    if (output.json) {
      output.document({
        running: true,
        ...found.info,
        ...status,
        ready: ready.status === 'ready',
        readiness: ready,
      });
      return Exit.ok;
    }
    const fact = (name: string, value: string | number) =>
      output.line(`  ${output.out.dim(name.padEnd(11))} ${value}`);
    const { green, yellow } = output.out;
    output.line(`conductor ${ready.status === 'ready' ? green('ready') : yellow('not ready')}`);
    const reason = ready.status_reason ?? status.status_reason;
    if (reason !== null && reason !== undefined) fact('reason', reason.message);
    fact('pid', status.pid);
    fact('version', `${found.info.version} (build ${found.info.build})`);
    fact('up', duration(status.uptime_seconds));
    fact('jobs', `${status.running_jobs} running, ${status.total_jobs_active} active`);
    fact('sheets', `${status.running_sheets ?? 0} playing`);
    fact('clients', status.clients === 0 ? 'nobody watches' : `${status.clients ?? 'unknown'} watching`);
    fact('memory', `${Math.round(status.memory_usage_mb)} MB`);
    fact('state', found.info.state_dir);
    fact('socket', found.info.socket);
    fact('log', statePaths(found.info.state_dir).conductorLog);
    return Exit.ok;
  });
}

export const rateLimitsCommand: CliCommand = {
  name: 'rate-limits',
  configure(program, session) {
    const command = subcommand(program, 'rate-limits', 'which instruments are limited, and for how long');
    jsonOption(command);
    action(command, session, (invocation) =>
      withConductor(invocation, async ({ client }) => {
        const { context, output } = invocation;
        const limits = await client.call('daemon.rate_limits', {});
        const now = context.now();
        // Older conductors tell no accounts.
        const rows = limits.accounts
          ? limits.accounts.map((limit) => [
              printable(limit.key_label ? `${limit.account} (${limit.key_label})` : limit.account),
              limit.seconds_remaining > 0 ? instant(Date.parse(limit.until), now) : 'a probe succeeds',
              limit.seconds_remaining > 0 ? duration(limit.seconds_remaining) : '',
              limit.stated ? 'stated' : 'guessed',
              printable(limit.message),
            ])
          : Object.entries(limits.backends).map(([name, limit]) => [
              name,
              instant(now + limit.seconds_remaining * 1000, now),
              duration(limit.seconds_remaining),
              '',
              '',
            ]);
        if (output.json) output.document(limits);
        else if (rows.length === 0) output.line('No instrument is limited.');
        else {
          const columns = [
            { title: 'ACCOUNT' },
            { title: 'UNTIL' },
            { title: 'LEFT', align: 'right' as const },
            { title: 'END' },
            { title: 'MESSAGE', flexible: true },
          ];
          output.lines(table(columns, rows, output.width, output.out.dim));
        }
        return Exit.ok;
      }),
    );
  },
};

export const clearRateLimitsCommand: CliCommand = {
  name: 'clear-rate-limits',
  configure(program, session) {
    const command = subcommand(program, 'clear-rate-limits', 'try limited instruments again now').option(
      '-i, --instrument <name>',
      'only this one',
    );
    jsonOption(command);
    action<{ readonly instrument?: string }>(command, session, (invocation, { instrument }) =>
      withConductor(invocation, async ({ client }) => {
        const { output } = invocation;
        const answer = await client.call(
          'daemon.clear_rate_limits',
          instrument === undefined ? {} : { instrument },
        );
        if (output.json) output.document(answer);
        else output.line(`${counted(answer.cleared, 'limit')} cleared`);
        return Exit.ok;
      }),
    );
  },
};
