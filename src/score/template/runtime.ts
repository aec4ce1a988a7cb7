import { orElse } from './values';
import type { Budget } from './budget';
import { typeError } from './errors';
import type { CallArguments, Undefined, Value } from './values';

/** What filters, tests and methods may ask of the render they run in. */
export interface Runtime {
  readonly budget: Budget;
  undefined(message: string, name?: string, candidates?: () => Iterable<string>): Undefined;
  /** `target.name` as Jinja2 resolves it: a method first, then an item. */
  getAttribute(target: Value, name: string): Value;
  /** `target[key]` as Jinja2 resolves it: an item first, then a method. */
  getItem(target: Value, key: Value): Value;
  /** A method or attribute only, never an item. */
  getOwnAttribute(target: Value, name: string): Value | undefined;
  callFilter(name: string, value: Value, args: CallArguments): Value;
  callTest(name: string, value: Value, args: CallArguments): boolean;
}

interface Parameter {
  name: string;
  required: boolean;
}

/** The parameters of a builtin, read from its documented signature, such as `join(d="", attribute=none)`. */
export class Signature {
  readonly name: string;
  private readonly parameters: Parameter[] = [];
  private readonly catchRest: boolean;
  private readonly catchNamed: boolean;

  constructor(readonly text: string) {
    const open = text.indexOf('(');
    this.name = open < 0 ? text : text.slice(0, open);
    const parts = open < 0 ? [] : text.slice(open + 1, -1).split(/, (?=[\w*])/);
    this.catchRest = parts.some((part) => /^\*[^*]/.test(part));
    this.catchNamed = parts.some((part) => part.startsWith('**'));
    for (const part of parts) {
      if (part === '' || part.startsWith('*')) continue;
      const [name = '', standard] = part.split('=');
      this.parameters.push({ name, required: standard === undefined });
    }
  }

  /** Matches arguments to parameters as Python does. */
  bind(args: CallArguments): Bound {
    const values = new Map<string, Value>();
    this.parameters.forEach((parameter, index) => {
      const value = args.positional[index];
      if (value !== undefined) values.set(parameter.name, value);
    });
    const rest = args.positional.slice(this.parameters.length);
    if (rest.length > 0 && !this.catchRest) {
      const most = this.parameters.length;
      typeError(
        `${this.name}() takes at most ${most} argument${most === 1 ? '' : 's'} (${args.positional.length} given)`,
      );
    }
    const named = new Map<string, Value>();
    for (const [name, value] of args.named) {
      if (values.has(name)) typeError(`${this.name}() got multiple values for argument '${name}'`);
      if (this.parameters.some((parameter) => parameter.name === name)) values.set(name, value);
      else if (this.catchNamed) named.set(name, value);
      else typeError(`${this.name}() got an unexpected keyword argument '${name}'`);
    }
    for (const parameter of this.parameters) {
      if (parameter.required && !values.has(parameter.name)) {
        typeError(`${this.name}() missing required argument: '${parameter.name}'`);
      }
    }
    return new Bound(values, rest, named);
  }
}

/** Arguments matched to the parameters of a builtin. */
export class Bound {
  constructor(
    private readonly values: ReadonlyMap<string, Value>,
    readonly rest: Value[],
    readonly named: Map<string, Value>,
  ) {}

  /** The argument, or undefined when it was left out. */
  optional(name: string): Value | undefined {
    return this.values.get(name);
  }

  /** The argument, or `standard` (None unless given) when it was left out. */
  get(name: string, standard: Value = null): Value {
    return orElse(this.values.get(name), () => standard);
  }
}

/** A filter, test, global function or method, with what an editor shows about it. */
export interface Builtin<Run> {
  signature: Signature;
  doc: string;
  run: Run;
}

export type MethodRun<Self> = (runtime: Runtime, self: Self, args: Bound) => Value;
export type FilterRun = (runtime: Runtime, value: Value, args: Bound) => Value;
export type GlobalRun = (runtime: Runtime, args: Bound) => Value;
export type TestRun = (runtime: Runtime, value: Value, args: Bound) => boolean;

/** Builds a table of builtins from `[signature, documentation, implementation]` rows. */
export function builtinTable<Run>(
  rows: readonly (readonly [string, string, Run])[],
): Map<string, Builtin<Run>> {
  return new Map(
    rows.map(([text, doc, run]) => {
      const signature = new Signature(text);
      return [signature.name, { signature, doc, run }];
    }),
  );
}
