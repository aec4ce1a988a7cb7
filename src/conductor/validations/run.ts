import type { PlannedRule } from '../../score/plan';
import type { Redaction } from '../output/redact';
import { runCommand, type CommandEnd, type EndTree } from './command';
import { FileProblem, errnoOf, leadsOutside, readWhole, statOrNull } from './files';
import type { CheckErrorType, FailureCategory, RuleResult, ValidationOutcome } from './result';
import { search, searchLimitMs, textOf } from './search';
import { isModified, type FileSnapshot } from './snapshot';

/** What the score's language means, bound to one sheet; from the score room. */
export interface RuleTexts {
  /** Placeholders filled, absolute (relative ones from the workspace). @throws Error that names an unknown placeholder. */
  expandPath(path: string): string;
  /** Placeholders filled, their values quoted for the shell. */
  expandCommand(command: string): string;
  compileRegex(
    pattern: string,
  ): { readonly ok: true; readonly regex: RegExp } | { readonly ok: false; readonly message: string };
}

export interface ValidationClock {
  /** Milliseconds; only differences count. */
  now(): number;
  /** Rejects with the signal's reason when that is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export interface ValidationOptions {
  readonly rules: readonly PlannedRule[];
  readonly texts: RuleTexts;
  /** Absolute. */
  readonly workspace: string;
  /** From `takeSnapshot` before the attempt. */
  readonly snapshot: FileSnapshot;
  /** Environment of commands, complete. */
  readonly env: Readonly<Record<string, string>>;
  readonly redaction: Redaction;
  readonly endTree: EndTree;
  readonly clock: ValidationClock;
  readonly signal?: AbortSignal;
  /** Time for one search of a pattern, milliseconds. Default 2000. */
  readonly searchLimitMs?: number;
}

/** Largest file whose content is checked. */
const LARGEST_CONTENT = 64 * 1024 * 1024;
/** A command's output in a message, characters (the Python system's summary has as many). */
const SUMMARY_HEAD = 140;
const SUMMARY_TAIL = 360;

/** What one check of one rule gave. */
interface Finding {
  readonly passed: boolean;
  readonly expected: string;
  readonly actual: string;
  readonly message?: string;
  readonly category?: FailureCategory;
  readonly fix?: string;
  readonly errorType?: CheckErrorType;
  /** More checks cannot give another result. */
  readonly final?: boolean;
}

/** A rule with its placeholders filled. */
interface ReadyRule {
  readonly rule: PlannedRule;
  readonly path: string | null;
  readonly command: string | null;
  readonly cwd: string;
}

/**
 * Checks an attempt's work. Stages go up; when a rule of a stage fails, the later stages are skipped and count as failed. A check that
 * cannot be made is a failed one: nothing passes for want of evidence.
 * @throws the signal's reason when it is aborted; a command that ran has been ended then.
 */
export async function runValidations(options: ValidationOptions): Promise<ValidationOutcome> {
  const results: RuleResult[] = [];
  let failedStage: number | null = null;
  for (const rule of [...options.rules].sort((a, b) => a.stage - b.stage)) {
    options.signal?.throwIfAborted();
    if (failedStage !== null && rule.stage > failedStage) {
      results.push(skipped(rule, failedStage, options.redaction));
      continue;
    }
    const result = await checkRule(rule, options);
    results.push(result);
    if (!result.passed) failedStage = rule.stage;
  }
  const passed = results.filter((result) => result.passed).length;
  return {
    passed: passed === results.length,
    pass_percent: results.length === 0 ? 100 : (passed / results.length) * 100,
    results,
  };
}

async function checkRule(rule: PlannedRule, options: ValidationOptions): Promise<RuleResult> {
  const { clock, signal } = options;
  const started = clock.now();
  let ready: ReadyRule;
  try {
    ready = prepare(rule, options);
  } catch (error) {
    return result(
      rule,
      null,
      internalError(error),
      { checks: 0, duration: 0, outside: false },
      options.redaction,
    );
  }
  let finding: Finding;
  let checks = 0;
  for (;;) {
    checks += 1;
    try {
      finding = await check(ready, options);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      finding = ioError(error);
    }
    if (finding.passed || finding.final === true || checks > rule.retryCount) break;
    await clock.sleep(rule.retryDelayMs, signal);
  }
  const outside = ready.path !== null && (await leadsOutside(ready.path, options.workspace));
  const facts = { checks, duration: clock.now() - started, outside };
  return result(rule, ready, finding, facts, options.redaction);
}

function prepare(rule: PlannedRule, { texts, workspace }: ValidationOptions): ReadyRule {
  const needs = (value: string | null, name: string): string => {
    if (value === null || value === '') throw new Error(`the rule has no ${name}`);
    return value;
  };
  if (rule.type === 'command_succeeds') {
    return {
      rule,
      path: null,
      command: texts.expandCommand(needs(rule.command, 'command')),
      cwd: rule.workingDirectory === null ? workspace : texts.expandPath(rule.workingDirectory),
    };
  }
  if (rule.type === 'content_contains' || rule.type === 'content_regex') needs(rule.pattern, 'pattern');
  return { rule, path: texts.expandPath(needs(rule.path, 'path')), command: null, cwd: workspace };
}

function check(ready: ReadyRule, options: ValidationOptions): Promise<Finding> {
  switch (ready.rule.type) {
    case 'file_exists':
      return checkFile(ready.path ?? '', () =>
        Promise.resolve({ passed: true, expected: 'the file exists', actual: 'it exists' }),
      );
    case 'file_modified':
      return checkFile(ready.path ?? '', (path) => checkModified(path, options));
    case 'content_contains':
      return checkFile(ready.path ?? '', (path) => checkContains(path, ready.rule.pattern ?? ''));
    case 'content_regex':
      return checkFile(ready.path ?? '', (path) => checkRegex(path, ready.rule.pattern ?? '', options));
    case 'command_succeeds':
      return checkCommand(ready, options);
  }
}

async function checkFile(path: string, then: (path: string) => Promise<Finding>): Promise<Finding> {
  const info = await statOrNull(path);
  if (info?.isFile() === true) return then(path);
  const what =
    info === null ? 'it does not exist' : info.isDirectory() ? 'it is a folder' : 'it is no regular file';
  return {
    passed: false,
    expected: 'the file exists',
    actual: what,
    message: info === null ? `${path} does not exist` : `${path}: ${what}`,
    category: 'missing',
    fix: `create the file ${path}`,
  };
}

async function checkModified(path: string, { snapshot }: ValidationOptions): Promise<Finding> {
  const expected = 'the file is changed by this attempt';
  if (!Object.hasOwn(snapshot, path)) {
    const message = `the state of ${path} before the attempt is not known`;
    const actual = 'not known';
    return {
      passed: false,
      expected,
      actual,
      message,
      category: 'error',
      errorType: 'internal_error',
      final: true,
    };
  }
  if (await isModified(path, snapshot[path] ?? null))
    return { passed: true, expected, actual: 'it is changed' };
  return {
    passed: false,
    expected,
    actual: 'it is as it was before the attempt',
    message: `${path} was not changed by this attempt`,
    category: 'stale',
    fix: `write the new content to ${path}`,
  };
}

async function checkContains(path: string, pattern: string): Promise<Finding> {
  const expected = `the file contains: ${shorten(pattern, 200)}`;
  const text = textOf(await readWhole(path, LARGEST_CONTENT));
  if (text.includes(pattern)) return { passed: true, expected, actual: 'the text was found' };
  return {
    passed: false,
    expected,
    actual: `the text is not in the file (${text.length} characters)`,
    message: `${path} does not contain: ${shorten(pattern, 200)}`,
    category: 'incomplete',
    fix: `add exactly this text to ${path}: ${shorten(pattern, 200)}`,
  };
}

async function checkRegex(path: string, pattern: string, options: ValidationOptions): Promise<Finding> {
  const expected = `the file matches: ${shorten(pattern, 200)}`;
  const failed = (message: string, actual: string): Finding => {
    return {
      passed: false,
      expected,
      actual,
      message,
      category: 'error',
      errorType: 'regex_error',
      final: true,
    };
  };
  const compiled = options.texts.compileRegex(pattern);
  if (!compiled.ok) return failed(`the pattern is not valid: ${compiled.message}`, 'not searched');
  const limit = options.searchLimitMs ?? searchLimitMs;
  const bytes = await readWhole(path, LARGEST_CONTENT);
  const found = await search(compiled.regex, bytes, limit, options.signal);
  if (found === 'found') return { passed: true, expected, actual: 'a match was found' };
  if (found === 'timeout') {
    const time = `${limit / 1000} s`;
    return failed(
      `the pattern did not come to an end in ${time} on ${path}: it backtracks too much, make it simpler`,
      `no result in ${time}`,
    );
  }
  return {
    passed: false,
    expected,
    actual: `no match (${bytes.length} bytes)`,
    message: `${path} does not match: ${shorten(pattern, 200)}`,
    category: 'malformed',
    fix: `bring ${path} into the form that the pattern asks for: ${shorten(pattern, 200)}`,
  };
}

async function checkCommand(ready: ReadyRule, options: ValidationOptions): Promise<Finding> {
  const { env, redaction, endTree, signal } = options;
  const { timeoutSeconds } = ready.rule;
  const command = ready.command ?? '';
  const end = await runCommand({ command, cwd: ready.cwd, env, timeoutSeconds, redaction, endTree, signal });
  const expected = 'exit code 0';
  if (end.kind === 'exited' && end.code === 0) return { passed: true, expected, actual: 'exit code 0' };
  const { actual, errorType } = describeEnd(end, timeoutSeconds);
  const output = end.kind === 'unstartable' ? '' : summary(end.output);
  return {
    passed: false,
    expected,
    actual,
    message: `the command failed: ${actual}${output === '' ? '' : `\n${output}`}`,
    category: 'error',
    fix: `make this command succeed: ${shorten(redaction.text(command), 200)}`,
    ...(errorType === undefined ? {} : { errorType }),
  };
}

function describeEnd(
  end: CommandEnd,
  timeoutSeconds: number,
): { actual: string; errorType?: CheckErrorType } {
  if (end.kind === 'unstartable') return { actual: end.message, errorType: 'io_error' };
  if (end.kind === 'timeout')
    return { actual: `it did not end in ${timeoutSeconds} s and was ended`, errorType: 'timeout' };
  return { actual: end.signal === null ? `exit code ${end.code}` : `ended by ${end.signal}` };
}

function internalError(error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  return {
    passed: false,
    expected: 'a check that can be made',
    actual: 'not checked',
    message,
    category: 'error',
    errorType: 'internal_error',
  };
}

function ioError(error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  const code = errnoOf(error);
  return {
    passed: false,
    expected: 'the file can be read',
    actual: code === '' ? 'it cannot be checked' : `it cannot be read (${code})`,
    message,
    category: 'error',
    errorType: code === '' && !(error instanceof FileProblem) ? 'internal_error' : 'io_error',
  };
}

function skipped(rule: PlannedRule, failedStage: number, redaction: Redaction): RuleResult {
  const finding: Finding = {
    passed: false,
    expected: 'the stages before it pass',
    actual: 'not checked',
    message: `not checked, because a rule of stage ${failedStage} failed`,
    category: 'skipped',
  };
  return result(rule, null, finding, { checks: 0, duration: 0, outside: false }, redaction);
}

function result(
  rule: PlannedRule,
  ready: ReadyRule | null,
  finding: Finding,
  facts: { readonly checks: number; readonly duration: number; readonly outside: boolean },
  redaction: Redaction,
): RuleResult {
  return redaction.json({
    index: rule.index,
    type: rule.type,
    description: rule.description,
    stage: rule.stage,
    passed: finding.passed,
    expected: finding.expected,
    actual: finding.actual,
    message: finding.passed ? null : (finding.message ?? finding.actual),
    failure_category: finding.passed ? null : (finding.category ?? 'error'),
    suggested_fix: finding.passed ? null : (finding.fix ?? null),
    error_type: finding.errorType ?? null,
    duration_ms: Math.round(facts.duration),
    checks: facts.checks,
    confidence:
      rule.type === 'command_succeeds' && !finding.passed && finding.category !== 'skipped' ? 0.8 : 1,
    path: ready?.path ?? rule.path,
    pattern: rule.pattern,
    command: ready?.command ?? rule.command,
    outside_workspace: facts.outside,
  });
}

/** Beginning and end of an output, where the error most often stands. */
function summary(output: string): string {
  const text = output.trim();
  if (text.length <= SUMMARY_HEAD + SUMMARY_TAIL) return text;
  return `${text.slice(0, SUMMARY_HEAD)}\n[…]\n${text.slice(-SUMMARY_TAIL)}`;
}

function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
