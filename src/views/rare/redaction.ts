/** Takes out of a text what a stranger must not read: keys, the user's name in paths, what scores say. Pure. */

export interface Private {
  readonly home: string;
  /** Values of keys that are known here. */
  readonly values: readonly string[];
}

/** Shapes of keys as vendors give them out, and what stands after a name that is one of a secret. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\b(?:sk|pk|rk|gsk|xai|hf|glpat|xox[abprs])[-_][A-Za-z0-9_-]{12,}/g, '[key]'],
  [/\b(?:gh[opsu]_|github_pat_|AKIA|ASIA|AIza)[A-Za-z0-9_-]{12,}/g, '[key]'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '[key]'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, '$1 [key]'],
  [
    /([A-Za-z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)[A-Za-z0-9_]*["']?\s*[=:]\s*["']?)[^\s"',}]+/gi,
    '$1[key]',
  ],
  [/(:\/\/)[^/@\s]+@/g, '$1[key]@'],
  [/\b[A-Za-z0-9+/_-]{48,}={0,2}/g, '[…]'],
];

/** Shorter values would be found in ordinary words. */
const SHORTEST_VALUE = 6;

export function redacted(text: string, { home, values }: Private): string {
  let result = text;
  for (const value of values) if (value.length >= SHORTEST_VALUE) result = result.replaceAll(value, '[key]');
  for (const [shape, instead] of SHAPES) result = result.replace(shape, instead);
  if (home.length > 1) result = result.replaceAll(home, '~');
  return result;
}

/** Messages about a score quote it: of them only place and code are kept. */
export function withoutScores(line: string): string {
  return line
    .replace(/(: (?:error|warning|info) [A-Z]+\d+): .*/, '$1')
    .replace(/(\bsubmit .*?: (?:accepted|rejected|dry_run|pending|error)): .*/, '$1');
}

const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const LONGEST_LINE = 400;

/** A line of the conductor's log (pino's JSON): when, how bad, what, and the error; null for what is none. */
export function conductorLine(line: string): string | null {
  if (line.trim() === '') return null;
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    // Node's own words, of a crash.
    return line.slice(0, LONGEST_LINE);
  }
  if (typeof record !== 'object' || record === null) return null;
  const { time, level, msg, error } = record as Readonly<Record<string, unknown>>;
  const when = typeof time === 'number' ? new Date(time).toISOString() : String(time);
  const words = [
    when,
    typeof level === 'number' ? (LEVELS[level] ?? String(level)) : '',
    typeof msg === 'string' ? msg : '',
    typeof error === 'string' ? error.split('\n').slice(0, 3).join(' ') : '',
  ];
  return words
    .filter((word) => word !== '')
    .join(' ')
    .slice(0, LONGEST_LINE);
}
