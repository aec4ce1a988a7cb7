/** Regular expressions of scores are Python's; they are checked and run as JavaScript's. */

export type CompiledRegex =
  { readonly ok: true; readonly regex: RegExp } | { readonly ok: false; readonly message: string };

const flagNames = 'aiLmsux';

/**
 * Compiles a pattern of Python's `re` as `re.compile(pattern, re.MULTILINE)` would mean it. Translated: inline flags at the
 * start (`(?is)`) and over a group (`(?i:…)`, where it can be expressed), named groups and their back references, `\A`, `\Z`,
 * `(?#comments)`, verbose mode. `^` and `$` are per line. Never throws.
 */
export function compilePythonRegex(pattern: string): CompiledRegex {
  const translated = translate(pattern);
  if (typeof translated === 'string') return { ok: false, message: translated };
  const { source, flags } = translated;
  let message = '';
  // Without `u` first: Python takes harmless escapes such as `\-` and `\_`, which `u` refuses; `u` is needed for astral classes.
  for (const unicode of needsUnicode(source) ? ['u', ''] : ['', 'u']) {
    try {
      return { ok: true, regex: new RegExp(source, flags + unicode) };
    } catch (error) {
      message ||=
        error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : String(error);
    }
  }
  return { ok: false, message };
}

function needsUnicode(source: string): boolean {
  return /[\u{10000}-\u{10FFFF}]/u.test(source);
}

function translate(pattern: string): { source: string; flags: string } | string {
  const leading = new RegExp(`^\\(\\?([${flagNames}]+)\\)`).exec(pattern);
  const written = leading?.[1] ?? '';
  const verbose = written.includes('x');
  let source = '';
  let inClass = false;
  let at = leading?.[0].length ?? 0;
  while (at < pattern.length) {
    const char = pattern[at] ?? '';
    const rest = pattern.slice(at, at + 64);
    if (char === '\\') {
      const next = pattern[at + 1];
      if (next === undefined) return 'it ends with a backslash';
      if (!inClass && next === 'A') source += '(?<![\\s\\S])';
      else if (!inClass && next === 'Z') source += '(?![\\s\\S])';
      else if (next === 'a') source += '\\x07';
      else if (next === 'U' && /^\\U[0-9a-fA-F]{8}/.test(rest)) {
        const code = Number.parseInt(rest.slice(2, 10), 16);
        if (code > 0x10ffff) return 'it has an impossible character code';
        source += String.fromCodePoint(code);
        at += 10;
        continue;
      } else source += char + next;
      at += 2;
      continue;
    }
    if (inClass) {
      if (char === ']') inClass = false;
      source += char === '[' ? '\\[' : char;
      at++;
      continue;
    }
    if (char === '[') {
      inClass = true;
      // A bracket that comes first is a member of the class in Python.
      const first = /^\[\^?\]/.exec(rest);
      source += first === null ? char : `${first[0].slice(0, -1)}\\]`;
      at += first?.[0].length ?? 1;
      continue;
    }
    if (verbose && /\s/.test(char)) {
      at++;
      continue;
    }
    if (verbose && char === '#') {
      const end = pattern.indexOf('\n', at);
      at = end < 0 ? pattern.length : end + 1;
      continue;
    }
    if (char === '(' && pattern[at + 1] === '?') {
      const group = groupStart(pattern, at);
      if (typeof group === 'string') return group;
      source += group.source;
      at += group.length;
      continue;
    }
    const upTo = char === '{' ? /^\{,\d+\}/.exec(rest) : null;
    if (upTo !== null) {
      source += `{0${upTo[0].slice(1)}`;
      at += upTo[0].length;
      continue;
    }
    // Python's point leaves out only the line feed, JavaScript's also the carriage return.
    source += char === '.' && !written.includes('s') ? '[^\\n]' : char;
    at++;
  }
  let flags = 'm';
  if (written.includes('i')) flags += 'i';
  if (written.includes('s')) flags += 's';
  return { source, flags };
}

/** A group that begins with `(?`: its JavaScript form and how much of the pattern it took, or what is wrong. */
function groupStart(pattern: string, at: number): { source: string; length: number } | string {
  const rest = pattern.slice(at);
  const named = /^\(\?P<([A-Za-z_]\w*)>/.exec(rest);
  if (named !== null) return { source: `(?<${named[1]}>`, length: named[0].length };
  const reference = /^\(\?P=([A-Za-z_]\w*)\)/.exec(rest);
  if (reference !== null) return { source: `\\k<${reference[1]}>`, length: reference[0].length };
  const comment = /^\(\?#[^)]*\)/.exec(rest);
  if (comment !== null) return { source: '', length: comment[0].length };
  if (new RegExp(`^\\(\\?[${flagNames}]+\\)`).test(rest)) {
    return 'flags such as (?i) must stand at its start';
  }
  const scoped = new RegExp(`^\\(\\?([${flagNames}]*)(?:-[imsx]+)?:`).exec(rest);
  if (scoped !== null && scoped[0] !== '(?:') {
    return 'flags for a part of it, such as (?i:…), are not supported; put (?i) at its start';
  }
  if (rest.startsWith('(?>')) return 'atomic groups (?>…) are not supported';
  if (/^\(\?\(/.test(rest)) return 'conditional groups (?(…)…) are not supported';
  return { source: '(?', length: 2 };
}
