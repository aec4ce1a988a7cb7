import { strict as assert } from 'node:assert';
import { parseTemplate } from '../../../src/score/template';
import { sheetBranches } from '../../../src/views/language/branches';
import type { LensMode, LensPlace } from '../../../src/views/language/lenses';
import { lensPlaces, shiftPlaces } from '../../../src/views/language/lenses';
import { analysisOf, orchestra } from './kit';

/** `line text → sheets` of each place. */
function shown(places: readonly LensPlace[] | null, text = orchestra): string[] {
  const lines = text.split('\n');
  return (places ?? []).map(
    (place) => `${place.kind} ${(lines[place.line] ?? '').trim()} → ${place.sheets.join(',')}`,
  );
}

function placesOf(text: string, mode: LensMode = 'all'): LensPlace[] {
  const places = lensPlaces(analysisOf(text), mode);
  assert.ok(places);
  return places;
}

function branchesOf(template: string): string[] {
  const { plan, score } = analysisOf(orchestra.replace('goal: a song', 'goal: a song\n    late: [2, 3]'));
  assert.ok(plan && score);
  return sheetBranches(parseTemplate(template), plan, score.variables).map(
    ({ label, sheets }) => `${label} → ${sheets.join(',')}`,
  );
}

describe('where a score offers to run', () => {
  it('offers name, sheet block, movements, fan-out, dependencies and branches', () => {
    assert.deepEqual(shown(placesOf(orchestra)), [
      'score name: orchestra → 1,2,3,4,5',
      'movement 1: { name: Plan } → 1',
      'movement 2: { name: Play, instrument: cli } → 2,3,4',
      'movement 3: { name: Applause } → 5',
      'sheets sheet: → 1,2,3,4,5',
      'fan-out fan_out: { 2: 3 } → 2,3,4',
      'dependencies dependencies: { 2: [1], 3: [2] } → 2,3,4',
      'dependencies dependencies: { 2: [1], 3: [2] } → 5',
      'branch {% if stage == 1 %} → 1',
      'branch {% elif stage == 2 and instance == 1 %} → 2',
      'branch {% elif movement == 2 %} → 3,4',
      'branch {% else %} → 5',
    ]);
  });

  it('is right with Windows line ends', () => {
    const places = placesOf(orchestra.replaceAll('\n', '\r\n'));
    assert.deepEqual(shown(places), shown(placesOf(orchestra)));
  });

  it('obeys the setting', () => {
    assert.deepEqual(placesOf(orchestra, 'off'), []);
    assert.deepEqual(shown(placesOf(orchestra, 'top')), ['score name: orchestra → 1,2,3,4,5']);
  });

  it('says which sheets wait, and which lines are crowded', () => {
    const places = placesOf(orchestra);
    assert.deepEqual(
      places.filter(({ kind }) => kind === 'movement').map(({ waits }) => waits),
      [false, true, true],
    );
    assert.deepEqual(
      places.filter(({ crowded }) => crowded).map(({ kind }) => kind),
      ['dependencies', 'dependencies'],
    );
  });

  it('has nothing for a text that does not hold together', () => {
    assert.equal(lensPlaces(analysisOf('name: x\nsheet: ['), 'all'), null);
  });
});

describe('branches that select sheets', () => {
  it('takes from a branch what earlier ones of the chain took', () => {
    assert.deepEqual(branchesOf('{% if stage <= 2 %}a{% elif stage < 9 %}b{% else %}c{% endif %}'), [
      'stage <= 2 → 1,2,3,4',
      'stage < 9 → 5',
    ]);
  });

  it('keeps branches inside others to their sheets', () => {
    assert.deepEqual(branchesOf('{% if stage == 2 %}{% if voice == 3 %}x{% endif %}{% endif %}'), [
      'stage == 2 → 2,3,4',
      'voice == 3 → 4',
    ]);
  });

  it('knows sheet numbers, mirrored comparisons and whitespace control', () => {
    assert.deepEqual(branchesOf('{%- if 4 <= sheet_num -%}x{%- else -%} y{%- endif %}'), [
      '4 <= sheet_num → 4,5',
      'else → 1,2,3',
    ]);
  });

  it('says nothing of conditions that tell no sheets apart', () => {
    assert.deepEqual(branchesOf('{% if previous_outputs %}a{% else %}b{% endif %}'), []);
    assert.deepEqual(branchesOf('{% if stage == 1 or previous_outputs[1] %}b{% endif %}'), []);
    assert.deepEqual(branchesOf('{% if stage == 9 %}no such stage{% endif %}'), []);
  });

  it('names the sheets that may come, where something else must hold too', () => {
    assert.deepEqual(branchesOf('{% if stage == 1 and previous_outputs %}a{% else %}b{% endif %}'), [
      'stage == 1 and previous_outputs → 1',
    ]);
    assert.deepEqual(branchesOf('{% if stakes %}a{% elif stage == 1 %}b{% else %}c{% endif %}'), [
      'stage == 1 → 1',
      'else → 2,3,4,5',
    ]);
  });

  it('knows lists, alternatives, negation, remainders and the score’s own variables', () => {
    assert.deepEqual(
      branchesOf('{% if stage in [1, 3] %}a{% elif stage not in late %}b{% else %}c{% endif %}'),
      ['stage in [1, 3] → 1,5', 'else → 2,3,4'],
    );
    assert.deepEqual(branchesOf('{% if stage == 1 or sheet_num == 5 %}a{% endif %}'), [
      'stage == 1 or sheet_num == 5 → 1,5',
    ]);
    assert.deepEqual(branchesOf('{% if not (stage == 2) %}a{% endif %}'), ['not (stage == 2) → 1,5']);
    assert.deepEqual(branchesOf('{% if sheet_num % 2 == 0 %}a{% elif sheet_num is even %}b{% endif %}'), [
      'sheet_num % 2 == 0 → 2,4',
    ]);
    assert.deepEqual(branchesOf('{% if stage == total_stages %}a{% elif 1 < stage < 3 %}b{% endif %}'), [
      'stage == total_stages → 5',
      '1 < stage < 3 → 2,3,4',
    ]);
    assert.deepEqual(branchesOf('{% if goal == "a song" and voice == 2 %}a{% endif %}'), [
      'goal == "a song" and voice == 2 → 3',
    ]);
  });

  it('goes into macros and loops, and knows names that they take away', () => {
    assert.deepEqual(
      branchesOf(
        '{% macro m(instance) %}{% if stage == 1 %}{% elif instance == 1 %}{% endif %}{% endmacro %}',
      ),
      ['stage == 1 → 1'],
    );
    assert.deepEqual(branchesOf('{% for stage in [1, 2] %}{% if stage == 1 %}x{% endif %}{% endfor %}'), []);
    assert.deepEqual(branchesOf('{% set stage = 7 %}{% if stage == 1 %}x{% endif %}'), []);
    assert.deepEqual(branchesOf('{% with voice = 1 %}{% if voice == 1 %}x{% endif %}{% endwith %}'), []);
  });

  it('places an else behind comments and with nothing in it', () => {
    const template = '{% if stage == 1 %}a{%- else -%}{# {% if %} #}{% endif %}';
    assert.deepEqual(branchesOf(template), ['stage == 1 → 1', 'else → 2,3,4,5']);
  });
});

describe('lenses while the text is broken', () => {
  const before = placesOf(orchestra);

  it('stay above and move with the lines below the change', () => {
    const broken = orchestra.replace('sheet:\n', 'sheet: [\n\n');
    const moved = shown(shiftPlaces(before, orchestra, broken), broken);
    assert.ok(moved.includes('score name: orchestra → 1,2,3,4,5'));
    assert.ok(moved.includes('branch {% if stage == 1 %} → 1'));
    assert.ok(moved.includes('fan-out fan_out: { 2: 3 } → 2,3,4'));
  });

  it('stay on a line that is being written', () => {
    const broken = orchestra.replace('sheet:\n', 'sheet: [\n');
    assert.equal(shiftPlaces(before, orchestra, broken).length, before.length);
  });

  it('go with a line that moved inside of the change, and vanish with one that is gone', () => {
    const broken = orchestra
      .replace('  1: { name: Plan }\n', '')
      .replace('name: orchestra', 'name: [orchestra')
      .replace('    Clap.', '    Clap!');
    const moved = shown(shiftPlaces(before, orchestra, broken), broken);
    assert.ok(moved.includes('movement 3: { name: Applause } → 5'));
    assert.ok(moved.includes('branch {% else %} → 5'));
    assert.ok(!moved.some((each) => each.startsWith('movement 1')));
  });
});
