import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BitSet } from '../../../src/conductor/engine/bit-set';
import { EngineCore } from '../../../src/conductor/engine/core';
import { dependenciesOf, isDue } from '../../../src/conductor/engine/ready';
import type { SheetIndex } from '../../../src/conductor/engine/sheet-index';
import { emptyState, terminalSheet, type JobState } from '../../../src/conductor/engine/state';
import type { RecordDraft } from '../../../src/conductor/records';
import type { Plan } from '../../../src/score/plan';
import { parseScore } from '../../../src/score/parse';
import { planOf, Story } from '../../support/fold-story';

/** What the index says in short, looked for among all sheets. */
function scan(job: JobState, plan: Plan) {
  const dependencies = (num: number) => {
    const planned = plan.sheets[num - 1];
    assert.ok(planned);
    return dependenciesOf(job, planned).state;
  };
  const numbers = (test: (sheet: JobState['sheets'][number]) => boolean) =>
    job.sheets.filter(test).map(({ num }) => num);
  const open = numbers(({ status }) => !terminalSheet.has(status));
  return {
    ready: numbers((sheet) => isDue(sheet, Infinity) && dependencies(sheet.num) === 'satisfied'),
    timed: numbers(({ status }) => status === 'retry_scheduled' || status === 'waiting'),
    open: open.length,
    dispatched: numbers(({ status }) => status === 'dispatched').length,
    failed: numbers(({ status }) => status === 'failed').length,
    stuck: open.filter(
      (num) => job.sheets[num - 1]?.status !== 'dispatched' && dependencies(num) === 'blocked',
    ).length,
  };
}

function told(index: SheetIndex) {
  const members = (set: BitSet) => {
    const found: number[] = [];
    for (let num = set.next(0); num >= 0; num = set.next(num + 1)) found.push(num);
    assert.equal(set.size, found.length);
    return found;
  };
  const { open, dispatched, failed, stuck } = index;
  return { ready: members(index.ready), timed: members(index.timed), open, dispatched, failed, stuck };
}

/** A core over a journal that is durable at once. */
function coreOf(story: Story): EngineCore {
  const { score } = parseScore({
    path: '/s/r.yaml',
    text: 'name: r\nsheet: { size: 1, total_items: 1 }\nprompt: { template: x }\n',
  });
  assert.ok(score);
  const template = { kind: 'inline', text: 'x', path: null } as const;
  const bundle = { digest: 'b', score, plan: story.plan, template };
  const core = new EngineCore(story.state, emptyState(), new Map([['b', bundle]]));
  let seq = story.state.lastSeq;
  core.useJournal({
    enqueue: (drafts) => ({
      records: drafts.map((draft) => ({ seq: (seq += 1), t: seq, ...draft })),
      durable: Promise.resolve(),
    }),
  });
  return core;
}

const sheets = 40;
const edges = fc
  .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: sheets, maxLength: sheets })
  .map((all) => all.map((list, i) => (i === 0 ? [] : list.map((n) => (n % i) + 1))));
const next = {
  reason: null,
  mode: 'normal',
  fallback_index: 0,
  normal_attempts: 0,
  completion_attempts: 0,
  rate_limit_waits: 0,
  interruptions: 0,
} as const;
const endings = ['completed', 'failed', 'retry_scheduled', 'waiting', 'pending', 'cancelled'] as const;
const step = fc.record({
  num: fc.integer({ min: 1, max: sheets }),
  what: fc.constantFrom('start', 'finish', 'skip', 'skip_behind', 'cancel', 'reset', 'pend', 'replan'),
  ending: fc.constantFrom(...endings),
});

describe('the index of a job’s sheets', () => {
  it('says after every record what a look at all sheets says', () => {
    fc.assert(
      fc.property(edges, fc.array(step, { maxLength: 80 }), (graph, steps) => {
        const story = new Story(planOf(graph));
        const core = coreOf(story);
        assert.deepEqual(told(core.indexOf(story.job)), scan(story.job, story.plan));
        let attempts = 0;
        for (const { num, what, ending } of steps) {
          const status = (to: 'skipped' | 'cancelled' | 'pending', code: string): RecordDraft => ({
            type: 'sheet.status',
            run: 'r',
            body: { sheet: num, status: to, reason: { code, message: code } },
          });
          const drafts: Record<typeof what, () => RecordDraft[]> = {
            start: () => [
              {
                type: 'attempt.started',
                run: 'r',
                body: {
                  sheet: num,
                  attempt: (attempts += 1),
                  mode: 'normal',
                  instrument: 'cli',
                  model: null,
                  fallback_index: 0,
                  prompt_sha256: null,
                  argv: [],
                  cwd: null,
                  env_names: [],
                  base: '/b',
                  file_marks: {},
                },
              },
            ],
            finish: () => finish(story.job, num, ending),
            skip: () => [status('skipped', 'skip_when')],
            skip_behind: () => [status('skipped', 'upstream_failed')],
            cancel: () => [status('cancelled', 'cancelled')],
            pend: () => [status('pending', 'again')],
            reset: () => [{ type: 'sheet.reset', run: 'r', body: { sheet: num, reason: 'again' } }],
            replan: () => [
              {
                type: 'job.replanned',
                run: 'r',
                body: {
                  bundle: 'b',
                  score_path: '/s/r.yaml',
                  name: 'r',
                  description: null,
                  total_stages: sheets,
                  sheets: story.job.sheets.map(
                    ({ num: n, movement, voice, description, instrument, model }) => ({
                      num: n,
                      movement,
                      voice,
                      description,
                      instrument,
                      model,
                    }),
                  ),
                },
              },
            ],
          };
          void core.commit(drafts[what]());
          assert.deepEqual(told(core.indexOf(story.job)), scan(story.job, story.plan));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is made anew for a job that was restored or planned anew', () => {
    const story = new Story(planOf([[], [1]]));
    const core = coreOf(story);
    assert.equal(core.indexOf(story.job).open, 2);
    const restored = structuredClone(story.job);
    for (const sheet of restored.sheets) sheet.status = 'completed';
    void core.commit([{ type: 'job.reopened', run: 'r', body: { state: restored } }]);
    assert.equal(core.indexOf(story.job).open, 0);
  });

  it('walks a set in order over its words', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(200)), (members) => {
        const set = new BitSet(201);
        for (const member of members) set.set(member, true);
        const sorted = [...members].sort((a, b) => a - b);
        const walked: number[] = [];
        for (let at = set.next(0); at >= 0; at = set.next(at + 1)) walked.push(at);
        assert.deepEqual(walked, sorted);
      }),
    );
  });
});

function finish(job: JobState, num: number, ending: (typeof endings)[number]): RecordDraft[] {
  const attempt = job.sheets[num - 1]?.attempts.at(-1);
  if (!attempt || attempt.ended_at !== null) return [];
  return [
    {
      type: 'attempt.finished',
      run: 'r',
      body: {
        sheet: num,
        attempt: attempt.attempt,
        outcome: 'success',
        instrument: 'cli',
        model: null,
        exit_code: 0,
        exit_signal: null,
        exit_reason: 'completed',
        error_type: null,
        error_code: null,
        error_category: null,
        error_message: null,
        duration_seconds: 0,
        input_tokens: null,
        output_tokens: null,
        cost_usd: null,
        pass_percent: null,
        sheet_status: ending,
        next: { ...next, status: ending, due_at: ending === 'waiting' ? 5 : null },
      },
    },
  ];
}
