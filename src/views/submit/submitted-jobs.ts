/** Which jobs this window submitted: only it speaks up about them. Kept over reloads. */
import type * as vscode from 'vscode';

const KEY = 'marianne.submitted';
const MOST = 200;

export class SubmittedJobs {
  private readonly runs: Set<string>;

  constructor(private readonly memory: vscode.Memento) {
    this.runs = new Set(memory.get<string[]>(KEY, []));
  }

  has(run: string): boolean {
    return this.runs.has(run);
  }

  add(run: string): void {
    this.runs.delete(run);
    this.runs.add(run);
    this.keep();
  }

  /** Nothing more is said about this one. */
  mute(run: string): void {
    if (this.runs.delete(run)) this.keep();
  }

  private keep(): void {
    void this.memory.update(KEY, [...this.runs].slice(-MOST));
  }
}
