/** API keys: in VS Code's secret storage, handed to the conductor over the socket, kept there in memory only. */
import type * as vscode from 'vscode';
import type { Link } from '../../client/link';
import { Emitter } from '../emitter';
import type { Disposable } from '../scope';

const PREFIX = 'marianne.key.';
/** Names of the keys that are stored; secret storage cannot be listed in VS Code before 1.105. Each window has its own copy of this list. */
const NAMES = 'marianne.keyNames';

/** Names of all variables that jobs of this window could bring: stored ones, and those that the environment sets. */
export function namesOfKeys(stored: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const set = Object.keys(env).filter((name) => (env[name] ?? '') !== '');
  return [...new Set([...stored, ...set])].sort();
}

export class SecretKeys implements Disposable {
  private readonly changes = new Emitter<string>();
  private readonly listening: Disposable;
  /** A key was stored or forgotten, here or in another window; its name. */
  readonly onChange = this.changes.event;

  constructor(
    private readonly storage: vscode.SecretStorage,
    private readonly memory: vscode.Memento,
  ) {
    this.listening = storage.onDidChange(({ key }) => {
      if (key.startsWith(PREFIX)) void this.look(key.slice(PREFIX.length));
    });
  }

  dispose(): void {
    this.listening.dispose();
  }

  names(): readonly string[] {
    return this.memory.get<string[]>(NAMES, []);
  }

  async set(name: string, value: string | null): Promise<void> {
    if (value === null) await this.storage.delete(PREFIX + name);
    else await this.storage.store(PREFIX + name, value);
    await this.note(name, value !== null);
  }

  /** Stored values; those of the environment win, as everywhere. Only the names that are asked for. */
  async values(names: Iterable<string>, env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const name of names) {
      const value = env[name] || (await this.stored(name));
      if (value !== undefined && value !== '') found[name] = value;
    }
    return found;
  }

  /** Of these names, those whose value is a stored one. */
  storedOnly(names: Iterable<string>, env: NodeJS.ProcessEnv): string[] {
    const stored = new Set(this.names());
    return [...names].filter((name) => (env[name] ?? '') === '' && stored.has(name));
  }

  /** Offers what jobs wait for. Rejects with the connection. */
  async offer(link: Pick<Link, 'call'>, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
    const { names } = await link.call('secrets.wanted', {});
    if (names.length === 0) return [];
    const values = await this.values(names, env);
    if (Object.keys(values).length === 0) return [];
    return (await link.call('secrets.offer', { values })).accepted;
  }

  /** Another window may have changed it. */
  private async look(name: string): Promise<void> {
    await this.note(name, (await this.stored(name)) !== undefined);
    this.changes.fire(name);
  }

  private async note(name: string, isStored: boolean): Promise<void> {
    const others = this.names().filter((other) => other !== name);
    await this.memory.update(NAMES, isStored ? [...others, name].sort() : others);
  }

  private async stored(name: string): Promise<string | undefined> {
    try {
      return await this.storage.get(PREFIX + name);
    } catch {
      // No keyring on this machine: the environment is what is left.
      return undefined;
    }
  }
}
