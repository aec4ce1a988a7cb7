import { sequenceFilters } from './filters-sequence';
import { textFilters } from './filters-text';
import { valueFilters } from './filters-value';
import type { Builtin, FilterRun } from './runtime';

/** All filters of Jinja2 3.1 by name. */
export const filters: ReadonlyMap<string, Builtin<FilterRun>> = new Map([
  ...textFilters,
  ...sequenceFilters,
  ...valueFilters,
]);
