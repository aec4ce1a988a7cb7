/** Encoded notifications that one connection has not taken yet. Keyed ones are replaced in place; too many make the whole queue give up. */
export class EventQueue {
  /** In order of insertion; a keyed entry keeps the place of the one that it replaces. */
  private readonly waiting = new Map<string, Buffer>();
  private heldBytes = 0;
  private counter = 0;

  constructor(
    private readonly maxEntries: number,
    private readonly maxBytes: number,
  ) {}

  get length(): number {
    return this.waiting.size;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  /** @returns false when the entry does not fit: the queue is empty then, and its reader has to start over. */
  push(key: string | null, frame: Buffer): boolean {
    const name = key === null ? `#${this.counter++}` : `=${key}`;
    const replaced = this.waiting.get(name);
    const bytes = this.heldBytes + frame.length - (replaced?.length ?? 0);
    const entries = this.waiting.size + (replaced === undefined ? 1 : 0);
    if (bytes > this.maxBytes || entries > this.maxEntries) {
      this.clear();
      return false;
    }
    this.waiting.set(name, frame);
    this.heldBytes = bytes;
    return true;
  }

  shift(): Buffer | undefined {
    for (const [name, frame] of this.waiting) {
      this.waiting.delete(name);
      this.heldBytes -= frame.length;
      return frame;
    }
    return undefined;
  }

  clear(): void {
    this.waiting.clear();
    this.heldBytes = 0;
  }
}
