import type { Template } from './ast';
import { parseTemplate } from './parser';
import type { RenderContext, RenderOptions } from './render';
import { render } from './render';

export type { SourceRange, Template } from './ast';
export { TemplateError, TemplateLimitError } from './errors';
export type { TemplateErrorKind } from './errors';
export type { RenderMeter } from './budget';
export type { RenderContext, RenderOptions } from './render';
export { PyFloat } from './values';
export { parseTemplate };
export { findUndeclared } from './analysis';
export type { UndeclaredUse } from './analysis';
export { templateFilters, templateGlobals, templateTests } from './catalog';
export type { BuiltinInfo } from './catalog';
export { pythonFormat, pythonRepr, pythonStr } from './python';

/**
 * Renders a template as Jinja2 with strict undefined does: any use of an undefined value except `is defined`,
 * `is undefined` and `default` fails. Throws `TemplateError`; no other error comes out.
 */
export function renderTemplate(
  template: Template | string,
  context: RenderContext,
  options: RenderOptions = {},
): string {
  return render(typeof template === 'string' ? parseTemplate(template) : template, context, true, options);
}

/** Like `renderTemplate`, with undefined variables rendered as empty text (attributes of one still fail). */
export function renderLenient(
  template: Template | string,
  context: RenderContext,
  options: RenderOptions = {},
): string {
  return render(typeof template === 'string' ? parseTemplate(template) : template, context, false, options);
}
