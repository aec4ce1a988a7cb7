import { strict as assert } from 'node:assert';
import type { PlannedInstrument } from '../../../src/score/plan';
import { workspaceOf } from '../../../src/score/plan-score';
import { planned, scoreText } from './kit';

const instrumentsOf = (text: string): readonly PlannedInstrument[] =>
  planned(text).plan.sheets.map((sheet) => sheet.instrument);
const sheets = '  size: 1\n  total_items: 4\n';

describe('score: instruments', () => {
  it('takes the first that says something: sheet, map, movement, score', () => {
    const text = scoreText({
      sheet: `${sheets}  per_sheet_instruments: {1: fast}\n  instrument_map: {codex-cli: [2, 1]}`,
      more: 'instruments: {fast: {profile: gemini-cli}}\nmovements: {2: {instrument: ollama}, 3: {instrument: ollama}}',
    });
    assert.deepEqual(
      instrumentsOf(text).map(({ label, profile }) => `${label}=${profile}`),
      ['fast=gemini-cli', 'codex-cli=codex-cli', 'ollama=ollama', 'claude-code=claude-code'],
    );
  });

  it('falls back to backend.type', () => {
    const without = scoreText().replace('instrument: claude-code', 'description: x');
    assert.equal(instrumentsOf(without)[0]?.profile, 'claude_cli');
    assert.equal(instrumentsOf(`${without}backend: {type: ollama}\n`)[0]?.profile, 'ollama');
  });

  it('merges settings: score, movement, alias, sheet; later wins', () => {
    const text = scoreText({
      sheet: `${sheets}  per_sheet_instrument_config: {2: {max_tokens: 9}, 4: {timeout_seconds: 40}}`,
      more: [
        'instrument: smart',
        'instruments: {smart: {profile: claude-code, config: {cli_model: opus, temperature: 0.3}}}',
        'instrument_config: {model: haiku, timeout_seconds: 100, temperature: 0.1, max_tokens: 1, timeout_overrides: {3: 300}, colour: red}',
        'movements: {2: {instrument_config: {timeout_seconds: 200, temperature: 0.2}}}',
      ].join('\n'),
    }).replace('instrument: claude-code\n', '');
    const [one, two, three, four] = instrumentsOf(text).map(({ config }) => config);
    assert.equal(one?.model, 'opus');
    assert.deepEqual([one?.timeoutSeconds, one?.temperature, one?.maxTokens], [100, 0.3, 1]);
    assert.deepEqual([two?.timeoutSeconds, two?.temperature, two?.maxTokens], [200, 0.3, 9]);
    assert.equal(three?.timeoutSeconds, 300);
    assert.equal(four?.timeoutSeconds, 40);
    assert.deepEqual(one?.other, { colour: 'red' });
  });

  it('takes tools and servers from each layer, and the block of Ollama for Ollama', () => {
    const text = scoreText({
      sheet: `${sheets}  per_sheet_instrument_config: {2: {file_tools: false, num_ctx: 4096}, 3: {mcp_servers: []}}`,
      more: [
        'instrument_config: {mcp_servers: [web, {name: files, allow: [read_*], deny: [x]}]}',
        'backend: {type: ollama, ollama: {base_url: "http://127.0.0.1:9", model: m, num_ctx: 8192, keep_alive: 1h, max_tool_iterations: 3, timeout_seconds: 99}, sheet_overrides: {4: {model: other, timeout_seconds: 7}}}',
      ].join('\n'),
    }).replace('instrument: claude-code\n', '');
    const [one, two, three, four] = instrumentsOf(text).map(({ config }) => config);
    assert.deepEqual(one?.mcpServers, [
      { name: 'web', allow: null, deny: [] },
      { name: 'files', allow: ['read_*'], deny: ['x'] },
    ]);
    assert.deepEqual([one?.fileTools, two?.fileTools, three?.mcpServers], [null, false, []]);
    assert.deepEqual(one?.other, {
      base_url: 'http://127.0.0.1:9',
      num_ctx: 8192,
      keep_alive: '1h',
      max_tool_iterations: 3,
    });
    assert.equal(two?.other['num_ctx'], 4096);
    assert.deepEqual([one?.model, one?.timeoutSeconds], ['m', 99]);
    assert.deepEqual([four?.model, four?.timeoutSeconds], ['other', 7]);
  });

  it('leaves the movement’s settings out for a sheet with an instrument of its own', () => {
    const text = scoreText({
      sheet: `${sheets}  per_sheet_instruments: {2: codex-cli}`,
      more: 'movements: {2: {instrument_config: {timeout_seconds: 200}}, 3: {instrument_config: {timeout_seconds: 200}}}',
    });
    assert.deepEqual(
      instrumentsOf(text).map(({ config }) => config.timeoutSeconds),
      [null, null, 200, null],
    );
  });

  it('takes time limits from backend.* below the newer fields, and nothing when nothing is written', () => {
    const backend =
      'backend: {timeout_seconds: 10, timeout_overrides: {2: 20, 3: 20}, sheet_overrides: {3: {timeout_seconds: 30, cli_model: x}}}';
    assert.deepEqual(
      instrumentsOf(scoreText({ sheet: sheets, more: backend })).map(({ config }) => config.timeoutSeconds),
      [10, 20, 30, 10],
    );
    assert.deepEqual(
      instrumentsOf(
        scoreText({ sheet: sheets, more: `${backend}\ninstrument_config: {timeout_seconds: 5}` }),
      ).map(({ config }) => config.timeoutSeconds),
      [5, 5, 5, 5],
    );
    assert.equal(instrumentsOf(scoreText())[0]?.config.timeoutSeconds, null);
    assert.equal(instrumentsOf(scoreText())[0]?.config.skipPermissions, null);
  });

  it('keeps unknown settings as JSON', () => {
    const more = 'instrument_config: {a: .inf, b: 2026-01-02, c: {d: [1.5, ~]}}';
    assert.deepEqual(instrumentsOf(scoreText({ more }))[0]?.config.other, {
      a: null,
      b: '2026-01-02T00:00:00.000Z',
      c: { d: [1.5, null] },
    });
  });

  it('resolves paths from the folder of the score', () => {
    const { config } = instrumentsOf(
      scoreText({ more: 'instrument_config: {system_prompt_file: s.md, working_directory: ../src}' }),
    )[0] as PlannedInstrument;
    assert.equal(config.systemPromptFile, '/scores/s.md');
    assert.equal(config.workingDirectory, '/src');
  });

  it('chooses fall-backs by sheet, movement, score, resolves aliases and clears what is bound to the first', () => {
    const text = scoreText({
      sheet: `${sheets}  per_sheet_fallbacks: {1: [], 2: [spare]}`,
      more: [
        'instruments: {spare: {profile: codex-cli, config: {model: small}}}',
        'instrument_fallbacks: [gemini-cli, spare]',
        'instrument_config: {model: opus, timeout_seconds: 7, cli_extra_args: [--x], odd: 1, allowed_tools: [Read]}',
        'movements: {3: {instrument_fallbacks: [ollama]}, 4: {instrument_fallbacks: []}}',
      ].join('\n'),
    });
    const { plan } = planned(text);
    assert.deepEqual(
      plan.sheets.map((sheet) => sheet.fallbacks.map(({ profile }) => profile)),
      [[], ['codex-cli'], ['ollama'], ['gemini-cli', 'codex-cli']],
    );
    const spare = plan.sheets[1]?.fallbacks[0]?.config;
    assert.deepEqual(
      [spare?.model, spare?.timeoutSeconds, spare?.extraArgs, spare?.other],
      ['small', 7, null, {}],
    );
    assert.deepEqual(spare?.allowedTools, ['Read'], 'a restriction is never lost');
    assert.equal(plan.sheets[2]?.fallbacks[0]?.config.model, null);
  });

  it('takes the idle time from stale detection when it is on', () => {
    const idle = (more: string): (number | null)[] => {
      const first = planned(scoreText({ more: `${more}\ninstrument_fallbacks: [codex-cli]` })).plan.sheets[0];
      return [
        first?.instrument.config.idleTimeoutSeconds ?? null,
        first?.fallbacks[0]?.config.idleTimeoutSeconds ?? null,
      ];
    };
    assert.deepEqual(idle('stale_detection: {idle_timeout_seconds: 90}'), [null, null]);
    assert.deepEqual(idle('stale_detection: {enabled: true, idle_timeout_seconds: 90}'), [90, 90]);
    assert.deepEqual(
      idle('stale_detection: {enabled: true}\ninstrument_config: {idle_timeout_seconds: 5}'),
      [5, 5],
    );
  });
});

describe('score: plan', () => {
  it('resolves the workspace', () => {
    const where = (text: string, override?: string): string => {
      const { score } = planned(text);
      return workspaceOf(score, {
        cwd: '/home/me',
        ...(override === undefined ? {} : { workspaceOverride: override }),
      });
    };
    const none = scoreText().replace('workspace: /tmp\n', '');
    assert.equal(where(scoreText()), '/tmp');
    assert.equal(where(scoreText().replace('/tmp', '../ws')), '/ws');
    assert.equal(where(none), '/home/me/workspace');
    assert.equal(where(none, 'x'), '/home/me/x');
    assert.equal(where(scoreText(), '/abs'), '/abs');
  });

  it('switches cost limits on by giving one', () => {
    const limits = (more: string): unknown => planned(scoreText({ more })).plan.costLimits;
    assert.equal(limits('description: x'), null);
    assert.deepEqual(limits('cost_limits: {max_cost_per_job: 5}'), {
      maxCostPerJob: 5,
      maxCostPerSheet: null,
      warnAtPercent: 80,
    });
    assert.equal(limits('cost_limits: {enabled: false, max_cost_per_job: 5}'), null);
  });

  it('orders rules by stage, decides conditions, and takes `sheet` for a condition', () => {
    const { plan } = planned(
      scoreText({
        prompt: '  template: x\n  variables: {mode: 2, stage: 9}',
        more: [
          'validations:',
          '  - {type: file_exists, path: a, stage: 2}',
          '  - {type: file_exists, path: b, sheet: 2}',
          '  - {type: file_exists, path: c, condition: stage == 3, sheet: 1}',
          '  - {type: file_exists, path: d, condition: mode == 2}',
          '  - {type: file_exists, path: e, condition: mode == 3}',
          '  - {type: command_succeeds, command: f, condition: instance == 1 and end_item >= 2}',
        ].join('\n'),
      }),
    );
    assert.deepEqual(
      plan.sheets.map((sheet) => sheet.validations.map((rule) => rule.index)),
      [
        [4, 1],
        [2, 4, 6, 1],
        [3, 4, 6, 1],
      ],
    );
    assert.equal(plan.sheets[1]?.validations[2]?.timeoutSeconds, 3600);
  });

  it('copies skip rules, names and labels to the sheets of a stage', () => {
    const { plan } = planned(
      scoreText({
        sheet:
          '  size: 1\n  total_items: 2\n  fan_out: {1: 2}\n  descriptions: {2: second}\n  skip_when: {1: "2 in sheets"}\n  skip_when_command: {2: {command: "test -f {workspace}/x"}}',
        more: 'movements: {1: {name: Begin}}',
      }),
    );
    assert.deepEqual(
      plan.sheets.map((sheet) => [
        sheet.description,
        sheet.movementName,
        sheet.skipWhen,
        sheet.skipWhenCommand,
      ]),
      [
        [null, 'Begin', '2 in sheets', null],
        ['second', 'Begin', '2 in sheets', null],
        [null, null, null, { command: 'test -f {workspace}/x', description: null, timeoutSeconds: 10 }],
      ],
    );
  });
});
