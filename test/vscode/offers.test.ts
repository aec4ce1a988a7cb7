/** What this window brings to the conductor: keys, MCP servers of the user's settings, consent; and what it hears of instruments. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as vscode from 'vscode';
import { OllamaLoopback, stream } from '../support/ollama-server';
import type { SeenRequest } from '../support/loopback-server';
import { answering, eventually, extensionApi, scoreFile } from './kit';

const state = () => process.env['MARIANNE_HOME'] ?? '';
const folder = () => vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
/** The process of the conductor in force. */
function conductorPid(): number {
  const name = readdirSync(join(state(), 'owner')).sort().at(-1) ?? '';
  return (JSON.parse(readFileSync(join(state(), 'owner', name), 'utf8')) as { pid: number }).pid;
}
const config = () => vscode.workspace.getConfiguration('marianne');
const everything = resolve(
  __dirname,
  '../../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
);

/** A profile of the user's own; the conductor reads it when it is next asked. */
function userProfile(name: string, lines: readonly string[]): void {
  const instruments = join(state(), 'instruments');
  mkdirSync(instruments, { recursive: true, mode: 0o700 });
  writeFileSync(
    join(instruments, `${name}.yaml`),
    [`name: ${name}`, `display_name: ${name}`, ...lines, ''].join('\n'),
  );
}

/** Runs `work` while the first Quick Pick is answered by `choose`; gives what it offered. */
async function picking(
  choose: (items: readonly vscode.QuickPickItem[]) => vscode.QuickPickItem | undefined,
  work: () => Thenable<unknown>,
): Promise<readonly vscode.QuickPickItem[]> {
  const { showQuickPick } = vscode.window;
  let offered: readonly vscode.QuickPickItem[] = [];
  const stub = async (items: Thenable<readonly vscode.QuickPickItem[]>) => choose((offered = await items));
  Object.assign(vscode.window, { showQuickPick: stub });
  try {
    await work();
  } finally {
    Object.assign(vscode.window, { showQuickPick });
  }
  return offered;
}

/** What Select Instrument says of each. */
async function instrumentsOffered(): Promise<ReadonlyMap<string, string>> {
  const items = await picking(
    () => undefined,
    () => vscode.commands.executeCommand('marianne.selectInstrument'),
  );
  return new Map(items.map(({ label, description }) => [label, description ?? '']));
}

const ask = (name: string, instrument: string, more: string) => `name: ${name}
instrument: ${instrument}
instrument_config: { ${more} }
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 0, max_completion_attempts: 0 }
prompt: { template: Do it. }
validations: []
`;

async function ended(id: string): Promise<string> {
  const api = await extensionApi();
  const job = await eventually(
    `${id} ended`,
    () => api.jobs().find((each) => each.id === id && ['completed', 'failed'].includes(each.status)),
    40_000,
  );
  return job.status;
}

describe('instruments', () => {
  const ollama = new OllamaLoopback();
  before(async () => {
    await extensionApi();
    await config().update('submit.ask', false, vscode.ConfigurationTarget.Global);
    const url = await ollama.listen();
    const http = (more: string[]) => [
      'kind: http',
      'capabilities: [tool_use]',
      'http:',
      `  base_url: ${url}`,
      ...more,
    ];
    userProfile('loopback', [
      'default_model: llama3.1:8b',
      ...http(['  endpoint: /api/chat', '  schema_family: ollama']),
    ]);
    userProfile('keyed', http(['  schema_family: openai', '  auth_env_var: KEYED_TEST_API_KEY']));
  });
  after(async () => {
    await config().update('mcpServers', undefined, vscode.ConfigurationTarget.Global);
    await ollama.close();
  });

  it('need a key until one is stored, and are ready then', async function () {
    this.timeout(30_000);
    assert.match((await instrumentsOffered()).get('keyed') ?? '', /^needs a key/);
    const key = async (value: string) => {
      const { showInputBox } = vscode.window;
      Object.assign(vscode.window, { showInputBox: () => Promise.resolve(value) });
      try {
        await picking(
          (items) => items.find(({ label }) => label === 'KEYED_TEST_API_KEY'),
          () => vscode.commands.executeCommand('marianne.setApiKey'),
        );
      } finally {
        Object.assign(vscode.window, { showInputBox });
      }
    };
    await key('secret-of-the-test');
    assert.match((await instrumentsOffered()).get('keyed') ?? '', /^ready/);
    await key('');
    assert.match((await instrumentsOffered()).get('keyed') ?? '', /^needs a key/);
  });

  it('ask for their own key when they are asked on their row', async function () {
    this.timeout(30_000);
    const { showInputBox } = vscode.window;
    const titles: (string | undefined)[] = [];
    const stub = (options: vscode.InputBoxOptions) => Promise.resolve(void titles.push(options.title));
    Object.assign(vscode.window, { showInputBox: stub });
    try {
      const offered = await picking(
        (items) => items[0],
        async () => {
          await vscode.commands.executeCommand('marianne.setApiKey', { name: 'keyed' });
          await vscode.commands.executeCommand('marianne.setApiKey', { name: 'anthropic_api' });
          assert.deepEqual(titles, ['KEYED_TEST_API_KEY', 'ANTHROPIC_API_KEY']);
          // One that is not known any more, as after its profile was removed: all keys are offered.
          await vscode.commands.executeCommand('marianne.setApiKey', { name: 'gone' });
        },
      );
      assert.ok(offered.length > 3);
      assert.deepEqual(titles.slice(2), [offered[0]?.label]);
    } finally {
      Object.assign(vscode.window, { showInputBox });
    }
  });

  it('complete model: with what their server has now', async function () {
    this.timeout(30_000);
    ollama.models = ['qwen3:4b', 'mine:latest'];
    const text = ask('models', 'loopback', 'model: ');
    const uri = await scoreFile('models.score.yaml', text);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document);
    const labels = async () => {
      const offered = await vscode.commands.executeCommand<vscode.CompletionList>(
        'vscode.executeCompletionItemProvider',
        uri,
        document.positionAt(document.getText().indexOf('model: ') + 'model: '.length),
      );
      return offered.items.map(({ label }) => (typeof label === 'string' ? label : label.label));
    };
    const named = (await labels()).filter((label) => label.includes(':'));
    assert.deepEqual(named.sort(), ['mine:latest', 'qwen3:4b'], JSON.stringify(await labels()).slice(0, 300));
    const other = new vscode.WorkspaceEdit();
    const line = document.positionAt(text.indexOf('instrument: loopback')).line;
    other.replace(uri, document.lineAt(line).range, 'instrument: claude-code');
    await vscode.workspace.applyEdit(other);
    const now = await labels();
    assert.ok(
      now.some((label) => label.startsWith('claude-')),
      'of the instrument that was written just now',
    );
    assert.ok(!now.includes('qwen3:4b'));
    await vscode.commands.executeCommand('workbench.action.files.revert');
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  describe('with MCP servers of the user’s setting', () => {
    const resultsOf = (request: SeenRequest | undefined) =>
      ((request?.body?.['messages'] ?? []) as { role: string; content: string }[])
        .filter(({ role }) => role === 'tool')
        .map(({ content }) => content);
    beforeEach(() => {
      ollama.reset();
      ollama.chat = (request, response) =>
        stream(
          response,
          resultsOf(request).length === 0
            ? { texts: [], calls: [{ name: 'get-sum', arguments: { a: 19, b: 23 } }] }
            : { texts: resultsOf(request) },
        );
    });
    const using = (name: string) => ask(name, 'loopback', 'file_tools: false, mcp_servers: [sums]');

    it('let a job use them, from the moment of the setting', async function () {
      this.timeout(60_000);
      const before = await scoreFile('no-server.yaml', using('no-server'));
      await vscode.commands.executeCommand('marianne.submitScore', before);
      assert.equal(await ended('no-server'), 'failed', 'nobody has named that server yet');
      await config().update(
        'mcpServers',
        { sums: { command: process.execPath, args: [everything] } },
        vscode.ConfigurationTarget.Global,
      );
      await vscode.commands.executeCommand(
        'marianne.submitScore',
        await scoreFile('sums.yaml', using('sums')),
      );
      assert.equal(await ended('sums'), 'completed');
      assert.match(resultsOf(ollama.chats.at(-1))[0] ?? '', /42/);
    });

    it('offer them to the next conductor too', async function () {
      this.timeout(60_000);
      const first = conductorPid();
      await vscode.commands.executeCommand('marianne.restartConductor');
      await eventually('another conductor is in force', () => conductorPid() !== first);
      await vscode.commands.executeCommand(
        'marianne.submitScore',
        await scoreFile('again.yaml', using('again')),
      );
      assert.equal(await ended('again'), 'completed');
      assert.match(resultsOf(ollama.chats.at(-1))[0] ?? '', /42/);
    });

    it('say which of them cannot be used', async () => {
      const usable = { sums: { command: process.execPath, args: [everything] } };
      const told: string[] = [];
      const { showWarningMessage } = vscode.window;
      Object.assign(vscode.window, {
        showWarningMessage: (text: string) => Promise.resolve(void told.push(text)),
      });
      try {
        const bad = { ...usable, both: { command: 'x', url: 'http://127.0.0.1:1' } };
        await config().update('mcpServers', bad, vscode.ConfigurationTarget.Global);
        await eventually('it is said', () => told.length > 0);
      } finally {
        Object.assign(vscode.window, { showWarningMessage });
      }
      assert.match(
        told.join('\n'),
        /“both” in marianne\.mcpServers cannot be used: .*either a command or a url/,
      );
    });

    it('take none from the settings of a workspace', async function () {
      this.timeout(20_000);
      const settings = join(folder(), '.vscode');
      mkdirSync(settings, { recursive: true });
      const sneaky = { sneaky: { command: '/bin/sh', args: ['-c', 'touch sneaked'] } };
      const both = { 'marianne.mcpServers': sneaky, 'marianne.codeLens': 'top' };
      try {
        writeFileSync(join(settings, 'settings.json'), JSON.stringify(both));
        await eventually('the file is read', () => config().get('codeLens') === 'top');
        assert.equal('sneaky' in config().get<object>('mcpServers', {}), false);
      } finally {
        rmSync(settings, { recursive: true });
        await eventually('the file is gone', () => config().get('codeLens') === 'all');
      }
    });
  });

  it('of a folder are offered to be trusted where a score needs one, which is then submitted', async function () {
    this.timeout(60_000);
    const brought = join(folder(), 'brought');
    const instruments = join(brought, '.marianne', 'instruments');
    mkdirSync(instruments, { recursive: true });
    writeFileSync(
      join(instruments, 'local-cat.yaml'),
      'name: local-cat\ndisplay_name: Cat\nkind: cli\ncli: { command: { executable: cat } }\n',
    );
    const score = ask('brought', 'local-cat', '').replace('sheet:', 'workspace: ./brought\nsheet:');
    const uri = await scoreFile('brought.yaml', score);
    try {
      const told = await answering(['Trust This Folder’s Instruments', 'Trust'], () =>
        vscode.commands.executeCommand('marianne.submitScore', uri),
      );
      assert.equal(told.length, 2, told.join('\n'));
      assert.match(told[0] ?? '', /^brought was not submitted: no instrument "local-cat"/);
      assert.equal(told[1], 'Trust the instruments of brought?');
      assert.equal(await ended('brought'), 'completed');
    } finally {
      rmSync(brought, { recursive: true, force: true });
    }
  });

  describe('that act without asking', () => {
    const agent = () => join(state(), 'agent.sh');
    const claude = (name: string, workspace: string) =>
      ask(name, 'daring', 'skip_permissions: true').replace('sheet:', `workspace: ./${workspace}\nsheet:`);
    before(() => {
      writeFileSync(agent(), '#!/bin/sh\ncat > /dev/null\necho done\n', { mode: 0o755 });
      userProfile('daring', [
        'kind: cli',
        'cli:',
        '  command:',
        `    executable: ${agent()}`,
        '    prompt_via_stdin: true',
        '    auto_approve_flag: --dangerously-skip-permissions',
        '  output: { format: text }',
      ]);
    });
    const question = 'daring will act without asking.';

    it('start nothing when the person refuses', async function () {
      this.timeout(30_000);
      const api = await extensionApi();
      const uri = await scoreFile('daring.yaml', claude('daring', 'arena'));
      const asked = await answering('No such answer', () =>
        vscode.commands.executeCommand('marianne.submitScore', uri),
      );
      assert.deepEqual(asked, [question]);
      assert.equal(
        api.jobs().some(({ id }) => id.startsWith('daring')),
        false,
      );
    });

    it('are asked for once in a workspace, modally, and again in another', async function () {
      this.timeout(60_000);
      const uri = await scoreFile('daring.yaml', claude('daring', 'arena'));
      const submit = () => vscode.commands.executeCommand('marianne.submitScore', uri);
      const modal: unknown[] = [];
      const { showWarningMessage } = vscode.window;
      const stub = (message: string, options: vscode.MessageOptions, ...actions: string[]) => {
        modal.push([message, options.modal, options.detail?.includes(join(folder(), 'arena'))]);
        return Promise.resolve(actions[0]);
      };
      Object.assign(vscode.window, { showWarningMessage: stub });
      try {
        await submit();
      } finally {
        Object.assign(vscode.window, { showWarningMessage });
      }
      assert.deepEqual(modal, [[question, true, true]]);
      assert.equal(await ended('daring'), 'completed');
      assert.deepEqual(await answering('Nothing', submit), [], 'the answer holds');
      assert.equal(await ended('daring-2'), 'completed');
      const other = await scoreFile('daring-elsewhere.yaml', claude('elsewhere', 'elsewhere'));
      const asked = await answering('Nothing', () =>
        vscode.commands.executeCommand('marianne.submitScore', other),
      );
      assert.deepEqual(asked, [question]);
    });
  });
});
