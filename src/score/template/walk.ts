import type { Arguments, Expression, Statement } from './ast';

function argumentExpressions(args: Arguments): Expression[] {
  const all = [...args.positional, ...args.named.map((argument) => argument.value)];
  if (args.star !== undefined) all.push(args.star);
  if (args.doubleStar !== undefined) all.push(args.doubleStar);
  return all;
}

function present(...expressions: (Expression | undefined)[]): Expression[] {
  return expressions.filter((expression) => expression !== undefined);
}

/** The direct parts of an expression, in evaluation order. */
export function partsOf(node: Expression): Expression[] {
  switch (node.kind) {
    case 'const':
    case 'name':
      return [];
    case 'tuple':
    case 'list':
    case 'concat':
      return node.items;
    case 'dict':
      return node.entries.flatMap((entry) => [entry.key, entry.value]);
    case 'attribute':
      return [node.target];
    case 'item':
      return [node.target, node.index];
    case 'slice':
      return present(node.start, node.stop, node.step);
    case 'call':
      return [node.callee, ...argumentExpressions(node.args)];
    case 'filter':
    case 'test':
      return [...present(node.target), ...argumentExpressions(node.args)];
    case 'negative':
    case 'positive':
    case 'not':
      return [node.operand];
    case 'binary':
    case 'and':
    case 'or':
      return [node.left, node.right];
    case 'compare':
      return [node.first, ...node.rest.map((each) => each.operand)];
    case 'conditional':
      return present(node.test, node.then, node.otherwise);
  }
}

/** The expressions and bodies directly inside a statement. */
export function statementParts(node: Statement): { expressions: Expression[]; bodies: Statement[][] } {
  switch (node.kind) {
    case 'text':
      return { expressions: [], bodies: [] };
    case 'print':
      return { expressions: [node.value], bodies: [] };
    case 'set':
      return { expressions: [node.value], bodies: [] };
    case 'if':
      return {
        expressions: node.branches.map((branch) => branch.test),
        bodies: [...node.branches.map((branch) => branch.body), node.otherwise],
      };
    case 'for':
      return { expressions: present(node.iterable, node.filter), bodies: [node.body, node.otherwise] };
    case 'setblock':
    case 'filterblock':
      return { expressions: present(node.filter), bodies: [node.body] };
    case 'macro':
      return {
        expressions: present(...node.macro.parameters.map((parameter) => parameter.default)),
        bodies: [node.macro.body],
      };
    case 'callblock':
      return {
        expressions: present(node.call, ...node.macro.parameters.map((parameter) => parameter.default)),
        bodies: [node.macro.body],
      };
    case 'with':
      return { expressions: node.bindings.map((binding) => binding.value), bodies: [node.body] };
    case 'block':
      return { expressions: [], bodies: [node.body] };
  }
}

function expressionReads(node: Expression, name: string): boolean {
  if (node.kind === 'name') return node.name === name;
  return partsOf(node).some((part) => expressionReads(part, name));
}

/** Whether `name` is read anywhere in these statements. */
export function readsName(body: readonly Statement[], name: string): boolean {
  return body.some((statement) => {
    const { expressions, bodies } = statementParts(statement);
    return (
      expressions.some((expression) => expressionReads(expression, name)) ||
      bodies.some((inner) => readsName(inner, name))
    );
  });
}
