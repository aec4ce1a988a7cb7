import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { escapeMarkdown } from '../../../src/views/language/fields';
import { hoverAt } from '../../../src/views/language/hover';
import { linksOf } from '../../../src/views/language/links';
import { definitionsOf, occurrencesOf, referencesOf } from '../../../src/views/language/occurrences';
import type { OutlineItem } from '../../../src/views/language/outline';
import { outlineOf } from '../../../src/views/language/outline';
import { folder } from '../score/kit';
import { analysisOf, catalogue, orchestra } from './kit';

const analysis = analysisOf(orchestra);

/** The line of the definition of what stands where `before` ends. */
function definitionBehind(before: string): string[] {
  const offset = orchestra.indexOf(before) + before.length;
  return definitionsOf(occurrencesOf(analysis), offset).map((each) => lineOf(each.from));
}

function lineOf(offset: number): string {
  const { line } = analysis.file.index.range(offset, offset);
  return analysis.file.index.lineText(line).trim();
}

function hover(before: string, text = orchestra): string | null {
  return hoverAt(analysisOf(text), text.indexOf(before) + before.length, catalogue)?.markdown ?? null;
}

describe('go to definition', () => {
  it('finds aliases, movements and variables', () => {
    assert.deepEqual(definitionBehind('\ninstrument: wri'), ['writer:']);
    assert.deepEqual(definitionBehind('dependencies: { 2: ['), ['1: { name: Plan }']);
    assert.deepEqual(definitionBehind('fan_out: { '), ['2: { name: Play, instrument: cli }']);
    assert.deepEqual(definitionBehind('Plan {{ go'), ['goal: a song']);
    assert.deepEqual(definitionBehind("path: '{workspace}/{go"), ['goal: a song']);
    assert.deepEqual(definitionBehind('Play {{ par'), ['parts:']);
  });

  it('finds nothing for what the score does not define', () => {
    assert.deepEqual(definitionBehind('{% if sta'), []);
    assert.deepEqual(definitionBehind('name: Play, instrument: c'), []);
  });

  it('lists all uses', () => {
    const offset = orchestra.indexOf('goal: a song');
    const lines = referencesOf(occurrencesOf(analysis), offset).map((each) => lineOf(each.from));
    assert.deepEqual(lines, ['goal: a song', 'Plan {{ goal | upper }}.', "path: '{workspace}/{goal}.md'"]);
  });
});

describe('hover', () => {
  it('explains fields, with default and bounds', () => {
    assert.match(hover('\nsheet:\n  si') ?? '', /^\*\*sheet\\\.size\*\*.*\n\n.*Items per sheet/s);
    const text = hover('max_conc', 'name: x\nparallel:\n  max_concurrent: 2\n') ?? '';
    assert.match(text, /Default: `3`\. Must be at least 1, at most 20\./);
    assert.match(hover('con', 'concert: {}\n') ?? '', /not obeyed yet\. Jobs are not chained/);
  });

  it('explains instruments, stages, variables, filters', () => {
    assert.match(hover('\ninstrument: wri') ?? '', /alias of claude\\-code/);
    assert.match(hover('\n  2') ?? '', /Sheets 2–4 · cli · waits for 1/);
    assert.match(hover('Plan {{ go') ?? '', /your variable/);
    assert.match(hover('goal | upp') ?? '', /^\*\*upper\*\*.*filter/);
    assert.match(hover('{% if sta') ?? '', /built-in variable/);
    assert.match(hover('{{ loop.ind') ?? '', /^\*\*loop\.index\*\*/);
    assert.match(hover('{% for part in parts.values() %}{{ loop.index }} {{ pa') ?? '', /loop variable/);
    assert.match(hover("path: '{works") ?? '', /Absolute path of the workspace/);
  });

  it('says nothing in plain text', () => {
    assert.equal(hover('    Cla'), null);
    assert.equal(hover('name: orch'), null);
  });

  it('lets no text of the score make links or pictures', () => {
    const text = orchestra.replace(
      'profile: claude-code',
      'profile: "![x](https://example.invalid/x.png)<img>`"',
    );
    const said = hover('\ninstrument: wri', text) ?? '';
    assert.match(said, /alias of/);
    assert.doesNotMatch(said, /(?<!\\)[[\]<`(]/);
    assert.equal(escapeMarkdown('a\n\n# b'), 'a \\# b');
  });
});

describe('links', () => {
  it('lead to files beside the score and in the workspace, if they exist', () => {
    const place = folder({
      'prompts/one.j2': 'x',
      'project/notes.md': 'n',
      'system.md': 's',
      'more.txt': 'm',
    });
    try {
      const text = [
        'name: x',
        'workspace: ./project',
        'backend:',
        '  system_prompt_file: "system.md"',
        'sheet:',
        '  size: 1',
        '  total_items: 1',
        '  prelude: [{ file: notes.md, as: context }, { file: missing.md, as: context }]',
        'prompt:',
        '  template_file: prompts/one.j2',
        '  prompt_extensions: [more.txt, plain words]',
        '',
      ].join('\n');
      const links = linksOf(analysisOf(text, join(place.path, 'a.score.yaml')));
      assert.deepEqual(
        links.map(({ target, from, end }) => [text.slice(from, end), target.slice(place.path.length)]),
        [
          ['./project', '/project'],
          ['system.md', '/system.md'],
          ['notes.md', '/project/notes.md'],
          ['prompts/one.j2', '/prompts/one.j2'],
          ['more.txt', '/more.txt'],
        ],
      );
      assert.deepEqual(
        links.map((link) => link.folder),
        [true, false, false, false, false],
      );
    } finally {
      place.remove();
    }
  });
});

describe('outline', () => {
  const find = (items: readonly OutlineItem[], name: string): OutlineItem | undefined =>
    items.flatMap((item) => [item, ...item.children]).find((item) => item.name === name);

  it('shows blocks, movements, rules and branches', () => {
    const items = outlineOf(analysis);
    assert.deepEqual(
      items.map(({ name }) => name),
      ['name', 'workspace', 'instruments', 'instrument', 'movements', 'sheet', 'prompt', 'validations'],
    );
    assert.equal(find(items, 'sheet')?.detail, '5 sheets');
    assert.equal(find(items, '2 Play')?.detail, 'sheets 2–4');
    assert.equal(find(items, '{workspace}/{goal}.md')?.detail, 'file_exists');
    assert.deepEqual(
      find(items, 'template')?.children.map(({ name, detail }) => `${name}: ${detail}`),
      [
        'stage == 1: sheet 1',
        'stage == 2 and instance == 1: sheet 2',
        'movement == 2: 2 sheets',
        'else: sheet 5',
      ],
    );
  });

  it('nests branches, and keeps parts inside of wholes', () => {
    const text = orchestra.replace('Clap.', '{% if sheet_num == 5 %}Clap.{% endif %}');
    const template = find(outlineOf(analysisOf(text)), 'template');
    assert.deepEqual(
      template?.children.at(-1)?.children.map(({ name }) => name),
      ['sheet_num == 5'],
    );
    const check = (item: OutlineItem): void => {
      assert.ok(item.from <= item.selectFrom && item.selectEnd <= item.end, item.name);
      item.children.forEach(check);
    };
    outlineOf(analysisOf(text)).forEach(check);
  });

  it('is empty for broken YAML', () => assert.deepEqual(outlineOf(analysisOf('a: [')), []));
});
