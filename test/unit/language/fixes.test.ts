import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Repair } from '../../../src/views/language/repair';
import { keysOf, repairsOf } from '../../../src/views/language/fixes';
import { folder, scoreText } from '../score/kit';
import { analysisOf, catalogue } from './kit';

function repairs(text: string, code: string, path?: string): Repair[] {
  const analysis = analysisOf(text, path);
  const found = analysis.diagnostics.filter((diagnostic) => diagnostic.code === code);
  assert.ok(found.length > 0, `no ${code}: ${analysis.diagnostics.map((each) => each.code).join(' ')}`);
  return found.flatMap((diagnostic) => repairsOf(diagnostic, analysis, catalogue));
}

function applied(text: string, repair: Repair | undefined): string {
  assert.ok(repair);
  return [...repair.edits]
    .sort((a, b) => b.from - a.from)
    .reduce((result, edit) => result.slice(0, edit.from) + edit.text + result.slice(edit.end), text);
}

function codes(text: string): string[] {
  return analysisOf(text).diagnostics.map(({ code }) => code);
}

describe('quick fixes', () => {
  it('read the path of a diagnostic', () => {
    assert.deepEqual(keysOf('validations[0].path'), ['validations', '0', 'path']);
    assert.deepEqual(keysOf('sheet.cadenzas.2[1].file'), ['sheet', 'cadenzas', '2', '1', 'file']);
    assert.deepEqual(keysOf(null), []);
  });

  it('rename an unknown field', () => {
    const text = scoreText({ more: 'paralel: {enabled: true}' });
    const [first] = repairs(text, 'P012');
    assert.equal(first?.preferred, true);
    assert.ok(applied(text, first).includes('\nparallel: {enabled: true}'));
  });

  it('offer several fields that may be meant, but none that is there', () => {
    const text = scoreText({ sheet: '  size: 1\n  total_items: 1\n  sise: 2' });
    assert.ok(!repairs(text, 'P012').some(({ edits }) => edits[0]?.text === 'size'));
  });

  it('replace an unknown instrument, in lists and in quotes', () => {
    const text = scoreText().replace('instrument: claude-code', 'instrument: "claude-cod"');
    assert.ok(applied(text, repairs(text, 'V210')[0]).includes('instrument: "claude-code"'));
    const list = scoreText({ more: 'instrument_fallbacks: [codex-cly]' });
    assert.ok(applied(list, repairs(list, 'V211')[0]).includes('[codex-cli]'));
  });

  it('replace a value that is not in the list', () => {
    const text = scoreText({ more: 'validations:\n  - {type: file_exist, path: a}' });
    assert.ok(applied(text, repairs(text, 'P015')[0]).includes('type: file_exists,'));
  });

  it('add what is missing, so that the score holds together', () => {
    const fixed = (text: string): string => {
      const analysis = analysisOf(text);
      const missing = analysis.diagnostics.find(({ code }) => code === 'P013');
      if (missing === undefined) return text;
      return fixed(applied(text, repairsOf(missing, analysis, catalogue)[0]));
    };
    for (const text of [
      'workspace: /tmp\n',
      'name: x',
      'name: x\nsheet:\n  size: 1\n',
      'name: x\nsheet: { size: 1 }\n',
      'name: x\nsheet: {}\n',
    ]) {
      const result = fixed(text);
      assert.ok(analysisOf(result).score, result);
    }
  });

  it('put quotes around what YAML takes for something else', () => {
    const text = scoreText().replace('name: test', 'name: 2024');
    assert.ok(applied(text, repairs(text, 'P011')[0]).startsWith('name: "2024"\n'));
  });

  it('correct or define a variable', () => {
    const text = scoreText({ prompt: '  variables:\n    goal: x\n  template: |\n    {{ goall }}' });
    const [near, ...rest] = repairs(text, 'V101');
    assert.ok(applied(text, near).includes('{{ goal }}'));
    const added = applied(text, rest.at(-1));
    assert.ok(added.includes('    goall: ""\n    goal: x'), added);
    assert.ok(!codes(added).includes('V101'));
    const without = scoreText({ prompt: '  template: |\n    {{ unheard }}' });
    const defined = applied(without, repairs(without, 'V101').at(-1));
    assert.ok(
      !codes(defined).includes('V101') && codes(defined).every((code) => !code.startsWith('P')),
      defined,
    );
  });

  it('take the one fix that a diagnostic brings', () => {
    const text = scoreText({ prompt: '  template: |\n    Sheet {sheet_num}' });
    assert.ok(applied(text, repairs(text, 'V202')[0]).includes('Sheet {{ sheet_num }}'));
  });

  it('create a template file that is missing', () => {
    const place = folder();
    try {
      const text = scoreText({ prompt: '  template_file: prompts/a.j2' });
      const path = join(place.path, 'x.score.yaml');
      const [repair] = repairs(text, 'V003', path);
      assert.equal(repair?.create?.path, join(place.path, 'prompts/a.j2'));
      assert.match(repair?.create?.text ?? '', /sheet_num/);
      assert.ok(!existsSync(join(place.path, 'prompts')), 'only offered, not made');
    } finally {
      place.remove();
    }
  });

  it('add a template to a prompt without one', () => {
    const text = scoreText({ prompt: '  stakes: much' });
    const added = applied(text, repairs(text, 'V412')[0]);
    assert.ok(!codes(added).includes('V412') && analysisOf(added).score, added);
  });
});

/** A fault that can be mended without a guess: the text, which fix, and what the text must hold after it (or no more). */
interface Mended {
  readonly code: string;
  readonly text: string;
  readonly title: RegExp;
  readonly has?: string;
  readonly lost?: string;
}

const sheet = (more: string): string => scoreText({ sheet: `  size: 1\n  total_items: 3\n${more}` });
const rules = 'validations:\n  - {type: content_contains, path: "{workspace}/a", pattern: x}';

const mended: readonly Mended[] = [
  { code: 'P002', text: `${scoreText()}name: again\n`, title: /first/, lost: 'name: test' },
  {
    code: 'P002',
    text: scoreText({
      more: `retry:\n  max_retries: 1\n\n  # why\n  jitter: false\n# next\nretry:\n  max_retries: 2\n${rules}`,
    }),
    title: /first/,
    lost: 'jitter',
    has: '# next\nretry:\n  max_retries: 2',
  },
  {
    code: 'P021',
    text: sheet('  fan_out: {2: 2}').replace('size: 1', 'size: 4'),
    title: /size: 1/,
    has: '  size: 1\n',
  },
  {
    code: 'P021',
    text: sheet('  fan_out: {2: 2}\n  start_item: 2 # no'),
    title: /start_item/,
    lost: 'start_item',
  },
  { code: 'P024', text: sheet('  dependencies: {2: [1, 9]}'), title: /`9`/, has: '{2: [1]}' },
  { code: 'P024', text: sheet('  dependencies:\n    2: [1]\n    9: [1]'), title: /`9`/, lost: '9:' },
  {
    code: 'P025',
    text: sheet('  dependencies:\n    2:\n      - 1\n      - 2'),
    title: /`2`/,
    has: '    2:\n      - 1\nprompt',
  },
  { code: 'P025', text: sheet('  dependencies: {2: [2]}'), title: /`2`/, has: '{2: []}' },
  { code: 'P026', text: sheet('  dependencies: {1: [2], 2: [1]}'), title: /Remove/, has: '[]' },
  {
    code: 'P030',
    text: scoreText({ more: `backend:\n  type: ollama\n${rules}` }),
    title: /type/,
    lost: 'backend',
  },
  {
    code: 'P030',
    text: scoreText({ more: `backend: {type: ollama, timeout_seconds: 90}\n${rules}` }),
    title: /type/,
    has: '{timeout_seconds: 90}',
  },
  {
    code: 'P031',
    text: sheet('  instrument_map: {claude-code: [1, 2], cli: [2, 3]}'),
    title: /`2`/,
    has: 'cli: [3]',
  },
  {
    code: 'P032',
    text: scoreText({ prompt: '  template_file: a.j2\n  template: |\n    a\n\n    b' }),
    title: /Remove `template`/,
    lost: '    b',
  },
  {
    code: 'V201',
    text: scoreText({
      more: 'validations:\n  - {type: content_contains, path: "{{ workspace }}/a", pattern: x}',
    }),
    title: /Change to/,
    has: '"{workspace}/a"',
  },
  {
    code: 'V206',
    text: sheet('  fan_out: {2: 2}'),
    title: /dependencies/,
    has: '  dependencies: { 2: [1], 3: [2] }\n',
  },
  { code: 'V207', text: sheet('  fan_out: {2: 2}'), title: /parallel/, has: 'parallel:\n  enabled: true\n' },
  {
    code: 'V207',
    text: sheet('  fan_out: {2: 2}').replace('sheet:', 'parallel: {enabled: off}\nsheet:'),
    title: /parallel/,
    has: '{enabled: true}',
  },
  {
    code: 'V207',
    text: sheet('  fan_out: {2: 2}').replace('sheet:', 'parallel: {max_concurrent: 2}\nsheet:'),
    title: /parallel/,
    has: '{ enabled: true,max_concurrent: 2}',
  },
  {
    code: 'V208',
    text: scoreText({ prompt: '  variables:\n    stage: 1\n    goal: x\n  template: "{{ goal }}"' }),
    title: /`stage`/,
    lost: 'stage:',
  },
  {
    code: 'V209',
    text: scoreText({ more: `backend: {disable_mcp: false}\n${rules}` }).replace(
      'instrument: claude-code\n',
      '',
    ),
    title: /disable_mcp/,
    has: 'disable_mcp: true',
  },
  {
    code: 'V212',
    text: sheet('  skip_when: {9: "sheets[1].status == 1", 2: "True"}'),
    title: /`9`/,
    lost: '9:',
  },
  {
    code: 'V400',
    text: scoreText({ more: `concert:\n  enabled: true\n  # a comment\n${rules}` }),
    title: /concert/,
    lost: 'enabled',
  },
  {
    code: 'V404',
    text: scoreText({
      prompt: '  variables: {goal: x}\n  template: "{{ goal }}"',
      more: 'validations:\n  - {type: content_contains, path: "{workspace}/{gaol}", pattern: x}',
    }),
    title: /Change to `\{goal\}`/,
    has: '{workspace}/{goal}',
  },
  {
    code: 'V404',
    text: scoreText({
      more: 'validations:\n  - {type: content_contains, path: "{workspace}/{chapter}", pattern: x}',
    }),
    title: /Add `chapter`/,
    has: 'chapter: ""',
  },
  {
    code: 'V405',
    text: scoreText({ more: `instrument_config: {timeout_second: 3}\n${rules}` }),
    title: /timeout_seconds/,
    has: '{timeout_seconds: 3}',
  },
  {
    code: 'V406',
    text: scoreText({ more: `movements:\n  1: {name: a}\n  9:\n    name: b\n\n${rules}` }),
    title: /`9`/,
    lost: 'name: b',
  },
  { code: 'V406', text: sheet('  instrument_map: {cli: [9, 2]}'), title: /`9`/, has: '[2]' },
  {
    code: 'V408',
    text: scoreText({ prompt: '  template: "{{ previous_outputs }}"' }),
    title: /Capture/,
    has: 'cross_sheet:\n  auto_capture_stdout: true\n',
  },
  {
    code: 'V411',
    text: scoreText({ more: `backend: {type: claude_cli, temperature: 0.5}\n${rules}` }).replace(
      'instrument: claude-code\n',
      '',
    ),
    title: /temperature/,
    has: '{type: claude_cli}',
  },
  {
    code: 'V413',
    text: sheet('  fan_out: {2: 2}').replace('sheet:', 'movements: {2: {name: a, voices: 3}}\nsheet:'),
    title: /voices/,
    has: '{name: a}',
  },
];

describe('quick fixes that need no guess', () => {
  for (const { code, text, title, has, lost } of mended) {
    it(`${code}: ${title.source}, and back to back with Windows line ends`, () => {
      for (const lineEnd of ['\n', '\r\n']) {
        const written = text.replaceAll('\n', lineEnd);
        const found = repairs(written, code).find((each) => title.test(each.title));
        assert.ok(
          found,
          repairs(written, code)
            .map((each) => each.title)
            .join(),
        );
        const result = applied(written, found);
        const after = analysisOf(result);
        const plain = result.replaceAll('\r\n', '\n');
        assert.deepEqual(
          after.diagnostics
            .filter((each) => each.code === code || each.code === 'P001')
            .map((each) => each.message),
          [],
          result,
        );
        if (has !== undefined) assert.ok(plain.includes(has), plain);
        if (lost !== undefined) assert.ok(!plain.includes(lost), plain);
        // Nothing that was sound before is broken now.
        const before = new Set(codes(written));
        assert.deepEqual(
          after.diagnostics.filter(
            (each) => each.severity === 'error' && !before.has(each.code) && each.code !== 'V003',
          ),
          [],
          result,
        );
      }
    });
  }

  it('make a folder that is missing, and only where no file has its place', () => {
    const { path, remove } = folder({ taken: 'x' });
    try {
      const of = (workspace: string): (string | null)[] =>
        repairs(scoreText().replace('/tmp', workspace), 'V002', join(path, 's.yaml')).map(
          (each) => each.createFolder,
        );
      assert.deepEqual(of('new/deep/out'), [join(path, 'new', 'deep')]);
      assert.deepEqual(of('taken/deep/out'), []);
    } finally {
      remove();
    }
  });

  it('leave alone what comes from an anchor', () => {
    const text = sheet('  fan_out: {2: 2}').replace(
      'sheet:',
      'movements: {1: &m {name: a, voices: 1}, 2: {<<: *m}}\nsheet:',
    );
    assert.deepEqual(repairs(text, 'V413'), []);
  });
});
