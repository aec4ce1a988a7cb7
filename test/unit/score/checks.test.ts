import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import type { Diagnostic } from '../../../src/score/diagnostic';
import { diagnose, folder, placesOf, pointedAt, scoreText } from './kit';

const rule = 'validations:\n  - {type: content_contains, path: "{workspace}/a", pattern: x}';

/** A check that must speak: what is written, then code, line and the text pointed at. */
interface Case {
  what: string;
  text: string;
  code: string;
  line: number;
  at: string;
}

const cases: Case[] = [
  {
    what: 'a template that does not parse',
    text: scoreText({ prompt: '  template: |\n    ok\n    {% if x %}\n    open' }),
    code: 'V001',
    line: 11,
    at: '',
  },
  {
    what: 'a template file that is not there',
    text: scoreText({ prompt: '  template_file: no.j2' }),
    code: 'V003',
    line: 8,
    at: 'no.j2',
  },
  {
    what: 'a workspace without a parent',
    text: scoreText().replace('/tmp', '/nowhere/here/ws'),
    code: 'V002',
    line: 2,
    at: '/nowhere/here/ws',
  },
  {
    what: 'a missing system prompt file',
    text: scoreText({ more: `backend: {system_prompt_file: no.md}\n${rule}` }),
    code: 'V004',
    line: 10,
    at: 'no.md',
  },
  {
    what: 'a missing working directory',
    text: scoreText({ more: `backend: {working_directory: /nowhere}\n${rule}` }),
    code: 'V005',
    line: 10,
    at: '/nowhere',
  },
  {
    what: 'an undefined variable',
    text: scoreText({ prompt: '  template: |\n    A\n      {{ workspce }}' }),
    code: 'V101',
    line: 10,
    at: 'workspce',
  },
  {
    what: 'a short timeout',
    text: scoreText({ more: `backend: {timeout_seconds: 30}\n${rule}` }),
    code: 'V103',
    line: 10,
    at: '30',
  },
  {
    what: 'a long timeout',
    text: scoreText({ more: `backend: {timeout_seconds: 9000}\n${rule}` }),
    code: 'V104',
    line: 10,
    at: '9000',
  },
  {
    what: 'a blank pattern',
    text: scoreText({
      more: 'validations:\n  - {type: content_contains, path: "{workspace}/a", pattern: " "}',
    }),
    code: 'V106',
    line: 11,
    at: '" "',
  },
  {
    what: 'a fixed path that does not exist',
    text: scoreText({ more: 'validations:\n  - {type: content_contains, path: /nowhere/a, pattern: x}' }),
    code: 'V107',
    line: 11,
    at: '/nowhere/a',
  },
  {
    what: 'a missing injected file',
    text: scoreText({ sheet: '  size: 1\n  total_items: 3\n  prelude: [{file: nowhere.md, as: skill}]' }),
    code: 'V108',
    line: 7,
    at: 'nowhere.md',
  },
  {
    what: 'a missing injected folder',
    text: scoreText({
      sheet: '  size: 1\n  total_items: 3\n  cadenzas: {2: [{directory: nowhere, as: context}]}',
    }),
    code: 'V108',
    line: 7,
    at: 'nowhere',
  },
  {
    what: 'template syntax in a path',
    text: scoreText({
      more: 'validations:\n  - {type: content_contains, path: "{{ workspace }}/a", pattern: x}',
    }),
    code: 'V201',
    line: 11,
    at: '"{{ workspace }}/a"',
  },
  {
    what: 'single braces in a template',
    text: scoreText({ prompt: '  template: |\n    In {workspace} and {other}.' }),
    code: 'V202',
    line: 9,
    at: '{workspace}',
  },
  { what: 'no validations', text: scoreText({ more: 'description: x' }), code: 'V203', line: 1, at: 'name' },
  {
    what: 'an agent that asks',
    text: scoreText({ more: `backend: {skip_permissions: false}\n${rule}` }).replace(
      'instrument: claude-code',
      'description: x',
    ),
    code: 'V204',
    line: 10,
    at: 'false',
  },
  {
    what: 'only file_exists',
    text: scoreText({ more: 'validations:\n  - {type: file_exists, path: "{workspace}/a"}' }),
    code: 'V205',
    line: 10,
    at: 'validations',
  },
  {
    what: 'fan-out without dependencies',
    text: scoreText({ sheet: '  size: 1\n  total_items: 3\n  fan_out: {2: 2}' }),
    code: 'V206',
    line: 7,
    at: 'fan_out',
  },
  {
    what: 'fan-out without parallel',
    text: scoreText({ sheet: '  size: 1\n  total_items: 3\n  fan_out: {2: 2}' }),
    code: 'V207',
    line: 7,
    at: 'fan_out',
  },
  {
    what: 'a variable named like a built-in',
    text: scoreText({ prompt: '  template: x\n  variables:\n    stage: 5' }),
    code: 'V208',
    line: 10,
    at: 'stage',
  },
  {
    what: 'MCP servers left on',
    text: scoreText({ more: `backend: {disable_mcp: false}\n${rule}` }).replace(
      'instrument: claude-code',
      'description: x',
    ),
    code: 'V209',
    line: 10,
    at: 'false',
  },
  {
    what: 'an unknown instrument',
    text: scoreText().replace('claude-code', 'claud-code'),
    code: 'V210',
    line: 3,
    at: 'claud-code',
  },
  {
    what: 'an unknown profile of an alias',
    text: scoreText({ more: `instruments: {fast: {profile: nobody}}\n${rule}` }),
    code: 'V210',
    line: 10,
    at: 'nobody',
  },
  {
    what: 'an unknown instrument of a sheet',
    text: scoreText({ sheet: '  size: 1\n  total_items: 3\n  per_sheet_instruments: {2: nobody}' }),
    code: 'V210',
    line: 7,
    at: 'nobody',
  },
  {
    what: 'an unknown instrument of a movement',
    text: scoreText({ more: `movements: {2: {instrument: nobody}}\n${rule}` }),
    code: 'V210',
    line: 10,
    at: 'nobody',
  },
  {
    what: 'an unknown instrument in the map',
    text: scoreText({ sheet: '  size: 1\n  total_items: 3\n  instrument_map: {nobody: [2]}' }),
    code: 'V210',
    line: 7,
    at: 'nobody',
  },
  {
    what: 'an unknown fall-back',
    text: scoreText({ more: `instrument_fallbacks: [codex-cli, codx-cli]\n${rule}` }),
    code: 'V211',
    line: 10,
    at: 'codx-cli',
  },
  {
    what: 'a skip rule beyond the stages',
    text: scoreText({ sheet: '  size: 1\n  total_items: 3\n  skip_when_command: {4: {command: "true"}}' }),
    code: 'V212',
    line: 7,
    at: '4',
  },
  {
    what: 'a field that is not obeyed',
    text: scoreText({ more: `notifications: [{type: desktop}]\n${rule}` }),
    code: 'V400',
    line: 10,
    at: 'notifications',
  },
  {
    what: 'a nested field that is not obeyed',
    text: scoreText({ more: `stale_detection: {enabled: true, check_interval_seconds: 3}\n${rule}` }),
    code: 'V400',
    line: 10,
    at: 'check_interval_seconds',
  },
  {
    what: 'a condition with or',
    text: scoreText({
      more: 'validations:\n  - {type: content_contains, path: "{workspace}/a", pattern: x, condition: "stage == 1 or stage == 2"}',
    }),
    code: 'V401',
    line: 11,
    at: '"stage == 1 or stage == 2"',
  },
  {
    what: 'a condition on an unknown name',
    text: scoreText({
      more: 'validations:\n  - {type: content_contains, path: "{workspace}/a", pattern: x, condition: stag == 1}',
    }),
    code: 'V401',
    line: 11,
    at: 'stag == 1',
  },
  {
    what: 'a template in a variable',
    text: scoreText({ prompt: '  template: x\n  variables:\n    a: {b: ["{{ workspace }}"]}' }),
    code: 'V402',
    line: 10,
    at: '{b: ["{{ workspace }}"]}',
  },
  {
    what: 'earlier output in a shell prompt',
    text: scoreText({ prompt: '  template: |\n    echo {{ previous_outputs[1] }}' }).replace(
      'claude-code',
      'cli',
    ),
    code: 'V403',
    line: 9,
    at: 'previous_outputs',
  },
  {
    what: 'a workspace with a blank, outside quotes in a shell prompt',
    text: scoreText({
      prompt: `  template: |\n    ls "{{ workspace }}/a" '{{ workspace }}'\n    ls {{ workspace }}`,
    })
      .replace('claude-code', 'cli')
      .replace('workspace: /tmp', 'workspace: /tmp/my work'),
    code: 'V409',
    line: 10,
    at: 'workspace',
  },
  {
    what: 'an undefined name in a path',
    text: scoreText({ more: 'validations:\n  - {type: content_contains, path: "{worspace}/a", pattern: x}' }),
    code: 'V404',
    line: 11,
    at: '"{worspace}/a"',
  },
  {
    what: 'an unknown setting',
    text: scoreText({ more: `instrument_config: {timeout_second: 5}\n${rule}` }),
    code: 'V405',
    line: 10,
    at: 'timeout_second',
  },
  {
    what: 'a sheet that is not there',
    text: scoreText({ sheet: '  size: 1\n  total_items: 3\n  descriptions: {4: x}' }),
    code: 'V406',
    line: 7,
    at: '4',
  },
  {
    what: 'a movement that is not there',
    text: scoreText({ more: `movements: {4: {name: x}}\n${rule}` }),
    code: 'V406',
    line: 10,
    at: '4',
  },
  {
    what: 'a skip_when that cannot be read',
    text: scoreText({ sheet: '  size: 1\n  total_items: 3\n  skip_when: {2: "1 +"}' }),
    code: 'V407',
    line: 7,
    at: '"1 +"',
  },
  {
    what: 'an unknown backend',
    text: scoreText({ more: `backend: {type: mine}\n${rule}` }).replace(
      'instrument: claude-code',
      'description: x',
    ),
    code: 'V410',
    line: 10,
    at: 'mine',
  },
  {
    what: 'a field of another backend',
    text: scoreText({ more: `backend: {max_tokens: 5}\n${rule}` }),
    code: 'V411',
    line: 10,
    at: 'max_tokens',
  },
  {
    what: 'no template',
    text: scoreText({ prompt: '  variables: {}' }),
    code: 'V412',
    line: 7,
    at: 'prompt',
  },
  {
    what: 'voices against fan_out',
    text: scoreText({
      sheet: '  size: 1\n  total_items: 3\n  fan_out: {2: 2}',
      more: `movements: {2: {voices: 3}}\n${rule}`,
    }),
    code: 'V413',
    line: 11,
    at: '3',
  },
];

describe('score: checks', () => {
  for (const { what, text, code, line, at } of cases) {
    it(`${code}: ${what}`, () => {
      const found: Diagnostic | undefined = diagnose(text).find((each) => each.code === code);
      assert.ok(found, placesOf(diagnose(text)).join());
      assert.equal(found.range?.line, line);
      if (at !== '') assert.equal(pointedAt(text, found), at);
      assert.ok(found.message.length > 10);
    });
  }

  it('says nothing of a sound score', () => assert.deepEqual(diagnose(scoreText()), []));

  it('says nothing of what is switched off or has its default by absence', () => {
    const more = `isolation: {enabled: false}\nnotifications: []\ngrounding: {enabled: no}\n${rule}`;
    assert.deepEqual(diagnose(scoreText({ more })), []);
  });

  it('V009: a version left behind, but not in lines about history', () => {
    const text = scoreText({
      more: `# changed from v2: shorter\ndescription: the v2 score\n${rule}`,
    }).replace('name: test', 'name: my-v2');
    const found = diagnose(text, '/scores/my-v3.yaml');
    assert.deepEqual(
      found.map((each) => [each.code, each.severity, each.range?.line]),
      [
        ['V009', 'error', 1],
        ['V009', 'warning', 11],
      ],
    );
    assert.equal(pointedAt(text, found[0]), 'v2');
    assert.deepEqual(diagnose(text, '/scores/my-v1.yaml'), []);
    assert.deepEqual(diagnose(text, '/scores/my-v4.yaml'), []);
  });

  it('finds files in the workspace, then beside the score', () => {
    const { path, remove } = folder({
      'ws/a.md': 'a',
      'b.md': 'b',
      'docs/c.md': 'c',
      't.j2': '{{ nope }}',
      'ext.md': 'x',
    });
    try {
      const text = scoreText({
        sheet:
          '  size: 1\n  total_items: 3\n  prelude: [{file: a.md, as: context}, {file: b.md, as: skill}, {directory: docs, as: tool}, {file: "{{ x }}", as: tool}, {file: docs, as: tool}]',
        prompt: '  template_file: t.j2\n  prompt_extensions: [ext.md, noext.md, some words]',
      }).replace('/tmp', 'ws');
      const found = diagnose(text, join(path, 'score.yaml'));
      assert.deepEqual(placesOf(found), ['V108@7', 'V101@9', 'V108@10']);
      assert.equal(pointedAt(text, found[0]), 'docs');
      assert.equal(pointedAt(text, found[1]), 't.j2');
      assert.match(found[1]?.message ?? '', /t\.j2, line 1/);
    } finally {
      remove();
    }
  });

  it('counts what the template itself defines, and guarded uses, as known', () => {
    const prompt =
      '  template: |\n    {% set a = 1 %}{% for k, v in {"x": 1}.items() %}{{ k }}{{ loop.index }}{% endfor %}{% macro m(p) %}{{ p }}{% endmacro %}{{ a }}{{ m(1) }}{% if maybe is defined %}{{ maybe }}{% endif %}{{ other|default("") }}{{ range(3)|list }}{{ skipped_upstream }}{{ stakes }}{{ instrument_name }}';
    assert.deepEqual(diagnose(scoreText({ prompt })), []);
  });

  it('V408: captured texts that the score does not capture', () => {
    const prompt = '  template: "{{ previous_outputs }}{{ previous_files }}{{ previous_files }}"';
    assert.deepEqual(placesOf(diagnose(scoreText({ prompt }))), ['V408@8', 'V408@8']);
    const more = 'cross_sheet: {auto_capture_stdout: true, capture_files: [a]}\n' + rule;
    assert.deepEqual(diagnose(scoreText({ prompt, more })), []);
  });

  it('offers fixes that mend', () => {
    const text = scoreText({ prompt: '  template: |\n    In {workspace} for {{ workspce }}.' });
    let mended = text;
    const fixes = diagnose(text).flatMap((each) => each.fix ?? []);
    assert.equal(fixes.length, 2);
    for (const fix of fixes.sort((a, b) => b.range.offset - a.range.offset)) {
      mended = mended.slice(0, fix.range.offset) + fix.newText + mended.slice(fix.range.end);
    }
    assert.deepEqual(diagnose(mended), []);
  });
});
