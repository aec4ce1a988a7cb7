import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { parseScore } from '../../../src/score/parse';
import { parsed, placesOf, planned, pointedAt, scoreText } from './kit';

const graphOf = (sheet: string, more?: string): Record<string, readonly number[]> =>
  Object.fromEntries(
    [...parsed(scoreText({ sheet, ...(more === undefined ? {} : { more }) })).graph].map(([num, of]) => [
      String(num),
      of,
    ]),
  );
const errorsOf = (sheet: string, more?: string): string[] =>
  placesOf(
    parseScore({ text: scoreText({ sheet, ...(more === undefined ? {} : { more }) }), path: '/x.yaml' })
      .diagnostics,
  );

describe('score: expansion', () => {
  // size, total, start → item ranges
  const counts: [number, number, number, string[]][] = [
    [1, 3, 1, ['1-1', '2-2', '3-3']],
    [5, 12, 1, ['1-5', '6-10', '11-12']],
    [5, 10, 1, ['1-5', '6-10']],
    [4, 10, 3, ['3-6', '7-10']],
    [3, 10, 10, ['10-10']],
    [100, 7, 1, ['1-7']],
  ];
  for (const [size, total, start, ranges] of counts) {
    it(`counts sheets of ${size} up to ${total} from ${start}`, () => {
      const { expansion } = parsed(
        scoreText({ sheet: `  size: ${size}\n  total_items: ${total}\n  start_item: ${start}` }),
      );
      assert.deepEqual(
        expansion.sheets.map((sheet) => `${sheet.startItem}-${sheet.endItem}`),
        ranges,
      );
      assert.equal(expansion.totalStages, ranges.length);
    });
  }

  it('counts the 56 sheets of 552 items by tens', () => {
    assert.equal(parsed(scoreText({ sheet: '  size: 10\n  total_items: 552' })).expansion.sheets.length, 56);
  });

  it('refuses a start beyond the end, fan-out with other sizes, and stages that are not there', () => {
    assert.deepEqual(errorsOf('  size: 1\n  total_items: 3\n  start_item: 4'), ['P020@7']);
    assert.deepEqual(errorsOf('  size: 2\n  total_items: 3\n  fan_out: {1: 2}'), ['P021@5']);
    assert.deepEqual(errorsOf('  size: 1\n  total_items: 3\n  start_item: 2\n  fan_out: {1: 2}'), ['P021@7']);
    assert.deepEqual(errorsOf('  size: 1\n  total_items: 3\n  fan_out: {4: 2}'), ['P022@7']);
    assert.deepEqual(errorsOf('  size: 1\n  total_items: 3', 'movements: {9: {voices: 2}}'), ['P022@10']);
    assert.deepEqual(errorsOf('  size: 1\n  total_items: 100000'), ['P023@6']);
  });

  // stages, fan-out, dependencies → sheet edges (the reference's table and its verified case)
  const edges: [string, string, string, Record<string, number[]>][] = [
    ['1→1', '2', '{}', { 1: [], 2: [1] }],
    ['1→n', '2', '{2: 3}', { 1: [], 2: [1], 3: [1], 4: [1] }],
    ['n→1', '2', '{1: 3}', { 1: [], 2: [], 3: [], 4: [1, 2, 3] }],
    ['n→n', '2', '{1: 2, 2: 2}', { 1: [], 2: [], 3: [1], 4: [2] }],
    ['n→m', '2', '{1: 2, 2: 3}', { 1: [], 2: [], 3: [1, 2], 4: [1, 2], 5: [1, 2] }],
  ];
  for (const [what, stages, fanOut, expected] of edges) {
    it(`expands an edge ${what}`, () => {
      const sheet = `  size: 1\n  total_items: ${stages}\n  fan_out: ${fanOut}\n  dependencies: {2: [1]}`;
      assert.deepEqual(graphOf(sheet), expected);
    });
  }

  it('expands the case that was verified with the reference', () => {
    const sheet =
      '  size: 1\n  total_items: 4\n  fan_out: {2: 3, 3: 3}\n  dependencies: {2: [1], 3: [2], 4: [3]}';
    assert.deepEqual(graphOf(sheet), { 1: [], 2: [1], 3: [1], 4: [1], 5: [2], 6: [3], 7: [4], 8: [5, 6, 7] });
  });

  it('chains stages when nothing is written, all of one after all of the other', () => {
    assert.deepEqual(graphOf('  size: 1\n  total_items: 3'), { 1: [], 2: [1], 3: [2] });
    assert.deepEqual(graphOf('  size: 1\n  total_items: 3\n  fan_out: {1: 2, 2: 2}'), {
      1: [],
      2: [],
      3: [1, 2],
      4: [1, 2],
      5: [3, 4],
    });
  });

  it('leaves unlisted stages independent, removes duplicates and sorts', () => {
    assert.deepEqual(graphOf('  size: 1\n  total_items: 4\n  dependencies: {4: [3, 1, 3]}'), {
      1: [],
      2: [],
      3: [],
      4: [1, 3],
    });
  });

  it('takes voices for fan-out, and fan_out before voices', () => {
    const { expansion } = parsed(
      scoreText({
        sheet: '  size: 1\n  total_items: 2\n  fan_out: {2: 2}',
        more: 'movements: {1: {voices: 3}, 2: {voices: 5}}',
      }),
    );
    assert.deepEqual(
      expansion.sheets.map((sheet) => `${sheet.stage}.${sheet.instance}/${sheet.fanCount}`),
      ['1.1/3', '1.2/3', '1.3/3', '2.1/2', '2.2/2'],
    );
  });

  it('plays a score that was dumped after expansion', () => {
    const { expansion, graph } = parsed(
      scoreText({
        sheet:
          '  size: 1\n  total_items: 3\n  fan_out: {}\n  dependencies: {2: [1], 3: [1]}\n  fan_out_stage_map: {1: {stage: 1, instance: 1, fan_count: 1}, 2: {stage: 2, instance: 1, fan_count: 2}, 3: {stage: 2, instance: 2, fan_count: 2}}',
      }),
    );
    assert.equal(expansion.totalStages, 2);
    assert.equal(expansion.sheets[2]?.instance, 2);
    assert.deepEqual(graph.get(3), [1]);
  });

  it('refuses edges to itself and to what is not there', () => {
    assert.deepEqual(
      errorsOf('  size: 1\n  total_items: 2\n  dependencies:\n    2: [1, 2]\n    1: [3]\n    7: [1]'),
      ['P025@8', 'P024@9', 'P024@10'],
    );
  });

  it('names a cycle and points at the entry that closes it', () => {
    const text = scoreText({
      sheet: '  size: 1\n  total_items: 4\n  dependencies:\n    2: [4]\n    3: [1, 2]\n    4: [1, 3]',
    });
    const { diagnostics } = parseScore({ text, path: '/x.yaml' });
    assert.equal(diagnostics[0]?.code, 'P026');
    assert.match(diagnostics[0].message, /2 → 4 → 3 → 2/);
    assert.equal(diagnostics[0].range?.line, 9);
    assert.equal(pointedAt(text, diagnostics[0]), '2');
    assert.equal(diagnostics.length, 1);
  });

  it('holds its invariants for any score', () => {
    const shape = fc.integer({ min: 1, max: 6 }).chain((stages) =>
      fc.record({
        stages: fc.constant(stages),
        fanOut: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: stages, maxLength: stages }),
        edges: fc.array(fc.tuple(fc.integer({ min: 1, max: stages }), fc.integer({ min: 1, max: stages }))),
      }),
    );
    fc.assert(
      fc.property(shape, ({ stages, fanOut, edges: pairs }) => {
        const dependencies = new Map<number, number[]>();
        for (const [a, b] of pairs) {
          if (a !== b)
            dependencies.set(Math.max(a, b), [...(dependencies.get(Math.max(a, b)) ?? []), Math.min(a, b)]);
        }
        const map = [...dependencies].map(([key, of]) => `${key}: [${of.join(', ')}]`).join(', ');
        const fan = fanOut.map((count, index) => `${index + 1}: ${count}`).join(', ');
        const { plan } = planned(
          scoreText({
            sheet: `  size: 1\n  total_items: ${stages}\n  fan_out: {${fan}}\n  dependencies: {${map}}`,
          }),
        );
        assert.equal(
          plan.totalSheets,
          fanOut.reduce((sum, count) => sum + count, 0),
        );
        for (const [index, sheet] of plan.sheets.entries()) {
          assert.equal(sheet.num, index + 1);
          assert.ok(sheet.instance >= 1 && sheet.instance <= sheet.fanCount);
          assert.equal(sheet.fanCount, fanOut[sheet.stage - 1]);
          assert.ok(
            sheet.dependsOn.every((num) => num < sheet.num),
            'edges of a forward graph point back',
          );
          const stagesBefore = new Set(sheet.dependsOn.map((num) => plan.sheets[num - 1]?.stage));
          const wanted = new Set(
            map === '' ? (sheet.stage > 1 ? [sheet.stage - 1] : []) : dependencies.get(sheet.stage),
          );
          assert.deepEqual(stagesBefore, wanted);
        }
      }),
      { numRuns: 200 },
    );
  });
});
