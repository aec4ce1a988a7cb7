/** The outline of a score. */
import type { YamlEntry, YamlNode } from '../../score/yaml-node';
import { entryOf, keyText } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import { sheetBranches } from './branches';

/** A line of the outline. Offsets into the document: the whole, and the part that is selected. */
export interface OutlineItem {
  readonly name: string;
  readonly detail: string;
  readonly kind: 'name' | 'block' | 'movement' | 'branch' | 'rule' | 'instrument' | 'variable' | 'field';
  readonly from: number;
  readonly end: number;
  readonly selectFrom: number;
  readonly selectEnd: number;
  readonly children: readonly OutlineItem[];
}

/** The outline; empty while the text is no YAML. */
export function outlineOf(analysis: Analysis): OutlineItem[] {
  return (analysis.file.root?.entries ?? []).map((entry) => topItem(analysis, entry));
}

function item(
  { key, value }: YamlEntry,
  more: { kind: OutlineItem['kind']; name?: string; detail?: string; children?: readonly OutlineItem[] },
): OutlineItem {
  return {
    name: keyText(key),
    detail: detailOf(value),
    children: [],
    ...more,
    from: key.range.offset,
    end: Math.max(key.range.end, value.range.end),
    selectFrom: key.range.offset,
    selectEnd: key.range.end,
  };
}

function detailOf(node: YamlNode): string {
  if (node.kind !== 'scalar') return '';
  const text = node.value instanceof Date ? node.source : String(node.value ?? '');
  const [line = ''] = text.split('\n');
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}

function textOf(node: YamlNode, key: string): string {
  const value = node.kind === 'map' ? entryOf(node, key)?.value : undefined;
  return value === undefined ? '' : detailOf(value);
}

function entriesOf(node: YamlNode): readonly YamlEntry[] {
  return node.kind === 'map' ? node.entries : [];
}

function topItem(analysis: Analysis, entry: YamlEntry): OutlineItem {
  const { plan } = analysis;
  const { value } = entry;
  switch (keyText(entry.key)) {
    case 'name':
      return item(entry, { kind: 'name' });
    case 'sheet': {
      const detail =
        plan === null ? '' : `${plan.totalSheets} ${plan.totalSheets === 1 ? 'sheet' : 'sheets'}`;
      return item(entry, {
        kind: 'block',
        detail,
        children: entriesOf(value).map((each) => item(each, { kind: 'field' })),
      });
    }
    case 'movements': {
      const children = entriesOf(value).map((each) => {
        const stage = keyText(each.key);
        const sheets = analysis.score?.expansion.sheetsOfStage.get(Number(stage)) ?? [];
        const detail = sheets.length > 1 ? `sheets ${sheets[0] ?? 0}–${sheets.at(-1) ?? 0}` : '';
        return item(each, {
          kind: 'movement',
          name: `${stage} ${textOf(each.value, 'name')}`.trim(),
          detail,
        });
      });
      return item(entry, { kind: 'block', children });
    }
    case 'instruments': {
      const children = entriesOf(value).map((each) =>
        item(each, { kind: 'instrument', detail: textOf(each.value, 'profile') }),
      );
      return item(entry, { kind: 'block', children });
    }
    case 'prompt':
      return item(entry, {
        kind: 'block',
        children: entriesOf(value).map((each) => promptItem(analysis, each)),
      });
    case 'validations': {
      const rules = value.kind === 'seq' ? value.items : [];
      return item(entry, {
        kind: 'block',
        detail: rules.length > 0 ? String(rules.length) : '',
        children: rules.map(ruleItem),
      });
    }
    default:
      return item(entry, { kind: entriesOf(value).length > 0 ? 'block' : 'field' });
  }
}

function promptItem(analysis: Analysis, entry: YamlEntry): OutlineItem {
  const { template, plan, score } = analysis;
  if (keyText(entry.key) === 'variables') {
    return item(entry, {
      kind: 'block',
      children: entriesOf(entry.value).map((each) => item(each, { kind: 'variable' })),
    });
  }
  if (
    keyText(entry.key) !== 'template' ||
    template === null ||
    template.parsed === null ||
    plan === null ||
    score === null
  )
    return item(entry, { kind: 'field' });
  const toDocument = (offset: number): number => template.embedded.toDocument(offset);
  const branches = sheetBranches(template.parsed, plan, score.variables).map((branch): OutlineItem => {
    const from = toDocument(branch.offset);
    const [first = 0] = branch.sheets;
    return {
      name: branch.label,
      detail: branch.sheets.length === 1 ? `sheet ${first}` : `${branch.sheets.length} sheets`,
      kind: 'branch',
      from,
      end: Math.max(toDocument(branch.bodyEnd), toDocument(branch.end)),
      selectFrom: from,
      selectEnd: toDocument(branch.end),
      children: [],
    };
  });
  return { ...item(entry, { kind: 'block', detail: '' }), children: nested(branches) };
}

/** Branches inside branches; `branches` is in document order. */
function nested(branches: readonly OutlineItem[]): OutlineItem[] {
  const top: OutlineItem[] = [];
  const open: { readonly end: number; readonly children: OutlineItem[] }[] = [];
  for (const branch of branches) {
    while (open.length > 0 && branch.from >= (open.at(-1)?.end ?? 0)) open.pop();
    const children: OutlineItem[] = [];
    (open.at(-1)?.children ?? top).push({ ...branch, children });
    open.push({ end: branch.end, children });
  }
  return top;
}

function ruleItem(rule: YamlNode): OutlineItem {
  const name =
    textOf(rule, 'description') ||
    textOf(rule, 'path') ||
    textOf(rule, 'command') ||
    textOf(rule, 'type') ||
    'rule';
  const { offset: from, end } = rule.range;
  return {
    name,
    detail: textOf(rule, 'type'),
    kind: 'rule',
    from,
    end,
    selectFrom: from,
    selectEnd: end,
    children: [],
  };
}
