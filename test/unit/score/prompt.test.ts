import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { makeBundle, openBundle, bundleDigestText, renderFromBundle } from '../../../src/score/bundle';
import { diskFiles } from '../../../src/score/disk-files';
import type { InstrumentReach } from '../../../src/instruments/reach';
import type { RenderedPrompt, SheetPromptInput } from '../../../src/score/prompt';
import { renderSheetPrompt } from '../../../src/score/prompt';
import { renderAll } from '../../../src/score/render-all';
import { loadTemplateSource } from '../../../src/score/template-source';
import type { TemplateSource } from '../../../src/score/template-source';
import { catalogue, folder, planned, pointedAt, scoreText } from './kit';

function sourceOf(
  text: string,
  path: string,
): { input: Omit<SheetPromptInput, 'sheetNum'>; template: TemplateSource } {
  const { score, plan } = planned(text, path);
  const loaded = loadTemplateSource(score, diskFiles);
  assert.ok('source' in loaded);
  return {
    template: loaded.source,
    input: {
      score,
      plan,
      template: loaded.source,
      files: diskFiles,
      instrument: { profile: 'claude-code', rawPrompt: false, reach: 'program' },
      attempt: 1,
      productVersion: '1.2.3',
    },
  };
}

function rendered(
  text: string,
  sheetNum: number,
  more: Partial<SheetPromptInput> = {},
  path = '/scores/test.yaml',
): RenderedPrompt {
  const result = renderSheetPrompt({ ...sourceOf(text, path).input, sheetNum, ...more });
  assert.ok(result.ok, JSON.stringify(result.diagnostics));
  return result;
}

const errorOf = (
  text: string,
  path = '/scores/test.yaml',
): { line: number | undefined; at: string; message: string } => {
  const { score, plan } = planned(text, path);
  const { diagnostics } = renderAll(score, plan, { files: diskFiles, catalogue, productVersion: '1' });
  assert.equal(diagnostics.length, 1, JSON.stringify(diagnostics));
  return {
    line: diagnostics[0]?.range?.line,
    at: pointedAt(text, diagnostics[0]),
    message: diagnostics[0]?.message ?? '',
  };
};

describe('score: prompts', () => {
  it('puts the sections in their order, one blank line between', () => {
    const { path, remove } = folder({
      'ws/ctx.md': 'Context text.\n\n',
      'ws/skill.md': 'Skill text.\n',
      'ws/tool.md': 'Tool text.\n',
      'ws/own.md': 'Only for two.',
      'ext.md': 'From a file.\n',
    });
    try {
      const text = scoreText({
        sheet: [
          '  size: 1',
          '  total_items: 2',
          '  prelude: [{file: "{{ kind }}.md", as: context}, {file: skill.md, as: skill}, {file: tool.md, as: tool}]',
          '  cadenzas: {2: [{file: own.md, as: context}]}',
          '  prompt_extensions: {2: [And mind the gap.]}',
        ].join('\n'),
        prompt:
          '  template: |\n    Do {{ sheet_num }} of {{ total_sheets }}.\n  variables: {kind: ctx}\n  prompt_extensions: [ext.md]',
        more: [
          'validations:',
          '  - {type: file_exists, path: "{workspace}/r.md", description: The report}',
          '  - {type: content_regex, path: "r-{sheet_num}.md", pattern: "x{3}", condition: sheet_num == 2}',
          '  - {type: command_succeeds, command: "test -s {workspace}/r.md", condition: sheet_num == 1}',
        ].join('\n'),
      }).replace('/tmp', 'ws');
      const { prompt, sections, preamble } = rendered(
        text,
        2,
        {
          attempt: 2,
          hint: 'Look at line 7.',
          completion: {
            attempt: 1,
            maxAttempts: 5,
            outcomes: [
              { index: 1, passed: true, message: null, category: null, suggestedFix: null },
              {
                index: 2,
                passed: false,
                message: 'no match',
                category: 'malformed',
                suggestedFix: 'Write xxx.',
              },
            ],
          },
        },
        join(path, 'score.yaml'),
      );
      const ws = join(path, 'ws');
      assert.equal(
        prompt,
        `## Injected Skills

Skill text.

## Injected Tools

Tool text.

## Injected Context

Context text.

Only for two.

Do 2 of 2.

## Note From The Person In Charge

Look at line 7.

---

## Success Requirements (Validated Automatically)

These are checked by a program when you finish. Names and texts must match exactly.

1. **The report**
   - This file exists: \`${ws}/r.md\`

2. **Requirement 2**
   - File: \`${ws}/r-2.md\`
   - It matches the regular expression: \`x{3}\`

## Finish Sheet 2 (Completion Attempt 1 of 5)

The work of the attempt before is in the workspace: 1 of 2 checks passed. Do only what is missing.

Already right; leave it as it is:
- The report

Still to be done:
- [PATTERN NOT MATCHED] \`${ws}/r-2.md\`
  - Result: no match
  - To do: Write xxx.

Look at the files first, mend what failed, and check each of the requirements again before you finish.

From a file.

And mind the gap.
`,
      );
      assert.deepEqual(
        sections.map(({ name }) => name),
        ['skills', 'tools', 'context', 'template', 'hint', 'requirements', 'completion', 'extensions'],
      );
      const template = sections[3];
      assert.equal(prompt.slice(template?.offset, template?.end), 'Do 2 of 2.');
      assert.match(
        preamble ?? '',
        /^<marianne-preamble>\nRETRY #1\n[\s\S]*sheet 2 of 2[\s\S]*<\/marianne-preamble>$/,
      );
      assert.ok(preamble?.includes(ws));
      assert.match(preamble ?? '', /1\.2\.3/);
    } finally {
      remove();
    }
  });

  it('lists exactly the rules that apply', () => {
    const more = ['validations:'];
    for (let stage = 1; stage <= 3; stage++) {
      more.push(`  - {type: file_exists, path: "s${stage}", condition: stage == ${stage}}`);
    }
    for (const num of [1, 2, 3]) {
      const { prompt } = rendered(scoreText({ more: more.join('\n') }), num);
      assert.deepEqual(prompt.match(/\/tmp\/s\d/g), [`/tmp/s${num}`]);
    }
  });

  it('sends nothing but the rendered template to a shell', () => {
    const text = scoreText({
      prompt: '  template: |+\n    echo {{ sheet_num }}  \n\n\n  stakes: high\n  prompt_extensions: [more]',
    });
    const { prompt, preamble, sections } = rendered(text, 2, {
      instrument: { profile: 'cli', rawPrompt: true, reach: 'program' },
      attempt: 3,
      hint: 'x',
    });
    assert.equal(prompt, 'echo 2  \n\n\n');
    assert.equal(preamble, null);
    assert.deepEqual(sections, [{ name: 'template', offset: 0, end: prompt.length }]);
  });

  describe('asks an instrument only for what it has means for', () => {
    const outcome = { index: 1, passed: false, message: null, category: null, suggestedFix: null };
    const completion = { attempt: 1, maxAttempts: 5, outcomes: [outcome] };
    const told = (reach: InstrumentReach, more: Partial<SheetPromptInput> = {}) => {
      const { preamble, prompt } = rendered(scoreText({ more: 'parallel: { enabled: true }' }), 2, {
        instrument: { profile: 'x', rawPrompt: false, reach },
        ...more,
      });
      return { preamble, prompt };
    };

    it('a program: files, a shell, git', () => {
      const first = told('program').preamble ?? '';
      assert.match(first, /^Workspace: \/tmp$/m);
      assert.match(first, /Share results through files/);
      assert.match(first, /Write all results into the workspace, and leave nothing running/);
      assert.match(first, /git commit/);
    });

    it('file tools: files, but neither processes nor git', () => {
      const first = told('files').preamble ?? '';
      assert.match(first, /^Workspace: \/tmp$/m);
      assert.match(first, /Share results through files/);
      assert.match(first, /Write all results into the workspace with your tools/);
      assert.doesNotMatch(first, /git commit|running in the background/);
      assert.match(told('files', { attempt: 2 }).preamble ?? '', /Look at what it left in the workspace/);
      assert.match(told('files', { completion }).prompt, /Look at the files first/);
    });

    for (const reach of ['tools', 'answer'] as const) {
      it(`${reach}: no word of a workspace, of files to write or of git`, () => {
        for (const attempt of [1, 2]) {
          const { preamble, prompt } = told(reach, { attempt, completion });
          const text = preamble ?? '';
          assert.match(text, /sheet 2 of 3/);
          assert.match(text, reach === 'answer' ? /Your answer is the result/ : /into your answer/);
          assert.doesNotMatch(text, /workspace|git commit|running in the background|\/tmp/i);
          assert.doesNotMatch(prompt, /is in the workspace|Look at the files/);
          assert.match(prompt, /Answer again, and whole/);
          assert.equal(/RETRY #1/.test(text), attempt === 2);
        }
      });
    }

    it('a service that takes one message: nothing before the prompt, but all that belongs to it', () => {
      const { preamble, prompt } = told('message', { hint: 'Mind the gap.' });
      assert.equal(preamble, null);
      assert.match(prompt, /^Sheet 2\.\n\n## Note From The Person In Charge\n\nMind the gap\.\n/);
    });
  });

  it('knows every documented variable, and built-in ones win', () => {
    const text = scoreText({
      sheet: '  size: 1\n  total_items: 2\n  fan_out: {2: 2}',
      prompt:
        '  template: "{{ sheet_num }} {{ total_sheets }} {{ start_item }}-{{ end_item }} {{ stage }}{{ movement }} {{ instance }}{{ voice }} {{ fan_count }}{{ voice_count }} {{ total_stages }}{{ total_movements }} {{ workspace }} {{ instrument_name }} [{{ stakes }}] [{{ thinking_method }}] {{ previous_outputs }} {{ previous_files }} {{ skipped_upstream }} {{ injected_context }}"\n  variables: {sheet_num: 77, workspace: /evil, stakes: none}\n  stakes: high',
    });
    const { prompt } = rendered(text, 3, {
      instrument: { profile: 'codex-cli', rawPrompt: false, reach: 'program' },
      previousOutputs: new Map([[1, 'one']]),
      previousFiles: new Map([['/tmp/a', 'A']]),
      skippedUpstream: [2],
    });
    assert.equal(
      prompt.split('\n')[0],
      "3 3 3-3 22 22 22 22 /tmp codex-cli [high] [] {1: 'one'} {'/tmp/a': 'A'} [2] []",
    );
  });

  it('keeps integer keys, floats and the order of variables', () => {
    const prompt =
      '  template: "{{ m[instance] }} {{ f }} {{ i }} {{ d }} {{ s[1] }}"\n  variables: {m: {1: a}, f: 384.0, i: 384, d: {b: 1, a: yes}, s: {"1": x}}';
    assert.equal(
      rendered(scoreText({ prompt }), 1).prompt.split('\n')[0],
      "a 384.0 384 {'b': 1, 'a': True} x",
    );
  });

  it('has a prompt of its own when the score has none', () => {
    const prompt = '  stakes: It matters.\n  thinking_method: Slowly.';
    const first = rendered(scoreText({ sheet: '  size: 10\n  total_items: 25', prompt }), 3).prompt;
    assert.match(first, /^Work on sheet 3 of 3: items 21 to 25\.\n\nIt matters\.\n\nSlowly\.\n/);
  });

  it('injects folders by name and names what is no text', () => {
    const { path, remove } = folder({
      'in/b.txt': 'B',
      'in/a.txt': 'A',
      'in/sub/c.txt': 'C',
      'in/p.png': new Uint8Array([0x89, 0x50, 0xff, 0]),
      'in/d.pdf': new Uint8Array([0xff, 0xfe]),
    });
    try {
      const sheet =
        '  size: 1\n  total_items: 1\n  prelude: [{directory: in, as: context}, {file: gone.md, as: skill}]';
      const { prompt, diagnostics } = rendered(scoreText({ sheet }), 1, {}, join(path, 'score.yaml'));
      assert.ok(
        prompt.startsWith(
          `## Injected Context\n\n--- Input: a.txt ---\n\nA\n\n--- Input: b.txt ---\n\nB\n\n--- Input: d.pdf ---\n\n[PDF document: d.pdf]\nIts content is not shown here. Open it with your tools: ${path}/in/d.pdf\n\n--- Input: p.png ---\n\n[image: p.png]`,
        ),
        prompt,
      );
      assert.ok(!prompt.includes('sub'));
      assert.deepEqual(
        diagnostics.map((each) => each.code),
        ['V108'],
      );
    } finally {
      remove();
    }
  });

  it('pastes no more than a prompt can hold', () => {
    const big = 'x'.repeat(1024 * 1024);
    const { path, remove } = folder({
      'huge.md': `${big}y`,
      ...Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [`in/${name}.md`, big])),
    });
    try {
      const sheet =
        '  size: 1\n  total_items: 1\n  prelude: [{file: huge.md, as: skill}, {directory: in, as: context}]';
      const { prompt } = rendered(scoreText({ sheet }), 1, {}, join(path, 'score.yaml'));
      assert.ok(
        prompt.includes(`[file: huge.md]`) &&
          prompt.includes('[file: e.md]') &&
          !prompt.includes('[file: d.md]'),
      );
      assert.ok(prompt.length < 5 * 1024 * 1024);
    } finally {
      remove();
    }
  });

  it('tells of parallel sheets only where there are some', () => {
    const parallel = 'parallel: {enabled: true}';
    assert.match(rendered(scoreText({ more: parallel }), 1).preamble ?? '', /Other sheets/);
    assert.doesNotMatch(rendered(scoreText(), 1).preamble ?? '', /Other sheets/);
    assert.doesNotMatch(
      rendered(scoreText({ more: parallel }), 1, { attempt: 2 }).preamble ?? '',
      /Other sheets/,
    );
  });
});

describe('score: places of render errors', () => {
  it('is exact in a literal block, whatever its indentation', () => {
    assert.deepEqual(
      [
        errorOf(scoreText({ prompt: '  template: |\n    one\n\n      two {{ nope }}' })),
        errorOf(scoreText({ prompt: '  template: |2 # note\n      deep {{ nope }}' })),
        errorOf(
          scoreText({ prompt: '  template: |-\n\n\n        far {{ nope }}\n    ' }).replaceAll('\n', '\r\n'),
        ),
      ].map(({ line, at }) => [line, at]),
      [
        [11, 'nope'],
        [9, 'nope'],
        [11, 'nope'],
      ],
    );
  });

  it('finds the place in other styles', () => {
    assert.deepEqual(errorOf(scoreText({ prompt: '  template: x {{ nope }}' })).at, 'nope');
    assert.deepEqual(errorOf(scoreText({ prompt: '  template: "x\\n {{ nope }}"' })).at, 'nope');
    assert.deepEqual(errorOf(scoreText({ prompt: '  template: >\n    x\n    y {{ nope }}' })).at, 'nope');
  });

  it('names file and line of a template file', () => {
    const { path, remove } = folder({ 't.j2': 'a\n{{ nope }}\n' });
    try {
      const error = errorOf(scoreText({ prompt: '  template_file: t.j2' }), join(path, 'x.yaml'));
      assert.equal(error.at, 't.j2');
      assert.match(error.message, /t\.j2, line 2/);
    } finally {
      remove();
    }
  });

  it('reports a fault once, names the sheet, and renders the others', () => {
    const { score, plan } = planned(
      scoreText({ prompt: '  template: |\n    {% if stage == 2 %}{{ nope }}{% endif %}ok' }),
    );
    const all = renderAll(score, plan, { files: diskFiles, catalogue, productVersion: '1' });
    assert.deepEqual(
      all.sheets.map(({ result }) => result.ok),
      [true, false, true],
    );
    assert.match(all.diagnostics[0]?.message ?? '', /sheet 2 .*'nope' is undefined/);
    assert.equal(errorOf(scoreText({ prompt: '  template: "{{ nope }}"' })).line, 8);
  });

  it('judges templates that read earlier outputs as they will be', () => {
    const prompt = '  template: "{% if sheet_num > 1 %}{{ previous_outputs[sheet_num - 1] }}{% endif %}"';
    assert.match(errorOf(scoreText({ prompt })).message, /sheet 2/);
    const { score, plan } = planned(scoreText({ prompt, more: 'cross_sheet: {auto_capture_stdout: true}' }));
    const all = renderAll(score, plan, { files: diskFiles, catalogue, productVersion: '1' });
    assert.deepEqual(all.diagnostics, []);
  });
});

describe('score: bundle', () => {
  it('renders from its own copy when score and template have changed or gone', () => {
    const { path, remove } = folder({ 't.j2': 'Old text for {{ sheet_num }}: {{ f }}\n' });
    const text = scoreText({ prompt: '  template_file: t.j2\n  variables: {f: 1.0}' });
    const { input, template } = sourceOf(text, join(path, 'x.yaml'));
    const stored = JSON.parse(JSON.stringify(makeBundle(input.score, input.plan, template))) as ReturnType<
      typeof makeBundle
    >;
    remove();
    const opened = openBundle(stored);
    assert.ok(opened.ok);
    const result = renderFromBundle(opened.opened, {
      sheetNum: 2,
      files: diskFiles,
      instrument: input.instrument,
      attempt: 1,
      productVersion: '1',
    });
    assert.ok(result.ok);
    assert.ok(result.prompt.startsWith('Old text for 2: 1.0\n'));
    assert.notEqual(
      bundleDigestText(stored),
      bundleDigestText({ ...stored, template: { ...stored.template, text: 'new' } }),
    );
  });

  it('says why a stored score is refused', () => {
    const { input, template } = sourceOf(scoreText(), '/x.yaml');
    const opened = openBundle({ ...makeBundle(input.score, input.plan, template), scoreText: 'name: 5' });
    assert.ok(!opened.ok && opened.diagnostics.length > 0);
  });
});

describe('score: rendering all prompts ahead', () => {
  const text = `
name: wide
instrument: cli
sheet: { size: 1, total_items: 50 }
prompt:
  template: '{% for i in range(100) %}{{ i }}{% endfor %}'
`;

  it('is bounded for all sheets together, says so, and begins with the sheet that was asked for', () => {
    const { score, plan } = planned(text);
    const options = { files: diskFiles, catalogue, productVersion: '1' };
    const whole = renderAll(score, plan, options);
    assert.equal(whole.sheets.length, 50);
    assert.deepEqual(whole.diagnostics, []);
    const part = renderAll(score, plan, { ...options, most: { steps: 1000, text: 1e9 }, first: 40 });
    const nums = part.sheets.map(({ sheet }) => sheet.num);
    assert.ok(nums.length > 1 && nums.length < 20, String(nums.length));
    assert.deepEqual([nums[0], nums.at(-1)], [1, 40]);
    assert.deepEqual(
      part.diagnostics.map(({ code, severity }) => [code, severity]),
      [['V431', 'warning']],
    );
    const short = renderAll(score, plan, { ...options, most: { steps: 1e9, text: 1000 } });
    assert.ok(short.sheets.length < 10);
    assert.equal(short.diagnostics[0]?.code, 'V431');
  });
});
