/** `prompt.variables` and other values on their way into templates. */
import type { Findings } from './findings';
import { PyFloat } from './template';
import type { YamlMapping, YamlNode } from './yaml-node';
import { findNode, keyText } from './yaml-node';

/**
 * A value as the template engine takes it: integers are bigint and floats `PyFloat`, so that `384.0` prints as it was
 * written; mappings are Maps, so that keys keep their type and order.
 */
export type TemplateInput =
  | null
  | boolean
  | bigint
  | string
  | PyFloat
  | readonly TemplateInput[]
  | ReadonlyMap<string | bigint | boolean | number | null, TemplateInput>;

export type TemplateVariables = ReadonlyMap<string, TemplateInput>;

/** The variables of a score, in written order. */
export function templateVariables(root: YamlMapping, findings: Findings): TemplateVariables {
  const { node, rest } = findNode(root, ['prompt', 'variables']);
  const variables = new Map<string, TemplateInput>();
  if (rest > 0 || node.kind !== 'map') return variables;
  for (const entry of node.entries) {
    if (typeof entry.key.value !== 'string') {
      findings.add({
        code: 'P016',
        severity: 'error',
        path: ['prompt', 'variables', keyText(entry.key)],
        at: 'key',
        message: `The name of a variable must be a text, but is \`${entry.key.source}\`.`,
        remedy: 'Put quotes around it; a template can only use names.',
      });
      continue;
    }
    variables.set(entry.key.value, templateInput(entry.value));
  }
  return variables;
}

/** A YAML value for templates. Keys of nested maps that look like integers are integers, as after the reference's JSON round trip. */
export function templateInput(node: YamlNode): TemplateInput {
  if (node.kind === 'seq') return node.items.map(templateInput);
  if (node.kind === 'map') {
    return new Map(
      node.entries.map((entry) => {
        const { value } = entry.key;
        const key =
          value instanceof Date
            ? entry.key.source
            : typeof value === 'string' && /^-?(?:0|[1-9][0-9]*)$/.test(value)
              ? BigInt(value)
              : value;
        return [key, templateInput(entry.value)];
      }),
    );
  }
  if (node.value instanceof Date) return node.source;
  return typeof node.value === 'number' ? new PyFloat(node.value) : node.value;
}
