import assert from 'node:assert/strict';
import { basename } from 'node:path';
import * as vscode from 'vscode';

describe('the extension host of these suites', () => {
  it('is a VS Code that the extension supports, with the extension in it', () => {
    const [, minor] = vscode.version.split('.').map(Number);
    assert.ok(minor !== undefined && minor >= 100, vscode.version);
    const extension = vscode.extensions.getExtension('marianne.marianne');
    assert.ok(extension, 'the extension is known');
    assert.equal(extension.extensionKind, vscode.ExtensionKind.Workspace);
  });

  it('keeps tests away from the state, home and keys of the person who runs them', () => {
    const { MARIANNE_HOME: state, HOME: home, ANTHROPIC_API_KEY: key } = process.env;
    assert.equal(basename(state ?? ''), 'm');
    assert.equal(home, (state ?? '').replace(/m$/, 'home'));
    assert.equal(key, undefined);
  });
});
