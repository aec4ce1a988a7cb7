/** What a command knows of the world. Handed in, so that tests drive commands in their own process. */
import type { Environment } from '../protocol/paths';

/** A place to write text: a terminal, a pipe or a file. */
export interface TextSink {
  readonly isTTY: boolean;
  /** Of the terminal now; undefined when it is none. */
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  write(text: string): void;
}

export interface CliContext {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: Environment;
  /** Absolute. @throws CliFailure when the folder was deleted */
  cwd(): string;
  /** Empty when the system knows none. */
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly nodeVersion: string;
  /** The Node executable that runs this. */
  readonly nodePath: string;
  /** The folder of the bundle: conductor.js, profiles/ and build.json are in it. */
  readonly distDir: string;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Waits; ends early when the signal says so. */
  pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Calls `listener` on Ctrl-C instead of ending the process. @returns a function that takes it back */
  onInterrupt(listener: () => void): () => void;
  /** @returns a function that takes the listener back */
  onResize(listener: () => void): () => void;
  /** Asks a question at the terminal; null when there is nobody to ask. */
  ask(question: string): Promise<string | null>;
}
