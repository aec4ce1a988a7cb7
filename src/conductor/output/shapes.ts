/**
 * What credentials look like, for those whose value we do not know. Sources: the published token formats of each vendor, and the list that the
 * Python system redacts (spec/engine.md §6.3, spec/backends-and-ipc.md "Redaction labels").
 */

/** A piece of a shape: literal text, or `min` to `max` characters of a class. */
export type Atom = string | { readonly chars: string; readonly min: number; readonly max: number };

export interface ShapeSpec {
  /** Goes into the label: `[REDACTED_<KIND>]`. */
  readonly kind: string;
  /** Literal beginnings; the atoms must match from there. */
  readonly anchors: readonly string[];
  readonly atoms: readonly Atom[];
  /** Class of the characters swallowed once the atoms have matched, without limit unless `limit` is given. */
  readonly run: string;
  /** Must not follow a letter or digit (an escape or a colour sequence does not count as one). */
  readonly boundary?: boolean;
  /** Ends the run, and is swallowed too. Its first character is a hyphen, which the run takes when no end follows. */
  readonly end?: readonly Atom[];
  /** Most characters a run may take. */
  readonly limit?: number;
}

const alnum = '[A-Za-z0-9]';
const word = '[A-Za-z0-9_]';
const token = '[A-Za-z0-9_-]';
const exactly = (chars: string, count: number): Atom => ({ chars, min: count, max: count });
const keyName: readonly Atom[] = [{ chars: '[A-Z0-9 ]', min: 0, max: 40 }, 'PRIVATE KEY'];

/** In order of trial at one place: the first that fits names the label. */
export const shapes: readonly ShapeSpec[] = [
  {
    kind: 'ANTHROPIC_KEY',
    anchors: ['sk-ant-'],
    atoms: ['sk-ant-', { chars: alnum, min: 3, max: 12 }, '-', exactly(token, 16)],
    run: token,
  },
  ...['sk-proj-', 'sk-svcacct-', 'sk-admin-', 'sk-or-v1-'].map((anchor): ShapeSpec => ({
    kind: anchor === 'sk-or-v1-' ? 'OPENROUTER_KEY' : 'OPENAI_KEY',
    anchors: [anchor],
    atoms: [anchor, exactly(token, 20)],
    run: token,
  })),
  // `task-…`, `disk-…` and the like are why this one looks to its left.
  { kind: 'API_KEY', anchors: ['sk-'], atoms: ['sk-', exactly(alnum, 32)], run: token, boundary: true },
  { kind: 'GOOGLE_KEY', anchors: ['AIzaSy'], atoms: ['AIzaSy', exactly(token, 30)], run: token },
  ...['AKIA', 'ASIA'].map((anchor): ShapeSpec => ({
    kind: 'AWS_KEY',
    anchors: [anchor],
    atoms: [anchor, exactly('[A-Z0-9]', 16)],
    run: '[A-Z0-9]',
  })),
  ...['ghp_', 'gho_', 'ghs_', 'ghu_', 'ghr_', 'github_pat_'].map((anchor): ShapeSpec => ({
    kind: 'GITHUB_TOKEN',
    anchors: [anchor],
    atoms: [anchor, exactly(word, 30)],
    run: word,
  })),
  { kind: 'GITLAB_TOKEN', anchors: ['glpat-'], atoms: ['glpat-', exactly(token, 20)], run: token },
  ...['xoxa-', 'xoxb-', 'xoxe-', 'xoxo-', 'xoxp-', 'xoxr-', 'xoxs-', 'xapp-'].map((anchor): ShapeSpec => ({
    kind: 'SLACK_TOKEN',
    anchors: [anchor],
    atoms: [anchor, exactly('[A-Za-z0-9-]', 10)],
    run: '[A-Za-z0-9-]',
  })),
  { kind: 'HF_TOKEN', anchors: ['hf_'], atoms: ['hf_', exactly(alnum, 30)], run: alnum },
  { kind: 'NPM_TOKEN', anchors: ['npm_'], atoms: ['npm_', exactly(alnum, 30)], run: alnum },
  { kind: 'GROQ_KEY', anchors: ['gsk_'], atoms: ['gsk_', exactly(alnum, 40)], run: alnum },
  {
    kind: 'BEARER_TOKEN',
    anchors: ['Bearer', 'bearer', 'BEARER'],
    atoms: [exactly('[A-Za-z]', 6), { chars: '[ \\t]', min: 1, max: 4 }, exactly('[A-Za-z0-9._~+/=-]', 20)],
    run: '[A-Za-z0-9._~+/=-]',
  },
  {
    // Decided by header and begin of the payload; 2,000 characters of header hold a certificate chain's thumbprint and more.
    kind: 'JWT',
    anchors: ['eyJ'],
    atoms: ['eyJ', { chars: token, min: 8, max: 2000 }, '.eyJ'],
    run: '[A-Za-z0-9_.-]',
    boundary: true,
  },
  {
    kind: 'PRIVATE_KEY',
    anchors: ['-----BEGIN '],
    atoms: ['-----BEGIN ', ...keyName, { chars: '[ A-Z]', min: 0, max: 6 }, '-----'],
    // White space, escapes (`\n` in JSON) and header lines (`Proc-Type: 4,ENCRYPTED`) too: a key shown in part is redacted as far as it goes.
    run: '[A-Za-z0-9+/=\\s\\\\:,]',
    end: ['-----END ', ...keyName, { chars: '[ A-Z]', min: 0, max: 6 }, '-----'],
    limit: 16_384,
  },
];

const escape = (literal: string): string => literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
const units = (atoms: readonly Atom[]): Atom[] =>
  atoms.flatMap((atom): Atom[] => (typeof atom === 'string' ? [...atom] : [atom]));

/** Sticky expression that matches the atoms. */
export function fullExpression(atoms: readonly Atom[]): RegExp {
  const source = atoms
    .map((atom) =>
      typeof atom === 'string' ? escape(atom) : `${atom.chars}{${String(atom.min)},${String(atom.max)}}`,
    )
    .join('');
  return new RegExp(source, 'y');
}

/** Sticky expression that matches where the text ends before the atoms do: more text could make it a match. */
export function partialExpression(atoms: readonly Atom[]): RegExp {
  const source = units(atoms).reduceRight<string>((rest, atom) => {
    const next = rest === '' ? '' : `(?:${rest})`;
    if (typeof atom === 'string') return next === '' ? '$' : `$|${escape(atom)}${next}`;
    const shorter = `${atom.chars}{0,${String(atom.max)}}$`;
    return next === ''
      ? `${atom.chars}{0,${String(atom.min - 1)}}$`
      : `${shorter}|${atom.chars}{${String(atom.min)},${String(atom.max)}}${next}`;
  }, '');
  return new RegExp(source, 'y');
}
