import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Checkpoint } from '../../src/protocol/checkpoint';
import { AgentVendors } from './agent-vendors';
import { TestConductor } from './conductor';

/** The path of an agent's program, from `scripts/agents/run.mjs`. @throws Error when it is not said: a real agent is never left out in silence */
export function agentProgram(name: string): string {
  const path = process.env[`MZT_AGENT_${name.toUpperCase()}`];
  if (!path)
    throw new Error(`MZT_AGENT_${name.toUpperCase()} is not set: run this with scripts/agents/run.mjs`);
  return path;
}

/** Codex's own configuration (developers.openai.com/codex, "Configuration"): one server of ours, asked once, and nothing else. */
export function codexConfig(server: {
  readonly name: string;
  readonly url: string;
  readonly model: string;
}): string {
  return `model = "${server.model}"
model_provider = "${server.name}"
[model_providers.${server.name}]
name = "${server.name}"
base_url = "${server.url}/v1"
env_key = "CODEX_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
[analytics]
enabled = false
[features]
plugins = false
`;
}

export interface AgentSetup {
  readonly program: string;
  /** Of conductor.yaml's `executables`, and of the profile. */
  readonly executable: string;
  readonly instrument: string;
  readonly env: (url: string, home: string) => Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** A server to use instead of the loopback vendors: its URL. */
  readonly server?: () => Promise<string>;
  /** Files in HOME, before it runs. */
  readonly files?: (url: string) => Readonly<Record<string, string>>;
}

/** A real agent in a real conductor, with loopback vendors (or a given server) behind it and a home folder of its own. */
export class RealAgent {
  readonly vendors = new AgentVendors();
  readonly conductor = new TestConductor();
  private url = '';

  constructor(private readonly setup: AgentSetup) {}

  async start(): Promise<void> {
    const { setup, conductor } = this;
    this.url = await (setup.server?.() ?? this.vendors.server.listen());
    mkdirSync(conductor.home, { recursive: true, mode: 0o700 });
    const settings = `executables:\n  ${setup.executable}: ${setup.program}\n`;
    writeFileSync(join(conductor.home, 'conductor.yaml'), settings);
    for (const [path, text] of Object.entries(setup.files?.(this.url) ?? {})) {
      const file = join(conductor.root, path);
      mkdirSync(file.slice(0, -basename(file).length), { recursive: true });
      writeFileSync(file, text);
    }
    await conductor.start();
  }

  async stop(): Promise<void> {
    await this.conductor.dispose();
    if (!this.setup.server) await this.vendors.server.close();
  }

  /** Plays one sheet with this prompt and these settings, to its end. */
  async play(
    name: string,
    prompt: string,
    config = '{}',
    more = '',
    secrets = this.setup.secrets,
  ): Promise<Checkpoint> {
    return this.conductor.until(await this.submit(name, prompt, config, more, secrets), undefined, 80_000);
  }

  /** Plays one sheet until a limit holds it, and cancels it then. */
  async playUntilHeld(name: string, prompt: string): Promise<Checkpoint> {
    const run = await this.submit(name, prompt, '{}', '', this.setup.secrets);
    const deadline = Date.now() + 60_000;
    for (;;) {
      const now = await this.conductor.call('job.status', { job_id: run });
      if (now.sheets['1']?.status === 'waiting' || now.status === 'failed' || Date.now() > deadline) {
        if (now.status !== 'failed') await this.conductor.call('job.cancel', { job_id: run });
        return now;
      }
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  private submit(
    name: string,
    prompt: string,
    config: string,
    more: string,
    secrets: Readonly<Record<string, string>>,
  ): Promise<string> {
    const { conductor, setup } = this;
    const { PATH = '/usr/bin:/bin' } = process.env;
    const score = `name: ${name}
instrument: ${setup.instrument}
instrument_config: ${config}
retry: { max_retries: 0, max_completion_attempts: 0 }
sheet: { size: 1, total_items: 1 }
prompt: { template: ${JSON.stringify(prompt)} }
${more}`;
    return conductor.submit(name, score, {
      env: { PATH, HOME: conductor.root, ...setup.env(this.url, conductor.root) },
      secrets: { ...secrets },
    });
  }
}
