import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend } from '../../../src/backends/factory';
import { isProgramBackend, type ProgramBackend } from '../../../src/backends/program-backend';
import type { ExecutionResult } from '../../../src/backends/result';
import { builtIn, DirectRunner, outcomeOf } from '../../support/backends-runner';
import { SILENT_CONFIG } from '../../../src/score/plan';
import type { OutcomeCase } from '../../support/outcome-case';
import { ATTACH_ONLY, OUTCOME_CASES } from '../../support/recorded-outcomes';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mzt-interpret-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function backendFor(test: OutcomeCase, program: string): Promise<ProgramBackend> {
  const backend = createBackend({
    profile: await builtIn(test.profile),
    config: { ...SILENT_CONFIG, outputFormat: test.format ?? null },
    runner: new DirectRunner(),
    resolveExecutable: () => Promise.resolve(program),
    environment: { plain: { PATH: process.env['PATH'] ?? '' }, secret: {}, own: {} },
    workspace: folder,
  });
  assert(isProgramBackend(backend));
  return backend;
}

function check(result: ExecutionResult, test: OutcomeCase, ignored: readonly string[] = []): void {
  for (const [key, value] of Object.entries(test.expected)) {
    if (!ignored.includes(key))
      assert.deepEqual(result[key as keyof ExecutionResult], value, `${key} (${result.errorMessage ?? ''})`);
  }
  if (test.message) assert.match(result.errorMessage ?? '', test.message);
  if (!result.success) assert.notEqual(result.errorMessage, null);
}

describe('interpret: a found-again process', () => {
  for (const test of [...OUTCOME_CASES, ...ATTACH_ONLY]) {
    it(`${test.profile}: ${test.name}`, async () => {
      check((await backendFor(test, '/nowhere')).interpret(test.outcome), test);
    });
  }

  it('says what could not be started', async () => {
    const backend = await backendFor(
      { name: '', profile: 'cli', outcome: outcomeOf({}), expected: {} },
      '/nowhere',
    );
    const started = (code: string): ExecutionResult =>
      backend.interpret(
        outcomeOf({ rawStatus: null, endedBy: 'not_started', startError: { code, message: 'why' } }),
      );
    assert.equal(started('ENOENT').errorType, 'not_found');
    assert.equal(started('EACCES').errorType, 'failed_to_start');
    assert.match(started('EACCES').errorMessage ?? '', /EACCES: why/);
  });

  it('believes a program that says that the disk was full only when it was, and then gives it no success', async () => {
    const backend = await backendFor(
      { name: '', profile: 'cli', outcome: outcomeOf({}), expected: {} },
      '/nowhere',
    );
    const stderr = 'bash: line 3: echo: write error: No space left on device\n';
    const said = backend.interpret(outcomeOf({ rawStatus: 0, stderr, diskWasFull: true }));
    assert.deepEqual([said.success, said.errorType], [false, 'interrupted']);
    assert.match(said.errorMessage ?? '', /disk of the state directory was full .* lost/);
    assert.equal(backend.interpret(outcomeOf({ rawStatus: 0, stderr })).success, true, 'another disk');
    assert.equal(backend.interpret(outcomeOf({ rawStatus: 0, diskWasFull: true })).success, true, 'no word');
    const codex = await backendFor(
      { name: '', profile: 'codex-cli', outcome: outcomeOf({}), expected: {} },
      '/nowhere',
    );
    const silent = codex.interpret(outcomeOf({ rawStatus: 0, stdout: '', diskWasFull: true }));
    assert.match(silent.errorMessage ?? '', /without any output: the disk .* was full/);
  });

  it('tells output that was cut from output without a result', async () => {
    const events = '{"type":"system","subtype":"init"}\n[... 9 MB left out ...]\n';
    for (const profile of ['claude-code', 'opencode']) {
      const outcome = outcomeOf({ stdout: events });
      const backend = await backendFor({ name: '', profile, outcome, expected: {} }, '/nowhere');
      const cut = { ...outcome, stdout: { ...outcome.stdout, truncated: true } };
      assert.equal(backend.interpret(cut).errorType, 'bad_response');
    }
  });
});

describe('interpret: a process that was run here', () => {
  // Programs of a real run: print what was recorded, then end as recorded.
  for (const test of OUTCOME_CASES.filter((candidate) => candidate.outcome.endedBy === 'exit')) {
    it(`${test.profile}: ${test.name}`, async () => {
      const program = join(folder, 'agent');
      await writeFile(join(folder, 'out.txt'), test.outcome.stdout.text);
      await writeFile(join(folder, 'err.txt'), test.outcome.stderr.text);
      const raw = test.outcome.rawStatus ?? 0;
      const claimed = test.expected.exitCode === raw;
      const end = raw > 128 && !claimed ? `kill -${raw - 128} $$` : `exit ${raw}`;
      await writeFile(program, `#!/bin/sh\ncat "${folder}/out.txt"\ncat "${folder}/err.txt" >&2\n${end}\n`);
      await chmod(program, 0o755);
      const result = await (await backendFor(test, program)).execute('prompt');
      // Waits are counted from the end of the run, and this one ended today.
      check(result, test, ['rateLimitWaitSeconds', 'durationSeconds']);
    });
  }
});
