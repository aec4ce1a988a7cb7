/**
 * Secret values, in memory only: those that came with a submit, and those that clients offered since. After a restart a job that was submitted with
 * a key waits until some client offers it again.
 */
export class SecretStore {
  private readonly byRun = new Map<string, Record<string, string>>();
  private readonly offered = new Map<string, string>();

  constructor(
    /** Names that live jobs were submitted with. */
    private readonly namesInUse: () => ReadonlySet<string>,
  ) {}

  keep(run: string, values: Readonly<Record<string, string>>): void {
    if (Object.keys(values).length > 0) this.byRun.set(run, { ...values });
  }

  /** Takes what some job may need, and forgets the rest. Gives the names that were taken. */
  offer(values: Readonly<Record<string, string>>): string[] {
    const wanted = this.namesInUse();
    const accepted: string[] = [];
    for (const [name, value] of Object.entries(values)) {
      if (!wanted.has(name) || value === '') continue;
      this.offered.set(name, value);
      accepted.push(name);
    }
    return accepted;
  }

  /** What a run's agents may be given. */
  of(run: string, names: readonly string[]): Record<string, string> {
    const own = this.byRun.get(run) ?? {};
    const values: Record<string, string> = {};
    for (const name of names) {
      const value = own[name] ?? this.offered.get(name);
      if (value !== undefined) values[name] = value;
    }
    return values;
  }

  /** Names that some live job was submitted with and that are not here. */
  wanted(): string[] {
    const here = new Set([
      ...this.offered.keys(),
      ...[...this.byRun.values()].flatMap((values) => Object.keys(values)),
    ]);
    return [...this.namesInUse()].filter((name) => !here.has(name)).sort();
  }

  forget(run: string): void {
    this.byRun.delete(run);
  }
}
