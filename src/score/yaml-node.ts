/** The tree of a YAML file: values with their places. */
import type { SourceRange } from './diagnostic';

export type YamlNode = YamlMapping | YamlSequence | YamlScalar;

export interface YamlEntry {
  readonly key: YamlScalar;
  readonly value: YamlNode;
}

export interface YamlMapping {
  readonly kind: 'map';
  readonly range: SourceRange;
  /** In written order; of duplicates only the last is here. Merged entries come first. */
  readonly entries: readonly YamlEntry[];
}

export interface YamlSequence {
  readonly kind: 'seq';
  readonly range: SourceRange;
  readonly items: readonly YamlNode[];
}

export interface YamlScalar {
  readonly kind: 'scalar';
  readonly range: SourceRange;
  /** An integer is a bigint and a float a number, so that `384` and `384.0` stay apart. */
  readonly value: string | number | bigint | boolean | Date | null;
  /** As written, unquoted. */
  readonly source: string;
  readonly style: 'plain' | 'quoted' | 'literal' | 'folded';
}

/** Keys as the path of a diagnostic and of a schema issue names them. */
export function keyText(key: YamlScalar): string {
  if (key.value instanceof Date) return key.source;
  if (key.value === null) return 'null';
  if (typeof key.value === 'number' && Number.isInteger(key.value)) return String(key.value);
  return String(key.value);
}

/** Plain data of a node, as the schema reads it: null-prototype objects, so that no key is special; integers as numbers. */
export function plainData(node: YamlNode): unknown {
  if (node.kind === 'seq') return node.items.map(plainData);
  if (node.kind === 'scalar') return typeof node.value === 'bigint' ? Number(node.value) : node.value;
  const data = Object.create(null) as Record<string, unknown>;
  for (const entry of node.entries) data[keyText(entry.key)] = plainData(entry.value);
  return data;
}

/** The node at a path of keys and list positions, and the key that leads to it; `rest` counts path parts that do not exist. */
export function findNode(
  root: YamlMapping,
  path: readonly PropertyKey[],
): { node: YamlNode; key: YamlScalar | null; rest: number } {
  let node: YamlNode = root;
  let key: YamlScalar | null = null;
  for (const [depth, part] of path.entries()) {
    let next: YamlNode | undefined;
    if (node.kind === 'map') {
      const entry: YamlEntry | undefined = entryOf(node, String(part));
      next = entry?.value;
      if (entry !== undefined) key = entry.key;
    } else if (node.kind === 'seq') {
      next = node.items[Number(part)];
      if (next !== undefined) key = null;
    }
    if (next === undefined) return { node, key, rest: path.length - depth };
    node = next;
  }
  return { node, key, rest: 0 };
}

/** The entry with this key, or undefined. */
export function entryOf(map: YamlMapping, key: string): YamlEntry | undefined {
  return map.entries.findLast((entry) => keyText(entry.key) === key);
}

/** The path of the innermost key or value that covers an offset; the empty path when none does. For hover and completion. */
export function pathAt(
  root: YamlMapping,
  offset: number,
): { readonly path: readonly (string | number)[]; readonly part: 'key' | 'value' } {
  const covers = ({ range }: YamlNode): boolean => range.offset <= offset && offset <= range.end;
  const path: (string | number)[] = [];
  let node: YamlNode = root;
  for (;;) {
    if (node.kind === 'map') {
      const entry: YamlEntry | undefined = node.entries.find(
        ({ key, value }) => covers(key) || covers(value),
      );
      if (entry === undefined) return { path, part: 'value' };
      path.push(keyText(entry.key));
      if (covers(entry.key)) return { path, part: 'key' };
      node = entry.value;
    } else if (node.kind === 'seq') {
      const index: number = node.items.findIndex(covers);
      const item: YamlNode | undefined = node.items[index];
      if (item === undefined) return { path, part: 'value' };
      path.push(index);
      node = item;
    } else return { path, part: 'value' };
  }
}
