import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseWait } from '../../../src/backends/reset-time';

/** 2026-11-21, a Saturday, 22:00 UTC. */
const NOW = new Date('2026-11-21T22:00:00Z');
const HOUR = 3600;

describe('parseWait', () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ['Retry-After: 17', 17],
    ['"retry-after":"5"', 5],
    ['retry after 5', 5],
    ['retry after 2 minutes', 120],
    ['Retry-After: Sat, 21 Nov 2026 22:01:40 GMT', 100],
    ['retry-after: 0', 0],
    ['Please try again in 20s.', 20],
    ['try again in 6m0s', 360],
    ['try again in 350ms', 0.35],
    ['try again in 1 hour and 5 minutes', 3900],
    ['Please retry in 31.5s.', 31.5],
    ['wait 3 min', 180],
    ['resets in 2 hrs', 2 * HOUR],
    ['usage resets in 3 days', 72 * HOUR],
    ["You've hit your 5-hour limit · resets 12:55am (UTC)", 2 * HOUR + 55 * 60],
    ['weekly limit · resets Nov 24, 11:56pm (UTC)', 73 * HOUR + 56 * 60],
    ['resets Nov 24, 11:56pm (Europe/Berlin)', 72 * HOUR + 56 * 60],
    ['resets 9pm (America/New_York)', 4 * HOUR],
    ['resets at 3:05 PM (Asia/Tokyo)', 8 * HOUR + 5 * 60],
    ['resets at 23:30 UTC', 1.5 * HOUR],
    ['resets at 12am (UTC)', 2 * HOUR],
    ['resets 12pm (UTC)', 14 * HOUR],
    ['resets 9:59pm (UTC)', 0],
    ['resets 9:30pm (UTC)', 23.5 * HOUR],
    ['resets at 2026-11-21T22:30:00Z', 1800],
    ['resets Nov 20, 2026, 1pm (UTC)', null],
    ['resets Jan 3, 1am (UTC)', null],
    ['resets at 25:00', null],
    ['resets at 13pm', null],
    ['resets at 10:75', null],
    ['resets 9pm (Middle/Earth)', null],
    ['resets 3 times a day', null],
    ['try again in 400 hours', null],
    ['please slow down', null],
    ['', null],
  ];
  for (const [text, expected] of cases) {
    it(`${JSON.stringify(text)} → ${expected}`, () => {
      const wait = parseWait(text, NOW, 'UTC');
      if (expected === null) assert.equal(wait, null);
      else assert(wait !== null && Math.abs(wait - expected) < 0.001, String(wait));
    });
  }

  it('takes a clock time without a zone as local', () => {
    assert.equal(parseWait('resets at 9pm', NOW, 'America/New_York'), 4 * HOUR);
    assert.equal(parseWait('resets at 9pm', NOW, 'Europe/Berlin'), 22 * HOUR);
  });

  it('knows of time changes', () => {
    // Clocks in Berlin go from 03:00 back to 02:00 on 2026-10-25: the night has an hour more.
    const evening = new Date('2026-10-24T20:00:00Z');
    assert.equal(parseWait('resets 6am (Europe/Berlin)', evening), 9 * HOUR);
    // And forward on 2027-03-28.
    assert.equal(parseWait('resets 6am (Europe/Berlin)', new Date('2027-03-27T21:00:00Z')), 7 * HOUR);
    // Just before a change: the first guess of the offset is the one after it.
    assert.equal(parseWait('resets 1:30am (Europe/Berlin)', new Date('2027-03-27T22:00:00Z')), 2.5 * HOUR);
  });

  it('gives null or a bounded, not negative number for any text', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^(resets?|retry after|try again in|wait)[ :0-9apmshdN\-ov,()UTC]{0,40}$/),
        (text) => {
          const wait = parseWait(text, NOW);
          assert(wait === null || (wait >= 0 && wait <= 8 * 86_400));
        },
      ),
      { numRuns: 300 },
    );
  });
});
