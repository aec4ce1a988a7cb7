import { strict as assert } from 'node:assert';
import { templateFilters, templateTests } from '../../../src/score/template';
import { CachedAnswers } from '../../../src/views/cached-answers';
import { suggest } from '../../../src/views/language/completion';
import { analysisOf, catalogue, labelsAt, marked, orchestra, suggestedAt, taken } from './kit';

/** The orchestra with a line of the template replaced. */
function inTemplate(line: string): string {
  return orchestra.replace('Plan {{ goal | upper }}.', line);
}

describe('completion of fields', () => {
  it('offers the fields that are missing, required ones first', () => {
    const labels = labelsAt('name: x\n¦');
    assert.deepEqual(labels.slice(0, 2), ['sheet', 'prompt']);
    assert.ok(labels.includes('parallel') && !labels.includes('name'));
  });

  it('says what is not obeyed yet, and puts it last', () => {
    const found = suggestedAt('name: x\n¦');
    const concert = found.find(({ label }) => label === 'concert');
    const retry = found.find(({ label }) => label === 'retry');
    assert.match(concert?.detail ?? '', /not obeyed yet/);
    assert.match(concert?.documentation ?? '', /Accepted, not obeyed yet\. Jobs are not chained/);
    assert.ok((concert?.order ?? 0) > (retry?.order ?? 0));
    assert.doesNotMatch(retry?.documentation ?? '', /not obeyed/);
  });

  it('completes in lists, braces and half-written lines', () => {
    assert.ok(labelsAt('validations:\n  - type: file_exists\n    ¦').includes('retry_delay_ms'));
    assert.ok(labelsAt('sheet: { size: 1, ¦ }').includes('total_items'));
    assert.equal(taken('sheet:\n  tot¦\n', 'total_items'), 'sheet:\n  total_items: \n');
    assert.equal(taken('prompt:\n  ¦', 'template'), 'prompt:\n  template: |\n  $0');
  });

  it('indents below a key behind a dash', () => {
    const text = taken('grounding:\n  hooks:\n    - ¦', 'expected_checksums');
    assert.match(text, /expected_checksums:\n {4}\$0$/);
  });

  it('offers values: enumerations, truth, instruments', () => {
    assert.deepEqual(labelsAt('validations:\n  - type: ¦'), [
      'file_exists',
      'file_modified',
      'content_contains',
      'content_regex',
      'command_succeeds',
    ]);
    assert.deepEqual(labelsAt('parallel:\n  enabled: ¦'), ['true', 'false']);
    const names = labelsAt(orchestra.replace('instrument: writer', 'instrument: ¦'), orchestra);
    assert.equal(names[0], 'writer', 'aliases first');
    assert.ok(names.includes('codex-cli'));
    const profiles = labelsAt(orchestra.replace('profile: claude-code', 'profile: ¦'), orchestra);
    assert.ok(profiles.includes('codex-cli') && !profiles.includes('writer'), 'a profile is no alias');
    assert.ok(labelsAt('instrument_fallbacks:\n  - ¦').includes('codex-cli'));
  });

  it('offers stages and sheets by number', () => {
    const wait = orchestra.replace('dependencies: { 2: [1], 3: [2] }', 'dependencies: { 2: [1], 3: [¦] }');
    assert.deepEqual(labelsAt(wait, orchestra), ['1', '2']);
    const more = orchestra.replace('  3: { name: Applause }', '  ¦');
    assert.deepEqual(labelsAt(more, orchestra), ['3']);
    const sheets = orchestra.replace('  size: 1', '  size: 1\n  descriptions:\n    ¦');
    assert.deepEqual(labelsAt(sheets, orchestra), ['1', '2', '3', '4', '5']);
  });

  it('offers nothing in comments and free text', () => {
    assert.deepEqual(labelsAt('name: x # ¦'), []);
    assert.deepEqual(labelsAt('name: ¦'), []);
    assert.deepEqual(labelsAt(inTemplate('plain ¦'), orchestra), []);
  });
});

describe('completion in templates', () => {
  it('offers variables: own, built-in, local, functions', () => {
    const labels = labelsAt(inTemplate('{{ ¦ }}'), orchestra);
    for (const name of ['goal', 'parts', 'sheet_num', 'previous_outputs', 'range'])
      assert.ok(labels.includes(name), name);
    assert.ok(!labels.includes('loop'), 'no loop here');
  });

  it('knows the names of loops, sets and macros where they hold', () => {
    const source = '{% set song = 1 %}{% macro sing(who) %}{{ ¦ }}{% endmacro %}';
    const labels = labelsAt(inTemplate(source), orchestra);
    for (const name of ['song', 'sing', 'who']) assert.ok(labels.includes(name), name);
    assert.ok(labelsAt(inTemplate('{% for a, b in x %}{{ ¦ }}'), orchestra).includes('b'));
    assert.ok(!labelsAt(inTemplate('{% for a in x %}{% endfor %}{{ ¦ }}'), orchestra).includes('a'));
  });

  it('offers every filter, test and tag', () => {
    assert.deepEqual(
      labelsAt(inTemplate('{{ goal | ¦ }}'), orchestra),
      templateFilters.map(({ name }) => name),
    );
    assert.deepEqual(
      labelsAt(inTemplate('{% if goal is not ¦ %}'), orchestra),
      templateTests.map(({ name }) => name),
    );
    assert.ok(labelsAt(inTemplate('{% el¦'), orchestra).includes('elif'));
    assert.equal(
      taken(inTemplate('{{ goal | up¦ }}'), 'upper', orchestra),
      orchestra.replace('Plan {{ goal | upper }}.', '{{ goal | upper }}'),
    );
  });

  it('offers attributes: of loops, and keys of variables', () => {
    assert.ok(labelsAt(inTemplate('{{ loop.¦ }}'), orchestra).includes('previtem'));
    assert.deepEqual(labelsAt(inTemplate('{{ parts[¦] }}'), orchestra), ['1', '2']);
  });

  it('offers numbers after a comparison', () => {
    assert.deepEqual(labelsAt(inTemplate('{% if stage == ¦ %}'), orchestra), ['1', '2', '3']);
    assert.deepEqual(labelsAt(inTemplate('{% if sheet_num == ¦ %}'), orchestra), ['1', '2', '3', '4', '5']);
    assert.deepEqual(labelsAt(inTemplate('{% if instance == ¦ %}'), orchestra), ['1', '2', '3']);
  });

  it('is quiet in texts, comments and raw blocks', () => {
    for (const line of ['{{ "a ¦" }}', '{# ¦ #}', '{% raw %}{{ ¦ }}{% endraw %}', '{{ goal }} ¦']) {
      assert.deepEqual(labelsAt(inTemplate(line), orchestra), [], line);
    }
  });

  it('works in a template in quotes', () => {
    assert.ok(
      labelsAt('prompt:\n  variables: { goal: x }\n  template: "do {{ ¦ }}"', orchestra).includes('goal'),
    );
  });
});

describe('completion of placeholders', () => {
  it('offers names in paths and commands, with the closing brace', () => {
    const source = orchestra.replace("'{workspace}/{goal}.md'", "'{¦'");
    assert.ok(labelsAt(source, orchestra).includes('goal'));
    assert.equal(taken(source, 'workspace', orchestra), orchestra.replace('/{goal}.md', ''));
    assert.ok(labelsAt('validations:\n  - command: |\n      ls {¦').includes('sheet_num'));
    assert.deepEqual(labelsAt("validations:\n  - path: '{{¦'"), []);
  });

  it('does not double the brace', () => {
    const source = orchestra.replace('{workspace}/', '{work¦}/');
    assert.equal(taken(source, 'workspace', orchestra), orchestra);
  });
});

describe('completion of models', () => {
  /** Labels and details at `¦`; `live` is what instruments told. */
  const modelsAt = (source: string, live: Record<string, string[]> = {}) => {
    const { text, offset } = marked(source);
    const analysis = analysisOf(text);
    const models = new Map(Object.entries(live));
    return suggest({ text, offset, analysis, catalogue, models }).filter(({ kind }) => kind === 'model');
  };
  const names = (source: string, live: Record<string, string[]> = {}) =>
    modelsAt(source, live).map(({ label }) => label);
  const put = (before: string, after: string) => orchestra.replace(before, after);

  it('are those of the instrument in force, wherever a model is named', () => {
    const claude = ['opus', 'sonnet'];
    assert.deepEqual(
      names(put('instrument: writer', 'instrument: writer\ninstrument_config:\n  model: ¦')),
      claude,
    );
    assert.deepEqual(names(put('{ model: opus }', '{ model: ¦ }')), claude, 'an alias: its profile');
    const movement = '2: { name: Play, instrument: ollama, instrument_config: { model: ¦ } }';
    assert.deepEqual(names(put('2: { name: Play, instrument: cli }', movement)), ['llama3.2:1b']);
    const inherited = '3: { name: Applause, instrument_config: { model: ¦ } }';
    assert.deepEqual(names(put('3: { name: Applause }', inherited)), claude);
    const sheet =
      'per_sheet_instruments: { 2: ollama }\n  per_sheet_instrument_config: { 2: { cli_model: ¦ } }';
    assert.deepEqual(names(put('  size: 1', `  ${sheet}\n  size: 1`)), ['llama3.2:1b']);
    const older = (model: string) => put('instrument: writer', `backend:\n  type: ollama\n  ${model}`);
    assert.deepEqual(names(older('ollama: { model: ¦ }')), ['llama3.2:1b']);
    assert.deepEqual(names(older('sheet_overrides: { 2: { model: ¦ } }')), ['llama3.2:1b']);
    assert.deepEqual(names('prompt:\n  template: |\n    model: ¦'), [], 'a template names none');
  });

  it('are those of all instruments that the settings reach, each once', () => {
    const some = put('instrument: cli }', 'instrument: ollama }');
    const source = some.replace('instrument: writer', 'instrument: writer\ninstrument_config: { model: ¦ }');
    assert.deepEqual(names(source), ['opus', 'sonnet', 'llama3.2:1b']);
    assert.deepEqual(
      modelsAt(source).map(({ detail }) => detail),
      ['claude-code', 'claude-code', 'ollama'],
    );
  });

  it('are what a server says it has, where it was asked', () => {
    const source = 'name: x\ninstrument: ollama\ninstrument_config:\n  model: ¦\n';
    assert.deepEqual(names(source), ['llama3.2:1b'], 'a score that is only begun');
    assert.deepEqual(names(source, { ollama: ['qwen3:4b', 'mine'] }), ['qwen3:4b', 'mine']);
    assert.deepEqual(names(source, { ollama: [] }), [], 'nothing is pulled there');
    assert.deepEqual(names(source, { other: ['no'] }), ['llama3.2:1b']);
  });

  it('are quoted where a server names them so that YAML reads something else', () => {
    const source = 'name: x\ninstrument: ollama\ninstrument_config:\n  model: ¦\n';
    const hostile = ['null', '1e3', 'a: b', 'x\ninstrument: cli', '# c', 'hf.co/a/b:Q4_K_M'];
    assert.deepEqual(
      modelsAt(source, { ollama: hostile }).map(({ insert }) => insert),
      ['"null"', '"1e3"', '"a: b"', '"x\\ninstrument: cli"', '"# c"', 'hf.co/a/b:Q4_K_M'],
    );
    const quoted = source.replace('¦', '"¦"');
    assert.deepEqual(
      modelsAt(quoted, { ollama: ['a"b', 'qwen3:4b', 'x\ny'] }).map(({ insert }) => insert),
      ['qwen3:4b'],
    );
  });

  it('follow at once when the field is chosen', () => {
    const field = suggestedAt('name: x\ninstrument_config:\n  ¦').find(({ label }) => label === 'model');
    assert.equal(field?.again, true);
  });
});

describe('answers that count for a while', () => {
  it('are asked for once in that time, by all who want them', async () => {
    let [now, asked] = [0, 0];
    const answers = new CachedAnswers<number>(5000, () => now);
    const ask = () => Promise.resolve((asked += 1));
    assert.deepEqual(await Promise.all([answers.get('a', ask), answers.get('a', ask)]), [1, 1]);
    assert.equal(await answers.get('b', ask), 2);
    now = 4999;
    assert.equal(await answers.get('a', ask), 1);
    now = 5000;
    assert.equal(await answers.get('a', ask), 3);
  });
});
