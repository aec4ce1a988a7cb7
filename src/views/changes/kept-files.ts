/** Contents that were asked for, kept for a while: so many and so many bytes at most, those that were not looked at for longest go first. Pure. */
export class KeptFiles {
  private readonly contents = new Map<string, { readonly content: Promise<Uint8Array>; bytes: number }>();
  private bytes = 0;

  constructor(
    private readonly mostFiles: number,
    private readonly mostBytes: number,
  ) {}

  /** Who asks while it is loaded gets the same answer. A failure is not kept. */
  get(key: string, load: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.contents.get(key);
    if (known !== undefined) {
      this.contents.delete(key);
      this.contents.set(key, known);
      return known.content;
    }
    const entry = { content: load(), bytes: 0 };
    this.contents.set(key, entry);
    entry.content.then(
      ({ length }) => {
        if (this.contents.get(key) !== entry) return;
        entry.bytes = length;
        this.bytes += length;
        this.shrink();
      },
      () => {
        if (this.contents.get(key) === entry) this.contents.delete(key);
      },
    );
    return entry.content;
  }

  private shrink(): void {
    for (const [key, { bytes }] of this.contents) {
      if (this.contents.size <= this.mostFiles && this.bytes <= this.mostBytes) return;
      this.contents.delete(key);
      this.bytes -= bytes;
    }
  }
}
