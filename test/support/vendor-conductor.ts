import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from './conductor';
import type { LoopbackServer } from './loopback-server';

/** A conductor for the suite it is called in, whose instruments of these names are this server. */
export function vendorConductor(server: LoopbackServer, instruments: readonly string[]): TestConductor {
  const conductor = new TestConductor();
  before(async () => {
    const url = await server.listen();
    mkdirSync(conductor.home, { recursive: true, mode: 0o700 });
    const addresses = instruments.map((name) => `  ${name}: ${url}\n`).join('');
    writeFileSync(join(conductor.home, 'conductor.yaml'), `base_urls:\n${addresses}`);
    await conductor.start();
  });
  after(async () => {
    await conductor.dispose();
    await server.close();
  });
  beforeEach(() => {
    server.requests.length = 0;
  });
  return conductor;
}
