import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { TestConductor } from '../support/conductor';

const key = 'zq-7Hk2PvLm9RtX4wBn8';
const mailKey = 'mg-Kq83hXs72LmQwe91';

const profile = `name: keyed
display_name: Keyed
kind: cli
raw_prompt: true
cli:
  command:
    executable: bash
    extra_flags: ["-s"]
    prompt_via_stdin: true
    secret_env: [ZQ_API_KEY, MAILGUN_API_KEY]
  output: {format: text}
`;

describe('secrets', function () {
  this.timeout(40_000);
  const conductor = new TestConductor();
  const instrument = join(conductor.home, 'instruments', 'keyed.yaml');
  before(async () => {
    mkdirSync(join(conductor.home, 'instruments'), { recursive: true });
    writeFileSync(instrument, profile);
    await conductor.start();
  });
  after(() => conductor.dispose());

  const score = (sheets: number, body: string) =>
    `name: keys\ninstrument: keyed\npause_between_sheets_seconds: 0\nretry: {max_retries: 0}\nsheet: {size: 1, total_items: ${sheets}}\n${body}`;
  const secrets = { ZQ_API_KEY: key, MAILGUN_API_KEY: mailKey };

  /** Files of the state directory, spools apart, that hold a key in the clear or as base64. */
  const leaks = () =>
    [key, mailKey, Buffer.from(key).toString('base64').slice(0, 20)].flatMap((text) =>
      spawnSync('grep', ['-rlaF', '--exclude=*.spool', text, conductor.home], { encoding: 'utf8' })
        .stdout.split('\n')
        .filter(Boolean),
    );
  const arrival = async (file: string) => {
    const deadline = Date.now() + 15_000;
    while (!existsSync(join(conductor.workspace, file))) {
      assert.ok(Date.now() < deadline, `${file} did not come`);
      await pause(20);
    }
  };

  it('reach the agent and no file, answer or command line', async () => {
    const run = await conductor.submit(
      'keys',
      score(
        2,
        `cross_sheet: {capture_files: ["{{ workspace }}/leak.txt"]}
prompt:
  template: |
    : {% for path in previous_files %}{{ previous_files[path] }}{% endfor %}
    echo "$ZQ_API_KEY"; printf %s "$ZQ_API_KEY" | base64; printf '{"a":"%s"}\\n' "$ZQ_API_KEY"; echo "$ZQ_API_KEY" >&2
    printf %s "\${ZQ_API_KEY:0:7}"; sleep 0.05; printf '%s\\n' "\${ZQ_API_KEY:7}"
    echo "$ZQ_API_KEY" > "$MARIANNE_WORKSPACE/leak.txt"
    ps axww -o args > "$MARIANNE_WORKSPACE/ps.txt"
validations:
  - {type: command_succeeds, command: "cat {workspace}/leak.txt; test {sheet_num} = 1", description: shows}
`,
      ),
      { secrets },
    );
    const job = await conductor.until(run);
    assert.equal(job.sheets['1']?.status, 'completed', JSON.stringify(job.sheets['1']));
    assert.deepEqual(leaks(), []);
    const { data } = await conductor.call('log.read', { job_id: run, sheet: 1, stream: 'stdout' });
    assert.equal(data.match(/\[REDACTED_SECRET\]/g)?.length, 4, data);
    const prompt = await conductor.call('job.prompt', { job_id: run, sheet: 2 });
    assert.match(prompt.prompt, /REDACTED_SECRET/);
    const shown = [
      await conductor.call('job.report', { job_id: run }),
      await conductor.call('job.attempts', { job_id: run, sheet: 2 }),
      await conductor.call('job.status', { job_id: run }),
    ];
    assert.ok(!JSON.stringify(shown).includes(key));
    const processes = readFileSync(join(conductor.workspace, 'ps.txt'), 'utf8');
    assert.match(processes, /marianne-shim/);
    assert.ok(!processes.includes(key) && !processes.includes(mailKey));
  });

  it('are redacted by a conductor that knows none of them: the agent ended while there was none', async () => {
    const run = await conductor.submit(
      'adopted',
      score(
        1,
        `prompt:
  template: |
    echo start; touch "$MARIANNE_WORKSPACE/up"
    until [ -e "$MARIANNE_WORKSPACE/go" ]; do sleep 0.05; done
    echo "$ZQ_API_KEY"; printf %s "$ZQ_API_KEY" | base64; echo "$ZQ_API_KEY" >&2
`,
      ),
      { secrets },
    );
    await arrival('up');
    await conductor.kill();
    // Its shim starts the next conductor, with which no client talks that has the key.
    writeFileSync(join(conductor.workspace, 'go'), '');
    await conductor.ready();
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    const { data } = await conductor.call('log.read', { job_id: run, sheet: 1, stream: 'stdout' });
    assert.match(data, /^start\n\[REDACTED_SECRET\]\n\[REDACTED_SECRET\]/);
    assert.deepEqual(leaks(), []);
    assert.deepEqual(
      readdirSync(join(conductor.home, 'jobs', run)).filter((name) => name.endsWith('.keys')),
      [],
    );
  });

  it('an agent whose instrument is gone after a restart is ended, not left beside its retry', async () => {
    const run = await conductor.submit(
      'orphan',
      score(
        1,
        `prompt:
  template: |
    echo $$ > "$MARIANNE_WORKSPACE/pid"
    sleep 60
`,
      ),
      { secrets },
    );
    await arrival('pid');
    await conductor.kill();
    rmSync(instrument);
    await conductor.start();
    const job = await conductor.until(run);
    assert.equal(job.status, 'failed');
    assert.match(job.sheets['1']?.error_message ?? '', /no instrument "keyed"/);
    const pid = readFileSync(join(conductor.workspace, 'pid'), 'utf8').trim();
    assert.equal(spawnSync('ps', ['-o', 'pid=', '-p', pid], { encoding: 'utf8' }).stdout.trim(), '');
    assert.equal(execFileSync('find', [join(conductor.home, 'jobs', run), '-name', '*.keys']).length, 0);
  });
});
