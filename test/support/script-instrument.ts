import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestConductor } from './conductor';

/**
 * Installs an instrument whose program is this script of Node.
 * @param about lines of its profile: `display_name`, and what `cli` has beside the executable
 */
export function writeScriptInstrument(
  conductor: TestConductor,
  name: string,
  program: string,
  about: { readonly title: string; readonly driver?: string; readonly command: readonly string[] },
): void {
  const folder = join(conductor.home, 'instruments');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const script = join(conductor.root, `${name}.cjs`);
  writeFileSync(script, `#!${process.execPath}\n${program}`);
  chmodSync(script, 0o755);
  const command = [`executable: ${script}`, ...about.command].map((line) => `    ${line}\n`).join('');
  const driver = about.driver === undefined ? '' : `  driver: ${about.driver}\n`;
  writeFileSync(
    join(folder, `${name}.yaml`),
    `name: ${name}\ndisplay_name: ${about.title}\nkind: cli\ncli:\n${driver}  command:\n${command}`,
  );
}
