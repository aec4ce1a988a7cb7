import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { reachOf, type ReachSettings } from '../../../src/instruments/reach';
import { profileSchema } from '../../../src/instruments/schema';
import { profileFolder } from '../../support/profiles';

const SILENT: ReachSettings = { fileTools: null, mcpServers: null };

const builtIn = (name: string) =>
  profileSchema.parse(parse(readFileSync(join(profileFolder, `${name}.yaml`), 'utf8')));

describe('what an instrument can touch', () => {
  for (const [name, settings, expected] of [
    ['claude-code', SILENT, 'program'],
    ['codex-cli', { fileTools: false, mcpServers: null }, 'program'],
    ['anthropic_api', SILENT, 'files'],
    ['ollama', { fileTools: true, mcpServers: [] }, 'files'],
    ['openrouter', { fileTools: false, mcpServers: [{}] }, 'tools'],
    ['openrouter', { fileTools: false, mcpServers: [] }, 'answer'],
    ['anthropic_api', { fileTools: false, mcpServers: null }, 'answer'],
    ['recursive_light', SILENT, 'message'],
    ['recursive_light', { fileTools: true, mcpServers: [{}] }, 'message'],
  ] as const) {
    it(`${name} with ${JSON.stringify(settings)}: ${expected}`, () => {
      assert.equal(reachOf(builtIn(name), settings), expected);
    });
  }
});
