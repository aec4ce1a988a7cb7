/** What is done for a sheet in its workspace beside its agent (validations, `skip_when_command`), and what a cancel or a stop ends. */
export class AbortableWork {
  private readonly controllers = new Map<string, AbortController>();

  async run<T>(run: string, sheet: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const key = `${run}/${sheet}`;
    const controller = new AbortController();
    this.controllers.set(key, controller);
    try {
      return await work(controller.signal);
    } finally {
      this.controllers.delete(key);
    }
  }

  /** Ends a run's work, or one sheet's. */
  abort(run: string, sheet?: number): void {
    for (const [key, controller] of this.controllers) {
      if (key === `${run}/${sheet}` || (sheet === undefined && key.startsWith(`${run}/`))) controller.abort();
    }
  }

  abortAll(): void {
    for (const controller of this.controllers.values()) controller.abort();
  }
}
