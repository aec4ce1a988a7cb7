// `npm run demo`: plays examples/repo-report.yaml on this repository through a real conductor, in a state directory of its own.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild } from './ensure.mjs';

if (process.platform === 'win32') {
  console.error('Marianne needs Linux or macOS. On Windows, run it inside WSL: wsl --install');
  process.exit(1);
}
ensureBuild();
const home = mkdtempSync(join(tmpdir(), 'marianne-demo-'));
const workspace = join(home, 'workspace');
const env = { ...process.env, MARIANNE_HOME: join(home, 'state') };
delete env.MARIANNE_SOCKET;
const mzt = (...args) => spawnSync(process.execPath, ['dist/cli.js', ...args], { stdio: 'inherit', env });

let status = 1;
try {
  console.log('$ mzt run examples/repo-report.yaml --follow\n');
  status = mzt('run', 'examples/repo-report.yaml', '--workspace', workspace, '--follow').status ?? 1;
  mzt('report', 'repo-report', '--output', join(home, 'run.html'));
} finally {
  mzt('stop', '--cancel');
}
const report = join(workspace, 'report.html');
if (status !== 0 || !existsSync(report)) {
  console.error(`\nThe demo failed (exit ${status}). Logs: ${join(home, 'state')}`);
  process.exit(status || 1);
}
console.log(`\nWhat the score made:   ${report}`);
console.log(`How the run went:      ${join(home, 'run.html')}`);
console.log(`Prompts and logs:      ${join(home, 'state', 'jobs', 'repo-report')}`);
