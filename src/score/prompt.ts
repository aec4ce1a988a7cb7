/** A sheet's prompt, as it is sent. */
import { dirname, resolve } from 'node:path';
import type { InstrumentReach } from '../instruments/reach';
import type { Diagnostic } from './diagnostic';
import type { ScoreFiles } from './files';
import { readInjections } from './injections';
import type { Score } from './parse';
import type { RuleContext } from './placeholders';
import { expandRuleCommand, expandRulePath, ruleContext } from './placeholders';
import type { Plan, PlannedRule, PlannedSheet } from './plan';
import type { CompletionFacts, ShownRule } from './prompt-text';
import { completionText, preambleText, requirementsText } from './prompt-text';
import { TemplateError, parseTemplate, renderTemplate } from './template';
import type { RenderMeter, Template } from './template';
import type { TemplateSource } from './template-source';
import { templateDiagnostic } from './template-source';
import type { TemplateInput } from './variables';

export interface SheetPromptInput {
  readonly score: Score;
  readonly plan: Plan;
  readonly sheetNum: number;
  readonly template: TemplateSource;
  readonly files: ScoreFiles;
  /** Of this attempt: a fall-back is another one than the plan's first. */
  readonly instrument: {
    readonly profile: string;
    readonly rawPrompt: boolean;
    readonly reach: InstrumentReach;
  };
  /** 1 = first; 2 and more get the preamble of a retry. */
  readonly attempt: number;
  /** Sheet → what it answered, already cut to `cross_sheet.max_output_chars`. */
  readonly previousOutputs?: ReadonlyMap<number, string>;
  /** Path → content, already cut. */
  readonly previousFiles?: ReadonlyMap<string, string>;
  readonly skippedUpstream?: readonly number[];
  /** Set in completion mode. */
  readonly completion?: CompletionFacts | null;
  /** What a person wants the agent to know (`mzt rerun --hint`). */
  readonly hint?: string | null;
  readonly productVersion: string;
  /** The template's steps are added up here, for whoever renders many. */
  readonly meter?: RenderMeter;
}

/** A named part of the prompt, for showing where a text comes from. Offsets into `prompt`, end exclusive. */
export interface PromptSection {
  readonly name:
    'skills' | 'tools' | 'context' | 'template' | 'hint' | 'requirements' | 'completion' | 'extensions';
  readonly offset: number;
  readonly end: number;
}

export interface RenderedPrompt {
  readonly ok: true;
  /** Goes before the prompt; null for instruments that take the bare prompt, or one message. */
  readonly preamble: string | null;
  readonly prompt: string;
  readonly sections: readonly PromptSection[];
  /** What did not prevent the prompt, such as an injected file that is missing. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface FailedPrompt {
  readonly ok: false;
  readonly diagnostics: readonly Diagnostic[];
}

/** Values of a sheet for conditions, paths and commands. */
export function sheetContext(
  score: Score,
  plan: Plan,
  sheet: PlannedSheet,
  instrument?: string,
): RuleContext {
  return ruleContext(sheet, plan, instrument ?? sheet.instrument.profile, score.variables);
}

/** Renders the prompt of one attempt. A template that fails is an answer (`ok: false`), not an exception. @throws RangeError for a sheet that the plan does not have. */
export function renderSheetPrompt(input: SheetPromptInput): RenderedPrompt | FailedPrompt {
  const { score, plan, template, instrument } = input;
  const sheet = plan.sheets[input.sheetNum - 1];
  if (sheet?.num !== input.sheetNum) throw new RangeError(`the plan has no sheet ${input.sheetNum}`);
  const position = sheetContext(score, plan, sheet, instrument.profile);
  const injections = [
    ...score.fields.sheet.prelude,
    ...(score.fields.sheet.cadenzas[String(sheet.num)] ?? []),
  ];
  const injected = readInjections(injections, {
    files: input.files,
    workspace: plan.workspace,
    scorePath: score.path,
    context: position,
  });
  const diagnostics = [...injected.diagnostics];
  const context = new Map<string, TemplateInput>(position);
  const { stakes, thinking_method: thinking } = score.fields.prompt;
  context.set('stakes', stakes ?? '');
  context.set('thinking_method', thinking ?? '');
  context.set('previous_outputs', numbered(input.previousOutputs));
  context.set('previous_files', new Map(input.previousFiles ?? []));
  context.set('skipped_upstream', (input.skippedUpstream ?? []).map(BigInt));
  context.set('injected_context', injected.context);
  context.set('injected_skills', injected.skill);
  context.set('injected_tools', injected.tool);

  let rendered: string;
  try {
    rendered = renderTemplate(parsedTemplate(template), context, input.meter ? { meter: input.meter } : {});
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const prefix = `The prompt of sheet ${sheet.num} cannot be rendered`;
    return {
      ok: false,
      diagnostics: [...diagnostics, templateDiagnostic(score, template, error, { code: 'V430', prefix })],
    };
  }
  if (instrument.rawPrompt) {
    const whole: PromptSection = { name: 'template', offset: 0, end: rendered.length };
    return { ok: true, preamble: null, prompt: rendered, sections: [whole], diagnostics: [] };
  }
  const rules = sheet.validations.map((rule) => shownRule(rule, position));
  const extensions = readExtensions(input, sheet, diagnostics);
  const { prompt, sections } = assemble([
    ['skills', headed('## Injected Skills', injected.skill)],
    ['tools', headed('## Injected Tools', injected.tool)],
    ['context', headed('## Injected Context', injected.context)],
    ['template', rendered],
    ['hint', input.hint ? `## Note From The Person In Charge\n\n${input.hint}` : ''],
    ['requirements', requirementsText(rules)],
    [
      'completion',
      input.completion ? completionText(input.completion, sheet.num, rules, instrument.reach) : '',
    ],
    ['extensions', extensions.join('\n\n')],
  ]);
  const { reach } = instrument;
  const preamble =
    reach === 'message'
      ? null
      : preambleText({
          sheetNum: sheet.num,
          totalSheets: plan.totalSheets,
          workspace: plan.workspace,
          attempt: input.attempt,
          parallel: plan.parallel.enabled,
          checked: rules.length > 0,
          reach,
          productVersion: input.productVersion,
        });
  return { ok: true, preamble, prompt, sections, diagnostics };
}

/** Parsed templates by their source: a run renders one template for every attempt. */
const parsedTemplates = new WeakMap<TemplateSource, Template>();

function parsedTemplate(source: TemplateSource): Template {
  const known = parsedTemplates.get(source);
  if (known) return known;
  const parsed = parseTemplate(source.text);
  parsedTemplates.set(source, parsed);
  return parsed;
}

/** Every name that a template may use beside the score's own variables. */
export const contextOnlyNames = [
  'stakes',
  'thinking_method',
  'previous_outputs',
  'previous_files',
  'skipped_upstream',
  'injected_context',
  'injected_skills',
  'injected_tools',
] as const;

function numbered(outputs: ReadonlyMap<number, string> | undefined): TemplateInput {
  return new Map([...(outputs ?? [])].map(([num, text]) => [BigInt(num), text]));
}

function headed(heading: string, texts: readonly string[]): string {
  return texts.length === 0 ? '' : [heading, ...texts.map((text) => text.trimEnd())].join('\n\n');
}

/** Joins the sections that have text by one blank line. */
function assemble(parts: readonly (readonly [PromptSection['name'], string])[]): {
  prompt: string;
  sections: PromptSection[];
} {
  const sections: PromptSection[] = [];
  let prompt = '';
  for (const [name, text] of parts) {
    // Tags leave empty lines behind; those around a section are nobody's text.
    const trimmed = text.trimEnd().replace(/^(?:[ \t]*\r?\n)+/, '');
    if (trimmed === '') continue;
    if (prompt !== '') prompt += '\n\n';
    sections.push({ name, offset: prompt.length, end: prompt.length + trimmed.length });
    prompt += trimmed;
  }
  return { prompt: prompt === '' ? prompt : `${prompt}\n`, sections };
}

/** A rule with its path or command as the check will see it; as written when a placeholder is wrong (the check will say so). */
function shownRule(rule: PlannedRule, context: RuleContext): ShownRule {
  if (rule.type === 'command_succeeds') {
    return { rule, target: expandRuleCommand(rule.command ?? '', context) };
  }
  const path = rule.path ?? '';
  try {
    return { rule, target: expandRulePath(path, context) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { rule, target: path };
  }
}

/** Directives at the end: texts as they are, `.md` and `.txt` paths as the file's text. */
function readExtensions(input: SheetPromptInput, sheet: PlannedSheet, diagnostics: Diagnostic[]): string[] {
  const { score, files } = input;
  const items = [
    ...score.fields.prompt.prompt_extensions,
    ...(score.fields.sheet.prompt_extensions[String(sheet.num)] ?? []),
  ];
  return items.flatMap((item) => {
    if (!isExtensionPath(item)) return [item.trim()];
    const path = resolve(dirname(score.path), item.trim());
    try {
      return [files.readText(path).trim()];
    } catch {
      diagnostics.push({
        code: 'V108',
        severity: 'warning',
        message: `The prompt extension ${path} cannot be read.`,
        remedy: 'Create it, or correct the path: it is relative to the folder of the score.',
        range: null,
        path: 'prompt.prompt_extensions',
      });
      return [];
    }
  });
}

/** A prompt extension is a path when it is one line that ends in `.md` or `.txt` and has no spaces. */
export function isExtensionPath(item: string): boolean {
  return /^\S+\.(?:md|txt)$/.test(item.trim());
}
