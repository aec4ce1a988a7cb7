import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A real llama.cpp server (github.com/ggml-org/llama.cpp, tools/server/README.md) on a port of its choice, with a model that answers everything with one
 * sentence. It speaks Chat Completions, Responses and Anthropic's Messages, and asks for a key.
 */
export class LlamaServer {
  private readonly folder = mkdtempSync(join(tmpdir(), 'mzt-llama-'));
  private child: ChildProcess | null = null;

  constructor(
    private readonly program: string,
    readonly sentence: string,
    readonly key: string,
  ) {}

  /** @param context Tokens of one conversation; a byte of a prompt is a token. @returns its URL */
  async start(context: number): Promise<string> {
    const model = join(this.folder, 'tiny.gguf');
    execFileSync(process.execPath, ['scripts/agents/tiny-model.mjs', model, this.sentence]);
    const { PATH = '/usr/bin:/bin' } = process.env;
    const args = [
      '-m',
      model,
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '-c',
      String(context),
      '-np',
      '1',
      '-t',
      '1',
    ];
    const child = spawn(this.program, [...args, '--no-webui'], {
      // A key on the command line could be read by everyone.
      env: { PATH, HOME: this.folder, LLAMA_API_KEY: this.key },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    return new Promise((done, fail) => {
      let said = '';
      const read = (piece: Buffer): void => {
        said = (said + piece.toString('utf8')).slice(-20_000);
        const url = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
        if (url !== undefined) done(url);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', fail);
      child.once('exit', (code, signal) =>
        fail(new Error(`llama-server ended (${code ?? signal}):\n${said}`)),
      );
    });
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
