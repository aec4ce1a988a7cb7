import { strict as assert } from 'node:assert';
import { hasScoreContent, hasScoreName } from '../../../src/views/language/recognise';
import { orchestra } from './kit';

describe('recognising scores', () => {
  it('goes by the name *.score.yaml', () => {
    assert.ok(hasScoreName('/a/b.score.yaml') && hasScoreName('/a/B.SCORE.YML'));
    assert.ok(!hasScoreName('/a/score.yaml') && !hasScoreName('/a/b.score.yaml.bak'));
  });

  it('goes by sheet and prompt at the top level', () => {
    assert.ok(hasScoreContent(orchestra));
    assert.ok(hasScoreContent('sheet: {size: 1, total_items: 1}\r\n"prompt":\r\n  template: x\r\n'));
    assert.ok(hasScoreContent('sheet:\nprompt:'), 'half written');
  });

  it('is not taken in by other YAML', () => {
    assert.ok(!hasScoreContent('apiVersion: v1\nspec:\n  sheet: 1\n  prompt: x\n'), 'not at the top level');
    assert.ok(!hasScoreContent('sheet:\n  prompt: x\n'));
    assert.ok(!hasScoreContent('sheets:\nprompts:\n'));
    assert.ok(!hasScoreContent(`sheet: 1\nprompt: 2\n${'x'.repeat(2 ** 20)}`), 'longer than a score may be');
  });
});
