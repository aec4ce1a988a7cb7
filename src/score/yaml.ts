/**
 * YAML text → a tree of our own, with places. The meaning is that of PyYAML's `safe_load` (YAML 1.1, merge keys, last of
 * duplicate keys wins), because that is what score authors write for; the caps are ours, because a score is a stranger's text.
 */
import { Composer, LineCounter, Parser, isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { CST, Node, Pair, ParsedNode, Scalar, YAMLMap } from 'yaml';
import type { Diagnostic, SourceRange } from './diagnostic';
import { TextIndex } from './text-index';
import type { YamlEntry, YamlMapping, YamlNode, YamlScalar } from './yaml-node';
import { keyText } from './yaml-node';

/** Caps on a score's text. Generous: the largest of the published scores has 60 KiB, nesting 7 and no alias. */
export const yamlLimits = {
  /** UTF-16 units. */
  textLength: 1024 * 1024,
  depth: 100,
  /** Nodes after every alias is written out, which is what a reader of the tree walks. */
  expandedNodes: 200_000,
  /** Lines with syntax errors that are told of; most errors follow from the first. */
  shownErrors: 5,
} as const;

export interface YamlFile {
  readonly text: string;
  readonly index: TextIndex;
  /** Null when the text is no YAML, is empty, is not a mapping or goes beyond a cap; `diagnostics` says which. */
  readonly root: YamlMapping | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads YAML. Never throws: whatever is wrong is a diagnostic with its place. */
export function readYaml(text: string): YamlFile {
  const index = new TextIndex(text);
  const diagnostics: Diagnostic[] = [];
  const file = (root: YamlMapping | null): YamlFile => ({ text, index, root, diagnostics });
  const refuse = (
    code: string,
    message: string,
    remedy: string | null,
    range: SourceRange | null,
  ): YamlFile => {
    diagnostics.push({ code, severity: 'error', message, remedy, range, path: null });
    return file(null);
  };

  if (text.length > yamlLimits.textLength) {
    return refuse(
      'P003',
      `The score has ${text.length} characters; at most ${yamlLimits.textLength} are read.`,
      'Move long texts into files: `prompt.template_file`, or `sheet.prelude` and `sheet.cadenzas`.',
      null,
    );
  }
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    return refuse(
      'P001',
      'The text contains a NUL character, which YAML does not allow.',
      'Is this a binary file? Remove the character.',
      index.range(nul, nul + 1),
    );
  }

  const tokens = [...new Parser().parse(text)];
  const deep = tooDeep(tokens, yamlLimits.depth);
  if (deep !== null) {
    return refuse(
      'P004',
      `The text is nested more than ${yamlLimits.depth} levels deep.`,
      null,
      index.range(deep, deep + 1),
    );
  }
  const documents = [...composer().compose(tokens, true, text.length)];
  const first = documents[0];
  const errors = documents.flatMap((document) => document.errors);
  const unknownTags = documents.flatMap((document) => document.warnings);
  const linesTold = new Set<number>();
  for (const problem of [...errors, ...unknownTags]) {
    const { line } = index.range(problem.pos[0], problem.pos[0]);
    if (linesTold.has(line) || linesTold.size >= yamlLimits.shownErrors) continue;
    linesTold.add(line);
    diagnostics.push({
      code: 'P001',
      severity: 'error',
      message: `YAML: ${problem.message}`,
      remedy: syntaxRemedy(problem.code, text, problem.pos[0]),
      range: index.range(problem.pos[0], Math.max(problem.pos[0] + 1, problem.pos[1])),
      path: null,
    });
  }
  if (first === undefined || diagnostics.length > 0) return file(null);
  const second = documents[1];
  if (second !== undefined) {
    const at = second.range[0];
    return refuse(
      'P001',
      'The file holds more than one YAML document.',
      'A score is one document: remove the `---` line, or put the second score into a file of its own.',
      index.range(at, at + 1),
    );
  }
  if (first.contents === null || (isScalar(first.contents) && first.contents.value === null)) {
    return refuse(
      'P007',
      'The file is empty.',
      'A score needs at least `name`, `sheet` and `prompt`.',
      index.range(0, 0),
    );
  }
  try {
    const root = new Builder(index, diagnostics).build(first.contents);
    if (root.kind === 'map') return file(root);
    return refuse(
      'P006',
      `A score is a mapping of fields, but this file is ${root.kind === 'seq' ? 'a list' : 'a single value'}.`,
      'Begin with `name: …` at the start of a line.',
      root.range,
    );
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return refuse(error.code, error.message, error.remedy, error.range);
  }
}

class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly remedy: string | null,
    readonly range: SourceRange,
  ) {
    super(message);
  }
}

/** PyYAML's booleans leave out `y` and `n`, and its floats need a point and a signed exponent. */
const pythonBooleans: Readonly<Record<string, RegExp>> = {
  true: /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/,
  false: /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/,
};
const pythonFloat = /^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)$/;
const pythonExponent = /^[-+]?(?:[0-9][0-9_]*)?\.[0-9_]*[eE][-+][0-9]+$/;

function composer(): Composer<ParsedNode, true> {
  return new Composer({
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    intAsBigInt: true,
    keepSourceTokens: true,
    prettyErrors: false,
    lineCounter: new LineCounter(),
    customTags: (tags) =>
      tags.map((tag) => {
        if (typeof tag === 'string' || !('test' in tag) || tag.test === undefined) return tag;
        if (tag.tag === 'tag:yaml.org,2002:bool') {
          return { ...tag, test: tag.test.test('true') ? pythonBooleans['true']! : pythonBooleans['false']! };
        }
        if (tag.tag === 'tag:yaml.org,2002:float' && tag.format === 'EXP')
          return { ...tag, test: pythonExponent };
        // A lone point is text: `workspace: .` names the folder.
        if (tag.tag === 'tag:yaml.org,2002:float' && tag.test.test('.')) return { ...tag, test: pythonFloat };
        return tag;
      }),
  });
}

/** The offset where the nesting first exceeds the cap, or null. Iterative: the composer after it recurses. */
function tooDeep(tokens: readonly CST.Token[], cap: number): number | null {
  const pending: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const { token, depth } = at;
    if (token.type === 'document') {
      if (token.value !== undefined) pending.push({ token: token.value, depth });
      continue;
    }
    if (token.type !== 'block-map' && token.type !== 'block-seq' && token.type !== 'flow-collection')
      continue;
    if (depth >= cap) return token.offset;
    for (const item of token.items) {
      if (item.key !== undefined && item.key !== null) pending.push({ token: item.key, depth: depth + 1 });
      if (item.value !== undefined) pending.push({ token: item.value, depth: depth + 1 });
    }
  }
  return null;
}

function syntaxRemedy(code: string, text: string, offset: number): string | null {
  if (code === 'TAB_AS_INDENT' || text[offset] === '\t') return 'Indent with spaces; YAML refuses tabs.';
  if (code === 'TAG_RESOLVE_FAILED') return 'Remove the tag (the word that begins with `!`).';
  if (code === 'BAD_INDENT' || code === 'BLOCK_AS_IMPLICIT_KEY' || code === 'MULTILINE_IMPLICIT_KEY') {
    return 'Check the indentation of this line and the one before it; quote a text that contains `: `.';
  }
  if (code === 'MISSING_CHAR') return 'A quote or bracket is not closed.';
  return null;
}

/** Builds our tree from the composed document: aliases resolved (shared, never copied), merge keys applied. */
class Builder {
  private readonly anchors = new Map<string, { node: YamlNode; size: number }>();
  /** Anchors whose node is being built: an alias to one of them would be a loop. */
  private readonly open = new Set<string>();

  constructor(
    private readonly index: TextIndex,
    private readonly diagnostics: Diagnostic[],
  ) {}

  build(contents: Node): YamlNode {
    return this.node(contents).node;
  }

  private rangeOf(node: { range?: [number, number, number] | null | undefined }): SourceRange {
    const range = node.range ?? [0, 0, 0];
    return this.index.range(range[0], range[1]);
  }

  private node(source: Node): { node: YamlNode; size: number } {
    if (isAlias(source)) {
      const target = this.anchors.get(source.source);
      if (target !== undefined && !this.open.has(source.source)) return target;
      throw new Refusal(
        'P005',
        `The alias \`*${source.source}\` ${this.open.has(source.source) ? 'refers to something that contains it' : 'has no anchor before it'}.`,
        'Write the value out.',
        this.rangeOf(source),
      );
    }
    const anchor = isScalar(source) || isMap(source) || isSeq(source) ? source.anchor : undefined;
    if (anchor !== undefined) this.open.add(anchor);
    const built = isMap(source)
      ? this.mapping(source)
      : isSeq(source)
        ? this.sequence(source.items as Node[], this.rangeOf(source))
        : isScalar(source)
          ? { node: this.scalar(source), size: 1 }
          : this.unsupported(source);
    if (built.size > yamlLimits.expandedNodes) {
      throw new Refusal(
        'P005',
        `With its aliases written out the score has more than ${yamlLimits.expandedNodes} values.`,
        'Use fewer aliases (`*name`).',
        built.node.range,
      );
    }
    if (anchor !== undefined) {
      this.open.delete(anchor);
      this.anchors.set(anchor, built);
    }
    return built;
  }

  private unsupported(source: Node): never {
    throw new Refusal('P001', 'This kind of YAML value is not supported.', null, this.rangeOf(source));
  }

  private sequence(items: readonly Node[], range: SourceRange): { node: YamlNode; size: number } {
    const built = items.map((item) => this.node(item));
    return {
      node: { kind: 'seq', range, items: built.map((item) => item.node) },
      size: built.reduce((sum, item) => sum + item.size, 1),
    };
  }

  private scalar(source: Scalar): YamlScalar {
    const { value } = source;
    const accepted =
      value === null ||
      value instanceof Date ||
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'bigint' ||
      typeof value === 'boolean';
    if (!accepted) return this.unsupported(source);
    return {
      kind: 'scalar',
      range: this.rangeOf(source),
      value,
      source: source.source ?? (typeof value === 'string' ? value : ''),
      style:
        source.type === 'BLOCK_LITERAL'
          ? 'literal'
          : source.type === 'BLOCK_FOLDED'
            ? 'folded'
            : source.type === 'QUOTE_DOUBLE' || source.type === 'QUOTE_SINGLE'
              ? 'quoted'
              : 'plain',
    };
  }

  private mapping(source: YAMLMap): { node: YamlNode; size: number } {
    const own = new Map<string, YamlEntry>();
    const merged = new Map<string, YamlEntry>();
    let size = 1;
    for (const pair of source.items as Pair<Node, Node | null>[]) {
      if (isMergeKey(pair.key)) {
        size += this.merge(pair, merged);
        continue;
      }
      const keyNode = this.key(pair.key);
      const value = pair.value === null ? this.absent(pair.key) : this.node(pair.value);
      size += value.size + 1;
      const identity = `${typeof keyNode.value} ${keyText(keyNode)}`;
      const before = own.get(identity);
      if (before !== undefined) {
        own.delete(identity);
        this.diagnostics.push({
          code: 'P002',
          severity: 'warning',
          message: `\`${keyText(keyNode)}\` is written twice here (first in line ${before.key.range.line}); the last one counts.`,
          remedy: 'Remove one of them.',
          range: keyNode.range,
          path: null,
          related: [{ message: 'It is written here first.', file: null, range: before.key.range }],
        });
      }
      own.set(identity, { key: keyNode, value: value.node });
    }
    for (const identity of own.keys()) merged.delete(identity);
    return {
      node: { kind: 'map', range: this.rangeOf(source), entries: [...merged.values(), ...own.values()] },
      size,
    };
  }

  /** `<<`: what the map itself says wins, then the earlier of the merged maps. */
  private merge(pair: Pair<Node, Node | null>, merged: Map<string, YamlEntry>): number {
    const value = pair.value === null ? this.absent(pair.key) : this.node(pair.value);
    const maps = value.node.kind === 'seq' ? value.node.items : [value.node];
    for (const map of maps) {
      if (map.kind !== 'map') {
        throw new Refusal(
          'P001',
          'YAML: a merge key (`<<`) takes a mapping or a list of mappings.',
          null,
          map.range,
        );
      }
      for (const entry of map.entries) {
        const identity = `${typeof entry.key.value} ${keyText(entry.key)}`;
        if (!merged.has(identity)) merged.set(identity, entry);
      }
    }
    return value.size;
  }

  private key(source: Node): YamlScalar {
    const { node } = this.node(source);
    if (node.kind === 'scalar') return node;
    throw new Refusal('P001', 'YAML: a key must be a single value.', 'Quote the key.', node.range);
  }

  /** `key:` with nothing after it. */
  private absent(key: Node): { node: YamlNode; size: number } {
    const end = key.range?.[1] ?? 0;
    return {
      node: {
        kind: 'scalar',
        range: this.index.range(end, end),
        value: null,
        source: '',
        style: 'plain',
      },
      size: 1,
    };
  }
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}
