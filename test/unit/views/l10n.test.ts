import assert from 'node:assert/strict';
import { l10n } from '../../../src/views/l10n';

/** Links in the text of a notification, as VS Code finds them: `src/vs/base/common/linkedText.ts`. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/gi;

describe('texts that people read', () => {
  it('have no link that an agent or a score brought', () => {
    const hostile = [
      '[Fix it](command:workbench.action.terminal.sendSequence?%7B%7D)',
      '[Fix it](COMMAND:x "title")',
      '[a](https://evil.example) [b](file:///etc/passwd)',
    ];
    for (const text of hostile) {
      assert.match(text, LINK);
      assert.doesNotMatch(l10n.t('{0} failed: {1}', 'job', text), LINK);
    }
  });

  it('keep every other text as it is', () => {
    for (const text of ['app/[id](group)/page.tsx', 'a [1] (2) b', '`[x](y)`'])
      assert.equal(l10n.t('{0}', text), text);
    assert.equal(l10n.t('{0} of {1}', 3, true), '3 of true');
  });
});
