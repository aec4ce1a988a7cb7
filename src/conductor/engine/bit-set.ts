/** A set of small whole numbers that is walked in order: one bit each, so that ten thousand of them are a few hundred words. */
export class BitSet {
  private readonly words: Uint32Array;
  private count = 0;

  /** @param limit every member is below it */
  constructor(limit: number) {
    this.words = new Uint32Array((limit + 31) >>> 5);
  }

  get size(): number {
    return this.count;
  }

  has(member: number): boolean {
    return (((this.words[member >>> 5] ?? 0) >>> (member & 31)) & 1) === 1;
  }

  set(member: number, present: boolean): void {
    if (this.has(member) === present) return;
    const word = member >>> 5;
    this.words[word] = (this.words[word] ?? 0) ^ (1 << (member & 31));
    this.count += present ? 1 : -1;
  }

  /** The first member that is not below `from`; -1 = none. */
  next(from: number): number {
    for (let word = from >>> 5; word < this.words.length; word += 1) {
      const bits = (this.words[word] ?? 0) & (word === from >>> 5 ? -1 << (from & 31) : -1);
      if (bits !== 0) return word * 32 + (31 - Math.clz32(bits & -bits));
    }
    return -1;
  }
}
