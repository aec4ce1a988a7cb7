/** Answers that count for a while, by name; who asks meanwhile gets the same one. */
export class CachedAnswers<T> {
  private readonly known = new Map<string, { readonly until: number; readonly answer: Promise<T> }>();

  constructor(
    private readonly keptMs: number,
    private readonly now: () => number,
  ) {}

  get(name: string, ask: () => Promise<T>): Promise<T> {
    const known = this.known.get(name);
    if (known !== undefined && this.now() < known.until) return known.answer;
    const answer = ask();
    this.known.set(name, { until: this.now() + this.keptMs, answer });
    return answer;
  }
}
