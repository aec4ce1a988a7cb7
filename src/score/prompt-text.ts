/** The fixed texts of prompts. */
import type { InstrumentReach } from '../instruments/reach';
import type { PlannedRule } from './plan';

export interface PreambleFacts {
  readonly sheetNum: number;
  readonly totalSheets: number;
  readonly workspace: string;
  /** 1 = first. */
  readonly attempt: number;
  readonly parallel: boolean;
  /** The prompt ends with requirements. */
  readonly checked: boolean;
  readonly reach: Exclude<InstrumentReach, 'message'>;
  readonly productVersion: string;
}

/** What every agent is told before its prompt. The tag pair is the format of the older system, which agents’ habits and logs know. */
export function preambleText(facts: PreambleFacts): string {
  const files = hasFiles(facts.reach);
  const lines: string[] = [];
  if (facts.attempt > 1) lines.push(`RETRY #${facts.attempt - 1}`, '');
  lines.push(
    `This is sheet ${facts.sheetNum} of ${facts.totalSheets} in a larger job that runs by itself; nobody is there to answer questions.`,
    ...(files ? [`Workspace: ${facts.workspace}`] : []),
    '',
  );
  if (facts.attempt > 1) {
    lines.push(
      files
        ? 'An earlier attempt at this sheet did not pass its checks. Look at what it left in the workspace, find out why it fell short, and try another way rather than the same again.'
        : 'An earlier attempt at this sheet did not pass its checks. Try another way rather than the same again.',
    );
  } else if (facts.parallel && files) {
    lines.push(
      'Other sheets of this job may be working right now. Share results through files in the workspace, and leave files that are not yours alone.',
    );
  }
  lines.push(
    'The prompt says what is wanted, not each step: decide the steps yourself. Code in it is an illustration.',
    ...(facts.checked
      ? [
          'You are done when every requirement at the end of the prompt holds at the first automatic check. Read them before you begin.',
        ]
      : []),
    ...resultLines(facts),
  );
  return `<marianne-preamble>\n${lines.join('\n')}\n</marianne-preamble>`;
}

/** Where the results go: nobody is told to do what it has no means for. */
function resultLines({ reach, productVersion }: PreambleFacts): string[] {
  switch (reach) {
    case 'program':
      return [
        'Write all results into the workspace, and leave nothing running in the background when you finish.',
        `End the message of any git commit with: Co-Authored-By: Marianne ${productVersion} <noreply@marianne.invalid>`,
      ];
    case 'files':
      return ['Write all results into the workspace with your tools.'];
    case 'tools':
      return ['What your tools do not take, put into your answer: it is kept as the result.'];
    case 'answer':
      return ['Your answer is the result: give it whole. You have no tools and no files here.'];
  }
}

function hasFiles(reach: InstrumentReach): boolean {
  return reach === 'program' || reach === 'files';
}

export interface ShownRule {
  readonly rule: PlannedRule;
  /** Path or command with placeholders filled in. */
  readonly target: string;
}

/** Longest part of a command that is shown. */
const shownCommandLength = 200;

/** The list of what will be checked; empty when nothing is. */
export function requirementsText(rules: readonly ShownRule[]): string {
  if (rules.length === 0) return '';
  const items = rules.map(({ rule, target }, index) => {
    const title = `${index + 1}. **${rule.description ?? `Requirement ${index + 1}`}**`;
    return [title, ...requirementLines(rule, target).map((line) => `   - ${line}`)].join('\n');
  });
  return [
    '---',
    '## Success Requirements (Validated Automatically)',
    'These are checked by a program when you finish. Names and texts must match exactly.',
    ...items,
  ].join('\n\n');
}

function requirementLines(rule: PlannedRule, target: string): string[] {
  switch (rule.type) {
    case 'file_exists':
      return [`This file exists: \`${target}\``];
    case 'file_modified':
      return [`This file is changed by you: \`${target}\``];
    case 'content_contains':
      return [`File: \`${target}\``, `It contains exactly: \`${rule.pattern ?? ''}\``];
    case 'content_regex':
      return [`File: \`${target}\``, `It matches the regular expression: \`${rule.pattern ?? ''}\``];
    case 'command_succeeds': {
      const shown = target.length > shownCommandLength ? `${target.slice(0, shownCommandLength)}…` : target;
      return [`This command succeeds: \`${shown}\``];
    }
  }
}

/** How the check of one rule went in the attempt before. */
export interface RuleOutcome {
  /** 1-based position in the score's `validations`. */
  readonly index: number;
  readonly passed: boolean;
  readonly message: string | null;
  /** missing, malformed, incomplete, stale, error, skipped. */
  readonly category: string | null;
  readonly suggestedFix: string | null;
}

export interface CompletionFacts {
  /** Counts completion attempts, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly outcomes: readonly RuleOutcome[];
}

const failureTags: Readonly<Record<PlannedRule['type'], string>> = {
  file_exists: 'MISSING',
  file_modified: 'NOT UPDATED',
  content_contains: 'CONTENT MISSING',
  content_regex: 'PATTERN NOT MATCHED',
  command_succeeds: 'COMMAND FAILED',
};

/** Completion mode: part of the checks passed, so only the rest is to be done. */
export function completionText(
  facts: CompletionFacts,
  sheetNum: number,
  rules: readonly ShownRule[],
  reach: InstrumentReach,
): string {
  const files = hasFiles(reach);
  const byIndex = new Map(rules.map((shown) => [shown.rule.index, shown]));
  const label = (outcome: RuleOutcome): string => {
    const shown = byIndex.get(outcome.index);
    if (shown === undefined) return `Rule ${outcome.index}`;
    return shown.rule.description ?? `\`${shown.target}\``;
  };
  const passed = facts.outcomes.filter((outcome) => outcome.passed);
  const failed = facts.outcomes.filter((outcome) => !outcome.passed);
  const parts = [
    `## Finish Sheet ${sheetNum} (Completion Attempt ${facts.attempt} of ${facts.maxAttempts})`,
    files
      ? `The work of the attempt before is in the workspace: ${passed.length} of ${facts.outcomes.length} checks passed. Do only what is missing.`
      : `${passed.length} of ${facts.outcomes.length} checks passed after the attempt before.`,
  ];
  if (passed.length > 0) {
    parts.push(
      `${files ? 'Already right; leave it as it is' : 'Already right'}:\n${passed.map((outcome) => `- ${label(outcome)}`).join('\n')}`,
    );
  }
  if (failed.length > 0) {
    const lines = failed.map((outcome) => {
      const shown = byIndex.get(outcome.index);
      const tag = shown === undefined ? 'FAILED' : failureTags[shown.rule.type];
      const details = [
        ...(shown !== undefined && shown.rule.description !== null ? [`Checked: \`${shown.target}\``] : []),
        ...(outcome.message === null ? [] : [`Result: ${outcome.message}`]),
        ...(outcome.suggestedFix === null ? [] : [`To do: ${outcome.suggestedFix}`]),
      ];
      return [`- [${tag}] ${label(outcome)}`, ...details.map((line) => `  - ${line}`)].join('\n');
    });
    parts.push(`Still to be done:\n${lines.join('\n')}`);
  }
  parts.push(
    files
      ? 'Look at the files first, mend what failed, and check each of the requirements again before you finish.'
      : 'Answer again, and whole, so that what failed is right too.',
  );
  return parts.join('\n\n');
}
