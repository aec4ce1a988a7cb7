import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileTools, MAX_FILE_BYTES } from '../../../src/backends/tools/file-tools';
import type { ToolResult } from '../../../src/backends/tools/contract';

function textOf(result: ToolResult): string {
  return result.content.map((part) => (part.type === 'text' ? part.text : `<${part.type}>`)).join('\n');
}

for (const byPath of [false, true]) {
  describe(`file tools, ${byPath ? 'by path and check' : 'by descriptor'}`, () => {
    let root: string;
    let workspace: string;
    let tools: FileTools;
    const call = (name: 'read_file' | 'write_file' | 'list_dir', args: unknown) => tools.call(name, args);
    const good = async (...wanted: Parameters<typeof call>) => {
      const result = await call(...wanted);
      assert.equal(result.isError, false, textOf(result));
      return textOf(result);
    };
    const bad = async (...wanted: Parameters<typeof call>) => {
      const result = await call(...wanted);
      assert.equal(result.isError, true, textOf(result));
      return textOf(result);
    };

    beforeEach(() => {
      root = realpathSync(mkdtempSync(join(tmpdir(), 'mzt-tools-')));
      workspace = join(root, 'ws');
      mkdirSync(workspace);
      writeFileSync(join(root, 'secret.txt'), 'outside');
      tools = new FileTools({ workspace, umask: 0o022, byPath });
    });
    afterEach(() => rmSync(root, { recursive: true, force: true }));

    it('writes, makes folders, reads back and lists', async () => {
      assert.match(
        await good('write_file', { path: 'a/b/c.txt', content: 'héllo\n' }),
        /Written: a\/b\/c.txt/,
      );
      assert.equal(readFileSync(join(workspace, 'a/b/c.txt'), 'utf8'), 'héllo\n');
      assert.equal(await good('read_file', { path: 'a/b/c.txt' }), 'héllo\n');
      assert.equal(await good('read_file', { path: join(workspace, 'a/b/c.txt') }), 'héllo\n');
      writeFileSync(join(workspace, 'line\nbreak'), 'x');
      assert.equal(await good('list_dir', {}), 'a/\n"line\\nbreak" (1 bytes)');
      assert.equal(await good('list_dir', { path: 'a/b' }), 'c.txt (7 bytes)');
      assert.match(
        await good('write_file', { path: 'a/b/c.txt', content: 'more', append: true }),
        /Appended/,
      );
      assert.equal(readFileSync(join(workspace, 'a/b/c.txt'), 'utf8'), 'héllo\nmore');
    });

    it('gives files and folders the user’s modes, and leaves an existing mode and no temporary file', async () => {
      const before = process.umask(0o077);
      try {
        await good('write_file', { path: 'd/new', content: '' });
        writeFileSync(join(workspace, 'run.sh'), 'old', { mode: 0o755 });
        execFileSync('chmod', ['755', join(workspace, 'run.sh')]);
        await good('write_file', { path: 'run.sh', content: 'new' });
      } finally {
        process.umask(before);
      }
      assert.equal(statSync(join(workspace, 'd')).mode & 0o777, 0o755);
      assert.equal(statSync(join(workspace, 'd/new')).mode & 0o777, 0o644);
      assert.equal(statSync(join(workspace, 'run.sh')).mode & 0o777, 0o755);
      assert.deepEqual(readdirSync(workspace).sort(), ['d', 'run.sh']);
    });

    it('refuses everything outside', async () => {
      symlinkSync(root, join(workspace, 'up'));
      symlinkSync(join(root, 'secret.txt'), join(workspace, 'leak'));
      symlinkSync(join(root, 'not-there'), join(workspace, 'dangling'));
      mkdirSync(join(root, 'ws-2'));
      for (const path of [
        '../secret.txt',
        join(root, 'secret.txt'),
        'up/secret.txt',
        'leak',
        'a/../../secret.txt',
        '../ws-2/x',
      ]) {
        assert.match(await bad('read_file', { path }), /outside the workspace/, path);
        assert.match(await bad('write_file', { path, content: 'x' }), /outside the workspace/, path);
      }
      assert.match(await bad('list_dir', { path: 'up' }), /outside/);
      assert.match(await bad('write_file', { path: 'dangling', content: 'x' }), /leads nowhere/);
      assert.match(await bad('read_file', { path: 'a\0b' }), /not a path/);
      assert.equal(readFileSync(join(root, 'secret.txt'), 'utf8'), 'outside');
      assert.equal(existsSync(join(root, 'not-there')), false);
      assert.deepEqual(readdirSync(join(root, 'ws-2')), []);
    });

    it('follows links that stay inside, and a workspace that is itself named through a link', async () => {
      mkdirSync(join(workspace, 'real'));
      symlinkSync('real', join(workspace, 'alias'));
      await good('write_file', { path: 'alias/f', content: 'x' });
      assert.equal(readFileSync(join(workspace, 'real/f'), 'utf8'), 'x');
      symlinkSync(workspace, join(root, 'named'));
      tools = new FileTools({ workspace: join(root, 'named'), umask: 0o022, byPath });
      assert.equal(await good('read_file', { path: join(root, 'named/real/f') }), 'x');
      assert.equal(await good('read_file', { path: join(workspace, 'real/f') }), 'x');
    });

    it('pages large files at line ends, without loss', async () => {
      const lines = Array.from({ length: 5000 }, (_, index) => `line ${index} äöü €`).join('\n');
      writeFileSync(join(workspace, 'large.txt'), lines);
      let text = '';
      let offset: number | null = 0;
      let pages = 0;
      while (offset !== null) {
        const result = await call('read_file', { path: 'large.txt', offset, max_bytes: 10_000 });
        const [page, note] = result.content.map((part) => (part.type === 'text' ? part.text : ''));
        text += page;
        pages += 1;
        const next = /Go on with offset (\d+)/.exec(note ?? '');
        offset = next ? Number(next[1]) : null;
        if (next) assert.ok(page?.endsWith('\n'));
      }
      assert.ok(pages > 5);
      assert.equal(text, lines);
      assert.match(await bad('read_file', { path: 'large.txt', offset: 10_000_000 }), /ends at byte/);
      // One line without end, cut inside characters.
      writeFileSync(join(workspace, 'one.txt'), '€'.repeat(1000));
      const first = await call('read_file', { path: 'one.txt', max_bytes: 100 });
      assert.match(textOf(first), /^€{33}\n\(Bytes 0 to 99 of 3000\. Go on with offset 99\.\)$/);
    });

    it('tells binary files, folders, pipes, missing and empty files', async () => {
      writeFileSync(join(workspace, 'image.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1]));
      writeFileSync(join(workspace, 'latin'), Buffer.from([0x66, 0xfc, 0x72]));
      writeFileSync(join(workspace, 'empty'), '');
      execFileSync('mkfifo', [join(workspace, 'pipe')]);
      assert.match(await bad('read_file', { path: 'image.png' }), /binary file of 6 bytes/);
      assert.match(await bad('read_file', { path: 'latin' }), /binary/);
      assert.match(await bad('read_file', { path: 'pipe' }), /not a plain file/);
      assert.match(await bad('write_file', { path: 'pipe', content: '' }), /not a plain file/);
      assert.match(await bad('read_file', { path: '.' }), /folder/);
      assert.match(await bad('read_file', { path: 'nope/x' }), /not found/);
      assert.match(await bad('read_file', { path: 'empty/x' }), /no folder|not a folder/);
      assert.match(await bad('write_file', { path: '.', content: '' }), /folder/);
      assert.match(await bad('list_dir', { path: 'empty' }), /not a folder/);
      assert.match(await good('read_file', { path: 'empty' }), /empty/);
    });

    it('refuses too much, what git runs, read-only files, and wrong arguments in words', async () => {
      const most = 'x'.repeat(MAX_FILE_BYTES);
      assert.match(await bad('write_file', { path: 'f', content: most + 'x' }), /at most/);
      await good('write_file', { path: 'f', content: most });
      assert.match(await bad('write_file', { path: 'f', content: 'x', append: true }), /at most/);
      assert.match(await bad('write_file', { path: '.GIT/hooks/pre-commit', content: 'x' }), /\.git/);
      writeFileSync(join(workspace, 'ro'), 'keep', { mode: 0o444 });
      assert.match(await bad('write_file', { path: 'ro', content: 'x' }), /read-only/);
      assert.match(await bad('read_file', {}), /wrong arguments: path/);
      assert.match(await bad('write_file', { path: 'x', content: 5 }), /wrong arguments: content/);
      assert.match(await bad('read_file', 'x'), /wrong arguments/);
    });

    it('keeps all of what is appended side by side', async () => {
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          good('write_file', { path: 'log', content: `${index}\n`, append: true }),
        ),
      );
      const lines = readFileSync(join(workspace, 'log'), 'utf8').trim().split('\n');
      assert.deepEqual(
        lines.map(Number).sort((a, b) => a - b),
        [...Array(20).keys()],
      );
    });

    it('never leaves the workspace while somebody swaps a folder for a link', async () => {
      const outside = join(root, 'outside');
      mkdirSync(outside);
      writeFileSync(join(outside, 'f'), 'OUTSIDE');
      mkdirSync(join(workspace, 'a'));
      writeFileSync(join(workspace, 'a/f'), 'inside');
      // Another process does it, as an agent of the same user would.
      const swapper = spawn(
        process.execPath,
        [
          '-e',
          `const fs = require('fs'); const [ws, out] = process.argv.slice(1);
           const a = ws + '/a'; let junk = 0;
           const attempt = (step) => { try { step(); return true; } catch { return false; } };
           const pause = (most) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.random() * most);
           process.stdout.write('go');
           for (;;) {
             attempt(() => fs.renameSync(a, ws + '/b'));
             // The tools may have made the folder meanwhile.
             while (!attempt(() => fs.symlinkSync(out, a))) attempt(() => fs.renameSync(a, ws + '/junk' + junk++));
             pause(2);
             attempt(() => fs.unlinkSync(a));
             while (!attempt(() => fs.renameSync(ws + '/b', a))) attempt(() => fs.renameSync(a, ws + '/junk' + junk++));
             pause(20);
           }`,
          workspace,
          outside,
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(swapper.stdout, 'data');
      let done = 0;
      try {
        for (let round = 0; round < 300; round += 1) {
          const read = await call('read_file', { path: 'a/f' });
          assert.ok(!textOf(read).includes('OUTSIDE'), 'read outside');
          const wrote = await call('write_file', { path: 'a/g', content: 'x' });
          if (!read.isError && !wrote.isError) done += 1;
        }
      } finally {
        swapper.kill('SIGKILL');
        await once(swapper, 'exit');
      }
      assert.ok(done > 0, 'the race was never won by the tools');
      assert.equal(readFileSync(join(outside, 'f'), 'utf8'), 'OUTSIDE');
      const strays = readdirSync(outside).filter((name) => name !== 'f');
      if (byPath) strays.forEach((name) => assert.equal(statSync(join(outside, name)).size, 0, name));
      else assert.deepEqual(strays, []);
    }).timeout(20_000);
  });
}
