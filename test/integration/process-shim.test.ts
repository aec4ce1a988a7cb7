import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { giveUp, probeAttempt, readClaim, readExit, removeAttemptFiles } from '../../src/process/attempt';
import { isSameProcess, processStartTime } from '../../src/process/identity';
import {
  closeSpools,
  LaunchError,
  launchAttempt,
  openSpools,
  spawnShim,
  type LaunchSpec,
} from '../../src/process/launch';
import { exitStatus, newStage, shells, until, type Stage } from '../support/process-kit';

const out = (stage: Stage) => readFileSync(`${stage.base}.out.spool`);
const err = (stage: Stage) => readFileSync(`${stage.base}.err.spool`, 'utf8');
const mode = (path: string) => statSync(path).mode & 0o777;

async function runToEnd(spec: LaunchSpec): Promise<number> {
  const launched = await launchAttempt(spec);
  await launched.exited;
  return exitStatus(spec.base);
}

for (const shell of shells) {
  describe(`shim under ${shell}`, function () {
    this.timeout(30_000);

    it('runs an agent with its own arguments, environment, folder and descriptors; files are private', async () => {
      await using stage = newStage();
      const prompt = join(stage.folder, 'prompt');
      writeFileSync(prompt, 'the prompt\n'.repeat(200_000));
      const spec = stage.spec(
        'printf "%s|" "$@"; echo "$PWD $ODD"; cat | wc -c; echo oops >&2; umask; env | grep -a "^a-b="; ls -l /proc/$$/fd 2>/dev/null | grep -c spool; exit 7',
        { shell, stdinFile: prompt },
      );
      const args = ['two words', "it's", '$HOME `x` "q"', '', '-n', 'ü\nline', '*'];
      const status = await runToEnd({
        ...spec,
        argv: [spec.argv[0], ...args],
        env: { ...spec.env, ODD: 'a b', 'a-b': 'kept', IFS: ':' },
      });
      assert.equal(status, 7);
      const lines = out(stage).toString('utf8').split('\n');
      assert.equal(`${lines[0]}\n${lines[1]}`, `${args.join('|')}|${spec.cwd} a b`);
      assert.equal(lines[2]?.trim(), '2200000');
      assert.equal(Number.parseInt(lines[3] ?? '', 8), process.umask());
      assert.equal(lines[4], 'a-b=kept');
      assert.equal(err(stage), 'oops\n');
      if (process.platform === 'linux')
        assert.equal(lines[5], '2', 'stdout and stderr, and no other descriptor of ours');
      for (const name of ['.claim', '.exit', '.out.spool', '.err.spool'])
        assert.equal(mode(stage.base + name), 0o600, name);
      assert.equal(mode(join(stage.base, '..')), 0o700);
    });

    it('claims with its own identity before the agent runs', async () => {
      await using stage = newStage();
      const spec = stage.spec(`cat '${stage.base}.claim'; read -r _`, { shell });
      const fifo = join(stage.folder, 'fifo');
      execFileSync('mkfifo', [fifo]);
      const launched = await launchAttempt({
        ...spec,
        argv: ['/bin/sh', '-c', `"${spec.argv[0]}" <"${fifo}"`],
      });
      const claim = await until('claim', () => {
        const found = readClaim(stage.base);
        return found.kind === 'shim' ? found : null;
      });
      assert.deepEqual(claim, { kind: 'shim', pid: launched.pid, startTime: processStartTime(launched.pid) });
      assert.ok(isSameProcess(claim.pid, claim.startTime));
      assert.deepEqual(await probeAttempt(stage.base, stage.marker), {
        state: 'running',
        shim: { pid: claim.pid, startTime: claim.startTime },
      });
      writeFileSync(fifo, 'go\n');
      await launched.exited;
      assert.equal(out(stage).toString(), `${claim.pid} ${claim.startTime}\n`);
      assert.equal((await probeAttempt(stage.base, stage.marker)).state, 'exited');
    });

    it('does not run an agent that was given up, and leaves the claim as it is', async () => {
      await using stage = newStage();
      const spec = stage.spec('echo ran', { shell });
      assert.equal(giveUp(stage.base), 'given_up');
      const launched = await launchAttempt(spec);
      await launched.exited;
      assert.equal(out(stage).length, 0);
      assert.equal(readExit(stage.base), null);
      assert.deepEqual(readClaim(stage.base), { kind: 'given-up' });
      assert.deepEqual(await probeAttempt(stage.base, stage.marker), { state: 'given_up' });
    });

    it('does not run an agent whose attempt was given up, settled and cleared away before the shim came to claim', async () => {
      await using stage = newStage();
      const spec = stage.spec('echo ran >../ran', { shell });
      const spools = openSpools(stage.base);
      assert.equal(giveUp(stage.base), 'given_up');
      removeAttemptFiles(stage.base);
      const late = await spawnShim(spec, spools);
      closeSpools(spools);
      await late.exited;
      assert.ok(!existsSync(join(stage.folder, 'ran')));
      assert.deepEqual(readdirSync(join(stage.base, '..')), []);
    });

    it('hands over variables that steer a shell, or that no shell would keep, without obeying them', async () => {
      await using stage = newStage();
      const env = {
        SHELLOPTS: 'noexec',
        BASH_ENV: '/nonexistent',
        'npm_config_a-b': '1 2',
        IFS: 'x',
        mzt_base: '/x',
        'BASH_FUNC_printf%%': '() { false; }',
      };
      const spec = stage.spec('', { shell });
      assert.equal(await runToEnd({ ...spec, argv: ['/usr/bin/env'], env }), 0);
      const lines = out(stage).toString().split('\n');
      for (const [name, value] of Object.entries({ ...env, MARIANNE_MARKER: stage.marker })) {
        assert.ok(lines.includes(`${name}=${value}`), name);
      }
    });

    for (const [what, script, status] of [
      ['an exit status', 'exit 7', 7],
      ['a real exit 143', 'exit 143', 143],
      ['death by TERM', 'kill -TERM $$', 143],
      ['death by KILL', 'kill -KILL $$', 137],
      ['death by INT', 'kill -INT $$', 130],
      ['death by HUP', 'kill -HUP $$', 129],
      ['death by SEGV', 'kill -SEGV $$', 139],
      ['255', 'exit 255', 255],
    ] as const) {
      it(`records ${what} as it is, and adds nothing to the agent's stderr`, async () => {
        await using stage = newStage();
        assert.equal(await runToEnd(stage.spec(script, { shell })), status);
        assert.equal(err(stage), '');
      });
    }

    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1'] as const) {
      it(`outlives ${signal} to its group; the agent gets it with the default action`, async () => {
        await using stage = newStage();
        const launched = await launchAttempt(stage.spec('ulimit -c 0; echo up; exec sleep 30', { shell }));
        await until('agent', () => out(stage).length > 0 && agentSleeps(launched.pid));
        process.kill(-launched.pid, signal);
        await launched.exited;
        const number = {
          SIGTERM: 15,
          SIGINT: 2,
          SIGHUP: 1,
          SIGQUIT: 3,
          SIGUSR1: process.platform === 'linux' ? 10 : 30,
        };
        assert.equal(await exitStatus(stage.base), 128 + number[signal]);
        assert.equal(err(stage), '');
      });
    }

    it('outlives many signals while the agent handles them, and records what the agent says', async () => {
      await using stage = newStage();
      const script =
        'n=0; trap "n=\\$((n+1)); echo sig" TERM; echo up; while [ $n -lt 5 ]; do sleep 0.01; done; exit 42';
      const launched = await launchAttempt(stage.spec(script, { shell }));
      await until('agent', () => out(stage).length > 0);
      for (let i = 1; i <= 5; i++) {
        process.kill(-launched.pid, 'SIGTERM');
        await until('signal', () => out(stage).toString().split('sig').length > i);
      }
      await launched.exited;
      assert.equal(await exitStatus(stage.base), 42);
    });

    it('keeps large and broken output byte for byte', async () => {
      await using stage = newStage();
      const status = await runToEnd(
        stage.spec("printf 'a\\377\\000b\\n' >&2; head -c 20000000 /dev/zero | tr '\\0' x; exit 3", {
          shell,
        }),
      );
      assert.equal(status, 3);
      assert.equal(statSync(`${stage.base}.out.spool`).size, 20_000_000);
      assert.deepEqual(readFileSync(`${stage.base}.err.spool`), Buffer.from([0x61, 0xff, 0, 0x62, 0x0a]));
    });

    it('records the end of an agent that left a stray behind without waiting for it', async () => {
      await using stage = newStage();
      const began = performance.now();
      assert.equal(await runToEnd(stage.spec('sleep 30 & exit 5', { shell })), 5);
      assert.ok(performance.now() - began < 5000);
      assert.equal((await stage.strays()).length, 1);
    });

    if (process.platform === 'linux') {
      it('tries again while the record cannot be written (full disk)', async () => {
        await using stage = newStage();
        const spec = stage.spec('exit 9', { shell });
        mkdirSync(join(stage.base, '..'), { recursive: true, mode: 0o700 });
        symlinkSync('/dev/full', `${stage.base}.exit`);
        const launched = await launchAttempt(spec);
        await until('claim', () => readClaim(stage.base).kind === 'shim');
        await until('the retry loop', () => shimSleeps(launched.pid));
        unlinkSync(`${stage.base}.exit`);
        writeFileSync(`${stage.base}.exit`, '9 e', { mode: 0o600 });
        await launched.exited;
        assert.equal(
          readFileSync(`${stage.base}.exit`, 'utf8')
            .split('\n')
            .filter((line) => line === '9 end').length,
          1,
        );
        assert.equal(await exitStatus(stage.base), 9);
      });
    }

    it('ends when the record can never be written because the folder is gone', async () => {
      await using stage = newStage();
      const launched = await launchAttempt(
        stage.spec(`rm -rf '${join(stage.base, '..')}'; exit 1`, { shell }),
      );
      await launched.exited;
      assert.ok(!existsSync(join(stage.base, '..')));
    });
  });
}

function children(pid: number): number[] {
  try {
    const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
    return text
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .filter(([, parent]) => parent === pid)
      .map(([child = 0]) => child);
  } catch {
    return [];
  }
}

function commandOf(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

const agentSleeps = (shim: number) => children(shim).some((pid) => commandOf(pid).endsWith('sleep'));
const shimSleeps = agentSleeps;

describe('launch errors', () => {
  const rejected = async (spec: LaunchSpec, code: string, errno?: string) => {
    await assert.rejects(launchAttempt(spec), (error) => {
      assert.ok(error instanceof LaunchError);
      assert.equal(error.code, code);
      if (errno) assert.equal(error.errno, errno);
      return true;
    });
    if (code !== 'spool_unusable')
      assert.ok(!existsSync(`${spec.base}.out.spool`), 'a spool was left behind');
  };

  it('tells a missing folder, a missing program, one without the right, and a missing prompt apart', async () => {
    await using stage = newStage();
    const spec = stage.spec('true');
    await rejected({ ...spec, cwd: join(stage.folder, 'gone') }, 'cwd_missing', 'ENOENT');
    await rejected({ ...spec, cwd: spec.argv[0] }, 'cwd_unusable', 'ENOTDIR');
    await rejected({ ...spec, argv: [join(stage.folder, 'gone')] }, 'executable_missing', 'ENOENT');
    await rejected({ ...spec, argv: [stage.folder] }, 'executable_unusable');
    writeFileSync(join(stage.folder, 'plain'), '', { mode: 0o600 });
    await rejected({ ...spec, argv: [join(stage.folder, 'plain')] }, 'executable_unusable', 'EACCES');
    await rejected({ ...spec, argv: ['sh'] }, 'invalid_argument');
    await rejected({ ...spec, argv: [spec.argv[0], 'a\0b'] }, 'invalid_argument');
    await rejected({ ...spec, env: { 'A=B': 'c' } }, 'invalid_argument');
    await rejected({ ...spec, stdinFile: join(stage.folder, 'gone') }, 'stdin_unusable', 'ENOENT');
    symlinkSync(spec.argv[0], join(stage.folder, 'link'));
    await rejected({ ...spec, stdinFile: join(stage.folder, 'link') }, 'stdin_unusable', 'ELOOP');
    await rejected({ ...spec, stdinFile: stage.folder }, 'stdin_unusable');
    execFileSync('mkfifo', [join(stage.folder, 'fifo')]);
    await rejected({ ...spec, stdinFile: join(stage.folder, 'fifo') }, 'stdin_unusable');
    await rejected({ ...spec, shell: join(stage.folder, 'no-shell') }, 'spawn_failed', 'ENOENT');
  });

  it('turns E2BIG, which Node throws, into an error that says what to do', async () => {
    await using stage = newStage();
    const spec = stage.spec('true');
    await rejected({ ...spec, argv: [spec.argv[0], 'x'.repeat(4_000_000)] }, 'arguments_too_long', 'E2BIG');
    assert.equal(await runToEnd({ ...spec, argv: [spec.argv[0], 'x'.repeat(100_000)] }), 0);
  });

  it('refuses a spool that exists, or is a link, or a folder that others may enter', async () => {
    await using stage = newStage();
    const spec = stage.spec('true');
    mkdirSync(join(stage.base, '..'), { recursive: true, mode: 0o700 });
    symlinkSync('/dev/null', `${stage.base}.err.spool`);
    await rejected(spec, 'spool_unusable', 'EEXIST');
    assert.ok(!existsSync(`${stage.base}.out.spool`));
    await using open = newStage();
    const folder = join(open.base, '..');
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    await rejected(open.spec('true'), 'spool_unusable');
  });
});
