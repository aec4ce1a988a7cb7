// Installs real agents from npm into the cache (outside the checkout), at the releases that the profiles were measured with.
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, run, toolEnvironment } from '../vscode/cache.mjs';

const target = `${process.platform}-${process.arch}`;

/**
 * Agent → npm package, release, and where its program lies in `node_modules`. The native binaries come as optional dependencies, so no install
 * script has to run. Measured facts about each release: docs/instruments.md.
 */
export const agents = {
  claude: {
    packages: ['@anthropic-ai/claude-code@2.1.329'],
    program: [`@anthropic-ai/claude-code-${target}`, 'claude'],
  },
  codex: { packages: ['@openai/codex@0.169.0'], program: ['.bin', 'codex'] },
  gemini: { packages: ['@google/gemini-cli@0.61.0'], program: ['.bin', 'gemini'] },
  opencode: { packages: ['opencode-ai@1.18.33'], program: [`opencode-${target}`, 'bin', 'opencode'] },
  cline: { packages: ['cline@3.0.65'], program: ['.bin', 'cline'] },
};

/** The absolute path of an agent's program; installs it when it is not in the cache. @throws when npm cannot. */
export async function installAgent(name) {
  const { packages, program } = agents[name];
  const [version] = packages.map((spec) => spec.slice(spec.lastIndexOf('@') + 1));
  const folder = await cached(`agents/${name}-${version}-${target}`, async (temp) => {
    process.stderr.write(`[agents] installing ${packages.join(' ')}, once\n`);
    await writeFile(join(temp, 'package.json'), '{"private":true}\n');
    await run(
      'npm',
      [
        'install',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--no-save',
        '--loglevel=error',
        ...packages,
      ],
      { cwd: temp, env: toolEnvironment() },
    );
    const path = join(temp, 'node_modules', ...program);
    if (!existsSync(path)) {
      const there = await readdir(join(temp, 'node_modules'));
      throw new Error(`${packages.join(' ')} brought no ${program.join('/')} (there: ${there.join(', ')})`);
    }
  });
  return join(folder, 'node_modules', ...program);
}

if (process.argv[1] === import.meta.filename) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(agents);
  for (const name of names) console.log(`${name}=${await installAgent(name)}`);
}
