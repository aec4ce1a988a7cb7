// Builds what ships (dist/) and, with --tests, a file-by-file copy of sources and tests for mocha (out/).
import * as esbuild from 'esbuild';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';

const watch = process.argv.includes('--watch');
// Tests run what is easy to debug; a bench runs what ships.
const bench = process.argv.includes('--bench');
const tests = bench || process.argv.includes('--tests');
const dev = watch || (tests && !bench) || process.argv.includes('--dev');

/** Bundle name → entry. Workers are entries of their own: a worker thread loads a file. */
const entries = {
  extension: 'src/extension.ts',
  // Loaded by the extension when a score is first needed: YAML and the score's schema are large.
  'score-room': 'src/score-room.ts',
  // Loaded by the extension with the first command that few people run.
  'command-room': 'src/command-room.ts',
  conductor: 'src/conductor/main.ts',
  // Loaded by the conductor with the first HTTP attempt: the vendors' libraries are large.
  'http-room': 'src/backends/http/http-room.ts',
  // Loaded by the conductor with the first MCP server.
  'mcp-room': 'src/backends/mcp/mcp-room.ts',
  'journal-worker': 'src/conductor/journal/writer-worker.ts',
  'index-worker': 'src/conductor/index/index-worker.ts',
  launcher: 'src/process/launcher-main.ts',
  cli: 'src/cli/main.ts',
};
const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  external: ['vscode'],
  minify: !dev,
  keepNames: true,
  sourcemap: dev ? 'linked' : false,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  // Some packages ask where they lie; in a CommonJS bundle that is the bundle itself.
  define: { 'import.meta.url': '__bundleUrl' },
  // The first line makes cli.js a command; the other bundles do not mind it.
  banner: {
    js: '#!/usr/bin/env node\nconst __bundleUrl = require("node:url").pathToFileURL(__filename).href;',
  },
};

/** Data that the bundles read at run time, from the folder they run in. */
function copyData() {
  mkdirSync('dist', { recursive: true });
  cpSync('node_modules/sql.js/dist/sql-wasm.wasm', 'dist/sql-wasm.wasm');
  if (existsSync('src/instruments/profiles')) {
    rmSync('dist/profiles', { recursive: true, force: true });
    cpSync('src/instruments/profiles', 'dist/profiles', { recursive: true });
  }
}

/** The build id: a digest over everything in dist/, so that two builds are one only if they are the same bytes. */
function stampBuild() {
  const hash = createHash('sha256');
  const walk = (dir) => {
    for (const name of readdirSync(dir).sort()) {
      const path = join(dir, name);
      if (name === 'build.json' || name.endsWith('.map') || name === 'meta.json') continue;
      if (statSync(path).isDirectory()) walk(path);
      else hash.update(name).update(readFileSync(path));
    }
  };
  walk('dist');
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  writeFileSync(
    'dist/build.json',
    JSON.stringify({ version, build: hash.digest('hex').slice(0, 12), built_at: Date.now() }) + '\n',
  );
}

function sources(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sources(path);
    return path.endsWith('.ts') && !path.endsWith('.d.ts') ? [path] : [];
  });
}

/** zod is one object (`z`) to its users; taken apart, only what is used of it is bundled: half of it, and none of its 40 languages. */
const leanZod = {
  name: 'lean-zod',
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replace(/^import \{ z \} from 'zod'/m, "import * as z from 'zod'"),
    }));
  },
};

/** The extension asks for `dist/score-room.js` and `dist/command-room.js` at run time; the language features are in the first. */
const lazyViews = {
  name: 'lazy-views',
  setup(build) {
    const entries = /[\\/]src[\\/](extension|views[\\/]language[\\/]index)\.ts$/;
    build.onResolve({ filter: /^\.\/(score-room|command-room|service\.js)$/ }, ({ path, importer }) => {
      if (!entries.test(importer)) return null;
      return { path: path === './command-room' ? './command-room.js' : './score-room.js', external: true };
    });
  },
};

/** The conductor asks for `dist/http-room.js` and `dist/mcp-room.js` at run time. */
const lazyRooms = {
  name: 'lazy-rooms',
  setup(build) {
    build.onResolve({ filter: /^\.\/(http\/http-room|mcp-room)$/ }, ({ path, importer }) =>
      /[\\/]src[\\/]backends[\\/](http-access|mcp[\\/]proxy)\.ts$/.test(importer)
        ? { path: path.replace('./http/', './') + '.js', external: true }
        : null,
    );
  },
};

const bundleOptions = {
  ...common,
  entryPoints: present,
  outdir: 'dist',
  plugins: [
    leanZod,
    lazyViews,
    lazyRooms,
    {
      name: 'data-and-stamp',
      setup(build) {
        build.onEnd((result) => {
          if (result.errors.length > 0) return;
          copyData();
          writeFileSync('dist/meta.json', JSON.stringify(result.metafile));
          if (existsSync('dist/cli.js')) chmodSync('dist/cli.js', 0o755);
          stampBuild();
        });
      },
    },
  ],
};

if (watch) {
  const context = await esbuild.context(bundleOptions);
  await context.watch();
  console.log('watching src/');
} else {
  rmSync('dist', { recursive: true, force: true });
  await esbuild.build(bundleOptions);
  if (tests) {
    rmSync('out', { recursive: true, force: true });
    await esbuild.build({
      entryPoints: [...sources('src'), ...sources('test'), ...sources('bench')],
      outbase: '.',
      outdir: 'out',
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      // As in the bundles, `import()` of our own files is a late `require`: Node would want a file ending there.
      supported: { 'dynamic-import': false },
      sourcemap: 'linked',
      logLevel: 'warning',
    });
  }
}
