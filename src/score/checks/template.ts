/** V101, V202, V208, V402, V403, V408, V409: the prompt and its variables. */
import type { RelatedFinding } from '../findings';
import { nearestNames } from '../nearest';
import { positionNames } from '../placeholders';
import { contextOnlyNames } from '../prompt';
import { findUndeclared, templateGlobals } from '../template';
import { placeInFile, templatePath, templateRange } from '../template-source';
import type { TemplateInput } from '../variables';
import type { CheckContext } from './context';

const builtInNames: readonly string[] = [...positionNames, ...contextOnlyNames];

export function checkTemplate(context: CheckContext): void {
  checkVariables(context);
  checkNames(context);
  checkSingleBraces(context);
  checkShellPrompts(context);
  checkShellPaths(context);
  checkCapture(context);
}

function checkVariables({ score, findings }: CheckContext): void {
  for (const [name, value] of score.variables) {
    const path = ['prompt', 'variables', name];
    if (builtInNames.includes(name)) {
      findings.add({
        code: 'V208',
        severity: 'warning',
        path,
        at: 'key',
        message: `The variable \`${name}\` is named like a built-in one, which wins: it has no effect.`,
        remedy: 'Choose another name.',
        tags: ['unnecessary'],
      });
    }
    const text = firstText(value, (each) => /\{\{|\{%/.test(each));
    if (text !== null) {
      findings.warning(
        'V402',
        path,
        `The value of \`${name}\` contains template syntax, which is not rendered: the agent sees it as it is written.`,
        'Write the expression in the template instead.',
      );
    }
  }
}

function firstText(value: TemplateInput, test: (text: string) => boolean): string | null {
  const pending: TemplateInput[] = [value];
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (typeof item === 'string') {
      if (test(item)) return item;
    } else if (Array.isArray(item)) pending.push(...(item as TemplateInput[]));
    else if (item instanceof Map) pending.push(...(item.values() as Iterable<TemplateInput>));
  }
  return null;
}

function checkNames({ score, template, findings }: CheckContext): void {
  if (template === null) return;
  const known = new Set([
    ...builtInNames,
    ...score.variables.keys(),
    ...templateGlobals.map(({ name }) => name),
  ]);
  const seen = new Set<string>();
  for (const use of findUndeclared(template.parsed)) {
    if (use.guarded || known.has(use.name) || seen.has(use.name)) continue;
    seen.add(use.name);
    const near = nearestNames(use.name, known);
    const range = templateRange(score, template.source, use);
    findings.add({
      code: 'V101',
      severity: 'warning',
      path: templatePath(template.source),
      ...(range === null ? {} : { range }),
      related: [...placeInFile(template.source, use), ...definitionsOf(near)],
      message: `The template uses \`${use.name}\`, which is not defined${template.source.path === null ? '' : ` (${template.source.path}, line ${use.line})`}.`,
      remedy:
        near.length > 0
          ? `Did you mean ${near.map((name) => `\`${name}\``).join(' or ')}?`
          : `Add it to \`prompt.variables\`.`,
      ...(near.length === 1 && range !== null && template.source.kind === 'inline' && near[0] !== undefined
        ? { fix: { title: `Change to \`${near[0]}\``, range, newText: near[0] } }
        : {}),
    });
  }
}

/** Where the score's own variables of these names are given. */
export function definitionsOf(names: readonly string[]): RelatedFinding[] {
  return names
    .filter((name) => !builtInNames.includes(name))
    .map((name) => ({
      path: ['prompt', 'variables', name],
      at: 'key',
      message: `\`${name}\` is given here.`,
    }));
}

function checkSingleBraces({ score, template, findings }: CheckContext): void {
  if (template?.source.kind !== 'inline') return;
  for (const match of template.source.text.matchAll(/(?<![{$])\{(\w+)\}(?!\})/g)) {
    const name = match[1] ?? '';
    if (!builtInNames.includes(name)) continue;
    const range = templateRange(score, template.source, {
      offset: match.index,
      end: match.index + match[0].length,
    });
    findings.add({
      code: 'V202',
      severity: 'warning',
      path: ['prompt', 'template'],
      ...(range === null
        ? {}
        : { range, fix: { title: `Change to {{ ${name} }}`, range, newText: `{{ ${name} }}` } }),
      message: `\`{${name}}\` is not replaced in a template.`,
      remedy: `Write \`{{ ${name} }}\`; single braces are for validation paths and commands.`,
    });
  }
}

/** Text from an earlier agent in a prompt that a shell runs is a command injection waiting to happen. */
function checkShellPrompts({ score, plan, template, catalogue, findings }: CheckContext): void {
  if (template === null) return;
  const raw = plan.sheets.find((sheet) => catalogue.get(sheet.instrument.profile)?.rawPrompt === true);
  if (raw === undefined) return;
  const foreign = [
    'previous_outputs',
    'previous_files',
    'injected_context',
    'injected_skills',
    'injected_tools',
  ];
  for (const use of findUndeclared(template.parsed)) {
    if (!foreign.includes(use.name)) continue;
    const range = templateRange(score, template.source, use);
    findings.add({
      code: 'V403',
      severity: 'warning',
      path: templatePath(template.source),
      ...(range === null ? {} : { range }),
      related: placeInFile(template.source, use),
      message: `\`${use.name}\` is text from elsewhere, and the instrument \`${raw.instrument.label}\` (sheet ${raw.num}) runs the prompt as a shell script: such text would be executed.`,
      remedy: 'Keep it out of the stages that this instrument plays, or let the script read it from a file.',
    });
  }
}

/** A workspace whose path a shell would take apart, outside quotes in a prompt that a shell runs. */
function checkShellPaths({ score, plan, template, catalogue, findings }: CheckContext): void {
  if (template === null || /^[A-Za-z0-9_./+,:@%=-]*$/.test(plan.workspace)) return;
  const raw = plan.sheets.find((sheet) => catalogue.get(sheet.instrument.profile)?.rawPrompt === true);
  if (raw === undefined) return;
  for (const use of findUndeclared(template.parsed)) {
    if (use.name !== 'workspace' || insideQuotes(template.source.text, use.offset)) continue;
    const range = templateRange(score, template.source, use);
    findings.add({
      code: 'V409',
      severity: 'warning',
      path: templatePath(template.source),
      ...(range === null ? {} : { range }),
      related: placeInFile(template.source, use),
      message: `The path of the workspace is ${JSON.stringify(plan.workspace)}, and the instrument \`${raw.instrument.label}\` (sheet ${raw.num}) runs the prompt as a shell script: outside quotes the shell takes it apart.`,
      remedy: 'Write `"$MARIANNE_WORKSPACE"`, or put quotes around it.',
    });
  }
}

/** Is this place in a line of shell inside quotes? As far as its own line tells. */
function insideQuotes(text: string, offset: number): boolean {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  let open = '';
  for (const char of line.replace(/\\./g, '')) {
    if (open === char) open = '';
    else if (open === '' && (char === '"' || char === "'")) open = char;
  }
  return open !== '';
}

/** Captured texts are empty unless the score asks for them. */
function checkCapture({ score, template, findings }: CheckContext): void {
  if (template === null) return;
  const { cross_sheet: cross } = score.fields;
  const off = new Map<string, string>();
  if (cross?.auto_capture_stdout !== true) off.set('previous_outputs', 'auto_capture_stdout: true');
  if ((cross?.capture_files.length ?? 0) === 0) off.set('previous_files', 'capture_files: [...]');
  for (const use of findUndeclared(template.parsed)) {
    const setting = off.get(use.name);
    if (setting === undefined) continue;
    off.delete(use.name);
    const range = templateRange(score, template.source, use);
    findings.add({
      code: 'V408',
      severity: 'info',
      path: templatePath(template.source),
      ...(range === null ? {} : { range }),
      related: [
        ...placeInFile(template.source, use),
        { path: ['cross_sheet'], at: 'key', message: 'What is captured is said here.' },
      ],
      message: `\`${use.name}\` is always empty, because \`cross_sheet\` does not capture it.`,
      remedy: `Add \`cross_sheet: {${setting}}\`.`,
    });
  }
}
