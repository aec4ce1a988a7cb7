import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findConductor } from '../../src/client/find';
import { aliasBomb } from '../support/alias-bomb';
import { TestConductor } from '../support/conductor';

/** One sheet for each row of the known attack classes, played by a real conductor. */
describe('hostile scores', function () {
  this.timeout(30_000);
  const conductor = new TestConductor();
  before(() => conductor.start());
  after(() => conductor.dispose());

  const head = (more = '') =>
    `name: hostile\ninstrument: cli\npause_between_sheets_seconds: 0\nretry: {max_retries: 0}\n${more}\n`;
  const one = 'sheet: {size: 1, total_items: 1}';
  const pwned = () => existsSync(join(conductor.workspace, 'pwned'));
  const preview = (text: string) =>
    conductor.call('job.preview', { text, sheet: 1, config_path: join(conductor.root, 'preview.yaml') });
  const first = (diagnostics: readonly { message: string }[]) =>
    diagnostics.map(({ message }) => message).join('\n');
  const answers = async () => assert.equal((await conductor.call('daemon.health', {})).status, 'ok');

  it('a pipe or a device in place of a file is refused, and the conductor goes on answering', async () => {
    const pipe = join(conductor.root, 'pipe.yaml');
    execFileSync('mkfifo', [pipe, join(conductor.root, 'pipe.md')]);
    symlinkSync('/dev/zero', join(conductor.root, 'zero.yaml'));
    writeFileSync(join(conductor.root, 'huge.yaml'), '');
    execFileSync('truncate', ['-s', '3G', join(conductor.root, 'huge.yaml')]);
    for (const name of ['pipe', 'zero', 'huge']) {
      const config_path = join(conductor.root, `${name}.yaml`);
      const found = await conductor.call('job.validate', { config_path });
      assert.equal(found.valid, false);
      assert.match(first(found.diagnostics), /not a regular file|larger than/);
    }
    const through = await preview(
      head(`${one}\nprompt: {template: "true", prompt_extensions: ["pipe.md"]}`).replace(
        'instrument: cli',
        'instrument: claude-code',
      ),
    );
    assert.match(first(through.diagnostics), /`pipe\.md` does not exist|pipe\.md cannot be read/);
    await answers();
  });

  it('bombs are refused in a moment', async () => {
    const bombs: [string, RegExp][] = [
      [aliasBomb('abcdefghij'), /aliases/],
      ['a: ' + '['.repeat(20_000) + ']'.repeat(20_000), /nested/],
      [head('sheet: {size: 1, total_items: 1000000000}\nprompt: {template: "x"}'), /at most/],
      [head('sheet: {size: 1, total_items: 2, fan_out: {1: 100000000}}\nprompt: {template: "x"}'), /at most/],
      [
        head(
          `${one}\nprompt: {template: "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}"}`,
        ),
        /steps|characters/,
      ],
      [head(`${one}\nprompt: {template: "{{ 'x' * 99999999999 }}"}`), /characters|steps|memory|large/i],
    ];
    for (const [text, message] of bombs) {
      const began = performance.now();
      assert.match(first((await preview(text)).diagnostics), message);
      assert.ok(performance.now() - began < 5000, text.slice(0, 60));
    }
    await answers();
  });

  it('a template reaches nothing of the process', async () => {
    for (const expression of [
      '().__class__.__mro__',
      'cycler.__init__.__globals__',
      '"".constructor.constructor("return process")()',
      'range.constructor("return process")()',
      'self.__init__',
      'workspace.__proto__',
    ]) {
      const { prompt, diagnostics } = await preview(
        head(`${one}\nprompt:\n  template: |\n    {{ ${expression} }}`),
      );
      assert.equal(prompt, null, expression);
      assert.ok(diagnostics.some(({ severity }) => severity === 'error'));
    }
    const polluted = await preview(
      head(`${one}\nprompt: {template: "{{ __proto__ }}", variables: {__proto__: {polluted: 1}}}`),
    );
    assert.equal(polluted.prompt, "{'polluted': 1}");
    assert.match(
      first((await preview(head(`${one}\n__proto__: {a: 1}\nprompt: {template: x}`))).diagnostics),
      /__proto__/,
    );
  });

  it('values in checks are quoted, captured output is data, and agents see only what they may', async () => {
    const run = await conductor.submit(
      'values',
      head(`sheet: {size: 1, total_items: 2}
cross_sheet: {auto_capture_stdout: true}
prompt:
  variables: {title: "'; touch \\"$MARIANNE_WORKSPACE/pwned\\"; echo '"}
  template: |
    {% if sheet_num == 1 %}echo '{{ "{{" }} 7 * 7 {{ "}}" }}'; umask; env | cut -d= -f1{% else %}cat <<'END'
    {{ previous_outputs[1] }}
    END
    {% endif %}
validations:
  - {type: command_succeeds, command: "test -n {title}", description: injection}`),
      {
        env: {
          PATH: process.env['PATH'] ?? '/usr/bin:/bin',
          HOME: conductor.root,
          NODE_OPTIONS: '--no-warnings',
          VSCODE_IPC_HOOK: 'x',
          ELECTRON_RUN_AS_NODE: '1',
          CLAUDECODE: '1',
        },
      },
    );
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.sheets));
    assert.equal(pwned(), false);
    const { data } = await conductor.call('log.read', { job_id: run, sheet: 2, stream: 'stdout' });
    assert.match(data, /\{\{ 7 \* 7 \}\}/);
    assert.doesNotMatch(data, /NODE_OPTIONS|VSCODE_|ELECTRON_|CLAUDECODE/);
    assert.match(data, new RegExp(`^${process.umask().toString(8).padStart(4, '0')}$`, 'm'));
  });

  it('a file name cannot become a path or an option', async () => {
    for (const name of ['..', '-rf', '.hidden', 'a b', 'a\u202eb', 'ü']) {
      const config_path = join(conductor.root, `${name}.yaml`);
      writeFileSync(config_path, head(`${one}\nprompt: {template: "true"}`));
      const reply = await conductor.call('job.submit', { config_path, workspace: conductor.workspace });
      assert.equal(reply.status, 'rejected', name);
    }
    for (const job_id of ['../../etc', '..', '/etc/passwd', '__proto__', 'constructor'])
      await assert.rejects(conductor.call('job.status', { job_id }), job_id);
  });

  it('a workspace that cannot be is refused, and holds up nobody', async () => {
    const file = join(conductor.root, 'a-file');
    writeFileSync(file, '');
    // Under /proc nothing can be made, and a loop that makes parents never ends there.
    for (const workspace of [
      '/proc/self/nothing',
      file,
      join(file, 'below'),
      join(conductor.root, 'no', 'parent'),
    ]) {
      const config_path = conductor.score('nowhere', head(`${one}\nprompt: {template: "true"}`));
      const reply = await conductor.call('job.submit', { config_path, workspace });
      assert.equal(reply.status, 'rejected', workspace);
      assert.match(reply.message, /workspace|V\d+/);
    }
  });

  it("a workspace's instruments run only as approved, shadow nothing and get no key", async () => {
    const folder = join(conductor.workspace, '.marianne', 'instruments');
    mkdirSync(folder, { recursive: true });
    const profile = (name: string, say: string) =>
      `name: ${name}\ndisplay_name: Name\nkind: cli\nraw_prompt: true\ncli:\n  command: {executable: bash, extra_flags: [-c, "echo ${say} [$ZQ_API_KEY]"], secret_env: [ZQ_API_KEY]}\n  output: {format: text}\n`;
    writeFileSync(join(folder, 'cli.yaml'), profile('cli', 'shadow'));
    writeFileSync(join(folder, 'own.yaml'), profile('own', 'first'));
    symlinkSync('/etc/hostname', join(folder, 'link.yaml'));
    const text = head(`${one}\nprompt: {template: "echo plain"}`);
    const own = conductor.score('own', text.replace('instrument: cli', 'instrument: own'));
    const submit = () => conductor.call('job.submit', { config_path: own, workspace: conductor.workspace });
    const refusal = await submit();
    assert.match(refusal.message, /not approved/);
    assert.equal(refusal.trust_needed, conductor.workspace);

    const { entries } = await conductor.call('trust.list', { dir: conductor.workspace });
    const digests = entries.map(({ digest }) => digest);
    writeFileSync(join(folder, 'own.yaml'), profile('own', 'swapped'));
    await assert.rejects(conductor.call('trust.approve', { dir: conductor.workspace, digests }), /changed/);
    assert.match((await submit()).message, /not approved/);

    const now = await conductor.call('trust.list', { dir: conductor.workspace });
    await conductor.call('trust.approve', {
      dir: conductor.workspace,
      digests: now.entries.map(({ digest }) => digest),
    });
    const approved = await conductor.submit('own', text.replace('instrument: cli', 'instrument: own'), {
      secrets: { ZQ_API_KEY: 'zq-7Hk2PvLm9RtX4wBn8' },
    });
    await conductor.until(approved);
    const said = await conductor.call('log.read', { job_id: approved, sheet: 1, stream: 'stdout' });
    assert.equal(said.data, 'swapped []\n');

    const shadowed = await conductor.submit('shadowed', text);
    await conductor.until(shadowed);
    const plain = await conductor.call('log.read', { job_id: shadowed, sheet: 1, stream: 'stdout' });
    assert.equal(plain.data, 'plain\n');

    writeFileSync(join(folder, 'own.yaml'), profile('own', 'changed later'));
    assert.match((await submit()).message, /not approved/);
  });

  it('names, prompts and output stay text in the report', async () => {
    const evil = '<script>alert(1)</script><img src=x onerror=alert(2)>';
    const run = await conductor.submit(
      'markup',
      `name: "${evil}"\ndescription: "${evil}"\ninstrument: cli\n${one}\nprompt:\n  template: |\n    echo '${evil}'\n`,
    );
    await conductor.until(run);
    const report = await conductor.call('job.report', { job_id: run });
    const html = 'html' in report ? report.html : readFileSync(report.path, 'utf8');
    assert.ok(html.includes('&lt;img src=x'));
    assert.doesNotMatch(html, /<img|<script>alert/);
  });

  it('keeps what it writes to itself', async () => {
    const wide: string[] = [];
    const look = (path: string) => {
      const facts = lstatSync(path);
      if (!facts.isSocket() && (facts.mode & 0o077) !== 0) wide.push(`${facts.mode.toString(8)} ${path}`);
      if (facts.isDirectory()) for (const name of readdirSync(path)) look(join(path, name));
    };
    look(conductor.home);
    assert.deepEqual(wide, []);
    const found = await findConductor(conductor.home, { name: 'test', version: '0', kind: 'test' });
    assert.ok(found);
    assert.equal(statSync(found.record.socket).mode & 0o777, 0o600);
  });
});
