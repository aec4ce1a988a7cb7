import type { Disposable } from '../scope';

/**
 * VS Code waits until a tree has told nothing for 200 ms before it draws what changed (`Event.debounce` in its extHostTreeViews), except for the first
 * news after such a silence. News that come faster for ever would never be drawn. So they are gathered: each time is a first one.
 */
export const SILENCE_MS = 300;

/** News of a tree, told with a silence in between. `undefined` means everything, as in VS Code. */
export class TreeNews<Node> implements Disposable {
  private readonly waiting = new Set<Node>();
  private everything = false;
  private silence: NodeJS.Timeout | null = null;

  /** @param tell called at once, and then at most once each SILENCE_MS with all that came meanwhile */
  constructor(private readonly tell: (nodes: Node[] | undefined) => void) {}

  fire(nodes: readonly Node[] | undefined): void {
    if (nodes === undefined) this.everything = true;
    else for (const node of nodes) this.waiting.add(node);
    if (this.silence === null) this.flush();
  }

  dispose(): void {
    if (this.silence !== null) clearTimeout(this.silence);
    this.silence = null;
  }

  private flush(): void {
    this.silence = null;
    if (!this.everything && this.waiting.size === 0) return;
    const nodes = this.everything ? undefined : [...this.waiting];
    this.everything = false;
    this.waiting.clear();
    this.silence = setTimeout(() => this.flush(), SILENCE_MS);
    this.tell(nodes);
  }
}
