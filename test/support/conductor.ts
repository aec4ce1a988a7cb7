import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DaemonClient } from '../../src/client/daemon-client';
import { findConductor } from '../../src/client/find';
import { findMarked } from '../../src/process/table';
import { stateDirectoryHash } from '../../src/protocol/paths';
import type { Checkpoint } from '../../src/protocol/checkpoint';
import type { MethodName, ParamsOf, ResultOf } from '../../src/protocol/methods';

const script = resolve('dist/conductor.js');
const ended = new Set(['completed', 'failed', 'cancelled']);

/**
 * Those whose `dispose` has not come: the suite was filtered out, or the run was ended half way. They go with this process.
 * A conductor left alone would live on for half an hour.
 */
const open = new Set<TestConductor>();
process.on('exit', () => {
  for (const conductor of open) conductor.abandon();
});
process.once('SIGTERM', () => process.exit(143));

interface JournalRecord {
  seq: number;
  t: number;
  type: string;
  run?: string;
  body: Record<string, unknown>;
}

/** A real conductor in a state directory of its own, for integration tests. */
export class TestConductor {
  readonly root: string;
  readonly home: string;
  readonly workspace: string;
  child: ChildProcess | null = null;
  private client: DaemonClient | null = null;

  /** @param options `politeEndMs`: what an agent that is to end gets to do so by itself; a test of one that will not need not wait the full 5 s */
  constructor(private readonly options: { readonly politeEndMs?: number } = {}) {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'mzt-')));
    this.home = join(this.root, 'home');
    this.workspace = join(this.root, 'ws');
    mkdirSync(this.workspace);
    open.add(this);
  }

  /** Starts it in the foreground of the test and waits until it answers. */
  async start(): Promise<void> {
    const { PATH = '/usr/bin:/bin' } = process.env;
    const { politeEndMs } = this.options;
    const more = politeEndMs === undefined ? [] : ['--polite-end-ms', String(politeEndMs)];
    this.child = spawn(process.execPath, [script, ...more], {
      env: { PATH, HOME: this.root, MARIANNE_HOME: this.home },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await this.ready();
  }

  /** Waits for whoever is the conductor: this child, or one that a shim has started. */
  async ready(timeoutMs = 20_000): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline) {
      const found = await findConductor(this.home, { name: 'test', version: '0', kind: 'test' }).catch(
        () => null,
      );
      if (found) {
        this.client?.close();
        this.client = new DaemonClient({ socket: found.record.socket });
        return found.record.pid;
      }
      await new Promise((done) => setTimeout(done, 20));
    }
    throw new Error(`no conductor came up; log:\n${this.log()}`);
  }

  call<M extends MethodName>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>> {
    assert.ok(this.client, 'the conductor is not started');
    return this.client.call(method, params);
  }

  /** Writes a score and submits it. @returns the run id */
  async submit(name: string, score: string, params: Partial<ParamsOf<'job.submit'>> = {}): Promise<string> {
    const path = this.score(name, score);
    const { PATH = '/usr/bin:/bin' } = process.env;
    const reply = await this.call('job.submit', {
      config_path: path,
      workspace: this.workspace,
      client_cwd: this.root,
      env: { PATH, HOME: this.root },
      ...params,
    });
    assert.equal(reply.status, 'accepted', reply.message);
    return reply.job_id;
  }

  /** Writes a score file and gives its path. */
  score(name: string, text: string): string {
    const path = join(this.root, `${name}.yaml`);
    writeFileSync(path, text);
    return path;
  }

  /** Resolves with the record of a job once it is at its end (or has one of these statuses). Survives a conductor that comes and goes. */
  async until(
    run: string,
    statuses: ReadonlySet<string> = ended,
    timeoutMs = 60_000,
    everyMs = 25,
  ): Promise<Checkpoint> {
    const deadline = Date.now() + timeoutMs;
    let last: Checkpoint | null = null;
    while (Date.now() < deadline) {
      try {
        last = await this.call('job.status', { job_id: run });
        if (statuses.has(last.status)) return last;
      } catch {
        await this.ready().catch(() => undefined);
      }
      await new Promise((done) => setTimeout(done, everyMs));
    }
    throw new Error(
      `${run} did not end: ${JSON.stringify(last, null, 1).slice(0, 3000)}\nlog:\n${this.log()}`,
    );
  }

  /** Resolves with the record of a job once one of its sheets has this status. */
  async untilSheet(run: string, sheet: number, status: string): Promise<Checkpoint> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const job = await this.call('job.status', { job_id: run });
      if (job.sheets[String(sheet)]?.status === status) return job;
      if (Date.now() > deadline || ended.has(job.status))
        throw new Error(
          `sheet ${sheet} of ${run} is not ${status}: ${JSON.stringify(job.sheets).slice(0, 2000)}`,
        );
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  log(): string {
    try {
      return readFileSync(join(this.home, 'log/conductor.log'), 'utf8').slice(-4000);
    } catch {
      return '(none)';
    }
  }

  /** All journal records on disk, archives included, each once, as parsed JSON. */
  records(): JournalRecord[] {
    const read = (dir: string) => {
      try {
        return readdirSync(join(this.home, dir))
          .filter((name) => name.endsWith('.jsonl'))
          .sort()
          .flatMap((name) =>
            readFileSync(join(this.home, dir, name), 'utf8')
              .split('\n')
              .filter(Boolean),
          );
      } catch {
        return [];
      }
    };
    const parsed = (dir: string) =>
      read(dir).flatMap((line) => {
        try {
          return [JSON.parse(line) as JournalRecord];
        } catch {
          return [];
        }
      });
    const archived = parsed('archive');
    // A finished job's records are in both for a moment.
    const known = new Set(archived.map(({ seq }) => seq));
    return [...archived, ...parsed('journal').filter(({ seq }) => !known.has(seq))];
  }

  /** SIGKILL to whoever is the conductor now. */
  async kill(): Promise<void> {
    const found = await findConductor(this.home, { name: 'test', version: '0', kind: 'test' }).catch(
      () => null,
    );
    const pid = found?.record.pid ?? this.child?.pid;
    this.client?.close();
    this.client = null;
    if (pid !== undefined) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It was gone.
      }
    }
    if (
      this.child &&
      this.child.exitCode === null &&
      this.child.signalCode === null &&
      this.child.pid === pid
    ) {
      await new Promise((done) => this.child?.once('exit', done));
    }
  }

  /** Processes of this state directory's agents that still live. */
  async strays(): Promise<number[]> {
    const marker = `${stateDirectoryHash(realpathSync(this.home))}:`;
    return (await findMarked(marker, undefined, 'prefix')).map(({ pid }) => pid);
  }

  /** Ends everything and removes the folder. @throws AssertionError when an agent is left behind */
  async dispose(): Promise<void> {
    try {
      // A shim that ends between the two kills starts a conductor: hence more than one round.
      for (let round = 0; round < 3; round += 1) {
        await this.kill();
        for (const pid of await this.strays().catch(() => [])) {
          try {
            process.kill(pid, 'SIGKILL');
          } catch {
            // Gone.
          }
        }
      }
    } finally {
      open.delete(this);
      rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  /** At the end of the process, when nothing can be awaited any more. */
  abandon(): void {
    this.child?.kill('SIGKILL');
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}
