/** What has to be undone. */
export interface Disposable {
  dispose(): void;
}

export class Scope implements Disposable {
  private readonly owned = new Set<Disposable>();
  private isDisposed = false;

  /** Takes ownership. What is added to a scope that has ended is disposed at once. */
  add<T extends Disposable>(thing: T): T {
    if (this.isDisposed) thing.dispose();
    else this.owned.add(thing);
    return thing;
  }

  /** Disposes what it owns, newest first. */
  dispose(): void {
    this.isDisposed = true;
    const things = [...this.owned].reverse();
    this.owned.clear();
    for (const thing of things) thing.dispose();
  }
}
