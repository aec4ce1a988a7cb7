import { strict as assert } from 'node:assert';
import { parseScore } from '../../../src/score/parse';
import { notObeyed } from '../../../src/score/obeyed';
import { schemaAt } from '../../../src/score/schema/lookup';
import { scoreSchema } from '../../../src/score/schema/score';
import { scoreJsonSchema } from '../../../src/score/json-schema';
import { parsed, placesOf, pointedAt, scoreText } from './kit';

const fieldAt = (text: string, path: string[]): unknown =>
  path.reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], parsed(text).fields);

describe('score: schema', () => {
  it('fills in the documented defaults', () => {
    const { fields } = parsed('name: x\nsheet: {size: 1, total_items: 1}\nprompt: {}\n');
    assert.equal(fields.workspace, './workspace');
    assert.deepEqual(fields.retry, {
      max_retries: 3,
      base_delay_seconds: 10,
      max_delay_seconds: 3600,
      exponential_base: 2,
      jitter: true,
      max_completion_attempts: 5,
      completion_delay_seconds: 5,
      completion_threshold_percent: 50,
    });
    assert.deepEqual(fields.parallel, {
      enabled: false,
      max_concurrent: 3,
      fail_fast: true,
      budget_partition: true,
      stagger_delay_ms: 0,
    });
    assert.equal(fields.pause_between_sheets_seconds, 2);
    assert.equal(fields.cross_sheet, null);
    assert.equal(fields.backend.timeout_seconds, 1800);
    assert.equal(fields.learning.exploration_budget.initial_budget, 0.15);
  });

  const coerced: [string, string[], unknown][] = [
    ['retry: {max_retries: "3"}', ['retry', 'max_retries'], 3],
    ['retry: {max_retries: 3.0}', ['retry', 'max_retries'], 3],
    ['retry: {max_retries: " 1_0 "}', ['retry', 'max_retries'], 10],
    ['retry: {base_delay_seconds: 1e1}', ['retry', 'base_delay_seconds'], 10],
    ['retry: {base_delay_seconds: 7}', ['retry', 'base_delay_seconds'], 7],
    ['retry: {jitter: "no"}', ['retry', 'jitter'], false],
    ['retry: {jitter: off}', ['retry', 'jitter'], false],
    ['retry: {jitter: 0}', ['retry', 'jitter'], false],
    ['retry: {jitter: "T"}', ['retry', 'jitter'], true],
    ['parallel: {max_concurrent: "20"}', ['parallel', 'max_concurrent'], 20],
  ];
  for (const [more, path, value] of coerced) {
    it(`reads ${more}`, () => assert.equal(fieldAt(scoreText({ more }), path), value));
  }

  it('reads quoted numbers as keys and list members', () => {
    const text = scoreText({ sheet: '  size: "1"\n  total_items: 3\n  dependencies: {"2": ["1"], 3: [2]}' });
    assert.deepEqual({ ...parsed(text).fields.sheet.dependencies }, { '2': [1], '3': [2] });
  });

  it('drops sheet.total_sheets', () => {
    parsed(scoreText({ sheet: '  size: 1\n  total_items: 3\n  total_sheets: whatever' }));
  });

  // text, code, what is pointed at, a piece of the remedy
  const refused: [string, string, string, string][] = [
    ['retry: {max_retries: 3.5}', 'P011', '3.5', ''],
    ['retry: {max_retries: -1}', 'P014', '-1', ''],
    ['retry: {exponential_base: 1}', 'P014', '1', ''],
    ['retry: {jitter: maybe}', 'P011', 'maybe', ''],
    ['retry:', 'P011', 'retry', 'remove the line'],
    ['retry: [1]', 'P011', '[1]', ''],
    ['description: 5', 'P011', '5', 'quotes'],
    ['description: on', 'P011', 'on', 'quotes'],
    ['description: 2026-01-01', 'P011', '2026-01-01', 'quotes'],
    ['parallel: {max_concurrent: 21}', 'P014', '21', ''],
    ['parallel: {stagger_delay_ms: 5001}', 'P014', '5001', ''],
    ['parallel: {budget_partition: false}', 'P034', 'false', ''],
    ['state_backend: jsn', 'P015', 'jsn', '`json`'],
    ['state_backend: 5', 'P015', '5', ''],
    ['instrument_fallbacks: codex-cli', 'P011', 'codex-cli', 'list'],
    ['instrument: ""', 'P014', '""', ''],
    ['instruments: {fast: {}}', 'P013', 'fast', 'profile'],
    ['instruments: {fast: {profile: x, timeout: 5}}', 'P012', 'timeout', 'stale_detection'],
    ['movements: [{name: x}]', 'P011', '[{name: x}]', 'without dashes'],
    ['movements: {0: {name: x}}', 'P014', '0', 'from 1'],
    ['movements: {1: {voices: 0}}', 'P014', '0', ''],
    ['retries: {}', 'P012', 'retries', '`retry`'],
    ['max_retries: 3', 'P012', 'max_retries', 'retry.max_retries'],
    ['paralel: {}', 'P012', 'paralel', '`parallel`'],
    ['validation: []', 'P012', 'validation', '`validations`'],
    ['preamble: hi', 'P012', 'preamble', 'prompt.template'],
    ['timeout: 5', 'P012', 'timeout', 'stale_detection.idle_timeout_seconds'],
    ['parallel: {stager_delay_ms: 5}', 'P012', 'stager_delay_ms', 'parallel.stagger_delay_ms'],
    ['descriptoin: x', 'P012', 'descriptoin', '`description`'],
    ['zzzz: 1', 'P012', 'zzzz', 'Remove'],
    ['validations: [{type: file_exist, path: x}]', 'P015', 'file_exist', 'file_exists'],
    ['validations: [{path: x}]', 'P013', '{path: x}', 'type'],
    ['validations: [{type: file_exists}]', 'V008', '{type: file_exists}', 'path'],
    ['validations: [{type: file_exists, path: "  "}]', 'V008', '"  "', ''],
    [
      'validations: [{type: command_succeeds, path: x}]',
      'V008',
      '{type: command_succeeds, path: x}',
      'command',
    ],
    ['validations: [{type: content_regex, path: x, pattern: "("}]', 'V007', '"("', ''],
    ['validations: [{type: file_exists, path: x, stage: 11}]', 'P014', '11', ''],
    ['validations: [{type: file_exists, path: x, retry_count: 11}]', 'P014', '11', ''],
    ['validations: [{type: command_succeeds, command: x, timeout_seconds: 0}]', 'P014', '0', ''],
    ['rate_limit: {detection_patterns: ["["]}', 'V007', '"["', ''],
    ['retry: {base_delay_seconds: 10, max_delay_seconds: 5}', 'P034', '10', ''],
    ['stale_detection: {idle_timeout_seconds: 20}', 'P034', '20', 'check_interval'],
    ['cost_limits: {enabled: true}', 'P034', 'true', 'max_cost_per_job'],
    ['cost_limits: {warn_at_percent: 101}', 'P014', '101', ''],
    ['cross_sheet: {max_output_chars: 0}', 'P014', '0', ''],
    ['cross_sheet: {lookback_sheets: -1}', 'P014', '-1', ''],
    ['backend: {type: ollama}', 'P030', 'ollama', 'Remove'],
    ['backend: {timeout_seconds: 0}', 'P014', '0', ''],
    ['backend: {ollama: {num_ctx: 1024}}', 'P014', '1024', ''],
    ['instrument_config: {timeout_seconds: soon}', 'P011', 'soon', ''],
    ['instrument_config: {timeout_overrides: {x: 5}}', 'P014', 'x', 'from 1'],
    ['on_success: [{type: run_job}]', 'P034', '{type: run_job}', ''],
    ['logging: {format: both}', 'P034', 'both', ''],
    ['grounding: {enabled: true}', 'P034', 'true', ''],
    ['checkpoints: {triggers: [{name: a}]}', 'P034', '{name: a}', ''],
    ['ai_review: {min_score: 90}', 'P034', '{min_score: 90}', ''],
    ['learning: {min_confidence_threshold: 0.7}', 'P034', '{min_confidence_threshold: 0.7}', ''],
    ['bridge: {mcp_servers: [{name: a, command: b, env: {path: x}}]}', 'P034', 'x', ''],
    ['techniques: {t: {kind: magic, phases: []}}', 'P015', 'magic', ''],
    ['isolation: {branch_prefix: 1x}', 'P014', '1x', ''],
    ['notifications: [{type: pager}]', 'P015', 'pager', ''],
    ['type: fleet', 'P009', 'fleet', 'one by one'],
  ];
  for (const [more, code, at, remedy] of refused) {
    it(`refuses ${more}`, () => {
      const text = scoreText({ more });
      const { score, diagnostics } = parseScore({ text, path: '/x.yaml' });
      assert.equal(score, null);
      assert.equal(diagnostics[0]?.code, code, JSON.stringify(diagnostics));
      assert.equal(pointedAt(text, diagnostics[0]), at);
      assert.ok((diagnostics[0]?.remedy ?? '').includes(remedy), diagnostics[0]?.remedy ?? 'no remedy');
    });
  }

  it('names what is missing, and where', () => {
    const { diagnostics } = parseScore({ text: 'name: x\nsheet:\n  size: 1\n', path: '/x.yaml' });
    assert.deepEqual(
      diagnostics.map((each) => [each.path, each.range?.line]),
      [
        ['prompt', 1],
        ['sheet.total_items', 2],
      ],
    );
  });

  it('explains a prompt that is a text', () => {
    const text = 'name: x\nsheet: {size: 1, total_items: 1}\nprompt: do it\n';
    const { diagnostics } = parseScore({ text, path: '/x.yaml' });
    assert.match(diagnostics[0]?.remedy ?? '', /template: \|/);
  });

  it('offers to mend a name when there is one candidate', () => {
    const text = scoreText({ more: 'descriptoin: x' });
    const fix = parseScore({ text, path: '/x.yaml' }).diagnostics[0]?.fix;
    assert.ok(fix);
    parsed(text.slice(0, fix.range.offset) + fix.newText + text.slice(fix.range.end));
  });

  it('refuses two templates, injections without a source, and a sheet with two instruments', () => {
    const both = scoreText({ prompt: '  template: a\n  template_file: b' });
    assert.deepEqual(placesOf(parseScore({ text: both, path: '/x' }).diagnostics), ['P032@9']);
    const sheet =
      '  size: 1\n  total_items: 3\n  prelude: [{as: skill}, {file: a, directory: b, as: tool}]\n  instrument_map: {a: [1], b: [2, 1]}';
    assert.deepEqual(placesOf(parseScore({ text: scoreText({ sheet }), path: '/x' }).diagnostics), [
      'P033@7',
      'P033@7',
      'P031@8',
    ]);
  });

  it('describes every field', () => {
    const missing: string[] = [];
    const visit = (path: string[]): void => {
      for (const name of schemaAt(scoreSchema, path).names) {
        const inner = [...path, name];
        const info = schemaAt(scoreSchema, inner);
        if (info.description === null && name !== 'stage' && name !== 'instance' && name !== 'fan_count')
          missing.push(inner.join('.'));
        visit(inner);
        visit([...inner, '1']);
      }
    };
    visit([]);
    assert.deepEqual(missing, []);
  });

  it('knows every field that it lists as not obeyed', () => {
    for (const path of Object.keys(notObeyed)) {
      assert.notEqual(schemaAt(scoreSchema, path.split('.')).schema, null, path);
    }
  });

  it('gives a JSON Schema that says what is not obeyed', () => {
    const schema = scoreJsonSchema() as {
      properties: Record<string, { description: string; properties?: Record<string, unknown> }>;
      required: string[];
      additionalProperties: boolean;
    };
    assert.deepEqual(schema.required, ['name', 'sheet', 'prompt']);
    assert.equal(schema.additionalProperties, false);
    assert.match(schema.properties['learning']?.description ?? '', /not obeyed yet/);
    assert.doesNotMatch(schema.properties['retry']?.description ?? '', /not obeyed yet/);
    assert.ok(schema.properties['sheet']?.properties?.['total_sheets']);
  });
});
