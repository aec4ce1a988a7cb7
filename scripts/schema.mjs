// Writes schemas/ from the score schema in src/score: the strict form for anyone who checks scores, and a permissive one for YAML editors beside
// which our own diagnostics run. With --check nothing is written; the exit code is 1 when a file is not up to date.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import * as esbuild from 'esbuild';
import * as prettier from 'prettier';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const folder = await mkdtemp(join(tmpdir(), 'mzt-schema-'));
let files;
try {
  const outfile = join(folder, 'schema.cjs');
  await esbuild.build({
    stdin: {
      contents: "export { schemaFiles } from './src/views/language/editor-schema';",
      resolveDir: root,
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'warning',
  });
  files = createRequire(import.meta.url)(outfile).schemaFiles();
} finally {
  await rm(folder, { recursive: true, force: true });
}

const check = process.argv.includes('--check');
await mkdir(join(root, 'schemas'), { recursive: true });
for (const [name, schema] of Object.entries(files)) {
  const path = join(root, 'schemas', name);
  const before = await readFile(path, 'utf8').then(JSON.parse, () => null);
  if (isDeepStrictEqual(before, schema)) continue;
  if (check) {
    console.error(`schemas/${name} is not up to date: run "node scripts/schema.mjs"`);
    process.exitCode = 1;
  } else {
    const options = await prettier.resolveConfig(path);
    await writeFile(path, await prettier.format(JSON.stringify(schema), { ...options, parser: 'json' }));
    console.log(`wrote schemas/${name}`);
  }
}
