/** Longest wait that is believed, seconds: weekly limits exist, longer ones are misreadings. */
const MAX_WAIT_SECONDS = 8 * 86_400;

/** A clock time this little in the past is "now": texts round to minutes, and the agent may have tried again before it gave up. */
const JUST_PAST_MS = 5 * 60_000;

const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
const UNIT = '(ms|milliseconds?|d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)(?![a-z])';
const SPAN = `(\\d+(?:\\.\\d+)?)\\s*${UNIT}(?:[\\s,]*(?:and\\s+)?(\\d+(?:\\.\\d+)?)\\s*${UNIT})?(?:[\\s,]*(?:and\\s+)?(\\d+(?:\\.\\d+)?)\\s*${UNIT})?`;

const RETRY_AFTER_DATE =
  /retry-after["']?\s*[:=]\s*["']?([a-z]{3}, \d{2} [a-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT)/i;
const RETRY_AFTER_SPAN = new RegExp(`retry[\\s_-]*after["']?\\s*[:=]?\\s*["']?${SPAN}`, 'i');
const RETRY_AFTER_PLAIN = /retry[\s_-]*after["']?\s*[:=]?\s*["']?(\d+(?:\.\d+)?)(?![\d:])/i;
const IN_SPAN = new RegExp(
  `(?:try again|retry|retrying|available(?: again)?|resets?|recharges?|wait)\\s+(?:in\\s+|for\\s+)?(?:about\\s+)?${SPAN}`,
  'i',
);
const RESET_WORD = '(?:resets?|available again|try again|recharges?)(?:\\s+(?:at|on))?\\s+';
const ISO_INSTANT = new RegExp(
  `${RESET_WORD}(\\d{4}-\\d{2}-\\d{2}[T ]\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?(?:Z|[+-]\\d{2}:?\\d{2}))`,
  'i',
);
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const CLOCK = new RegExp(
  `${RESET_WORD}(?:(${MONTHS.join('|')})[a-z]*\\.?\\s+(\\d{1,2})(?:,?\\s+(\\d{4}))?(?:,|\\s+at)?\\s+)?(?:at\\s+)?` +
    `(\\d{1,2})(?::(\\d{2}))?\\s*([ap]\\.?m\\.?)?(?![\\d:])\\s*(?:\\(([A-Za-z0-9_+/-]+)\\)|(UTC|GMT)\\b)?`,
  'i',
);

/**
 * Reads from an agent's text how long a limit lasts.
 * @param now The instant the text was written.
 * @param localZone Zone of clock times that name none; IANA name.
 * @returns Seconds from `now`, at least 0 and without any other floor; null when the text does not say, or says something that cannot be.
 */
export function parseWait(
  text: string,
  now: Date,
  localZone = Intl.DateTimeFormat().resolvedOptions().timeZone,
): number | null {
  const date = RETRY_AFTER_DATE.exec(text);
  if (date) return bounded((Date.parse(date[1] ?? '') - now.getTime()) / 1000);
  const retryAfter = RETRY_AFTER_SPAN.exec(text);
  if (retryAfter) return bounded(spanSeconds(retryAfter));
  const plain = RETRY_AFTER_PLAIN.exec(text);
  if (plain) return bounded(Number(plain[1]));
  const instant = ISO_INSTANT.exec(text);
  if (instant) return bounded((Date.parse((instant[1] ?? '').replace(' ', 'T')) - now.getTime()) / 1000);
  const span = IN_SPAN.exec(text);
  if (span) return bounded(spanSeconds(span));
  const clock = CLOCK.exec(text);
  return clock ? clockWait(clock, now, localZone) : null;
}

function bounded(seconds: number): number | null {
  if (!Number.isFinite(seconds) || seconds > MAX_WAIT_SECONDS) return null;
  return Math.max(0, seconds);
}

function spanSeconds(match: RegExpExecArray): number {
  let sum = 0;
  for (let group = 1; group < match.length; group += 2) {
    const amount = match[group];
    const unit = match[group + 1]?.toLowerCase();
    if (amount === undefined || unit === undefined) continue;
    const key = unit.startsWith('ms') || unit.startsWith('milli') ? 'ms' : (unit[0] ?? 's');
    sum += Number(amount) * (UNIT_SECONDS[key] ?? 1);
  }
  return sum;
}

function clockWait(match: RegExpExecArray, now: Date, localZone: string): number | null {
  const [, monthName, dayText, yearText, hourText, minuteText, meridiem, zoneInBrackets, zoneBare] = match;
  // A bare number is no clock time: "resets 3 times".
  if (minuteText === undefined && meridiem === undefined) return null;
  const hour = hourOf(Number(hourText), meridiem);
  const minute = Number(minuteText ?? '0');
  if (hour === null || minute > 59) return null;
  const zone = zoneInBrackets ?? zoneBare ?? localZone;
  const today = wallClock(now.getTime(), zone);
  if (today === null) return null;

  if (monthName !== undefined) {
    const month = MONTHS.indexOf(monthName.toLowerCase().slice(0, 3)) + 1;
    const day = Number(dayText);
    if (day < 1 || day > 31) return null;
    const years = yearText === undefined ? [today.year, today.year + 1] : [Number(yearText)];
    for (const year of years) {
      const wait = instantOf({ year, month, day, hour, minute }, zone) - now.getTime();
      if (wait >= -JUST_PAST_MS) return bounded(wait / 1000);
    }
    return null;
  }
  for (const offset of [0, 1]) {
    const wait = instantOf({ ...today, day: today.day + offset, hour, minute }, zone) - now.getTime();
    if (wait >= -JUST_PAST_MS) return bounded(wait / 1000);
  }
  return null;
}

function hourOf(hour: number, meridiem: string | undefined): number | null {
  if (meridiem === undefined) return hour <= 23 ? hour : null;
  if (hour < 1 || hour > 12) return null;
  return (hour % 12) + (meridiem.toLowerCase().startsWith('p') ? 12 : 0);
}

interface WallClock {
  readonly year: number;
  /** 1–12. */
  readonly month: number;
  /** May run over its month; the next one is meant. */
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

/** What a clock in that zone shows; null for a zone that does not exist. */
function wallClock(instant: number, zone: string): WallClock | null {
  let parts: Intl.DateTimeFormatPart[];
  try {
    parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    }).formatToParts(instant);
  } catch {
    return null;
  }
  const value = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  return {
    year: value('year'),
    month: value('month'),
    day: value('day'),
    hour: value('hour'),
    minute: value('minute'),
  };
}

/** The instant at which that zone's clock shows this. In the gap of a time change the instant after it. */
function instantOf(clock: WallClock, zone: string): number {
  const asUtc = Date.UTC(clock.year, clock.month - 1, clock.day, clock.hour, clock.minute);
  let instant = asUtc;
  // The zone's offset at the guess corrects the guess; twice, because the first guess may be on the other side of a time change.
  for (let round = 0; round < 2; round += 1) {
    const shown = wallClock(instant, zone);
    if (shown === null) return NaN;
    const offset = Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute) - instant;
    instant = asUtc - offset;
  }
  return instant;
}
