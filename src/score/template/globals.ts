import { limitError, raise, typeError, valueError } from './errors';
import { updateDict } from './methods-collection';
import type { Bound, Builtin, GlobalRun, Runtime } from './runtime';
import { builtinTable } from './runtime';
import { softText } from './text';
import type { Value } from './values';
import { needInteger, PyDict, PyExtra, PyFunction, PyNamespace, PyRange } from './values';

/** The longest range; a loop over more is a mistake or an attack. */
const longestRange = 100_000;

function range(args: Bound): PyRange {
  const numbers = args.rest.map(needInteger);
  if (numbers.length === 0) typeError('range expected at least 1 argument, got 0');
  if (numbers.length > 3) typeError(`range expected at most 3 arguments, got ${numbers.length}`);
  const [first = 0n, second, step = 1n] = numbers;
  if (step === 0n) valueError('range() arg 3 must not be zero');
  const result = second === undefined ? new PyRange(0n, first, 1n) : new PyRange(first, second, step);
  if (result.length > longestRange) limitError(`range() may have at most ${longestRange} elements`);
  return result;
}

function dict(runtime: Runtime, args: Bound): PyDict {
  const result = new PyDict();
  const source = args.optional('mapping');
  if (source !== undefined) updateDict(result, source, runtime);
  for (const [key, value] of args.named) result.set(key, value);
  return result;
}

function namespace(runtime: Runtime, args: Bound): PyNamespace {
  const result = new PyNamespace();
  for (const [key, value] of dict(runtime, args).entries()) {
    if (typeof key === 'string') result.attributes.set(key, value);
  }
  return result;
}

function cycler(args: Bound): PyExtra {
  const items = args.rest;
  if (items.length === 0) raise('RuntimeError', 'at least one item has to be provided');
  let position = 0;
  const current = (): Value => items[position] ?? null;
  const next = new PyFunction('next', () => {
    const item = current();
    position = (position + 1) % items.length;
    return item;
  });
  const reset = new PyFunction('reset', () => {
    position = 0;
    return null;
  });
  const attribute = (name: string): Value | undefined =>
    name === 'current' ? current() : name === 'next' ? next : name === 'reset' ? reset : undefined;
  return new PyExtra('Cycler', attribute, () => '<jinja2.utils.Cycler object>');
}

function joiner(runtime: Runtime, args: Bound): PyExtra {
  const separator = softText(args.get('sep', ', '), runtime.budget);
  let used = false;
  const call = (): Value => {
    const text = used ? separator : '';
    used = true;
    return text;
  };
  return new PyExtra(
    'Joiner',
    () => undefined,
    () => '<jinja2.utils.Joiner object>',
    call,
  );
}

/** The global functions of Jinja2 3.1. */
export const globals: ReadonlyMap<string, Builtin<GlobalRun>> = builtinTable<GlobalRun>([
  [
    'range(*args)',
    'Integers from start (0) up to, not including, stop: range(stop) or range(start, stop, step).',
    (_runtime, args) => range(args),
  ],
  ['dict(mapping={}, **kwargs)', 'A new mapping.', dict],
  [
    'namespace(mapping={}, **kwargs)',
    'An object whose attributes `set ns.x = …` can change from inside a loop.',
    namespace,
  ],
  ['cycler(*items)', 'Gives its items in turn with next().', (_runtime, args) => cycler(args)],
  ['joiner(sep=", ")', 'Gives nothing the first time and the separator from then on.', joiner],
  [
    'lipsum(*args, **kwargs)',
    'Not available: a prompt should not contain random text.',
    () => valueError('lipsum() is not available: a prompt should not contain random text'),
  ],
]);
