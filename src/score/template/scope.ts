import type { Value } from './values';

/** Variables of one template scope; a name not found here is looked up in the scope around it. */
export class Scope {
  private readonly variables = new Map<string, Value>();

  constructor(readonly parent?: Scope) {}

  set(name: string, value: Value): void {
    this.variables.set(name, value);
  }

  get(name: string): Value | undefined {
    const own = this.variables.get(name);
    if (own !== undefined) return own;
    for (let scope = this.parent; scope !== undefined; scope = scope.parent) {
      const value = scope.variables.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** All names visible from here. */
  names(): string[] {
    return [...this.variables.keys(), ...(this.parent?.names() ?? [])];
  }
}
