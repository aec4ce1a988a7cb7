import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AttemptLock } from '../../../src/backends/attempt-lock';
import type { Backend, BackendProgress } from '../../../src/backends/contract';
import { createBackend } from '../../../src/backends/factory';
import { isProgramBackend } from '../../../src/backends/program-backend';
import type { ProgramBackend } from '../../../src/backends/program-backend';
import { describeClaudeLine } from '../../../src/backends/claude/read-output';
import { loadCatalogue } from '../../../src/instruments/catalogue';
import { NO_TRUST } from '../../../src/instruments/trust';
import { builtIn, DirectRunner, resolveForReal } from '../../support/backends-runner';
import { SILENT_CONFIG } from '../../../src/score/plan';
import { profileFolder } from '../../support/profiles';

let folder = '';
let runner = new DirectRunner();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mzt-backend-'));
  runner = new DirectRunner();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function backend(
  name: string,
  more: { path?: string; workspace?: string; runner?: DirectRunner } = {},
): Promise<ProgramBackend> {
  const made = createBackend({
    profile: await builtIn(name),
    config: SILENT_CONFIG,
    runner,
    resolveExecutable: resolveForReal,
    environment: {
      plain: { PATH: more.path ?? process.env['PATH'] ?? '', HOME: folder, GREETING: 'hello' },
      secret: { ANTHROPIC_API_KEY: 'sk' },
      own: { MARIANNE_WORKSPACE: folder, MARIANNE_SHEET_NUM: '2' },
    },
    workspace: more.workspace ?? folder,
  });
  assert(isProgramBackend(made));
  return made;
}

async function program(name: string, script: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${script}`);
  await chmod(join(folder, name), 0o755);
}

describe('the shell instrument, run for real', () => {
  it('runs the prompt as written, with the plain environment and ours', async () => {
    const shell = await backend('cli');
    shell.setPreamble('never seen');
    const result = await shell.execute(
      'echo "$GREETING $MARIANNE_SHEET_NUM ${ANTHROPIC_API_KEY-none}"; pwd; echo oops >&2',
    );
    assert.equal(result.stdout, `hello 2 none\n${folder}\n`);
    assert.equal(result.stderr, 'oops\n');
    assert.deepEqual([result.success, result.exitCode, result.errorType], [true, 0, null]);
  });

  it('runs a script of 200 KB from stdin', async () => {
    const comment = `# ${'x'.repeat(98)}\n`;
    const result = await (await backend('cli')).execute(`${comment.repeat(2_000)}echo "end of it"\n`);
    assert.equal(result.stdout, 'end of it\n');
    assert.deepEqual(runner.calls[0]?.argv.length, 1);
  });

  it('is not hurt by a script that begins with a dash', async () => {
    const result = await (await backend('cli')).execute('-x() { echo fine; }; -x');
    assert.equal(result.stdout, 'fine\n');
  });

  it('keeps what was printed before the time limit', async () => {
    const result = await (
      await backend('cli')
    ).execute('echo before; echo err >&2; sleep 30', { timeoutSeconds: 0.3 });
    assert.deepEqual(
      [result.exitReason, result.errorType, result.exitCode, result.exitSignal, result.stdout, result.stderr],
      ['timeout', 'timeout', null, 15, 'before\n', 'err\n'],
    );
  });

  it('makes a missing working directory', async () => {
    const result = await (await backend('cli', { workspace: join(folder, 'a', 'b') })).execute('pwd');
    assert.equal(result.stdout, `${join(folder, 'a', 'b')}\n`);
    assert((await stat(join(folder, 'a', 'b'))).isDirectory());
  });

  it('says that a working directory cannot be used, and does not call it a missing program', async () => {
    await writeFile(join(folder, 'file'), '');
    const result = await (await backend('cli', { workspace: join(folder, 'file') })).execute('pwd');
    assert.equal(result.errorType, 'configuration');
    assert.match(result.errorMessage ?? '', /working directory .*file cannot be used: it is a file/);
  });
});

describe('a program backend', () => {
  it('gives the prompt on stdin; a program that does not read it succeeds all the same', async () => {
    await program('goose', `cat > "${folder}/got"; echo '{"response":"PONG"}'\n`);
    const goose = await backend('goose', { path: `${folder}:/usr/bin:/bin` });
    goose.setPreamble('PRE');
    goose.setPromptExtensions(['  ', 'EXT']);
    assert.equal((await goose.execute('p'.repeat(300_000))).stdout, 'PONG');
    assert.equal(await readFile(join(folder, 'got'), 'utf8'), `PRE\n\n${'p'.repeat(300_000)}\n\nEXT`);
    await program('goose', `echo '{"response":"deaf"}'\n`);
    assert.equal((await goose.execute('p'.repeat(300_000))).stdout, 'deaf');
  });

  it('applies overrides until they are cleared, under the lock', async () => {
    await program('goose', `echo "{\\"response\\":\\"$*\\"}"\n`);
    const goose = await backend('goose', { path: `${folder}:/usr/bin:/bin` });
    const release = await goose.overrideLock.acquire();
    goose.applyOverrides({ model: 'big' });
    const result = await goose.execute('x');
    assert.match(result.stdout, /--model big/);
    assert.equal(result.model, 'big');
    goose.clearOverrides();
    release();
    assert.doesNotMatch((await goose.execute('x')).stdout, /--model/);
  });

  it('says what is missing and how to get it', async () => {
    const claude = await backend('claude-code', { path: folder });
    const result = await claude.execute('x');
    assert.deepEqual([result.errorType, result.exitCode, runner.calls.length], ['not_found', null, 0]);
    assert.match(result.errorMessage ?? '', /"claude" was not found.*npm install -g/);
    assert.equal((await claude.availabilityCheck()).ok, false);
    assert.equal((await claude.healthCheck()).ok, false);
  });

  it('finds a program in its known places, and asks it for its version', async () => {
    const claude = await backend('claude-code', { path: '/nowhere' });
    const { mkdir, rename } = await import('node:fs/promises');
    await mkdir(join(folder, '.local', 'bin'), { recursive: true });
    await program('claude', `[ "$1" = --version ] && echo "2.1.329 (Claude Code)"\n`);
    await rename(join(folder, 'claude'), join(folder, '.local', 'bin', 'claude'));
    const path = join(folder, '.local', 'bin', 'claude');
    assert.deepEqual(await claude.availabilityCheck(), { ok: true, message: path });
    assert.deepEqual(await claude.healthCheck(), { ok: true, message: `${path} (2.1.329 (Claude Code))` });
    await writeFile(path, '#!/bin/sh\necho "broken install" >&2; exit 1\n');
    assert.match((await claude.healthCheck()).message, /does not tell its version: broken install/);
  });

  it('is ended by its signal and by close, and never starts after either', async () => {
    const shell = await backend('cli');
    const abort = new AbortController();
    const result = await shell.execute('echo on; exec sleep 30', {
      signal: abort.signal,
      onProgress: () => {
        abort.abort();
      },
    });
    assert.deepEqual([result.exitReason, result.errorType, result.success], ['killed', 'cancelled', false]);
    assert.equal((await shell.execute('echo x', { signal: abort.signal })).errorType, 'cancelled');
    const again = shell.execute('exec sleep 30', { onProgress: () => void shell.close() });
    assert.equal((await again).errorType, 'cancelled');
    await shell.close();
    assert.equal((await shell.execute('echo x')).exitReason, 'killed');
    assert.equal(runner.calls.length, 2);
  });

  it('reports Claude Code in words', async () => {
    class TalkingRunner extends DirectRunner {
      override run(...args: Parameters<DirectRunner['run']>): ReturnType<DirectRunner['run']> {
        const at = { phase: 'executing' as const, bytesReceived: 1, linesReceived: 1, elapsedSeconds: 1 };
        args[1].onProgress?.({ ...at, lastLine: '{"type":"system","subtype":"init"}' });
        args[1].onProgress?.({
          ...at,
          lastLine: '{"type":"assistant","message":{"content":[{"type":"text","text":"Hi\\nthere"}]}}',
        });
        args[1].onProgress?.({ ...at, lastLine: '{"type":"user"}' });
        return super.run(...args);
      }
    }
    runner = new TalkingRunner();
    await program('claude', 'exit 0\n');
    const seen: BackendProgress[] = [];
    const claude = await backend('claude-code', { path: `${folder}:/usr/bin:/bin` });
    await claude.execute('x', { onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(
      seen.slice(0, 3).map((progress) => progress.lastLine),
      [undefined, 'Hi', 'Hi'],
    );
  });
});

describe('describeClaudeLine', () => {
  it('puts tools and API problems in words', () => {
    const tool = {
      type: 'assistant',
      message: { content: [{ type: 'tool_use', name: 'Bash', input: { command: 'ls -la\ncat x' } }] },
    };
    assert.equal(describeClaudeLine(JSON.stringify(tool)), 'Bash: ls -la');
    const retry = { type: 'system', subtype: 'api_retry', attempt: 1, max_retries: 2, error_status: 529 };
    assert.equal(describeClaudeLine(JSON.stringify(retry)), 'API problem (529), try 1 of 2');
    assert.equal(describeClaudeLine('plain words'), 'plain words');
    assert.equal(describeClaudeLine('{"type":"assistant","message":{"content":[]}}'), null);
    assert.equal(describeClaudeLine('{"type":"assistant","message":7}'), null);
    assert.equal(describeClaudeLine(''), null);
  });
});

describe('createBackend', () => {
  it('says clearly that an HTTP instrument runs no program', async () => {
    const catalogue = await loadCatalogue({
      builtInFolder: profileFolder,
      userFolder: null,
      workspace: null,
      trust: NO_TRUST,
    });
    for (const name of ['anthropic_api', 'ollama', 'openrouter', 'recursive_light']) {
      const entry = catalogue.entry(name);
      assert(entry !== null);
      const made: Backend = createBackend({
        profile: entry.profile,
        config: SILENT_CONFIG,
        runner,
        resolveExecutable: resolveForReal,
        environment: { plain: {}, secret: {}, own: {} },
        workspace: folder,
      });
      const result = await made.execute('x');
      assert.deepEqual([result.success, result.errorType], [false, 'configuration']);
      assert.match(result.errorMessage ?? '', /called over HTTP/);
      assert.equal((await made.availabilityCheck()).ok, false);
    }
  });
});

describe('AttemptLock', () => {
  it('lets one in after the other, first come first served', async () => {
    const lock = new AttemptLock();
    const order: string[] = [];
    const use = async (name: string): Promise<void> => {
      const release = await lock.acquire();
      order.push(`${name} in`);
      await Promise.resolve();
      order.push(`${name} out`);
      release();
      release();
    };
    await Promise.all([use('a'), use('b'), use('c')]);
    assert.deepEqual(order, ['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });
});
