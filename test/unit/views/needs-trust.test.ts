import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { needsTrust } from '../../../src/views/commands/needs-trust';

describe('Restricted Mode', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(__dirname, '../../../../package.json'), 'utf8'));

  it('runs nothing, whatever runs the command: what reads is what is left', () => {
    const { contributes } = manifest as { contributes: { commands: { command: string }[] } };
    const guarded = needsTrust(manifest);
    const open = contributes.commands.map(({ command }) => command).filter((id) => !guarded.has(id));
    const reads =
      /^marianne\.(open(Score|WorkspaceFolder|Attempt|Report)|show\w+|filterJobs|pinSheetOutput|doctor|reportIssue|uninstallMzt)$/;
    assert.deepEqual(
      open.filter((id) => !reads.test(id)),
      [],
    );
    for (const id of ['submitScore', 'retryJob', 'rerunSheet', 'continueInClaudeCode', 'startConductor'])
      assert.ok(guarded.has(`marianne.${id}`), id);
  });
});
