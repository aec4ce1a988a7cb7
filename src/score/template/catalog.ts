import { filters } from './filters';
import { globals } from './globals';
import type { Builtin } from './runtime';
import { tests } from './tests';

/** What an editor shows about a filter, test or global function. */
export interface BuiltinInfo {
  name: string;
  /** The arguments after the value itself, with their defaults. */
  signature: string;
  doc: string;
}

function describe(table: ReadonlyMap<string, Builtin<unknown>>): BuiltinInfo[] {
  return [...table].map(([name, builtin]) => ({ name, signature: builtin.signature.text, doc: builtin.doc }));
}

export const templateFilters: readonly BuiltinInfo[] = describe(filters);
export const templateTests: readonly BuiltinInfo[] = describe(tests);
export const templateGlobals: readonly BuiltinInfo[] = describe(globals);
