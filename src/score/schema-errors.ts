/** What the schema refuses, in words: where, why, and what to write instead. */
import type { z } from 'zod';
import type { Findings } from './findings';
import { pathText } from './findings';
import { nearestNames } from './nearest';
import { schemaAt } from './schema/lookup';
import { findNode } from './yaml-node';

/**
 * Names that people write for others; the left side is never a field of a score. From the reference's table of hints.
 */
const usualMistakes: Readonly<Record<string, string>> = {
  retries: 'retry',
  max_retries: 'retry.max_retries',
  paralel: 'parallel',
  parralel: 'parallel',
  parrallel: 'parallel',
  backend_type: 'backend.type',
  timeout: 'stale_detection.idle_timeout_seconds',
  preamble: 'prompt.template',
  task: 'prompt.template',
  stager_delay_ms: 'parallel.stagger_delay_ms',
  stagger_delay: 'parallel.stagger_delay_ms',
  insturment: 'instrument',
  instrumnet: 'instrument',
  insturment_config: 'instrument_config',
  instrumnet_config: 'instrument_config',
  validation: 'validations',
  notification: 'notifications',
  sheets: 'sheet',
  prompts: 'prompt',
};

/** Adds a diagnostic for each issue. */
export function reportIssues(issues: readonly z.core.$ZodIssue[], root: z.ZodType, findings: Findings): void {
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) reportUnknown([...issue.path, key], root, findings);
      continue;
    }
    const path = issue.path;
    const name = pathText(path);
    const value = valueAt(findings, path);
    if (issue.code === 'invalid_key') {
      findings.add({
        code: 'P014',
        severity: 'error',
        path,
        at: 'key',
        message: `\`${String(path.at(-1))}\` cannot be a key of \`${pathText(path.slice(0, -1))}\`.`,
        remedy: 'Keys here are sheet or stage numbers: whole numbers from 1.',
      });
      continue;
    }
    if ((issue.code === 'invalid_type' || issue.code === 'invalid_value') && !findings.isWritten(path)) {
      reportMissing(path, findings);
      continue;
    }
    findings.add({
      code: issue.code === 'invalid_type' ? 'P011' : issue.code === 'invalid_value' ? 'P015' : 'P014',
      severity: 'error',
      path,
      message: `\`${name}\` ${describe(issue, value)}.`,
      remedy: remedyFor(issue, path, value),
    });
  }
}

/** Diagnoses a field that the format does not have, with what was probably meant. */
function reportUnknown(path: readonly PropertyKey[], root: z.ZodType, findings: Findings): void {
  const key = String(path.at(-1));
  const parent = path.slice(0, -1);
  const siblings = schemaAt(root, parent).names;
  const near = nearestNames(key, siblings);
  const usual = Object.hasOwn(usualMistakes, key) ? usualMistakes[key] : undefined;
  const meant = usual === undefined ? near : [usual];
  const simple = meant.length === 1 && siblings.includes(meant[0] ?? '') ? meant[0] : undefined;
  const range = findings.rangeOf(path, 'key');
  findings.add({
    code: 'P012',
    severity: 'error',
    path,
    at: 'key',
    message: `\`${key}\` is not a field of ${parent.length === 0 ? 'a score' : `\`${pathText(parent)}\``}.`,
    remedy:
      meant.length > 0
        ? `Did you mean ${meant.map((name) => `\`${name}\``).join(' or ')}?`
        : siblings.length > 0 && siblings.length <= 12
          ? `Its fields are ${siblings.map((name) => `\`${name}\``).join(', ')}.`
          : 'Remove it.',
    ...(simple !== undefined && range !== null
      ? { fix: { title: `Change to \`${simple}\``, range, newText: simple } }
      : {}),
  });
}

const missingRemedies: Readonly<Record<string, string>> = {
  name: 'Add `name: my-score`.',
  sheet: 'Add a block `sheet:` with `size: 1` and `total_items: <number of stages>`.',
  prompt: 'Add a block `prompt:` with `template: |` and the text of the prompt below it.',
  'sheet.size': 'Add `size: 1` to `sheet`.',
  'sheet.total_items': 'Add `total_items: <number of stages>` to `sheet`.',
};

function reportMissing(path: readonly PropertyKey[], findings: Findings): void {
  const field = String(path.at(-1));
  const parent = path.slice(0, -1);
  findings.add({
    code: 'P013',
    severity: 'error',
    path,
    at: 'key',
    message: `\`${field}\` is missing${parent.length === 0 ? '' : ` in \`${pathText(parent)}\``}.`,
    remedy: missingRemedies[pathText(path)] ?? `Add \`${field}:\` with a value.`,
  });
}

const kindNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`',
  array: 'a list',
  object: 'a mapping (a block of fields)',
  record: 'a mapping',
};

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return 'a date';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return `the text ${JSON.stringify(shorten(value))}`;
  if (typeof value === 'boolean') return `the boolean ${value}`;
  return typeof value === 'number' ? `the number ${value}` : 'something else';
}

function shorten(value: string): string {
  return value.length > 40 ? `${value.slice(0, 40)}…` : value;
}

/** A number as the message shows it. */
function numberText(value: unknown): string {
  return typeof value === 'number' ? String(value) : kindOf(value);
}

function describe(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kindNames[issue.expected] ?? issue.expected}, but is ${kindOf(value)}`;
    case 'invalid_value':
      return `must be ${issue.values.map((allowed) => `\`${String(allowed)}\``).join(' or ')}, but is ${kindOf(value)}`;
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty';
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}, but is ${numberText(value)}`;
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${String(issue.maximum)} characters`;
      return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${String(issue.maximum)}, but is ${numberText(value)}`;
    default:
      return `is not valid: ${issue.message}`;
  }
}

function remedyFor(issue: z.core.$ZodIssue, path: readonly PropertyKey[], value: unknown): string | null {
  const name = pathText(path);
  if (issue.code === 'invalid_value' && typeof value === 'string') {
    const near = nearestNames(value, issue.values.map(String), 1);
    return near.length === 0 ? null : `Did you mean \`${near[0]}\`?`;
  }
  if (issue.code !== 'invalid_type') return null;
  if (name === 'prompt' && typeof value === 'string') {
    return '`prompt` is a block: put the text below `template: |` in it.';
  }
  if (name === 'movements' && Array.isArray(value)) {
    return '`movements` is a mapping of stage numbers: write `1:`, `2:` … with the fields below, without dashes.';
  }
  if (value === null) return 'Give it a value, or remove the line.';
  if (issue.expected === 'string' && (typeof value === 'number' || value instanceof Date)) {
    return 'Put quotes around it.';
  }
  if (issue.expected === 'string' && typeof value === 'boolean') {
    return 'Put quotes around it: YAML reads yes, no, on and off as true and false.';
  }
  if (issue.expected === 'array' && typeof value === 'string')
    return 'Write it as a list: `[…]`, or lines with `- `.';
  return null;
}

/** The written value, as plain as a message needs it. */
function valueAt(findings: Findings, path: readonly PropertyKey[]): unknown {
  const { root } = findings.file;
  if (root === null) return undefined;
  const { node, rest } = findNode(root, path);
  if (rest > 0) return undefined;
  if (node.kind === 'map') return {};
  if (node.kind === 'seq') return [];
  return typeof node.value === 'bigint' ? Number(node.value) : node.value;
}
