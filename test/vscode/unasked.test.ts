/** Every command as the palette runs it: without an argument. It offers a choice, says what is missing, or does what needs none. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { eventually, extensionApi, cliScore, scoreFile } from './kit';

/** What commands say and ask while `work` is done. Nothing is ever answered. */
async function dialogsOf(work: () => Thenable<unknown>): Promise<string[]> {
  const said: string[] = [];
  const { window } = vscode;
  const names = ['showInformationMessage', 'showWarningMessage', 'showErrorMessage'] as const;
  const before = {
    ...Object.fromEntries(names.map((name) => [name, window[name]])),
    showQuickPick: window.showQuickPick,
    showInputBox: window.showInputBox,
  };
  const message = (text: string) => Promise.resolve(void said.push(text));
  Object.assign(window, {
    ...Object.fromEntries(names.map((name) => [name, message])),
    showQuickPick: async (items: unknown, options?: vscode.QuickPickOptions) => {
      said.push(
        `pick of ${((await items) as unknown[]).length}: ${options?.placeHolder ?? options?.title ?? ''}`,
      );
      return undefined;
    },
    showInputBox: (options?: vscode.InputBoxOptions) => message(`input: ${options?.title ?? ''}`),
  });
  try {
    await work();
  } finally {
    Object.assign(window, before);
  }
  return said;
}

/** Command → what it says or asks first; null = it does its work. Those that end the conductor are tested elsewhere. */
const expected: Readonly<Record<string, RegExp | null>> = {
  submitScore: /^pick of \d+: Which score\?/,
  dryRunScore: /^pick of \d+: Which score\?/,
  runSheet: /^pick of \d+: Which score\?/,
  runFromSheet: /^pick of \d+: Which score\?/,
  runSheetWithDependencies: /^pick of \d+: Which score\?/,
  validateScore: /^pick of \d+: Which score\?/,
  previewPrompt: /^pick of \d+: Which score\?/,
  openScore: /^pick of \d+: Which job\?/,
  pauseJob: /^There is no job|^No job|^pick of \d+: Which job\?/,
  resumeJob: /^There is no job|^No job|^pick of \d+: Which job\?/,
  retryJob: /^There is no job|^No job|^pick of \d+: Which job\?/,
  retryWithHint: /^pick of \d+: Which job\?/,
  rerunSheet: /^pick of \d+: Which job\?/,
  cancelJob: /^There is no job|^No job|^pick of \d+: Which job\?/,
  deleteJob: /^pick of \d+: Which job\?/,
  clearFinished: /^pick of \d+: Remove the records/,
  filterJobs: /^(pick|input)/,
  showJob: /^pick of \d+: Which job\?/,
  openWorkspaceFolder: /^pick of \d+: Which job\?/,
  showSheetOutput: /^pick of \d+: Which job\?/,
  pinSheetOutput: /^pick of \d+: Which job\?/,
  openAttempt: /^pick of \d+: Which job\?/,
  showChanges: /^pick of \d+: Which job\?/,
  undoSheet: /^pick of \d+: Which job\?/,
  openReport: /^pick of \d+: Which job\?/,
  continueInClaudeCode: /^pick of \d+: Which job\?/,
  trustFolder: /brings no instruments of its own/,
  selectInstrument: /^pick of \d+: Which instrument\?/,
  setApiKey: /^pick of \d+: Which key\?/,
  newScore: /^pick of \d+: Begin with which score\?/,
  reportIssue: /nothing was sent/,
  showStatus: /^pick of \d+: Conductor /,
  openTerminal: null,
  doctor: null,
  startConductor: null,
  showConductorLog: null,
  showLog: null,
  refreshInstruments: null,
};
/** Tested where what they change can be looked at. */
const elsewhere = ['stopConductor', 'restartConductor', 'installMzt', 'uninstallMzt'];

describe('a command of the palette', function () {
  this.timeout(30_000);
  before(async () => {
    const api = await extensionApi();
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    const uri = await scoreFile('unasked.yaml', cliScore('unasked', 'echo done'));
    await vscode.workspace
      .getConfiguration('marianne')
      .update('submit.ask', false, vscode.ConfigurationTarget.Global);
    await vscode.commands.executeCommand('marianne.submitScore', uri);
    await eventually('a job is there', () =>
      api.jobs().find(({ id, status }) => id === 'unasked' && status === 'completed'),
    );
  });
  after(async () => {
    for (const terminal of vscode.window.terminals) terminal.dispose();
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('is one of those that are looked at here', () => {
    const manifest = vscode.extensions.getExtension('marianne.marianne')?.packageJSON as {
      contributes: { commands: { command: string }[] };
    };
    const declared = manifest.contributes.commands.map(({ command }) => command.slice('marianne.'.length));
    assert.deepEqual([...Object.keys(expected), ...elsewhere].sort(), declared.sort());
  });

  for (const [name, first] of Object.entries(expected)) {
    it(`${name} ${first === null ? 'needs no argument' : 'asks, or says what is missing'}`, async () => {
      const said = await dialogsOf(() => vscode.commands.executeCommand(`marianne.${name}`));
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
      // What goes wrong is told with the product's name before it.
      for (const text of said) assert.doesNotMatch(text, /^Marianne: /);
      if (first === null) assert.deepEqual(said, []);
      else assert.match(said[0] ?? 'nothing', first);
    });
  }
});
