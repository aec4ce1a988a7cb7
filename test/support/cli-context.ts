/** `mzt` in this process: what it wrote, and how it ended. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CliContext, TextSink } from '../../src/cli/context';
import { runCli } from '../../src/cli/program';

/** Collects what is written. */
export class CollectingSink implements TextSink {
  text = '';
  constructor(
    readonly isTTY = false,
    public columns: number | undefined = undefined,
    public rows: number | undefined = undefined,
  ) {}
  write(text: string): void {
    this.text += text;
  }
}

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A machine with a home of its own, where `mzt` is called. */
export interface CliHome {
  readonly folder: string;
  readonly env: Record<string, string>;
  run(...args: string[]): Promise<CliRun>;
  remove(): Promise<void>;
}

/** 2026-01-02 03:04:05 local time. */
export const NOW = new Date(2026, 0, 2, 3, 4, 5).getTime();

export function contextOf(
  folder: string,
  env: Record<string, string>,
  sinks: { stdout: TextSink; stderr: TextSink },
  overrides: Partial<CliContext> = {},
): CliContext {
  return {
    ...sinks,
    env,
    cwd: () => folder,
    home: folder,
    platform: 'linux',
    nodeVersion: '20.19.0',
    nodePath: process.execPath,
    distDir: resolve('dist'),
    now: () => NOW,
    pause: () => Promise.resolve(),
    onInterrupt: () => () => undefined,
    onResize: () => () => undefined,
    ask: () => Promise.resolve(null),
    ...overrides,
  };
}

export async function makeHome(overrides: Partial<CliContext> = {}): Promise<CliHome> {
  const folder = await mkdtemp(join(tmpdir(), 'mzt-cli-'));
  const env: Record<string, string> = {
    PATH: '/usr/bin:/bin',
    HOME: folder,
    MARIANNE_HOME: join(folder, 'state'),
  };
  return {
    folder,
    env,
    async run(...args) {
      const stdout = new CollectingSink();
      const stderr = new CollectingSink();
      const code = await runCli(args, contextOf(folder, env, { stdout, stderr }, overrides));
      return { code, stdout: stdout.text, stderr: stderr.text };
    },
    // A conductor that was just stopped may still write its last line.
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  };
}
