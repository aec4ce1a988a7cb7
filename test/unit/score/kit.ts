import { strict as assert } from 'node:assert';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { catalogueOf } from '../../../src/score/catalogue';
import { checkScore } from '../../../src/score/check';
import type { Diagnostic } from '../../../src/score/diagnostic';
import { diskFiles } from '../../../src/score/disk-files';
import type { Score } from '../../../src/score/parse';
import { parseScore } from '../../../src/score/parse';
import type { Plan } from '../../../src/score/plan';
import { planScore } from '../../../src/score/plan-score';

export const fixtures = join(__dirname, '../../../../test/fixtures/scores');

/** Profiles by the names that the tests use; `cli` takes the bare prompt. */
export const catalogue = catalogueOf(
  ['claude-code', 'codex-cli', 'gemini-cli', 'cli', 'claude_cli', 'anthropic_api', 'ollama'].map((name) => ({
    name,
    kind: name === 'anthropic_api' || name === 'ollama' ? ('http' as const) : ('cli' as const),
    rawPrompt: name === 'cli',
    reach: () => 'program' as const,
    defaultTimeoutSeconds: 1800,
    defaultModel: null,
    models: name === 'ollama' ? ['llama3.2:1b'] : name === 'claude-code' ? ['opus', 'sonnet'] : [],
    mcpConfigFlag: null,
    configKeys: null,
    missingProgram: null,
    endpointProblem: () => null,
  })),
);

/** A folder of its own with the given files; `remove` takes it away. */
export function folder(files: Readonly<Record<string, string | Uint8Array>> = {}): {
  path: string;
  remove: () => void;
} {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'score-')));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The least that a score needs, with further top-level lines; `sheet` and `prompt` can be replaced. */
export function scoreText(parts: { more?: string; sheet?: string; prompt?: string } = {}): string {
  return [
    'name: test',
    'workspace: /tmp',
    'instrument: claude-code',
    'sheet:',
    parts.sheet ?? '  size: 1\n  total_items: 3',
    'prompt:',
    parts.prompt ?? '  template: |\n    Sheet {{ sheet_num }}.',
    parts.more ?? 'validations:\n  - {type: content_contains, path: "{workspace}/a", pattern: x}',
    '',
  ].join('\n');
}

export function parsed(text: string, path = '/scores/test.yaml'): Score {
  const { score, diagnostics } = parseScore({ text, path });
  assert.ok(score, diagnostics.map((each) => `${each.code} ${each.message}`).join('\n'));
  return score;
}

export function planned(text: string, path = '/scores/test.yaml'): { score: Score; plan: Plan } {
  const score = parsed(text, path);
  return { score, plan: planScore(score, { cwd: '/somewhere' }) };
}

/** Everything that is said of a score: of its text, and when that holds together, of files and instruments. */
export function diagnose(text: string, path = '/scores/test.yaml'): readonly Diagnostic[] {
  const { score, diagnostics } = parseScore({ text, path });
  if (score === null) return diagnostics;
  const plan = planScore(score, { cwd: '/somewhere' });
  return [...diagnostics, ...checkScore(score, { plan, files: diskFiles, catalogue })];
}

/** `CODE@line` of each diagnostic. */
export function placesOf(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map((each) => `${each.code}@${each.range?.line ?? '-'}`);
}

/** The text that a diagnostic points at. */
export function pointedAt(text: string, diagnostic: Diagnostic | undefined): string {
  const range = diagnostic?.range;
  return range === null || range === undefined ? '' : text.slice(range.offset, range.end);
}
